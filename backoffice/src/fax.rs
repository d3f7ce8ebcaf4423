//! What a trunk does about fax over T.38, as the API writes it.
//!
//! What comes of it is the switch's.

use domain::fax::FaxPolicy;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a trunk does about fax over T.38 (UDPTL).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FaxName {
    /// A re-INVITE to T.38 is offered to the other side, and its packets pass.
    #[default]
    Relay,
    /// It is refused with 488; the machines go on with G.711.
    Refuse,
}

impl From<FaxName> for FaxPolicy {
    fn from(name: FaxName) -> Self {
        match name {
            FaxName::Relay => FaxPolicy::Relay,
            FaxName::Refuse => FaxPolicy::Refuse,
        }
    }
}

impl From<FaxPolicy> for FaxName {
    fn from(policy: FaxPolicy) -> Self {
        match policy {
            FaxPolicy::Relay => FaxName::Relay,
            FaxPolicy::Refuse => FaxName::Refuse,
        }
    }
}
