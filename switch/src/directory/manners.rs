//! How a trunk wants to be spoken to, and whose numbers its calls may show: rules of identity of profiles and carriers.
//!
//! Applying them to a call is `call::caller_id`'s and `call::manners`'s.

use domain::call_control::Compat;
use domain::{E164, HeaderPolicy, Prefix};
use std::sync::Arc;

/// The rules of a profile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manners {
    /// How its PBX is addressed (I6).
    pub compat: Compat,
    /// Whose numbers its calls show, besides the one that is shown by default.
    pub caller_ids: CallerIds,
    /// Which headers go to its PBX and come from it.
    pub headers: Arc<HeaderPolicy>,
}

/// Whose numbers the calls of a profile show (L2, L5, L6).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallerIds {
    /// Shown instead of the default where the called number begins so (L2): of several the longest. Sorted, unique.
    pub by_prefix: Vec<(Prefix, E164)>,
    /// Whether nobody is shown although a number is chosen (L6): trusted carriers are told it, to keep to themselves.
    pub withheld: bool,
    /// What becomes of a number that the PBX asks for and may not show.
    pub spoofed: Spoofed,
}

/// What becomes of a caller ID that a PBX asks for and may not show (L5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Spoofed {
    /// The profile's own is shown.
    #[default]
    Replace,
    /// The call is refused with 403 `cli_not_allowed`.
    Refuse,
}

/// The rules of a carrier.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CarrierManners {
    /// Whether it is in our trust domain (RFC 3325 3): told asserted numbers, and believed.
    pub trusted: bool,
    /// Which headers go to it and come from it.
    pub headers: Arc<HeaderPolicy>,
}
