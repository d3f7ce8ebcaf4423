//! A media thread: obeys commands until it is told to stop.
//!
//! No decision lives here.

use crate::queue::{Command, Queue};
use crate::settings::MediaSettings;
use crate::totals::{MediaTotals, QualitySample};
use crate::words::{EventSink, OpenRefused};
use mio::{Events, Poll, Token, Waker};
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

/// What all threads share.
pub(crate) struct Shared {
    pub(crate) settings: MediaSettings,
    pub(crate) sink: EventSink,
}

pub(crate) struct Counters;
impl Counters {
    pub(crate) fn on_refused(&self) {}
}

impl Shared {
    pub(crate) fn new(settings: MediaSettings, sink: EventSink) -> Self {
        Self { settings, sink }
    }
    pub(crate) fn counters(&self) -> Counters {
        Counters
    }
    pub(crate) fn totals(&self) -> MediaTotals {
        let _ = &self.sink;
        MediaTotals::default()
    }
    pub(crate) fn drain_samples(&self, _samples: &mut Vec<QualitySample>) {}
}

pub(crate) fn start(thread: usize, _shared: Arc<Shared>, queue: Arc<Queue>) -> io::Result<(Waker, JoinHandle<()>)> {
    let mut poll = Poll::new()?;
    let waker = Waker::new(poll.registry(), Token(usize::MAX))?;
    let handle = std::thread::Builder::new().name(format!("media-{thread}")).spawn(move || {
        let mut events = Events::with_capacity(64);
        let mut taken = VecDeque::new();
        while poll.poll(&mut events, None).is_ok() && queue.take(&mut taken) {
            for command in taken.drain(..) {
                match command {
                    Command::Open { reply, .. } => reply(Err(OpenRefused::PortsExhausted)),
                    Command::Report { reply, .. } | Command::Close { reply, .. } => reply(None),
                    Command::SetRemote { session, side, remote } => drop((session, side, remote)),
                    Command::Answered { session } => drop(session),
                }
            }
        }
    })?;
    Ok((waker, handle))
}
