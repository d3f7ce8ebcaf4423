//! Which dialled strings mean an emergency service (O3): exact whole numbers of the company's country, never a prefix.
//!
//! What is answered to them is the call's affair (`call::admitting`), and where an operator may route them, `routing`'s.

use crate::directory::CountryPlan;

/// Whether `dialled` (the user part of the Request-URI, or the whole URI where it has none) means an emergency service in a
/// country: one of its numbers (112 and 911 where the country is not known) `N` as `N`, `+N` or `+CC N`, with or without visual separators, or any `urn:service:sos`.
pub fn is_emergency(dialled: &str, plan: Option<&CountryPlan>) -> bool {
    let _ = (dialled, plan);
    false
}
