//! Advice of charge for the peer that pays (3GPP TS 24.647): AOC-S and AOC-D in INFO, AOC-E in our BYE or in the answer to its own.
//!
//! What is said is in the crate's `advice`; when a sum is worth saying is the call's.

use super::Talk;
use super::living::Timer;
use super::ours::agent;
use crate::advice::{MEDIA_TYPE, summed, written};
use crate::words::{Effect, Identity, Sent};
use bytes::BytesMut;
use domain::advice::{Advice, AdviceOfCharge, Quote};
use domain::{Monotonic, Now};
use sip::Method;
use sip::endpoint::{ClientTransactionId, Reply, ServerTransactionId};
use std::time::Duration;

/// Between two INFOs at least. Of what is said in between the newest counts: each is the whole sum.
const EVERY: Duration = Duration::from_secs(1);
/// How long the answer to the peer's BYE waits for the final sum. The call gives it in the same step; this is for one that is gone.
const PARTING_WITHIN: Duration = Duration::from_millis(200);

/// What the peer is told of the charge.
#[derive(Debug, Default)]
pub(super) struct Advising {
    policy: AdviceOfCharge,
    /// By what it is charged, until it has been told.
    quote: Option<Quote>,
    /// The newest sum that it is yet to be told.
    due: Option<Advice>,
    /// What our BYE says.
    last: Option<Advice>,
    /// The INFO that is not answered, and its transaction once that has a name.
    sent: Option<Option<ClientTransactionId>>,
    /// Before this no other one is sent.
    again_at: Monotonic,
    /// Whether it wants no more of them.
    is_refused: bool,
}

/// A BYE of the peer whose answer waits for the final sum.
#[derive(Debug)]
pub(crate) struct Parted {
    transaction: ServerTransactionId,
    /// When it is answered without.
    pub(crate) until: Monotonic,
}

impl Parted {
    /// Answers it.
    pub(crate) fn answer(self, advice: Option<Advice>, effects: &mut Vec<Effect>) {
        let reply = Reply::new(200, "OK");
        let reply = match advice {
            Some(advice) => reply.body(MEDIA_TYPE, summed(advice)),
            None => reply,
        };
        effects.push(Effect::Respond { transaction: self.transaction, reply });
    }
}

impl Talk {
    /// How much of it this peer is told.
    pub(crate) fn take_advice(&mut self, policy: AdviceOfCharge) {
        self.advising.policy = policy;
    }

    /// The answer to the peer's BYE is to wait, where it is to say what the call has cost.
    pub(super) fn part(&mut self, transaction: ServerTransactionId, now: Now) -> Option<Parted> {
        let waits = self.advising.policy != AdviceOfCharge::Off;
        waits.then(|| Parted { transaction, until: now.monotonic + PARTING_WITHIN })
    }

    /// The call is charged by these terms; said at the next opportunity, with the first sum where there is one by then.
    pub(crate) fn note_quote(&mut self, quote: Quote) {
        self.advising.quote = Some(quote);
    }

    /// The call has cost so much; said at the next opportunity.
    pub(crate) fn note_advice(&mut self, advice: Advice) {
        match advice.is_final {
            true => (self.advising.due, self.advising.last) = (None, Some(advice)),
            false => self.advising.due = Some(advice),
        }
    }

    /// Says the terms and the newest sum, unless one is under way or was said a moment ago.
    pub(crate) fn send_advice(&mut self, now: Now, identity: &Identity, effects: &mut Vec<Effect>) {
        let Advising { quote, due, sent, again_at, is_refused, .. } = &mut self.advising;
        if *is_refused || sent.is_some() || (due.is_none() && quote.is_none()) || self.bye.is_said() {
            return;
        }
        if now.monotonic < *again_at {
            return self.timers.arm(Timer::Advice, *again_at);
        }
        let said = written(quote.take(), due.take());
        (*sent, *again_at) = (Some(None), now.monotonic + EVERY);
        let mut out = BytesMut::with_capacity(1_024);
        let lines = self.dialog.request(&Method::Info, &mut out);
        agent(lines, identity).body(MEDIA_TYPE, &said);
        effects.push(Effect::Request { sent: Sent::Advice, request: out.freeze(), destination: self.destination() });
    }

    /// What our BYE says of the charge.
    pub(super) fn parting_advice(&mut self) -> Option<Advice> {
        self.advising.last.take()
    }

    /// The INFO is on its way.
    pub(super) fn on_advice_sent(&mut self, transaction: ClientTransactionId) {
        if let Some(sent) = &mut self.advising.sent {
            *sent = Some(transaction);
        }
    }

    /// Whether a transaction of ours is the INFO's.
    pub(super) fn is_advice(&self, transaction: ClientTransactionId) -> bool {
        self.advising.sent == Some(Some(transaction))
    }

    /// The INFO was answered. Whoever refuses one gets no more, and the call goes on: a dialog that is really gone (481) shows at its next
    /// refresh, and costs nobody a call because of a piece of advice.
    pub(super) fn on_advice_answered(&mut self, status: u16, now: Now, identity: &Identity, effects: &mut Vec<Effect>) {
        self.advising.sent = None;
        // Too busy for this one (500 with Retry-After, RFC 3261 14.2; 491): the next is another matter.
        self.advising.is_refused |= status >= 300 && !matches!(status, 491 | 500 | 503);
        self.send_advice(now, identity, effects);
    }

    /// The INFO could not be sent, or nobody answered it: no more of them.
    pub(crate) fn forget_advice(&mut self) {
        self.advising.sent = None;
        self.advising.is_refused = true;
    }
}
