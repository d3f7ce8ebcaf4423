//! What every actor of a node shares: the desk, the registry, ledger, media, telemetry, the gate.
//!
//! Nothing is decided here; a lock in here is held for a look-up only.

use crate::clock::Clock;
use crate::desk::Desk;
use crate::profile::{ProfileOutlet, ProfileShell};
use crate::registrar::{RegistrarOutlet, RegistrationShell};
use crate::registry::Registry;
use crate::shard::Shard;
use crate::shell::Shell;
use actix::{Actor, Addr, ArbiterHandle, AsyncContext};
use arc_swap::ArcSwap;
use domain::refusal::RefusalKind;
use domain::{Fact, Now, ProfileId, Refusal};
use ledger::Ledger;
use media::Media;
use parking_lot::Mutex;
use siphasher::sip::SipHasher24;
use std::hash::Hasher;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use switch::overload::Gate;
use telemetry::Telemetry;

/// A shard as the others see it.
#[derive(Clone)]
pub struct ShardHandle {
    /// Its actor.
    pub address: Addr<Shard>,
    /// Its thread.
    pub arbiter: ArbiterHandle,
}

/// What the actors of one node share.
pub struct Core {
    /// The clock.
    pub clock: Clock,
    /// Everything that is looked up, swapped whole.
    pub desk: ArcSwap<Desk>,
    /// Who lives where.
    pub registry: Registry,
    /// Credit.
    pub ledger: Arc<dyn Ledger>,
    /// Sound.
    pub media: Media,
    /// Counters and lines.
    pub telemetry: Arc<Telemetry>,
    /// New calls, node-wide. One short lock for each new call, so that the limits are exact.
    pub gate: Mutex<Gate>,
    /// Whether no new calls are taken.
    pub is_draining: AtomicBool,
    /// The shards, once they have started.
    pub shards: OnceLock<Vec<ShardHandle>>,
}

/// What `Retry-After` says to a call that comes while the node is being stopped: another node should be tried at once.
const DRAINING_RETRY_AFTER_S: u32 = 30;

impl Core {
    /// Lets one new call in, or says why not. Each success is followed by one [`Core::leave`].
    pub fn enter(&self, now: Now) -> Result<(), Refusal> {
        if self.is_draining.load(Ordering::Relaxed) {
            return Err(Refusal::new(RefusalKind::Draining).retry_after_s(DRAINING_RETRY_AFTER_S));
        }
        self.gate.lock().enter(now.monotonic)
    }

    /// A call that was let in is over.
    pub fn leave(&self) {
        self.gate.lock().leave();
    }

    /// Says what happened.
    pub fn tell(&self, fact: &Fact) {
        self.telemetry.tell(fact);
    }

    /// A shard by its number.
    pub fn shard(&self, number: u16) -> Option<&ShardHandle> {
        self.shards.get()?.get(usize::from(number))
    }

    /// The actor of a profile; none before the shards have started.
    pub fn profile(self: &Arc<Self>, id: ProfileId) -> Option<Addr<ProfileShell>> {
        let home = self.home_of(id)?;
        Some(self.registry.profile(id, || {
            let core = Arc::clone(self);
            Shell::start_in_arbiter(&home.arbiter, move |ctx| {
                let machine =
                    crate::profile::Enduring(switch::Profile::new(id, Arc::clone(core.desk.load().directory())));
                let clock = core.clock;
                Shell::new(machine, Vec::new(), ProfileOutlet::new(id, ctx.address(), core), clock)
            })
        }))
    }

    /// The actor of a profile's registration; none before the shards have started.
    pub fn registration(self: &Arc<Self>, id: ProfileId) -> Option<Addr<RegistrationShell>> {
        let home = self.home_of(id)?;
        Some(self.registry.registration(id, || {
            let core = Arc::clone(self);
            Shell::start_in_arbiter(&home.arbiter, move |_| {
                let clock = core.clock;
                Shell::new(
                    crate::registrar::Enduring(switch::Registration::new(id)),
                    Vec::new(),
                    RegistrarOutlet::new(id, core),
                    clock,
                )
            })
        }))
    }

    /// The shard on which a profile's actors live.
    fn home_of(&self, id: ProfileId) -> Option<&ShardHandle> {
        let shards = self.shards.get()?;
        let mut hasher = SipHasher24::new();
        hasher.write_u128(id.bits());
        shards.get((hasher.finish() % shards.len().max(1) as u64) as usize)
    }
}
