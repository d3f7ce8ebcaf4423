//! The [`Office`]: everything that a request needs, in one cheap handle.
//!
//! What can be asked is in the files beside, by noun.

use crate::caller::Caller;
use crate::channel::CHANNELS_MAX;
use crate::error::{Error, Result};
use crate::events::bus::Bus;
use crate::payments::Till;
use crate::switchboard::Switchboard;
use crate::webhook::postman::PostOffice;
use domain::fraud::BreakerLimits;
use domain::{Entropy, Fact, Micros, Now, Wall};
use ledger::Ledger;
use parking_lot::Mutex;
use std::collections::BTreeSet;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};
use store::{Signed, Store};

/// Reads both clocks.
pub type Clock = Arc<dyn Fn() -> Now + Send + Sync>;
/// Fills a buffer with unpredictable bytes: the operating system's in production.
pub type Random = Box<dyn FnMut(&mut [u8]) + Send>;

/// Who is told what happens in the office: `telemetry`, in production.
pub type Tell = Box<dyn Fn(&Fact) + Send + Sync>;

/// What is the same for every request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The digest realm: passwords are hashed in it.
    pub realm: String,
    /// What PBXs register with; none where it is the address that they reach us at.
    pub domain: Option<String>,
    /// Channels of a profile at most (C2), 1 to 10000; more than 300 for wholesale.
    pub channels_max: u16,
    /// Whether webhooks may lead into private networks, and go without TLS.
    pub webhooks_allow_private: bool,
    /// What a new profile may spend in a day (D-16), or as much as its first credit, where that is more; none for no cap.
    pub new_profile_daily_cap: Option<Micros>,
    /// The dearest rate a minute that a new profile may call; none for any.
    pub new_profile_max_rate: Option<Micros>,
    /// When the breaker of a company opens that has no limits of its own.
    pub company_breaker: BreakerLimits,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            realm: "tandem".to_owned(),
            domain: None,
            channels_max: CHANNELS_MAX,
            webhooks_allow_private: false,
            new_profile_daily_cap: None,
            new_profile_max_rate: None,
            company_breaker: BreakerLimits::default(),
        }
    }
}

/// What an office is made from.
pub struct Parts {
    /// The store.
    pub store: Arc<Store>,
    /// The ledger.
    pub ledger: Arc<dyn Ledger>,
    /// The running switch.
    pub switchboard: Arc<dyn Switchboard>,
    /// The clock.
    pub clock: Clock,
    /// Makes tokens and identities.
    pub random: Random,
    /// What is the same for every request.
    pub settings: Settings,
}

/// The back office. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Office {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) store: Arc<Store>,
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) switchboard: Arc<dyn Switchboard>,
    clock: Clock,
    pub(crate) settings: Settings,
    pub(crate) random: Mutex<Random>,
    entropy: Mutex<Entropy>,
    /// Hashes of the tokens that were given at start: at most as many as [`crate::caller::START_TOKENS_MAX`].
    pub(crate) start_tokens: Mutex<BTreeSet<[u8; 32]>>,
    /// Held while channels of the ledger are brought to what the store says, so that no difference is posted twice.
    pub(crate) channels: Mutex<()>,
    /// Where payments are made, once it is open.
    pub(crate) till: OnceLock<Till>,
    /// Where webhooks are served from, once it is open.
    pub(crate) post: OnceLock<PostOffice>,
    /// Counts up with every change of webhooks.
    pub(crate) webhook_changes: AtomicU64,
    /// What happens, for who listens.
    pub(crate) bus: Arc<Bus>,
    /// Who is told what happens here, once somebody is.
    tell: OnceLock<Tell>,
}

impl std::fmt::Debug for Office {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Office")
    }
}

impl Office {
    /// An office of these parts.
    pub fn open(parts: Parts) -> Office {
        let Parts { store, ledger, switchboard, clock, mut random, settings } = parts;
        let mut seed = [0; 16];
        random(&mut seed);
        let mut entropy = Entropy::from_seed(seed);
        let bus = Bus::new(Arc::clone(&clock), entropy.fork());
        let inner = Inner {
            store,
            ledger,
            switchboard,
            clock,
            settings,
            random: Mutex::new(random),
            entropy: Mutex::new(entropy),
            start_tokens: Mutex::new(BTreeSet::new()),
            channels: Mutex::new(()),
            till: OnceLock::new(),
            post: OnceLock::new(),
            webhook_changes: AtomicU64::new(0),
            bus,
            tell: OnceLock::new(),
        };
        Office { inner: Arc::new(inner) }
    }

    /// Both clocks, now.
    pub fn now(&self) -> Now {
        (self.inner.clock)()
    }

    /// Why no calls are taken now; empty where they are. One word each: `draining`, `ledger`, or else `not_started`.
    pub fn unready_because(&self) -> Vec<&'static str> {
        let Inner { switchboard, ledger, .. } = &*self.inner;
        let reasons = [(switchboard.is_draining(), "draining"), (!ledger.is_healthy(), "ledger")];
        let known: Vec<_> = reasons.into_iter().filter(|(holds, _)| *holds).map(|(_, reason)| reason).collect();
        if known.is_empty() && !switchboard.is_ready() { vec!["not_started"] } else { known }
    }

    /// Whether calls are let finish and no new ones are taken.
    pub fn is_draining(&self) -> bool {
        self.inner.switchboard.is_draining()
    }

    /// A name for a request that brought none of its own: 32 hexadecimal digits.
    pub fn request_id(&self) -> String {
        format!("{:032x}", self.inner.entropy.lock().next_u128())
    }

    pub(crate) fn wall(&self) -> Wall {
        self.now().wall
    }

    pub(crate) fn store(&self) -> &Store {
        &self.inner.store
    }

    /// A new identity.
    pub(crate) fn mint<T>(&self, mint: impl FnOnce(Wall, &mut Entropy) -> T) -> T {
        mint(self.wall(), &mut self.inner.entropy.lock())
    }

    /// Chance for another one.
    pub(crate) fn fork_entropy(&self) -> Entropy {
        self.inner.entropy.lock().fork()
    }

    pub(crate) fn signed<'a>(&self, caller: &'a Caller) -> Signed<'a> {
        Signed { by: &caller.name, at: self.wall() }
    }

    /// From now on facts of the office are told to this one, who hands them on to the bus. The first one who is named stays.
    pub fn tell_by(&self, tell: Tell) {
        let _ = self.inner.tell.set(tell);
    }

    /// Says what happened here; to the bus itself, where nobody stands before it.
    pub(crate) fn tell(&self, fact: &Fact) {
        match self.inner.tell.get() {
            Some(tell) => tell(fact),
            None => self.inner.bus.hear(fact),
        }
    }

    /// Puts the store's configuration in force, and then says what has happened in the store, in force or not.
    pub(crate) fn reload_and_tell(&self, facts: &[Fact]) -> Result<()> {
        let reloaded = self.reload();
        facts.iter().for_each(|fact| self.tell(fact));
        reloaded
    }

    /// Puts the store's configuration in force.
    pub(crate) fn reload(&self) -> Result<()> {
        let left_out = self.inner.switchboard.reload().map_err(Error::NotInForce)?;
        for sentence in &left_out {
            tracing::warn!(left_out = %sentence, "a part of the configuration is not in force");
        }
        Ok(())
    }
}
