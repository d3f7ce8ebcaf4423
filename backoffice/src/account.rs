//! Business accounts: named, attached to a profile, given an extension (W1, W2, W5-W8).
//!
//! Signing in does not live here yet.

use crate::caller::Caller;
use crate::error::Result;
use crate::number::released;
use crate::office::Office;
use crate::page::{Page, PageAsk};
use crate::text::{Text, nullable};
use domain::{BusinessAccountId, CompanyId, ProfileId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An account to be added.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAccount {
    /// Whose.
    #[schema(value_type = String)]
    pub company: Text<CompanyId>,
    /// Unique in its company: a letter, then letters, digits, dots, hyphens or underscores, at most 32 in all.
    #[schema(example = "sales")]
    pub name: String,
    /// The profile of the company at whose PBX its calls ring; none where none is given.
    #[schema(value_type = Option<String>)]
    pub profile: Option<Text<ProfileId>>,
    /// What the PBX is called by, 1 to 20 of the digits, `*`, `#` and `+`; by the user of its Contact where none is given.
    #[schema(example = "301")]
    pub extension: Option<String>,
}

/// What is to change of an account.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountPatch {
    /// The profile that it is attached to; null detaches it. One that is attached elsewhere is to be detached first.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    pub profile: Option<Option<Text<ProfileId>>>,
    /// What the PBX is called by; null clears it.
    #[serde(default, deserialize_with = "nullable")]
    pub extension: Option<Option<String>>,
}

/// A business account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Account {
    /// Which.
    #[schema(example = "acct_0193a1b2c3d47e8f9a0b1c2d3e4f5061")]
    pub id: String,
    /// Whose.
    pub company: String,
    /// Unique in its company.
    pub name: String,
    /// The profile that it is attached to; null for none.
    pub profile: Option<String>,
    /// What the PBX is called by; null for the user of its Contact.
    pub extension: Option<String>,
    /// RFC 3339.
    pub created_at: String,
}

fn show(account: store::Account) -> Account {
    Account {
        id: account.id.to_string(),
        company: account.company.to_string(),
        name: account.name,
        profile: account.profile.map(|profile| profile.to_string()),
        extension: account.extension,
        created_at: account.created_at.to_string(),
    }
}

impl Office {
    /// Adds an account to a company.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`] (company, profile), [`crate::Error::Invalid`], [`crate::Error::Conflict`] (its name).
    pub fn create_account(&self, caller: &Caller, new: &NewAccount) -> Result<Account> {
        let company = new.company.0;
        caller.may_see(company, "company", company)?;
        let account = store::Account {
            id: self.mint(BusinessAccountId::mint),
            company,
            name: new.name.clone(),
            profile: new.profile.map(|profile| profile.0),
            extension: new.extension.clone(),
            created_at: self.wall(),
        };
        self.store().create_account(&account, self.signed(caller))?;
        self.reload()?;
        Ok(show(account))
    }

    /// Attaches an account, detaches it, or changes its extension; the next call knows.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`] (account, profile), [`crate::Error::Invalid`], [`crate::Error::Conflict`] (attached elsewhere).
    pub fn update_account(&self, caller: &Caller, id: BusinessAccountId, patch: &AccountPatch) -> Result<Account> {
        self.account_row(caller, id)?;
        let patch = store::AccountPatch {
            profile: patch.profile.map(|profile| profile.map(|profile| profile.0)),
            extension: patch.extension.clone(),
        };
        let account = self.store().update_account(id, &patch, self.signed(caller))?;
        self.reload()?;
        Ok(show(account))
    }

    /// Removes an account; its numbers ring nowhere then.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`].
    pub fn delete_account(&self, caller: &Caller, id: BusinessAccountId) -> Result<()> {
        let company = self.account_row(caller, id)?.company;
        let numbers = self.store().numbers(Some(company))?;
        self.store().delete_account(id, self.signed(caller))?;
        let of_account = numbers.iter().filter(|number| number.account == Some(id));
        self.reload_and_tell(&of_account.filter_map(released).collect::<Vec<_>>())
    }

    /// One account.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`].
    pub fn account(&self, caller: &Caller, id: BusinessAccountId) -> Result<Account> {
        Ok(show(self.account_row(caller, id)?))
    }

    /// The accounts that the caller may see, or one company's, in order of identity.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`] (another's company), [`crate::Error::Invalid`] (cursor).
    pub fn accounts(&self, caller: &Caller, company: Option<CompanyId>, ask: &PageAsk) -> Result<Page<Account>> {
        let rows = self.store().accounts(caller.limit_to(company)?)?;
        Page::of_sorted(rows, ask, |account| account.id, |account| Ok(show(account)))
    }

    pub(crate) fn account_row(&self, caller: &Caller, id: BusinessAccountId) -> Result<store::Account> {
        let account = self.store().account(id)?;
        caller.may_see(account.company, "account", id)?;
        Ok(account)
    }
}
