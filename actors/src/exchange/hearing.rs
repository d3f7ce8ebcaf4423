//! What the media room hears, on its way to the shard of the session.
//!
//! What comes of it is the call's.

use crate::shard::{self, SoundHeard};
use actix::Recipient;
use media::{EventSink, MediaEvent};
use std::sync::{Arc, OnceLock};

/// Where the media threads tell what they hear; they wait for nobody.
pub(super) fn sink(shards: Arc<OnceLock<Vec<Recipient<SoundHeard>>>>) -> EventSink {
    Arc::new(move |event| {
        let (MediaEvent::Silent { session, .. } | MediaEvent::Key { session, .. }) = event;
        let number = usize::from(shard::shard_of_place(session.0));
        let Some(shard) = shards.get().and_then(|shards| shards.get(number)) else { return };
        match event {
            // Bounded: told once for each session.
            MediaEvent::Silent { .. } => shard.do_send(SoundHeard(event)),
            // Where the shard's mailbox is full, a key is lost; the call itself is unharmed.
            MediaEvent::Key { .. } => {
                let _ = shard.try_send(SoundHeard(event));
            }
        }
    })
}
