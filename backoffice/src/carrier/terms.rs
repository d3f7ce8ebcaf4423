//! What is agreed with a carrier, as the API says it: limits, the form of numbers, patience, prices, where it may send us.
//!
//! What it is to a call is `switch`'s.

use super::plain;
use crate::error::{Error, Result};
use crate::text::{Text, nullable};
use domain::NumberFormat;
use domain::network::Network;
use serde::{Deserialize, Serialize};
use store::{Address, Redirects};
use utoipa::ToSchema;

/// What is agreed with a carrier.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CarrierTerms {
    /// Its share among the carriers of its priority (RFC 2782); those with 0 go behind, the cheapest first.
    pub weight: u16,
    /// Calls that are handed to it at one time at most; null for no limit.
    pub channels: Option<u32>,
    /// Calls that are handed to it in any second at most, 1 to 10000; null for no limit.
    pub calls_per_second: Option<u32>,
    /// How it wants numbers written: `plus`, `digits`, `00`, `011`, `national:44:0`; a prefix for every number may follow a comma:
    /// `digits,1234#`. `plus` where nothing is said.
    #[schema(example = "plus")]
    pub number_format: Option<String>,
    /// Seconds to its first response, 100 included, before the next carrier is tried, 1 to 60; null for the setting's.
    pub response_timeout_s: Option<u16>,
    /// Seconds between two OPTIONS, 5 to 3600, or 0 for never; null for the setting's.
    pub options_interval_s: Option<u16>,
    /// The name of the deck with what it asks for calls; null where that is not known.
    pub buy_deck: Option<String>,
    /// What becomes of its 3xx: `refuse` (the next carrier is tried) or `follow` (the same number is called where it says, if that is one
    /// of its own addresses or in `redirect_networks`). `refuse` where nothing is said.
    #[schema(example = "refuse")]
    pub redirects: Option<String>,
    /// Where it may send us besides its own addresses; at most 64 networks.
    #[schema(value_type = Option<Vec<String>>, example = json!(["192.0.2.0/24"]))]
    pub redirect_networks: Vec<Text<Network>>,
    /// Where its requests are sent, in the form of an address, where that is not where its first address says (RFC 3261 8.1.2); that
    /// address is then the host of Request-URIs only. Null where there is none.
    #[schema(value_type = Option<String>, example = "sbc.example.net:5060")]
    pub outbound_proxy: Option<Text<Address>>,
}

/// What to change of what is agreed with a carrier; what is absent stays.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CarrierTermsPatch {
    /// Its share among the carriers of its priority.
    pub weight: Option<u16>,
    /// Calls at one time; null for no limit.
    #[serde(deserialize_with = "nullable")]
    #[schema(value_type = Option<u32>)]
    pub channels: Option<Option<u32>>,
    /// Calls in any second; null for no limit.
    #[serde(deserialize_with = "nullable")]
    #[schema(value_type = Option<u32>)]
    pub calls_per_second: Option<Option<u32>>,
    /// How it wants numbers written.
    pub number_format: Option<String>,
    /// Seconds to its first response; null for the setting's.
    #[serde(deserialize_with = "nullable")]
    #[schema(value_type = Option<u16>)]
    pub response_timeout_s: Option<Option<u16>>,
    /// Seconds between two OPTIONS, 0 for never; null for the setting's.
    #[serde(deserialize_with = "nullable")]
    #[schema(value_type = Option<u16>)]
    pub options_interval_s: Option<Option<u16>>,
    /// The name of the deck with what it asks; null where that is not known.
    #[serde(deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    pub buy_deck: Option<Option<String>>,
    /// What becomes of its 3xx.
    pub redirects: Option<String>,
    /// Where it may send us besides its own addresses; replaces all.
    #[schema(value_type = Option<Vec<String>>)]
    pub redirect_networks: Option<Vec<Text<Network>>>,
    /// Where its requests are sent; null for where its first address says.
    #[serde(deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    pub outbound_proxy: Option<Option<Text<Address>>>,
}

fn number_format(text: &str) -> Result<NumberFormat> {
    text.parse().map_err(|wrong: domain::number_format::NotANumberFormat| {
        Error::field("/terms/number_format", wrong.to_string())
    })
}

fn redirects(text: &str) -> Result<Redirects> {
    text.parse().map_err(|wrong: store::carrier::NotRedirects| Error::field("/terms/redirects", wrong.to_string()))
}

pub(super) fn stored_terms(terms: CarrierTerms) -> Result<store::Terms> {
    Ok(store::Terms {
        weight: terms.weight,
        channels: terms.channels,
        calls_per_second: terms.calls_per_second,
        number_format: terms.number_format.as_deref().map(number_format).transpose()?.unwrap_or_default(),
        response_timeout_s: terms.response_timeout_s,
        options_interval_s: terms.options_interval_s,
        buy_deck: terms.buy_deck,
        redirects: terms.redirects.as_deref().map(redirects).transpose()?.unwrap_or_default(),
        redirect_networks: plain(terms.redirect_networks),
        outbound_proxy: terms.outbound_proxy.map(|proxy| proxy.0),
    })
}

pub(super) fn stored_patch(patch: CarrierTermsPatch) -> Result<store::TermsPatch> {
    Ok(store::TermsPatch {
        weight: patch.weight,
        channels: patch.channels,
        calls_per_second: patch.calls_per_second,
        number_format: patch.number_format.as_deref().map(number_format).transpose()?,
        response_timeout_s: patch.response_timeout_s,
        options_interval_s: patch.options_interval_s,
        buy_deck: patch.buy_deck,
        redirects: patch.redirects.as_deref().map(redirects).transpose()?,
        redirect_networks: patch.redirect_networks.map(plain),
        outbound_proxy: patch.outbound_proxy.map(|proxy| proxy.map(|proxy| proxy.0)),
    })
}

pub(super) fn show_terms(terms: store::Terms) -> CarrierTerms {
    CarrierTerms {
        weight: terms.weight,
        channels: terms.channels,
        calls_per_second: terms.calls_per_second,
        number_format: Some(terms.number_format.to_string()),
        response_timeout_s: terms.response_timeout_s,
        options_interval_s: terms.options_interval_s,
        buy_deck: terms.buy_deck,
        redirects: Some(terms.redirects.as_str().to_owned()),
        redirect_networks: terms.redirect_networks.into_iter().map(Text).collect(),
        outbound_proxy: terms.outbound_proxy.map(Text),
    }
}
