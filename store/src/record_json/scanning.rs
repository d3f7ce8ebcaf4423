//! Reads a record exactly as [`super::writing`] writes it, in one pass and without a copy: the drain does so for every call.
//!
//! Anything else (other white space or order, an escaped character, a number that we would not write so) is not read here, and is
//! no fault by that: [`super::Record::read`] then asks the general reader.

use super::{AttemptJson, CarrierJson, CostJson, PricedJson, Record, VERSION};
use std::borrow::Cow;

/// What our own writing says; nothing where it is not that.
pub(super) fn scan(text: &str) -> Option<Record<'_>> {
    let mut scanner = Scanner { text, at: 0 };
    let record = scanner.record()?;
    (scanner.at == text.len()).then_some(record)
}

/// A text, and how far it has been read.
struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    /// The expressions stand in the order of the text.
    fn record(&mut self) -> Option<Record<'a>> {
        Some(Record {
            _v: self.after("{\"v\":")?.integer().filter(|version| *version == VERSION)?,
            id: self.after(",\"id\":")?.string()?,
            company: self.after(",\"company\":")?.string()?,
            profile: self.after(",\"profile\":")?.string()?,
            direction: self.after(",\"direction\":")?.string()?,
            came_from: self.after(",\"came_from\":")?.option(Self::carrier)?,
            dialled: self.after(",\"dialled\":")?.string()?,
            callee: self.after(",\"callee\":")?.option(Self::string)?,
            caller_id: self.after(",\"caller_id\":")?.option(Self::string)?,
            destination: self.after(",\"destination\":")?.string()?,
            invited_us: self.after(",\"invited_us\":")?.signed()?,
            rang_us: self.after(",\"rang_us\":")?.option(Self::signed)?,
            answered_us: self.after(",\"answered_us\":")?.option(Self::signed)?,
            ended_us: self.after(",\"ended_us\":")?.signed()?,
            talked_ms: self.after(",\"talked_ms\":")?.unsigned()?,
            billed_s: self.after(",\"billed_s\":")?.integer()?,
            rate_per_minute: self.after(",\"rate_per_minute\":")?.string()?,
            connection_fee: self.after(",\"connection_fee\":")?.string()?,
            amount: self.after(",\"amount\":")?.string()?,
            currency: self.after(",\"currency\":")?.string()?,
            cause: self.after(",\"cause\":")?.string()?,
            refusal: self.after(",\"refusal\":")?.option(Self::string)?,
            sentence: self.after(",\"sentence\":")?.option(Self::string)?,
            status: self.after(",\"status\":")?.integer()?,
            sip_call_id: self.after(",\"sip_call_id\":")?.string()?,
            attempts: self.after(",\"attempts\":[")?.attempts()?,
            packets: self.after(",\"packets\":")?.pair()?,
            packets_lost: self.after(",\"packets_lost\":")?.pair()?,
            partner: self.after(",\"partner\":")?.option(Self::string)?,
            q850: self.after(",\"q850\":")?.option(Self::integer)?,
            trace: self.after(",\"trace\":")?.string()?,
            priced: self.after(",\"priced\":")?.option(Self::priced)?,
            written_off: None,
        })
        .filter(|_| self.after("}").is_some())
    }

    fn carrier(&mut self) -> Option<CarrierJson<'a>> {
        let read = CarrierJson {
            carrier: self.after("{\"carrier\":")?.string()?,
            carrier_name: self.after(",\"carrier_name\":")?.string()?,
        };
        self.after("}").map(|_| read)
    }

    fn priced(&mut self) -> Option<PricedJson<'a>> {
        let read = PricedJson {
            deck: self.after("{\"deck\":")?.string()?,
            prefix: self.after(",\"prefix\":")?.string()?,
            minimum_s: self.after(",\"minimum_s\":")?.integer()?,
            increment_s: self.after(",\"increment_s\":")?.integer()?,
            rounding: self.after(",\"rounding\":")?.string()?,
            scale: self.after(",\"scale\":")?.integer()?,
        };
        self.after("}").map(|_| read)
    }

    fn cost(&mut self) -> Option<CostJson<'a>> {
        let read = CostJson {
            rate_per_minute: self.after("{\"rate_per_minute\":")?.string()?,
            amount: self.after(",\"amount\":")?.string()?,
            currency: self.after(",\"currency\":")?.string()?,
        };
        self.after("}").map(|_| read)
    }

    fn attempts(&mut self) -> Option<Vec<AttemptJson<'a>>> {
        let mut attempts = Vec::new();
        while self.after("]").is_none() {
            if !attempts.is_empty() {
                self.after(",")?;
            }
            attempts.push(AttemptJson {
                carrier: self.after("{\"carrier\":")?.option(Self::string)?,
                carrier_name: self.after(",\"carrier_name\":")?.option(Self::string)?,
                sip_call_id: self.after(",\"sip_call_id\":")?.string()?,
                invited_us: self.after(",\"invited_us\":")?.signed()?,
                post_dial_delay_ms: self.after(",\"post_dial_delay_ms\":")?.option(Self::integer)?,
                status: self.after(",\"status\":")?.integer()?,
                outcome: self.after(",\"outcome\":")?.option(Self::string)?,
                ended_after_ms: self.after(",\"ended_after_ms\":")?.option(Self::integer)?,
                cost: self.after(",\"cost\":")?.option(Self::cost)?,
            });
            self.after("}")?;
        }
        Some(attempts)
    }

    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    /// Steps over these words; nothing, and no step, where others stand here.
    #[inline]
    fn after(&mut self, words: &'static str) -> Option<&mut Self> {
        if !self.rest().starts_with(words.as_bytes()) {
            return None;
        }
        self.at += words.len();
        Some(self)
    }

    /// A text in which nothing is escaped.
    fn string(&mut self) -> Option<Cow<'a, str>> {
        self.after("\"")?;
        let rest = self.rest();
        let length = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20))?;
        let text = self.text.get(self.at..self.at + length)?;
        self.at += length + 1;
        (rest[length] == b'"').then_some(Cow::Borrowed(text))
    }

    fn option<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<Option<T>> {
        match self.after("null") {
            Some(_) => Some(None),
            None => read(self).map(Some),
        }
    }

    fn pair(&mut self) -> Option<(u64, u64)> {
        let first = self.after("[")?.unsigned()?;
        let second = self.after(",")?.unsigned()?;
        self.after("]")?;
        Some((first, second))
    }

    fn integer<T: TryFrom<u64>>(&mut self) -> Option<T> {
        T::try_from(self.unsigned()?).ok()
    }

    fn signed(&mut self) -> Option<i64> {
        let is_negative = self.after("-").is_some();
        let magnitude = self.unsigned()?;
        if is_negative && magnitude == 0 {
            return None;
        }
        if is_negative { 0i64.checked_sub_unsigned(magnitude) } else { i64::try_from(magnitude).ok() }
    }

    /// Digits as we write them: no sign, no zero in front.
    fn unsigned(&mut self) -> Option<u64> {
        let rest = self.rest();
        let length = rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
        let number = |value: u64, digit: &u8| value * 10 + u64::from(digit - b'0');
        // Nineteen digits fit always, a twentieth sometimes.
        let value = match rest.get(..length)? {
            few if length <= 19 => few.iter().fold(0, number),
            [most @ .., last] if length == 20 => {
                most.iter().fold(0, number).checked_mul(10)?.checked_add(u64::from(last - b'0'))?
            }
            _ => return None,
        };
        if length == 0 || (rest[0] == b'0' && length > 1) {
            return None;
        }
        self.at += length;
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{"v":5,"id":"call_0000000000000000000000000000000a","company":"comp_0000000000000000000000000000000b","profile":"prof_0000000000000000000000000000000c","direction":"outbound","came_from":{"carrier":"carr_0000000000000000000000000000000c","carrier_name":"east"},"dialled":"+12025550123","callee":"+12025550123","caller_id":null,"destination":"United States","invited_us":1795262400000007,"rang_us":-1795262401000000,"answered_us":1795262402000000,"ended_us":1795262463000000,"talked_ms":61000,"billed_s":66,"rate_per_minute":"0.008","connection_fee":"0.00","amount":"0.01","currency":"USD","cause":"normal","refusal":null,"sentence":null,"status":200,"sip_call_id":"a@b","attempts":[{"carrier":"carr_0000000000000000000000000000000d","carrier_name":"north","sip_call_id":"c@d","invited_us":1795262400100000,"post_dial_delay_ms":900,"status":503,"outcome":"refused","ended_after_ms":31,"cost":null},{"carrier":"carr_0000000000000000000000000000000e","carrier_name":"süd","sip_call_id":"e@f","invited_us":0,"post_dial_delay_ms":null,"status":200,"outcome":null,"ended_after_ms":null,"cost":{"rate_per_minute":"0.004","amount":"0.01","currency":"USD"}}],"packets":[3050,3049],"packets_lost":[0,18446744073709551615],"partner":"call_0000000000000000000000000000000b","q850":16,"trace":"company|passed|||~credit|passed||0.01 USD|0.01 USD","priced":{"deck":"standard 3","prefix":"1202","minimum_s":30,"increment_s":6,"rounding":"up","scale":2}}"#;

    #[test]
    fn what_is_scanned_is_what_the_general_reader_reads() {
        let scanned = scan(TEXT).expect("our own writing");
        assert_eq!(scanned, serde_json::from_str::<Record<'_>>(TEXT).unwrap());
        assert_eq!(scanned.attempts.len(), 2);
    }

    #[test]
    fn a_text_that_is_spoilt_anywhere_is_scanned_as_the_general_reader_reads_it_or_not_at_all() {
        let mut scanned = 0;
        for at in 0..TEXT.len() {
            for spoilt in [" ", "\"", "\\", "0", "9", "-", "}", "null", ",", "\n", ""] {
                if !TEXT.is_char_boundary(at) || !TEXT.is_char_boundary(at + 1) {
                    continue;
                }
                for text in [
                    format!("{}{spoilt}{}", &TEXT[..at], &TEXT[at + 1..]),
                    format!("{}{spoilt}{}", &TEXT[..at], &TEXT[at..]),
                    TEXT[..at].to_owned(),
                ] {
                    if let Some(record) = scan(&text) {
                        scanned += 1;
                        assert_eq!(record, serde_json::from_str::<Record<'_>>(&text).expect(&text), "{text}");
                    }
                }
            }
        }
        assert!(scanned > 1_000, "other digits and letters are no fault: {scanned}");
    }
}
