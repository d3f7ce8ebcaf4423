//! The switch of one node put together: shards, media, desk, records; and the handle by which others see it.
//!
//! What may be asked of it by people and programs is `backoffice`'s.

mod asking;
mod crediting;
mod draining;
mod hearing;
mod joining;
mod settings;
mod shares;

pub use self::settings::{ExchangeSettings, StartError, StreamSettings};

use self::hearing::sink;
use self::shares::{challenger, endpoint_settings, naming};
use crate::attempts::Attempts;
use crate::call::{self, Look};
use crate::census::Census;
use crate::chance;
use crate::clock::Clock;
use crate::core::{Core, ShardHandle};
use crate::desk::{Desk, NodeRules};
use crate::fraud::Fraud;
use crate::guarding::Guarding;
use crate::listening::{Listening, bind};
use crate::mailbox::tell;
use crate::profile::Profile;
use crate::records::Drain;
use crate::registry::Registry;
use crate::resolving::{Resolver, Ways};
use crate::shard::{Shard, ShardParts, SoundHeard};
use crate::shell::Tell;
use crate::transport::doorkeeper::Doorkeeper;
use crate::transport::handshakes::Handshakes;
use crate::transport::tls::{Tls, TlsError};
use actix::{Actor, Addr, Arbiter, Recipient};
use arc_swap::ArcSwap;
use dashmap::DashMap;
use domain::{CallId, CarrierId, ProfileId, ReleaseCause};
use ledger::Ledger;
use media::Media;
use parking_lot::Mutex;
use sip::endpoint::steering::SteeringKey;
use sip::endpoint::{Endpoint, Transport};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use store::Store;
use switch::call::Live;
use switch::carrier::Standing;
use switch::guard::Ban;
use switch::overload::Gate;
use switch::registration::Binding;
use switch::{Carrier, Enrolment};
use telemetry::Telemetry;

/// The rooms that the switch stands on.
pub struct Rooms {
    /// The clock.
    pub clock: Clock,
    /// Configuration and call records.
    pub store: Arc<Store>,
    /// Credit.
    pub ledger: Arc<dyn Ledger>,
    /// Counters and lines.
    pub telemetry: Arc<Telemetry>,
}

/// The switch of one node. A cheap handle: all copies are the same switch.
#[derive(Clone)]
pub struct Exchange {
    inner: Arc<Inner>,
}

struct Inner {
    core: Arc<Core>,
    store: Arc<Store>,
    rules: NodeRules,
    listening: Listening,
    arbiters: Mutex<Vec<Arbiter>>,
    drain: Drain,
    resolver: Resolver,
    /// Where other nodes reach this one.
    node: SocketAddr,
    /// One reload at a time, so that the newest always wins.
    reloading: Mutex<()>,
}

impl Exchange {
    /// Starts the switch. Must be called inside an actix system; it blocks while sockets are bound and carriers' names resolved.
    ///
    /// # Errors
    /// [`StartError`]; nothing is left running then.
    pub fn start(settings: ExchangeSettings, rooms: Rooms) -> Result<Exchange, StartError> {
        let shards = settings.shards.clamp(1, u16::from(u8::MAX));
        let tls = start_tls(&settings.streams)?;
        let (listening, mut sockets) = bind(&settings.listen, &settings.streams.listen, shards)?;
        let mut chance = chance::entropy().map_err(StartError::Chance)?;
        let silent: Arc<OnceLock<Vec<Recipient<SoundHeard>>>> = Arc::default();
        let media = Media::start(settings.media.clone(), sink(Arc::clone(&silent)))?;
        let rules = NodeRules {
            listeners: listening.plain.clone(),
            tls_listeners: listening.tls(),
            asks_for_certificates: settings.streams.asks_for_certificates(),
            ..settings.rules.clone()
        };
        let (desk, faults) = Desk::build(rooms.store.snapshot(rooms.clock.now().wall)?, &rules);
        let ways = Ways { plain: listening.plain.clone(), tls: listening.tls() };
        let whereabouts = Arc::clone(&rules.whereabouts);
        let telemetry = Arc::clone(&rooms.telemetry);
        let resolver = Resolver::start(settings.dns.clone(), ways, whereabouts, telemetry, rooms.clock);
        let resolver = resolver.map_err(StartError::Resolver)?;
        resolver.want(desk.names());
        report(&faults);
        rooms.telemetry.set_carriers(desk.directory().carriers().map(|carrier| &*carrier.name));
        let patience = settings.node_limits.patience.handshake;
        let handshakes = tls.as_ref().map(|tls| Handshakes::start(tls, &rooms.telemetry, patience));
        let handshakes = handshakes.transpose().map_err(StartError::Handshakes)?;
        if let Some(tls) = &tls {
            rooms.telemetry.set_tls_certificate(Some(tls.loaded().ends_unix_s));
        }
        let guarding = {
            let (store, telemetry) = (Arc::clone(&rooms.store), Arc::clone(&rooms.telemetry));
            Guarding::start(settings.guard.clone(), store, telemetry, rooms.clock).map_err(StartError::Audit)?
        };
        guarding.acquaint(desk.acquainted());
        let fraud = Fraud::read(settings.breakers, &desk, &rooms.store, &rooms.ledger, rooms.clock.now())?;
        let core = Arc::new(Core {
            clock: rooms.clock,
            guarding,
            fraud,
            doorkeeper: Arc::new(Doorkeeper::new(settings.connections_max, settings.connections_per_source_max)),
            shelf: Default::default(),
            aliases: Default::default(),
            tls,
            handshakes,
            origins: settings.streams.origins.clone(),
            desk: ArcSwap::from_pointee(desk),
            registry: Registry::default(),
            ledger: Arc::clone(&rooms.ledger),
            media,
            telemetry: Arc::clone(&rooms.telemetry),
            census: Census::new(shards),
            gate: Mutex::new(Gate::new(settings.limits)),
            is_draining: AtomicBool::new(false),
            limits: settings.node_limits,
            pinned: DashMap::new(),
            registers_open: AtomicUsize::new(0),
            chance: Mutex::new(chance.fork()),
            attempts: Attempts::new(
                settings.node_limits.attempts_per_profile,
                settings.node_limits.attempts_of_strangers,
            ),
            neighbours: OnceLock::new(),
            shards: OnceLock::new(),
        });
        let drain = Drain::start(rooms.ledger, Arc::clone(&rooms.store), rooms.telemetry, rooms.clock)
            .map_err(StartError::Records)?;
        let secret = match settings.nonce_key {
            Some(key) => key,
            None => secret_key().map_err(StartError::Chance)?,
        };
        let steering = SteeringKey::new(chance.next_u128().to_le_bytes());
        let node = naming(&settings, 0, steering, &listening.plain).identity.contact;
        let mut arbiters = Vec::new();
        let mut handles = Vec::new();
        for number in 0..shards {
            let naming = naming(&settings, number, steering, &listening.plain);
            let parts = ShardParts {
                core: Arc::clone(&core),
                endpoint: Endpoint::new(endpoint_settings(&settings, &naming, shards), chance.fork()),
                challenger: challenger(&settings, number, &secret, chance.fork(), rooms.clock),
                entropy: chance.fork(),
                naming,
                listeners: sockets.pop().unwrap_or_default(),
                shards,
                opened_max: settings.connections_max.div_ceil(usize::from(shards)),
            };
            let arbiter = Arbiter::new();
            let address = Shard::start_in_arbiter(&arbiter.handle(), move |_| Shard::new(parts));
            handles.push(ShardHandle { address, arbiter: arbiter.handle() });
            arbiters.push(arbiter);
        }
        // Set once, here; a second start makes a core of its own.
        let _ = silent.set(handles.iter().map(|shard| shard.address.clone().recipient()).collect());
        let _ = core.shards.set(handles);
        wake_carriers(&core);
        let exchange = Exchange {
            inner: Arc::new(Inner {
                core,
                store: rooms.store,
                rules,
                listening,
                arbiters: Mutex::new(arbiters),
                drain,
                resolver,
                node,
                reloading: Mutex::new(()),
            }),
        };
        let weak = Arc::downgrade(&exchange.inner);
        let reload = move || {
            if let Some(inner) = weak.upgrade()
                && let Err(error) = (Exchange { inner }).reload()
            {
                tracing::error!(%error, "what was written down about fraud is not in force at other rooms yet");
            }
        };
        Fraud::start(&exchange.inner.core, Arc::clone(&exchange.inner.store), reload).map_err(StartError::Fraud)?;
        Ok(exchange)
    }

    /// The addresses where UDP and TCP are spoken, with the ports that were bound.
    pub fn listeners(&self) -> &[SocketAddr] {
        &self.inner.listening.plain
    }

    /// Where TLS and WebSockets are spoken, with the ports that were bound.
    pub fn stream_listeners(&self) -> &[(Transport, SocketAddr)] {
        &self.inner.listening.others
    }

    /// Whether a file of the certificates has changed since it was read. Blocks for a look at the files.
    pub fn has_changed_certificates(&self) -> bool {
        self.inner.core.tls.as_ref().is_some_and(|tls| tls.has_changed())
    }

    /// Reads the certificates anew; connections that stand keep what they shook hands with. Blocks. Gives whom the new one names, or
    /// nothing where the node has none.
    ///
    /// # Errors
    /// [`TlsError`]; the old certificate stays in force, and the metric says so.
    pub fn reload_certificates(&self) -> Result<Option<String>, TlsError> {
        let core = &self.inner.core;
        let Some(tls) = &core.tls else { return Ok(None) };
        let now_unix_s = core.clock.now().wall.as_unix_micros() / 1_000_000;
        match tls.reload(now_unix_s) {
            Ok(loaded) => {
                core.telemetry.set_tls_certificate(Some(loaded.ends_unix_s));
                Ok(Some(loaded.names.clone()))
            }
            Err(error) => {
                core.telemetry.set_tls_certificate(None);
                Err(error)
            }
        }
    }

    /// Every call that lives (R12), in order of birth.
    pub async fn live_calls(&self) -> Vec<Live> {
        let mut asked = Vec::new();
        for (id, call) in self.inner.core.registry.calls() {
            // All are asked before the first answer is waited for.
            asked.push(call.send(Look(id)));
        }
        let mut live = Vec::with_capacity(asked.len());
        for answer in asked {
            live.extend(answer.await.ok().flatten());
        }
        live.sort_by_key(|call: &Live| call.id);
        live
    }

    /// One call, while it lives.
    pub async fn live_call(&self, id: CallId) -> Option<Live> {
        let call = self.inner.core.registry.call(id)?;
        call.send(Look(id)).await.ok().flatten()
    }

    /// Hangs a call up; false where no such call lives.
    pub fn hang_up(&self, id: CallId) -> bool {
        let Some(call) = self.inner.core.registry.call(id) else { return false };
        end(id, &call, ReleaseCause::HungUpByOperator);
        true
    }

    /// How many calls live.
    pub fn live_call_count(&self) -> usize {
        self.inner.core.registry.live_calls()
    }

    /// Where a profile's PBX can be reached now (P6).
    pub fn binding(&self, profile: ProfileId) -> Option<Arc<Binding>> {
        self.inner.core.binding_now(profile)
    }

    /// How a carrier stands; none where it has never been asked.
    pub fn carrier_standing(&self, carrier: CarrierId) -> Option<Standing> {
        self.inner.core.registry.standing(carrier)
    }

    /// How our registration towards a carrier stands; none where it has never wanted one.
    pub fn carrier_enrolled(&self, carrier: CarrierId) -> Option<switch::enrolment::Standing> {
        self.inner.core.registry.enrolled(carrier)
    }

    /// Every source that is banned now, in order.
    pub fn bans(&self) -> Vec<Ban> {
        self.inner.core.guarding.bans()
    }

    /// Ends a ban; none where there is none.
    pub fn lift_ban(&self, source: switch::guard::Source) -> Option<Ban> {
        self.inner.core.guarding.lift(source)
    }

    /// What is looked up now.
    pub fn directory(&self) -> Arc<switch::Directory> {
        Arc::clone(self.inner.core.desk.load().directory())
    }

    /// Reads the store anew and swaps the desk. Blocks. Gives what was left out, and why.
    ///
    /// # Errors
    /// Where the store cannot be read; the old desk stays.
    pub fn reload(&self) -> Result<Vec<String>, store::Error> {
        let _one_at_a_time = self.inner.reloading.lock();
        let mut everything = self.inner.store.snapshot(self.inner.core.clock.now().wall)?;
        let own = std::mem::take(&mut everything.breaker_limits);
        self.inner.core.fraud.take_over(&everything.breakers, own);
        let (desk, faults) = Desk::build(everything, &self.inner.rules);
        report(&faults);
        let core = &self.inner.core;
        core.telemetry.set_carriers(desk.directory().carriers().map(|carrier| &*carrier.name));
        let directory = Arc::clone(desk.directory());
        self.inner.resolver.want(desk.names());
        let before = core.desk.load_full();
        core.swap_desk(desk);
        core.fraud.swapped(before.directory(), &directory);
        core.acquaint();
        core.registry.tell_every::<Profile>(|| switch::profile::Event::DirectorySwapped(Arc::clone(&directory)));
        core.registry.tell_every::<Carrier>(|| switch::carrier::Event::DirectorySwapped(Arc::clone(&directory)));
        core.registry.tell_every::<Enrolment>(|| switch::enrolment::Event::DirectorySwapped(Arc::clone(&directory)));
        wake_carriers(core);
        Ok(faults)
    }

    /// Whether calls are taken.
    pub fn is_ready(&self) -> bool {
        self.inner.core.ledger.is_healthy() && !self.is_draining()
    }

    /// Whether the node is being stopped.
    pub fn is_draining(&self) -> bool {
        self.inner.core.is_draining.load(Ordering::Relaxed)
    }

    /// Brings the gauges up to date that nobody tells as facts; to be called before a scrape.
    pub fn publish_figures(&self) {
        crate::figures::publish(&self.inner.core);
    }

    /// Stops everything, after [`Exchange::drain`]; journals what is pending and copies the last records. Blocks.
    pub fn stop(&self) {
        for arbiter in self.inner.arbiters.lock().drain(..) {
            arbiter.stop();
        }
        self.inner.core.media.stop();
        if let Err(error) = self.inner.core.ledger.flush() {
            tracing::error!(%error, "the ledger could not be flushed");
        }
        self.inner.resolver.stop();
        self.inner.drain.finish();
    }
}

fn end(id: CallId, call: &Addr<call::CallShell>, cause: ReleaseCause) {
    tell(call, Tell(call::Event::CallOf(id, switch::call::Event::HangUpOrdered(cause))));
}

/// Starts the actors of carriers that are new, so that their health is known before the first call.
fn wake_carriers(core: &Arc<Core>) {
    for carrier in core.desk.load().directory().carriers() {
        let _ = core.resident::<Carrier>(carrier.id);
        // One that was registered with is told so before it is forgotten.
        if carrier.enrolment.is_some() {
            let _ = core.resident::<Enrolment>(carrier.id);
        }
    }
}

fn report(faults: &[String]) {
    for fault in faults {
        tracing::warn!("{fault}");
    }
}

fn start_tls(streams: &StreamSettings) -> Result<Option<Arc<Tls>>, StartError> {
    match (&streams.tls, streams.listen.iter().find(|(transport, _)| transport.is_secure())) {
        (Some(settings), _) => Ok(Some(Arc::new(Tls::start(settings.clone())?))),
        (None, Some((_, address))) => Err(StartError::NoCertificate(*address)),
        (None, None) => Ok(None),
    }
}

fn secret_key() -> std::io::Result<[u8; 32]> {
    let mut key = [0; 32];
    chance::fill(&mut key)?;
    Ok(key)
}
