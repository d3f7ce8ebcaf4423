//! What is agreed with a carrier beyond where it is: shares, limits, the form of numbers, patience, prices.
//!
//! Keeping to it is `switch`'s.

use super::{Address, PATIENCE_S};
use crate::column::{list_text, parsed, parsed_list};
use crate::{Error, Result, checks};
use domain::NumberFormat;
use domain::network::Network;
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, Row};

/// Channels of a carrier at most.
const CHANNELS_MAX: u32 = 1_000_000;
/// Calls a second of a carrier at most.
const CALLS_PER_SECOND_MAX: u32 = 10_000;
/// Seconds between two OPTIONS at most.
const OPTIONS_INTERVAL_MAX_S: u32 = 3_600;

/// What is agreed with a carrier. The default: no limits, numbers with `+`, prices not known, the rest as the settings say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// Its share among the carriers of its priority (RFC 2782); those with 0 go behind, the cheapest first.
    pub weight: u16,
    /// Calls that are handed to it at one time at most, 1 or more; none for no limit.
    pub channels: Option<u32>,
    /// Calls that are handed to it in any second at most, 1 or more; none for no limit.
    pub calls_per_second: Option<u32>,
    /// How it wants numbers written.
    pub number_format: NumberFormat,
    /// How long it may take to its first response, 1 to 60; none for the setting's.
    pub response_timeout_s: Option<u16>,
    /// Seconds between two OPTIONS, 5 to 3600, or 0 for never; none for the setting's.
    pub options_interval_s: Option<u16>,
    /// The name of the deck with its prices; none where they are not known.
    pub buy_deck: Option<String>,
    /// What becomes of its 3xx.
    pub redirects: Redirects,
    /// Where it may send us besides its own addresses; at most [`REDIRECT_NETWORKS_MAX`].
    pub redirect_networks: Vec<Network>,
    /// Where its requests are sent, where that is not where its first address says.
    pub outbound_proxy: Option<Address>,
}

/// Networks that a carrier may redirect to at most.
pub const REDIRECT_NETWORKS_MAX: usize = 64;

/// What becomes of a carrier's 3xx.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Redirects {
    /// It has refused: the next carrier is tried.
    #[default]
    Refuse,
    /// It is followed where it says, for the same number, and where that is a place of its own or one that it may name.
    Follow,
}

impl Redirects {
    /// The word in the database and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Redirects::Refuse => "refuse",
            Redirects::Follow => "follow",
        }
    }
}

/// A word that is neither.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a policy for redirections: expected refuse or follow")]
pub struct NotRedirects(pub String);

impl std::str::FromStr for Redirects {
    type Err = NotRedirects;
    fn from_str(word: &str) -> std::result::Result<Self, NotRedirects> {
        match word {
            "refuse" => Ok(Redirects::Refuse),
            "follow" => Ok(Redirects::Follow),
            _ => Err(NotRedirects(word.chars().take(64).collect())),
        }
    }
}

/// What may be changed of [`Terms`]; `None` leaves it, an inner `None` takes it away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TermsPatch {
    /// Its share.
    pub weight: Option<u16>,
    /// Calls at one time.
    pub channels: Option<Option<u32>>,
    /// Calls in any second.
    pub calls_per_second: Option<Option<u32>>,
    /// How it wants numbers written.
    pub number_format: Option<NumberFormat>,
    /// To its first response.
    pub response_timeout_s: Option<Option<u16>>,
    /// Between two OPTIONS.
    pub options_interval_s: Option<Option<u16>>,
    /// The name of the deck with its prices.
    pub buy_deck: Option<Option<String>>,
    /// What becomes of its 3xx.
    pub redirects: Option<Redirects>,
    /// Where it may send us besides its own addresses.
    pub redirect_networks: Option<Vec<Network>>,
    /// Where its requests are sent.
    pub outbound_proxy: Option<Option<Address>>,
}

impl TermsPatch {
    pub(super) fn apply(&self, old: Terms) -> Terms {
        Terms {
            weight: self.weight.unwrap_or(old.weight),
            channels: self.channels.unwrap_or(old.channels),
            calls_per_second: self.calls_per_second.unwrap_or(old.calls_per_second),
            number_format: self.number_format.clone().unwrap_or(old.number_format),
            response_timeout_s: self.response_timeout_s.unwrap_or(old.response_timeout_s),
            options_interval_s: self.options_interval_s.unwrap_or(old.options_interval_s),
            buy_deck: self.buy_deck.clone().unwrap_or(old.buy_deck),
            redirects: self.redirects.unwrap_or(old.redirects),
            redirect_networks: self.redirect_networks.clone().unwrap_or(old.redirect_networks),
            outbound_proxy: self.outbound_proxy.clone().unwrap_or(old.outbound_proxy),
        }
    }
}

/// The columns, in the order of [`from_row`] and [`values`].
pub(super) const COLUMNS: &str =
    "weight, channels, calls_per_second, number_format, response_timeout_s, options_interval_s, buy_deck, redirects,
    redirect_networks, outbound_proxy";

/// The terms that begin at this column.
pub(super) fn from_row(row: &Row<'_>, first: usize) -> rusqlite::Result<Terms> {
    Ok(Terms {
        weight: row.get(first)?,
        channels: row.get(first + 1)?,
        calls_per_second: row.get(first + 2)?,
        number_format: parsed(row, first + 3)?,
        response_timeout_s: row.get(first + 4)?,
        options_interval_s: row.get(first + 5)?,
        buy_deck: row.get(first + 6)?,
        redirects: parsed(row, first + 7)?,
        redirect_networks: parsed_list(row, first + 8)?,
        outbound_proxy: match row.get_ref(first + 9)? {
            ValueRef::Null => None,
            _ => Some(parsed(row, first + 9)?),
        },
    })
}

pub(super) fn values(terms: &Terms) -> [Value; 10] {
    [
        terms.weight.into(),
        terms.channels.into(),
        terms.calls_per_second.into(),
        terms.number_format.to_string().into(),
        terms.response_timeout_s.into(),
        terms.options_interval_s.into(),
        terms.buy_deck.clone().into(),
        terms.redirects.as_str().to_owned().into(),
        list_text(&terms.redirect_networks).into(),
        terms.outbound_proxy.as_ref().map(ToString::to_string).into(),
    ]
}

pub(super) fn check(connection: &Connection, terms: &Terms) -> Result<()> {
    if let Some(channels) = terms.channels {
        checks::within("channels", channels, 1, CHANNELS_MAX)?;
    }
    if let Some(calls_per_second) = terms.calls_per_second {
        checks::within("calls_per_second", calls_per_second, 1, CALLS_PER_SECOND_MAX)?;
    }
    if let Some(timeout_s) = terms.response_timeout_s {
        checks::within("response_timeout_s", u32::from(timeout_s), PATIENCE_S.0, PATIENCE_S.1)?;
    }
    if let Some(interval_s) = terms.options_interval_s.filter(|interval_s| *interval_s != 0) {
        checks::within("options_interval_s", u32::from(interval_s), 5, OPTIONS_INTERVAL_MAX_S)?;
    }
    if let Some(proxy) = &terms.outbound_proxy {
        let reads_back = proxy.to_string().parse::<Address>();
        reads_back.map_err(|problem| Error::invalid("outbound_proxy", problem.to_string()))?;
    }
    checks::within("redirect_networks", terms.redirect_networks.len() as u32, 0, REDIRECT_NETWORKS_MAX as u32)?;
    let Some(name) = &terms.buy_deck else { return Ok(()) };
    let known: bool = connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM decks WHERE name = ?1)")?
        .query_row([name], |row| row.get(0))?;
    if !known {
        let sentence = format!("there is no deck \"{name}\": import it first");
        return Err(Error::invalid("buy_deck", sentence));
    }
    let sells: Option<String> = connection
        .prepare_cached("SELECT min(id) FROM companies WHERE deck = ?1")?
        .query_row([name], |row| row.get(0))?;
    match sells {
        Some(company) => {
            let sentence = format!(
                "the deck \"{name}\" is what company {company} pays by: import the carrier's prices by another name"
            );
            Err(Error::invalid("buy_deck", sentence))
        }
        None => Ok(()),
    }
}
