//! What stands about fraud: the rules of profiles, what stopped and released them, whom they knew, and breakers that are open.
//!
//! Whether a rule is broken is decided in `switch`; what was spent is the ledger's to know.

use crate::{Error, Profile, Result, Signed, Store, profile};
use domain::fraud::{FraudRules, Suspension};
use domain::network::Network;
use domain::{Destination, Micros, ProfileId, Wall};
use rusqlite::{Connection, Row, params};

/// Something that a profile was seen with before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acquaintance {
    /// A country that it called.
    Destination(Destination),
    /// A network that it was used from.
    Network(Network),
}

impl Acquaintance {
    fn columns(self) -> (&'static str, String) {
        match self {
            Acquaintance::Destination(destination) => ("destination", destination.to_string()),
            Acquaintance::Network(network) => ("network", network.to_string()),
        }
    }

    /// None for what an earlier or later version wrote otherwise.
    fn of(kind: &str, what: &str) -> Option<Acquaintance> {
        match kind {
            "destination" => Destination::from_code(what).map(Acquaintance::Destination),
            "network" => what.parse().ok().map(Acquaintance::Network),
            _ => None,
        }
    }
}

/// A breaker that is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breaker {
    /// Whose: a company's identity, or a currency for the house.
    pub circuit: String,
    /// Since when.
    pub opened_at: Wall,
    /// What was spent and what is permitted.
    pub because: String,
    /// Who has seen it and wants it so.
    pub kept_by: Option<String>,
}

fn breaker(row: &Row<'_>) -> rusqlite::Result<Breaker> {
    Ok(Breaker {
        circuit: row.get(0)?,
        opened_at: Wall::from_unix_micros(row.get(1)?),
        because: row.get(2)?,
        kept_by: row.get(3)?,
    })
}

pub(crate) fn breakers(connection: &Connection) -> Result<Vec<Breaker>> {
    let sql = "SELECT circuit, opened_us, because, kept_by FROM breakers ORDER BY circuit";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([], breaker)?.collect::<rusqlite::Result<_>>()?;
    Ok(rows)
}

fn is_open(connection: &Connection, circuit: &str) -> Result<()> {
    match breakers(connection)?.iter().any(|breaker| breaker.circuit == circuit) {
        true => Ok(()),
        false => Err(Error::not_found("open breaker", circuit)),
    }
}

impl Store {
    /// Gives a profile other rules; a cap that was given is not raised by the first credit any more.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn set_fraud_rules(&self, id: ProfileId, rules: &FraudRules, signed: Signed<'_>) -> Result<Profile> {
        let text = rules.to_string();
        self.change(signed, "fraud_rules_set", id, &text, |transaction| {
            let former = profile::get(transaction, id)?;
            let follows = former.daily_cap_follows && former.fraud.rules.daily_cap == rules.daily_cap;
            let sql = "UPDATE profiles SET fraud_rules = ?2, daily_cap_follows = ?3 WHERE id = ?1";
            transaction.execute(sql, params![id.to_string(), text, follows])?;
            profile::get(transaction, id)
        })
    }

    /// The first credit of a profile has come: where its cap is still the one that it was made with, it is at least that much (D-16).
    /// Whether it was raised.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn follow_first_credit(&self, id: ProfileId, credit: Micros, signed: Signed<'_>) -> Result<bool> {
        if !self.profile(id)?.daily_cap_follows {
            return Ok(false);
        }
        self.change(signed, "daily_cap_followed", id, &credit.to_string(), |transaction| {
            let mut rules = profile::get(transaction, id)?.fraud.rules;
            let was = rules.daily_cap;
            if let Some(cap) = &mut rules.daily_cap {
                cap.amount = cap.amount.max(credit);
            }
            let sql = "UPDATE profiles SET fraud_rules = ?2, daily_cap_follows = 0 WHERE id = ?1";
            transaction.execute(sql, params![id.to_string(), rules.to_string()])?;
            Ok(was != rules.daily_cap)
        })
    }

    /// A rule has stopped a profile. What stopped it first stands; a suspension that is older than the last release is none.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn suspend_for_fraud(&self, id: ProfileId, suspension: &Suspension, signed: Signed<'_>) -> Result<()> {
        self.change(signed, "profile_suspended", id, &suspension.because, |transaction| {
            profile::get(transaction, id)?;
            transaction.execute(
                "UPDATE profiles SET suspended_us = ?2, suspended_by = ?3, suspended_because = ?4
                 WHERE id = ?1 AND suspended_us IS NULL AND (released_us IS NULL OR released_us < ?2)",
                params![id.to_string(), suspension.at.as_unix_micros(), suspension.rule.as_str(), &*suspension.because],
            )?;
            Ok(())
        })
    }

    /// Somebody has looked: the profile may call again, and what was refused is permitted.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn release_profile(&self, id: ProfileId, signed: Signed<'_>) -> Result<Profile> {
        self.change(signed, "profile_released", id, "", |transaction| {
            profile::get(transaction, id)?;
            transaction.execute(
                "UPDATE profiles SET suspended_us = NULL, suspended_by = NULL, suspended_because = NULL,
                 released_us = ?2, released_by = ?3 WHERE id = ?1",
                params![id.to_string(), signed.at.as_unix_micros(), signed.by],
            )?;
            profile::get(transaction, id)
        })
    }

    /// A profile was seen with something.
    ///
    /// # Errors
    /// [`Error::Database`]; also where there is no such profile.
    pub fn saw(&self, id: ProfileId, what: Acquaintance, at: Wall) -> Result<()> {
        let (kind, what) = what.columns();
        self.write(|transaction| {
            transaction
                .prepare_cached(
                    "INSERT INTO acquaintances (profile, kind, what, seen_us) VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT (profile, kind, what) DO UPDATE SET seen_us = max(seen_us, excluded.seen_us)",
                )?
                .execute(params![id.to_string(), kind, what, at.as_unix_micros()])?;
            Ok(())
        })
    }

    /// What a profile was seen with, and when last.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn acquaintances(&self, id: ProfileId) -> Result<Vec<(Acquaintance, Wall)>> {
        self.read(|connection| {
            let sql = "SELECT kind, what, seen_us FROM acquaintances WHERE profile = ?1 ORDER BY kind, what";
            let mut statement = connection.prepare_cached(sql)?;
            let rows = statement.query_map([id.to_string()], |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, Wall::from_unix_micros(row.get(2)?)))
            })?;
            let rows: Vec<(String, String, Wall)> = rows.collect::<rusqlite::Result<_>>()?;
            Ok(rows.iter().filter_map(|(kind, what, at)| Some((Acquaintance::of(kind, what)?, *at))).collect())
        })
    }

    /// A breaker has opened. One that is open already stays as it is.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn open_breaker(&self, circuit: &str, because: &str, signed: Signed<'_>) -> Result<()> {
        self.change(signed, "breaker_opened", circuit, because, |transaction| {
            let sql = "INSERT INTO breakers (circuit, opened_us, because) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
            transaction.execute(sql, params![circuit, signed.at.as_unix_micros(), because])?;
            Ok(())
        })
    }

    /// Closes a breaker: new calls are placed again.
    ///
    /// # Errors
    /// [`Error::NotFound`] where it is not open.
    pub fn release_breaker(&self, circuit: &str, signed: Signed<'_>) -> Result<()> {
        self.change(signed, "breaker_released", circuit, "", |transaction| {
            is_open(transaction, circuit)?;
            transaction.execute("DELETE FROM breakers WHERE circuit = ?1", [circuit])?;
            Ok(())
        })
    }

    /// Keeps a breaker open: somebody has seen it, and wants it so.
    ///
    /// # Errors
    /// [`Error::NotFound`] where it is not open.
    pub fn keep_breaker(&self, circuit: &str, signed: Signed<'_>) -> Result<()> {
        self.change(signed, "breaker_kept", circuit, "", |transaction| {
            is_open(transaction, circuit)?;
            transaction.execute("UPDATE breakers SET kept_by = ?2 WHERE circuit = ?1", [circuit, signed.by])?;
            Ok(())
        })
    }

    /// The breakers that are open.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn breakers(&self) -> Result<Vec<Breaker>> {
        self.read(breakers)
    }

    /// The dearest hour of each company, and the instant of the first call, among the calls that came since an instant.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn dearest_hours(&self, since: Wall) -> Result<Vec<(domain::CompanyId, domain::Currency, Micros, Wall)>> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT company, currency, max(spent), min(first_us) FROM (
                    SELECT company, currency, sum(amount) AS spent, min(invited_us) AS first_us FROM call_records
                    WHERE invited_us >= ?1 AND amount > 0 GROUP BY company, currency, invited_us / 3600000000)
                 GROUP BY company, currency",
            )?;
            let rows = statement.query_map([since.as_unix_micros()], |row| {
                let (spent, first) = (Micros::new(row.get(2)?), Wall::from_unix_micros(row.get(3)?));
                Ok((crate::column::parsed(row, 0)?, crate::column::parsed(row, 1)?, spent, first))
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }
}
