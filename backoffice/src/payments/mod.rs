//! Money that companies pay in through a payment provider: by themselves when little is left, or because somebody orders it (A3).
//!
//! Whether and when is decided in `switch::company`. Profiles are recharged from their company in [`crate::recharge`].
//!
//! | File | Holds |
//! |---|---|
//! | [`provider`] | what a provider can be asked, as a trait |
//! | [`http`], [`message`], [`signature`] | the one over HTTP, its words, and how they are signed |
//! | [`sandbox`] | the one for trials |
//! | [`closing`] | payments whose provider is not asked any more |
//! | `cashier`, [`till`] | who carries out what payments order, and on which threads |

mod cashier;
pub mod closing;
pub mod http;
pub mod message;
mod notice;
pub mod provider;
pub mod sandbox;
pub mod signature;
pub mod till;

pub(crate) use till::Till;

use crate::caller::Caller;
use crate::credit::AMOUNT_MAX;
use crate::error::{Error, FieldFault, Result};
use crate::office::Office;
use crate::once::{Given, Order};
use crate::page::{Page, PageAsk};
use crate::text::Text;
use domain::payment::PaymentState;
use domain::{CompanyId, Micros, PaymentId, Wall};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use switch::company::paying::Event;
use utoipa::ToSchema;

/// Where no maximum is named: so many recharges in 24 hours ...
const TIMES_A_DAY: i64 = 3;
/// ... and in 30 days.
const TIMES_A_MONTH: i64 = 20;
/// Characters at most of what the provider knows a card by.
const METHOD_CHARS_MAX: usize = 100;

fn yes() -> bool {
    true
}

/// How a company is to be recharged.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCompanyRecharge {
    /// Whether at all; yes where nothing is said. Where not, nothing else need be said.
    #[serde(default = "yes")]
    #[schema(required = false)]
    pub enabled: bool,
    /// How much is paid at once; more than 0.
    #[schema(value_type = Option<String>, example = "50.00")]
    pub amount: Option<Text<Micros>>,
    /// When this much or less is available; 0 or more.
    #[schema(value_type = Option<String>, example = "20.00")]
    pub threshold: Option<Text<Micros>>,
    /// By itself in any 24 hours at most; three times the amount where none is given.
    #[schema(value_type = Option<String>, example = "150.00")]
    pub day_max: Option<Text<Micros>>,
    /// By itself in any 30 days at most; twenty times the amount where none is given.
    #[schema(value_type = Option<String>, example = "1000.00")]
    pub month_max: Option<Text<Micros>>,
    /// By what the provider knows the card or account that pays; never its number.
    #[schema(example = "card_8f2a")]
    pub method: Option<String>,
}

/// How a company is recharged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct CompanyRecharge {
    /// Which company.
    pub company: String,
    /// Whether at all.
    pub enabled: bool,
    /// How much is paid at once; null where it is off, as everything below.
    pub amount: Option<String>,
    /// When this much or less is available.
    pub threshold: Option<String>,
    /// By itself in any 24 hours at most.
    pub day_max: Option<String>,
    /// By itself in any 30 days at most.
    pub month_max: Option<String>,
    /// By what the provider knows the card or account that pays.
    pub method: Option<String>,
    /// Since when; RFC 3339.
    pub set_at: Option<String>,
    /// Of all amounts.
    pub currency: String,
    /// Who takes the money: `http`, or `sandbox` for trials; null where this node has nobody.
    pub provider: Option<String>,
}

/// A payment to be made.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPayment {
    /// How much, in the company's currency; more than 0.
    #[schema(value_type = String, example = "50.00")]
    pub amount: Text<Micros>,
    /// By what the provider knows the card or account that pays; never its number.
    #[schema(example = "card_8f2a")]
    pub method: Option<String>,
}

/// A payment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Payment {
    /// Which.
    #[schema(example = "paym_0193a1b2c3d47e8f9a0b1c2d3e4f5061")]
    pub id: String,
    /// Whose.
    pub company: String,
    /// How much.
    #[schema(example = "50.00")]
    pub amount: String,
    /// Of the amount.
    pub currency: String,
    /// `opened` (asked for, and not answered), `pending`, `declined`, `cancelled`, `paid` (the provider has it), `booked` (it is the
    /// company's credit).
    pub state: String,
    /// Whether it is open and nobody here can ask what became of it: its provider is not this node's. Ask that provider, and close it
    /// (`POST .../close`, `tandem payment close`).
    pub orphaned: bool,
    /// Whether nobody ordered it.
    pub automatic: bool,
    /// By what the provider knows what pays.
    pub method: Option<String>,
    /// Who takes it.
    pub provider: String,
    /// The provider's own name of it.
    pub reference: Option<String>,
    /// How often the provider was asked.
    pub attempts: u32,
    /// What was said last, in words.
    pub because: Option<String>,
    /// RFC 3339.
    pub opened_at: String,
    /// When something was last learnt of it; RFC 3339.
    pub changed_at: String,
}

fn show(payment: domain::payment::Payment) -> Payment {
    Payment {
        id: payment.id.to_string(),
        company: payment.company.to_string(),
        amount: payment.amount.to_string(),
        currency: payment.currency.to_string(),
        state: payment.state.as_str().to_owned(),
        orphaned: false,
        automatic: payment.automatic,
        method: payment.method.map(|text| text.to_string()),
        provider: payment.provider.to_string(),
        reference: payment.reference.map(|text| text.to_string()),
        attempts: payment.attempts,
        because: payment.because.map(|text| text.to_string()),
        opened_at: payment.opened_at.to_string(),
        changed_at: payment.changed_at.to_string(),
    }
}

/// Twelve digits in a row or more are a card's number, and have no place here.
fn checked_method(method: Option<&str>) -> Result<Option<String>> {
    let Some(text) = method.filter(|text| !text.is_empty()) else { return Ok(None) };
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    if text.chars().count() > METHOD_CHARS_MAX || text.chars().any(char::is_control) {
        return Err(Error::field("/method", format!("expected at most {METHOD_CHARS_MAX} printable characters")));
    }
    if digits >= 12 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b' ' || byte == b'-') {
        return Err(Error::field("/method", "this looks like a card's number: give the provider's name of it instead"));
    }
    Ok(Some(text.to_owned()))
}

fn more_than_zero(field: &str, amount: Micros) -> Result<Micros> {
    if amount.is_positive() && amount <= AMOUNT_MAX {
        return Ok(amount);
    }
    Err(Error::field(field, format!("{amount}: expected more than 0 and at most {AMOUNT_MAX}")))
}

impl NewCompanyRecharge {
    fn checked(&self, company: CompanyId, set_at: Wall) -> Result<store::CompanyRecharge> {
        let missing = |field: &str| Error::Invalid(vec![FieldFault::new(field, "expected an amount")]);
        let amount = self.amount.ok_or_else(|| missing("/amount"))?.0;
        let threshold = self.threshold.ok_or_else(|| missing("/threshold"))?.0;
        let agreed = crate::recharge::checked("", amount, threshold)?;
        let times = |times| Micros::new(agreed.amount.get().saturating_mul(times));
        let maximum = |field: &str, given: Option<Text<Micros>>, default| match given {
            Some(given) if given.0 < agreed.amount => {
                Err(Error::field(field, format!("{} is less than one recharge of {}", given.0, agreed.amount)))
            }
            Some(given) => more_than_zero(field, given.0),
            None => Ok(default),
        };
        Ok(store::CompanyRecharge {
            company,
            amount: agreed.amount,
            threshold: agreed.threshold,
            day_max: maximum("/day_max", self.day_max, times(TIMES_A_DAY))?,
            month_max: maximum("/month_max", self.month_max, times(TIMES_A_MONTH))?,
            method: checked_method(self.method.as_deref())?,
            set_at,
        })
    }
}

impl Office {
    fn till(&self) -> Result<&Till> {
        self.inner.till.get().ok_or(Error::NoPaymentProvider)
    }

    /// How a company is recharged by payments.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn company_recharge(&self, caller: &Caller, id: CompanyId) -> Result<CompanyRecharge> {
        let company = self.company_row(caller, id)?;
        let agreed = self.store().company_recharge(id)?;
        let text = |of: fn(&store::CompanyRecharge) -> String| agreed.as_ref().map(of);
        Ok(CompanyRecharge {
            company: id.to_string(),
            enabled: agreed.is_some(),
            amount: text(|agreed| agreed.amount.to_string()),
            threshold: text(|agreed| agreed.threshold.to_string()),
            day_max: text(|agreed| agreed.day_max.to_string()),
            month_max: text(|agreed| agreed.month_max.to_string()),
            set_at: text(|agreed| agreed.set_at.to_string()),
            method: agreed.and_then(|agreed| agreed.method),
            currency: company.currency.to_string(),
            provider: self.inner.till.get().map(|till| till.provider.to_owned()),
        })
    }

    /// Says how a company is recharged by payments, or that it is not. A cool-down after a decline ends with it.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`], [`Error::NoPaymentProvider`].
    pub fn set_company_recharge(
        &self,
        caller: &Caller,
        id: CompanyId,
        wanted: &NewCompanyRecharge,
    ) -> Result<CompanyRecharge> {
        self.company_row(caller, id)?;
        let agreed = match wanted.enabled {
            true => {
                self.till()?;
                Some(wanted.checked(id, self.wall())?)
            }
            false => None,
        };
        self.store().set_company_recharge(id, agreed.as_ref(), self.signed(caller))?;
        self.company_recharge(caller, id)
    }

    /// Orders a payment of the company's own (A3): once for each key. Its result is learnt by reading it.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`], [`Error::KeyReused`], [`Error::Conflict`] (too many are under way),
    /// [`Error::NoPaymentProvider`].
    pub fn order_payment(&self, caller: &Caller, id: CompanyId, ask: &NewPayment, order: &Order) -> Result<Given> {
        let company = self.company_row(caller, id)?;
        let provider = self.till()?.provider;
        let amount = more_than_zero("/amount", ask.amount.0)?;
        let method = checked_method(ask.method.as_deref())?;
        self.once(caller, order, |subject| {
            let now = self.wall();
            let wanted = domain::payment::Payment {
                id: PaymentId::from_bits(subject),
                company: id,
                currency: company.currency,
                amount,
                automatic: false,
                method: method.as_deref().map(Arc::from),
                provider: provider.into(),
                state: PaymentState::Opened,
                reference: None,
                attempts: 0,
                because: None,
                opened_at: now,
                changed_at: now,
            };
            let opened = self.store().open_payment(&wanted, self.signed(caller))?;
            if (opened.company, opened.amount) != (id, amount) {
                return Err(Error::KeyReused(String::new()));
            }
            self.till()?.hear(opened.id, Event::Resumed)?;
            Ok(self.shown(self.store().payment(opened.id)?))
        })
    }

    /// The payments of a company, oldest first.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`] (cursor).
    pub fn payments(&self, caller: &Caller, id: CompanyId, ask: &PageAsk) -> Result<Page<Payment>> {
        self.company_row(caller, id)?;
        let rows = self.store().payments(id, Wall::from_unix_micros(0))?;
        let place = |payment: &domain::payment::Payment| {
            format!("{:016x}{:032x}", payment.opened_at.as_unix_micros(), payment.id.bits())
        };
        Page::of_sorted(rows, ask, place, |payment| Ok(self.shown(payment)))
    }

    /// One payment of a company.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn payment(&self, caller: &Caller, company: CompanyId, id: PaymentId) -> Result<Payment> {
        Ok(self.shown(self.payment_row(caller, company, id)?))
    }

    /// Asks the provider again now, also where it was asked too often without an answer.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Conflict`] (it has ended, or is another provider's), [`Error::NoPaymentProvider`].
    pub fn retry_payment(&self, caller: &Caller, company: CompanyId, id: PaymentId) -> Result<Payment> {
        self.order_of(caller, company, id, "retried", Event::RetryOrdered)
    }

    /// Asks the provider to give the payment up. It is cancelled when the provider has said so, and booked where the money was taken.
    ///
    /// # Errors
    /// As [`Office::retry_payment`]; [`Error::Conflict`] (it is paid).
    pub fn cancel_payment(&self, caller: &Caller, company: CompanyId, id: PaymentId) -> Result<Payment> {
        if self.payment_row(caller, company, id)?.state == PaymentState::Paid {
            return Err(Error::Conflict(format!("payment {id} is paid: it is about to be booked")));
        }
        self.order_of(caller, company, id, "cancelled", Event::CancelOrdered)
    }

    fn order_of(
        &self,
        caller: &Caller,
        company: CompanyId,
        id: PaymentId,
        done: &str,
        event: Event,
    ) -> Result<Payment> {
        let payment = self.payment_row(caller, company, id)?;
        let till = self.till()?;
        if !payment.state.is_open() {
            let state = payment.state.as_str();
            return Err(Error::Conflict(format!("payment {id} is {state}: it cannot be {done}")));
        }
        if *payment.provider != *till.provider {
            let (its, ours) = (payment.provider, till.provider);
            return Err(Error::Conflict(format!("payment {id} is with provider {its}, and this node has {ours}")));
        }
        let action = format!("payment_{done}_ordered");
        let entry = store::AuditEntry { action: &action, subject: &id.to_string(), details: "" };
        self.store().note(entry, self.signed(caller))?;
        till.hear(id, event)?;
        Ok(self.shown(self.store().payment(id)?))
    }

    fn payment_row(&self, caller: &Caller, company: CompanyId, id: PaymentId) -> Result<domain::payment::Payment> {
        self.company_row(caller, company)?;
        let payment = self.store().payment(id)?;
        if payment.company == company { Ok(payment) } else { Err(Error::not_found("payment", id)) }
    }
}
