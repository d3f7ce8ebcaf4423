//! Questions and answers of DNS as bytes (RFC 1035, RFC 2782, RFC 3403, RFC 6891): as much of it as a stub resolver for SIP needs.
//!
//! No socket is opened here, and nothing that an answer says beyond its question is believed.

use sip::locating::{Naptr, Srv};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// Bytes of an answer over UDP that we take (RFC 9715: what passes everywhere unfragmented).
pub(super) const UDP_BYTES_MAX: usize = 1_232;
/// Bytes of a name at most (RFC 1035 2.3.4).
const NAME_BYTES_MAX: usize = 255;
/// Pointers of one name that are followed: more is a loop.
const POINTERS_MAX: usize = 16;
/// Records of an answer that are looked at.
const RECORDS_MAX: usize = 64;

/// A type of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    A = 1,
    Aaaa = 28,
    Srv = 33,
    Naptr = 35,
}

/// Types that are only looked through.
const SOA: u16 = 6;

/// One record that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Record {
    Address(IpAddr),
    Srv(Srv),
    Naptr(Naptr),
}

/// What an answer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// These records, at least one, for so long.
    Found(Vec<Record>, Duration),
    /// There are none; for so long, where it says (RFC 2308 5).
    Nothing(Option<Duration>),
    /// It did not fit: the question is to be asked again over TCP.
    Truncated,
    /// The server failed, or refuses.
    Failed,
}

/// The question for a name's records; none where it can be no name.
pub(super) fn question(id: u16, name: &str, kind: Kind) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(64 + name.len());
    out.extend_from_slice(&id.to_be_bytes());
    // Recursion desired; one question, and one additional record: that we take longer answers (RFC 6891 6.1.2).
    out.extend_from_slice(&[0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 1]);
    put_name(&mut out, name)?;
    out.extend_from_slice(&(kind as u16).to_be_bytes());
    out.extend_from_slice(&[0, 1]);
    out.extend_from_slice(&[0, 0, 41]);
    out.extend_from_slice(&(UDP_BYTES_MAX as u16).to_be_bytes());
    out.extend_from_slice(&[0; 6]);
    Some(out)
}

fn put_name(out: &mut Vec<u8>, name: &str) -> Option<()> {
    let name = name.trim_end_matches('.');
    if name.is_empty() || name.len() > NAME_BYTES_MAX - 2 {
        return None;
    }
    for label in name.split('.') {
        let length = u8::try_from(label.len()).ok().filter(|length| (1..=63).contains(length))?;
        out.push(length);
        out.extend_from_slice(label.as_bytes());
    }
    out.push(0);
    Some(())
}

/// What a message says to this question; none where it is no answer to it, and the next message may be.
pub(super) fn read(message: &[u8], id: u16, name: &str, kind: Kind) -> Option<Reply> {
    let mut reader = Reader { bytes: message, at: 0 };
    let (its_id, flags) = (reader.u16()?, reader.u16()?);
    let counts = [reader.u16()?, reader.u16()?, reader.u16()?, reader.u16()?];
    let is_answer = flags & 0x8000 != 0 && its_id == id && counts[0] == 1;
    if !is_answer {
        return None;
    }
    let asked = reader.name()?;
    let is_ours =
        asked.eq_ignore_ascii_case(name.trim_end_matches('.')) && reader.u16()? == kind as u16 && reader.u16()? == 1;
    if !is_ours {
        return None;
    }
    if flags & 0x0200 != 0 {
        return Some(Reply::Truncated);
    }
    match flags & 0x000f {
        0 | 3 => {}
        _ => return Some(Reply::Failed),
    }
    // What is broken from here on is a broken answer to our question.
    Some(reader.records(counts[1], counts[2], kind).unwrap_or(Reply::Failed))
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let taken = self.bytes.get(self.at..self.at.checked_add(length)?)?;
        self.at += length;
        Some(taken)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    fn u16(&mut self) -> Option<u16> {
        self.take(2).map(|bytes| u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    fn u32(&mut self) -> Option<u32> {
        self.take(4).map(|bytes| u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    /// A character string (RFC 1035 3.3).
    fn text(&mut self) -> Option<String> {
        let length = self.u8()?;
        self.take(length.into()).map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    }

    /// A name, its pointers followed (RFC 1035 4.1.4); without a dot at its end.
    fn name(&mut self) -> Option<String> {
        let mut name = String::new();
        let mut jumped = Reader { bytes: self.bytes, at: self.at };
        let mut after = None;
        let mut pointers = 0;
        loop {
            let length = jumped.u8()?;
            match length {
                0 => break,
                1..=63 => {
                    let label = jumped.take(length.into())?;
                    if !name.is_empty() {
                        name.push('.');
                    }
                    // Of what is no ASCII no host of ours is made.
                    name.push_str(std::str::from_utf8(label).ok().filter(|label| label.is_ascii())?);
                    if name.len() > NAME_BYTES_MAX {
                        return None;
                    }
                }
                0xc0.. => {
                    let low = jumped.u8()?;
                    after.get_or_insert(jumped.at);
                    pointers += 1;
                    if pointers > POINTERS_MAX {
                        return None;
                    }
                    jumped.at = usize::from(u16::from_be_bytes([length & 0x3f, low]));
                }
                _ => return None,
            }
        }
        self.at = after.unwrap_or(jumped.at);
        Some(name)
    }

    /// The records that were asked for, in the answer section; a CNAME's target was looked up by the server.
    fn records(&mut self, answers: u16, authorities: u16, kind: Kind) -> Option<Reply> {
        let mut found = Vec::new();
        let mut ttl = u32::MAX;
        for _ in 0..usize::from(answers).min(RECORDS_MAX) {
            let (its_kind, its_ttl, end) = self.head()?;
            if its_kind == kind as u16 {
                found.push(self.record(kind)?);
            }
            ttl = ttl.min(its_ttl);
            self.at = end;
        }
        if !found.is_empty() {
            return Some(Reply::Found(found, Duration::from_secs(ttl.into())));
        }
        for _ in 0..usize::from(authorities).min(RECORDS_MAX) {
            let (its_kind, its_ttl, end) = self.head()?;
            if its_kind == SOA {
                let (_, _, _) = (self.name()?, self.name()?, self.take(16)?);
                let least = its_ttl.min(self.u32()?);
                return Some(Reply::Nothing(Some(Duration::from_secs(least.into()))));
            }
            self.at = end;
        }
        Some(Reply::Nothing(None))
    }

    /// Type and life of a record, and where it ends.
    fn head(&mut self) -> Option<(u16, u32, usize)> {
        self.name()?;
        let (kind, _class, ttl, length) = (self.u16()?, self.u16()?, self.u32()?, self.u16()?);
        let end = self.at.checked_add(length.into()).filter(|end| *end <= self.bytes.len())?;
        // RFC 2181 8: what has the highest bit set is zero.
        Some((kind, if ttl > i32::MAX as u32 { 0 } else { ttl }, end))
    }

    fn record(&mut self, kind: Kind) -> Option<Record> {
        Some(match kind {
            Kind::A => Record::Address(Ipv4Addr::from(<[u8; 4]>::try_from(self.take(4)?).ok()?).into()),
            Kind::Aaaa => Record::Address(Ipv6Addr::from(<[u8; 16]>::try_from(self.take(16)?).ok()?).into()),
            Kind::Srv => {
                Record::Srv(Srv { priority: self.u16()?, weight: self.u16()?, port: self.u16()?, target: self.name()? })
            }
            Kind::Naptr => {
                let (order, preference, flags, service) = (self.u16()?, self.u16()?, self.text()?, self.text()?);
                let _expression = self.text()?;
                Record::Naptr(Naptr { order, preference, flags, service, replacement: self.name()? })
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Entropy;

    /// An answer to `question`: the flags, and records as type, seconds, data, each of the name that was asked for (a pointer).
    fn answer(question: &[u8], flags: u16, answers: &[(u16, u32, &[u8])], authority: &[(u16, u32, &[u8])]) -> Vec<u8> {
        let end_of_question = question.len() - 11;
        let mut out = question[..2].to_vec();
        out.extend_from_slice(&flags.to_be_bytes());
        out.extend_from_slice(&[0, 1, 0, answers.len() as u8, 0, authority.len() as u8, 0, 0]);
        out.extend_from_slice(&question[12..end_of_question]);
        for (kind, ttl, data) in answers.iter().chain(authority) {
            out.extend_from_slice(&[0xc0, 12]);
            out.extend_from_slice(&kind.to_be_bytes());
            out.extend_from_slice(&[0, 1]);
            out.extend_from_slice(&ttl.to_be_bytes());
            out.extend_from_slice(&(data.len() as u16).to_be_bytes());
            out.extend_from_slice(data);
        }
        out
    }

    const OK: u16 = 0x8180;

    #[test]
    fn addresses_services_and_their_names_are_read() {
        let asked = question(7, "example.net.", Kind::A).unwrap();
        let said = answer(&asked, OK, &[(5, 20, &[0xc0, 12]), (1, 60, &[192, 0, 2, 1]), (1, 30, &[192, 0, 2, 2])], &[]);
        let found = ["192.0.2.1", "192.0.2.2"].map(|ip| Record::Address(ip.parse().unwrap())).to_vec();
        assert_eq!(read(&said, 7, "Example.NET", Kind::A), Some(Reply::Found(found, Duration::from_secs(20))));

        let asked = question(8, "_sip._udp.example.net", Kind::Srv).unwrap();
        // The target ends in a pointer to "example.net", behind "_sip._udp".
        let data = [&[0, 10, 0, 60, 0x13, 0xc4, 4][..], b"edge", &[0xc0, 22]].concat();
        let said = answer(&asked, OK, &[(33, 300, &data)], &[]);
        let srv = Srv { priority: 10, weight: 60, port: 5060, target: "edge.example.net".to_owned() };
        let found = Reply::Found(vec![Record::Srv(srv)], Duration::from_secs(300));
        assert_eq!(read(&said, 8, "_sip._udp.example.net", Kind::Srv), Some(found));

        let asked = question(9, "example.net", Kind::Naptr).unwrap();
        let data =
            [&[0, 50, 0, 51, 1][..], b"s", &[7], b"SIP+D2U", &[0, 4], b"_sip", &[4], b"_udp", &[0xc0, 12]].concat();
        let said = answer(&asked, OK, &[(35, 1, &data)], &[]);
        let naptr = Naptr {
            order: 50,
            preference: 51,
            flags: "s".to_owned(),
            service: "SIP+D2U".to_owned(),
            replacement: "_sip._udp.example.net".to_owned(),
        };
        let found = Reply::Found(vec![Record::Naptr(naptr)], Duration::from_secs(1));
        assert_eq!(read(&said, 9, "example.net", Kind::Naptr), Some(found));
    }

    /// RFC 2308 5.
    #[test]
    fn what_is_not_there_says_for_how_long() {
        let asked = question(7, "example.net", Kind::A).unwrap();
        let soa = [&[0, 0][..], &[0; 16], &60_u32.to_be_bytes()].concat();
        for flags in [OK, OK | 3] {
            let said = answer(&asked, flags, &[], &[(6, 900, &soa)]);
            let nothing = Reply::Nothing(Some(Duration::from_secs(60)));
            assert_eq!(read(&said, 7, "example.net", Kind::A), Some(nothing));
        }
        assert_eq!(read(&answer(&asked, OK, &[], &[]), 7, "example.net", Kind::A), Some(Reply::Nothing(None)));
        assert_eq!(read(&answer(&asked, OK | 2, &[], &[]), 7, "example.net", Kind::A), Some(Reply::Failed));
        assert_eq!(read(&answer(&asked, OK | 0x0200, &[], &[]), 7, "example.net", Kind::A), Some(Reply::Truncated));
    }

    #[test]
    fn what_answers_another_question_is_no_answer() {
        let asked = question(7, "example.net", Kind::A).unwrap();
        let said = answer(&asked, OK, &[(1, 60, &[192, 0, 2, 1])], &[]);
        assert_eq!(read(&said, 8, "example.net", Kind::A), None);
        assert_eq!(read(&said, 7, "example.com", Kind::A), None);
        assert_eq!(read(&said, 7, "example.net", Kind::Aaaa), None);
        assert_eq!(read(&asked, 7, "example.net", Kind::A), None, "a question is none either");
        for name in ["", ".", "a..b", &"a".repeat(64), &"a.".repeat(200)] {
            assert_eq!(question(1, name, Kind::A), None, "{name}");
        }
    }

    #[test]
    fn broken_answers_end_and_nothing_panics() {
        let asked = question(7, "example.net", Kind::A).unwrap();
        // A name that points to itself.
        let looped = answer(&asked, OK, &[(33, 1, &[0, 0, 0, 0, 0, 0, 0xc0, 12])], &[]);
        let mut chance = Entropy::from_seed([3; 16]);
        let kinds = [Kind::A, Kind::Aaaa, Kind::Srv, Kind::Naptr];
        for round in 0..50_000_u64 {
            let mut bytes = looped.clone();
            for _ in 0..=chance.below(4) {
                let place = chance.below(bytes.len() as u64) as usize;
                bytes[place] = chance.next_u64() as u8;
            }
            bytes.truncate(chance.below(bytes.len() as u64 + 1) as usize);
            let _ = read(&bytes, 7, "example.net", kinds[(round % 4) as usize]);
        }
    }
}
