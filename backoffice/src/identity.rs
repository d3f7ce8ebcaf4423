//! How trunks are spoken to, and whose numbers their calls show: one document of a profile, one of a carrier (I6, L1-L8).
//!
//! The number that is shown by default is a field of the profile itself.

use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::landline::{VerificationName, verification_name};
use crate::office::Office;
use crate::text::Text;
use domain::call_control::Compat;
use domain::{CarrierId, CompanyId, Country, E164, HeaderLine, HeaderPolicy, ProfileId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use store::{LandlineState, Scope};
use utoipa::ToSchema;

/// A header line that is added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddedHeader {
    /// Its name.
    #[schema(example = "X-Tenant")]
    pub name: String,
    /// Its value: one line.
    pub value: String,
}

/// Which headers of INVITEs go to a trunk and come from it. Routes, dialogs, credentials and identities never pass.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Headers {
    /// Sent to this trunk where the other side sends them, besides User-to-User; a name that ends in `*` stands for all that begin so.
    pub allow: Vec<String>,
    /// Neither taken from this trunk nor sent to it.
    pub strip: Vec<String>,
    /// Sent to this trunk with every INVITE, every answer above 100 to one, and every BYE, UPDATE and INFO.
    pub add: Vec<AddedHeader>,
}

/// How a PBX is addressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CompatName {
    /// With everything that this switch knows.
    #[default]
    Standard,
    /// With the few headers of the year 2011, in their order.
    Classic,
}

/// What becomes of a caller ID that a PBX asks for and may not show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SpoofedName {
    /// The profile's own is shown.
    #[default]
    Replace,
    /// The call is refused: 403 `cli_not_allowed`.
    Refuse,
}

/// How a profile's PBX is spoken to, and whose numbers its calls show besides its `caller_id`. What is left out is as usual.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NewProfileIdentity {
    /// How the PBX is addressed.
    pub compat: CompatName,
    /// Shown instead of `caller_id` in calls to a country: `{"GB": "+442079460123"}`. Countries with one calling code share one entry.
    #[schema(value_type = BTreeMap<String, String>)]
    pub by_country: BTreeMap<Text<Country>, Text<E164>>,
    /// Whether nobody is shown; trusted carriers are told, to keep it to themselves.
    pub withheld: bool,
    /// What becomes of a caller ID that the PBX asks for and may not show.
    pub spoofed: SpoofedName,
    /// Which headers pass.
    pub headers: Headers,
}

/// A number that the calls of a profile may show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct UsableCallerId {
    /// The number.
    pub number: String,
    /// `number` (an online number) or `landline`.
    pub kind: &'static str,
}

/// How a profile's PBX is spoken to, whose numbers its calls show, and which they could (L3, L8).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ProfileIdentity {
    /// How the PBX is addressed.
    pub compat: CompatName,
    /// Shown by default; null for nobody.
    pub caller_id: Option<String>,
    /// Shown instead in calls to a country.
    pub by_country: BTreeMap<String, String>,
    /// Whether nobody is shown.
    pub withheld: bool,
    /// What becomes of a caller ID that the PBX asks for and may not show.
    pub spoofed: SpoofedName,
    /// Which headers pass.
    pub headers: Headers,
    /// Whether its company is verified, without which no landline is shown.
    pub company_verification: VerificationName,
    /// What may be chosen: the company's numbers that are fit for it and its landlines.
    pub usable: Vec<UsableCallerId>,
}

/// How a carrier is spoken to. What is left out is as usual.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CarrierIdentity {
    /// Whether it is in our trust domain (RFC 3325): told asserted numbers of callers who stay unknown, and believed in its own.
    pub trusted: bool,
    /// Which headers pass.
    pub headers: Headers,
}

impl Headers {
    fn policy(self) -> HeaderPolicy {
        let names = |names: Vec<String>| names.into_iter().map(Into::into).collect();
        let line = |line: AddedHeader| HeaderLine { name: line.name.into(), value: line.value.into() };
        let add = self.add.into_iter().map(line).collect();
        HeaderPolicy { allow: names(self.allow), strip: names(self.strip), add }
    }

    fn of(policy: &HeaderPolicy) -> Self {
        let names = |names: &[std::sync::Arc<str>]| names.iter().map(ToString::to_string).collect();
        let line = |line: &HeaderLine| AddedHeader { name: line.name.to_string(), value: line.value.to_string() };
        let add = policy.add.iter().map(line).collect();
        Headers { allow: names(&policy.allow), strip: names(&policy.strip), add }
    }
}

impl Office {
    /// How a profile's PBX is spoken to.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn profile_identity(&self, caller: &Caller, id: ProfileId) -> Result<ProfileIdentity> {
        let row = self.profile_row(caller, id)?;
        let manners = self.store().profile_manners(id)?;
        let by_country = manners.by_country.iter().map(|(country, number)| (country.to_string(), number.to_string()));
        Ok(ProfileIdentity {
            compat: match manners.compat {
                Compat::Standard => CompatName::Standard,
                Compat::Classic => CompatName::Classic,
            },
            caller_id: row.caller_id.map(|number| number.to_string()),
            by_country: by_country.collect(),
            withheld: manners.withheld,
            spoofed: if manners.refuse_spoofed { SpoofedName::Refuse } else { SpoofedName::Replace },
            headers: Headers::of(&manners.headers),
            company_verification: verification_name(self.store().verification(row.company)?),
            usable: self.usable_caller_ids(row.company)?,
        })
    }

    /// Says how a profile's PBX is spoken to from now on.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`], [`Error::CompanyNotVerified`] (a landline, A7).
    pub fn set_profile_identity(
        &self,
        caller: &Caller,
        id: ProfileId,
        new: NewProfileIdentity,
    ) -> Result<ProfileIdentity> {
        let row = self.profile_row(caller, id)?;
        for (country, number) in &new.by_country {
            let pointer = format!("/by_country/{}", country.0);
            self.check_shown(row.company, number.0, &pointer)?;
        }
        let manners = store::ProfileManners {
            compat: match new.compat {
                CompatName::Standard => Compat::Standard,
                CompatName::Classic => Compat::Classic,
            },
            by_country: new.by_country.into_iter().map(|(country, number)| (country.0, number.0)).collect(),
            withheld: new.withheld,
            refuse_spoofed: new.spoofed == SpoofedName::Refuse,
            headers: new.headers.policy(),
        };
        self.store().set_profile_manners(id, &manners, self.signed(caller))?;
        self.reload()?;
        self.profile_identity(caller, id)
    }

    /// How a carrier is spoken to.
    ///
    /// # Errors
    /// Operators only; [`Error::NotFound`].
    pub fn carrier_identity(&self, caller: &Caller, id: CarrierId) -> Result<CarrierIdentity> {
        caller.operator("see carriers")?;
        let manners = self.store().carrier_manners(id)?;
        Ok(CarrierIdentity { trusted: manners.trusted, headers: Headers::of(&manners.headers) })
    }

    /// Says how a carrier is spoken to from now on.
    ///
    /// # Errors
    /// Operators only; [`Error::NotFound`], [`Error::Invalid`].
    pub fn set_carrier_identity(
        &self,
        caller: &Caller,
        id: CarrierId,
        new: CarrierIdentity,
    ) -> Result<CarrierIdentity> {
        caller.operator("change carriers")?;
        let manners = store::CarrierManners { trusted: new.trusted, headers: new.headers.policy() };
        self.store().set_carrier_manners(id, &manners, self.signed(caller))?;
        self.reload()?;
        self.carrier_identity(caller, id)
    }

    /// L3: only what may be shown is listed.
    fn usable_caller_ids(&self, company: CompanyId) -> Result<Vec<UsableCallerId>> {
        let is_verified = self.require_verified(company).is_ok();
        let numbers = self.store().numbers(Some(company))?.into_iter().filter(|number| number.caller_id_allowed);
        let landlines = self.store().landlines(Some(company))?.into_iter().filter(|it| match it.state {
            LandlineState::Verified => is_verified,
            LandlineState::Vouched => true,
            LandlineState::Pending | LandlineState::Locked => false,
        });
        let numbers = numbers.map(|it| UsableCallerId { number: it.number.to_string(), kind: "number" });
        Ok(numbers
            .chain(landlines.map(|it| UsableCallerId { number: it.number.to_string(), kind: "landline" }))
            .collect())
    }

    /// L3, L5, A7: a number of the company that is fit for it, or a landline that it has proven to have.
    fn check_shown(&self, company: CompanyId, wanted: E164, pointer: &str) -> Result<()> {
        if self.usable_caller_ids(company)?.iter().any(|usable| usable.number == wanted.to_string()) {
            return Ok(());
        }
        let mut landlines = self.store().landlines(Some(company))?.into_iter();
        if landlines.any(|it| it.number == wanted && it.state == LandlineState::Verified) {
            self.require_verified(company)?;
        }
        let problem =
            format!("{wanted} is neither a number of {company} that may be shown nor a verified landline of it");
        Err(Error::field(pointer, problem))
    }

    /// The number that a profile shows by default: a company may choose what is its own only; an operator answers for what he sets.
    pub(crate) fn check_caller_id(&self, caller: &Caller, company: CompanyId, wanted: Option<E164>) -> Result<()> {
        match (caller.scope, wanted) {
            (Scope::Company(_), Some(wanted)) => self.check_shown(company, wanted, "/caller_id"),
            (Scope::Company(_), None) | (Scope::Operator, _) => Ok(()),
        }
    }
}
