//! The till: the cashier on a thread of its own, and the threads that wait for the payment provider.
//!
//! What is done there is in [`super::cashier`].

use super::cashier::{Cashier, Job, LOOK_EVERY, Means};
use super::provider::PaymentProvider;
use super::signature::SigningKey;
use crate::error::{Error, Result};
use crate::office::Office;
use domain::{Fact, PaymentId};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;
use switch::company::paying::Event;

/// Questions to the provider at one time.
const ERRANDS_AT_ONCE: usize = 4;
/// Questions that wait for one of these threads at most; more are asked later.
const ERRANDS_MAX: usize = 256;
/// What waits for the cashier at most; who tells it more waits.
const HEARD_MAX: usize = 256;
/// How long a request waits until the cashier has done what it asks.
const DONE_WITHIN: Duration = Duration::from_secs(25);

/// What a till is opened with.
pub struct TillParts {
    /// Who takes the money.
    pub provider: Arc<dyn PaymentProvider>,
    /// What notices of it are signed with; none where it gives none.
    pub notices: Option<SigningKey>,
    /// How long after a decline a company is not recharged.
    pub cool_down: Duration,
    /// Whom to say what happened.
    pub tell: Arc<dyn Fn(&Fact) + Send + Sync>,
    /// Whom to say how many payments are open.
    pub show_open: Arc<dyn Fn(u64) + Send + Sync>,
}

enum Heard {
    /// Of a payment; who told it is told when it is carried out.
    Of(PaymentId, Event, Option<SyncSender<()>>),
    Stop,
}

/// The till of an office.
pub(crate) struct Till {
    heard: SyncSender<Heard>,
    pub(super) provider: &'static str,
    pub(super) notices: Option<SigningKey>,
    cashier: Mutex<Option<JoinHandle<()>>>,
}

impl Till {
    /// Tells the cashier of a payment, and waits until what follows from it is carried out.
    pub(super) fn hear(&self, id: PaymentId, event: Event) -> Result<()> {
        let (done, is_done) = sync_channel(1);
        let gone = || Error::Internal("the cashier is gone".to_owned());
        self.heard.send(Heard::Of(id, event, Some(done))).map_err(|_| gone())?;
        is_done.recv_timeout(DONE_WITHIN).map_err(|_| Error::LedgerUnavailable)
    }
}

impl Office {
    /// Opens the till: from now on companies are recharged, and payments that were open at the last end go on. To be called once, when
    /// the switch runs.
    ///
    /// # Errors
    /// Where the operating system gives no thread.
    pub fn open_till(&self, parts: TillParts) -> std::io::Result<()> {
        let TillParts { provider, notices, cool_down, tell, show_open } = parts;
        let (heard, hears) = sync_channel(HEARD_MAX);
        let (jobs, errands) = sync_channel::<Job>(ERRANDS_MAX);
        let errands = Arc::new(Mutex::new(errands));
        for number in 0..ERRANDS_AT_ONCE {
            let (errands, provider, heard) = (Arc::clone(&errands), Arc::clone(&provider), heard.clone());
            let name = format!("payments-{number}");
            std::thread::Builder::new().name(name).spawn(move || run_errands(&errands, &*provider, &heard))?;
        }
        let name = provider.name();
        let hand_out = Box::new(move |job| jobs.try_send(job).is_ok());
        let means = Means { hand_out, tell, show_open, provider: name, cool_down };
        let cashier = Cashier::new(self.clone(), means, self.fork_entropy());
        let thread = std::thread::Builder::new().name("cashier".to_owned()).spawn(move || serve(cashier, &hears))?;
        let till = Till { heard, provider: name, notices, cashier: Mutex::new(Some(thread)) };
        // A second till would be a second cashier: the first one stays.
        let _ = self.inner.till.set(till);
        Ok(())
    }

    /// Closes the till: what is under way at the provider is taken up at the next start.
    pub fn close_till(&self) {
        if let Some(till) = self.inner.till.get() {
            let _ = till.heard.send(Heard::Stop);
            let thread = till.cashier.lock().take();
            if thread.is_some_and(|thread| thread.join().is_err()) {
                tracing::error!("the cashier was lost to a panic; open payments go on at the next start");
            }
        }
    }
}

/// Takes one errand after the other until the cashier is gone. Only who waits for an errand holds the lock.
fn run_errands(errands: &Mutex<Receiver<Job>>, provider: &dyn PaymentProvider, heard: &SyncSender<Heard>) {
    loop {
        let job = errands.lock().recv();
        let Ok(job) = job else { return };
        let (id, event) = job.run(provider);
        if heard.send(Heard::Of(id, event, None)).is_err() {
            return;
        }
    }
}

fn serve(mut cashier: Cashier, hears: &Receiver<Heard>) {
    cashier.look();
    loop {
        // However much there is to hear, companies are looked at.
        if cashier.is_to_look() {
            cashier.look();
        }
        match hears.recv_timeout(LOOK_EVERY) {
            Ok(Heard::Of(id, event, done)) => {
                cashier.hear(id, event);
                if let Some(done) = done {
                    // Who waited may have given up.
                    let _ = done.try_send(());
                }
            }
            Ok(Heard::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}
