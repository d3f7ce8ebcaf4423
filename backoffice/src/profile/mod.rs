//! SIP profiles: the six elements (P1), created, shown, changed.
//!
//! Their money is moved in [`crate::credit`]; their registration is the switch's, and only shown here.

mod changing;
mod registered;
mod showing;

pub use registered::Registered;

use crate::advice::AdviceName;
use crate::credit::Credit;
use crate::credit_failure::CreditFailure;
use crate::dtmf::DtmfName;
use crate::fax::FaxName;
use crate::fraud::FraudInBrief;
use crate::srtp::SrtpName;
use crate::text::{Text, nullable};
use domain::{CertificateName, CompanyId, E164, Micros};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use store::{Address, IncomingTo};
use utoipa::ToSchema;

/// The SIP port where none is given (S12).
const SIP_PORT: u16 = 5_060;

fn sip_port() -> u16 {
    SIP_PORT
}

fn yes() -> bool {
    true
}

/// Where a PBX that proves itself by its address sends from (S3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Its IP address.
    #[schema(value_type = String, example = "192.0.2.7")]
    pub address: IpAddr,
    /// Its port; 5060 where none is given.
    #[serde(default = "sip_port")]
    pub port: u16,
}

/// How a PBX proves that it is the profile's (S1); both ways may be on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Authentication {
    /// By SIP user and password; yes where nothing is said.
    #[serde(default = "yes")]
    #[schema(required = false)]
    pub registration: bool,
    /// By the address and port that its requests come from; at most 32.
    #[serde(default)]
    #[schema(required = false)]
    pub ip: Vec<Source>,
    /// By a name in the client certificate that it connects with: a DNS name or `sip:` URI of the alternative names; at most 32, each
    /// nobody else's. Operators only.
    #[serde(default)]
    #[schema(required = false, value_type = Vec<String>, example = json!(["pbx.example.com"]))]
    pub certificates: Vec<Text<CertificateName>>,
}

impl Default for Authentication {
    fn default() -> Self {
        Authentication { registration: true, ip: Vec::new(), certificates: Vec::new() }
    }
}

/// Recharging by itself from the company's balance (K6).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAutoRecharge {
    /// How much; more than 0.
    #[schema(value_type = String, example = "10.00")]
    pub amount: Text<Micros>,
    /// When this much or less is available; 0 or more.
    #[schema(value_type = String, example = "5.00")]
    pub threshold: Text<Micros>,
}

/// A profile to be created. SIP user and password are always of our making (S11).
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewProfile {
    /// Whose.
    #[schema(value_type = String)]
    pub company: Text<CompanyId>,
    /// For people, 1 to 100 characters.
    #[schema(example = "Main office")]
    pub name: String,
    /// Calls at one time: 1 to 300, above 100 rounded to tens (C2, C3); 0 for none yet (P7), also where nothing is said.
    #[serde(default)]
    #[schema(required = false, example = 10)]
    pub channels: i64,
    /// Calls that its PBX may place in any second, 1 to 10000; null for what the node's settings say.
    #[schema(example = 5)]
    pub calls_per_second: Option<u32>,
    /// How its PBX proves itself; by registration where nothing is said.
    #[serde(default)]
    #[schema(required = false)]
    pub authentication: Authentication,
    /// Where its PBX is called while it is not registered: a host and a port, or a URI such as `sip:pbx.example.com;transport=tls` (its
    /// certificate must bear that name); null for the first of `authentication.ip`. Operators only.
    #[schema(value_type = Option<String>, example = "sip:pbx.example.com;transport=tls")]
    pub static_contact: Option<Text<Address>>,
    /// The number shown to who is called (O5); null for none.
    #[schema(value_type = Option<String>, example = "+12025550199")]
    pub caller_id: Option<Text<E164>>,
    /// Recharging by itself; null for off.
    pub auto_recharge: Option<NewAutoRecharge>,
    /// Whether a dialled number must begin with `+` (S6).
    #[serde(default)]
    #[schema(required = false)]
    pub require_plus: bool,
    /// Whom the To of its incoming calls names (I4); the called number where nothing is said.
    #[serde(default)]
    #[schema(required = false)]
    pub incoming_to: IncomingToName,
    /// How much its sound is to be secured; `off` where nothing is said.
    #[serde(default)]
    #[schema(required = false)]
    pub srtp: SrtpName,
    /// What it does about fax over T.38; `relay` where nothing is said.
    #[serde(default)]
    #[schema(required = false)]
    pub t38: FaxName,
    /// How it hears keys; `auto` where nothing is said.
    #[serde(default)]
    #[schema(required = false)]
    pub dtmf: DtmfName,
    /// Whether it is told in SIP what its calls cost; `off` where nothing is said.
    #[serde(default)]
    #[schema(required = false)]
    pub advice_of_charge: AdviceName,
    /// What its calls do while the ledger cannot answer; `retry` where nothing is said. Operators only: it is their risk.
    pub credit_failure: Option<CreditFailure>,
    /// The dearest rate a minute: calls to dearer destinations are refused with `max_rate`; null for any, and where nothing is said what the
    /// node's settings say (D-16).
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>, example = "1.00")]
    pub max_rate: Option<Option<Text<Micros>>>,
    /// Its rules against fraud; where nothing is said, a cap of the day as the node's settings say, raised by the first credit (D-16).
    pub fraud: Option<crate::fraud::Rules>,
    /// The dearest call: one whose beginning costs more is refused with `max_call_cost`, one that has cost so much ends with its last paid
    /// second; null for any.
    #[schema(value_type = Option<String>, example = "20.00")]
    pub max_call_cost: Option<Text<Micros>>,
    /// Seconds before the credit ends at which the caller hears a warning tone, at most four, 1 to 600; none for no tone; null for what the
    /// node's settings say.
    #[schema(example = json!([60, 10]))]
    pub warn_before_s: Option<Vec<u16>>,
}

/// Whom the To of an incoming call names (I4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum IncomingToName {
    /// The number that was called.
    #[default]
    CalledNumber,
    /// The profile's SIP user.
    SipUsername,
}

impl From<IncomingToName> for IncomingTo {
    fn from(name: IncomingToName) -> Self {
        match name {
            IncomingToName::CalledNumber => IncomingTo::CalledNumber,
            IncomingToName::SipUsername => IncomingTo::SipUsername,
        }
    }
}

impl From<IncomingTo> for IncomingToName {
    fn from(wanted: IncomingTo) -> Self {
        match wanted {
            IncomingTo::CalledNumber => IncomingToName::CalledNumber,
            IncomingTo::SipUsername => IncomingToName::SipUsername,
        }
    }
}

/// Whether a profile may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProfileStateName {
    /// It may.
    Active,
    /// It neither registers nor calls.
    Suspended,
}

/// What to change of a profile; what is absent stays.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProfilePatch {
    /// For people (P4).
    pub name: Option<String>,
    /// Whether it may be used; operators only.
    pub state: Option<ProfileStateName>,
    /// Calls at one time: 1 to 300, above 100 rounded to tens; 0 for none. Binds new calls at once; calls that are up go on (C11).
    pub channels: Option<i64>,
    /// Calls that its PBX may place in any second; null for what the node's settings say.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<u32>)]
    pub calls_per_second: Option<Option<u32>>,
    /// How its PBX proves itself; replaces all.
    pub authentication: Option<Authentication>,
    /// Where its PBX is called while it is not registered; null for the first of `authentication.ip`. Operators only.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    pub static_contact: Option<Option<Text<Address>>>,
    /// The number shown to who is called; null for none.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    pub caller_id: Option<Option<Text<E164>>>,
    /// Recharging by itself; null for off (K8).
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<NewAutoRecharge>)]
    pub auto_recharge: Option<Option<NewAutoRecharge>>,
    /// Whether a dialled number must begin with `+`.
    pub require_plus: Option<bool>,
    /// Whom the To of its incoming calls names (I4).
    pub incoming_to: Option<IncomingToName>,
    /// How much its sound is to be secured; binds new calls.
    pub srtp: Option<SrtpName>,
    /// What it does about fax over T.38; binds new calls.
    pub t38: Option<FaxName>,
    /// How it hears keys; binds new calls.
    pub dtmf: Option<DtmfName>,
    /// Whether it is told in SIP what its calls cost; binds new calls.
    pub advice_of_charge: Option<AdviceName>,
    /// What its calls do while the ledger cannot answer, from their next boundary on. Operators only: it is their risk.
    pub credit_failure: Option<CreditFailure>,
    /// The dearest rate a minute: calls to dearer destinations are refused with `max_rate`; null for any. Binds new calls.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    pub max_rate: Option<Option<Text<Micros>>>,
    /// The dearest call; null for any. Binds new calls.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    pub max_call_cost: Option<Option<Text<Micros>>>,
    /// Seconds before the credit ends at which the caller hears a warning tone; null for what the node's settings say. Binds calls that are up.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<Vec<u16>>)]
    pub warn_before_s: Option<Option<Vec<u16>>>,
}

/// A profile: its name and state, and the six elements (P1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Profile {
    /// Which.
    #[schema(example = "prof_0193a1b2c3d47e8f9a0b1c2d3e4f5061")]
    pub id: String,
    /// Whose.
    pub company: String,
    /// For people.
    pub name: String,
    /// `active`; `inactive` without channels (P7): it registers, and every call is refused; `suspended`.
    pub state: String,
    /// Whether a dialled number must begin with `+`.
    pub require_plus: bool,
    /// Whom the To of its incoming calls names (I4).
    pub incoming_to: IncomingToName,
    /// How much its sound is to be secured.
    pub srtp: SrtpName,
    /// What it does about fax over T.38.
    pub t38: FaxName,
    /// How it hears keys.
    pub dtmf: DtmfName,
    /// Whether it is told in SIP what its calls cost.
    pub advice_of_charge: AdviceName,
    /// What its calls do while the ledger cannot answer.
    pub credit_failure: CreditFailure,
    /// The dearest rate a minute that its calls may have; null for any.
    pub max_rate: Option<String>,
    /// The dearest that one of its calls may become; null for any.
    pub max_call_cost: Option<String>,
    /// Seconds before the credit ends at which the caller hears a warning tone; null for what the node's settings say.
    pub warn_before_s: Option<Vec<u16>>,
    /// What is worth mending about it, a sentence each; empty for nothing.
    pub warnings: Vec<String>,
    /// RFC 3339.
    pub created_at: String,
    /// Element 1: how its PBX connects.
    pub credentials: Credentials,
    /// Element 2: calls at one time.
    pub channels: Channels,
    /// Calls that its PBX may place in any second; null for what the node's settings say.
    pub calls_per_second: Option<u32>,
    /// Element 3: what its calls are paid from.
    pub credit: ProfileCredit,
    /// Element 4: the business accounts that are attached to it, the oldest hundred; all of them are at `/accounts`.
    pub accounts: Vec<ProfileAccount>,
    /// Element 5: the numbers that ring at it.
    pub numbers: Vec<ProfileNumber>,
    /// Element 6: whose number its calls show.
    pub caller_id: CallerId,
    /// Whether it was stopped for fraud, and how full its cap of the day is.
    pub fraud: FraudInBrief,
}

/// How a PBX connects (P6).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Credentials {
    /// The SIP user, also the user of From (S4).
    #[schema(example = "99050000000001")]
    pub sip_user: String,
    /// What it registers with; null where it is the address that it reaches us at.
    pub domain: Option<String>,
    /// The digest realm.
    pub realm: String,
    /// Where SIP is spoken.
    pub servers: Vec<SipServer>,
    /// How it proves itself.
    pub authentication: Authentication,
    /// Where its PBX is called while it is not registered; null for the first of `authentication.ip`.
    pub static_contact: Option<String>,
    /// Whether it is registered now.
    pub registration: Registration,
}

/// A place where SIP is spoken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct SipServer {
    /// `udp` or `tcp`.
    pub transport: String,
    /// Address.
    #[schema(example = "192.0.2.10")]
    pub address: String,
    /// Port.
    #[schema(example = 5060)]
    pub port: u16,
}

/// The live registration (P6).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Registration {
    /// `registered`, `not_registered`, or `unreachable`: registered at a node of the house of which nothing is heard.
    pub state: String,
    /// The Contact URI; null where not registered, as everything below.
    pub contact: Option<String>,
    /// Where the REGISTER came from.
    pub source: Option<String>,
    /// `udp`, `tcp`, `tls`, `ws` or `wss`.
    pub transport: Option<String>,
    /// The node of the house that it is registered at, where that is another one than who answers.
    pub node: Option<String>,
    /// Whether it is behind NAT.
    pub behind_nat: Option<bool>,
    /// What the PBX says it is.
    pub user_agent: Option<String>,
    /// When it was first bound; RFC 3339.
    pub since: Option<String>,
    /// When it was last refreshed; RFC 3339.
    pub refreshed_at: Option<String>,
    /// When it runs out; RFC 3339.
    pub expires_at: Option<String>,
}

/// Calls at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Channels {
    /// Bought.
    pub subscribed: u16,
    /// Taken by calls now; may exceed `subscribed` for a while after a decrease (C11).
    pub in_use: i64,
}

/// What a profile's calls are paid from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ProfileCredit {
    /// Balance, held and available.
    #[serde(flatten)]
    pub credit: Credit,
    /// Recharging by itself; null where it is off.
    pub auto_recharge: Option<AutoRecharge>,
}

/// Recharging by itself from the company's balance (K6).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct AutoRecharge {
    /// How much.
    pub amount: String,
    /// When this much or less is available.
    pub threshold: String,
}

/// A business account that is attached to a profile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ProfileAccount {
    /// Which.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What the PBX is called by; null for the user of its Contact.
    pub extension: Option<String>,
}

/// A number that rings at a profile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ProfileNumber {
    /// Which.
    pub id: String,
    /// The number itself.
    pub number: String,
    /// Whether it may be shown as caller ID.
    pub caller_id_allowed: bool,
}

/// Whose number a profile's calls show (O5, L1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct CallerId {
    /// `number`, `landline` or `none`.
    pub mode: String,
    /// The number, where one is shown.
    pub number: Option<String>,
}

/// A profile that was created, with its credentials.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct CreatedProfile {
    /// The profile.
    #[serde(flatten)]
    pub profile: Profile,
    /// The SIP user.
    #[schema(example = "99050000000001")]
    pub sip_user: String,
    /// The password; can be shown again by `reveal-password`.
    #[schema(example = "8jsEZA767gXUdY")]
    pub sip_password: String,
}

/// The credentials of a profile in the clear.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct RevealedPassword {
    /// The SIP user.
    pub sip_user: String,
    /// The password.
    pub sip_password: String,
}
