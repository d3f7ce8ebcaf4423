//! How events reach webhooks, as the settings say.
//!
//! Which webhooks there are is data; who delivers is `backoffice`.

use super::ServeError;
use backoffice::Office;
use backoffice::webhook::postman::{Outcome, PostmanParts};
use backoffice::webhook::sending::Postage;
use config::Settings;
use std::sync::Arc;
use telemetry::Telemetry;
use telemetry::labels::DeliveryOutcome;

/// Begins to deliver.
pub(super) fn open(office: &Office, settings: &Settings, telemetry: &Arc<Telemetry>) -> Result<(), ServeError> {
    let authorities = std::fs::read_to_string(&settings.tls.ca_file).unwrap_or_else(|error| {
        // Whoever wants no webhooks need not have them.
        tracing::warn!(%error, file = %settings.tls.ca_file.display(), "no authorities (tls.ca_file): nothing can be delivered to https webhooks");
        String::new()
    });
    let (told, counted, shown) = (Arc::clone(telemetry), Arc::clone(telemetry), Arc::clone(telemetry));
    let parts = PostmanParts {
        postage: Postage { allow_private: settings.webhooks.allow_private, authorities },
        tell: Arc::new(move |fact| told.tell(fact)),
        count: Arc::new(move |outcome, count| {
            let outcome = match outcome {
                Outcome::Ok => DeliveryOutcome::Ok,
                Outcome::Retry => DeliveryOutcome::Retry,
                Outcome::Dropped => DeliveryOutcome::Dropped,
            };
            counted.count_webhook_deliveries(outcome, count);
        }),
        show_waiting: Arc::new(move |waiting| shown.set_webhook_queue(waiting)),
    };
    Ok(office.open_post(parts)?)
}
