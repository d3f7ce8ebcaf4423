//! The two requests that a client transaction makes out of the INVITE it sent: the ACK to a refusal (RFC 3261 17.1.1.3) and
//! the CANCEL (RFC 3261 9.1).
//!
//! The ACK to a 2xx is not one of them: it is a request of the dialog's ([`crate::dialog`]). What is read here was printed by
//! us, so a scan over lines is enough: no folds, one Via on the first Via line.

use bytes::Bytes;

/// The ACK to a 300-699 response: Request-URI, top Via, Route, From, Call-ID and CSeq number of the INVITE, To of the response.
pub fn for_refusal(invite: &[u8], to: &[u8]) -> Bytes {
    derive(invite, b"ACK", Some(to), b"")
}

/// The CANCEL of an INVITE: the same again with the To of the INVITE. `headers` are further whole lines (Reason), each with its
/// CRLF.
pub fn cancel(invite: &[u8], headers: &[u8]) -> Bytes {
    derive(invite, b"CANCEL", None, headers)
}

fn derive(invite: &[u8], method: &[u8], to: Option<&[u8]>, headers: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(512);
    let mut lines = Lines { rest: invite };
    out.extend_from_slice(method);
    let start = lines.next().unwrap_or_default();
    out.extend_from_slice(start.iter().position(|byte| *byte == b' ').map_or(start, |at| &start[at..]));
    out.extend_from_slice(b"\r\n");
    let mut via_taken = false;
    let mut forwards = false;
    for line in lines {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let (name, value) = (line[..colon].trim_ascii(), line[colon + 1..].trim_ascii());
        match Kept::of(name) {
            Some(Kept::Via) if via_taken => continue,
            Some(Kept::Via) => {
                via_taken = true;
                put(&mut out, b"Via", value);
            }
            Some(Kept::To) => put(&mut out, b"To", to.unwrap_or(value)),
            Some(Kept::CSeq) => {
                let number = value.split(|byte| byte.is_ascii_whitespace()).next().unwrap_or_default();
                put(&mut out, b"CSeq", &[number, b" ", method].concat());
            }
            Some(Kept::MaxForwards) => {
                forwards = true;
                put(&mut out, b"Max-Forwards", value);
            }
            Some(Kept::AsIs) => put(&mut out, name, value),
            None => {}
        }
    }
    if !forwards {
        put(&mut out, b"Max-Forwards", b"70");
    }
    out.extend_from_slice(headers);
    out.extend_from_slice(b"Content-Length: 0\r\n\r\n");
    Bytes::from(out)
}

fn put(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    for part in [name, b": ", value, b"\r\n"] {
        out.extend_from_slice(part);
    }
}

enum Kept {
    Via,
    To,
    CSeq,
    MaxForwards,
    /// From, Call-ID, Route: every line, in order.
    AsIs,
}

impl Kept {
    fn of(name: &[u8]) -> Option<Kept> {
        let is = |long: &[u8], short: &[u8]| name.eq_ignore_ascii_case(long) || name.eq_ignore_ascii_case(short);
        if is(b"Via", b"v") {
            Some(Kept::Via)
        } else if is(b"To", b"t") {
            Some(Kept::To)
        } else if is(b"CSeq", b"CSeq") {
            Some(Kept::CSeq)
        } else if is(b"Max-Forwards", b"Max-Forwards") {
            Some(Kept::MaxForwards)
        } else if is(b"From", b"f") || is(b"Call-ID", b"i") || is(b"Route", b"Route") {
            Some(Kept::AsIs)
        } else {
            None
        }
    }
}

/// The lines of a head without their CRLF, up to the empty one.
struct Lines<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let end = memchr::memmem::find(self.rest, b"\r\n").unwrap_or(self.rest.len());
        let line = &self.rest[..end];
        self.rest = self.rest.get(end + 2..).unwrap_or_default();
        (!line.is_empty()).then_some(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INVITE: &[u8] = b"INVITE sip:+12025550123@carrier.example SIP/2.0\r\n\
        Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKabc;rport\r\n\
        Max-Forwards: 69\r\n\
        Route: <sip:a.example;lr>\r\n\
        Route: <sip:b.example;lr>\r\n\
        From: <sip:+442079460000@192.0.2.1>;tag=f1\r\n\
        To: <sip:+12025550123@carrier.example>\r\n\
        Call-ID: c1@192.0.2.1\r\n\
        CSeq: 7 INVITE\r\n\
        Contact: <sip:192.0.2.1:5060>\r\n\
        Content-Type: application/sdp\r\n\
        Content-Length: 6\r\n\r\nTo: v\n";

    #[test]
    fn the_ack_to_a_refusal_takes_the_to_of_the_response() {
        let ack = for_refusal(INVITE, b"<sip:+12025550123@carrier.example>;tag=t9");
        assert_eq!(
            std::str::from_utf8(&ack).unwrap(),
            "ACK sip:+12025550123@carrier.example SIP/2.0\r\n\
             Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKabc;rport\r\n\
             Max-Forwards: 69\r\n\
             Route: <sip:a.example;lr>\r\n\
             Route: <sip:b.example;lr>\r\n\
             From: <sip:+442079460000@192.0.2.1>;tag=f1\r\n\
             To: <sip:+12025550123@carrier.example>;tag=t9\r\n\
             Call-ID: c1@192.0.2.1\r\n\
             CSeq: 7 ACK\r\n\
             Content-Length: 0\r\n\r\n"
        );
    }

    #[test]
    fn the_cancel_keeps_branch_and_to_of_the_invite_and_may_say_why() {
        let cancel = cancel(INVITE, b"Reason: SIP;cause=200;text=\"Call completed elsewhere\"\r\n");
        let text = std::str::from_utf8(&cancel).unwrap();
        assert!(text.starts_with("CANCEL sip:+12025550123@carrier.example SIP/2.0\r\n"));
        assert!(text.contains("branch=z9hG4bKabc"));
        assert!(text.contains("\r\nTo: <sip:+12025550123@carrier.example>\r\n"));
        assert!(text.contains("\r\nCSeq: 7 CANCEL\r\n"));
        assert!(text.contains("\r\nReason: SIP;cause=200;"));
        assert!(!text.contains("Contact"));
    }
}
