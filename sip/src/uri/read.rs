//! How a URI is cut into its parts.
//!
//! What a part means to a call does not live here.

use super::{BadUri, Host, Scheme, Uri};
use crate::{limits, message::lex};

/// Cuts one URI into its parts (RFC 3261 19.1.1, RFC 3966 3, RFC 3986 3.1).
pub(super) fn read(bytes: &[u8]) -> Result<Uri<'_>, BadUri> {
    if bytes.is_empty() {
        return Err(BadUri("is empty"));
    }
    if bytes.len() > limits::URI_BYTES_MAX {
        return Err(BadUri("is longer than 2,048 bytes"));
    }
    if bytes[0] == b'<' {
        return Err(BadUri("stands in angle brackets where it must stand alone"));
    }
    let raw = lex::uri_text(bytes).ok_or(BadUri("has a blank or another byte that a URI must escape with %"))?;
    let colon = memchr::memchr(b':', bytes).ok_or(BadUri("has no scheme such as sip:"))?;
    let scheme = scheme(&raw[..colon])?;
    let rest = &raw[colon + 1..];
    if scheme.is_sip() { read_sip(raw, scheme, rest) } else { Ok(read_other(raw, scheme, rest)) }
}

fn scheme(name: &str) -> Result<Scheme<'_>, BadUri> {
    Ok(match name {
        "sip" => Scheme::Sip,
        "sips" => Scheme::Sips,
        "tel" => Scheme::Tel,
        _ if name.eq_ignore_ascii_case("sip") => Scheme::Sip,
        _ if name.eq_ignore_ascii_case("sips") => Scheme::Sips,
        _ if name.eq_ignore_ascii_case("tel") => Scheme::Tel,
        _ if name.eq_ignore_ascii_case("urn") => Scheme::Urn,
        _ => {
            let mut bytes = name.bytes();
            let starts_well = bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic());
            if !starts_well || !bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')) {
                return Err(BadUri("has no scheme such as sip:"));
            }
            Scheme::Other(name)
        }
    })
}

/// `sip:user:password@host:port;params?headers`. The user may hold `;` and `?` and `/` (RFC 3261 25.1), but never a bare `@`, so
/// the first `@` ends it.
fn read_sip<'a>(raw: &'a str, scheme: Scheme<'a>, rest: &'a str) -> Result<Uri<'a>, BadUri> {
    let (userinfo, place) = match memchr::memchr(b'@', rest.as_bytes()) {
        Some(at) => (Some(&rest[..at]), &rest[at + 1..]),
        None => (None, rest),
    };
    let (user, password) = match userinfo {
        None => (None, None),
        Some(info) => match info.split_once(':') {
            Some((user, password)) => (Some(user), Some(password)),
            None => (Some(info), None),
        },
    };
    if user.is_some_and(str::is_empty) {
        return Err(BadUri("has an empty user before @"));
    }
    let (place, headers) = place.split_once('?').unwrap_or((place, ""));
    let (hostport, params) = place.split_once(';').unwrap_or((place, ""));
    let (host, port) = Host::parse_with_port(hostport.as_bytes()).map_err(BadUri)?;
    if memchr::memchr(b'@', params.as_bytes()).is_some() {
        return Err(BadUri("has a second @"));
    }
    Ok(Uri { raw, scheme, user, password, host: Some(host), port, opaque: hostport, params, headers })
}

/// `tel:+1-201-555-0123;phone-context=x`, `urn:service:sos`, and what we do not know: no host, no headers.
fn read_other<'a>(raw: &'a str, scheme: Scheme<'a>, rest: &'a str) -> Uri<'a> {
    let (opaque, params) = match scheme {
        Scheme::Tel => rest.split_once(';').unwrap_or((rest, "")),
        _ => (rest, ""),
    };
    let user = (scheme == Scheme::Tel && !opaque.is_empty()).then_some(opaque);
    Uri { raw, scheme, user, password: None, host: None, port: None, opaque, params, headers: "" }
}
