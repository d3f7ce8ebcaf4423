//! Moving credit: into a company, from it to a profile, and back (A3, K1, K5).
//!
//! Recharges by themselves are the switch's (K6). That nobody overdraws, and that nothing held is taken, is the ledger's.

use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::office::Office;
use crate::once::{Given, Order};
use crate::posting::{after, company_money, post, profile_money, too_little, world_money};
use crate::text::Text;
use domain::credit::{Account, Balance, Batch, BatchId, Code, Memo, Outcome, RefusedBecause};
use domain::{CompanyId, Currency, Micros, ProfileId};
use ledger::{Lines, StatementQuery};
use serde::{Deserialize, Serialize};
use store::AuditEntry;
use utoipa::ToSchema;

/// An amount that moves at once at most.
pub const AMOUNT_MAX: Micros = Micros::new(1_000_000_000_000_000);
/// Characters of a reason at most.
pub const REASON_CHARS_MAX: usize = 500;
/// How often taking back everything is tried anew while calls hold and release beside it.
const ATTEMPTS_MAX: u64 = 8;
/// Lines of a statement in which the outcome of a lost answer is looked for.
const LOOKED_BACK: usize = 1_000;

/// What an account has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Credit {
    /// Of all three.
    #[schema(example = "USD")]
    pub currency: String,
    /// Everything that is its own, held or not.
    #[schema(example = "95.05")]
    pub balance: String,
    /// Held for calls that are up.
    #[schema(example = "0.02")]
    pub held: String,
    /// What may be spent or taken back now: `balance` less `held`.
    #[schema(example = "95.03")]
    pub available: String,
}

impl Credit {
    pub(crate) fn of(balance: Balance, currency: Currency) -> Credit {
        let text = |micros: i64| Micros::new(micros).to_string();
        Credit {
            currency: currency.to_string(),
            balance: text(balance.posted),
            held: text(balance.held),
            available: text(balance.available()),
        }
    }
}

/// Credit to be added to a company.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TopUp {
    /// More than 0, in the company's currency.
    #[schema(value_type = String, example = "100.00")]
    pub amount: Text<Micros>,
    /// For the statement; at most 500 characters.
    #[schema(example = "invoice 2026-11-017")]
    pub reason: Option<String>,
}

/// Credit to be moved from the company to a profile.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Allocation {
    /// More than 0, in the company's currency.
    #[schema(value_type = String, example = "10.00")]
    pub amount: Text<Micros>,
}

/// Credit to be moved from a profile back to the company.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TakeBack {
    /// More than 0; everything that is available where none is given (K5, D-07). What is held stays.
    #[schema(value_type = Option<String>, example = "5.00")]
    pub amount: Option<Text<Micros>>,
}

/// Credit that was moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Moved {
    /// Why: `topup`, `allocate`, `take_back`.
    pub code: String,
    /// How much.
    #[schema(example = "10.00")]
    pub amount: String,
    /// Of the amount.
    pub currency: String,
    /// Of whom.
    pub company: String,
    /// What the company has after it.
    pub company_credit: Credit,
    /// The profile, where one is concerned.
    pub profile: Option<String>,
    /// What the profile has after it.
    pub profile_credit: Option<Credit>,
}

/// One movement between two accounts, for one order.
struct Movement<'a> {
    subject: u128,
    company: CompanyId,
    currency: Currency,
    profile: Option<ProfileId>,
    debit: Account,
    credit: Account,
    code: Code,
    note: Option<&'a str>,
}

impl Movement<'_> {
    fn batch(&self, office: &Office, sequence: u64, amount: Micros) -> Batch {
        Batch {
            id: BatchId { subject: self.subject, sequence },
            company: self.company,
            at: office.wall(),
            transfers: vec![post(self.debit, self.credit, amount.get(), self.code)],
            memo: self.note.map(|note| Memo::Note(note.into())),
        }
    }

    fn moved(&self, office: &Office, amount: Micros, balances: &[(Account, Balance)]) -> Moved {
        let credit = |account| {
            let balance = after(balances, account).unwrap_or_else(|| office.balance(account));
            Credit::of(balance, self.currency)
        };
        Moved {
            code: self.code.as_str().to_owned(),
            amount: amount.to_string(),
            currency: self.currency.to_string(),
            company: self.company.to_string(),
            company_credit: credit(company_money(self.company, self.currency)),
            profile: self.profile.map(|profile| profile.to_string()),
            profile_credit: self.profile.map(|id| credit(profile_money(self.company, id, self.currency))),
        }
    }
}

fn checked(amount: Micros) -> Result<Micros> {
    if amount.is_positive() && amount <= AMOUNT_MAX {
        return Ok(amount);
    }
    let problem = format!("{amount} cannot be moved: expected more than 0 and at most {AMOUNT_MAX}");
    Err(Error::field("/amount", problem))
}

fn checked_reason(reason: Option<&str>) -> Result<Option<&str>> {
    match reason {
        Some(text) if text.chars().count() > REASON_CHARS_MAX || text.chars().any(char::is_control) => {
            Err(Error::field("/reason", format!("expected at most {REASON_CHARS_MAX} printable characters")))
        }
        reason => Ok(reason.filter(|text| !text.is_empty())),
    }
}

impl Office {
    /// Adds credit to a company, from outside (A3). Recharges that failed are then tried again.
    ///
    /// # Errors
    /// Operators only; [`Error::NotFound`], [`Error::Invalid`], [`Error::KeyReused`], [`Error::LedgerUnavailable`].
    pub fn add_credit(&self, caller: &Caller, id: CompanyId, ask: &TopUp, order: &Order) -> Result<Given> {
        let company = self.company_row(caller, id)?;
        caller.operator("add credit")?;
        let (amount, note) = (checked(ask.amount.0)?, checked_reason(ask.reason.as_deref())?);
        let currency = company.currency;
        let given = self.once(caller, order, |subject| {
            let (debit, credit) = (world_money(id, currency), company_money(id, currency));
            let movement =
                Movement { subject, company: id, currency, profile: None, debit, credit, code: Code::TopUp, note };
            let moved = self.move_once(&movement, amount)?;
            self.note_moved(caller, "credit_added", &id.to_string(), &moved)?;
            Ok(moved)
        })?;
        self.inner.switchboard.company_topped_up(id);
        Ok(given)
    }

    /// Moves credit from the company to a profile (K1). Calls of it that are on their final unit are then prolonged (K4).
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`], [`Error::KeyReused`], [`Error::LedgerUnavailable`]. Too little credit is an answer,
    /// with status 402.
    pub fn allocate_credit(&self, caller: &Caller, id: ProfileId, ask: &Allocation, order: &Order) -> Result<Given> {
        let profile = self.profile_row(caller, id)?;
        let amount = checked(ask.amount.0)?;
        let (company, currency) = (profile.company, profile.currency);
        let (debit, credit) = (company_money(company, currency), profile_money(company, id, currency));
        let given = self.once(caller, order, |subject| {
            let code = Code::Allocate;
            let movement = Movement { subject, company, currency, profile: Some(id), debit, credit, code, note: None };
            let moved = self.move_once(&movement, amount)?;
            self.note_moved(caller, "credit_allocated", &id.to_string(), &moved)?;
            Ok(moved)
        })?;
        if self.store().follow_first_credit(id, amount, self.signed(caller))? {
            self.reload()?;
        }
        self.inner.switchboard.profile_credited(id);
        Ok(given)
    }

    /// Moves credit from a profile back to the company; never what is held (K5).
    ///
    /// # Errors
    /// As [`Office::allocate_credit`].
    pub fn take_back_credit(&self, caller: &Caller, id: ProfileId, ask: &TakeBack, order: &Order) -> Result<Given> {
        let profile = self.profile_row(caller, id)?;
        let amount = ask.amount.map(|amount| checked(amount.0)).transpose()?;
        let (company, currency) = (profile.company, profile.currency);
        let (debit, credit) = (profile_money(company, id, currency), company_money(company, currency));
        self.once(caller, order, |subject| {
            let code = Code::TakeBack;
            let movement = Movement { subject, company, currency, profile: Some(id), debit, credit, code, note: None };
            let moved = match amount {
                Some(amount) => self.move_once(&movement, amount)?,
                None => self.take_everything(&movement)?,
            };
            self.note_moved(caller, "credit_taken_back", &id.to_string(), &moved)?;
            Ok(moved)
        })
    }

    fn move_once(&self, movement: &Movement<'_>, amount: Micros) -> Result<Moved> {
        match self.submit(movement.batch(self, 1, amount)) {
            Outcome::Applied(balances) => Ok(movement.moved(self, amount, &balances)),
            Outcome::Refused(refusal) => Err(refused(movement, amount, refusal.because)),
            Outcome::Unavailable | Outcome::Replayed(_) => Err(Error::LedgerUnavailable),
        }
    }

    /// Everything that is available, while calls hold and release beside it. Each attempt is a batch of its own, made only after
    /// the one before is known to be refused, so at most one is applied.
    fn take_everything(&self, movement: &Movement<'_>) -> Result<Moved> {
        for attempt in 1..=ATTEMPTS_MAX {
            let available = Micros::new(self.balance(movement.debit).available().max(0));
            match self.submit(movement.batch(self, attempt, available)) {
                Outcome::Applied(balances) => return Ok(movement.moved(self, available, &balances)),
                Outcome::Refused(refusal) => match refusal.because {
                    RefusedBecause::InsufficientFunds { .. } => {}
                    // This attempt was made before a crash, with what was available then.
                    RefusedBecause::DifferentBody => {
                        if let Some(moved) = self.taken_before(movement)? {
                            return Ok(moved);
                        }
                    }
                    other => return Err(refused(movement, available, other)),
                },
                Outcome::Unavailable | Outcome::Replayed(_) => return Err(Error::LedgerUnavailable),
            }
        }
        Err(Error::LedgerUnavailable)
    }

    /// The movement of an order whose answer was lost in a crash.
    fn taken_before(&self, movement: &Movement<'_>) -> Result<Option<Moved>> {
        let query = StatementQuery {
            company: movement.company,
            account: Some(movement.debit),
            lines: Lines::Posted,
            before: None,
            after: 0,
            limit: LOOKED_BACK,
        };
        let page = self.inner.ledger.statement(&query)?;
        let line = page.lines.iter().find(|line| line.batch.subject == movement.subject);
        Ok(line.map(|line| movement.moved(self, Micros::new(line.amount), &[])))
    }

    fn note_moved(&self, caller: &Caller, action: &str, subject: &str, moved: &Moved) -> Result<()> {
        let details = format!("{} {}", moved.currency, moved.amount);
        self.store().note(AuditEntry { action, subject, details: &details }, self.signed(caller))?;
        Ok(())
    }
}

fn refused(movement: &Movement<'_>, amount: Micros, because: RefusedBecause) -> Error {
    match because {
        RefusedBecause::InsufficientFunds { available, .. } => {
            let (whose, remedy) = match movement.code {
                Code::TakeBack => ("the profile", "take back less; what calls hold cannot be taken"),
                _ => ("the company", "add credit to the company first"),
            };
            too_little(whose, amount, available, movement.currency, remedy)
        }
        RefusedBecause::DifferentBody => Error::KeyReused(String::new()),
        RefusedBecause::Overflow => Error::field("/amount", "the balance would become too large: move less"),
        other => Error::Internal(format!("the ledger refused: {other:?}")),
    }
}
