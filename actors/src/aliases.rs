//! Connections that their peers have opened and that may be taken for requests of ours to them (RFC 5923): by where the peer listens and
//! by whose name its verified certificate bears.
//!
//! Over TCP nobody proves who he is, so no alias is taken there: a connection is taken for the very address and port that it came from.

use dashmap::DashMap;
use sip::endpoint::Flow;
use std::net::SocketAddr;

/// The aliases of a node: at most as many for one connection as its certificate has names.
#[derive(Debug, Default)]
pub(crate) struct Aliases(DashMap<(SocketAddr, Box<str>), Flow>);

impl Aliases {
    /// Over this connection that peer can be reached; the newest counts.
    pub(crate) fn put(&self, listening_at: SocketAddr, name: &str, flow: Flow) {
        self.0.insert((listening_at, name.into()), flow);
    }

    /// The connection over which whoever bears this name can be reached at that address.
    pub(crate) fn get(&self, listening_at: SocketAddr, name: &str) -> Option<Flow> {
        // Nearly always there is none.
        if self.0.is_empty() {
            return None;
        }
        self.0.get(&(listening_at, name.into())).map(|flow| *flow)
    }

    /// The connection is over.
    pub(crate) fn remove(&self, listening_at: SocketAddr, name: &str, flow: Flow) {
        self.0.remove_if(&(listening_at, name.into()), |_, newest| *newest == flow);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_is_of_one_name_at_one_address_and_ends_with_its_connection() {
        let aliases = Aliases::default();
        let (at, one) = ("192.0.2.7:5061".parse().unwrap(), Flow { shard: 0, slot: 1, generation: 1 });
        let two = Flow { generation: 2, ..one };
        aliases.put(at, "pbx.example.com", one);
        assert_eq!(aliases.get(at, "pbx.example.com"), Some(one));
        assert_eq!(aliases.get(at, "other.example.com"), None, "another tenant of the same box");
        assert_eq!(aliases.get("192.0.2.7:5062".parse().unwrap(), "pbx.example.com"), None);
        aliases.put(at, "pbx.example.com", two);
        aliases.remove(at, "pbx.example.com", one);
        assert_eq!(aliases.get(at, "pbx.example.com"), Some(two), "the end of an older connection ends nothing");
        aliases.remove(at, "pbx.example.com", two);
        assert_eq!(aliases.get(at, "pbx.example.com"), None);
    }
}
