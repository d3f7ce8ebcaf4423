//! Webhooks: made, changed, tried, replayed and removed, by their company or by an operator.
//!
//! | File | Holds |
//! |---|---|
//! | `postman` | events into the queue, and from there to whom they are for |
//! | `pacing` | which of a call's many charges are delivered |
//! | `retrying` | when an attempt is made again, and when no more |
//! | `sending` | one attempt |
//! | `reach` | which addresses are never reached |
//! | `signing` | Standard Webhooks |

mod pacing;
pub mod postman;
pub mod reach;
pub mod retrying;
pub mod sending;
pub mod signing;

use crate::caller::Caller;
use crate::error::{Error, FieldFault, Result};
use crate::events::{saying, topics_of};
use crate::office::Office;
use crate::page::{Page, PageAsk};
use crate::text::{Instant, Text};
use domain::{CompanyId, Topic, Topics, Wall, WebhookId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;
use store::{Delivery, DeliveryId, NewDelivery, WebhookPatch};
use utoipa::ToSchema;

pub use pacing::CHARGED_EVERY;

/// How long a former secret signs beside the new one.
pub const FORMER_SECRET_HOLDS: Duration = Duration::from_secs(86_400);

/// A webhook to be made.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewWebhook {
    /// Whose events; an operator leaves it out for everybody's and the house's.
    #[schema(value_type = Option<String>)]
    pub company: Option<Text<CompanyId>>,
    /// Where to: `https://`.
    #[schema(example = "https://hooks.example.com/tandem")]
    pub url: String,
    /// Which events, as `/events` names them. `call.charged` comes at most once every 5 s for each call.
    #[schema(example = json!(["call.ended", "profile.low_credit"]))]
    pub types: Vec<String>,
}

/// What is to be changed of a webhook.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WebhookChange {
    /// Where to.
    pub url: Option<String>,
    /// Which events.
    pub types: Option<Vec<String>>,
    /// Whether anything is delivered; what waits goes on waiting.
    pub enabled: Option<bool>,
}

/// A webhook, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Webhook {
    /// Which.
    pub id: String,
    /// Whose events; null for everybody's.
    pub company: Option<String>,
    /// Where to.
    pub url: String,
    /// Which events.
    pub types: Vec<&'static str>,
    /// Whether anything is delivered.
    pub enabled: bool,
    /// Why it was switched off, where nobody did it.
    pub because: Option<String>,
    /// Since when every attempt has failed; RFC 3339. After 3 days it is switched off.
    pub failing_since: Option<String>,
    /// Until when the former secret signs beside the new one; RFC 3339.
    pub former_secret_until: Option<String>,
    /// RFC 3339.
    pub created_at: String,
}

/// A webhook with its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct WebhookWithSecret {
    /// The webhook.
    #[serde(flatten)]
    pub webhook: Webhook,
    /// What deliveries are signed with (Standard Webhooks); shown here only.
    #[schema(example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    pub secret: String,
}

/// A delivery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct WebhookDelivery {
    /// Which.
    pub id: String,
    /// The event: `webhook-id`, the same in every attempt.
    pub event: String,
    /// Its type.
    #[serde(rename = "type")]
    pub topic: &'static str,
    /// `waiting`, `delivered` or `dropped`.
    pub state: &'static str,
    /// Attempts so far.
    pub attempts: u32,
    /// When it is tried next, where it waits; RFC 3339.
    pub due_at: Option<String>,
    /// The HTTP status of the last attempt; null where there was no answer.
    pub status: Option<u16>,
    /// Why the last attempt failed.
    pub because: Option<String>,
    /// RFC 3339.
    pub created_at: String,
    /// When it was delivered or dropped; RFC 3339.
    pub ended_at: Option<String>,
    /// What is sent: a CloudEvents 1.0 document.
    #[schema(value_type = Object)]
    pub body: Value,
}

/// What is to be delivered again.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Replay {
    /// This delivery.
    #[schema(value_type = Option<String>)]
    pub delivery: Option<Text<DeliveryId>>,
    /// Or every one that was put in line at this instant or later, and has ended; RFC 3339.
    pub from: Option<String>,
}

/// How many are delivered again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Replayed {
    /// So many.
    pub deliveries: u64,
}

fn show(webhook: store::Webhook, now: Wall) -> Webhook {
    Webhook {
        id: webhook.id.to_string(),
        company: webhook.company.map(|id| id.to_string()),
        url: webhook.url,
        types: webhook.topics.iter().map(Topic::as_str).collect(),
        enabled: webhook.enabled,
        because: webhook.because,
        failing_since: webhook.failing_since.map(|at| at.to_string()),
        former_secret_until: webhook.former_until.filter(|until| *until > now).map(|at| at.to_string()),
        created_at: webhook.created_at.to_string(),
    }
}

fn show_delivery(delivery: Delivery) -> WebhookDelivery {
    let waits = delivery.state == store::DeliveryState::Waiting;
    WebhookDelivery {
        id: delivery.id.to_string(),
        event: delivery.event,
        topic: delivery.topic.as_str(),
        state: delivery.state.as_str(),
        attempts: delivery.attempts,
        due_at: waits.then(|| delivery.due_at.to_string()),
        status: delivery.status,
        because: delivery.because,
        created_at: delivery.created_at.to_string(),
        ended_at: delivery.ended_at.map(|at| at.to_string()),
        body: serde_json::from_str(&delivery.body).unwrap_or_default(),
    }
}

fn topics(types: &[String]) -> Result<Topics> {
    let topics = topics_of(types.iter().map(String::as_str)).map_err(|problem| Error::field("/types", problem))?;
    // A company's webhook is never told of carriers: that shows when it is asked for nothing else, and does no harm beside others.
    if topics.is_empty() { Err(Error::field("/types", "expected at least one type of event")) } else { Ok(topics) }
}

impl Office {
    /// Counts up with every change of webhooks on this node.
    pub(crate) fn webhook_changes(&self) -> u64 {
        self.inner.webhook_changes.load(Ordering::Relaxed)
    }

    fn webhooks_changed(&self) {
        self.inner.webhook_changes.fetch_add(1, Ordering::Relaxed);
    }

    fn webhook_row(&self, caller: &Caller, id: WebhookId) -> Result<store::Webhook> {
        let webhook = self.store().webhook(id)?;
        match webhook.company {
            Some(company) => caller.may_see(company, "webhook", id)?,
            None if caller.operator("see the house's webhooks").is_err() => {
                return Err(Error::not_found("webhook", id));
            }
            None => {}
        }
        Ok(webhook)
    }

    /// What is wrong with a URL. What its name leads to is judged at each delivery.
    fn check_url(&self, url: &str) -> Result<()> {
        let allows_private = self.inner.settings.webhooks_allow_private;
        let fault = |problem: &str| {
            Err(Error::field("/url", format!("\"{}\": {problem}", url.chars().take(100).collect::<String>())))
        };
        let Ok(uri) = url.parse::<ureq::http::Uri>() else { return fault("it is no URL") };
        let Some(host) = uri.host().filter(|host| !host.is_empty()) else { return fault("it names no host") };
        match uri.scheme_str() {
            Some("https") => {}
            Some("http") if allows_private => {}
            Some("http") => return fault("whoever is on the way reads along: expected https"),
            _ => return fault("expected https://HOST/PATH"),
        }
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return fault("a password in a URL lies open in logs: who delivers is proven by the signature");
        }
        let address: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
        match address {
            Some(ip) if !allows_private && !reach::is_public(ip) => {
                fault("it is no address of the public internet, and webhooks.allow_private is false")
            }
            _ => Ok(()),
        }
    }

    fn new_secret(&self) -> String {
        let mut bytes = [0; signing::SECRET_BYTES];
        (self.inner.random.lock())(&mut bytes);
        signing::secret_of(&bytes)
    }

    /// Makes a webhook.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::NotFound`] (the company), [`Error::Conflict`] (as many as there may be).
    pub fn create_webhook(&self, caller: &Caller, new: NewWebhook) -> Result<WebhookWithSecret> {
        let company = caller.limit_to(new.company.map(|company| company.0))?;
        let topics = topics(&new.types)?;
        self.check_url(&new.url)?;
        let secret = self.new_secret();
        let webhook = store::Webhook {
            id: self.mint(WebhookId::mint),
            company,
            url: new.url,
            topics,
            enabled: true,
            because: None,
            failing_since: None,
            former_until: None,
            created_at: self.wall(),
        };
        let made = self.store().create_webhook(&webhook, &secret, self.signed(caller))?;
        self.webhooks_changed();
        Ok(WebhookWithSecret { webhook: show(made, self.wall()), secret })
    }

    /// The webhooks that the caller may see, in order of their identities.
    ///
    /// # Errors
    /// [`Error::NotFound`] (the company), [`Error::Invalid`] (cursor).
    pub fn webhooks(&self, caller: &Caller, company: Option<CompanyId>, ask: &PageAsk) -> Result<Page<Webhook>> {
        let rows = self.store().webhooks(caller.limit_to(company)?)?;
        let now = self.wall();
        Page::of_sorted(rows, ask, |webhook| webhook.id, |webhook| Ok(show(webhook, now)))
    }

    /// One webhook.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn webhook(&self, caller: &Caller, id: WebhookId) -> Result<Webhook> {
        Ok(show(self.webhook_row(caller, id)?, self.wall()))
    }

    /// Changes a webhook.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`].
    pub fn update_webhook(&self, caller: &Caller, id: WebhookId, change: WebhookChange) -> Result<Webhook> {
        self.webhook_row(caller, id)?;
        change.url.as_deref().map_or(Ok(()), |url| self.check_url(url))?;
        let topics = change.types.as_deref().map(topics).transpose()?;
        let patch = WebhookPatch { url: change.url, topics, enabled: change.enabled };
        let changed = self.store().update_webhook(id, &patch, self.signed(caller))?;
        self.webhooks_changed();
        Ok(show(changed, self.wall()))
    }

    /// Gives a webhook another secret; the one before signs beside it for a day.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn rotate_webhook(&self, caller: &Caller, id: WebhookId) -> Result<WebhookWithSecret> {
        self.webhook_row(caller, id)?;
        let secret = self.new_secret();
        let until = self.wall() + FORMER_SECRET_HOLDS;
        let rotated = self.store().rotate_webhook(id, &secret, until, self.signed(caller))?;
        Ok(WebhookWithSecret { webhook: show(rotated, self.wall()), secret })
    }

    /// Delivers an event `webhook.test`, whatever types were chosen.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Conflict`] (it is switched off, or too much waits).
    pub fn test_webhook(&self, caller: &Caller, id: WebhookId) -> Result<WebhookDelivery> {
        let webhook = self.webhook_row(caller, id)?;
        if !webhook.enabled {
            return Err(Error::Conflict(format!("{id} is switched off: switch it on first")));
        }
        let event = self.bus().mint();
        let mut data = Map::new();
        data.insert("webhook".to_owned(), id.to_string().into());
        data.insert("by".to_owned(), caller.name.as_str().into());
        let body = saying::envelope(event, Topic::WebhookTest, self.wall(), Some(id.to_string()), data).to_string();
        let new = NewDelivery { webhook: id, event: event.to_string(), topic: Topic::WebhookTest, body };
        if self.store().enqueue_deliveries(&[new], self.wall())? > 0 {
            return Err(Error::Conflict(format!("too many deliveries wait for {id}")));
        }
        let newest = self.store().deliveries(id, None, 1)?.pop();
        newest.map(show_delivery).ok_or_else(|| Error::not_found("webhook", id))
    }

    /// The log of a webhook, newest first.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`] (cursor).
    pub fn webhook_deliveries(&self, caller: &Caller, id: WebhookId, ask: &PageAsk) -> Result<Page<WebhookDelivery>> {
        self.webhook_row(caller, id)?;
        let before = ask.cursor::<DeliveryId>()?;
        let limit = u32::try_from(ask.limit()).unwrap_or(u32::MAX);
        let mut rows = self.store().deliveries(id, before, limit.saturating_add(1))?;
        let has_more = rows.len() > ask.limit();
        rows.truncate(ask.limit());
        let next = rows.last().filter(|_| has_more).map(|last| last.id.to_string());
        Ok(Page { items: rows.into_iter().map(show_delivery).collect(), has_more, next })
    }

    /// Delivers again what has ended.
    ///
    /// # Errors
    /// [`Error::NotFound`] (the webhook, or a delivery of it that has ended), [`Error::Invalid`].
    pub fn replay_webhook(&self, caller: &Caller, id: WebhookId, replay: &Replay) -> Result<Replayed> {
        self.webhook_row(caller, id)?;
        let from: Option<Instant> = match replay.from.as_deref().map(str::parse).transpose() {
            Ok(from) => from,
            Err(problem) => return Err(Error::Invalid(vec![FieldFault::new("/from", problem.to_string())])),
        };
        if replay.delivery.is_some() == from.is_some() {
            return Err(Error::field("/delivery", "expected either a delivery, or from when on"));
        }
        let only = replay.delivery.map(|delivery| delivery.0);
        let deliveries = self.store().replay_deliveries(id, only, from.map(|from| from.0), self.wall())?;
        Ok(Replayed { deliveries })
    }

    /// Removes a webhook, with everything that waits for it and its log.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn remove_webhook(&self, caller: &Caller, id: WebhookId) -> Result<()> {
        self.webhook_row(caller, id)?;
        self.store().remove_webhook(id, self.signed(caller))?;
        self.webhooks_changed();
        Ok(())
    }
}
