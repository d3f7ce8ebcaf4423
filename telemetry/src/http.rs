//! The HTTP server.
//!
//! Handlers do not live here.

use crate::error::Error;
use crate::families::{Counters, Histograms, Maker};
use crate::labels::{StatusClass, Surface};
use crate::telemetry::Telemetry;
use std::time::Duration;

pub(crate) struct HttpHandles {
    requests: Counters<(Surface, StatusClass)>,
    time: Histograms<(Surface,)>,
}

impl HttpHandles {
    pub(crate) fn make(maker: &mut Maker<'_>) -> Result<Self, Error> {
        Ok(Self {
            requests: maker.counters("tandem_http_requests_total")?,
            time: maker.histograms("tandem_http_request_seconds")?,
        })
    }
}

impl Telemetry {
    /// A request was answered with this status.
    pub fn observe_http(&self, surface: Surface, status: u16, took: Duration) {
        self.http.requests.at((surface, StatusClass::of(status))).increment(1);
        self.http.time.at((surface,)).record(took.as_secs_f64());
    }
}
