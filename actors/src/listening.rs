//! The sockets that a node listens on, bound once for each shard before anything starts.
//!
//! What arrives at them is the shards' business.

use crate::exchange::StartError;
use crate::shard::Listener;
use crate::transport::{tcp, udp};
use sip::endpoint::Transport;
use std::net::SocketAddr;
use wire::UdpOptions;

/// How often a port that the kernel chose for UDP is tried for TCP before it is given up.
const PORT_TRIES: usize = 16;

/// Where a node listens, with the ports that were bound, in the order of the settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Listening {
    /// UDP and TCP, on the same port.
    pub(crate) plain: Vec<SocketAddr>,
    /// TLS and WebSockets.
    pub(crate) others: Vec<(Transport, SocketAddr)>,
}

impl Listening {
    /// Where TLS is spoken.
    pub(crate) fn tls(&self) -> Vec<SocketAddr> {
        let tls = self.others.iter().filter(|(transport, _)| *transport == Transport::Tls);
        tls.map(|(_, address)| *address).collect()
    }
}

/// Binds every address once for each shard. Gives the addresses, and each shard's sockets.
pub(crate) fn bind(
    plain: &[SocketAddr],
    others: &[(Transport, SocketAddr)],
    shards: u16,
) -> Result<(Listening, Vec<Vec<Listener>>), StartError> {
    if plain.is_empty() {
        return Err(StartError::NoAddress);
    }
    let mut listening = Listening::default();
    let mut sockets: Vec<Vec<Listener>> = (0..shards).map(|_| Vec::new()).collect();
    for wanted in plain {
        let failed = |source| StartError::Listen { address: *wanted, source, setting: "sip.listen" };
        let address = free_address(*wanted).map_err(failed)?;
        for shard in &mut sockets {
            let udp = Some(udp::open(address).map_err(failed)?);
            let tcp = tcp::listen(address).map_err(failed)?;
            shard.push(Listener { address, udp, transport: Transport::Tcp, tcp });
        }
        listening.plain.push(address);
    }
    for (transport, wanted) in others {
        let setting = match transport {
            Transport::Ws => "websocket.listen",
            Transport::Wss => "websocket.secure_listen",
            Transport::Udp | Transport::Tcp | Transport::Tls => "tls.listen",
        };
        let failed = |source| StartError::Listen { address: *wanted, source, setting };
        // One plain bind proves the port free, as below.
        let address = std::net::TcpListener::bind(wanted).and_then(|probe| probe.local_addr()).map_err(failed)?;
        for shard in &mut sockets {
            let tcp = tcp::listen(address).map_err(failed)?;
            shard.push(Listener { address, udp: None, transport: *transport, tcp });
        }
        listening.others.push((*transport, address));
    }
    Ok((listening, sockets))
}

/// The address with a port that is free for UDP and TCP. One plain bind proves it, for `SO_REUSEPORT` would share the port
/// with another process of the same user without a word.
fn free_address(wanted: SocketAddr) -> std::io::Result<SocketAddr> {
    for _ in 0..PORT_TRIES {
        let udp = wire::udp_socket(wanted, &UdpOptions::default())?;
        let address = udp.local_addr()?;
        match std::net::TcpListener::bind(address) {
            Ok(_) => return Ok(address),
            Err(error) if wanted.port() != 0 => return Err(error),
            // The kernel's choice for UDP is taken for TCP: another.
            Err(_) => {}
        }
    }
    Err(std::io::ErrorKind::AddrInUse.into())
}
