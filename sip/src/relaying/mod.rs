//! What passes through this node between another node of the house and a PBX that can be reached from here alone: a proxy without state
//! (RFC 3261 16.11), on the Path that this node named when the PBX registered (RFC 3327), for connections and what NAT lets in (RFC 5626
//! 5).
//!
//! Nothing is remembered: the way to the PBX stands signed in the URI of the route, the way back signed in the branch of our Via. So a
//! call that passes survives a restart of this node where its PBX is reached over UDP. No retransmission is made either: who is reached
//! over UDP is asked over UDP by the other node, and its timers do it; over connections nothing is lost.
//!
//! **No relay for others.** Whoever has no signed route is not passed on. With one, a node of the house may send to the PBX that it names, and
//! that PBX, from its own address, inside dialogs, to nodes of the house; nobody anywhere else.
//!
//! Who the nodes are is the user's to know; calls are not known here.

mod rewriting;
#[cfg(test)]
mod tests;
mod token;

use crate::endpoint::via::response_destination;
use crate::endpoint::{Destination, Source, Transport};
use crate::{Host, Message, Method, Response, Uri};
use bytes::{Bytes, BytesMut};
use rewriting::Change;
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use token::{Signer, Use};

/// How branches of ours begin: the cookie of RFC 3261 8.1.1.7, and a mark that the endpoint's own do not bear.
const BRANCH: &str = "z9hG4bKpass";
/// Max-Forwards of a request that has none (RFC 3261 16.6, 3).
const HOPS: u8 = 70;
/// Routes of ours at most in one request: one for each side (RFC 5658).
const ROUTES_MAX: usize = 2;

/// One node's part in what is passed on.
pub struct Relay {
    signer: Signer,
    /// The address of this node that the other nodes use, and its own name for it.
    node: SocketAddr,
    /// The same as it is bound.
    local: SocketAddr,
    /// The host of our Vias and routes towards PBXs, where it is not the local address.
    advertised: Option<IpAddr>,
}

/// What becomes of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Passing {
    /// It is this node's own.
    Own,
    /// It goes on.
    On {
        /// The message.
        bytes: Bytes,
        /// Where to.
        destination: Destination,
        /// Which way.
        way: Way,
    },
    /// It goes no further, and its sender is told why.
    Refused {
        /// The response.
        bytes: Bytes,
        /// Where to.
        destination: Destination,
    },
    /// It goes no further, and nobody is told.
    Dropped,
}

/// Which way a message is passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// A request of another node, to a PBX.
    ToPbx,
    /// A request of a PBX, to another node.
    ToNode,
    /// A response, whosever.
    Back,
}

impl Relay {
    /// A node's, by the key of the house. `life` tells this process from earlier ones of the node; `node` is where others reach it, over
    /// UDP and TCP, `local` the listener that it is.
    pub fn new(key: &[u8; 32], life: u32, node: SocketAddr, local: SocketAddr, advertised: Option<IpAddr>) -> Relay {
        Relay { signer: Signer::new(key, life), node, local, advertised }
    }

    /// The route to a PBX that is reached so from here, as it stands in a Path: a URI in angle brackets. `transport` is what the other
    /// node sends over.
    pub fn route(&self, pbx: &Destination, transport: Transport) -> String {
        let token = self.signer.write(Use::Route, pbx, b"");
        format!("<{}>", uri(&token, self.node, transport))
    }

    /// What the other nodes send over to a PBX that is reached over that from here.
    pub const fn towards_us(transport: Transport) -> Transport {
        if transport.is_stream() { Transport::Tcp } else { Transport::Udp }
    }

    /// What becomes of a message; `nodes` are the addresses of the other nodes.
    pub fn pass(&self, message: &Message, source: &Source, nodes: &BTreeSet<SocketAddr>) -> Passing {
        match message.method() {
            Some(method) => self.pass_request(method, message, source, nodes),
            None => self.pass_response(message),
        }
    }

    fn pass_response(&self, message: &Message) -> Passing {
        let mut vias = message.vias();
        let Some(Ok(top)) = vias.next() else { return Passing::Own };
        let Some(token) = top.branch().and_then(|branch| branch.strip_prefix(BRANCH)) else { return Passing::Own };
        let below = vias.next().and_then(Result::ok).and_then(|via| via.branch()).unwrap_or_default();
        let Some(read) = self.signer.read(Use::Branch, token, below.as_bytes()) else { return Passing::Dropped };
        let flow = read.way.flow.filter(|_| !read.is_stale);
        match rewriting::response(message) {
            Some(bytes) => Passing::On { bytes, destination: Destination { flow, ..read.way }, way: Way::Back },
            None => Passing::Dropped,
        }
    }

    fn pass_request(
        &self,
        method: &Method,
        message: &Message,
        source: &Source,
        nodes: &BTreeSet<SocketAddr>,
    ) -> Passing {
        let mut route = None;
        let mut routes_followed = 0;
        for value in message.routes().take(ROUTES_MAX) {
            let Some(read) = value.ok().and_then(|value| self.own_route(value.uri())) else { break };
            routes_followed += 1;
            route.get_or_insert(read);
        }
        let Some(token::Read { way: pbx, is_stale }) = route else { return Passing::Own };
        let from_pbx = source.peer.ip() == pbx.addr.ip()
            && match pbx.flow {
                Some(flow) => source.flow == Some(flow),
                None => source.peer == pbx.addr,
            };
        let next = message.routes().nth(routes_followed).and_then(Result::ok);
        let next = next.map(|next| *next.uri()).or_else(|| message.uri().ok());
        let node = next.and_then(|uri| address_of(&uri)).filter(|address| nodes.contains(address));
        let (destination, way) = match node {
            // What a PBX says inside a dialog; a new connection of its own is as good as the one that it came over first.
            Some(node) if from_pbx || !nodes.contains(&source.peer) => {
                let is_inside = message.to_tag().is_some() || *method == Method::Cancel;
                if !is_inside || source.peer.ip() != pbx.addr.ip() {
                    return Passing::Dropped;
                }
                let transport = Relay::towards_us(source.transport);
                (Destination { transport, addr: node, flow: None, local: self.local }, Way::ToNode)
            }
            _ if from_pbx || !nodes.iter().any(|node| node.ip() == source.peer.ip()) => return Passing::Dropped,
            _ if is_stale => return self.refuse(430, "Flow Failed", method, message, source),
            _ => (pbx, Way::ToPbx),
        };
        let hops = message.max_forwards().ok().flatten().unwrap_or(HOPS + 1);
        let Some(hops) = hops.checked_sub(1) else {
            return self.refuse(483, "Too Many Hops", method, message, source);
        };
        let Ok(top) = message.top_via() else { return Passing::Dropped };
        let back = response_destination(&top, source);
        let token = self.signer.write(Use::Branch, &back, top.branch().unwrap_or_default().as_bytes());
        let change = Change {
            via: self.via(&destination, &token),
            record_routes: match *method == Method::Invite && message.to_tag().is_none() {
                true => self.record_routes(&pbx, source.transport),
                false => Vec::new(),
            },
            routes_followed,
            source: source.peer,
            hops,
            request: message,
        };
        match change.print() {
            Some(bytes) => Passing::On { bytes, destination, way },
            None => Passing::Dropped,
        }
    }

    /// A route that this node made.
    fn own_route(&self, uri: &Uri<'_>) -> Option<token::Read> {
        self.signer.read(Use::Route, uri.user()?, b"")
    }

    /// Both sides', the PBX's topmost, where they differ (RFC 5658 3.1); else one.
    fn record_routes(&self, pbx: &Destination, from: Transport) -> Vec<String> {
        let token = self.signer.write(Use::Route, pbx, b"");
        let towards_pbx = format!("<{}>", uri(&token, self.shown(pbx), pbx.transport));
        let towards_node = format!("<{}>", uri(&token, self.node, from));
        match towards_pbx == towards_node {
            true => vec![towards_pbx],
            false => vec![towards_pbx, towards_node],
        }
    }

    /// How this node names itself to who is there.
    fn shown(&self, there: &Destination) -> SocketAddr {
        match self.advertised.filter(|advertised| advertised.is_ipv4() == there.local.is_ipv4()) {
            Some(advertised) => SocketAddr::new(advertised, there.local.port()),
            None => there.local,
        }
    }

    fn via(&self, destination: &Destination, token: &str) -> String {
        let sent_by = self.shown(destination);
        format!("SIP/2.0/{} {sent_by};branch={BRANCH}{token};rport", destination.transport.as_str())
    }

    fn refuse(&self, status: u16, phrase: &str, method: &Method, message: &Message, source: &Source) -> Passing {
        let Ok(top) = message.top_via() else { return Passing::Dropped };
        if *method == Method::Ack {
            return Passing::Dropped;
        }
        let mut out = BytesMut::new();
        Response::to(message, status, phrase).tag("passing").received_from(source.peer).print(&mut out).end();
        Passing::Refused { bytes: out.freeze(), destination: response_destination(&top, source) }
    }
}

fn uri(token: &str, host: SocketAddr, transport: Transport) -> String {
    let parameter = transport.uri_parameter().map(|transport| format!(";transport={transport}")).unwrap_or_default();
    format!("sip:{token}@{host};lr{parameter}")
}

fn address_of(uri: &Uri<'_>) -> Option<SocketAddr> {
    let ip = match uri.host()? {
        Host::V4(ip) => IpAddr::V4(ip),
        Host::V6(ip) => IpAddr::V6(ip),
        Host::Name(_) => return None,
    };
    Some(SocketAddr::new(ip, uri.port().unwrap_or(Transport::Udp.default_port())))
}
