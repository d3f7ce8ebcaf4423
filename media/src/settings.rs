//! What an operator may set about sound: addresses, ports, threads, patience, trust.
//!
//! Reading it from a file is `config`'s; nothing here acts.

use crate::error::Error;
use crate::words::BySide;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// When the address that sound comes from may be learned, instead of taken from the session description (per trunk
/// `media_learning = off | signalling_ip | first_packet`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Learning {
    /// Never: only the described address and port are heard and spoken to.
    Off,
    /// From the IP of the authenticated signalling only, and only where the described address is not routable (see
    /// [`crate::is_routable`]) or where its IP matches and just the port differs.
    #[default]
    SignallingIp,
    /// From whoever is first. Whoever guesses the port may hear and speak: for trunks that leave no other way.
    FirstPacket,
}

/// UDP ports from `first` to `last`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortRange {
    /// The lowest port; an odd one is left unused.
    pub first: u16,
    /// The highest port; an even one is left unused.
    pub last: u16,
}

impl PortRange {
    /// Fewer ports than this let a stranger hit a call by guessing (design: "a range of 10,000 or more").
    pub const PORTS_MIN: u32 = 10_000;

    /// Even ports with an odd neighbour: how many sides of sessions fit at once.
    pub fn pairs(self) -> u32 {
        let first = u32::from(self.first).next_multiple_of(2);
        (u32::from(self.last) + 1).saturating_sub(first) / 2
    }
}

/// Settings of [`crate::Media::start`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaSettings {
    /// The local address for the ports of each side, where the request names none.
    pub bind_ip: BySide<IpAddr>,
    /// Where ports are drawn from, at random: RTP even, RTCP the odd one above. At least [`PortRange::PORTS_MIN`] of them,
    /// outside the kernel's own range (`net.ipv4.ip_local_port_range`) for preference.
    pub ports: PortRange,
    /// Threads that carry packets, 1 to [`MediaSettings::THREADS_MAX`]. A session lives on one of them.
    pub threads: usize,
    /// Without RTP or RTCP from a side for this long, an answered call that is not held is reported once. Zero: never.
    pub silence_timeout: Duration,
    /// For sides whose [`crate::Remote::learning`] says nothing.
    pub learning: Learning,
    /// Sessions at once, over all threads; further ones are refused. A relay takes four descriptors, an echo two: raise the
    /// process's limit before (`wire::raise_open_files_limit`).
    pub sessions_max: usize,
    /// Bytes of each socket's receive buffer (`SO_RCVBUF`); none: the kernel's default.
    pub recv_buffer: Option<usize>,
    /// Pairs of ports that each thread may keep open after their sessions for later ones, which saves most of what a call
    /// without packets costs; two descriptors each. They count as free ports. Zero: every session opens its own.
    pub kept_pairs_max: usize,
}

impl MediaSettings {
    /// More threads than this are no gain on any machine that we know.
    pub const THREADS_MAX: usize = 64;

    /// Kept pairs of a thread for 600 calls a second: what ended in the last two seconds is in quarantine.
    pub const KEPT_PAIRS: usize = 3_072;

    /// What is impossible about these settings, if anything.
    ///
    /// # Errors
    /// [`Error::PortRangeTooSmall`], [`Error::ThreadsOutOfRange`], [`Error::NoSessions`].
    pub fn check(&self) -> Result<(), Error> {
        if self.ports.first == 0 || self.ports.pairs() * 2 < PortRange::PORTS_MIN {
            return Err(Error::PortRangeTooSmall { first: self.ports.first, last: self.ports.last });
        }
        if !(1..=Self::THREADS_MAX).contains(&self.threads) {
            return Err(Error::ThreadsOutOfRange { threads: self.threads });
        }
        if self.sessions_max == 0 {
            return Err(Error::NoSessions);
        }
        Ok(())
    }
}

/// Loopback, ports 10000 to 29999 (the usual RTP range, below the kernel's 32768), 2 threads, 60 s of silence (above the 5 s
/// of RTCP's interval and the 20-30 s of a phone that looks for its network), 5,000 sessions.
impl Default for MediaSettings {
    fn default() -> Self {
        Self {
            bind_ip: BySide { a: Ipv4Addr::LOCALHOST.into(), b: Ipv4Addr::LOCALHOST.into() },
            ports: PortRange { first: 10_000, last: 29_999 },
            threads: 2,
            silence_timeout: Duration::from_secs(60),
            learning: Learning::SignallingIp,
            sessions_max: 5_000,
            recv_buffer: None,
            kept_pairs_max: Self::KEPT_PAIRS,
        }
    }
}
