//! The sockets that one thread watches, each pair in a place of its own: held by a session, or kept open for the next one.
//!
//! Which of the kept ones a session gets is `warm`'s; how sockets are opened is `sockets`'s.
//!
//! | A pair is | until | then |
//! |---|---|---|
//! | held by a session | the session ends | quarantined, or closed where enough are kept |
//! | quarantined | it has heard nothing for [`QUIET`] | ready; closed where it is still spoken to after [`NOISY_MAX`] |
//! | ready | a session takes it, or something comes | held; or quarantined again |

use crate::session::Port;
use crate::shared::Shared;
use crate::sockets::Pair;
use crate::warm::Ticket;
use crate::words::Side;
use domain::Monotonic;
use mio::Registry;
use slab::Slab;
use std::collections::VecDeque;
use std::io;
use std::time::Duration;

/// Nothing may come to a port for this long before another session gets it: a hundred packets of a far end that talks on.
pub(crate) const QUIET: Duration = Duration::from_secs(2);

/// A port that is spoken to this long after its session is closed, so that the kernel answers "unreachable".
pub(crate) const NOISY_MAX: Duration = Duration::from_secs(5);

/// Tokens of a pair: RTP and RTCP.
const TOKENS: usize = 2;

/// The places of one thread.
pub(crate) struct Slots {
    places: Slab<Place>,
    /// Quarantined places, in the order in which they are due.
    resting: VecDeque<(usize, Monotonic)>,
    kept: usize,
}

/// What stands in a place.
enum Place {
    /// One side of a session holds the pair.
    Held { room: usize, side: Side },
    /// Nobody does.
    Kept { pair: Pair, released_at: Monotonic, heard_at: Monotonic, is_ready: bool },
}

/// Whose socket a token means.
pub(crate) enum Owner {
    Session {
        room: usize,
        side: Side,
        port: Port,
    },
    /// Nobody's: what comes is thrown away.
    Kept {
        slot: usize,
        port: Port,
        is_ready: bool,
    },
}

impl Slots {
    pub(crate) fn new() -> Self {
        Self { places: Slab::new(), resting: VecDeque::new(), kept: 0 }
    }

    /// Lets the poller watch a new pair of a session.
    pub(crate) fn hold(&mut self, pair: &mut Pair, registry: &Registry, room: usize, side: Side) -> io::Result<()> {
        let slot = self.places.insert(Place::Held { room, side });
        let watched = pair.watch(registry, slot, slot * TOKENS);
        if watched.is_err() {
            self.places.remove(slot);
        }
        watched
    }

    /// Gives a kept pair that is not quarantined to a session; none where there is no such.
    pub(crate) fn take(&mut self, slot: usize, room: usize, side: Side) -> Option<Pair> {
        let place = self.places.get_mut(slot)?;
        match std::mem::replace(place, Place::Held { room, side }) {
            Place::Kept { pair, is_ready: true, .. } => {
                self.kept -= 1;
                Some(pair)
            }
            other => {
                *place = other;
                None
            }
        }
    }

    /// A session's pair is quarantined.
    pub(crate) fn keep(&mut self, pair: Pair, now: Monotonic, shared: &Shared) {
        let slot = pair.slot();
        if let Some(place) = self.places.get_mut(slot) {
            *place = Place::Kept { pair, released_at: now, heard_at: now, is_ready: false };
            self.resting.push_back((slot, now + QUIET));
            self.kept += 1;
            shared.on_kept(1);
        }
    }

    /// A session's pair is closed.
    pub(crate) fn drop(&mut self, pair: Pair, shared: &Shared) {
        self.places.try_remove(pair.slot());
        pair.close(shared);
    }

    /// Closes a kept pair.
    pub(crate) fn close(&mut self, slot: usize, shared: &Shared) {
        if let Some(Place::Kept { pair, .. }) = self.places.try_remove(slot) {
            pair.close(shared);
            self.kept -= 1;
            shared.on_kept(-1);
        }
    }

    /// Pairs that nobody holds.
    pub(crate) fn kept(&self) -> usize {
        self.kept
    }

    /// Closes the pair that has been quarantined longest; whether there was one.
    pub(crate) fn close_resting(&mut self, shared: &Shared) -> bool {
        let first = self.resting.pop_front();
        if let Some((slot, _)) = first {
            self.close(slot, shared);
        }
        first.is_some()
    }

    /// Takes the pair on `ip` that has been quarantined longest: for when the range has no other.
    pub(crate) fn release_resting(&mut self, ip: std::net::IpAddr) -> Option<usize> {
        let is_on = |(slot, _): &(usize, Monotonic)| match self.places.get(*slot) {
            Some(Place::Kept { pair, .. }) => pair.address().ip() == ip,
            _ => false,
        };
        let index = self.resting.iter().position(is_on)?;
        let (slot, _) = self.resting.remove(index)?;
        self.set_ready(slot).map(|ticket| ticket.slot)
    }

    /// Ends the quarantine of those that are due and quiet: they join `ready`.
    pub(crate) fn ripen(&mut self, now: Monotonic, shared: &Shared, ready: &mut Vec<Ticket>) {
        while let Some((slot, _)) = self.resting.pop_front_if(|(_, due)| *due <= now) {
            match self.places.get(slot) {
                Some(Place::Kept { heard_at, .. }) if now.since(*heard_at) >= QUIET => {
                    ready.extend(self.set_ready(slot))
                }
                Some(Place::Kept { released_at, .. }) if now.since(*released_at) < NOISY_MAX => {
                    self.resting.push_back((slot, now + QUIET));
                }
                _ => self.close(slot, shared),
            }
        }
    }

    /// Something came to a ready pair: it is quarantined again.
    pub(crate) fn disturb(&mut self, slot: usize, now: Monotonic) {
        if let Some(Place::Kept { released_at, heard_at, is_ready, .. }) = self.places.get_mut(slot) {
            (*released_at, *heard_at, *is_ready) = (now, now, false);
            self.resting.push_back((slot, now + QUIET));
        }
    }

    /// The pair at `slot`, where nobody holds it, which hears something now.
    pub(crate) fn hearing(&mut self, slot: usize, now: Monotonic) -> Option<&Pair> {
        match self.places.get_mut(slot)? {
            Place::Kept { pair, heard_at, .. } => {
                *heard_at = now;
                Some(pair)
            }
            Place::Held { .. } => None,
        }
    }

    /// Whose socket this is; none where it is closed.
    pub(crate) fn owner(&self, token: usize) -> Option<Owner> {
        let port = if token.is_multiple_of(TOKENS) { Port::Rtp } else { Port::Rtcp };
        let slot = token / TOKENS;
        Some(match self.places.get(slot)? {
            Place::Held { room, side } => Owner::Session { room: *room, side: *side, port },
            Place::Kept { is_ready, .. } => Owner::Kept { slot, port, is_ready: *is_ready },
        })
    }

    /// Closes all that nobody holds.
    pub(crate) fn clear(&mut self, shared: &Shared) {
        self.resting.clear();
        let slots: Vec<usize> = self.places.iter().map(|(slot, _)| slot).collect();
        for slot in slots {
            self.close(slot, shared);
        }
    }

    /// Sockets that are watched.
    pub(crate) fn sockets(&self) -> usize {
        self.places.len() * TOKENS
    }

    fn set_ready(&mut self, slot: usize) -> Option<Ticket> {
        match self.places.get_mut(slot)? {
            Place::Kept { pair, is_ready, .. } => {
                *is_ready = true;
                Some(Ticket { slot, address: pair.address() })
            }
            Place::Held { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::MediaSettings;
    use mio::Poll;
    use std::sync::Arc;

    fn at(seconds: u64) -> Monotonic {
        Monotonic::from_micros(seconds * 1_000_000)
    }

    /// A pair that a session held until second 10, and where it stands.
    fn kept() -> (Slots, usize, Shared, Poll) {
        let shared = Shared::new(MediaSettings::default(), Arc::new(|_| ()));
        let (mut slots, poll) = (Slots::new(), Poll::new().unwrap());
        let mut pair = Pair::open(&shared, [127, 0, 0, 1].into()).unwrap();
        slots.hold(&mut pair, poll.registry(), 7, Side::B).unwrap();
        let slot = pair.slot();
        assert!(matches!(
            slots.owner(slot * TOKENS + 1),
            Some(Owner::Session { room: 7, side: Side::B, port: Port::Rtcp })
        ));
        slots.keep(pair, at(10), &shared);
        (slots, slot, shared, poll)
    }

    fn ripe(slots: &mut Slots, shared: &Shared, seconds: u64) -> usize {
        let mut ready = Vec::new();
        slots.ripen(at(seconds), shared, &mut ready);
        ready.len()
    }

    #[test]
    fn a_port_is_given_again_when_it_was_quiet_for_two_seconds() {
        let (mut slots, slot, shared, _poll) = kept();
        assert!(slots.take(slot, 1, Side::A).is_none(), "it is quarantined");
        assert_eq!(ripe(&mut slots, &shared, 11), 0);
        assert_eq!(ripe(&mut slots, &shared, 12), 1);
        assert_eq!(ripe(&mut slots, &shared, 13), 0, "once");
        assert_eq!((slots.kept(), shared.totals().ports_in_use), (1, 0));
        assert_eq!(slots.take(slot, 1, Side::A).map(|pair| pair.slot()), Some(slot));
        assert!(matches!(slots.owner(slot * TOKENS), Some(Owner::Session { room: 1, side: Side::A, port: Port::Rtp })));
        assert_eq!(slots.kept(), 0);
    }

    #[test]
    fn a_port_that_is_spoken_to_waits_longer_and_is_closed_in_the_end() {
        let (mut slots, slot, shared, _poll) = kept();
        slots.hearing(slot, at(11)).unwrap();
        assert_eq!(ripe(&mut slots, &shared, 12), 0);
        assert_eq!(ripe(&mut slots, &shared, 14), 1, "it fell silent");
        slots.disturb(slot, at(20));
        for second in 20..=26 {
            assert!(slots.hearing(slot, at(second)).is_some(), "{second}");
            assert_eq!(ripe(&mut slots, &shared, second), 0);
        }
        assert!(slots.owner(slot * TOKENS).is_none(), "closed");
        assert_eq!((slots.kept(), shared.totals().ports_in_use), (0, 0));
        assert_eq!(shared.ports.lock().in_use(), 0);
    }
}
