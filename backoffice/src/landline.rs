//! Landlines that a company may show as caller ID, and whether the company is verified at all (A7, L1, L4).
//!
//! Which state follows which is the store's.

use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::office::Office;
use crate::page::{Page, PageAsk};
use crate::text::Text;
use domain::{CompanyId, E164, LandlineId};
use serde::{Deserialize, Serialize};
use store::landline::PIN_DIGITS;
use store::{LandlineState, PinSaid, Scope, Verification};
use utoipa::ToSchema;

/// A landline to be added.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewLandline {
    /// Whose.
    #[schema(value_type = String)]
    pub company: Text<CompanyId>,
    /// The full international number.
    #[schema(value_type = String, example = "+442079460123")]
    pub number: Text<E164>,
}

/// The PIN that was told over the line.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SaidPin {
    /// Six digits.
    #[schema(example = "271828")]
    pub pin: String,
}

/// A landline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Landline {
    /// Which.
    #[schema(example = "land_0193a1b2c3d47e8f9a0b1c2d3e4f5061")]
    pub id: String,
    /// Whose.
    pub company: String,
    /// The number.
    pub number: String,
    /// `pending` (its PIN is to be said), `verified`, `locked` (wrong PINs; ask for a new one) or `vouched` (an operator answers for
    /// it).
    pub state: String,
    /// The PIN to be told over the line; operators see it, and only while it is good.
    pub pin: Option<String>,
    /// Until when the PIN is good (RFC 3339).
    pub pin_until: Option<String>,
    /// RFC 3339.
    pub created_at: String,
}

/// Whether a company is verified, in the API's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum VerificationName {
    /// Nobody has asked.
    None,
    /// An operator is to look.
    Pending,
    /// It is who it says it is.
    Verified,
    /// It is not, or has not shown it.
    Rejected,
}

/// Whether a company is verified (A7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CompanyVerification {
    /// How far it has come. A company may ask (`pending`); the rest is an operator's to say.
    pub state: VerificationName,
}

pub(crate) const fn verification_name(state: Verification) -> VerificationName {
    match state {
        Verification::None => VerificationName::None,
        Verification::Pending => VerificationName::Pending,
        Verification::Verified => VerificationName::Verified,
        Verification::Rejected => VerificationName::Rejected,
    }
}

fn show(caller: &Caller, landline: store::Landline) -> Landline {
    let pin = landline.pin.filter(|_| caller.scope == Scope::Operator);
    Landline {
        id: landline.id.to_string(),
        company: landline.company.to_string(),
        number: landline.number.to_string(),
        state: landline.state.as_str().to_owned(),
        pin_until: pin.as_ref().map(|(_, until)| until.to_string()),
        pin: pin.map(|(pin, _)| pin),
        created_at: landline.created_at.to_string(),
    }
}

impl Office {
    /// A PIN of chance. Every one is as likely as any other, but for one part in ten billion.
    fn pin(&self) -> String {
        let chance = self.mint(|_, entropy| entropy.next_u64());
        format!("{:0width$}", chance % 10u64.pow(PIN_DIGITS as u32), width = PIN_DIGITS)
    }

    /// Adds a landline to the book of a verified company; an operator tells the PIN over that very line (L4).
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::CompanyNotVerified`] (A7), [`Error::Conflict`] (there already).
    pub fn create_landline(&self, caller: &Caller, new: &NewLandline) -> Result<Landline> {
        let company = new.company.0;
        caller.may_see(company, "company", company)?;
        self.require_verified(company)?;
        let mut landline = store::Landline {
            id: self.mint(LandlineId::mint),
            company,
            number: new.number.0,
            state: LandlineState::Pending,
            pin: None,
            tries: 0,
            created_at: self.wall(),
        };
        landline.renew(self.pin(), self.wall());
        self.store().create_landline(&landline, self.signed(caller))?;
        self.reload()?;
        Ok(show(caller, landline))
    }

    /// Makes a new PIN for a landline that is not verified.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Conflict`] (it is verified).
    pub fn renew_landline_pin(&self, caller: &Caller, id: LandlineId) -> Result<Landline> {
        self.landline_row(caller, id)?;
        let (pin, now) = (self.pin(), self.wall());
        let (landline, renewed) =
            self.store().update_landline(id, "landline_pin_renewed", self.signed(caller), |it| it.renew(pin, now))?;
        if !renewed {
            return Err(Error::Conflict(format!(
                "{} is {} and needs no PIN",
                landline.number,
                landline.state.as_str()
            )));
        }
        Ok(show(caller, landline))
    }

    /// Hears the PIN that was told over the line: the right one verifies it.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`] (a wrong PIN), [`Error::Conflict`] (there is none to be said).
    pub fn verify_landline(&self, caller: &Caller, id: LandlineId, said: &SaidPin) -> Result<Landline> {
        self.landline_row(caller, id)?;
        let now = self.wall();
        let (landline, heard) =
            self.store().update_landline(id, "landline_pin_said", self.signed(caller), |it| it.hear(&said.pin, now))?;
        self.reload()?;
        match heard {
            PinSaid::Right => Ok(show(caller, landline)),
            PinSaid::Wrong(left) => Err(Error::field("/pin", format!("this is not the PIN; {left} tries are left"))),
            PinSaid::NotNow(LandlineState::Pending) => {
                Err(Error::Conflict(format!("the PIN of {} is too old: ask for a new one", landline.number)))
            }
            PinSaid::NotNow(state) => {
                Err(Error::Conflict(format!("{} is {} and waits for no PIN", landline.number, state.as_str())))
            }
        }
    }

    /// Takes a landline out of the book; calls that show it show something else from now on (L7).
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn delete_landline(&self, caller: &Caller, id: LandlineId) -> Result<()> {
        self.landline_row(caller, id)?;
        self.store().delete_landline(id, self.signed(caller))?;
        self.reload()
    }

    /// One landline.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn landline(&self, caller: &Caller, id: LandlineId) -> Result<Landline> {
        Ok(show(caller, self.landline_row(caller, id)?))
    }

    /// The landlines that the caller may see, or one company's, in order of identity.
    ///
    /// # Errors
    /// [`Error::NotFound`] (another's company), [`Error::Invalid`] (cursor).
    pub fn landlines(&self, caller: &Caller, company: Option<CompanyId>, ask: &PageAsk) -> Result<Page<Landline>> {
        let rows = self.store().landlines(caller.limit_to(company)?)?;
        Page::of_sorted(rows, ask, |landline| landline.id, |landline| Ok(show(caller, landline)))
    }

    /// Whether a company is verified.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn verification(&self, caller: &Caller, id: CompanyId) -> Result<CompanyVerification> {
        caller.may_see(id, "company", id)?;
        Ok(CompanyVerification { state: verification_name(self.store().verification(id)?) })
    }

    /// Says whether a company is verified; a company itself may only ask for it (A7).
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::OperatorOnly`].
    pub fn set_verification(
        &self,
        caller: &Caller,
        id: CompanyId,
        to: CompanyVerification,
    ) -> Result<CompanyVerification> {
        caller.may_see(id, "company", id)?;
        let may_ask = matches!(self.store().verification(id)?, Verification::None | Verification::Rejected);
        if to.state != VerificationName::Pending || !may_ask {
            caller.operator("say whether a company is verified")?;
        }
        let state = match to.state {
            VerificationName::None => Verification::None,
            VerificationName::Pending => Verification::Pending,
            VerificationName::Verified => Verification::Verified,
            VerificationName::Rejected => Verification::Rejected,
        };
        self.store().set_verification(id, state, self.signed(caller))?;
        self.reload()?;
        Ok(to)
    }

    pub(crate) fn require_verified(&self, company: CompanyId) -> Result<()> {
        match self.store().verification(company)? {
            Verification::Verified => Ok(()),
            _ => Err(Error::CompanyNotVerified(company)),
        }
    }

    fn landline_row(&self, caller: &Caller, id: LandlineId) -> Result<store::Landline> {
        let landline = self.store().landline(id)?;
        caller.may_see(landline.company, "landline", id)?;
        Ok(landline)
    }
}
