//! SIP profiles (P1): credentials, channels, caller ID and rules of one PBX.
//!
//! Credit does not live here (it is the ledger's), nor bindings (they are `switch`'s), nor rounding of channels (C3, back office).

mod row;

pub(crate) use self::row::{all_with_ha1, get};

use self::row::{SELECT, from_row, insert, update};
use crate::carrier::Address;
use crate::{Error, Ha1Maker, Password, Result, Signed, Store, checks, company, landline, sip_user, source};
use domain::advice::AdviceOfCharge;
use domain::credit_failure::CreditFailure;
use domain::dtmf::DtmfPolicy;
use domain::fax::FaxPolicy;
use domain::fraud::{FraudRules, FraudTerms};
use domain::srtp::SrtpPolicy;
use domain::{
    Caps, CertificateName, CompanyId, Currency, E164, Entropy, LandlineId, Micros, ProfileId, Wall, WarnBefore,
};
use rusqlite::Connection;
use std::net::SocketAddr;

/// Channels of a profile at most; what a customer may have is a setting below this (C2).
pub const CHANNELS_MAX: u16 = 10_000;
/// Source addresses of a profile at most.
pub const SOURCES_MAX: usize = 32;
/// Names in client certificates of a profile, or of a carrier, at most.
pub const CERTIFICATES_MAX: usize = 32;
/// Calls a second at most that a profile can be limited to.
const CALLS_PER_SECOND_MAX: u32 = 10_000;

/// Whether a profile may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProfileState {
    /// It may, as far as its channels go: without any it registers, and every call is refused (P7).
    Active,
    /// An operator has stopped it: it neither registers nor calls.
    Suspended,
}

impl ProfileState {
    /// The word in the database and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            ProfileState::Active => "active",
            ProfileState::Suspended => "suspended",
        }
    }
}

/// Why a text is no state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a profile state: expected active or suspended")]
pub struct NotAState(pub String);

impl std::str::FromStr for ProfileState {
    type Err = NotAState;
    fn from_str(text: &str) -> std::result::Result<Self, NotAState> {
        match text {
            "active" => Ok(ProfileState::Active),
            "suspended" => Ok(ProfileState::Suspended),
            _ => Err(NotAState(text.chars().take(64).collect())),
        }
    }
}

/// Whom the To of an incoming call names (I4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IncomingTo {
    /// The number that was called.
    #[default]
    CalledNumber,
    /// The profile's SIP user.
    SipUsername,
}

impl IncomingTo {
    /// The word in the database and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            IncomingTo::CalledNumber => "called_number",
            IncomingTo::SipUsername => "sip_username",
        }
    }
}

/// Why a text does not say whom To names.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not what To may name: expected called_number or sip_username")]
pub struct NotAnIncomingTo(pub String);

impl std::str::FromStr for IncomingTo {
    type Err = NotAnIncomingTo;
    fn from_str(text: &str) -> std::result::Result<Self, NotAnIncomingTo> {
        match text {
            "called_number" => Ok(IncomingTo::CalledNumber),
            "sip_username" => Ok(IncomingTo::SipUsername),
            _ => Err(NotAnIncomingTo(text.chars().take(64).collect())),
        }
    }
}

/// How a PBX proves that it is this profile's (S1); both ways may be on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProfileAuth {
    /// By SIP user and password.
    pub registration: bool,
    /// By the address and port that its requests come from (S3); several profiles may share one (S5). At most
    /// [`SOURCES_MAX`], unique.
    pub sources: Vec<SocketAddr>,
    /// By a name in the client certificate that it connects with (RFC 5922 7.1); nobody else's. At most [`CERTIFICATES_MAX`], unique.
    pub certificates: Vec<CertificateName>,
}

/// Recharging by itself from the company's balance (K6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AutoRecharge {
    /// How much; above zero.
    pub amount: Micros,
    /// When at most this much is available; not below zero.
    pub threshold: Micros,
}

/// A profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Which.
    pub id: ProfileId,
    /// Whose.
    pub company: CompanyId,
    /// The company's currency.
    pub currency: Currency,
    /// For people (P4), 1 to 100 characters.
    pub name: String,
    /// The SIP user; unique, for ever (P2, P3).
    pub sip_user: String,
    /// Whether it may be used.
    pub state: ProfileState,
    /// Calls at one time, 0 to [`CHANNELS_MAX`]; 0 without a subscription (P7).
    pub channels: u16,
    /// Calls that its PBX may place in any second, 1 to 10,000; none for what the node's settings say.
    pub calls_per_second: Option<u32>,
    /// How its PBX proves itself.
    pub auth: ProfileAuth,
    /// Where its PBX is called while it is not registered, as a carrier's address; none for the first of `auth.sources`.
    pub contact: Option<Address>,
    /// The number shown to who is called, where one is.
    pub caller_id: Option<E164>,
    /// Recharging by itself, where it is on.
    pub auto_recharge: Option<AutoRecharge>,
    /// Whether a dialled number must begin with `+` (S6, D-16).
    pub require_plus: bool,
    /// Whom the To of its incoming calls names (I4).
    pub incoming_to: IncomingTo,
    /// How much its sound is to be secured.
    pub srtp: SrtpPolicy,
    /// What it does about fax over T.38.
    pub t38: FaxPolicy,
    /// How its side hears keys.
    pub dtmf: DtmfPolicy,
    /// Whether its PBX is told in SIP what its calls cost.
    pub advice: AdviceOfCharge,
    /// What its calls do while the ledger cannot answer.
    pub credit_failure: CreditFailure,
    /// What a call of it may cost at most.
    pub caps: Caps,
    /// Its rules against fraud, and whether one of them has stopped it.
    pub fraud: FraudTerms,
    /// Whether its daily cap is the one that it was made with, which the first credit raises (D-16).
    pub daily_cap_follows: bool,
    /// Who released it last.
    pub released_by: Option<String>,
    /// When its callers are warned before the credit ends; none for what the node's settings say.
    pub warn_before: Option<WarnBefore>,
    /// When it was created.
    pub created_at: Wall,
}

/// A profile to be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewProfile {
    /// Which.
    pub id: ProfileId,
    /// Whose.
    pub company: CompanyId,
    /// For people.
    pub name: String,
    /// A SIP user brought along from elsewhere, 8 to 20 digits; the next free one of ours where there is none.
    pub sip_user: Option<String>,
    /// Calls at one time.
    pub channels: u16,
    /// Calls that its PBX may place in any second.
    pub calls_per_second: Option<u32>,
    /// How its PBX proves itself.
    pub auth: ProfileAuth,
    /// Where its PBX is called while it is not registered.
    pub contact: Option<Address>,
    /// The number shown to who is called.
    pub caller_id: Option<E164>,
    /// Recharging by itself.
    pub auto_recharge: Option<AutoRecharge>,
    /// Whether a dialled number must begin with `+`.
    pub require_plus: bool,
    /// Whom the To of its incoming calls names.
    pub incoming_to: IncomingTo,
    /// How much its sound is to be secured.
    pub srtp: SrtpPolicy,
    /// What it does about fax over T.38.
    pub t38: FaxPolicy,
    /// How its side hears keys.
    pub dtmf: DtmfPolicy,
    /// Whether its PBX is told in SIP what its calls cost.
    pub advice: AdviceOfCharge,
    /// What its calls do while the ledger cannot answer.
    pub credit_failure: CreditFailure,
    /// What a call of it may cost at most.
    pub caps: Caps,
    /// Its rules against fraud.
    pub fraud_rules: FraudRules,
    /// Whether its first credit raises its daily cap (D-16).
    pub daily_cap_follows: bool,
    /// When its callers are warned before the credit ends.
    pub warn_before: Option<WarnBefore>,
}

/// What may be changed of a profile; `None` leaves it. For fields that may be empty, the inner `None` empties.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProfilePatch {
    /// For people (P4).
    pub name: Option<String>,
    /// Whether it may be used.
    pub state: Option<ProfileState>,
    /// Calls at one time.
    pub channels: Option<u16>,
    /// Calls that its PBX may place in any second.
    pub calls_per_second: Option<Option<u32>>,
    /// How its PBX proves itself.
    pub auth: Option<ProfileAuth>,
    /// Where its PBX is called while it is not registered.
    pub contact: Option<Option<Address>>,
    /// The number shown to who is called.
    pub caller_id: Option<Option<E164>>,
    /// Recharging by itself.
    pub auto_recharge: Option<Option<AutoRecharge>>,
    /// Whether a dialled number must begin with `+`.
    pub require_plus: Option<bool>,
    /// Whom the To of its incoming calls names.
    pub incoming_to: Option<IncomingTo>,
    /// How much its sound is to be secured.
    pub srtp: Option<SrtpPolicy>,
    /// What it does about fax over T.38.
    pub t38: Option<FaxPolicy>,
    /// How its side hears keys.
    pub dtmf: Option<DtmfPolicy>,
    /// Whether its PBX is told in SIP what its calls cost.
    pub advice: Option<AdviceOfCharge>,
    /// What its calls do while the ledger cannot answer.
    pub credit_failure: Option<CreditFailure>,
    /// The dearest rate a minute.
    pub max_rate: Option<Option<Micros>>,
    /// The dearest call.
    pub max_call_cost: Option<Option<Micros>>,
    /// When its callers are warned before the credit ends.
    pub warn_before: Option<Option<WarnBefore>>,
}

fn check(profile: &Profile) -> Result<()> {
    checks::name("name", &profile.name)?;
    checks::within("channels", u32::from(profile.channels), 0, u32::from(CHANNELS_MAX))?;
    if let Some(calls_per_second) = profile.calls_per_second {
        checks::within("calls_per_second", calls_per_second, 1, CALLS_PER_SECOND_MAX)?;
    }
    check_auth(&profile.auth)?;
    let caps = [("max_rate", profile.caps.max_rate), ("max_call_cost", profile.caps.max_call_cost)];
    for (field, most) in caps {
        if let Some(most) = most.filter(|most| !most.is_positive()) {
            return Err(Error::invalid(field, format!("{most} permits no call: expected more than 0")));
        }
    }
    match profile.auto_recharge {
        Some(recharge) if !recharge.amount.is_positive() => Err(Error::invalid(
            "auto_recharge.amount",
            format!("{} is not an amount to recharge with: expected more than 0", recharge.amount),
        )),
        Some(recharge) if recharge.threshold < Micros::ZERO => Err(Error::invalid(
            "auto_recharge.threshold",
            format!("{} is not a balance to recharge at: expected 0 or more", recharge.threshold),
        )),
        _ => Ok(()),
    }
}

fn check_auth(auth: &ProfileAuth) -> Result<()> {
    let refused = |problem: String| Err(Error::invalid("auth.sources", problem));
    if auth.sources.len() > SOURCES_MAX {
        return refused(format!("{} addresses: expected at most {SOURCES_MAX}", auth.sources.len()));
    }
    for (index, source) in auth.sources.iter().enumerate() {
        if source.port() == 0 || source.ip().is_unspecified() || source.ip().is_multicast() {
            return refused(format!(
                "{source} is no source of a PBX: expected address and port such as 192.0.2.7:5060"
            ));
        }
        if auth.sources[..index].contains(source) {
            return refused(format!("{source} stands twice"));
        }
    }
    checks::certificates("auth.certificates", &auth.certificates)
}

impl Store {
    /// Creates a profile with credentials of our making; `ha1` hashes them. Returns it, and its password to be shown (S11).
    ///
    /// # Errors
    /// [`Error::NotFound`] (the company), [`Error::Invalid`], [`Error::Conflict`] (an imported SIP user that is taken, a
    /// carrier's source, or a certificate name that is another's).
    pub fn create_profile(
        &self,
        new: &NewProfile,
        ha1: Ha1Maker<'_>,
        signed: Signed<'_>,
    ) -> Result<(Profile, Password)> {
        self.change(signed, "profile_created", new.id, &new.name, |transaction| {
            let company = company::get(transaction, new.company)?;
            let sip_user = match &new.sip_user {
                Some(user) => imported(transaction, user)?,
                None => sip_user::allocate(transaction, &self.sip_user_prefix)?,
            };
            let profile = Profile {
                id: new.id,
                company: new.company,
                currency: company.currency,
                name: new.name.clone(),
                sip_user,
                state: ProfileState::Active,
                channels: new.channels,
                calls_per_second: new.calls_per_second,
                auth: new.auth.clone(),
                contact: new.contact.clone(),
                caller_id: new.caller_id,
                auto_recharge: new.auto_recharge,
                require_plus: new.require_plus,
                incoming_to: new.incoming_to,
                srtp: new.srtp,
                t38: new.t38,
                dtmf: new.dtmf,
                advice: new.advice,
                credit_failure: new.credit_failure,
                caps: new.caps,
                fraud: FraudTerms { rules: new.fraud_rules, ..FraudTerms::default() },
                daily_cap_follows: new.daily_cap_follows,
                released_by: None,
                warn_before: new.warn_before,
                created_at: signed.at,
            };
            check(&profile)?;
            source::check_profile(transaction, &profile.auth.sources)?;
            source::check_certificates(transaction, &profile.auth.certificates, &profile.id.to_string())?;
            if let Ok(other) = get(transaction, new.id) {
                return Err(Error::Conflict { what: "id", value: new.id.to_string(), other: other.name });
            }
            let mut random = self.random.lock();
            let password = Password::make(&mut *random);
            let sealed = self.key.seal(&profile.id.to_string(), password.reveal(), &mut *random)?;
            insert(transaction, &profile, &ha1(&profile.sip_user, &password), &sealed)?;
            self.answer_for(transaction, &profile, &mut *random, signed)?;
            Ok((profile, password))
        })
    }

    /// Changes what is given of a profile and returns it as it is now.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`], [`Error::Conflict`] (a carrier's source, or a certificate name
    /// that is another's).
    pub fn update_profile(&self, id: ProfileId, patch: &ProfilePatch, signed: Signed<'_>) -> Result<Profile> {
        self.change(signed, "profile_changed", id, &format!("{patch:?}"), |transaction| {
            let mut profile = get(transaction, id)?;
            profile.name = patch.name.clone().unwrap_or(profile.name);
            profile.state = patch.state.unwrap_or(profile.state);
            profile.channels = patch.channels.unwrap_or(profile.channels);
            profile.calls_per_second = patch.calls_per_second.unwrap_or(profile.calls_per_second);
            profile.auth = patch.auth.clone().unwrap_or(profile.auth);
            profile.contact = patch.contact.clone().unwrap_or(profile.contact);
            profile.caller_id = patch.caller_id.unwrap_or(profile.caller_id);
            profile.auto_recharge = patch.auto_recharge.unwrap_or(profile.auto_recharge);
            profile.require_plus = patch.require_plus.unwrap_or(profile.require_plus);
            profile.incoming_to = patch.incoming_to.unwrap_or(profile.incoming_to);
            profile.srtp = patch.srtp.unwrap_or(profile.srtp);
            profile.t38 = patch.t38.unwrap_or(profile.t38);
            profile.dtmf = patch.dtmf.unwrap_or(profile.dtmf);
            profile.advice = patch.advice.unwrap_or(profile.advice);
            profile.credit_failure = patch.credit_failure.unwrap_or(profile.credit_failure);
            profile.caps.max_rate = patch.max_rate.unwrap_or(profile.caps.max_rate);
            profile.caps.max_call_cost = patch.max_call_cost.unwrap_or(profile.caps.max_call_cost);
            profile.warn_before = patch.warn_before.unwrap_or(profile.warn_before);
            check(&profile)?;
            if patch.auth.is_some() {
                source::check_profile(transaction, &profile.auth.sources)?;
                source::check_certificates(transaction, &profile.auth.certificates, &profile.id.to_string())?;
            }
            update(transaction, &profile)?;
            if patch.caller_id.is_some() {
                self.answer_for(transaction, &profile, &mut *self.random.lock(), signed)?;
            }
            Ok(profile)
        })
    }

    /// A number that is shown and none of the company's was let through by an operator, who answers for it (L5).
    fn answer_for(
        &self,
        connection: &Connection,
        profile: &Profile,
        random: &mut dyn FnMut(&mut [u8]),
        signed: Signed<'_>,
    ) -> Result<()> {
        let Some(number) = profile.caller_id else { return Ok(()) };
        let mut seed = [0; 16];
        random(&mut seed);
        let id = LandlineId::mint(signed.at, &mut Entropy::from_seed(seed));
        landline::vouch(connection, profile.company, number, id, signed.at)
    }

    /// One profile.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn profile(&self, id: ProfileId) -> Result<Profile> {
        self.read(|connection| get(connection, id))
    }

    /// The profiles of a company, or all; oldest first.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn profiles(&self, company: Option<CompanyId>) -> Result<Vec<Profile>> {
        self.read(|connection| {
            let filter = if company.is_some() { "p.company = ?1" } else { "?1 IS NULL" };
            let mut statement = connection.prepare_cached(&format!("{SELECT} WHERE {filter} ORDER BY p.id"))?;
            let rows = statement.query_map([company.map(|company| company.to_string())], from_row)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }
}

fn imported(connection: &Connection, user: &str) -> Result<String> {
    sip_user::check_imported(user)?;
    match sip_user::owner(connection, user)? {
        Some(other) => Err(Error::Conflict { what: "SIP user", value: user.to_owned(), other }),
        None => Ok(user.to_owned()),
    }
}
