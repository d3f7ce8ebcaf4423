//! Provisional responses that a caller must hear (RFC 3262): sent one after the other, each repeated until its PRACK.
//!
//! Only a caller that requires 100rel gets them so; what they say is the leg's.

use domain::{Monotonic, Now, TimerTable};
use sip::endpoint::Reply;
use sip::{Message, Method, Name};
use std::collections::VecDeque;
use std::time::Duration;

/// RFC 3261 T1, before the first repetition.
const T1: Duration = Duration::from_millis(500);
/// How long a PRACK is waited for (RFC 3262 3).
const PATIENCE: Duration = Duration::from_secs(32);
/// Provisional responses that wait at most; a called side that sends more of them says nothing new.
const WAITING_MAX: usize = 16;

/// The reliable provisional responses of one INVITE.
#[derive(Debug)]
pub(crate) struct Reliable {
    /// RSeq of the last one that was sent.
    number: u32,
    /// CSeq number of the INVITE.
    invite: u32,
    /// The one that has no PRACK yet.
    unheard: Option<Said>,
    waiting: VecDeque<Said>,
    /// Whether one with a description was acknowledged: the first offer is answered (RFC 3262 5).
    has_answered: bool,
    interval: Duration,
    timers: TimerTable<Timer>,
}

/// A response, and whether it describes the session.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    pub(crate) reply: Reply,
    pub(crate) describes: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Timer {
    GiveUp,
    Repeat,
}

/// What is due.
pub(crate) enum Due {
    /// Send it again.
    Repeat(Reply),
    /// The caller does not answer: refuse the INVITE.
    GiveUp,
}

/// Whether the caller requires them.
pub(crate) fn is_required(invite: &Message) -> bool {
    invite.require().any(|tag| tag.eq_ignore_ascii_case("100rel"))
}

impl Reliable {
    /// For an INVITE that requires them; `first` is the number of the first, less one.
    pub(crate) fn new(invite: &Message, first: u32) -> Reliable {
        Reliable {
            number: first,
            invite: invite.cseq().map(|cseq| cseq.number).unwrap_or_default(),
            unheard: None,
            waiting: VecDeque::new(),
            has_answered: false,
            interval: T1,
            timers: TimerTable::new(),
        }
    }

    /// A provisional response is to be sent: gives it as it is to be sent now, unless another one waits for its PRACK.
    pub(crate) fn send(&mut self, said: Said, now: Now) -> Option<Reply> {
        if self.unheard.is_some() {
            if self.waiting.len() < WAITING_MAX {
                self.waiting.push_back(said);
            }
            return None;
        }
        self.number += 1;
        let reply = said.reply.header(Name::Require, "100rel").header(Name::RSeq, self.number.to_string());
        self.unheard = Some(Said { reply: reply.clone(), ..said });
        self.interval = T1;
        self.timers.clear();
        self.timers.arm(Timer::GiveUp, now.monotonic + PATIENCE);
        self.timers.arm(Timer::Repeat, now.monotonic + T1);
        Some(reply)
    }

    /// A PRACK: gives the next response to send, where one waits. False where it acknowledges nothing.
    pub(crate) fn on_prack(&mut self, prack: &Message, now: Now) -> Result<Option<Reply>, ()> {
        let rack = prack.rack().ok().flatten().ok_or(())?;
        if self.unheard.is_none()
            || (rack.response_number, rack.cseq_number) != (self.number, self.invite)
            || rack.method != Method::Invite
        {
            return Err(());
        }
        self.has_answered |= self.unheard.take().is_some_and(|said| said.describes);
        self.timers.clear();
        let next = self.waiting.pop_front();
        Ok(next.and_then(|next| self.send(next, now)))
    }

    /// Whether everything that was sent was heard.
    pub(crate) fn is_heard(&self) -> bool {
        self.unheard.is_none()
    }

    /// Whether the caller has heard an answer to its first offer.
    pub(crate) fn has_answered(&self) -> bool {
        self.has_answered
    }

    pub(crate) fn deadline(&self) -> Option<Monotonic> {
        self.timers.deadline()
    }

    pub(crate) fn expire(&mut self, now: Now) -> Option<Due> {
        match self.timers.pop_due(now.monotonic)? {
            Timer::GiveUp => {
                self.timers.clear();
                Some(Due::GiveUp)
            }
            Timer::Repeat => {
                self.interval *= 2;
                self.timers.arm(Timer::Repeat, now.monotonic + self.interval);
                self.unheard.clone().map(|said| Due::Repeat(said.reply))
            }
        }
    }
}

/// The first RSeq is drawn from 1 to 2^31 - 1 (RFC 3262 3); later ones have room above it.
pub(crate) fn first_rseq(tag: &str) -> u32 {
    let chance = tag.bytes().fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    chance >> 2
}
