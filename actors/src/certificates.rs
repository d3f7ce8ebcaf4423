//! The verified client certificates of the connections that stand: by which names whoever came over one may be known.
//!
//! Verifying them is `transport::tls`'s; whose a name is, `switch::Directory`'s. A connection that we opened has no entry: what its
//! server showed proves that we reached whom we wanted, and nothing about who calls.

use crate::ways::door::Certificates;
use dashmap::DashMap;
use domain::{CertificateName, Wall};
use sip::endpoint::Flow;
use std::sync::Arc;

/// What a client has shown in its handshake, once it was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    /// Its names (RFC 5922 7.1), perhaps none.
    pub(crate) names: Arc<[CertificateName]>,
    /// When it stops being good, as Unix time: a connection may stand longer.
    pub(crate) ends_unix_s: i64,
}

/// What was shown over the connections of a node: at most one entry for each.
#[derive(Debug, Default)]
pub(crate) struct Shelf(DashMap<Flow, Shown>);

impl Shelf {
    /// Somebody came in with this.
    pub(crate) fn put(&self, flow: Flow, shown: Shown) {
        self.0.insert(flow, shown);
    }

    /// The connection is over; gives the names that were shown over it.
    pub(crate) fn remove(&self, flow: Flow) -> Option<Arc<[CertificateName]>> {
        self.0.remove(&flow).map(|(_, shown)| shown.names)
    }
}

impl Certificates for Shelf {
    fn names(&self, flow: Flow, now: Wall) -> Option<Arc<[CertificateName]>> {
        let shown = self.0.get(&flow)?;
        (now.as_unix_micros() / 1_000_000 < shown.ends_unix_s).then(|| Arc::clone(&shown.names))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_that_has_ended_proves_nothing_though_its_connection_stands() {
        let shelf = Shelf::default();
        let flow = Flow { shard: 0, slot: 1, generation: 1 };
        let names: Arc<[CertificateName]> = Arc::new(["pbx.example.com".parse().unwrap()]);
        shelf.put(flow, Shown { names: Arc::clone(&names), ends_unix_s: 1_000 });
        let at = |second: i64| Wall::from_unix_micros(second * 1_000_000);
        assert_eq!(shelf.names(flow, at(999)), Some(names));
        assert_eq!(shelf.names(flow, at(1_000)), None);
        assert_eq!(shelf.names(Flow { generation: 2, ..flow }, at(0)), None, "another connection in the same place");
        shelf.remove(flow);
        assert_eq!(shelf.names(flow, at(0)), None);
    }
}
