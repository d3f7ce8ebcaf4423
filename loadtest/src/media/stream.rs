//! One stream: a packet every 20 ms, or an echo of each that is heard; numbers and stamps of what is heard.
//!
//! Threads and totals are the parent's.

use super::stamp::Stamp;
use super::{Program, SoundFigures, Stream};
use crate::clock::Clock;
use crate::figures::{Live, one_more};
use std::cell::RefCell;
use std::io::ErrorKind;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use telephone::g711::Law;
use telephone::rtp::{FRAME, Numbering, PACKET, Packet};
use tokio::net::UdpSocket;

/// One packet's time.
const TICK: Duration = Duration::from_millis(20);
/// Datagrams read in a row before the stream speaks again.
const READS_MAX: usize = 32;
/// The longest packet that is looked at: an Ethernet frame's.
const DATAGRAM_MAX: usize = 1_500;
/// Numbers that are so far behind the highest are of a stream that began anew (RFC 3550 A.1: MAX_MISORDER is 100).
const RESTART: u16 = 1_000;

/// Where what is heard is counted.
pub(super) struct Ear {
    pub(super) figures: Rc<RefCell<SoundFigures>>,
    pub(super) live: Arc<Live>,
    pub(super) clock: Clock,
}

/// Carries a stream to its end.
pub(super) async fn carry(stream: Stream, ear: Ear, numbers: u128) {
    let Ok(socket) = UdpSocket::from_std(stream.socket) else {
        ear.figures.borrow_mut().refused += 1;
        return;
    };
    let numbering = Numbering {
        ssrc: numbers as u32,
        sequence: (numbers >> 32) as u16,
        timestamp: (numbers >> 64) as u32,
        is_first: true,
    };
    let mut voice = Voice {
        socket,
        peer: stream.peer,
        law: stream.law,
        program: stream.program,
        is_echoed: stream.is_echoed,
        numbering,
        name: (numbers >> 64) as u64,
        sent: 0,
        returned: 0,
        heard: Sequence::default(),
    };
    let mut stop = stream.stop;
    let mut ticks = tokio::time::interval(TICK);
    let mut speaks = stream.program == Program::Send;
    loop {
        tokio::select! {
            biased;
            // Dropped or told: it is over either way.
            _ = &mut stop => break,
            _ = voice.socket.readable() => voice.listen(&ear),
            beat = ticks.tick(), if speaks => {
                let now = ear.clock.monotonic();
                ear.figures.borrow_mut().sent_late.record(beat.elapsed());
                if stream.silent_at.is_some_and(|at| at <= now) {
                    speaks = false;
                } else {
                    voice.speak(Stamp { stream: voice.name, at: now });
                }
            }
        }
    }
    voice.listen(&ear);
    voice.count(&mut ear.figures.borrow_mut());
}

struct Voice {
    socket: UdpSocket,
    peer: std::net::SocketAddr,
    law: Law,
    program: Program,
    is_echoed: bool,
    numbering: Numbering,
    name: u64,
    sent: u64,
    returned: u64,
    heard: Sequence,
}

impl Voice {
    fn speak(&mut self, stamp: Stamp) {
        // Silence behind the stamp: what it sounds like does not matter, how much it is does.
        let mut frame = [self.law.encode(0); FRAME];
        stamp.print(&mut frame);
        self.say(self.law, &frame);
    }

    fn say(&mut self, law: Law, payload: &[u8]) {
        let mut packet = [0; PACKET];
        let length = self.numbering.print(law.payload_type(), payload, &mut packet);
        // Sound that cannot be sent is lost, as on any network; it counts as sent, so that it shows.
        let _ = self.socket.try_send_to(&packet[..length], self.peer);
        self.sent += 1;
    }

    fn listen(&mut self, ear: &Ear) {
        let mut buffer = [0; DATAGRAM_MAX];
        for _ in 0..READS_MAX {
            match self.socket.try_recv_from(&mut buffer) {
                Ok((length, _)) => {
                    if let Some(packet) = Packet::read(&buffer[..length]) {
                        self.hear(packet, ear);
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                // The other side's port is closed already, or not open yet.
                Err(_) => {}
            }
        }
    }

    fn hear(&mut self, packet: Packet<'_>, ear: &Ear) {
        self.heard.hear(packet.sequence);
        if self.program == Program::Echo {
            return self.say(packet.law, packet.payload);
        }
        one_more(&ear.live.heard);
        let Some(stamp) = Stamp::read(packet.payload) else { return };
        let age = ear.clock.monotonic().since(stamp.at);
        let mut figures = ear.figures.borrow_mut();
        if stamp.stream == self.name {
            self.returned += 1;
            figures.round_trip.record(age);
        } else if self.is_echoed {
            figures.strays += 1;
        } else {
            figures.one_way.record(age);
        }
    }

    fn count(&self, figures: &mut SoundFigures) {
        figures.streams += 1;
        figures.deaf += u64::from(self.heard.count == 0);
        figures.sent += self.sent;
        figures.heard += self.heard.count;
        figures.missing += self.heard.missing();
        figures.returned += self.returned;
        figures.echoed_sent += if self.returned > 0 { self.sent } else { 0 };
    }
}

/// The numbers of what was heard: how many, and how many are missing in between (RFC 3550 A.3).
#[derive(Clone, Copy, Debug, Default)]
struct Sequence {
    count: u64,
    first: u64,
    highest: u64,
}

impl Sequence {
    fn hear(&mut self, number: u16) {
        self.count += 1;
        if self.count == 1 {
            // A whole cycle up, so that one from before the first is no negative number.
            self.first = u64::from(number) + 0x1_0000;
            self.highest = self.first;
            return;
        }
        let ahead = number.wrapping_sub(self.highest as u16);
        let behind = (self.highest as u16).wrapping_sub(number);
        if ahead < u16::MAX / 2 {
            self.highest += u64::from(ahead);
        } else if behind < RESTART {
            self.first = self.first.min(self.highest - u64::from(behind));
        }
    }

    fn missing(&self) -> u64 {
        if self.count == 0 { 0 } else { (self.highest - self.first + 1).saturating_sub(self.count) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(numbers: impl IntoIterator<Item = u16>) -> (u64, u64) {
        let mut sequence = Sequence::default();
        numbers.into_iter().for_each(|number| sequence.hear(number));
        (sequence.count, sequence.missing())
    }

    #[test]
    fn what_is_missing_is_counted_by_the_numbers_in_between() {
        assert_eq!(heard([]), (0, 0));
        assert_eq!(heard([7]), (1, 0));
        assert_eq!(heard([65_534, 65_535, 0, 1]), (4, 0));
        assert_eq!(heard([65_530, 65_535, 2]), (3, 6));
    }

    #[test]
    fn what_comes_late_or_before_the_first_is_not_missing() {
        assert_eq!(heard([1, 3, 2, 4]), (4, 0));
        assert_eq!(heard([0, 65_535, 1]), (3, 0));
        assert_eq!(heard([5, 3, 6]), (3, 1));
    }
}
