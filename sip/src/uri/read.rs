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
    if !lex::is_uri(bytes) {
        return Err(BadUri("has a blank or another byte that a URI must escape with %"));
    }
    let (name, rest) = cut(bytes, b':').ok_or(BadUri("has no scheme such as sip:"))?;
    let scheme = scheme(name)?;
    if scheme.is_sip() { read_sip(bytes, scheme, rest) } else { Ok(read_other(bytes, scheme, rest)) }
}

/// What stands before the first such byte, and what behind it.
fn cut(bytes: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let at = lex::find_near(separator, bytes)?;
    Some((&bytes[..at], &bytes[at + 1..]))
}

fn scheme(name: &[u8]) -> Result<Scheme<'_>, BadUri> {
    Ok(match name {
        b"sip" => Scheme::Sip,
        b"sips" => Scheme::Sips,
        b"tel" => Scheme::Tel,
        _ if name.eq_ignore_ascii_case(b"sip") => Scheme::Sip,
        _ if name.eq_ignore_ascii_case(b"sips") => Scheme::Sips,
        _ if name.eq_ignore_ascii_case(b"tel") => Scheme::Tel,
        _ if name.eq_ignore_ascii_case(b"urn") => Scheme::Urn,
        _ => {
            let mut bytes = name.iter();
            let starts_well = bytes.next().is_some_and(u8::is_ascii_alphabetic);
            if !starts_well || !bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')) {
                return Err(BadUri("has no scheme such as sip:"));
            }
            Scheme::Other(lex::text(name))
        }
    })
}

/// `sip:user:password@host:port;params?headers`. The user may hold `;` and `?` and `/` (RFC 3261 25.1), but never a bare `@`, so
/// the first `@` ends it.
fn read_sip<'a>(raw: &'a [u8], scheme: Scheme<'a>, rest: &'a [u8]) -> Result<Uri<'a>, BadUri> {
    let (userinfo, place) = match memchr::memchr(b'@', rest) {
        Some(at) => (Some(&rest[..at]), &rest[at + 1..]),
        None => (None, rest),
    };
    let (user, password) = match userinfo.map(|info| cut(info, b':').ok_or(info)) {
        None => (None, None),
        Some(Ok((user, password))) => (Some(user), Some(password)),
        Some(Err(user)) => (Some(user), None),
    };
    if user.is_some_and(<[u8]>::is_empty) {
        return Err(BadUri("has an empty user before @"));
    }
    let end = memchr::memchr2(b';', b'?', place).unwrap_or(place.len());
    let (hostport, behind) = place.split_at(end);
    let (params, headers) = match behind {
        [b';', behind @ ..] => cut(behind, b'?').unwrap_or((behind, b"")),
        [_, headers @ ..] => (&b""[..], headers),
        [] => (&b""[..], &b""[..]),
    };
    let (host, port) = Host::parse_with_port(hostport).map_err(BadUri)?;
    if lex::find_near(b'@', params).is_some() {
        return Err(BadUri("has a second @"));
    }
    Ok(Uri { raw, scheme, user, password, host: Some(host), port, opaque: hostport, params, headers })
}

/// `tel:+1-201-555-0123;phone-context=x`, `urn:service:sos`, and what we do not know: no host, no headers.
fn read_other<'a>(raw: &'a [u8], scheme: Scheme<'a>, rest: &'a [u8]) -> Uri<'a> {
    let (opaque, params) = match scheme {
        Scheme::Tel => cut(rest, b';').unwrap_or((rest, b"")),
        _ => (rest, &b""[..]),
    };
    let user = (scheme == Scheme::Tel && !opaque.is_empty()).then_some(opaque);
    Uri { raw, scheme, user, password: None, host: None, port: None, opaque, params, headers: b"" }
}
