//! The demo's carrier: what it does with a call is written in the number that was dialled.
//!
//! | Number | What happens |
//! |---|---|
//! | `+1 202 555 01..`, `+44 20 7946 0...`, `+44 1632 960...` | rings for a moment, answers, plays a melody |
//! | the same, ending in 02 | busy: 486 |
//! | the same, ending in 03 | rings and is never answered |
//! | the same, ending in 04 | answers and echoes |
//! | any other | 404 |
//!
//! All of them are kept for fiction: 555-0100 to 0199 by the North American Numbering Plan, the British ones by Ofcom. Its calls are in
//! [`receiving`].

mod receiving;

use super::line::{self, Running};
use super::melody::Melody;
use super::sound::{Heard, STREAMS_MAX, Sound};
use actors::clock::Clock;
use domain::Entropy;
use receiving::CarrierRole;
use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

/// Calls of the carrier at one time; one more is answered 503.
pub(crate) const CALLS_MAX: usize = STREAMS_MAX;

/// The last answered calls that are remembered.
const ANSWERED_MAX: usize = 64;

/// What a number does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Conduct {
    /// Answers and plays.
    Plays,
    /// Answers and echoes.
    Echoes,
    /// 486.
    IsBusy,
    /// Rings for ever.
    Rings,
    /// 404.
    IsNobody,
}

impl Conduct {
    /// What the called number does; `+` in front or not.
    pub(crate) fn of(number: &str) -> Conduct {
        let digits = number.strip_prefix('+').unwrap_or(number);
        let is_fictional = digits.bytes().all(|byte| byte.is_ascii_digit())
            && match digits.len() {
                11 => digits.starts_with("120255501"),
                12 => digits.starts_with("442079460") || digits.starts_with("441632960"),
                _ => false,
            };
        match (is_fictional, &digits[digits.len().saturating_sub(2)..]) {
            (false, _) => Conduct::IsNobody,
            (true, "02") => Conduct::IsBusy,
            (true, "03") => Conduct::Rings,
            (true, "04") => Conduct::Echoes,
            (true, _) => Conduct::Plays,
        }
    }
}

/// A call that the carrier answered.
#[derive(Clone, Debug)]
pub(crate) struct Answered {
    /// The number that was called, as the carrier got it.
    pub(crate) number: String,
    /// The user part of From: the caller ID.
    pub(crate) from: String,
    /// What was heard.
    pub(crate) heard: Heard,
}

/// The last answered calls, the newest at the end.
#[derive(Clone, Debug, Default)]
struct Journal(Arc<Mutex<VecDeque<Answered>>>);

impl Journal {
    fn enter(&self, answered: Answered) {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if calls.len() == ANSWERED_MAX {
            calls.pop_front();
        }
        calls.push_back(answered);
    }
}

/// A carrier that runs. Dropping it ends its threads.
pub(crate) struct Carrier {
    running: Running<std::convert::Infallible>,
    journal: Journal,
}

impl Carrier {
    /// Starts it on a port that the kernel chooses; its calls hear `melody`.
    pub(crate) fn start(ip: IpAddr, melody: Melody, clock: Clock, mut entropy: Entropy) -> io::Result<Carrier> {
        let sound = Sound::start("carrier", clock, entropy.fork())?;
        let journal = Journal::default();
        let copy = journal.clone();
        let running = line::start("carrier", ip, clock, entropy, |_| CarrierRole::new(ip, melody, sound, copy))?;
        Ok(Carrier { running, journal })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.running.address()
    }

    /// The newest answered call to this number (E.164, with `+`).
    pub(crate) fn answered(&self, number: &str) -> Option<Answered> {
        let calls = self.journal.0.lock().unwrap_or_else(PoisonError::into_inner);
        calls.iter().rev().find(|call| call.number == number).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_does_what_its_last_digits_say() {
        for (number, expected) in [
            ("+12025550123", Conduct::Plays),
            ("12025550102", Conduct::IsBusy),
            ("+442079460103", Conduct::Rings),
            ("+441632960104", Conduct::Echoes),
            ("+441632960123", Conduct::Plays),
            ("+12025550223", Conduct::IsNobody),
            ("+1202555012", Conduct::IsNobody),
            ("", Conduct::IsNobody),
            ("+12025550\u{e9}02", Conduct::IsNobody),
        ] {
            assert_eq!(Conduct::of(number), expected, "{number}");
        }
    }
}
