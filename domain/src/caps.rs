//! What one call of a profile may cost at most.
//!
//! What becomes of a call that would cost more is decided in `switch`.

use crate::money::Micros;

/// Bounds of a profile's calls, in its company's currency; none for no bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Caps {
    /// The dearest rate a minute: calls to dearer destinations are refused.
    pub max_rate: Option<Micros>,
    /// The dearest call: one that has cost so much ends with what is paid.
    pub max_call_cost: Option<Micros>,
}
