//! Who takes money from companies' cards and accounts, as the settings say.
//!
//! What is paid when is decided in `switch`; who carries it out is `backoffice`.

use super::ServeError;
use actors::clock::Clock;
use backoffice::Office;
use backoffice::payments::http::{HttpProvider, HttpSettings};
use backoffice::payments::provider::PaymentProvider;
use backoffice::payments::sandbox::Sandbox;
use backoffice::payments::signature::SigningKey;
use backoffice::payments::till::TillParts;
use config::{PaymentProviderName, Settings};
use std::sync::Arc;
use std::time::Duration;
use telemetry::Telemetry;

/// Opens the till, where there is somebody to pay through.
pub(super) fn open(
    office: &Office,
    settings: &Settings,
    secrets: &config::Secrets,
    clock: Clock,
    telemetry: &Arc<Telemetry>,
) -> Result<(), ServeError> {
    let opened = open_till(office, settings, secrets, clock, telemetry);
    tell_orphaned(office);
    opened
}

/// Open payments of a provider that this node does not ask (any more): somebody is to close them.
fn tell_orphaned(office: &Office) {
    match office.orphaned_payments() {
        Ok(orphaned) => {
            for payment in orphaned {
                let (id, company, provider) = (payment.id, payment.company, payment.provider);
                tracing::warn!(payment.id = %id, company.id = %company, %provider, state = %payment.state, amount = %payment.amount,
                    "a payment is orphaned: nobody here can ask its provider what became of it; ask there, and `tandem payment close` it");
            }
        }
        Err(error) => tracing::warn!(%error, "it cannot be read whether payments are orphaned"),
    }
}

fn open_till(
    office: &Office,
    settings: &Settings,
    secrets: &config::Secrets,
    clock: Clock,
    telemetry: &Arc<Telemetry>,
) -> Result<(), ServeError> {
    let payments = &settings.payments;
    let (provider, notices): (Arc<dyn PaymentProvider>, _) = match (payments.provider, &secrets.payments) {
        (PaymentProviderName::Sandbox, _) => {
            tracing::warn!("payments are made in the sandbox: companies get credit for money that nobody pays");
            (Arc::new(Sandbox), None)
        }
        (PaymentProviderName::Http, Some(with)) => {
            let http = HttpSettings {
                url: payments.url.clone().unwrap_or_default(),
                secret: with.secret.expose().to_owned(),
                timeout: Duration::from_millis(payments.timeout_ms.into()),
                authorities: with.authorities.clone(),
            };
            let key = SigningKey::new(with.secret.expose());
            (Arc::new(HttpProvider::new(http, Arc::new(move || clock.now()))?), Some(key))
        }
        (PaymentProviderName::Off, _) | (PaymentProviderName::Http, None) => return Ok(()),
    };
    let (told, shown) = (Arc::clone(telemetry), Arc::clone(telemetry));
    let parts = TillParts {
        provider,
        notices,
        cool_down: Duration::from_secs(payments.cool_down_s.into()),
        tell: Arc::new(move |fact| told.tell(fact)),
        show_open: Arc::new(move |payments| shown.set_open_payments(payments)),
    };
    office.open_till(parts).map_err(ServeError::Till)
}
