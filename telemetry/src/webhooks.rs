//! Deliveries of events to webhooks.
//!
//! Who delivers does not live here.

use crate::error::Error;
use crate::families::{Counters, Gauges, Maker};
use crate::labels::DeliveryOutcome;
use crate::telemetry::Telemetry;

pub(crate) struct WebhookHandles {
    deliveries: Counters<(DeliveryOutcome,)>,
    waiting: Gauges<()>,
}

impl WebhookHandles {
    pub(crate) fn make(maker: &mut Maker<'_>) -> Result<Self, Error> {
        Ok(Self {
            deliveries: maker.counters("tandem_webhook_deliveries_total")?,
            waiting: maker.gauges("tandem_webhook_queue_depth")?,
        })
    }
}

impl Telemetry {
    /// So many attempts at webhooks went so.
    pub fn count_webhook_deliveries(&self, outcome: DeliveryOutcome, count: u64) {
        self.webhooks.deliveries.at((outcome,)).increment(count);
    }

    /// So many deliveries wait.
    #[expect(clippy::cast_precision_loss, reason = "at most 100,000 are counted")]
    pub fn set_webhook_queue(&self, waiting: u64) {
        self.webhooks.waiting.at(()).set(waiting as f64);
    }
}
