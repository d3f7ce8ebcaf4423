//! Payments of companies, what companies agreed to, and which notices of the provider were taken.
//!
//! Which step follows which is `switch`'s; money is the ledger's. Payments are no configuration: they leave its version as it is.

use crate::column::{parsed, unreadable};
use crate::{Error, Result, Signed, Store, audit, company};
use domain::payment::{Payment, PaymentState};
use domain::{CompanyId, Micros, PaymentId, Wall};
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::sync::Arc;

/// Payments of one company that are open at a time at most: who orders more has not waited for an answer.
pub const OPEN_MAX: u32 = 20;
/// Characters of what a provider says, as far as it is kept.
const TEXT_CHARS_MAX: usize = 200;

/// What a company agreed to be recharged with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompanyRecharge {
    /// Which company.
    pub company: CompanyId,
    /// How much at once.
    pub amount: Micros,
    /// When this much or less is available.
    pub threshold: Micros,
    /// By itself in any 24 hours at most.
    pub day_max: Micros,
    /// By itself in any 30 days at most.
    pub month_max: Micros,
    /// By what the provider knows the card or account that pays.
    pub method: Option<String>,
    /// Since when.
    pub set_at: Wall,
}

/// A word in a column that should be one of ours.
#[derive(Debug, thiserror::Error)]
#[error("\"{0}\" is no state of a payment")]
struct UnknownState(String);

const COLUMNS: &str = "id, company, currency, amount, automatic, method, provider, state, reference, attempts, because, \
                       opened_us, changed_us";

fn from_row(row: &Row<'_>) -> rusqlite::Result<Payment> {
    let word = row.get_ref(7)?.as_str()?;
    let state = PaymentState::from_label(word).ok_or_else(|| unreadable(7, UnknownState(word.to_owned())))?;
    let text = |index| Ok::<_, rusqlite::Error>(row.get::<_, Option<String>>(index)?.map(Arc::from));
    Ok(Payment {
        id: parsed(row, 0)?,
        company: parsed(row, 1)?,
        currency: parsed(row, 2)?,
        amount: Micros::new(row.get(3)?),
        automatic: row.get(4)?,
        method: text(5)?,
        provider: row.get::<_, String>(6)?.into(),
        state,
        reference: text(8)?,
        attempts: row.get(9)?,
        because: text(10)?,
        opened_at: Wall::from_unix_micros(row.get(11)?),
        changed_at: Wall::from_unix_micros(row.get(12)?),
    })
}

fn get(connection: &Connection, id: PaymentId) -> Result<Option<Payment>> {
    let found = connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM payments WHERE id = ?1"))?
        .query_row([id.to_string()], from_row)
        .optional()?;
    Ok(found)
}

fn cut(text: &Option<Arc<str>>) -> Option<String> {
    text.as_ref().map(|text| text.chars().take(TEXT_CHARS_MAX).collect())
}

fn recharge_from_row(row: &Row<'_>) -> rusqlite::Result<CompanyRecharge> {
    Ok(CompanyRecharge {
        company: parsed(row, 0)?,
        amount: Micros::new(row.get(1)?),
        threshold: Micros::new(row.get(2)?),
        day_max: Micros::new(row.get(3)?),
        month_max: Micros::new(row.get(4)?),
        method: row.get(5)?,
        set_at: Wall::from_unix_micros(row.get(6)?),
    })
}

const RECHARGE: &str = "SELECT company, amount, threshold, day_max, month_max, method, set_us FROM company_recharges";

impl Store {
    /// Writes a payment down, and returns it; one that is there already is returned as it is. Of automatic ones a company has one
    /// that is open: also where two nodes have the same thought at once.
    ///
    /// # Errors
    /// [`Error::Conflict`] (an automatic one is open, or too many are), [`Error::NotFound`] (the company).
    pub fn open_payment(&self, payment: &Payment, signed: Signed<'_>) -> Result<Payment> {
        self.write(|transaction| {
            company::get(transaction, payment.company)?;
            if let Some(known) = get(transaction, payment.id)? {
                return Ok(known);
            }
            let (open, automatic): (u32, Option<String>) = transaction
                .prepare_cached(
                    "SELECT count(*), max(CASE WHEN automatic THEN id END) FROM payments
                     WHERE company = ?1 AND state IN ('opened', 'pending', 'paid')",
                )?
                .query_row([payment.company.to_string()], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let taken = |other| Error::Conflict { what: "payment", value: payment.id.to_string(), other };
            match automatic {
                Some(other) if payment.automatic => return Err(taken(format!("{other}, which is under way"))),
                _ if open >= OPEN_MAX => return Err(taken(format!("{open} others that are under way"))),
                _ => {}
            }
            transaction.execute(
                &format!("INSERT INTO payments ({COLUMNS}) VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13)"),
                params![
                    payment.id.to_string(),
                    payment.company.to_string(),
                    payment.currency.as_str(),
                    payment.amount.get(),
                    payment.automatic,
                    payment.method.as_deref(),
                    &*payment.provider,
                    payment.state.as_str(),
                    payment.reference.as_deref(),
                    payment.attempts,
                    payment.because.as_deref(),
                    payment.opened_at.as_unix_micros(),
                    payment.changed_at.as_unix_micros()
                ],
            )?;
            let details = format!("{} {} of {}", payment.currency, payment.amount, payment.company);
            audit::write(transaction, signed, "payment_opened", &payment.id.to_string(), &details)?;
            Ok(payment.clone())
        })
    }

    /// Keeps what was learnt of a payment. A state that another node has brought further stays.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn keep_payment(&self, payment: &Payment, signed: Signed<'_>) -> Result<()> {
        self.write(|transaction| {
            let known = get(transaction, payment.id)?.ok_or_else(|| Error::not_found("payment", payment.id))?;
            if payment.state < known.state {
                return Ok(());
            }
            transaction.execute(
                "UPDATE payments SET state = ?2, reference = ?3, attempts = ?4, because = ?5, changed_us = ?6 WHERE id = ?1",
                params![
                    payment.id.to_string(),
                    payment.state.as_str(),
                    cut(&payment.reference),
                    payment.attempts,
                    cut(&payment.because),
                    payment.changed_at.as_unix_micros()
                ],
            )?;
            if payment.state != known.state {
                let action = format!("payment_{}", payment.state.as_str());
                let details = cut(&payment.because).unwrap_or_default();
                audit::write(transaction, signed, &action, &payment.id.to_string(), &details)?;
            }
            Ok(())
        })
    }

    /// One payment.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn payment(&self, id: PaymentId) -> Result<Payment> {
        self.read(|connection| get(connection, id))?.ok_or_else(|| Error::not_found("payment", id))
    }

    /// A company's payments that were opened at `from` or later, oldest first.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn payments(&self, company: CompanyId, from: Wall) -> Result<Vec<Payment>> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM payments WHERE company = ?1 AND opened_us >= ?2 ORDER BY opened_us, id"
            ))?;
            let rows = statement.query_map(params![company.to_string(), from.as_unix_micros()], from_row)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Every payment that is open, and that is not this provider's, oldest first: nobody asks what became of it.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn orphaned_payments(&self, provider: Option<&str>) -> Result<Vec<Payment>> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM payments WHERE state IN ('opened', 'pending', 'paid') AND provider IS NOT ?1 ORDER BY opened_us"
            ))?;
            let rows = statement.query_map([provider], from_row)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Every payment of a provider that is open, oldest first; and those of others that are paid: to book them, nobody need be asked.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn open_payments(&self, provider: &str) -> Result<Vec<Payment>> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM payments WHERE (state IN ('opened', 'pending') AND provider = ?1) OR state = 'paid' ORDER BY opened_us"
            ))?;
            let rows = statement.query_map([provider], from_row)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// What a company agreed to; none where it is not recharged.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn company_recharge(&self, company: CompanyId) -> Result<Option<CompanyRecharge>> {
        self.read(|connection| {
            let found = connection
                .prepare_cached(&format!("{RECHARGE} WHERE company = ?1"))?
                .query_row([company.to_string()], recharge_from_row)
                .optional()?;
            Ok(found)
        })
    }

    /// What every company agreed to that is not stopped.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn company_recharges(&self) -> Result<Vec<CompanyRecharge>> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(&format!(
                "{RECHARGE} WHERE company IN (SELECT id FROM companies WHERE NOT suspended) ORDER BY company"
            ))?;
            let rows = statement.query_map([], recharge_from_row)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Says what a company agreed to; none for nothing.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn set_company_recharge(
        &self,
        id: CompanyId,
        wanted: Option<&CompanyRecharge>,
        signed: Signed<'_>,
    ) -> Result<()> {
        let details = wanted.map_or("off".to_owned(), |on| {
            format!("{} at {}, {} a day, {} in 30 days", on.amount, on.threshold, on.day_max, on.month_max)
        });
        self.change(signed, "company_recharge_set", id, &details, |transaction| {
            company::get(transaction, id)?;
            transaction.execute("DELETE FROM company_recharges WHERE company = ?1", [id.to_string()])?;
            if let Some(on) = wanted {
                transaction.execute(
                    "INSERT INTO company_recharges VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                    params![
                        id.to_string(),
                        on.amount.get(),
                        on.threshold.get(),
                        on.day_max.get(),
                        on.month_max.get(),
                        on.method,
                        on.set_at.as_unix_micros()
                    ],
                )?;
            }
            Ok(())
        })
    }

    /// Whether a notice with this name was taken before.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn knows_payment_notice(&self, id: &str) -> Result<bool> {
        self.read(|connection| {
            let known = connection
                .prepare_cached("SELECT EXISTS (SELECT 1 FROM payment_notices WHERE id = ?1)")?
                .query_row([id], |row| row.get(0))?;
            Ok(known)
        })
    }

    /// Notes that a notice was taken, and forgets those from before `forgotten`; false where it was noted before.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn note_payment_notice(&self, id: &str, at: Wall, forgotten: Wall) -> Result<bool> {
        self.write(|transaction| {
            transaction.execute("DELETE FROM payment_notices WHERE at_us < ?1", [forgotten.as_unix_micros()])?;
            let noted = transaction
                .execute("INSERT OR IGNORE INTO payment_notices VALUES (?1, ?2)", params![id, at.as_unix_micros()])?;
            Ok(noted == 1)
        })
    }
}
