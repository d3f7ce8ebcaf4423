//! Webhooks: whom events are delivered to, and what each delivery is signed with.
//!
//! The deliveries themselves are in [`crate::delivery`]; when one is tried again is `backoffice`'s to decide.

use crate::column::{parsed, parsed_option};
use crate::{Error, Result, Signed, Store, audit, company};
use domain::{CompanyId, Topic, Topics, Wall, WebhookId};
use rusqlite::{Connection, OptionalExtension, Row, params};

/// Webhooks of one company, or of the house, at most.
pub const WEBHOOKS_MAX: u32 = 20;
/// Characters of a URL at most.
const URL_CHARS_MAX: usize = 2_000;
/// Characters of a reason at most, as far as it is kept.
pub(crate) const BECAUSE_CHARS_MAX: usize = 200;

/// Whom events are delivered to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// Which.
    pub id: WebhookId,
    /// Whose events; none for everybody's.
    pub company: Option<CompanyId>,
    /// Where to.
    pub url: String,
    /// Which events.
    pub topics: Topics,
    /// Whether anything is delivered.
    pub enabled: bool,
    /// Why it was switched off, where nobody did it.
    pub because: Option<String>,
    /// Since when every attempt has failed; none after a success.
    pub failing_since: Option<Wall>,
    /// Until when the former secret signs too.
    pub former_until: Option<Wall>,
    /// When it was made.
    pub created_at: Wall,
}

/// What may be changed of a webhook; what is left out stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WebhookPatch {
    /// Where to.
    pub url: Option<String>,
    /// Which events.
    pub topics: Option<Topics>,
    /// Whether anything is delivered. Switching it on forgets that it failed.
    pub enabled: Option<bool>,
}

const COLUMNS: &str = "id, company, url, topics, enabled, because, failing_since_us, former_until_us, created_us";

fn at(row: &Row<'_>, index: usize) -> rusqlite::Result<Option<Wall>> {
    Ok(row.get::<_, Option<i64>>(index)?.map(Wall::from_unix_micros))
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<Webhook> {
    let names: Vec<String> = serde_json::from_str(row.get_ref(3)?.as_str()?).unwrap_or_default();
    Ok(Webhook {
        id: parsed(row, 0)?,
        company: parsed_option(row, 1)?,
        url: row.get(2)?,
        // A topic of a newer version is nobody's here.
        topics: names.iter().filter_map(|name| Topic::from_label(name)).collect(),
        enabled: row.get(4)?,
        because: row.get(5)?,
        failing_since: at(row, 6)?,
        former_until: at(row, 7)?,
        created_at: Wall::from_unix_micros(row.get(8)?),
    })
}

fn get(connection: &Connection, id: WebhookId) -> Result<Webhook> {
    connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM webhooks WHERE id = ?1"))?
        .query_row([id.to_string()], from_row)
        .optional()?
        .ok_or_else(|| Error::not_found("webhook", id))
}

fn names(topics: Topics) -> String {
    serde_json::Value::from(topics.iter().map(Topic::as_str).collect::<Vec<_>>()).to_string()
}

fn check(url: &str, topics: Topics) -> Result<()> {
    let invalid = |field: &'static str, problem: String| Err(Error::Invalid { field, problem });
    if url.chars().count() > URL_CHARS_MAX {
        return invalid("url", format!("expected at most {URL_CHARS_MAX} characters"));
    }
    if topics.is_empty() {
        return invalid("types", "expected at least one".to_owned());
    }
    Ok(())
}

/// By what a sealed secret is known: never by that of the other.
fn owner(id: WebhookId) -> String {
    format!("webhook {id}")
}

impl Store {
    /// Makes a webhook.
    ///
    /// # Errors
    /// [`Error::NotFound`] (the company), [`Error::Invalid`], [`Error::Conflict`] (there are as many as there may be).
    pub fn create_webhook(&self, webhook: &Webhook, secret: &str, signed: Signed<'_>) -> Result<Webhook> {
        check(&webhook.url, webhook.topics)?;
        let sealed = self.seal(&owner(webhook.id), secret)?;
        self.write(|transaction| {
            let company = webhook.company.map(|id| id.to_string());
            if let Some(id) = webhook.company {
                company::get(transaction, id)?;
            }
            let count: u32 = transaction
                .prepare_cached("SELECT count(*) FROM webhooks WHERE company IS ?1")?
                .query_row([&company], |row| row.get(0))?;
            if count >= WEBHOOKS_MAX {
                let (value, other) = (webhook.url.clone(), format!("{count} others, which is the most"));
                return Err(Error::Conflict { what: "webhook", value, other });
            }
            transaction.execute(
                "INSERT INTO webhooks (id, company, url, topics, secret, enabled, created_us) VALUES (?1,?2,?3,?4,?5,1,?6)",
                params![
                    webhook.id.to_string(),
                    company,
                    webhook.url,
                    names(webhook.topics),
                    sealed,
                    signed.at.as_unix_micros()
                ],
            )?;
            audit::write(transaction, signed, "webhook_created", &webhook.id.to_string(), &webhook.url)?;
            get(transaction, webhook.id)
        })
    }

    /// Every webhook: of a company, or of everybody and the house.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn webhooks(&self, company: Option<CompanyId>) -> Result<Vec<Webhook>> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM webhooks WHERE ?1 IS NULL OR company = ?1 ORDER BY id"
            ))?;
            let rows = statement.query_map([company.map(|id| id.to_string())], from_row)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// One webhook.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn webhook(&self, id: WebhookId) -> Result<Webhook> {
        self.read(|connection| get(connection, id))
    }

    /// What deliveries to it are signed with now: its secret, and the former one while that still holds.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::SealingKey`].
    pub fn webhook_secrets(&self, id: WebhookId, now: Wall) -> Result<Vec<String>> {
        let (secret, former): (Vec<u8>, Option<Vec<u8>>) = self.read(|connection| {
            let row = connection
                .prepare_cached(
                    "SELECT secret, CASE WHEN former_until_us > ?2 THEN former_secret END FROM webhooks WHERE id = ?1",
                )?
                .query_row(params![id.to_string(), now.as_unix_micros()], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?;
            row.ok_or_else(|| Error::not_found("webhook", id))
        })?;
        std::iter::once(secret).chain(former).map(|sealed| self.unseal(&owner(id), &sealed)).collect()
    }

    /// Changes a webhook.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`].
    pub fn update_webhook(&self, id: WebhookId, patch: &WebhookPatch, signed: Signed<'_>) -> Result<Webhook> {
        self.write(|transaction| {
            let old = get(transaction, id)?;
            let url = patch.url.as_ref().unwrap_or(&old.url);
            let topics = patch.topics.unwrap_or(old.topics);
            check(url, topics)?;
            transaction.execute(
                "UPDATE webhooks SET url = ?2, topics = ?3, enabled = coalesce(?4, enabled),
                   because = CASE WHEN ?4 IS NULL THEN because END,
                   failing_since_us = CASE WHEN ?4 IS 1 THEN NULL ELSE failing_since_us END WHERE id = ?1",
                params![id.to_string(), url, names(topics), patch.enabled],
            )?;
            audit::write(transaction, signed, "webhook_changed", &id.to_string(), url)?;
            get(transaction, id)
        })
    }

    /// Gives a webhook another secret; the one before signs beside it until `former_until`.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn rotate_webhook(
        &self,
        id: WebhookId,
        secret: &str,
        former_until: Wall,
        signed: Signed<'_>,
    ) -> Result<Webhook> {
        let sealed = self.seal(&owner(id), secret)?;
        self.write(|transaction| {
            transaction.execute(
                "UPDATE webhooks SET former_secret = secret, former_until_us = ?3, secret = ?2 WHERE id = ?1",
                params![id.to_string(), sealed, former_until.as_unix_micros()],
            )?;
            audit::write(transaction, signed, "webhook_secret_renewed", &id.to_string(), "")?;
            get(transaction, id)
        })
    }

    /// Notes how an attempt at a webhook went; with the reason, it is switched off. Whether it is that now and was not before.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn note_webhook(&self, id: WebhookId, succeeded: bool, off: Option<&str>, at: Wall) -> Result<bool> {
        self.write(|transaction| {
            let because = off.map(|because| because.chars().take(BECAUSE_CHARS_MAX).collect::<String>());
            let was_enabled: Option<bool> = transaction
                .prepare_cached("SELECT enabled FROM webhooks WHERE id = ?1")?
                .query_row([id.to_string()], |row| row.get(0))
                .optional()?;
            transaction
                .prepare_cached(
                    "UPDATE webhooks SET
                       failing_since_us = CASE WHEN ?2 THEN NULL ELSE coalesce(failing_since_us, ?3) END,
                       enabled = CASE WHEN ?4 IS NULL THEN enabled ELSE 0 END, because = coalesce(?4, because)
                     WHERE id = ?1",
                )?
                .execute(params![id.to_string(), succeeded, at.as_unix_micros(), because])?;
            Ok(because.is_some() && was_enabled == Some(true))
        })
    }

    /// Removes a webhook, with everything that waits for it and its log.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn remove_webhook(&self, id: WebhookId, signed: Signed<'_>) -> Result<()> {
        self.write(|transaction| {
            let webhook = get(transaction, id)?;
            transaction.execute("DELETE FROM webhook_deliveries WHERE webhook = ?1", [id.to_string()])?;
            transaction.execute("DELETE FROM webhooks WHERE id = ?1", [id.to_string()])?;
            audit::write(transaction, signed, "webhook_removed", &id.to_string(), &webhook.url)
        })
    }
}
