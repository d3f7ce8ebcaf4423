//! Online numbers: added to a company, assigned to a profile, listed, removed (N2, N3, N9).
//!
//! Their fees and inventory do not live here yet.

use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::office::Office;
use crate::page::{Page, PageAsk};
use crate::text::{Text, nullable};
use domain::{BusinessAccountId, CompanyId, E164, Fact, NumberId, ProfileId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A number to be added.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewNumber {
    /// The full international number.
    #[schema(value_type = String, example = "+442079460123")]
    pub number: Text<E164>,
    /// Whose.
    #[schema(value_type = String)]
    pub company: Text<CompanyId>,
    /// The profile of the company that it rings at; nowhere where none is given.
    #[schema(value_type = Option<String>)]
    pub profile: Option<Text<ProfileId>>,
    /// Whether it may be shown as caller ID (L3); yes where nothing is said.
    pub caller_id_allowed: Option<bool>,
}

/// Where a number is to ring, and whether it may be shown; what is absent stays.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NumberPatch {
    /// The profile of the same company; null for nowhere.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    pub profile: Option<Option<Text<ProfileId>>>,
    /// The business account of the same company, wherever that is attached; instead of a profile.
    #[schema(value_type = Option<String>)]
    pub account: Option<Text<BusinessAccountId>>,
    /// Whether it may be shown as caller ID (L3); operators only. Calls that show it go on.
    pub caller_id_allowed: Option<bool>,
}

/// A number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Number {
    /// Which.
    #[schema(example = "numb_0193a1b2c3d47e8f9a0b1c2d3e4f5061")]
    pub id: String,
    /// The number itself.
    #[schema(example = "+442079460123")]
    pub number: String,
    /// Whose.
    pub company: String,
    /// Where it rings; null for nowhere.
    pub profile: Option<String>,
    /// The business account that it belongs to: it rings where that is attached; null for none.
    pub account: Option<String>,
    /// Whether it may be shown as caller ID.
    pub caller_id_allowed: bool,
    /// RFC 3339.
    pub created_at: String,
}

pub(crate) fn show(number: store::Number) -> Number {
    Number {
        id: number.id.to_string(),
        number: number.number.to_string(),
        company: number.company.to_string(),
        profile: number.profile.map(|profile| profile.to_string()),
        account: number.account.map(|account| account.to_string()),
        caller_id_allowed: number.caller_id_allowed,
        created_at: number.created_at.to_string(),
    }
}

/// That a number does not ring any more where it rang; none where it rang nowhere.
pub(crate) fn released(number: &store::Number) -> Option<Fact> {
    let store::Number { id, company, profile, account, .. } = *number;
    let rang = profile.is_some() || account.is_some();
    rang.then_some(Fact::NumberReleased { number: id, company, profile, account })
}

fn assigned(number: &store::Number) -> Option<Fact> {
    let store::Number { id, company, profile, account, .. } = *number;
    let rings = profile.is_some() || account.is_some();
    rings.then_some(Fact::NumberAssigned { number: id, company, profile, account })
}

/// What has happened to a number whose row was one and is another: nothing, where it rings where it rang.
fn moved(before: &store::Number, after: &store::Number) -> Vec<Fact> {
    if (before.profile, before.account) == (after.profile, after.account) {
        return Vec::new();
    }
    released(before).into_iter().chain(assigned(after)).collect()
}

impl Office {
    /// Adds a number to a company.
    ///
    /// # Errors
    /// Operators only; [`crate::Error::NotFound`], [`crate::Error::Invalid`] (another company's profile),
    /// [`crate::Error::Conflict`].
    pub fn create_number(&self, caller: &Caller, new: &NewNumber) -> Result<Number> {
        caller.operator("add numbers")?;
        let number = store::Number {
            id: self.mint(NumberId::mint),
            number: new.number.0,
            company: new.company.0,
            profile: new.profile.map(|profile| profile.0),
            account: None,
            caller_id_allowed: new.caller_id_allowed.unwrap_or(true),
            created_at: self.wall(),
        };
        self.store().create_number(&number, self.signed(caller))?;
        self.reload_and_tell(assigned(&number).as_slice())?;
        Ok(show(number))
    }

    /// Lets a number ring elsewhere, or nowhere (N2, N3), and be shown or not (L3). An empty patch changes nothing.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`], [`crate::Error::Invalid`] (another company's profile); whether it may be shown, operators only.
    pub fn update_number(&self, caller: &Caller, id: NumberId, patch: &NumberPatch) -> Result<Number> {
        let before = self.number_row(caller, id)?;
        let mut number = before.clone();
        if patch.account.is_some() && patch.profile.is_some() {
            return Err(Error::field("/account", "expected either a profile or an account"));
        }
        if patch.caller_id_allowed.is_some() {
            caller.operator("say which numbers may be shown")?;
        }
        if let Some(account) = patch.account {
            self.account_row(caller, account.0)?;
            number = self.store().attach_number(id, account.0, self.signed(caller))?;
        }
        if let Some(profile) = patch.profile {
            let profile = profile.map(|profile| profile.0);
            if let Some(profile) = profile {
                self.profile_row(caller, profile)?;
            }
            number = self.store().assign_number(id, profile, self.signed(caller))?;
        }
        if let Some(allowed) = patch.caller_id_allowed {
            number = self.store().permit_number(id, allowed, self.signed(caller))?;
        }
        self.reload_and_tell(&moved(&before, &number))?;
        Ok(show(number))
    }

    /// Takes a number from its company.
    ///
    /// # Errors
    /// Operators only; [`crate::Error::NotFound`].
    pub fn delete_number(&self, caller: &Caller, id: NumberId) -> Result<()> {
        let number = self.number_row(caller, id)?;
        caller.operator("remove numbers")?;
        self.store().delete_number(id, self.signed(caller))?;
        self.reload_and_tell(released(&number).as_slice())
    }

    /// One number.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`].
    pub fn number(&self, caller: &Caller, id: NumberId) -> Result<Number> {
        Ok(show(self.number_row(caller, id)?))
    }

    /// The numbers that the caller may see, or one company's, in order of identity.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`] (another's company), [`crate::Error::Invalid`] (cursor).
    pub fn numbers(&self, caller: &Caller, company: Option<CompanyId>, ask: &PageAsk) -> Result<Page<Number>> {
        let rows = self.store().numbers(caller.limit_to(company)?)?;
        Page::of_sorted(rows, ask, |number| number.id, |number| Ok(show(number)))
    }

    fn number_row(&self, caller: &Caller, id: NumberId) -> Result<store::Number> {
        let number = self.store().number(id)?;
        caller.may_see(number.company, "number", id)?;
        Ok(number)
    }
}
