//! The demo's PBX: registers, places calls with digest, plays a melody into them, and hears.
//!
//! What it must hear is told in `demo::story`. Its thread is [`role`]; one call of it [`call`].

mod call;
mod role;

use super::line::{self, Running};
use super::melody::Melody;
use super::sound::{Heard, Sound};
use actors::clock::Clock;
use domain::{Entropy, Monotonic};
use std::cell::Cell;
use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;
pub(crate) use telephone::{Account, News, Subscriber};

/// News of one call that may wait for their reader: a call has fewer.
const NEWS_MAX: usize = 16;

/// What a PBX is told at its start.
#[derive(Debug)]
pub(crate) struct PbxSettings {
    /// Names its threads.
    pub(crate) name: &'static str,
    /// The address of its sockets.
    pub(crate) ip: IpAddr,
    /// Who it is, and at which switch.
    pub(crate) subscriber: Subscriber,
    /// What it plays.
    pub(crate) melody: Melody,
}

/// News, and when the PBX's own thread heard them.
type Told = (Monotonic, News);

enum Order {
    Register { expires_s: u32, told: SyncSender<Result<u32, String>> },
    Call { id: u64, number: String, news: SyncSender<Told>, heard: Heard },
    HangUp { id: u64 },
}

/// A PBX that runs. Dropping it ends its threads.
pub(crate) struct Pbx {
    running: Running<Order>,
    calls: AtomicU64,
}

impl Pbx {
    /// Starts it.
    pub(crate) fn start(settings: PbxSettings, clock: Clock, mut entropy: Entropy) -> io::Result<Pbx> {
        let sound = Sound::start(settings.name, clock, entropy.fork())?;
        let (name, ip) = (settings.name, settings.ip);
        let running = line::start(name, ip, clock, entropy, |_| role::PbxRole::new(settings, sound))?;
        Ok(Pbx { running, calls: AtomicU64::new(0) })
    }

    /// Registers for so many seconds (0: unregisters), and gives what was granted. It registers again by itself at half of it.
    ///
    /// # Errors
    /// What the switch said, or that it said nothing within `patience`.
    pub(crate) fn register(&self, expires_s: u32, patience: Duration) -> Result<u32, String> {
        let (told, heard) = sync_channel(1);
        self.running.order(Order::Register { expires_s, told });
        heard.recv_timeout(patience).map_err(|_| format!("REGISTER had no answer within {patience:?}"))?
    }

    /// Dials.
    pub(crate) fn call(&self, number: &str) -> Call<'_> {
        // 0 is the registration's.
        let id = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        let (news, told) = sync_channel(NEWS_MAX);
        let heard = Heard::default();
        self.running.order(Order::Call { id, number: number.to_owned(), news, heard: heard.clone() });
        Call { pbx: self, id, news: told, at: Cell::default(), heard }
    }
}

/// One call of the PBX. Dropping it hangs up, so that a step that fails leaves no call behind.
pub(crate) struct Call<'a> {
    pbx: &'a Pbx,
    id: u64,
    news: Receiver<Told>,
    /// When the last news were heard.
    at: Cell<Monotonic>,
    heard: Heard,
}

impl Call<'_> {
    /// The next news; none where there are none within `patience`.
    pub(crate) fn next(&self, patience: Duration) -> Option<News> {
        match self.news.recv_timeout(patience) {
            Ok((at, news)) => {
                self.at.set(at);
                Some(news)
            }
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(News::Failed("there is no such call any more".to_owned())),
        }
    }

    /// When the PBX heard the last news that [`Call::next`] gave, whenever those were read.
    pub(crate) fn at(&self) -> Monotonic {
        self.at.get()
    }

    /// Hangs up, or gives up where nobody answered yet.
    pub(crate) fn hang_up(&self) {
        self.pbx.running.order(Order::HangUp { id: self.id });
    }

    /// What was heard.
    pub(crate) fn heard(&self) -> &Heard {
        &self.heard
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        self.hang_up();
    }
}
