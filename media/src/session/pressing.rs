//! Keys of a session (RFC 4733): those that are put into the sound of a side, and those that are taken out of it and told; and warning tones.
//!
//! Their packets are `keys`' and `presses`'.

use super::{Kind, Session};
use crate::words::{DiscardReason, Side};
use domain::Monotonic;
use domain::media::{Carriage, KeyPress};
use std::net::SocketAddr;

impl Session {
    /// A key is to be pressed for `side` to hear (RFC 4733).
    pub(crate) fn on_key(&mut self, side: Side, key: KeyPress) {
        self.ends[side].keys.press(key);
    }

    /// A tone is to sound for `side` (200 ms of G.711), in the place of what it hears.
    pub(crate) fn on_tone(&mut self, side: Side, now: Monotonic) {
        self.ends[side].keys.sound(now);
    }

    /// Whether packets of keys are yet to be sent.
    pub(crate) fn are_keys_pressed(&self) -> bool {
        Side::BOTH.iter().any(|side| self.ends[*side].keys.are_pressed())
    }

    /// The packet of a key that is due, in the beginning of `room`: to which side, where it is, and how long the packet is.
    pub(crate) fn next_key(&mut self, room: &mut [u8], now: Monotonic) -> Option<(Side, SocketAddr, usize)> {
        for side in Side::BOTH {
            let end = &mut self.ends[side];
            if !end.keys.are_pressed() {
                continue;
            }
            let hearing = end.remote.as_ref().filter(|remote| remote.receives && remote.carriage == Carriage::Rtp);
            let hearing = hearing.and_then(|remote| Some((remote.keys, remote.rtp.destination()?)));
            let Some((format, to)) = hearing else {
                end.keys.fall_silent();
                continue;
            };
            if let Some(length) = end.keys.due(format, room, now)
                && let Ok(length) = end.lock.seal(Kind::Rtp, room, length)
            {
                return Some((side, to, length));
            }
        }
        None
    }

    /// Whether a packet of `side` is of a key that is to be told rather than passed: the clock of its duration, in Hz.
    pub(super) fn told_key(&self, side: Side, packet: &[u8]) -> Option<u32> {
        let is_told = self.ends[side.other()].remote.as_ref()?.keys_are_told;
        let kind = packet.get(1).filter(|_| is_told)? & 0x7f;
        let sent_as = &self.ends[side].remote.as_ref()?.keys_sent_as;
        sent_as.iter().find(|(known, _)| *known == kind).map(|(_, rate_hz)| *rate_hz)
    }

    /// Whether a key of some side is down that is to be told.
    pub(crate) fn is_key_down(&self) -> bool {
        Side::BOTH.iter().any(|side| self.ends[*side].presses.is_down())
    }

    /// Keys of which nothing is heard any more were let go.
    pub(crate) fn expire_keys(&mut self, now: Monotonic) {
        for side in Side::BOTH {
            if !self.ends[side].presses.expire(now) {
                self.ends[side].report.discarded.add(DiscardReason::Flood, 1);
            }
        }
    }

    /// The next key that is to be told, and who shall hear it.
    pub(crate) fn take_key(&mut self) -> Option<(Side, KeyPress)> {
        Side::BOTH.into_iter().find_map(|side| Some((side.other(), self.ends[side].presses.take()?)))
    }
}
