//! Certificates read anew while the switch runs: when their files change, and on SIGHUP.
//!
//! What a good certificate is, is the switch's to say.

use actors::Exchange;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Watches for as long as the process lives.
pub(super) fn watch(exchange: Exchange) {
    actix_rt::spawn(async move {
        let mut ticks = actix_rt::time::interval(LOOK_EVERY);
        let mut hang_ups = match signal(SignalKind::hangup()) {
            Ok(hang_ups) => hang_ups,
            Err(error) => return tracing::error!(%error, "SIGHUP cannot be heard, so certificates are never read anew"),
        };
        // A broken file is told once, not at every look.
        let mut is_told = false;
        loop {
            let is_ordered = tokio::select! {
                _ = ticks.tick() => false,
                heard = hang_ups.recv() => heard.is_some(),
            };
            let (switch, was_told) = (exchange.clone(), is_told);
            let looked = actix_rt::task::spawn_blocking(move || look(&switch, is_ordered, was_told)).await;
            is_told = looked.unwrap_or_default();
        }
    });
}

/// Reads the files where that is wanted; gives whether they are broken and somebody was told so.
fn look(exchange: &Exchange, is_ordered: bool, was_told: bool) -> bool {
    if !is_ordered && !exchange.has_changed_certificates() {
        return false;
    }
    match exchange.reload_certificates() {
        Ok(Some(names)) => {
            tracing::info!(names, "the certificate was read anew; connections that stand keep the old one");
            false
        }
        Ok(None) => false,
        Err(error) => {
            if is_ordered || !was_told {
                tracing::error!(%error, "the new certificate cannot be used; the old one stays in force");
            }
            true
        }
    }
}
