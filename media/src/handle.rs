//! The handle: what the rest of the house sees of sound.
//!
//! Every method returns at once; the work is done by the media threads.

use crate::error::Error;
use crate::queue::{Command, Queue};
use crate::settings::MediaSettings;
use crate::shared::{Shared, chance};
use crate::totals::{MediaTotals, QualitySample};
use crate::words::{
    EventSink, Mode, OpenRefused, OpenRequest, Opened, Overloaded, Remote, SessionId, SessionReport, Side,
};
use crate::worker;
use domain::media::KeyPress;
use mio::Waker;
use parking_lot::Mutex;
use std::net::IpAddr;
use std::sync::Arc;
use std::thread::JoinHandle;

/// A cheap, clonable handle to the media threads. They stop when the last handle is dropped, or at [`Media::stop`].
///
/// Replies are called on a media thread, or at once by who asks; events on a media thread. They must be quick, and hand on what
/// they hear (tell an actor). Commands
/// of one session are obeyed in the order in which they were given.
#[derive(Clone)]
pub struct Media {
    inner: Arc<Inner>,
}

struct Inner {
    lanes: Vec<Lane>,
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// The way to one thread.
struct Lane {
    queue: Arc<Queue>,
    waker: Arc<Waker>,
}

impl Media {
    /// Starts the media threads; events of all sessions go to `sink`.
    ///
    /// # Errors
    /// Impossible settings, or what the operating system refused.
    pub fn start(settings: MediaSettings, sink: EventSink) -> Result<Media, Error> {
        settings.check()?;
        let shared = Arc::new(Shared::new(settings, sink));
        let mut lanes = Vec::new();
        let mut threads = Vec::new();
        for thread in 0..shared.settings.threads {
            let queue = Arc::new(Queue::new(shared.settings.sessions_max, chance()));
            let started = worker::start(thread, Arc::clone(&shared), Arc::clone(&queue));
            match started {
                Ok((waker, handle)) => {
                    lanes.push(Lane { queue, waker });
                    threads.push(handle);
                }
                Err(source) => {
                    let started = Inner { lanes, shared, threads: Mutex::new(threads) };
                    started.stop();
                    return Err(Error::Thread { thread, source });
                }
            }
        }
        Ok(Media { inner: Arc::new(Inner { lanes, shared, threads: Mutex::new(threads) }) })
    }

    /// Opens sockets for a session; `reply` hears their addresses, or why there are none.
    ///
    /// Ports are drawn at random; one that somebody else uses is passed over. `reply` is called before this returns where enough
    /// sockets of former sessions are kept open, and, with [`OpenRefused::Overloaded`], where the thread's queue is full.
    pub fn open(
        &self,
        session: SessionId,
        request: OpenRequest,
        reply: Box<dyn FnOnce(Result<Opened, OpenRefused>) + Send>,
    ) {
        if let Some(opened) = self.open_kept(session, &request) {
            return reply(Ok(opened));
        }
        if let Err(Command::Open { reply, .. }) = self.send(session, Command::Open { session, request, reply }) {
            self.inner.shared.on_overloaded();
            reply(Err(OpenRefused::Overloaded));
        }
    }

    /// Opens the ports of one side of an open session anew at another local address, for a far end of another version of IP; `reply` hears
    /// all its addresses, or why they stay as they were. Where its far end is must be told again. Not for an echo.
    pub fn reopen(
        &self,
        session: SessionId,
        side: Side,
        ip: IpAddr,
        reply: Box<dyn FnOnce(Result<Opened, OpenRefused>) + Send>,
    ) {
        if let Err(Command::Reopen { reply, .. }) = self.send(session, Command::Reopen { session, side, ip, reply }) {
            self.inner.shared.on_overloaded();
            reply(Err(OpenRefused::Overloaded));
        }
    }

    /// Whether [`Media::open`] would find room now, as far as that can be told without trying: a port that somebody else uses shows only
    /// when it is opened.
    ///
    /// # Errors
    /// Why not.
    pub fn would_open(&self, mode: Mode) -> Result<(), OpenRefused> {
        if self.inner.lanes.iter().all(|lane| lane.queue.is_full()) {
            return Err(OpenRefused::Overloaded);
        }
        let pairs = match mode {
            Mode::Relay => 2,
            Mode::Echo => 1,
        };
        self.inner.shared.has_room(pairs)
    }

    /// Tells where a side's far end is, as its latest description says; again after each negotiation, and for B when the next
    /// carrier is tried. Its source is learned anew, once; other SSRCs, ports and sequence numbers are welcome.
    ///
    /// A session that is not open is passed over.
    ///
    /// # Errors
    /// Where the thread's queue is full.
    pub fn set_remote(&self, session: SessionId, side: Side, remote: Remote) -> Result<(), Overloaded> {
        self.send(
            session,
            Command::SetRemote { session, side, remote: Box::new(remote), at: self.inner.shared.clock.now() },
        )
        .map_err(|_| Overloaded)
    }

    /// The call is answered: from now on silence is watched for. Again: no effect.
    ///
    /// # Errors
    /// Where the thread's queue is full.
    pub fn answered(&self, session: SessionId) -> Result<(), Overloaded> {
        self.send(session, Command::Answered { session, at: self.inner.shared.clock.now() }).map_err(|_| Overloaded)
    }

    /// Puts a key press into the sound that a side hears, by packets of our own (RFC 4733); nothing where it hears no keys.
    ///
    /// # Errors
    /// Where the thread's queue is full.
    pub fn press(&self, session: SessionId, side: Side, key: KeyPress) -> Result<(), Overloaded> {
        self.send(session, Command::Press { session, side, key }).map_err(|_| Overloaded)
    }

    /// Sounds a warning tone for a side, 200 ms in the place of what it hears, where that is G.711; otherwise nothing.
    ///
    /// # Errors
    /// Where the thread's queue is full.
    pub fn sound_tone(&self, session: SessionId, side: Side) -> Result<(), Overloaded> {
        self.send(session, Command::Tone { session, side }).map_err(|_| Overloaded)
    }

    /// Tells `reply` how a session goes; none where it is not open, or where the thread's queue is full.
    pub fn report(&self, session: SessionId, reply: Box<dyn FnOnce(Option<SessionReport>) + Send>) {
        if let Err(Command::Report { reply, .. }) = self.send(session, Command::Report { session, reply }) {
            reply(None);
        }
    }

    /// Closes a session's sockets, gives their ports back and tells `reply` how it went; none where it is not open.
    ///
    /// Passes even where the queue is full, so that a call that ends does end.
    pub fn close(&self, session: SessionId, reply: Box<dyn FnOnce(Option<SessionReport>) + Send>) {
        if let Err(Command::Close { reply, .. }) = self.send(session, Command::Close { session, reply }) {
            reply(None);
        }
    }

    /// Figures over all sessions and threads.
    pub fn totals(&self) -> MediaTotals {
        self.inner.shared.totals()
    }

    /// Moves the quality samples since the last call to the end of `samples`; at most
    /// [`crate::SAMPLES_MAX`] wait, further ones are dropped and counted.
    pub fn drain_samples(&self, samples: &mut Vec<QualitySample>) {
        self.inner.shared.drain_samples(samples);
    }

    /// Closes all sessions and ends the threads; returns when they have ended. Everything is refused afterwards.
    ///
    /// Not to be called from a reply or an event.
    pub fn stop(&self) {
        self.inner.stop();
        for thread in self.inner.threads.lock().drain(..) {
            if thread.join().is_err() {
                tracing::error!("a media thread had panicked");
            }
        }
    }

    /// Opens a session on sockets that are open already.
    fn open_kept(&self, session: SessionId, request: &OpenRequest) -> Option<Opened> {
        let shared = &self.inner.shared;
        let ip = |side: Side| request.bind_ip[side].unwrap_or(shared.settings.bind_ip[side]);
        let b = (request.mode == Mode::Relay).then(|| ip(Side::B));
        let lane = self.lane(session);
        let (opened, wakes) = lane.queue.attach(session, request.mode, ip(Side::A), b, || shared.admit().is_ok())?;
        shared.on_kept(if b.is_some() { -2 } else { -1 });
        if wakes {
            wake(&lane.waker);
        }
        Some(opened)
    }

    fn send(&self, session: SessionId, command: Command) -> Result<(), Command> {
        let lane = self.lane(session);
        if lane.queue.push(command)? {
            wake(&lane.waker);
        }
        Ok(())
    }

    fn lane(&self, session: SessionId) -> &Lane {
        // Fibonacci hashing: whatever pattern the names have, the threads share the sessions.
        let hash = session.0.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        &self.inner.lanes[hash as usize % self.inner.lanes.len()]
    }
}

impl Inner {
    fn stop(&self) {
        for lane in &self.lanes {
            lane.queue.stop();
            wake(&lane.waker);
        }
    }
}

/// The last handle is gone: the threads end by themselves, without being waited for.
impl Drop for Inner {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A thread that is not woken finds its commands at its next sweep.
fn wake(waker: &Waker) {
    if let Err(error) = waker.wake() {
        tracing::warn!(%error, "a media thread could not be woken");
    }
}
