//! A network that loses, delays, reorders and repeats datagrams by a seed.
//!
//! It knows nothing of SIP.

use domain::{Entropy, Monotonic};
use std::collections::BTreeMap;
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
    pub from: SocketAddr,
    pub to: SocketAddr,
    pub text: String,
}

/// Datagrams on their way.
pub struct Network {
    pub weather: Weather,
    entropy: Entropy,
    /// By arrival; the number keeps the order of those that arrive together.
    flying: BTreeMap<(Monotonic, u64), Datagram>,
    count: u64,
    /// Hosts that nobody is at: what is sent there is gone.
    pub lost: u64,
}

impl Network {
    pub fn new(weather: Weather, entropy: Entropy) -> Network {
        Network { weather, entropy, flying: BTreeMap::new(), count: 0, lost: 0 }
    }

    pub fn send(&mut self, now: Monotonic, datagram: Datagram) {
        let weather = self.weather;
        if self.entropy.below(1_000) < weather.lost_permille {
            self.lost += 1;
            return;
        }
        if self.entropy.below(1_000) < weather.doubled_permille {
            self.fly(now, datagram.clone());
        }
        self.fly(now, datagram);
    }

    fn fly(&mut self, now: Monotonic, datagram: Datagram) {
        let jitter_us = self.weather.jitter.as_micros() as u64;
        let more = if jitter_us == 0 { 0 } else { self.entropy.below(jitter_us) };
        let arrives = now + self.weather.delay + Duration::from_micros(more);
        self.count += 1;
        self.flying.insert((arrives, self.count), datagram);
    }

    pub fn next_arrival(&self) -> Option<Monotonic> {
        self.flying.keys().next().map(|(at, _)| *at)
    }

    pub fn arrived(&mut self, now: Monotonic) -> Option<Datagram> {
        if self.next_arrival()? > now {
            return None;
        }
        self.flying.pop_first().map(|(_, datagram)| datagram)
    }

    /// What is on its way is lost: the process that would read it is dead.
    pub fn forget(&mut self) {
        self.flying.clear();
    }
}
