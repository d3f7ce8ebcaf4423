//! Whether a PBX is told in SIP what its calls cost, as the API writes it.
//!
//! What comes of it is the call's and its leg's.

use domain::advice::AdviceOfCharge;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// When a PBX is told what its calls cost: advice of charge (3GPP TS 24.647), `application/vnd.etsi.aoc+xml`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AdviceName {
    /// Never.
    #[default]
    Off,
    /// With the end of the call: in our BYE, or in the answer to its own (AOC-E).
    End,
    /// As each increment is charged too: in INFO, at most one a second (AOC-D).
    During,
    /// With the answer too, what it will cost: in INFO (AOC-S); then as `during`.
    Throughout,
}

impl From<AdviceName> for AdviceOfCharge {
    fn from(name: AdviceName) -> Self {
        match name {
            AdviceName::Off => AdviceOfCharge::Off,
            AdviceName::End => AdviceOfCharge::End,
            AdviceName::During => AdviceOfCharge::During,
            AdviceName::Throughout => AdviceOfCharge::Throughout,
        }
    }
}

impl From<AdviceOfCharge> for AdviceName {
    fn from(policy: AdviceOfCharge) -> Self {
        match policy {
            AdviceOfCharge::Off => AdviceName::Off,
            AdviceOfCharge::End => AdviceName::End,
            AdviceOfCharge::During => AdviceName::During,
            AdviceOfCharge::Throughout => AdviceName::Throughout,
        }
    }
}
