//! Carriers: created, read, listed, changed and removed, by operators.
//!
//! Choosing among them is `switch`'s.

mod account;
mod terms;

pub use account::{CarrierAccount, CarrierRegistration, NewCarrierAccount};
pub use terms::{CarrierTerms, CarrierTermsPatch};

use self::terms::{show_terms, stored_patch, stored_terms};
use crate::caller::Caller;
use crate::dtmf::DtmfName;
use crate::error::{Error, Result};
use crate::fax::FaxName;
use crate::office::Office;
use crate::page::{Page, PageAsk};
use crate::srtp::SrtpName;
use crate::text::{Text, nullable};
use domain::fact::Transport;
use domain::network::Network;
use domain::{CarrierId, CertificateName, Prefix};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use store::{Address, Failover, InboundSource};
use switch::carrier::Standing;
use utoipa::ToSchema;

/// How messages travel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TransportName {
    /// UDP.
    #[default]
    Udp,
    /// TCP.
    Tcp,
    /// TLS: the carrier's certificate is verified, and the switch needs a TLS listener of its own.
    Tls,
}

impl From<TransportName> for Transport {
    fn from(name: TransportName) -> Self {
        match name {
            TransportName::Udp => Transport::Udp,
            TransportName::Tcp => Transport::Tcp,
            TransportName::Tls => Transport::Tls,
        }
    }
}

impl From<Transport> for TransportName {
    fn from(transport: Transport) -> Self {
        match transport {
            Transport::Udp => TransportName::Udp,
            Transport::Tcp => TransportName::Tcp,
            // A carrier is reached where it listens, and nobody listens for WebSockets of ours: the API takes none.
            Transport::Tls | Transport::Ws | Transport::Wss => TransportName::Tls,
        }
    }
}

/// What to do after a final answer of a carrier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FailoverName {
    /// Try the next carrier.
    Next,
    /// Give the answer to the caller.
    Stop,
}

/// How a carrier stands on this node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct CarrierHealth {
    /// `up`, `down` (skipped, unless all are down), or `trying` (it was down, and is being tried).
    #[schema(example = "up")]
    pub state: String,
    /// Since when; RFC 3339.
    pub since: String,
    /// Until when it wants to be left alone (a 503 with Retry-After), where it does.
    pub resting_until: Option<String>,
    /// Why it last failed, in words.
    pub last_error: Option<String>,
    /// Calls that it was handed and has now.
    pub channels_in_use: u32,
    /// Milliseconds that the last OPTIONS took.
    pub round_trip_ms: Option<u64>,
}

/// A carrier to be created.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCarrier {
    /// 1 to 100 characters; unique.
    #[schema(example = "Northern Light")]
    pub name: String,
    /// Where it is. Either this or `addresses`. A host and a port, `sip.example.net:5060`; a host alone, whose ports and addresses DNS
    /// tells (SRV); or a URI, `sip:example.net` (DNS tells the transport too) or `sip:example.net;transport=tls`.
    #[schema(value_type = Option<String>, example = "192.0.2.1:5060")]
    pub address: Option<Text<Address>>,
    /// Several, in order of preference.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>)]
    pub addresses: Vec<Text<Address>>,
    /// `udp` where nothing is said.
    #[serde(default)]
    #[schema(value_type = Option<TransportName>)]
    pub transport: TransportName,
    /// The lowest is tried first; 100 where nothing is said.
    pub priority: Option<u16>,
    /// The destinations that it serves; empty for all.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>, example = json!(["1", "44"]))]
    pub prefixes: Vec<Text<Prefix>>,
    /// Seconds to the first 18x before the next carrier is tried, 1 to 60; null for the setting's.
    pub progress_timeout_s: Option<u16>,
    /// Final answers (300 to 699) that are to be handled otherwise than by default.
    #[serde(default)]
    #[schema(value_type = Option<BTreeMap<String, FailoverName>>, example = json!({"503": "stop"}))]
    pub failover: BTreeMap<u16, FailoverName>,
    /// Where its calls come from besides its addresses: IP addresses, alone or with a port; at most 64. Calls from its addresses
    /// are always its own.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>, example = json!(["192.0.2.1", "192.0.2.2:5080"]))]
    pub inbound_sources: Vec<Text<InboundSource>>,
    /// Names in the client certificates that its calls come with, wherever from: DNS names or `sip:` URIs of the alternative names; at
    /// most 32, each nobody else's.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>, example = json!(["sbc.example.net"]))]
    pub certificates: Vec<Text<CertificateName>>,
    /// What is agreed with it.
    #[serde(default)]
    #[schema(value_type = Option<CarrierTerms>)]
    pub terms: CarrierTerms,
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
    /// The only networks that its sound may come from, wherever in them; empty: from where its session descriptions say. At most 64.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>, example = json!(["192.0.2.0/24"]))]
    pub media_networks: Vec<Text<Network>>,
    /// Whether calls are handed to it and taken from it; yes where nothing is said.
    pub enabled: Option<bool>,
}

/// What to change of a carrier; what is absent stays.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CarrierPatch {
    /// 1 to 100 characters; unique.
    pub name: Option<String>,
    /// In order of preference.
    #[schema(value_type = Option<Vec<String>>)]
    pub addresses: Option<Vec<Text<Address>>>,
    /// How messages travel.
    pub transport: Option<TransportName>,
    /// The lowest is tried first.
    pub priority: Option<u16>,
    /// The destinations that it serves; empty for all.
    #[schema(value_type = Option<Vec<String>>)]
    pub prefixes: Option<Vec<Text<Prefix>>>,
    /// Seconds to the first 18x; null for the setting's.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<u16>)]
    pub progress_timeout_s: Option<Option<u16>>,
    /// Final answers that are to be handled otherwise; replaces all.
    #[schema(value_type = Option<BTreeMap<String, FailoverName>>)]
    pub failover: Option<BTreeMap<u16, FailoverName>>,
    /// Where its calls come from besides its addresses; replaces all.
    #[schema(value_type = Option<Vec<String>>)]
    pub inbound_sources: Option<Vec<Text<InboundSource>>>,
    /// Names in the client certificates that its calls come with; replaces all.
    #[schema(value_type = Option<Vec<String>>)]
    pub certificates: Option<Vec<Text<CertificateName>>>,
    /// What is agreed with it.
    #[serde(default)]
    #[schema(value_type = Option<CarrierTermsPatch>)]
    pub terms: CarrierTermsPatch,
    /// How much its sound is to be secured; binds new calls.
    pub srtp: Option<SrtpName>,
    /// What it does about fax over T.38; binds new calls.
    pub t38: Option<FaxName>,
    /// How it hears keys; binds new calls.
    pub dtmf: Option<DtmfName>,
    /// The only networks that its sound may come from; replaces all.
    #[schema(value_type = Option<Vec<String>>)]
    pub media_networks: Option<Vec<Text<Network>>>,
    /// Whether calls are handed to it and taken from it.
    pub enabled: Option<bool>,
}

/// A carrier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Carrier {
    /// Which.
    #[schema(example = "carr_0193a1b2c3d47e8f9a0b1c2d3e4f5061")]
    pub id: String,
    /// The metric label.
    pub name: String,
    /// Each in its own form, in order of preference.
    pub addresses: Vec<String>,
    /// How messages travel.
    pub transport: TransportName,
    /// The lowest is tried first.
    pub priority: u16,
    /// The destinations that it serves; empty for all.
    pub prefixes: Vec<String>,
    /// Seconds to the first 18x; null for the setting's.
    pub progress_timeout_s: Option<u16>,
    /// Final answers that are handled otherwise than by default.
    #[schema(value_type = BTreeMap<String, FailoverName>)]
    pub failover: BTreeMap<u16, FailoverName>,
    /// Where its calls come from besides its addresses.
    pub inbound_sources: Vec<String>,
    /// Names in the client certificates that its calls come with.
    pub certificates: Vec<String>,
    /// What is agreed with it.
    pub terms: CarrierTerms,
    /// How it stands; null on a node that has not asked it yet.
    pub health: Option<CarrierHealth>,
    /// How our registration there stands; null where it wants none.
    pub registration: Option<CarrierRegistration>,
    /// How much its sound is to be secured.
    pub srtp: SrtpName,
    /// What it does about fax over T.38.
    pub t38: FaxName,
    /// How it hears keys.
    pub dtmf: DtmfName,
    /// The only networks that its sound may come from; empty: from where its session descriptions say.
    pub media_networks: Vec<String>,
    /// Whether calls are handed to it and taken from it.
    pub enabled: bool,
    /// RFC 3339.
    pub created_at: String,
}

/// Where nothing is said.
const PRIORITY_DEFAULT: u16 = 100;

fn stored_failover(failover: BTreeMap<u16, FailoverName>) -> BTreeMap<u16, Failover> {
    let order = |name| match name {
        FailoverName::Next => Failover::Next,
        FailoverName::Stop => Failover::Stop,
    };
    failover.into_iter().map(|(status, name)| (status, order(name))).collect()
}

fn show_health(standing: Standing) -> CarrierHealth {
    CarrierHealth {
        state: standing.state.as_str().to_owned(),
        since: standing.since.to_string(),
        resting_until: standing.resting_until.map(|until| until.to_string()),
        last_error: standing.last_error.map(|error| error.to_string()),
        channels_in_use: standing.channels_in_use,
        round_trip_ms: standing.round_trip.map(|took| u64::try_from(took.as_millis()).unwrap_or(u64::MAX)),
    }
}

fn show(carrier: store::Carrier, standing: Option<Standing>, registration: Option<CarrierRegistration>) -> Carrier {
    let name = |order| match order {
        Failover::Next => FailoverName::Next,
        Failover::Stop => FailoverName::Stop,
    };
    Carrier {
        id: carrier.id.to_string(),
        name: carrier.name,
        addresses: carrier.addresses.iter().map(ToString::to_string).collect(),
        transport: carrier.transport.into(),
        priority: carrier.priority,
        prefixes: carrier.prefixes.iter().map(ToString::to_string).collect(),
        progress_timeout_s: carrier.progress_timeout_s,
        failover: carrier.failover.into_iter().map(|(status, order)| (status, name(order))).collect(),
        inbound_sources: carrier.inbound_sources.iter().map(ToString::to_string).collect(),
        certificates: carrier.certificates.iter().map(ToString::to_string).collect(),
        terms: show_terms(carrier.terms),
        health: standing.map(show_health),
        registration,
        srtp: carrier.srtp.into(),
        t38: carrier.t38.into(),
        dtmf: carrier.dtmf.into(),
        media_networks: carrier.media_networks.iter().map(ToString::to_string).collect(),
        enabled: carrier.enabled,
        created_at: carrier.created_at.to_string(),
    }
}

fn plain<T>(texts: Vec<Text<T>>) -> Vec<T> {
    texts.into_iter().map(|text| text.0).collect()
}

impl Office {
    fn show_carrier(&self, carrier: store::Carrier) -> Carrier {
        let standing = self.inner.switchboard.carrier_standing(carrier.id);
        let enrolled = self.inner.switchboard.carrier_enrolled(carrier.id);
        show(carrier, standing, enrolled.and_then(account::show_registration))
    }

    /// Creates a carrier.
    ///
    /// # Errors
    /// Operators only; [`Error::Invalid`], [`Error::Conflict`] (name, a profile's source, or another's certificate name).
    pub fn create_carrier(&self, caller: &Caller, new: NewCarrier) -> Result<Carrier> {
        caller.operator("create carriers")?;
        let addresses = match (new.address, new.addresses) {
            (Some(one), several) if several.is_empty() => vec![one.0],
            (None, several) if !several.is_empty() => plain(several),
            _ => return Err(Error::field("/address", "expected either address or addresses, with host and port")),
        };
        let carrier = store::Carrier {
            id: self.mint(CarrierId::mint),
            name: new.name,
            addresses,
            transport: new.transport.into(),
            priority: new.priority.unwrap_or(PRIORITY_DEFAULT),
            prefixes: plain(new.prefixes),
            progress_timeout_s: new.progress_timeout_s,
            failover: stored_failover(new.failover),
            inbound_sources: plain(new.inbound_sources),
            certificates: plain(new.certificates),
            terms: stored_terms(new.terms)?,
            srtp: new.srtp.into(),
            t38: new.t38.into(),
            dtmf: new.dtmf.into(),
            media_networks: plain(new.media_networks),
            enabled: new.enabled.unwrap_or(true),
            created_at: self.wall(),
        };
        self.store().create_carrier(&carrier, self.signed(caller))?;
        self.reload()?;
        Ok(self.show_carrier(carrier))
    }

    /// Changes a carrier.
    ///
    /// # Errors
    /// Operators only; [`Error::NotFound`], [`Error::Invalid`], [`Error::Conflict`] (name, a profile's source, or another's certificate name).
    pub fn update_carrier(&self, caller: &Caller, id: CarrierId, patch: CarrierPatch) -> Result<Carrier> {
        caller.operator("change carriers")?;
        let patch = store::CarrierPatch {
            name: patch.name,
            addresses: patch.addresses.map(plain),
            transport: patch.transport.map(Transport::from),
            priority: patch.priority,
            prefixes: patch.prefixes.map(plain),
            progress_timeout_s: patch.progress_timeout_s,
            failover: patch.failover.map(stored_failover),
            inbound_sources: patch.inbound_sources.map(plain),
            certificates: patch.certificates.map(plain),
            terms: stored_patch(patch.terms)?,
            srtp: patch.srtp.map(Into::into),
            t38: patch.t38.map(Into::into),
            dtmf: patch.dtmf.map(Into::into),
            media_networks: patch.media_networks.map(plain),
            enabled: patch.enabled,
        };
        let carrier = self.store().update_carrier(id, &patch, self.signed(caller))?;
        self.reload()?;
        Ok(self.show_carrier(carrier))
    }

    /// Removes a carrier; calls that it carries go on.
    ///
    /// # Errors
    /// Operators only; [`Error::NotFound`].
    pub fn delete_carrier(&self, caller: &Caller, id: CarrierId) -> Result<()> {
        caller.operator("remove carriers")?;
        self.store().delete_carrier(id, self.signed(caller))?;
        self.reload()
    }

    /// One carrier.
    ///
    /// # Errors
    /// Operators only; [`Error::NotFound`].
    pub fn carrier(&self, caller: &Caller, id: CarrierId) -> Result<Carrier> {
        caller.operator("see carriers")?;
        Ok(self.show_carrier(self.store().carrier(id)?))
    }

    /// Every carrier, in order of identity.
    ///
    /// # Errors
    /// Operators only; [`Error::Invalid`] (cursor).
    pub fn carriers(&self, caller: &Caller, ask: &PageAsk) -> Result<Page<Carrier>> {
        caller.operator("see carriers")?;
        Page::of_sorted(self.store().carriers()?, ask, |carrier| carrier.id, |carrier| Ok(self.show_carrier(carrier)))
    }
}
