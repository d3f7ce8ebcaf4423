//! What every actor of a node shares: the desk, the registry, ledger, media, telemetry, the gate.
//!
//! Nothing is decided here; a lock in here is held for a look-up only.

use crate::aliases::Aliases;
use crate::attempts::Attempts;
use crate::census::Census;
use crate::certificates::Shelf;
use crate::clock::Clock;
use crate::desk::Desk;
use crate::fraud::Fraud;
use crate::guarding::Guarding;
use crate::neighbours::Neighbours;
use crate::registry::Registry;
use crate::shard::Shard;
use crate::transport::doorkeeper::Doorkeeper;
use crate::transport::handshakes::Handshakes;
use crate::transport::stream::Patience;
use crate::transport::tls::Tls;
use crate::ways::door::{Bindings, Certificates, FormerSecrets};
use actix::{Addr, ArbiterHandle};
use arc_swap::ArcSwap;
use dashmap::DashMap;
use domain::call_control::Proof;
use domain::refusal::RefusalKind;
use domain::{CertificateName, Entropy, Fact, Now, ProfileId, Refusal};
use ledger::Ledger;
use media::Media;
use parking_lot::Mutex;
use sip::digest::Ha1;
use sip::endpoint::Source;
use siphasher::sip::SipHasher24;
use std::hash::Hasher;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use switch::Directory;
use switch::overload::Gate;
use switch::registration::{Binding, Expiries};
use telemetry::Telemetry;

/// A shard as the others see it.
#[derive(Clone)]
pub struct ShardHandle {
    /// Its actor.
    pub address: Addr<Shard>,
    /// Its thread.
    pub arbiter: ArbiterHandle,
}

/// Lengths of queues and tables, and how long bindings are granted.
#[derive(Clone, Copy, Debug)]
pub struct NodeLimits {
    /// Messages that wait for one call before an offer is refused.
    pub mailbox_call_max: usize,
    /// Messages that wait for one profile before a new call is refused.
    pub mailbox_profile_max: usize,
    /// Messages that wait for one shard before datagrams are dropped.
    pub mailbox_shard_max: usize,
    /// PBXs registered at one time.
    pub bindings_max: usize,
    /// Attempts that are remembered of one profile.
    pub attempts_per_profile: usize,
    /// Attempts of strangers that are remembered.
    pub attempts_of_strangers: usize,
    /// How long connections may keep us waiting.
    pub patience: Patience,
    /// How long bindings are granted.
    pub expiries: Expiries,
}

impl Default for NodeLimits {
    fn default() -> Self {
        NodeLimits {
            mailbox_call_max: 64,
            mailbox_profile_max: 4_096,
            mailbox_shard_max: 4_096,
            bindings_max: 100_000,
            attempts_per_profile: 20,
            attempts_of_strangers: 500,
            patience: Patience::default(),
            expiries: Expiries::default(),
        }
    }
}

/// The password that a live binding was registered with (S10, D-18): good for calls from there until the PBX registers again
/// or its binding ends.
#[derive(Clone, Copy, Debug)]
pub struct Pinned {
    /// The hashes of the former password.
    pub ha1: Ha1,
    /// Where the PBX has registered from.
    pub source: SocketAddr,
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
    /// How many there are now.
    pub(crate) census: Census,
    /// New calls, node-wide. One short lock for each new call, so that the limits are exact.
    pub gate: Mutex<Gate>,
    /// Whether no new calls are taken.
    pub is_draining: AtomicBool,
    /// Lengths of queues and tables.
    pub limits: NodeLimits,
    /// What live bindings were registered with, where the profile has another password now (S10, D-18).
    pub pinned: DashMap<ProfileId, Pinned>,
    /// What was tried lately.
    pub(crate) attempts: Attempts,
    /// What is kept of fraud, and the breakers.
    pub(crate) fraud: Fraud,
    /// Who is slowed and banned at the door.
    pub(crate) guarding: Guarding,
    /// Who may connect.
    pub(crate) doorkeeper: Arc<Doorkeeper>,
    /// What was shown over the connections that stand.
    pub(crate) shelf: Shelf,
    /// Which connections may be taken for requests of ours.
    pub(crate) aliases: Aliases,
    /// Certificates, where there are some.
    pub(crate) tls: Option<Arc<Tls>>,
    /// TLS handshakes, where there are certificates.
    pub(crate) handshakes: Option<Handshakes>,
    /// The origins of pages that may open WebSockets; everybody's where there is none.
    pub(crate) origins: Vec<String>,
    /// REGISTERs to carriers that are under way.
    pub(crate) registers_open: AtomicUsize,
    /// Chance for actors that are opened later.
    pub(crate) chance: Mutex<Entropy>,
    /// The other nodes of the house, where there may be any.
    pub(crate) neighbours: OnceLock<Neighbours>,
    /// The shards, once they have started.
    pub shards: OnceLock<Vec<ShardHandle>>,
}

/// What `Retry-After` says to a call that comes while the node is being stopped: another node should be tried at once.
const DRAINING_RETRY_AFTER_S: u32 = 30;

impl Core {
    /// Lets one new call in, or says why not. Each success is followed by one [`Core::leave`].
    pub fn enter(&self, now: Now) -> Result<(), Refusal> {
        self.takes_calls()?;
        self.gate.lock().enter(now.monotonic)
    }

    /// What [`Core::enter`] would say, without letting anybody in.
    pub fn would_enter(&self, now: Now) -> Result<(), Refusal> {
        self.takes_calls()?;
        let mut gate = self.gate.lock().clone();
        gate.enter(now.monotonic)
    }

    fn takes_calls(&self) -> Result<(), Refusal> {
        if self.is_draining.load(Ordering::Relaxed) {
            return Err(Refusal::new(RefusalKind::Draining).retry_after_s(DRAINING_RETRY_AFTER_S));
        }
        if !self.ledger.is_healthy() {
            let retry_after_s = self.desk.load().directory().settings().retry_after_s;
            return Err(Refusal::new(RefusalKind::LedgerUnavailable).retry_after_s(retry_after_s));
        }
        Ok(())
    }

    /// The names in the verified client certificate of who sends from there; nothing where none was shown.
    pub(crate) fn shown_by(&self, source: &Source) -> Option<Arc<[CertificateName]>> {
        self.shelf.names(source.flow?, self.clock.now().wall)
    }

    /// A call that was let in is over.
    pub fn leave(&self) {
        self.gate.lock().leave();
    }

    /// Nobody answers there: for as long as a carrier that went down is left alone, other places go first.
    pub(crate) fn avoid(&self, address: SocketAddr) {
        let (now, desk) = (self.clock.monotonic(), self.desk.load());
        desk.whereabouts().avoid(address, now + desk.directory().settings().carrier_rest, now);
    }

    /// Says what happened.
    pub fn tell(&self, fact: &Fact) {
        self.telemetry.tell(fact);
    }

    /// Swaps the desk. A PBX that is registered keeps calling with the password that it registered with.
    pub fn swap_desk(&self, desk: Desk) {
        let former = self.desk.swap(Arc::new(desk));
        let desk = self.desk.load();
        for (sip_user, profile, ha1) in former.secrets() {
            let has_changed = desk.secret(sip_user).is_some_and(|(_, now)| now != ha1);
            if has_changed && let Some(binding) = self.registry.binding(profile) {
                self.pinned.entry(profile).or_insert(Pinned { ha1, source: binding.seen_from() });
            }
        }
    }

    /// Who is no stranger at the door: carriers, PBXs with IP authentication, other nodes.
    pub(crate) fn acquaint(&self) {
        let mut known = self.desk.load().acquainted();
        known.extend(self.neighbours.get().into_iter().flat_map(Neighbours::acquainted));
        self.guarding.acquaint(known);
    }

    /// Where a profile's PBX is registered; where that is at a node that is lost, the binding says so.
    pub(crate) fn binding_now(&self, profile: ProfileId) -> Option<Arc<Binding>> {
        let binding = self.registry.binding(profile)?;
        match self.is_lost(&binding) {
            true => Some(Arc::new(binding.lost())),
            false => Some(binding),
        }
    }

    /// Whether nobody passes a call on to the PBX of this binding.
    pub(crate) fn is_lost(&self, binding: &Binding) -> bool {
        let Some(elsewhere) = &binding.elsewhere else { return false };
        self.neighbours.get().is_some_and(|neighbours| neighbours.has_lost(&elsewhere.node))
    }

    /// A shard by its number.
    pub fn shard(&self, number: u16) -> Option<&ShardHandle> {
        self.shards.get()?.get(usize::from(number))
    }

    /// The shard on which the actors of a profile or a carrier live.
    pub(crate) fn home_of(&self, bits: u128) -> Option<&ShardHandle> {
        let shards = self.shards.get()?;
        let mut hasher = SipHasher24::new();
        hasher.write_u128(bits);
        shards.get((hasher.finish() % shards.len().max(1) as u64) as usize)
    }
}

impl FormerSecrets for Core {
    fn former_secret(&self, profile: ProfileId, from: SocketAddr) -> Option<Ha1> {
        self.pinned.get(&profile).filter(|pinned| pinned.source == from).map(|pinned| pinned.ha1)
    }
}

impl Bindings for Core {
    fn breaker(&self, directory: &Directory, proof: &Proof) -> Option<Refusal> {
        self.fraud.check(directory, proof)
    }

    fn binding(&self, profile: ProfileId) -> Option<Arc<Binding>> {
        self.binding_now(profile)
    }
}
