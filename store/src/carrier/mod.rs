//! Carriers: who calls are handed to, in which order, and when to try the next.
//!
//! Choosing among them does not live here: routing is `switch`'s.

pub(crate) mod account;
mod address;
mod terms;

pub use account::{Account, NewAccount};
pub use address::{Address, NotAnAddress, Via};
pub use terms::{NotRedirects, REDIRECT_NETWORKS_MAX, Redirects, Terms, TermsPatch};

use crate::column::{list_text, parsed, parsed_list, unreadable};
use crate::{Error, InboundSource, Result, Signed, Store, checks, source};
use domain::dtmf::DtmfPolicy;
use domain::fact::Transport;
use domain::fax::FaxPolicy;
use domain::network::Network;
use domain::srtp::SrtpPolicy;
use domain::{CarrierId, CertificateName, Prefix, Wall};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params_from_iter};
use std::collections::BTreeMap;

/// Addresses of a carrier: at least one, at most this many.
pub const ADDRESSES_MAX: usize = 16;
/// Further sources of a carrier at most.
pub const INBOUND_SOURCES_MAX: usize = 64;
/// Seconds that a carrier may be waited for.
const PATIENCE_S: (u32, u32) = (1, 60);
/// What the called person says: never a reason to ring another carrier.
const OF_A_PERSON: [u16; 4] = [480, 486, 600, 603];
/// Networks of a carrier's sound at most.
pub const MEDIA_NETWORKS_MAX: usize = 64;
/// Prefixes of a carrier at most; empty serves everything.
pub const PREFIXES_MAX: usize = 10_000;

/// What to do after a carrier's final answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Failover {
    /// Try the next carrier.
    Next,
    /// Give the answer to the caller.
    Stop,
}

impl Failover {
    /// The word in the database and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Failover::Next => "next",
            Failover::Stop => "stop",
        }
    }

    /// The order with this word.
    pub fn from_label(label: &str) -> Option<Self> {
        match label {
            "next" => Some(Failover::Next),
            "stop" => Some(Failover::Stop),
            _ => None,
        }
    }
}

/// A carrier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carrier {
    /// Which.
    pub id: CarrierId,
    /// Unique; the metric label.
    pub name: String,
    /// In order of preference, 1 to [`ADDRESSES_MAX`].
    pub addresses: Vec<Address>,
    /// How its messages travel.
    pub transport: Transport,
    /// The lowest is tried first; equal ones in order of identity.
    pub priority: u16,
    /// The destinations that it serves; empty for all.
    pub prefixes: Vec<Prefix>,
    /// How long it may take to its first 18x before the next one is tried, 1 to 60; none for the setting's.
    pub progress_timeout_s: Option<u16>,
    /// Final answers (300 to 699) that are to be handled otherwise than by default.
    pub failover: BTreeMap<u16, Failover>,
    /// Where its calls come from besides its addresses; at most [`INBOUND_SOURCES_MAX`], unique.
    pub inbound_sources: Vec<InboundSource>,
    /// The names in the client certificates that its calls come with, wherever from (RFC 5922 7.1); nobody else's. At most
    /// [`CERTIFICATES_MAX`](crate::profile::CERTIFICATES_MAX), unique.
    pub certificates: Vec<CertificateName>,
    /// What is agreed with it.
    pub terms: Terms,
    /// How much its sound is to be secured.
    pub srtp: SrtpPolicy,
    /// What it does about fax over T.38.
    pub t38: FaxPolicy,
    /// How its side hears keys.
    pub dtmf: DtmfPolicy,
    /// The only networks that its sound may come from; empty: as its descriptions say. At most [`MEDIA_NETWORKS_MAX`], unique.
    pub media_networks: Vec<Network>,
    /// Whether calls are handed to it and taken from it.
    pub enabled: bool,
    /// When it was created.
    pub created_at: Wall,
}

/// What may be changed of a carrier; `None` leaves it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CarrierPatch {
    /// Unique.
    pub name: Option<String>,
    /// In order of preference.
    pub addresses: Option<Vec<Address>>,
    /// How its messages travel.
    pub transport: Option<Transport>,
    /// The lowest is tried first.
    pub priority: Option<u16>,
    /// The destinations that it serves.
    pub prefixes: Option<Vec<Prefix>>,
    /// How long it may take to its first 18x; the inner `None` for the setting's.
    pub progress_timeout_s: Option<Option<u16>>,
    /// Final answers that are to be handled otherwise.
    pub failover: Option<BTreeMap<u16, Failover>>,
    /// Where its calls come from besides its addresses.
    pub inbound_sources: Option<Vec<InboundSource>>,
    /// The names in the client certificates that its calls come with.
    pub certificates: Option<Vec<CertificateName>>,
    /// What is agreed with it.
    pub terms: TermsPatch,
    /// How much its sound is to be secured.
    pub srtp: Option<SrtpPolicy>,
    /// What it does about fax over T.38.
    pub t38: Option<FaxPolicy>,
    /// How its side hears keys.
    pub dtmf: Option<DtmfPolicy>,
    /// The only networks that its sound may come from.
    pub media_networks: Option<Vec<Network>>,
    /// Whether calls are handed to it and taken from it.
    pub enabled: Option<bool>,
}

const COLUMNS: &str =
    "id, name, addresses, transport, priority, prefixes, progress_timeout_s, failover, enabled, created_us,
    inbound_sources, srtp, media_networks, t38, dtmf, certificates";

/// A word in a column that should be one of ours.
#[derive(Debug, thiserror::Error)]
#[error("\"{0}\" is not known here")]
struct UnknownWord(String);

fn transport(row: &Row<'_>, index: usize) -> rusqlite::Result<Transport> {
    match row.get_ref(index)?.as_str()? {
        "udp" => Ok(Transport::Udp),
        "tcp" => Ok(Transport::Tcp),
        "tls" => Ok(Transport::Tls),
        other => Err(unreadable(index, UnknownWord(other.to_owned()))),
    }
}

fn failover(row: &Row<'_>, index: usize) -> rusqlite::Result<BTreeMap<u16, Failover>> {
    let words: BTreeMap<u16, String> =
        serde_json::from_str(row.get_ref(index)?.as_str()?).map_err(|error| unreadable(index, error))?;
    let order = |word: String| Failover::from_label(&word).ok_or_else(|| unreadable(index, UnknownWord(word)));
    words.into_iter().map(|(status, word)| Ok((status, order(word)?))).collect()
}

fn failover_text(failover: &BTreeMap<u16, Failover>) -> String {
    let object: serde_json::Map<_, _> =
        failover.iter().map(|(status, order)| (status.to_string(), order.as_str().into())).collect();
    serde_json::Value::from(object).to_string()
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<Carrier> {
    Ok(Carrier {
        id: parsed(row, 0)?,
        name: row.get(1)?,
        addresses: parsed_list(row, 2)?,
        transport: transport(row, 3)?,
        priority: row.get(4)?,
        prefixes: parsed_list(row, 5)?,
        progress_timeout_s: row.get(6)?,
        failover: failover(row, 7)?,
        enabled: row.get(8)?,
        created_at: Wall::from_unix_micros(row.get(9)?),
        inbound_sources: parsed_list(row, 10)?,
        srtp: parsed(row, 11)?,
        media_networks: parsed_list(row, 12)?,
        t38: parsed(row, 13)?,
        dtmf: parsed(row, 14)?,
        certificates: parsed_list(row, 15)?,
        terms: terms::from_row(row, 16)?,
    })
}

pub(crate) fn get(connection: &Connection, id: CarrierId) -> Result<Carrier> {
    connection
        .prepare_cached(&format!("SELECT {COLUMNS}, {} FROM carriers WHERE id = ?1", terms::COLUMNS))?
        .query_row([id.to_string()], from_row)
        .optional()?
        .ok_or_else(|| Error::not_found("carrier", id))
}

pub(crate) fn all(connection: &Connection) -> Result<Vec<Carrier>> {
    let mut statement = connection
        .prepare_cached(&format!("SELECT {COLUMNS}, {} FROM carriers ORDER BY priority, id", terms::COLUMNS))?;
    let rows = statement.query_map([], from_row)?.collect::<rusqlite::Result<_>>()?;
    Ok(rows)
}

fn check(connection: &Connection, carrier: &Carrier) -> Result<()> {
    checks::name("name", &carrier.name)?;
    checks::within("addresses", carrier.addresses.len() as u32, 1, ADDRESSES_MAX as u32)?;
    checks::within("prefixes", carrier.prefixes.len() as u32, 0, PREFIXES_MAX as u32)?;
    if let Some(timeout_s) = carrier.progress_timeout_s {
        checks::within("progress_timeout_s", u32::from(timeout_s), PATIENCE_S.0, PATIENCE_S.1)?;
    }
    for address in &carrier.addresses {
        let reads_back = address.to_string().parse::<Address>();
        reads_back.map_err(|problem| Error::invalid("addresses", problem.to_string()))?;
    }
    let sources = &carrier.inbound_sources;
    checks::within("inbound_sources", sources.len() as u32, 0, INBOUND_SOURCES_MAX as u32)?;
    if let Some((_, twice)) = sources.iter().enumerate().find(|(index, source)| sources[..*index].contains(source)) {
        return Err(Error::invalid("inbound_sources", format!("{twice} stands twice")));
    }
    let networks = &carrier.media_networks;
    checks::within("media_networks", networks.len() as u32, 0, MEDIA_NETWORKS_MAX as u32)?;
    if let Some((_, twice)) = networks.iter().enumerate().find(|(index, network)| networks[..*index].contains(network))
    {
        return Err(Error::invalid("media_networks", format!("{twice} stands twice")));
    }
    source::check_carrier(connection, carrier)?;
    checks::certificates("certificates", &carrier.certificates)?;
    source::check_certificates(connection, &carrier.certificates, &carrier.id.to_string())?;
    terms::check(connection, &carrier.terms)?;
    for (status, order) in &carrier.failover {
        checks::within("failover", u32::from(*status), 300, 699)?;
        if *order == Failover::Next && OF_A_PERSON.contains(status) {
            let sentence =
                format!("{status} is what the called person says: nobody else is rung after it; leave it out");
            return Err(Error::invalid("failover", sentence));
        }
    }
    let other: Option<String> = connection
        .prepare_cached("SELECT id FROM carriers WHERE name = ?1 AND id <> ?2")?
        .query_row([&carrier.name, &carrier.id.to_string()], |row| row.get(0))
        .optional()?;
    match other {
        Some(other) => Err(Error::Conflict { what: "carrier name", value: carrier.name.clone(), other }),
        None => Ok(()),
    }
}

impl Store {
    /// Adds a carrier.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Conflict`] (id, name, a source of a profile, or a certificate name that is another's).
    pub fn create_carrier(&self, carrier: &Carrier, signed: Signed<'_>) -> Result<()> {
        self.change(signed, "carrier_created", carrier.id, &carrier.name, |transaction| {
            check(transaction, carrier)?;
            if let Ok(other) = get(transaction, carrier.id) {
                return Err(Error::Conflict { what: "id", value: carrier.id.to_string(), other: other.name });
            }
            put(transaction, carrier)
        })
    }

    /// Changes what is given of a carrier and returns it as it is now.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`], [`Error::Conflict`] (name, a source of a profile, or a certificate name that is another's).
    pub fn update_carrier(&self, id: CarrierId, patch: &CarrierPatch, signed: Signed<'_>) -> Result<Carrier> {
        self.change(signed, "carrier_changed", id, &format!("{patch:?}"), |transaction| {
            let old = get(transaction, id)?;
            let carrier = Carrier {
                id,
                name: patch.name.clone().unwrap_or(old.name),
                addresses: patch.addresses.clone().unwrap_or(old.addresses),
                transport: patch.transport.unwrap_or(old.transport),
                priority: patch.priority.unwrap_or(old.priority),
                prefixes: patch.prefixes.clone().unwrap_or(old.prefixes),
                progress_timeout_s: patch.progress_timeout_s.unwrap_or(old.progress_timeout_s),
                failover: patch.failover.clone().unwrap_or(old.failover),
                inbound_sources: patch.inbound_sources.clone().unwrap_or(old.inbound_sources),
                certificates: patch.certificates.clone().unwrap_or(old.certificates),
                terms: patch.terms.apply(old.terms),
                srtp: patch.srtp.unwrap_or(old.srtp),
                t38: patch.t38.unwrap_or(old.t38),
                dtmf: patch.dtmf.unwrap_or(old.dtmf),
                media_networks: patch.media_networks.clone().unwrap_or(old.media_networks),
                enabled: patch.enabled.unwrap_or(old.enabled),
                created_at: old.created_at,
            };
            check(transaction, &carrier)?;
            put(transaction, &carrier)?;
            Ok(carrier)
        })
    }

    /// Removes a carrier; records of calls that it took keep its identity and name.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn delete_carrier(&self, id: CarrierId, signed: Signed<'_>) -> Result<()> {
        self.change(signed, "carrier_deleted", id, "", |transaction| {
            match transaction.execute("DELETE FROM carriers WHERE id = ?1", [id.to_string()])? {
                0 => Err(Error::not_found("carrier", id)),
                _ => Ok(()),
            }
        })
    }

    /// One carrier.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn carrier(&self, id: CarrierId) -> Result<Carrier> {
        self.read(|connection| get(connection, id))
    }

    /// Every carrier, in the order in which they are tried.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn carriers(&self) -> Result<Vec<Carrier>> {
        self.read(all)
    }
}

fn put(connection: &Connection, carrier: &Carrier) -> Result<()> {
    let own: [Value; 16] = [
        carrier.id.to_string().into(),
        carrier.name.clone().into(),
        list_text(&carrier.addresses).into(),
        carrier.transport.as_str().to_owned().into(),
        carrier.priority.into(),
        list_text(&carrier.prefixes).into(),
        carrier.progress_timeout_s.into(),
        failover_text(&carrier.failover).into(),
        carrier.enabled.into(),
        carrier.created_at.as_unix_micros().into(),
        list_text(&carrier.inbound_sources).into(),
        carrier.srtp.as_str().to_owned().into(),
        list_text(&carrier.media_networks).into(),
        carrier.t38.as_str().to_owned().into(),
        carrier.dtmf.as_str().to_owned().into(),
        list_text(&carrier.certificates).into(),
    ];
    let values = own.into_iter().chain(terms::values(&carrier.terms));
    // Not replaced: what belongs to a carrier (manners, account) would go with the old row.
    let columns = format!("{COLUMNS}, {}", terms::COLUMNS);
    let names: Vec<&str> = columns.split(',').map(str::trim).collect();
    let places: Vec<String> = (1..=names.len()).map(|number| format!("?{number}")).collect();
    let updates: Vec<String> = names.iter().map(|name| format!("{name} = excluded.{name}")).collect();
    let (places, updates) = (places.join(", "), updates.join(", "));
    connection
        .prepare_cached(&format!(
            "INSERT INTO carriers ({columns}) VALUES ({places}) ON CONFLICT (id) DO UPDATE SET {updates}"
        ))?
        .execute(params_from_iter(values))?;
    Ok(())
}
