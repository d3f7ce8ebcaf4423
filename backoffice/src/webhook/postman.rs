//! The postman: events from the bus into the store's queue, and from there to whom they are for.
//!
//! When an attempt is made again is decided in `retrying`; one attempt is `sending`'s. An event is safe from the moment it is in the
//! queue; a node that dies keeps back what it has told in the fifth of a second before.

use super::pacing::Pacing;
use super::retrying::{self, Attempt};
use super::sending::{self, Postage};
use crate::error::Result;
use crate::events::bus::{Reading, Subscription};
use crate::events::{Filter, saying};
use crate::office::Office;
use crate::payments::http::NoAuthorities;
use domain::{Fact, Monotonic, Topics, WebhookId};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;
use store::{Attempted, Delivery, NewDelivery, Webhook};

/// How often the postman looks for events and for what is due.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// How often the webhooks are read anew, for changes that other nodes made; those of this node are seen at once.
const REREAD_EVERY: Duration = Duration::from_secs(5);
/// How often the log is shortened.
const FORGET_EVERY: Duration = Duration::from_secs(600);
/// Deliveries at one time; of one webhook, one.
const ATTEMPTS_AT_ONCE: usize = 8;
/// Events that are taken from the bus at once at most.
const EVENTS_AT_ONCE: usize = 1_024;

/// How an attempt is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was taken.
    Ok,
    /// It failed, and is tried again.
    Retry,
    /// It failed for the last time, or there was no room for it.
    Dropped,
}

/// What a postman is given.
pub struct PostmanParts {
    /// How deliveries go out.
    pub postage: Postage,
    /// Whom to say what happened.
    pub tell: Arc<dyn Fn(&Fact) + Send + Sync>,
    /// Whom to say how attempts went.
    pub count: Arc<dyn Fn(Outcome, u64) + Send + Sync>,
    /// Whom to say how many deliveries wait.
    pub show_waiting: Arc<dyn Fn(u64) + Send + Sync>,
}

/// An attempt to be made.
type Job = (Delivery, Webhook);
/// An attempt that was made.
type Done = (Delivery, Webhook, Attempt);

/// The postman of an office, from outside.
pub(crate) struct PostOffice {
    stop: SyncSender<()>,
    postman: Mutex<Option<JoinHandle<()>>>,
}

impl Office {
    /// Begins to deliver events to webhooks. To be called once, when the switch runs.
    ///
    /// # Errors
    /// Where the operating system gives no thread; [`NoAuthorities`].
    pub fn open_post(&self, parts: PostmanParts) -> std::result::Result<(), NoPost> {
        let agent = sending::agent(&parts.postage)?;
        let (stop, stopped) = sync_channel(1);
        let (jobs, taken) = sync_channel::<Job>(ATTEMPTS_AT_ONCE);
        let (done, results) = sync_channel::<Done>(ATTEMPTS_AT_ONCE);
        let taken = Arc::new(Mutex::new(taken));
        for number in 0..ATTEMPTS_AT_ONCE {
            let (office, agent, taken, done) = (self.clone(), agent.clone(), Arc::clone(&taken), done.clone());
            let run = move || deliver(&office, &agent, &taken, &done);
            std::thread::Builder::new().name(format!("webhooks-{number}")).spawn(run)?;
        }
        let mut postman = Postman::new(self.clone(), parts, jobs, results);
        let thread = std::thread::Builder::new().name("postman".to_owned()).spawn(move || {
            while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(LOOK_EVERY) {
                if let Err(error) = postman.look() {
                    tracing::warn!(%error, "webhooks are not served now; the next look tries again");
                }
            }
            // What was told last waits in the store for the next start.
            if let Err(error) = postman.take_events(postman.office.now().monotonic) {
                tracing::error!(%error, "the last events could not be written down: webhooks miss them");
            }
        })?;
        // A second one would deliver twice: the first stays.
        let _ = self.inner.post.set(PostOffice { stop, postman: Mutex::new(Some(thread)) });
        Ok(())
    }

    /// Ends it: what waits is delivered after the next start.
    pub fn close_post(&self) {
        if let Some(post) = self.inner.post.get() {
            let _ = post.stop.try_send(());
            let thread = post.postman.lock().take();
            if thread.is_some_and(|thread| thread.join().is_err()) {
                tracing::error!("the postman was lost to a panic; webhooks are served again at the next start");
            }
        }
    }
}

/// Why nothing can be delivered.
#[derive(Debug, thiserror::Error)]
pub enum NoPost {
    /// The operating system gives no thread.
    #[error("the threads for webhooks did not start: {0}")]
    Thread(#[from] std::io::Error),
    /// What would be believed over TLS cannot be read.
    #[error(transparent)]
    Authorities(#[from] NoAuthorities),
}

/// Makes one attempt after the other until the postman is gone. Only who waits for one holds the lock.
fn deliver(office: &Office, agent: &ureq::Agent, taken: &Mutex<Receiver<Job>>, done: &SyncSender<Done>) {
    loop {
        let job = taken.lock().recv();
        let Ok((delivery, webhook)) = job else { return };
        let now = office.wall();
        let attempt = match office.store().webhook_secrets(webhook.id, now) {
            Ok(secrets) => sending::attempt(agent, &webhook.url, &secrets, &delivery, now),
            Err(error) => Attempt { status: None, because: Some(format!("its secret cannot be read: {error}")) },
        };
        if done.send((delivery, webhook, attempt)).is_err() {
            return;
        }
    }
}

struct Postman {
    office: Office,
    parts: PostmanParts,
    jobs: SyncSender<Job>,
    results: Receiver<Done>,
    /// Those at which an attempt is made now: at most [`ATTEMPTS_AT_ONCE`].
    busy: Vec<WebhookId>,
    /// Those that are enabled.
    webhooks: Vec<Webhook>,
    read_at: Option<(u64, Monotonic)>,
    forgotten_at: Option<Monotonic>,
    subscription: Option<Subscription>,
    pacing: Pacing,
}

impl Postman {
    fn new(office: Office, parts: PostmanParts, jobs: SyncSender<Job>, results: Receiver<Done>) -> Postman {
        Postman {
            office,
            parts,
            jobs,
            results,
            busy: Vec::new(),
            webhooks: Vec::new(),
            read_at: None,
            forgotten_at: None,
            subscription: None,
            pacing: Pacing::default(),
        }
    }

    fn look(&mut self) -> Result<()> {
        let now = self.office.now().monotonic;
        self.office.bus().sweep();
        self.reread(now)?;
        self.take_events(now)?;
        while let Ok((delivery, webhook, attempt)) = self.results.try_recv() {
            self.busy.retain(|busy| *busy != webhook.id);
            self.note(&delivery, &webhook, &attempt)?;
        }
        self.hand_out()?;
        if self.forgotten_at.is_none_or(|at| now.since(at) >= FORGET_EVERY) {
            self.forgotten_at = Some(now);
            self.office.store().forget_deliveries(self.office.wall())?;
        }
        (self.parts.show_waiting)(self.office.store().waiting_deliveries()?);
        Ok(())
    }

    /// Knows which webhooks there are, and wants their topics of the bus.
    fn reread(&mut self, now: Monotonic) -> Result<()> {
        let changes = self.office.webhook_changes();
        let is_new = |(seen, at): (u64, Monotonic)| seen == changes && now.since(at) < REREAD_EVERY;
        if self.read_at.is_some_and(is_new) {
            return Ok(());
        }
        self.webhooks = self.office.store().webhooks(None)?.into_iter().filter(|webhook| webhook.enabled).collect();
        self.read_at = Some((changes, now));
        let wanted = self.webhooks.iter().fold(Topics::NONE, |topics, webhook| topics.or(webhook.topics));
        match &mut self.subscription {
            Some(subscription) => subscription.want(wanted),
            None if wanted.is_empty() => {}
            None => self.subscription = self.office.bus().subscribe(wanted, None).map(|(subscription, _)| subscription),
        }
        Ok(())
    }

    /// Puts what was told into the queue.
    fn take_events(&mut self, now: Monotonic) -> Result<()> {
        let Some(subscription) = &mut self.subscription else { return Ok(()) };
        let events = match subscription.read(EVENTS_AT_ONCE) {
            Reading::Events(events) => events,
            Reading::Closed => return Ok(()),
            Reading::Lost => {
                // The store was slower than what happened for longer than the ring reaches back.
                subscription.catch_up();
                tracing::error!("events were told faster than they could be written down: webhooks have missed some");
                (self.parts.count)(Outcome::Dropped, 1);
                return Ok(());
            }
        };
        let mut new = Vec::new();
        for event in events {
            let about = saying::about(&event.fact);
            let owner = self.office.owner_of(about);
            let paced = self.pacing.lets(event.topic, about.call, now);
            let wants = |webhook: &&Webhook| {
                let Webhook { topics, company, .. } = **webhook;
                paced && Filter { topics, company, profile: None, call: None }.lets(event.topic, about, owner)
            };
            let mut hooks = self.webhooks.iter().filter(wants).peekable();
            if hooks.peek().is_none() {
                continue;
            }
            let body = saying::document(&event, owner).to_string();
            let delivery = |webhook: &Webhook| NewDelivery {
                webhook: webhook.id,
                event: event.id.to_string(),
                topic: event.topic,
                body: body.clone(),
            };
            new.extend(hooks.map(delivery));
        }
        if !new.is_empty() {
            let dropped = self.office.store().enqueue_deliveries(&new, self.office.wall())?;
            if dropped > 0 {
                tracing::warn!(dropped, "events were dropped: too many wait for their webhook");
                (self.parts.count)(Outcome::Dropped, dropped);
            }
        }
        Ok(())
    }

    fn note(&mut self, delivery: &Delivery, webhook: &Webhook, attempt: &Attempt) -> Result<()> {
        let now = self.office.wall();
        let store = self.office.store();
        let next = retrying::next(attempt, delivery.attempts + 1, delivery.created_at, now);
        store.note_delivery(delivery.id, &next, attempt.status, attempt.because.as_deref(), now)?;
        let outcome = match next {
            Attempted::Delivered => Outcome::Ok,
            Attempted::Again(_) => Outcome::Retry,
            Attempted::Dropped => Outcome::Dropped,
        };
        (self.parts.count)(outcome, 1);
        if attempt.because.is_none() && webhook.failing_since.is_none() {
            return Ok(());
        }
        let off = retrying::off_because(attempt, webhook.failing_since, now);
        let went_off = store.note_webhook(webhook.id, attempt.because.is_none(), off.as_deref(), now)?;
        // What is known of it here is old now.
        self.read_at = None;
        if let (true, Some(because)) = (went_off, off) {
            let (webhook, company) = (webhook.id, webhook.company);
            (self.parts.tell)(&Fact::WebhookDisabled { webhook, company, because: because.into() });
        }
        Ok(())
    }

    /// Gives out what is due, as far as somebody is free.
    fn hand_out(&mut self) -> Result<()> {
        let free = ATTEMPTS_AT_ONCE - self.busy.len();
        if free == 0 || self.webhooks.is_empty() {
            return Ok(());
        }
        for delivery in self.office.store().claim_deliveries(free, &self.busy, self.office.wall())? {
            // One that was made on another node a moment ago is known at the next look; its claim lapses.
            let known = self.webhooks.iter().find(|webhook| webhook.id == delivery.webhook);
            let Some(webhook) = known.cloned() else { continue };
            let id = webhook.id;
            match self.jobs.try_send((delivery, webhook)) {
                Ok(()) => self.busy.push(id),
                Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => return Ok(()),
            }
        }
        Ok(())
    }
}
