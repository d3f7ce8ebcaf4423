//! The sockets of a session: a pair, RTP and RTCP, for each side.
//!
//! Which ports are free is `ports`'s knowledge; what comes through is `session`'s.

use crate::session::Port;
use crate::shared::Shared;
use crate::words::OpenRefused;
use mio::net::UdpSocket;
use mio::{Interest, Registry, Token};
use std::io;
use std::net::{IpAddr, SocketAddr};
use wire::{UdpOptions, udp_socket};

/// Ports that are tried for one pair before the range counts as exhausted: others on the machine would have to hold nearly all
/// of it for 64 random draws to fail.
const DRAWS_MAX: usize = 64;

/// Two neighbouring ports, bound.
pub(crate) struct Pair {
    /// Where RTP is received: an even port.
    address: SocketAddr,
    /// Its place with the thread that watches it.
    slot: usize,
    rtp: UdpSocket,
    rtcp: UdpSocket,
}

impl Pair {
    /// Draws and binds a pair on `ip`, passing over ports that somebody else uses.
    pub(crate) fn open(shared: &Shared, ip: IpAddr) -> Result<Pair, OpenRefused> {
        let mut taken_by_others = Vec::new();
        let mut outcome = Err(OpenRefused::PortsExhausted);
        for _ in 0..DRAWS_MAX {
            let Some(port) = shared.ports.lock().draw() else { break };
            match Self::bind(shared, ip, port) {
                Ok(pair) => {
                    outcome = Ok(pair);
                    break;
                }
                Err(error) => {
                    taken_by_others.push(port);
                    if error.kind() != io::ErrorKind::AddrInUse {
                        outcome = Err(OpenRefused::Socket { ip, reason: error.to_string() });
                        break;
                    }
                }
            }
        }
        let mut ports = shared.ports.lock();
        for port in taken_by_others {
            ports.give_back(port);
        }
        outcome
    }

    fn bind(shared: &Shared, ip: IpAddr, port: u16) -> io::Result<Pair> {
        let options = UdpOptions { recv_buffer: shared.settings.recv_buffer, ..UdpOptions::default() };
        let rtp = udp_socket(SocketAddr::new(ip, port), &options)?;
        let rtcp = udp_socket(SocketAddr::new(ip, port + 1), &options)?;
        Ok(Pair {
            address: SocketAddr::new(ip, port),
            slot: usize::MAX,
            rtp: UdpSocket::from_std(rtp),
            rtcp: UdpSocket::from_std(rtcp),
        })
    }

    /// Where RTP is received.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The place that [`Pair::watch`] gave it.
    pub(crate) fn slot(&self) -> usize {
        self.slot
    }

    /// Lets the poller watch both, RTP as `token` and RTCP as the next, for the place `slot`.
    pub(crate) fn watch(&mut self, registry: &Registry, slot: usize, token: usize) -> io::Result<()> {
        self.slot = slot;
        registry.register(&mut self.rtp, Token(token), Interest::READABLE)?;
        registry.register(&mut self.rtcp, Token(token + 1), Interest::READABLE)
    }

    pub(crate) fn socket(&self, port: Port) -> &UdpSocket {
        match port {
            Port::Rtp => &self.rtp,
            Port::Rtcp => &self.rtcp,
        }
    }

    /// Closes both sockets, which also ends their being watched, and gives the ports back.
    pub(crate) fn close(self, shared: &Shared) {
        let Pair { address, rtp, rtcp, .. } = self;
        drop((rtp, rtcp));
        shared.ports.lock().give_back(address.port());
    }
}
