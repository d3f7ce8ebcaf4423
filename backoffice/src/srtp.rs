//! How much a trunk wants its sound secured, as the API writes it.
//!
//! What comes of it is the switch's.

use domain::srtp::SrtpPolicy;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How much a trunk wants its sound secured (SRTP with keys in SDP, RFC 4568).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SrtpName {
    /// Never; a peer that insists on SRTP is refused with `srtp_off`.
    #[default]
    Off,
    /// Where the peer can: offered beside plain RTP (RFC 8643), taken where it is offered.
    Preferred,
    /// Always; plain RTP is refused with `srtp_required`, and so are keys over UDP or TCP unless `media.srtp_needs_tls` is off.
    Required,
}

impl From<SrtpName> for SrtpPolicy {
    fn from(name: SrtpName) -> Self {
        match name {
            SrtpName::Off => SrtpPolicy::Off,
            SrtpName::Preferred => SrtpPolicy::Preferred,
            SrtpName::Required => SrtpPolicy::Required,
        }
    }
}

impl From<SrtpPolicy> for SrtpName {
    fn from(policy: SrtpPolicy) -> Self {
        match policy {
            SrtpPolicy::Off => SrtpName::Off,
            SrtpPolicy::Preferred => SrtpName::Preferred,
            SrtpPolicy::Required => SrtpName::Required,
        }
    }
}
