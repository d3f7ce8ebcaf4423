//! The entries of the directory: companies, profiles, carriers and numbers, as far as a decision needs them.
//!
//! Names of persons, secrets and where carriers listen are not here; the store has them.

use super::manners::{CarrierManners, Manners};
use super::statuses::Statuses;
use domain::Country;
use domain::advice::AdviceOfCharge;
use domain::credit_failure::CreditFailure;
use domain::dtmf::DtmfPolicy;
use domain::fax::FaxPolicy;
use domain::fraud::FraudTerms;
use domain::srtp::SrtpPolicy;
use domain::{
    Caps, CarrierId, CertificateName, CompanyId, Currency, E164, Micros, Prefix, ProfileId, Wall, WarnBefore, Zone,
};
use rating::{Rate, Schedule};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// A company, as far as its calls are concerned.
#[derive(Clone, Debug)]
pub struct Company {
    /// Its identity.
    pub id: CompanyId,
    /// Where it is (A4): decides emergency numbers (O3) and what ten digits mean (D-16).
    pub country: Country,
    /// Of its credit. A deck in another currency is not used for it.
    pub currency: Currency,
    /// Whether it may call at all.
    pub suspended: bool,
    /// What its calls cost, by the instant of their admission; without a deck every paid call is refused with `no_route`.
    pub deck: Schedule,
    /// By which its days begin.
    pub zone: Zone,
}

/// A profile, as far as its calls and its registration are concerned (P1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Its identity.
    pub id: ProfileId,
    /// Whose it is.
    pub company: CompanyId,
    /// The user of its digest credentials, which From must carry (S4); unique in the directory.
    pub sip_user: Arc<str>,
    /// Channels bought (C1), 0 to 300. The ledger has the last word on how many are free.
    pub channels: u32,
    /// Calls that its PBX may place in any second; none for no limit.
    pub calls_per_second: Option<u32>,
    /// Whether it has a running subscription (P7).
    pub active: bool,
    /// Whose number its calls show (O5).
    pub caller_id: CallerIdPolicy,
    /// Whether and how it is recharged from the company (K6).
    pub auto_recharge: Option<AutoRecharge>,
    /// Whether numbers must be dialled with their `+` (S6).
    pub require_plus: bool,
    /// Source addresses that need no challenge (S3); the first is where its PBX is called while it is not registered (I7), where it has no
    /// `contact`.
    pub sources: Vec<SocketAddr>,
    /// Names in client certificates that need no challenge (RFC 5922 7.1); nobody else's in the directory.
    pub certificates: Vec<CertificateName>,
    /// The URI at which its PBX is called while it is not registered (I7): `sip:pbx.example.com;transport=tls`. Where it is, others know by
    /// this text. None for the first of the source addresses.
    pub contact: Option<Arc<str>>,
    /// Whom the To of its incoming calls names (I4).
    pub incoming_to: IncomingTo,
    /// How its PBX is spoken to, and whose numbers its calls show.
    pub manners: Manners,
    /// How much its sound is to be secured.
    pub srtp: SrtpPolicy,
    /// What it does about fax over T.38.
    pub t38: FaxPolicy,
    /// How its side hears keys.
    pub dtmf: DtmfPolicy,
    /// Whether its PBX is told in SIP what its calls cost.
    pub advice: AdviceOfCharge,
    /// What its calls do while the ledger cannot answer (RFC 8506 5.7).
    pub credit_failure: CreditFailure,
    /// What a call of it may cost at most.
    pub caps: Caps,
    /// Its rules against fraud, and whether one of them has stopped it.
    pub fraud: FraudTerms,
    /// When its callers are warned before the credit ends; none for what the node's settings say.
    pub warn_before: Option<WarnBefore>,
    /// Where its secrets are, for those who check them; a number without meaning here.
    pub credentials: u64,
}

/// Whose number the called side sees (O5, L1, L6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallerIdPolicy {
    /// Nobody's: the calls are anonymous.
    None,
    /// This number, unless the PBX asks for another that the profile may show (L5), or another is chosen for the country (L2).
    Number(E164),
}

/// Whom the To of an incoming call names (I4, D-22).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IncomingTo {
    /// The number that was called.
    #[default]
    CalledNumber,
    /// The profile's SIP user.
    SipUsername,
}

/// Credit that comes by itself (K6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AutoRecharge {
    /// How much moves from the company at once; more than zero.
    pub amount: Micros,
    /// It moves when this or less is available (D-08).
    pub threshold: Micros,
}

/// A carrier, as far as the choice of it is concerned. Where it listens is known to others by its id.
#[derive(Clone, Debug)]
pub struct Carrier {
    /// Its identity.
    pub id: CarrierId,
    /// Its configured name: a metric label.
    pub name: Arc<str>,
    /// What it serves; empty for every number.
    pub prefixes: Vec<Prefix>,
    /// Of those that serve a number equally precisely, the lowest goes first.
    pub priority: u32,
    /// Its share among those of the same priority (RFC 2782); those with 0 go behind, the cheapest first.
    pub weight: u16,
    /// Calls that are handed to it at one time at most; none for no limit.
    pub channels: Option<u32>,
    /// Calls that are handed to it in any second at most; none for no limit.
    pub calls_per_second: Option<u32>,
    /// What it asks for its calls, by the instant of their admission; empty where that is not known.
    pub buy_deck: Schedule,
    /// How often it is asked by OPTIONS whether it lives; none for never.
    pub probe_every: Option<Duration>,
    /// How long it may take to its first response; none for [`super::CallSettings::carrier_response_timeout`].
    pub response_timeout: Option<Duration>,
    /// How long it may take to its first 18x; none for [`super::CallSettings::carrier_progress_timeout`].
    pub progress_timeout: Option<Duration>,
    /// The statuses after which the next carrier is tried; none for [`super::CallSettings::failover`].
    pub failover: Option<Statuses>,
    /// Where its calls come from; those that others have too are the first one's, by priority, then id.
    pub sources: Vec<CarrierSource>,
    /// Names in the client certificates that its calls come with, wherever from; nobody else's in the directory.
    pub certificates: Vec<CertificateName>,
    /// How much its sound is to be secured.
    pub srtp: SrtpPolicy,
    /// What it does about fax over T.38.
    pub t38: FaxPolicy,
    /// How its side hears keys.
    pub dtmf: DtmfPolicy,
    /// Whether it is used, in both directions.
    pub enabled: bool,
    /// How it is spoken to, and whether it is trusted.
    pub manners: CarrierManners,
    /// By what we register there; none where it wants none.
    pub enrolment: Option<EnrolmentTerms>,
}

/// By what we register towards a carrier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EnrolmentTerms {
    /// For how many seconds, where it grants as much.
    pub expires_s: u32,
    /// Another one with each change of the account or of where it registers.
    pub version: u64,
}

impl Carrier {
    /// An enabled carrier that serves every number, without limits, prices and sources.
    pub fn new(id: CarrierId, name: impl Into<Arc<str>>) -> Self {
        Carrier {
            id,
            name: name.into(),
            prefixes: Vec::new(),
            priority: 0,
            weight: 0,
            channels: None,
            calls_per_second: None,
            buy_deck: Schedule::default(),
            probe_every: None,
            response_timeout: None,
            progress_timeout: None,
            failover: None,
            sources: Vec::new(),
            certificates: Vec::new(),
            srtp: SrtpPolicy::default(),
            t38: FaxPolicy::default(),
            dtmf: DtmfPolicy::default(),
            enabled: true,
            manners: CarrierManners::default(),
            enrolment: None,
        }
    }

    /// What it asks for a call to `number` that was admitted at this instant, where that is known in this currency.
    pub fn cost(&self, number: E164, currency: Currency, at: Wall) -> Option<&Rate> {
        self.buy_deck.at(at).filter(|deck| deck.currency() == currency)?.lookup(number)
    }

    /// The same in whatever currency.
    pub fn bought(&self, number: E164, at: Wall) -> Option<&Rate> {
        self.buy_deck.at(at)?.lookup(number)
    }
}

/// Where a carrier's calls come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CarrierSource {
    /// Exactly from there.
    Exact(SocketAddr),
    /// From any port there.
    Address(IpAddr),
}

/// A telephone number of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number {
    /// The number.
    pub number: E164,
    /// Whose it is.
    pub company: CompanyId,
    /// The profile that it is assigned to, if any.
    pub profile: Option<ProfileId>,
    /// Whether it may be shown as caller ID (L3).
    pub caller_id_allowed: bool,
}
