//! The numbers by which the endpoint knows legs: an owner is a place and a leg, `place (48 bits) | leg (16)`.
//!
//! What a place is, is the shard's to say.

use domain::call_control::LegId;
use sip::endpoint::Owner;

/// The number by which the endpoint knows a leg.
pub fn owner_of(place: u64, leg: LegId) -> Owner {
    Owner(place << 16 | u64::from(leg.0))
}

/// The place and the leg of an owner.
pub fn leg_of(owner: Owner) -> (u64, LegId) {
    (owner.0 >> 16, LegId(owner.0 as u16))
}
