//! Companies: created, read, listed and changed (A1, A3, A4).
//!
//! Moving their money is in [`crate::credit`].

use crate::caller::Caller;
use crate::credit::Credit;
use crate::error::Result;
use crate::office::Office;
use crate::page::{Page, PageAsk};
use crate::posting::company_money;
use crate::text::{Text, nullable};
use domain::{CompanyId, Currency};
use serde::{Deserialize, Serialize};
use store::Country;
use utoipa::ToSchema;

/// A company to be created.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCompany {
    /// 1 to 100 characters.
    #[schema(example = "Aperture Bakery")]
    pub name: String,
    /// ISO 3166-1 alpha-2 code of where its branch is: decides emergency numbers and what ten digits mean.
    #[schema(value_type = String, example = "US")]
    pub country: Text<Country>,
    /// ISO 4217 code of all its money; cannot be changed later.
    #[schema(value_type = String, example = "USD")]
    pub currency: Text<Currency>,
    /// An IANA time zone; `UTC` where none is given.
    #[schema(example = "America/New_York")]
    pub timezone: Option<String>,
    /// The name of the deck that its calls are charged by; the first one in force in its currency where none is given.
    pub deck: Option<String>,
}

/// What to change of a company; what is absent stays.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CompanyPatch {
    /// 1 to 100 characters.
    pub name: Option<String>,
    /// ISO 3166-1 alpha-2 code.
    #[schema(value_type = Option<String>)]
    pub country: Option<Text<Country>>,
    /// An IANA time zone.
    pub timezone: Option<String>,
    /// Whether it is stopped: its profiles neither register nor call.
    pub suspended: Option<bool>,
    /// The name of a deck; null for the first one in force in its currency.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    pub deck: Option<Option<String>>,
}

/// A company.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Company {
    /// Which.
    #[schema(example = "comp_0193a1b2c3d47e8f9a0b1c2d3e4f5061")]
    pub id: String,
    /// For people.
    pub name: String,
    /// Where its branch is.
    pub country: String,
    /// Of all its money.
    pub currency: String,
    /// Months of its reports begin by it.
    pub timezone: String,
    /// Whether it is stopped.
    pub suspended: bool,
    /// The deck that it names, if any.
    pub deck: Option<String>,
    /// RFC 3339.
    pub created_at: String,
    /// Its own balance, from which profiles are recharged (A3).
    pub credit: Credit,
}

impl Office {
    /// Creates a company.
    ///
    /// # Errors
    /// Operators only; [`crate::Error::Invalid`], [`crate::Error::NotFound`] (the deck).
    pub fn create_company(&self, caller: &Caller, new: NewCompany) -> Result<Company> {
        caller.operator("create companies")?;
        let company = store::Company {
            id: self.mint(CompanyId::mint),
            name: new.name,
            country: new.country.0,
            currency: new.currency.0,
            timezone: new.timezone.unwrap_or_else(|| "UTC".to_owned()),
            suspended: false,
            deck: new.deck,
            created_at: self.wall(),
        };
        self.store().create_company(&company, self.signed(caller))?;
        self.reload()?;
        Ok(self.show_company(company))
    }

    /// Changes a company.
    ///
    /// # Errors
    /// Operators only; [`crate::Error::NotFound`], [`crate::Error::Invalid`].
    pub fn update_company(&self, caller: &Caller, id: CompanyId, patch: CompanyPatch) -> Result<Company> {
        caller.may_see(id, "company", id)?;
        caller.operator("change companies")?;
        let patch = store::CompanyPatch {
            name: patch.name,
            country: patch.country.map(|country| country.0),
            timezone: patch.timezone,
            suspended: patch.suspended,
            deck: patch.deck,
        };
        let company = self.store().update_company(id, &patch, self.signed(caller))?;
        self.reload()?;
        Ok(self.show_company(company))
    }

    /// One company.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`].
    pub fn company(&self, caller: &Caller, id: CompanyId) -> Result<Company> {
        Ok(self.show_company(self.company_row(caller, id)?))
    }

    /// The companies that the caller may see, in order of identity.
    ///
    /// # Errors
    /// [`crate::Error::Invalid`] (cursor).
    pub fn companies(&self, caller: &Caller, ask: &PageAsk) -> Result<Page<Company>> {
        let mut rows = self.store().companies()?;
        rows.retain(|company| caller.sees(company.id));
        Page::of_sorted(rows, ask, |company| company.id, |company| Ok(self.show_company(company)))
    }

    /// The row of a company that the caller may see.
    pub(crate) fn company_row(&self, caller: &Caller, id: CompanyId) -> Result<store::Company> {
        caller.may_see(id, "company", id)?;
        Ok(self.store().company(id)?)
    }

    fn show_company(&self, company: store::Company) -> Company {
        let balance = self.balance(company_money(company.id, company.currency));
        Company {
            id: company.id.to_string(),
            name: company.name,
            country: company.country.to_string(),
            currency: company.currency.to_string(),
            timezone: company.timezone,
            suspended: company.suspended,
            deck: company.deck,
            created_at: company.created_at.to_string(),
            credit: Credit::of(balance, company.currency),
        }
    }
}
