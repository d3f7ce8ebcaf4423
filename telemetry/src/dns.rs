//! Questions to DNS: where carriers are.
//!
//! Who asks does not live here.

use crate::error::Error;
use crate::families::{Counters, Maker};
use crate::labels::{DnsKind, DnsOutcome};
use crate::telemetry::Telemetry;

pub(crate) struct DnsHandles {
    queries: Counters<(DnsKind, DnsOutcome)>,
}

impl DnsHandles {
    pub(crate) fn make(maker: &mut Maker<'_>) -> Result<Self, Error> {
        Ok(Self { queries: maker.counters("tandem_dns_queries_total")? })
    }
}

impl Telemetry {
    /// DNS was asked, by as many tries as it took.
    pub fn count_dns_query(&self, kind: DnsKind, outcome: DnsOutcome) {
        self.dns.queries.at((kind, outcome)).increment(1);
    }
}
