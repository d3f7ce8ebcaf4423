//! A call record as text, put together byte by byte: every call is written three times, on threads that carry calls.
//!
//! Reading does not live here. The fields and their order are those of `Record` beside.

use super::VERSION;
use domain::call_record::{Attempt, AttemptOutcome, CallRecord, CarrierNamed, Priced};
use domain::{E164, Micros, Wall, ids};
use std::io::Write;

/// Bytes of a record without its texts and attempts, to begin with.
const FIXED_BYTES: usize = 896;
/// Bytes of an attempt without its texts.
const ATTEMPT_BYTES: usize = 288;

/// The two digits of every number below a hundred.
const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[b'0'; 2]; 100];
    let mut number = 0;
    while number < pairs.len() {
        pairs[number] = [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8];
        number += 1;
    }
    pairs
};

/// The record as one line of JSON; nothing is lost. Amounts are decimal texts, times microseconds of UTC since 1970.
pub fn to_json(record: &CallRecord) -> String {
    let texts = record.dialled.len() + record.destination.len() + record.sip_call_id.len() + record.trace.len();
    let attempts = record.attempts.iter();
    let name = |carrier: &Option<CarrierNamed>| carrier.as_ref().map_or(0, |named| named.carrier_name.len());
    let attempts: usize =
        attempts.map(|attempt| ATTEMPT_BYTES + name(&attempt.carrier) + attempt.sip_call_id.len()).sum();
    let mut text = Text(Vec::with_capacity(FIXED_BYTES + texts + attempts));
    text.record(record);
    // Cannot fail: whole texts and ASCII. An empty text would be refused by the reader.
    String::from_utf8(text.0).unwrap_or_default()
}

/// A text that grows.
struct Text(Vec<u8>);

impl Text {
    fn record(&mut self, record: &CallRecord) {
        self.raw("{\"v\":");
        self.unsigned(VERSION.into());
        self.raw(",\"id\":\"call_");
        self.bits(record.id.bits());
        self.raw("\",\"company\":\"comp_");
        self.bits(record.company.bits());
        self.raw("\",\"profile\":\"prof_");
        self.bits(record.profile.bits());
        self.raw("\",\"direction\":\"");
        self.raw(record.direction.as_str());
        self.raw("\",\"came_from\":");
        match &record.came_from {
            Some(named) => {
                self.raw("{");
                self.carrier(Some(named));
                self.raw("}");
            }
            None => self.raw("null"),
        }
        self.raw(",\"dialled\":\"");
        self.escaped(&record.dialled);
        self.raw("\",\"callee\":");
        self.number(record.callee);
        self.raw(",\"caller_id\":");
        self.number(record.caller_id);
        self.raw(",\"destination\":\"");
        self.escaped(&record.destination);
        self.raw("\",\"invited_us\":");
        self.signed(record.invited_at.as_unix_micros());
        self.raw(",\"rang_us\":");
        self.instant(record.rang_at);
        self.raw(",\"answered_us\":");
        self.instant(record.answered_at);
        self.raw(",\"ended_us\":");
        self.signed(record.ended_at.as_unix_micros());
        self.raw(",\"talked_ms\":");
        self.unsigned(record.talked_ms);
        self.raw(",\"billed_s\":");
        self.unsigned(record.billed_s.into());
        self.raw(",\"rate_per_minute\":\"");
        self.amount(record.rate_per_minute);
        self.raw("\",\"connection_fee\":\"");
        self.amount(record.connection_fee);
        self.raw("\",\"amount\":\"");
        self.amount(record.amount);
        self.raw("\",\"currency\":\"");
        self.raw(record.currency.as_str());
        self.raw("\",\"cause\":\"");
        self.raw(record.cause.as_str());
        self.raw("\",\"refusal\":");
        self.text(record.refusal.as_deref());
        self.raw(",\"sentence\":");
        self.text(record.sentence.as_deref());
        self.raw(",\"status\":");
        self.unsigned(record.status.into());
        self.raw(",\"sip_call_id\":\"");
        self.escaped(&record.sip_call_id);
        self.raw("\",\"attempts\":[");
        for (index, attempt) in record.attempts.iter().enumerate() {
            self.raw(if index == 0 { "{" } else { ",{" });
            self.attempt(attempt);
        }
        self.raw("],\"packets\":");
        self.pair(record.packets);
        self.raw(",\"packets_lost\":");
        self.pair(record.packets_lost);
        self.raw(",\"partner\":");
        match record.partner {
            Some(partner) => {
                self.raw("\"call_");
                self.bits(partner.bits());
                self.raw("\"");
            }
            None => self.raw("null"),
        }
        self.raw(",\"q850\":");
        match record.q850 {
            Some(cause) => self.unsigned(cause.into()),
            None => self.raw("null"),
        }
        self.raw(",\"trace\":\"");
        self.escaped(&record.trace);
        self.raw("\",\"priced\":");
        match &record.priced {
            Some(priced) => self.priced(priced),
            None => self.raw("null"),
        }
        if record.written_off != Micros::ZERO {
            self.raw(",\"written_off\":\"");
            self.amount(record.written_off);
            self.raw("\"");
        }
        self.raw("}");
    }

    fn priced(&mut self, priced: &Priced) {
        self.raw("{\"deck\":\"");
        self.escaped(&priced.deck);
        self.raw("\",\"prefix\":\"");
        self.0.extend_from_slice(priced.prefix.as_bytes());
        self.raw("\",\"minimum_s\":");
        self.unsigned(priced.minimum_s.into());
        self.raw(",\"increment_s\":");
        self.unsigned(priced.increment_s.into());
        self.raw(",\"rounding\":\"");
        self.raw(priced.rounding.as_str());
        self.raw("\",\"scale\":");
        self.unsigned(priced.scale.into());
        self.raw("}");
    }

    /// The two fields of a carrier.
    fn carrier(&mut self, named: Option<&CarrierNamed>) {
        let Some(named) = named else { return self.raw("\"carrier\":null,\"carrier_name\":null") };
        self.raw("\"carrier\":\"carr_");
        self.bits(named.carrier.bits());
        self.raw("\",\"carrier_name\":\"");
        self.escaped(&named.carrier_name);
        self.raw("\"");
    }

    /// An attempt behind its opening brace.
    fn attempt(&mut self, attempt: &Attempt) {
        self.carrier(attempt.carrier.as_ref());
        self.raw(",\"sip_call_id\":\"");
        self.escaped(&attempt.sip_call_id);
        self.raw("\",\"invited_us\":");
        self.signed(attempt.invited_at.as_unix_micros());
        self.raw(",\"post_dial_delay_ms\":");
        match attempt.post_dial_delay_ms {
            Some(delay) => self.unsigned(delay.into()),
            None => self.raw("null"),
        }
        self.raw(",\"status\":");
        self.unsigned(attempt.status.into());
        self.raw(",\"outcome\":");
        self.text(attempt.outcome.map(AttemptOutcome::as_str));
        self.raw(",\"ended_after_ms\":");
        match attempt.ended_after_ms {
            Some(delay) => self.unsigned(delay.into()),
            None => self.raw("null"),
        }
        self.raw(",\"cost\":");
        match &attempt.cost {
            Some(cost) => {
                self.raw("{\"rate_per_minute\":\"");
                self.amount(cost.rate_per_minute);
                self.raw("\",\"amount\":\"");
                self.amount(cost.amount);
                self.raw("\",\"currency\":\"");
                self.raw(cost.currency.as_str());
                self.raw("\"}");
            }
            None => self.raw("null"),
        }
        self.raw("}");
    }

    fn raw(&mut self, text: &str) {
        self.0.extend_from_slice(text.as_bytes());
    }

    /// The 32 digits of an identity.
    fn bits(&mut self, bits: u128) {
        self.0.extend_from_slice(&ids::hexadecimal(bits));
    }

    /// A text between quotation marks that stand already or will.
    fn escaped(&mut self, text: &str) {
        if text.bytes().fold(true, |plain, byte| plain & (byte >= 0x20) & (byte != b'"') & (byte != b'\\')) {
            return self.raw(text);
        }
        for character in text.bytes() {
            match character {
                b'"' => self.raw("\\\""),
                b'\\' => self.raw("\\\\"),
                b'\n' => self.raw("\\n"),
                b'\r' => self.raw("\\r"),
                b'\t' => self.raw("\\t"),
                0x08 => self.raw("\\b"),
                0x0c => self.raw("\\f"),
                0..0x20 => {
                    self.raw("\\u00");
                    self.0.extend_from_slice(&ids::hexadecimal(character.into())[30..]);
                }
                _ => self.0.push(character),
            }
        }
    }

    fn text(&mut self, text: Option<&str>) {
        let Some(text) = text else { return self.raw("null") };
        self.raw("\"");
        self.escaped(text);
        self.raw("\"");
    }

    fn number(&mut self, number: Option<E164>) {
        let Some(number) = number else { return self.raw("null") };
        self.raw("\"+");
        self.unsigned(number.as_u64());
        self.raw("\"");
    }

    fn instant(&mut self, instant: Option<Wall>) {
        match instant {
            Some(instant) => self.signed(instant.as_unix_micros()),
            None => self.raw("null"),
        }
    }

    fn amount(&mut self, amount: Micros) {
        // Writing to memory does not fail.
        let _ = write!(self.0, "{amount}");
    }

    fn pair(&mut self, (first, second): (u64, u64)) {
        self.raw("[");
        self.unsigned(first);
        self.raw(",");
        self.unsigned(second);
        self.raw("]");
    }

    fn signed(&mut self, value: i64) {
        if value < 0 {
            self.raw("-");
        }
        self.unsigned(value.unsigned_abs());
    }

    fn unsigned(&mut self, mut value: u64) {
        // As many digits as the largest has; two at a time, for times have sixteen.
        let mut digits = [0; 20];
        let mut first = digits.len();
        while value >= 100 {
            first -= 2;
            digits[first..first + 2].copy_from_slice(&PAIRS[(value % 100) as usize]);
            value /= 100;
        }
        first -= 2;
        digits[first..first + 2].copy_from_slice(&PAIRS[value as usize]);
        first += usize::from(value < 10);
        self.0.extend_from_slice(&digits[first..]);
    }
}
