//! What the handlers lean on, in one cheap handle.
//!
//! Handlers do not live here.

use backoffice::{Error, Office, Result};
use std::sync::Arc;
use telemetry::Telemetry;

/// Brings the gauges (ledger, media, process ...) up to date before they are read.
pub type BeforeScrape = Arc<dyn Fn() + Send + Sync>;

/// What the handlers lean on.
#[derive(Clone)]
pub struct Services {
    /// Answers every question of the API.
    pub office: Office,
    /// Counts requests and renders `/metrics`.
    pub telemetry: Arc<Telemetry>,
    /// Called before each `/metrics`, on a thread that may block.
    pub before_scrape: BeforeScrape,
}

impl Services {
    /// Asks the back office on a thread that may block.
    pub(crate) async fn ask<T, F>(&self, question: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Office) -> Result<T> + Send + 'static,
    {
        let office = self.office.clone();
        match actix_web::web::block(move || question(&office)).await {
            Ok(answer) => answer,
            Err(_) => Err(Error::Internal("the thread that answered has panicked or was cancelled".to_owned())),
        }
    }
}
