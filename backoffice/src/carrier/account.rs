//! Who we are to a carrier that asks, and whether we register there; by operators. The password is never shown.
//!
//! Registering and answering challenges is `switch`'s and `leg`'s.

use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::office::Office;
use domain::CarrierId;
use serde::{Deserialize, Serialize};
use switch::enrolment::{Standing, State};
use utoipa::ToSchema;

/// Seconds that are registered for where nothing is said.
const EXPIRES_S: u32 = 3_600;

/// The name and password by which a carrier knows us.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCarrierAccount {
    /// The user of our address of record there, and of digest: 1 to 128 letters, digits and `-_.!~*()&=+$,`.
    #[schema(example = "acme-trunk")]
    pub username: String,
    /// The user of digest, where the carrier gave another one for it; 1 to 128 bytes.
    pub auth_username: Option<String>,
    /// The only realm whose challenges are answered, 1 to 128 bytes: nobody else is told what proves the password. Any where nothing is
    /// said.
    #[schema(example = "sip.example.net")]
    pub realm: Option<String>,
    /// The password that the carrier gave; 1 to 128 bytes. Absent: the one that is kept.
    pub password: Option<String>,
    /// Whether we register there; no where nothing is said.
    #[serde(default)]
    #[schema(required = false)]
    pub register: bool,
    /// Seconds that are asked for, 60 to 86400; 3600 where nothing is said.
    pub expires_s: Option<u32>,
}

/// Never prints the password.
impl std::fmt::Debug for NewCarrierAccount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "NewCarrierAccount({})", self.username)
    }
}

/// Who we are to a carrier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct CarrierAccount {
    /// The user of our address of record there, and of digest.
    pub username: String,
    /// The user of digest, where it is another; null where it is not.
    pub auth_username: Option<String>,
    /// The only realm whose challenges are answered; null for any.
    pub realm: Option<String>,
    /// Whether we register there.
    pub register: bool,
    /// Seconds that are asked for.
    pub expires_s: u32,
    /// How the registration stands on this node; null where there is none.
    pub registration: Option<CarrierRegistration>,
}

/// How our registration towards a carrier stands on this node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct CarrierRegistration {
    /// `registered`, `registering` (for the first time), or `failed` (it is tried again at `next_at`).
    #[schema(example = "registered")]
    pub state: String,
    /// Since when; RFC 3339.
    pub since: String,
    /// The Contact that the carrier keeps.
    pub contact: Option<String>,
    /// Until when.
    pub expires_at: Option<String>,
    /// When it is refreshed, or tried again.
    pub next_at: Option<String>,
    /// Why the last REGISTER failed, in words.
    pub last_error: Option<String>,
    /// By which proxies it wants our calls (Service-Route, RFC 3608), the nearest first; they are their Route.
    pub service_route: Vec<String>,
}

/// None where the carrier wants none.
pub(super) fn show_registration(standing: Standing) -> Option<CarrierRegistration> {
    (standing.state != State::Off).then(|| CarrierRegistration {
        state: standing.state.as_str().to_owned(),
        since: standing.since.to_string(),
        contact: standing.contact.map(|contact| contact.to_string()),
        expires_at: standing.expires_at.map(|at| at.to_string()),
        next_at: standing.next_at.map(|at| at.to_string()),
        last_error: standing.last_error.map(|error| error.to_string()),
        service_route: standing.service_route.iter().map(ToString::to_string).collect(),
    })
}

impl Office {
    fn show_carrier_account(&self, id: CarrierId, account: store::CarrierAccount) -> CarrierAccount {
        let standing = self.inner.switchboard.carrier_enrolled(id);
        CarrierAccount {
            username: account.user,
            auth_username: account.auth_user,
            realm: account.realm,
            register: account.register,
            expires_s: account.expires_s,
            registration: standing.and_then(show_registration),
        }
    }

    /// Who we are to a carrier.
    ///
    /// # Errors
    /// Operators only; [`Error::NotFound`], also where it never asks.
    pub fn carrier_account(&self, caller: &Caller, id: CarrierId) -> Result<CarrierAccount> {
        caller.operator("see carriers")?;
        let account = self.store().carrier_account(id)?;
        let account = account.ok_or_else(|| Error::NotFound { what: "account of carrier", id: id.to_string() })?;
        Ok(self.show_carrier_account(id, account))
    }

    /// Says who we are to a carrier from now on.
    ///
    /// # Errors
    /// Operators only; [`Error::NotFound`], [`Error::Invalid`].
    pub fn set_carrier_account(
        &self,
        caller: &Caller,
        id: CarrierId,
        new: NewCarrierAccount,
    ) -> Result<CarrierAccount> {
        caller.operator("change carriers")?;
        let new = store::NewCarrierAccount {
            user: new.username,
            auth_user: new.auth_username,
            realm: new.realm,
            password: new.password.map(store::Password::told),
            register: new.register,
            expires_s: new.expires_s.unwrap_or(EXPIRES_S),
        };
        let account = self.store().set_carrier_account(id, &new, self.signed(caller))?;
        self.reload()?;
        Ok(self.show_carrier_account(id, account))
    }

    /// A carrier asks no more.
    ///
    /// # Errors
    /// Operators only; [`Error::NotFound`].
    pub fn delete_carrier_account(&self, caller: &Caller, id: CarrierId) -> Result<()> {
        caller.operator("change carriers")?;
        self.store().delete_carrier_account(id, self.signed(caller))?;
        self.reload()
    }
}
