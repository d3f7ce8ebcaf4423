//! Where messages come from and where they go to, and the names of connections, owners and transactions.
//!
//! No name is resolved and no socket opened here.

use std::net::SocketAddr;

/// The transports of the house.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// Datagrams.
    Udp,
    /// A stream.
    Tcp,
    /// A stream in TLS (RFC 3261 26.2).
    Tls,
    /// Messages in frames of a WebSocket (RFC 7118).
    Ws,
    /// Messages in frames of a WebSocket, in TLS (RFC 7118).
    Wss,
}

impl Transport {
    /// As it is written in a Via.
    pub const fn as_str(self) -> &'static str {
        match self {
            Transport::Udp => "UDP",
            Transport::Tcp => "TCP",
            Transport::Tls => "TLS",
            Transport::Ws => "WS",
            Transport::Wss => "WSS",
        }
    }

    /// The value of the `transport` parameter of a URI; none for UDP, which is meant without one. RFC 7118 5.2.2 knows `ws` alone, with
    /// and without TLS.
    pub const fn uri_parameter(self) -> Option<&'static str> {
        match self {
            Transport::Udp => None,
            Transport::Tcp => Some("tcp"),
            Transport::Tls => Some("tls"),
            Transport::Ws | Transport::Wss => Some("ws"),
        }
    }

    /// Whether messages go over a connection.
    pub const fn is_stream(self) -> bool {
        !matches!(self, Transport::Udp)
    }

    /// Whether nobody on the way can read along: what `sips:` asks for (RFC 3261 26.2.2).
    pub const fn is_secure(self) -> bool {
        matches!(self, Transport::Tls | Transport::Wss)
    }

    /// The port that an address without one means (RFC 3261 19.1.2).
    pub const fn default_port(self) -> u16 {
        if self.is_secure() { 5061 } else { 5060 }
    }

    /// Whether only the peer can open a connection: a browser listens nowhere (RFC 7118 5).
    pub const fn is_websocket(self) -> bool {
        matches!(self, Transport::Ws | Transport::Wss)
    }

    /// Its place in [`Transport::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Every transport.
    pub const ALL: [Transport; 5] = [Transport::Udp, Transport::Tcp, Transport::Tls, Transport::Ws, Transport::Wss];

    /// Whether the transport repeats what is lost.
    pub const fn reliability(self) -> crate::transaction::Reliability {
        match self {
            Transport::Udp => crate::transaction::Reliability::Unreliable,
            Transport::Tcp | Transport::Tls | Transport::Ws | Transport::Wss => {
                crate::transaction::Reliability::Reliable
            }
        }
    }
}

/// The name of one stream connection: it lives on one shard and never comes again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Flow {
    /// The shard that accepted or opened it.
    pub shard: u16,
    /// Its place in that shard's table.
    pub slot: u32,
    /// Tells it from earlier ones in the same place.
    pub generation: u32,
}

/// Where a message came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// Over what.
    pub transport: Transport,
    /// Who sent it.
    pub peer: SocketAddr,
    /// The address of ours that was addressed; replies leave from it.
    pub local: SocketAddr,
    /// The connection, on streams.
    pub flow: Option<Flow>,
}

/// Where a message is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Destination {
    /// Over what.
    pub transport: Transport,
    /// To whom.
    pub addr: SocketAddr,
    /// Over which connection; `None` on a stream transport: over any to `addr`, opening one where there is none.
    pub flow: Option<Flow>,
    /// From which address of ours.
    pub local: SocketAddr,
}

impl Destination {
    /// Back to where a message came from: the same connection, or the datagram's source. Not for responses over UDP, which go
    /// where their Via says ([`super::via::response_destination`]).
    pub fn back_to(source: &Source) -> Destination {
        Destination { transport: source.transport, addr: source.peer, flow: source.flow, local: source.local }
    }
}

/// Who uses the layer: a number that means something to the user only (the index of a leg, of an actor).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owner(pub u64);

/// Names one server transaction of one endpoint, for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerTransactionId(pub(super) super::table::Id);

/// Names one client transaction of one endpoint, for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientTransactionId(pub(super) super::table::Id);

/// Either of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TransactionId {
    /// A transaction that a request of the peer opened.
    Server(ServerTransactionId),
    /// A transaction that a request of ours opened.
    Client(ClientTransactionId),
}
