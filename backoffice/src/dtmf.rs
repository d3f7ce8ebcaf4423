//! How a trunk hears keys, as the API writes it.
//!
//! What comes of it is the legs'.

use domain::dtmf::DtmfPolicy;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How keys that the other side presses reach a trunk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DtmfName {
    /// In its sound (RFC 4733) where it offers `telephone-event`; otherwise by INFO (`application/dtmf-relay`), where its Allow has that.
    #[default]
    Auto,
    /// In its sound, or not at all.
    Rfc4733,
    /// By INFO where its Allow has that; otherwise in its sound.
    Info,
}

impl From<DtmfName> for DtmfPolicy {
    fn from(name: DtmfName) -> Self {
        match name {
            DtmfName::Auto => DtmfPolicy::Auto,
            DtmfName::Rfc4733 => DtmfPolicy::Rfc4733,
            DtmfName::Info => DtmfPolicy::Info,
        }
    }
}

impl From<DtmfPolicy> for DtmfName {
    fn from(policy: DtmfPolicy) -> Self {
        match policy {
            DtmfPolicy::Auto => DtmfName::Auto,
            DtmfPolicy::Rfc4733 => DtmfName::Rfc4733,
            DtmfPolicy::Info => DtmfName::Info,
        }
    }
}
