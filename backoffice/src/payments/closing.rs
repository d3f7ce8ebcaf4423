//! Payments that nobody brings further: their provider is not this node's any more. Somebody asks that provider himself, and says what became of
//! them. And booking, which every payment comes to that was paid.
//!
//! Payments of a provider that can be asked are [`super::cashier`]'s.

use super::{Payment, Till, show};
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::office::Office;
use crate::posting::{company_money, post, subject, world_money};
use domain::credit::{Batch, BatchId, Code, Memo, Outcome};
use domain::payment::PaymentState;
use domain::{CompanyId, PaymentId};
use serde::Deserialize;
use switch::company::paying::Booking;
use utoipa::ToSchema;

/// Characters of a reason at most.
const BECAUSE_CHARS_MAX: usize = 200;

/// What became of a payment, as its provider says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Closed {
    /// It has the money: the company gets the credit.
    Paid,
    /// It has not, and will not take it.
    NotPaid,
}

/// The end of a payment that nobody can be asked about here.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClosePayment {
    /// What became of it.
    pub result: Closed,
    /// How that is known, 1 to 200 characters: "statement of our former provider, 2026-11-22".
    pub because: String,
}

impl Office {
    /// Whether nobody here can ask what became of it: it is open, and its provider is not this node's.
    pub(super) fn is_orphaned(&self, payment: &domain::payment::Payment) -> bool {
        let provider = self.inner.till.get().map(|till: &Till| till.provider);
        let is_open = matches!(payment.state, PaymentState::Opened | PaymentState::Pending);
        is_open && provider != Some(&*payment.provider)
    }

    /// The payments that nobody here can ask about, oldest first.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn orphaned_payments(&self) -> Result<Vec<Payment>> {
        let provider = self.inner.till.get().map(|till| till.provider);
        let all = self.store().orphaned_payments(provider)?;
        Ok(all.into_iter().filter(|payment| self.is_orphaned(payment)).map(|payment| self.shown(payment)).collect())
    }

    pub(super) fn shown(&self, payment: domain::payment::Payment) -> Payment {
        let orphaned = self.is_orphaned(&payment);
        Payment { orphaned, ..show(payment) }
    }

    /// Closes a payment that is orphaned, as somebody learnt from its provider; one that is paid is booked, once, under its own name. Also one
    /// that is paid and could not be booked where no provider is set. Blocks.
    ///
    /// # Errors
    /// Operators only; [`Error::NotFound`], [`Error::Invalid`], [`Error::Conflict`] (it has ended, or its provider can be asked),
    /// [`Error::LedgerUnavailable`]: ask again, it is booked once.
    pub fn close_payment(
        &self,
        caller: &Caller,
        company: CompanyId,
        id: PaymentId,
        close: &ClosePayment,
    ) -> Result<Payment> {
        caller.operator("close payments")?;
        let payment = self.payment_row(caller, company, id)?;
        let because = close.because.trim();
        if because.is_empty() || because.chars().count() > BECAUSE_CHARS_MAX || because.chars().any(char::is_control) {
            let expected = format!("expected 1 to {BECAUSE_CHARS_MAX} printable characters");
            return Err(Error::field("/because", expected));
        }
        if !payment.state.is_open() {
            return Err(Error::Conflict(format!("payment {id} is {}: it has ended", payment.state.as_str())));
        }
        let is_unbooked = payment.state == PaymentState::Paid && close.result == Closed::Paid;
        if !self.is_orphaned(&payment) && !is_unbooked {
            let provider = &payment.provider;
            return Err(Error::Conflict(format!(
                "payment {id} is with {provider}, who can be asked: retry or cancel it"
            )));
        }
        let keep = |state| {
            let closed = domain::payment::Payment {
                state,
                because: Some(because.into()),
                changed_at: self.wall(),
                ..payment.clone()
            };
            self.store().keep_payment(&closed, self.signed(caller))
        };
        match close.result {
            Closed::NotPaid => keep(PaymentState::Cancelled)?,
            Closed::Paid => {
                // On disk first: should the process die in between, the next cashier books it.
                keep(PaymentState::Paid)?;
                match self.book_payment(&payment) {
                    Booking::Done => keep(PaymentState::Booked)?,
                    Booking::Unavailable => return Err(Error::LedgerUnavailable),
                    Booking::Refused => {
                        return Err(Error::Conflict(format!(
                            "payment {id} is paid, and the ledger refuses to book it: see the log"
                        )));
                    }
                }
            }
        }
        Ok(self.shown(self.store().payment(id)?))
    }

    /// Credits the company, once: the batch has the payment's name.
    pub(super) fn book_payment(&self, payment: &domain::payment::Payment) -> Booking {
        let domain::payment::Payment { company, currency, .. } = *payment;
        let reference = payment.reference.as_deref().unwrap_or("-");
        let note = format!("payment {} by {}, its reference {reference}", payment.id, payment.provider);
        let (debit, credit) = (world_money(company, currency), company_money(company, currency));
        let batch = Batch {
            id: BatchId { subject: subject(&["payment", &payment.id.to_string()]), sequence: 1 },
            company,
            at: self.wall(),
            transfers: vec![post(debit, credit, payment.amount.get(), Code::TopUp)],
            memo: Some(Memo::Note(note.into())),
        };
        match self.submit(batch) {
            Outcome::Applied(_) => {
                self.inner.switchboard.company_topped_up(company);
                Booking::Done
            }
            Outcome::Unavailable | Outcome::Replayed(_) => Booking::Unavailable,
            Outcome::Refused(refusal) => {
                tracing::error!(payment.id = %payment.id, because = ?refusal.because, "a payment cannot be booked");
                Booking::Refused
            }
        }
    }
}
