//! A network that loses, delays, reorders and repeats datagrams by a seed.
//!
//! It knows nothing of SIP.

use super::queue::{Happening, Queue};
use domain::{Entropy, Monotonic};
use std::net::SocketAddr;
use std::time::Duration;

/// How badly the network behaves.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    /// Of a thousand datagrams, how many are lost.
    pub lost_permille: u64,
    /// Of a thousand datagrams, how many arrive twice.
    pub doubled_permille: u64,
    /// What every datagram takes.
    pub delay: Duration,
    /// What it may take more; datagrams overtake each other by it.
    pub jitter: Duration,
}

impl Weather {
    /// Nothing is lost, everything takes a millisecond.
    pub const FAIR: Weather =
        Weather { lost_permille: 0, doubled_permille: 0, delay: Duration::from_millis(1), jitter: Duration::ZERO };
}

/// One datagram on its way.
#[derive(Clone, Debug)]
pub struct Datagram {
    /// Who sent it.
    pub from: SocketAddr,
    /// Where to.
    pub to: SocketAddr,
    /// What it says.
    pub text: String,
}

/// What becomes of datagrams.
pub struct Network {
    /// How it behaves now.
    pub weather: Weather,
    entropy: Entropy,
    /// Datagrams that never arrived.
    pub lost: u64,
}

impl Network {
    /// A network in this weather.
    pub fn new(weather: Weather, entropy: Entropy) -> Network {
        Network { weather, entropy, lost: 0 }
    }

    /// Puts a datagram on its way, once, twice or not at all.
    pub fn send(&mut self, now: Monotonic, datagram: Datagram, queue: &mut Queue) {
        let weather = self.weather;
        if self.entropy.below(1_000) < weather.lost_permille {
            self.lost += 1;
            return;
        }
        if self.entropy.below(1_000) < weather.doubled_permille {
            self.fly(now, datagram.clone(), queue);
        }
        self.fly(now, datagram, queue);
    }

    fn fly(&mut self, now: Monotonic, datagram: Datagram, queue: &mut Queue) {
        let jitter_us = self.weather.jitter.as_micros() as u64;
        let more = if jitter_us == 0 { 0 } else { self.entropy.below(jitter_us) };
        let arrives = now + self.weather.delay + Duration::from_micros(more);
        queue.push(arrives, Happening::Arrival(datagram));
    }
}
