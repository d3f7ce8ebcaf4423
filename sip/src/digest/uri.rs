//! Whether the `uri` of credentials is the one that is called.
//!
//! Compared leniently, as the field does: proxies and NATs rewrite hosts and parameters, and some PBXs print the registrar's
//! host. For every method but REGISTER the *user* part must be the one of the Request-URI (for `tel:` the number), because it is
//! the dialled number that costs money; scheme, host, port and parameters may differ. A `uri`
//! that names nobody (SIPp and others send the host alone) binds the credentials to the host only, and is taken. The Request-URI of a REGISTER names
//! nobody, so there nothing is compared. The response is computed over `uri` as it was sent; that is not done here.

/// The rule of this file's first lines.
pub(super) fn same_user_part(method: &str, given: &[u8], called: &[u8]) -> bool {
    let names_nobody = user_part(given).next().is_none();
    method == "REGISTER" || names_nobody || user_part(given).eq(user_part(called))
}

/// The user part of a `sip:`, `sips:` or `tel:` URI, percent escapes undone; nothing where there is none.
fn user_part(uri: &[u8]) -> impl Iterator<Item = u8> {
    let rest = memchr::memchr(b':', uri).map_or(uri, |colon| &uri[colon + 1..]);
    let is_tel = uri.get(..4).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"tel:"));
    let user = if is_tel { rest } else { memchr::memrchr(b'@', rest).map_or(&rest[..0], |at| &rest[..at]) };
    // Parameters of the user part (`;phone-context=`) and passwords do not name anybody.
    let end = user.iter().position(|byte| matches!(byte, b';' | b':')).unwrap_or(user.len());
    unescaped(&user[..end])
}

fn unescaped(text: &[u8]) -> impl Iterator<Item = u8> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let byte = *text.get(at)?;
        let escaped = (byte == b'%').then(|| text.get(at + 1..at + 3)).flatten().and_then(|digits| {
            let digit = |byte: u8| char::from(byte).to_digit(16);
            Some((digit(digits[0])? << 4 | digit(digits[1])?) as u8)
        });
        at += if escaped.is_some() { 3 } else { 1 };
        Some(escaped.unwrap_or(byte))
    })
}
