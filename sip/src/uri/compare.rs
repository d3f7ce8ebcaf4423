//! When two URIs are the same (RFC 3261 19.1.4, RFC 3966 4).
//!
//! Equality of host names after resolution does not live here: the RFC forbids it.

use super::{Scheme, Uri, plain, same_unescaped};

/// Parameters that must stand in both URIs or in neither (RFC 3261 19.1.4).
const NEVER_IGNORED: [&str; 5] = ["user", "ttl", "method", "maddr", "transport"];

pub(super) fn equivalent(one: &Uri<'_>, other: &Uri<'_>) -> bool {
    // Also for what repeats a parameter, which RFC 3261 19.1.1 forbids: it still is itself.
    if one.raw == other.raw {
        return true;
    }
    if one.scheme != other.scheme {
        return false;
    }
    match one.scheme {
        Scheme::Sip | Scheme::Sips => same_sip(one, other),
        Scheme::Tel => same_tel(one, other),
        Scheme::Urn | Scheme::Other(_) => false,
    }
}

fn same_sip(one: &Uri<'_>, other: &Uri<'_>) -> bool {
    same_case(one.user(), other.user())
        && same_case(one.password(), other.password())
        && one.host == other.host
        && one.port == other.port
        && params_agree(one, other)
        && params_agree(other, one)
        && headers_agree(one, other)
        && headers_agree(other, one)
}

/// User and password count with their case, escapes mean what they stand for.
fn same_case(one: Option<&str>, other: Option<&str>) -> bool {
    match (one, other) {
        (None, None) => true,
        (Some(one), Some(other)) => one == other || plain(one.as_bytes()).eq(plain(other.as_bytes())),
        _ => false,
    }
}

/// A parameter in both must match; one of the five in only one of them parts the URIs; any other is ignored.
fn params_agree(one: &Uri<'_>, other: &Uri<'_>) -> bool {
    one.params().all(|(name, value)| match other.params().find(|(key, _)| same_unescaped(key, name)) {
        Some((_, theirs)) => same_unescaped(value.unwrap_or_default(), theirs.unwrap_or_default()),
        None => !NEVER_IGNORED.iter().any(|kept| same_unescaped(name, kept)),
    })
}

/// Headers are never ignored.
fn headers_agree(one: &Uri<'_>, other: &Uri<'_>) -> bool {
    one.headers()
        .all(|(name, value)| other.headers().any(|(key, theirs)| same_unescaped(key, name) && same_case(value, theirs)))
}

/// Digits without the visual separators, and the same parameters (RFC 3966 4).
fn same_tel(one: &Uri<'_>, other: &Uri<'_>) -> bool {
    let digits = |uri: &Uri<'_>| -> Vec<u8> {
        uri.opaque()
            .bytes()
            .filter(|b| !matches!(b, b'-' | b'.' | b'(' | b')'))
            .map(|b| b.to_ascii_lowercase())
            .collect()
    };
    let agree = |one: &Uri<'_>, other: &Uri<'_>| {
        one.params().all(|(name, value)| {
            other.params().any(|(key, theirs)| {
                same_unescaped(key, name) && same_unescaped(value.unwrap_or_default(), theirs.unwrap_or_default())
            })
        })
    };
    digits(one) == digits(other) && agree(one, other) && agree(other, one)
}
