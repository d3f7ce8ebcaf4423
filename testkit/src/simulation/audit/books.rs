//! Each call as it was seen from outside: its holds and charges at the ledger, its answer and its BYE on the wire.
//!
//! What must be true of them is in `rules`.

use crate::world::text::{cseq, header, method, status, tag};
use crate::world::{Datagram, is_carrier};
use domain::Now;
use domain::ProfileId;
use domain::call_record::CallRecord;
use domain::credit::{Account, Holder, Unit};
use std::collections::{BTreeMap, BTreeSet};

/// A caller's leg: the life of the node, and its Call-ID. A PBX may use a Call-ID again after a crash.
pub(super) type Wire = (u32, String);

/// The books of one call.
#[derive(Clone, Debug, Default)]
pub(super) struct CallBooks {
    /// Its caller's leg, once it is known.
    pub(super) wire: Option<Wire>,
    /// The Call-ID of its last leg to a carrier.
    pub(super) carrier: Option<String>,
    /// Whether the ledger was slow or away in its life: then a charge that was asked before the BYE may be posted after it.
    pub(super) had_slow_ledger: bool,
    /// Whose call it is, by what was held for it.
    pub(super) profile: Option<ProfileId>,
    /// Up to which second money was ever held for it: a hold is numbered by that.
    pub(super) held_until_s: u32,
    /// Where it is to end, because the ledger could not answer and its profile does not wait.
    pub(super) ends_s: Option<u32>,
    /// Whether there was too little credit when it was asked for last.
    pub(super) is_short: bool,
    /// What counts for it against the cap of each day.
    pub(super) counted: BTreeMap<u16, i64>,
    /// Open holds of channels.
    pub(super) channels: BTreeSet<u32>,
    /// Open holds of money, and how much.
    pub(super) money: BTreeMap<u32, i64>,
    /// What was charged, in micros.
    pub(super) captured: i64,
    /// Its records.
    pub(super) records: u32,
    /// The last of them.
    pub(super) record: Option<CallRecord>,
    /// The final sum that its PBX was told.
    pub(super) told: Option<i64>,
    /// Whether anything of it is on the disk.
    pub(super) is_safe: bool,
    /// Whether the ledger has ever heard of it.
    has_lines: bool,
}

impl CallBooks {
    pub(super) fn hold(&mut self, number: u32, debit: Account, amount: i64) {
        self.has_lines = true;
        if let Holder::Profile(profile) = debit.holder {
            self.profile = Some(profile);
        }
        if debit.unit == Unit::Channels {
            self.channels.insert(number);
        } else {
            self.money.insert(number, amount);
            self.held_until_s = self.held_until_s.max(number);
        }
    }

    /// So much more counts on a day, or less.
    pub(super) fn count(&mut self, debit: Account, credit: Account, amount: i64) {
        let Unit::Day(day) = credit.unit else { return };
        let is_back = matches!(debit.holder, Holder::Profile(_));
        *self.counted.entry(day).or_default() += if is_back { -amount } else { amount };
    }

    /// What is held for it.
    pub(super) fn held(&self) -> i64 {
        self.money.values().sum()
    }

    pub(super) fn capture(&mut self, number: u32, amount: i64) {
        self.release(number);
        self.captured += amount;
    }

    pub(super) fn release(&mut self, number: u32) {
        self.channels.remove(&number);
        self.money.remove(&number);
    }

    /// Whether a channel and a block are held.
    pub(super) fn has_all(&self) -> bool {
        !self.channels.is_empty() && !self.money.is_empty()
    }

    pub(super) fn holds_nothing(&self) -> bool {
        self.channels.is_empty() && self.money.is_empty()
    }

    /// Whether the ledger has anything of it.
    pub(super) fn is_known(&self) -> bool {
        self.has_lines || self.records > 0
    }

    /// Before the books are read from the journal.
    pub(super) fn forget_ledger(&mut self) {
        let (wire, carrier) = (self.wire.take(), self.carrier.take());
        *self = CallBooks { wire, carrier, is_safe: self.is_safe, ..CallBooks::default() };
    }
}

/// What was seen of callers' legs, and which INVITEs carriers were sent.
#[derive(Default)]
pub(super) struct Wires {
    life: u32,
    answered: BTreeMap<Wire, Now>,
    acknowledged: BTreeMap<Wire, Now>,
    /// The CSeq of the INVITE that was answered: a late ACK to its 407 acknowledges nothing.
    answered_cseq: BTreeMap<Wire, u32>,
    ended: BTreeMap<Wire, Now>,
    invited: BTreeSet<String>,
    /// The tag of the phone that answered first, where several did.
    answerers: BTreeMap<Wire, String>,
}

impl Wires {
    pub(super) fn life(&self) -> u32 {
        self.life
    }

    pub(super) fn begin_life(&mut self) {
        self.life += 1;
    }

    /// When our first 200 went to the caller.
    pub(super) fn answered(&self, wire: &Wire) -> Option<Now> {
        self.answered.get(wire).copied()
    }

    /// When the first BYE of either side came or went. Ours to a caller who has not acknowledged our 200 waits for the ACK
    /// (RFC 3261 15), so the carrier's side may be the first to know.
    pub(super) fn ended(&self, books: &CallBooks) -> Option<Now> {
        let wire = books.wire.as_ref()?;
        let carrier = books.carrier.as_ref().and_then(|call_id| self.ended.get(&(wire.0, call_id.clone())));
        [self.ended.get(wire), carrier].into_iter().flatten().min_by_key(|ended| ended.monotonic).copied()
    }

    /// Whether this Call-ID belongs to this life's caller.
    pub(super) fn is_of_life(&self, wire: &Wire) -> bool {
        wire.0 == self.life
    }

    /// Since when a caller's end is in order: it has acknowledged our 200, so that we may send it a BYE (RFC 3261 15).
    pub(super) fn acknowledged(&self, wire: &Wire) -> Option<Now> {
        self.acknowledged.get(wire).copied()
    }

    /// A caller acknowledges, or a carrier's phone answers: of a fork, the first one has the call.
    pub(super) fn saw_received(&mut self, datagram: &Datagram, now: Now) {
        let text = &datagram.text;
        let wire = (self.life, header(text, "Call-ID").unwrap_or_default().to_owned());
        if method(text) == Some("ACK") && self.answered_cseq.get(&wire) == Some(&cseq(text).0) {
            self.acknowledged.entry(wire.clone()).or_insert(now);
        }
        if is_carrier(datagram.from) && (status(text), cseq(text).1) == (Some(200), "INVITE") {
            let answerer = header(text, "To").and_then(tag).unwrap_or_default().to_owned();
            self.answerers.entry(wire).or_insert(answerer);
        }
    }

    /// Whether a BYE concerns the phone that has the call, and not another one of a fork.
    fn is_end(&self, wire: &Wire, text: &str) -> bool {
        let Some(answerer) = self.answerers.get(wire) else { return true };
        ["From", "To"].iter().any(|name| header(text, name).and_then(tag) == Some(answerer))
    }

    /// The switch sent something. Gives the Call-ID of an INVITE that a carrier hears for the first time.
    pub(super) fn saw_sent(&mut self, datagram: &Datagram, now: Now) -> Option<String> {
        let text = &datagram.text;
        let call_id = header(text, "Call-ID").unwrap_or_default().to_owned();
        let wire = (self.life, call_id.clone());
        let is_bye = self.is_end(&wire, text)
            && matches!((method(text), status(text), cseq(text).1), (Some("BYE"), ..) | (None, Some(200), "BYE"));
        if is_bye {
            self.ended.entry(wire.clone()).or_insert(now);
        }
        if is_carrier(datagram.to) {
            let is_first = method(text) == Some("INVITE") && header(text, "To").and_then(tag).is_none();
            return (is_first && self.invited.insert(call_id.clone())).then_some(call_id);
        }
        if (method(text), status(text), cseq(text).1) == (None, Some(200), "INVITE") {
            self.answered_cseq.entry(wire.clone()).or_insert(cseq(text).0);
            self.answered.entry(wire).or_insert(now);
        }
        None
    }
}
