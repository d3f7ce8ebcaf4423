//! What PBXs and strangers tried lately, and how it went: bounded rings, newest win.
//!
//! Plain values; who keeps one for whom is `actors`'. A call that was admitted or had a profile has its trace in its record too.

use domain::call_record::CallDirection;
use domain::fact::Transport;
use domain::refusal::RefusalKind;
use domain::{CallId, Trace, Wall};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

/// Characters of a text from the wire that are remembered at most.
const TEXT_CHARS_MAX: usize = 64;

/// What was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tried {
    /// A registration.
    Registration,
    /// A call, this way.
    Call(CallDirection),
}

/// One attempt. No secret is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// When it came last.
    pub at: Wall,
    /// How often the very same came one after the other.
    pub times: u32,
    /// What was tried.
    pub tried: Tried,
    /// Where it came from.
    pub source: SocketAddr,
    /// Over which transport.
    pub transport: Transport,
    /// The user that it names: in credentials, otherwise in From or To.
    pub user: Arc<str>,
    /// What was dialled; empty of a registration.
    pub dialled: Arc<str>,
    /// The SIP Call-ID.
    pub sip_call_id: Arc<str>,
    /// The call that it became, where it became one.
    pub call: Option<CallId>,
    /// The SIP status that was answered; 0 for a call that was let through.
    pub status: u16,
    /// What it was refused with.
    pub refusal: Option<RefusalKind>,
    /// What was said.
    pub sentence: Option<Arc<str>>,
    /// Which rule saw what.
    pub trace: Trace,
}

impl Attempt {
    /// A text of the wire, cut.
    pub fn text(text: &str) -> Arc<str> {
        if text.len() <= TEXT_CHARS_MAX {
            return text.into();
        }
        text.chars().take(TEXT_CHARS_MAX).collect::<String>().into()
    }

    /// Whether this is the same once more: who hammers fills no ring.
    fn is_repeated_by(&self, other: &Attempt) -> bool {
        other.refusal.is_some()
            && (self.tried, self.refusal, self.source.ip()) == (other.tried, other.refusal, other.source.ip())
            && (&self.user, &self.dialled) == (&other.user, &other.dialled)
    }
}

/// The last attempts, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Ring {
    attempts: VecDeque<Attempt>,
}

impl Ring {
    /// Remembers one; beyond `limit` the oldest is forgotten.
    pub fn note(&mut self, attempt: Attempt, limit: usize) {
        if let Some(last) = self.attempts.back_mut().filter(|last| last.is_repeated_by(&attempt)) {
            let times = last.times.saturating_add(attempt.times);
            *last = Attempt { times, ..attempt };
            return;
        }
        while self.attempts.len() >= limit.max(1) {
            self.attempts.pop_front();
        }
        self.attempts.push_back(attempt);
    }

    /// All of them, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Attempt> {
        self.attempts.iter()
    }
}

/// The attempts of one profile. What proved nothing has a ring of its own, so that nobody can push out what the PBX did.
#[derive(Clone, Debug, Default)]
pub struct OfProfile {
    proven: Ring,
    unproven: Ring,
}

impl OfProfile {
    /// Remembers one of whom it is certain, or is not.
    pub fn note(&mut self, attempt: Attempt, is_proven: bool, limit: usize) {
        let ring = if is_proven { &mut self.proven } else { &mut self.unproven };
        ring.note(attempt, limit);
    }

    /// Newest first.
    pub fn newest_first(&self) -> Vec<Attempt> {
        let mut all: Vec<Attempt> = self.proven.iter().chain(self.unproven.iter()).cloned().collect();
        all.sort_by_key(|attempt| std::cmp::Reverse(attempt.at));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(second: i64, user: &str, refusal: Option<RefusalKind>) -> Attempt {
        Attempt {
            at: Wall::from_unix_seconds(second),
            times: 1,
            tried: Tried::Registration,
            source: "192.0.2.7:5060".parse().unwrap(),
            transport: Transport::Udp,
            user: user.into(),
            dialled: "".into(),
            sip_call_id: "a@b".into(),
            call: None,
            status: refusal.map_or(200, RefusalKind::status),
            refusal,
            sentence: None,
            trace: Trace::default(),
        }
    }

    #[test]
    fn the_newest_attempts_are_kept_and_who_hammers_takes_one_place() {
        let mut ring = Ring::default();
        for second in 0..10 {
            ring.note(attempt(second, "1", Some(RefusalKind::BadCredentials)), 3);
        }
        for (second, user) in [(10, "2"), (11, "3"), (12, "4")] {
            ring.note(attempt(second, user, Some(RefusalKind::BadCredentials)), 3);
        }
        ring.note(attempt(13, "4", None), 3);
        ring.note(attempt(14, "4", None), 3);
        let kept: Vec<(&str, u32)> = ring.iter().map(|attempt| (&*attempt.user, attempt.times)).collect();
        assert_eq!(kept, [("4", 1), ("4", 1), ("4", 1)]);
        let mut ring = Ring::default();
        (0..10).for_each(|second| ring.note(attempt(second, "1", Some(RefusalKind::BadCredentials)), 3));
        assert_eq!(ring.iter().map(|attempt| attempt.times).collect::<Vec<_>>(), [10]);
    }

    #[test]
    fn strangers_cannot_push_out_what_the_pbx_did() {
        let mut profile = OfProfile::default();
        profile.note(attempt(1, "9905", None), true, 4);
        for second in 2..100 {
            profile.note(attempt(second, &second.to_string(), Some(RefusalKind::BadCredentials)), false, 4);
        }
        let kept: Vec<u16> = profile.newest_first().iter().map(|attempt| attempt.status).collect();
        assert_eq!(kept, [403, 403, 403, 403, 200]);
    }
}
