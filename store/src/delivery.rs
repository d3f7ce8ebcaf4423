//! Deliveries to webhooks: what waits, what was tried how often, and the log of what became of it.
//!
//! What is delivered and when it is tried again is `backoffice`'s to decide.

use crate::column::{parsed, unreadable};
use crate::webhook::BECAUSE_CHARS_MAX;
use crate::{Error, Result, Store};
use domain::{Topic, Wall, WebhookId};
use rusqlite::{OptionalExtension, Row, params};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Deliveries that wait for one webhook at most; an event beyond them is dropped.
pub const WAITING_MAX: u32 = 10_000;
/// How long the log is kept.
pub const LOG_KEPT: Duration = Duration::from_secs(7 * 86_400);
/// How long an attempt may take before it is taken for lost, with the node that made it.
const CLAIM: Duration = Duration::from_secs(60);

/// A delivery: `dlvr_7`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryId(i64);

/// Why a text names no delivery.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a delivery's identity: expected \"dlvr_\" and a number, such as dlvr_7")]
pub struct NotADelivery(pub String);

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "dlvr_{}", self.0)
    }
}

impl FromStr for DeliveryId {
    type Err = NotADelivery;
    fn from_str(text: &str) -> std::result::Result<Self, NotADelivery> {
        let digits = text.strip_prefix("dlvr_").filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
        let number = digits.and_then(|digits| digits.parse().ok());
        number.map(DeliveryId).ok_or_else(|| NotADelivery(text.chars().take(64).collect()))
    }
}

/// Where a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryState {
    /// It is to be delivered.
    Waiting,
    /// It was taken.
    Delivered,
    /// Nobody will try again.
    Dropped,
}

impl DeliveryState {
    /// The word in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            DeliveryState::Waiting => "waiting",
            DeliveryState::Delivered => "delivered",
            DeliveryState::Dropped => "dropped",
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("\"{0}\" is no state of a delivery, or no topic")]
struct UnknownWord(String);

/// A delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Which.
    pub id: DeliveryId,
    /// To whom.
    pub webhook: WebhookId,
    /// The event's name.
    pub event: String,
    /// The event's topic.
    pub topic: Topic,
    /// What is sent: the event as a document.
    pub body: String,
    /// Where it stands.
    pub state: DeliveryState,
    /// Attempts so far.
    pub attempts: u32,
    /// When it is tried next, where it waits.
    pub due_at: Wall,
    /// The HTTP status of the last attempt; none where there was no answer.
    pub status: Option<u16>,
    /// Why the last attempt failed.
    pub because: Option<String>,
    /// When it was put in line, the last time; when the event was told stands in its document.
    pub created_at: Wall,
    /// When it was delivered or dropped.
    pub ended_at: Option<Wall>,
}

/// A delivery to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewDelivery {
    /// To whom.
    pub webhook: WebhookId,
    /// The event's name.
    pub event: String,
    /// The event's topic.
    pub topic: Topic,
    /// What is sent.
    pub body: String,
}

/// What became of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attempted {
    /// It was taken.
    Delivered,
    /// It is tried again then.
    Again(Wall),
    /// Nobody will try again.
    Dropped,
}

const COLUMNS: &str = "id, webhook, event, topic, body, state, attempts, due_us, status, because, created_us, ended_us";

fn from_row(row: &Row<'_>) -> rusqlite::Result<Delivery> {
    let unknown = |index, word: &str| unreadable(index, UnknownWord(word.to_owned()));
    let (topic, state) = (row.get_ref(3)?.as_str()?, row.get_ref(5)?.as_str()?);
    let states = [DeliveryState::Waiting, DeliveryState::Delivered, DeliveryState::Dropped];
    Ok(Delivery {
        id: DeliveryId(row.get(0)?),
        webhook: parsed(row, 1)?,
        event: row.get(2)?,
        topic: Topic::from_label(topic).ok_or_else(|| unknown(3, topic))?,
        body: row.get(4)?,
        state: states.into_iter().find(|known| known.as_str() == state).ok_or_else(|| unknown(5, state))?,
        attempts: row.get(6)?,
        due_at: Wall::from_unix_micros(row.get(7)?),
        status: row.get(8)?,
        because: row.get(9)?,
        created_at: Wall::from_unix_micros(row.get(10)?),
        ended_at: row.get::<_, Option<i64>>(11)?.map(Wall::from_unix_micros),
    })
}

impl Store {
    /// Puts deliveries behind the others; how many were dropped because too many wait for their webhook. Those of a webhook that is gone
    /// are left out.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn enqueue_deliveries(&self, new: &[NewDelivery], at: Wall) -> Result<u64> {
        self.write(|transaction| {
            let mut dropped = 0;
            for delivery in new {
                let webhook = delivery.webhook.to_string();
                let waiting: Option<u32> = transaction
                    .prepare_cached(
                        "SELECT (SELECT count(*) FROM webhook_deliveries WHERE webhook = ?1 AND state = 'waiting')
                         FROM webhooks WHERE id = ?1",
                    )?
                    .query_row([&webhook], |row| row.get(0))
                    .optional()?;
                match waiting {
                    None => continue,
                    Some(waiting) if waiting >= WAITING_MAX => {
                        dropped += 1;
                        continue;
                    }
                    Some(_) => {}
                }
                transaction
                    .prepare_cached(
                        "INSERT INTO webhook_deliveries (webhook, event, topic, body, state, attempts, due_us, created_us)
                         VALUES (?1, ?2, ?3, ?4, 'waiting', 0, ?5, ?5)",
                    )?
                    .execute(params![
                        webhook,
                        delivery.event,
                        delivery.topic.as_str(),
                        delivery.body,
                        at.as_unix_micros()
                    ])?;
            }
            Ok(dropped)
        })
    }

    /// Takes the next deliveries that are due, at most one for each webhook that is not in `busy`: nobody else takes them for a minute.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn claim_deliveries(&self, at_most: usize, busy: &[WebhookId], now: Wall) -> Result<Vec<Delivery>> {
        // Nothing is written where nothing is due.
        let due = self.read(|connection| {
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM webhook_deliveries WHERE id IN (
                   SELECT min(id) FROM webhook_deliveries WHERE state = 'waiting' AND due_us <= ?1
                     AND webhook IN (SELECT id FROM webhooks WHERE enabled = 1) GROUP BY webhook)
                 ORDER BY due_us, id"
            ))?;
            let rows = statement.query_map([now.as_unix_micros()], from_row)?;
            Ok(rows.collect::<rusqlite::Result<Vec<_>>>()?)
        })?;
        let mut due: Vec<Delivery> = due.into_iter().filter(|one| !busy.contains(&one.webhook)).collect();
        due.truncate(at_most);
        if due.is_empty() {
            return Ok(due);
        }
        self.write(|transaction| {
            let mut claimed = Vec::with_capacity(due.len());
            for delivery in due {
                let taken = transaction
                    .prepare_cached(
                        "UPDATE webhook_deliveries SET due_us = ?3 WHERE id = ?1 AND state = 'waiting' AND due_us = ?2",
                    )?
                    .execute(params![
                        delivery.id.0,
                        delivery.due_at.as_unix_micros(),
                        (now + CLAIM).as_unix_micros()
                    ])?;
                if taken == 1 {
                    claimed.push(delivery);
                }
            }
            Ok(claimed)
        })
    }

    /// Notes what became of an attempt.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn note_delivery(
        &self,
        id: DeliveryId,
        attempted: &Attempted,
        status: Option<u16>,
        because: Option<&str>,
        at: Wall,
    ) -> Result<()> {
        let (state, due, ended) = match attempted {
            Attempted::Delivered => (DeliveryState::Delivered, at, Some(at)),
            Attempted::Again(due) => (DeliveryState::Waiting, *due, None),
            Attempted::Dropped => (DeliveryState::Dropped, at, Some(at)),
        };
        let because = because.map(|text| text.chars().take(BECAUSE_CHARS_MAX).collect::<String>());
        self.write(|transaction| {
            transaction
                .prepare_cached(
                    "UPDATE webhook_deliveries SET state = ?2, attempts = attempts + 1, due_us = ?3, status = ?4,
                       because = ?5, ended_us = ?6 WHERE id = ?1",
                )?
                .execute(params![
                    id.0,
                    state.as_str(),
                    due.as_unix_micros(),
                    status,
                    because,
                    ended.map(Wall::as_unix_micros)
                ])?;
            Ok(())
        })
    }

    /// The log of a webhook, newest first: older than the delivery `before`, at most `limit`.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn deliveries(&self, webhook: WebhookId, before: Option<DeliveryId>, limit: u32) -> Result<Vec<Delivery>> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM webhook_deliveries WHERE webhook = ?1 AND (?2 IS NULL OR id < ?2)
                 ORDER BY id DESC LIMIT ?3"
            ))?;
            let rows = statement.query_map(params![webhook.to_string(), before.map(|id| id.0), limit], from_row)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Lets deliveries of a webhook that ended be delivered again, under the same event: this one, or all that were told at `from` or
    /// later. How many.
    ///
    /// # Errors
    /// [`Error::NotFound`] (the delivery).
    pub fn replay_deliveries(
        &self,
        webhook: WebhookId,
        only: Option<DeliveryId>,
        from: Option<Wall>,
        at: Wall,
    ) -> Result<u64> {
        self.write(|transaction| {
            let replayed = transaction
                .prepare_cached(
                    "UPDATE webhook_deliveries SET state = 'waiting', attempts = 0, due_us = ?4, created_us = ?4, ended_us = NULL
                     WHERE webhook = ?1 AND ended_us IS NOT NULL AND (?2 IS NULL OR id = ?2)
                       AND (?3 IS NULL OR created_us >= ?3)",
                )?
                .execute(params![
                    webhook.to_string(),
                    only.map(|id| id.0),
                    from.map(Wall::as_unix_micros),
                    at.as_unix_micros()
                ])?;
            match (only, replayed) {
                (Some(id), 0) => Err(Error::not_found("delivery that has ended", id)),
                _ => Ok(replayed as u64),
            }
        })
    }

    /// How many deliveries wait, for whoever; at most 100,000 of them counted.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn waiting_deliveries(&self) -> Result<u64> {
        self.read(|connection| {
            let count: i64 = connection
                .prepare_cached(
                    "SELECT count(*) FROM (SELECT 1 FROM webhook_deliveries WHERE state = 'waiting' LIMIT 100000)",
                )?
                .query_row([], |row| row.get(0))?;
            Ok(count.unsigned_abs())
        })
    }

    /// Forgets what ended longer ago than the log is kept; how many.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn forget_deliveries(&self, now: Wall) -> Result<u64> {
        let before = now - LOG_KEPT;
        self.write(|transaction| {
            let forgotten = transaction
                .prepare_cached("DELETE FROM webhook_deliveries WHERE ended_us < ?1")?
                .execute([before.as_unix_micros()])?;
            Ok(forgotten as u64)
        })
    }
}
