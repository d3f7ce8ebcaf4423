//! The switch of one node put together: shards, media, desk, records; and the handle by which others see it.
//!
//! What may be asked of it by people and programs is `backoffice`'s.

use crate::call::{self, Look, Naming};
use crate::census::Census;
use crate::chance;
use crate::clock::Clock;
use crate::core::{Core, NodeLimits, ShardHandle};
use crate::desk::{Desk, NodeRules};
use crate::mailbox::tell;
use crate::records::Drain;
use crate::registry::Registry;
use crate::shard::{self, Listener, Shard, ShardParts, SoundSilent};
use crate::shell::Tell;
use crate::transport::tcp;
use actix::{Actor, Addr, Arbiter, Recipient};
use arc_swap::ArcSwap;
use dashmap::DashMap;
use domain::{CallId, CarrierId, CompanyId, Entropy, ProfileId, ReleaseCause};
use ledger::Ledger;
use media::{EventSink, Media, MediaEvent, MediaSettings};
use parking_lot::Mutex;
use sip::Method;
use sip::digest::Challenger;
use sip::digest::nonce::Issuer;
use sip::endpoint::front_door::FrontDoor;
use sip::endpoint::steering::SteeringKey;
use sip::endpoint::{self, Endpoint};
use sip::transaction::Timing;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use store::Store;
use switch::call::Live;
use switch::carrier::Standing;
use switch::overload::{Gate, Limits};
use switch::registration::Binding;
use telemetry::Telemetry;
use wire::UdpOptions;

/// What a node is told about its switch.
pub struct ExchangeSettings {
    /// Threads that switch calls, 1 to 255.
    pub shards: u16,
    /// Addresses that UDP and TCP listen on; port 0 lets the kernel choose one for both.
    pub listen: Vec<SocketAddr>,
    /// The address that peers shall answer to, where it is not the one listened on.
    pub advertised: Option<IpAddr>,
    /// The host of our own URIs; the first listener's address where there is none.
    pub host: Option<String>,
    /// The digest realm.
    pub realm: String,
    /// The digest algorithms that are offered, in this order.
    pub digest_algorithms: Vec<sip::digest::Algorithm>,
    /// What `Server` and `User-Agent` say.
    pub user_agent: String,
    /// T1, T2, T4.
    pub timing: Timing,
    /// Calls at one time and a second.
    pub limits: Limits,
    /// Transactions at one time, over all shards.
    pub transactions_max: usize,
    /// TCP connections at one time, over all shards.
    pub connections_max: usize,
    /// Lengths of queues and tables.
    pub node_limits: NodeLimits,
    /// How long a nonce is good for.
    pub nonce_lifetime: Duration,
    /// Signs nonces; drawn at each start where there is none.
    pub nonce_key: Option<[u8; 32]>,
    /// Sound.
    pub media: MediaSettings,
    /// The address that session descriptions name, where it is not the one that sound is received at.
    pub media_advertised: Option<IpAddr>,
    /// What the store does not hold; its listeners are filled in.
    pub rules: NodeRules,
}

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

/// Why the switch cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address cannot be listened on.
    #[error("{address} cannot be listened on: {source}; stop who uses it, or change sip.listen")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// No address at all.
    #[error("there is no address to listen on; name one in sip.listen")]
    NoAddress,
    /// The operating system gave no chance.
    #[error("the operating system gives no random bytes: {0}")]
    Chance(std::io::Error),
    /// The media room did not start.
    #[error(transparent)]
    Media(#[from] media::Error),
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The thread for call records did not start.
    #[error("call records cannot be copied: {0}")]
    Records(std::io::Error),
}

/// Methods that are understood; INFO and others come when something listens to them.
const METHODS: [Method; 7] =
    [Method::Invite, Method::Ack, Method::Bye, Method::Cancel, Method::Options, Method::Register, Method::Update];

/// How often a port that the kernel chose for UDP is tried for TCP before it is given up.
const PORT_TRIES: usize = 16;

/// The switch of one node. A cheap handle: all copies are the same switch.
#[derive(Clone)]
pub struct Exchange {
    inner: Arc<Inner>,
}

struct Inner {
    core: Arc<Core>,
    store: Arc<Store>,
    rules: NodeRules,
    listeners: Vec<SocketAddr>,
    arbiters: Mutex<Vec<Arbiter>>,
    drain: Drain,
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
        let (listeners, mut sockets) = bind(&settings.listen, shards)?;
        let mut chance = chance::entropy().map_err(StartError::Chance)?;
        let silent: Arc<OnceLock<Vec<Recipient<SoundSilent>>>> = Arc::default();
        let media = Media::start(settings.media.clone(), sink(Arc::clone(&silent)))?;
        let rules = NodeRules { listeners: listeners.clone(), ..settings.rules.clone() };
        let (desk, faults) = Desk::build(rooms.store.snapshot()?, &rules);
        report(&faults);
        rooms.telemetry.set_carriers(desk.directory().carriers().map(|carrier| &*carrier.name));
        let core = Arc::new(Core {
            clock: rooms.clock,
            desk: ArcSwap::from_pointee(desk),
            registry: Registry::default(),
            ledger: Arc::clone(&rooms.ledger),
            media,
            telemetry: Arc::clone(&rooms.telemetry),
            census: Census::new(shards),
            gate: Mutex::new(Gate::new(settings.limits, rooms.clock.monotonic())),
            is_draining: AtomicBool::new(false),
            limits: settings.node_limits,
            pinned: DashMap::new(),
            shards: OnceLock::new(),
        });
        let drain = Drain::start(rooms.ledger, Arc::clone(&rooms.store), rooms.telemetry, rooms.clock)
            .map_err(StartError::Records)?;
        let secret = match settings.nonce_key {
            Some(key) => key,
            None => secret_key().map_err(StartError::Chance)?,
        };
        let steering = SteeringKey::new(chance.next_u128().to_le_bytes());
        let mut arbiters = Vec::new();
        let mut handles = Vec::new();
        for number in 0..shards {
            let naming = naming(&settings, number, steering, &listeners);
            let parts = ShardParts {
                core: Arc::clone(&core),
                endpoint: Endpoint::new(endpoint_settings(&settings, &naming, shards), chance.fork()),
                challenger: challenger(&settings, number, &secret, chance.fork(), rooms.clock),
                entropy: chance.fork(),
                naming,
                listeners: sockets.pop().unwrap_or_default(),
                shards,
                connections_max: settings.connections_max.div_ceil(usize::from(shards)),
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
        Ok(Exchange {
            inner: Arc::new(Inner {
                core,
                store: rooms.store,
                rules,
                listeners,
                arbiters: Mutex::new(arbiters),
                drain,
                reloading: Mutex::new(()),
            }),
        })
    }

    /// The addresses that are listened on, with the ports that were bound.
    pub fn listeners(&self) -> &[SocketAddr] {
        &self.inner.listeners
    }

    /// Every call that lives (R12), in order of birth.
    pub async fn live_calls(&self) -> Vec<Live> {
        let mut asked = Vec::new();
        for call in self.inner.core.registry.calls() {
            // All are asked before the first answer is waited for.
            asked.push(call.send(Look));
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
        call.send(Look).await.ok().flatten()
    }

    /// Hangs a call up; false where no such call lives.
    pub fn hang_up(&self, id: CallId) -> bool {
        let Some(call) = self.inner.core.registry.call(id) else { return false };
        end(&call, ReleaseCause::HungUpByOperator);
        true
    }

    /// How many calls live.
    pub fn live_call_count(&self) -> usize {
        self.inner.core.registry.live_calls()
    }

    /// Where a profile's PBX can be reached now (P6).
    pub fn binding(&self, profile: ProfileId) -> Option<Arc<Binding>> {
        self.inner.core.registry.binding(profile)
    }

    /// How a carrier stands; none where it has never been asked.
    pub fn carrier_standing(&self, carrier: CarrierId) -> Option<Standing> {
        self.inner.core.registry.standing(carrier)
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
        let (desk, faults) = Desk::build(self.inner.store.snapshot()?, &self.inner.rules);
        report(&faults);
        let core = &self.inner.core;
        core.telemetry.set_carriers(desk.directory().carriers().map(|carrier| &*carrier.name));
        let directory = Arc::clone(desk.directory());
        core.swap_desk(desk);
        for profile in core.registry.profiles() {
            tell(&profile, Tell(switch::profile::Event::DirectorySwapped(Arc::clone(&directory))));
        }
        for carrier in core.registry.carriers() {
            tell(&carrier, Tell(switch::carrier::Event::DirectorySwapped(Arc::clone(&directory))));
        }
        wake_carriers(core);
        Ok(faults)
    }

    /// A company has more credit than before: recharges that failed are tried again (K6).
    pub fn company_topped_up(&self, company: CompanyId) {
        let core = &self.inner.core;
        for profile in self.directory().profiles().filter(|profile| profile.company == company) {
            if let Some(address) = core.profile(profile.id) {
                tell(&address, Tell(switch::profile::Event::CompanyToppedUp));
            }
        }
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

    /// Takes no new calls, waits for those that live, at most `patience`, and hangs up the rest.
    pub async fn drain(&self, patience: Duration) {
        self.inner.core.is_draining.store(true, Ordering::Relaxed);
        self.inner.core.telemetry.set_draining(true);
        self.wait_for_silence(patience).await;
        for call in self.inner.core.registry.calls() {
            end(&call, ReleaseCause::Shutdown);
        }
        self.wait_for_silence(LAST_WORDS).await;
    }

    async fn wait_for_silence(&self, patience: Duration) {
        let clock = self.inner.core.clock;
        let until = clock.monotonic() + patience;
        while self.live_call_count() > 0 && clock.monotonic() < until {
            actix_rt::time::sleep(SILENCE_CHECK).await;
        }
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
        self.inner.drain.finish();
    }
}

/// How long legs may take to be told that their call is over: an answer to BYE comes within T1 or is repeated.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// How often draining looks whether calls still live.
const SILENCE_CHECK: Duration = Duration::from_millis(50);

fn end(call: &Addr<call::CallShell>, cause: ReleaseCause) {
    tell(call, Tell(call::Event::Call(switch::call::Event::HangUpOrdered(cause))));
}

/// Starts the actors of carriers that are new, so that their health is known before the first call.
fn wake_carriers(core: &Arc<Core>) {
    for carrier in core.desk.load().directory().carriers() {
        let _ = core.carrier(carrier.id);
    }
}

fn report(faults: &[String]) {
    for fault in faults {
        tracing::warn!("{fault}");
    }
}

fn sink(shards: Arc<OnceLock<Vec<Recipient<SoundSilent>>>>) -> EventSink {
    Arc::new(move |event| {
        let MediaEvent::Silent { session, sides } = event;
        let number = usize::from(shard::shard_of_place(session.0));
        if let Some(shard) = shards.get().and_then(|shards| shards.get(number)) {
            // Bounded: told once for each session.
            shard.do_send(SoundSilent { place: session.0, sides });
        }
    })
}

fn secret_key() -> std::io::Result<[u8; 32]> {
    let mut key = [0; 32];
    chance::fill(&mut key)?;
    Ok(key)
}

fn naming(settings: &ExchangeSettings, shard: u16, steering: SteeringKey, listeners: &[SocketAddr]) -> Naming {
    let first = listeners.first().copied().unwrap_or(SocketAddr::from(([127, 0, 0, 1], 5060)));
    let contact = SocketAddr::new(settings.advertised.unwrap_or(first.ip()), first.port());
    let host: Arc<str> = match &settings.host {
        Some(host) => host.as_str().into(),
        None => match contact.ip() {
            IpAddr::V4(ip) => ip.to_string().into(),
            IpAddr::V6(ip) => format!("[{ip}]").into(),
        },
    };
    Naming {
        shard,
        steering,
        identity: Arc::new(leg::Identity { host, user_agent: settings.user_agent.as_str().into(), contact }),
        is_advertised: settings.advertised.is_some(),
        media_advertised: settings.media_advertised,
    }
}

fn endpoint_settings(settings: &ExchangeSettings, naming: &Naming, shards: u16) -> endpoint::Settings {
    let transactions_max = settings.transactions_max.div_ceil(usize::from(shards));
    endpoint::Settings {
        shard: naming.shard,
        timing: settings.timing,
        server_transactions_max: transactions_max,
        client_transactions_max: transactions_max,
        advertised_host: settings.advertised.map(|ip| ip.to_string()),
        front_door: FrontDoor {
            methods: METHODS.to_vec(),
            server: settings.user_agent.clone(),
            ..FrontDoor::default()
        },
        ..endpoint::Settings::default()
    }
}

fn challenger(
    settings: &ExchangeSettings,
    shard: u16,
    secret: &[u8; 32],
    entropy: Entropy,
    clock: Clock,
) -> Challenger {
    let issuer = sip::digest::Settings {
        lifetime: settings.nonce_lifetime,
        algorithms: settings.digest_algorithms.clone(),
        ..sip::digest::Settings::new(settings.realm.as_str(), Issuer(shard))
    };
    Challenger::new(issuer, secret, entropy, clock.now().wall)
}

/// Binds every address once for each shard. Gives the addresses, and each shard's sockets.
fn bind(listen: &[SocketAddr], shards: u16) -> Result<(Vec<SocketAddr>, Vec<Vec<Listener>>), StartError> {
    if listen.is_empty() {
        return Err(StartError::NoAddress);
    }
    let mut addresses = Vec::new();
    let mut sockets: Vec<Vec<Listener>> = (0..shards).map(|_| Vec::new()).collect();
    for wanted in listen {
        let failed = |source| StartError::Listen { address: *wanted, source };
        let address = free_address(*wanted).map_err(failed)?;
        for shard in &mut sockets {
            shard.push(listener(address).map_err(failed)?);
        }
        addresses.push(address);
    }
    Ok((addresses, sockets))
}

/// The address with a port that is free for UDP and TCP. One plain bind proves it, for `SO_REUSEPORT` would share the port
/// with another process of the same user without a word.
fn free_address(wanted: SocketAddr) -> std::io::Result<SocketAddr> {
    for _ in 0..PORT_TRIES {
        let udp = wire::udp_socket(wanted, &UdpOptions::default())?;
        let address = udp.local_addr()?;
        match std::net::TcpListener::bind(address) {
            Ok(_) => return Ok(address),
            Err(error) if wanted.port() != 0 => return Err(error),
            // The kernel's choice for UDP is taken for TCP: another.
            Err(_) => {}
        }
    }
    Err(std::io::ErrorKind::AddrInUse.into())
}

fn listener(address: SocketAddr) -> std::io::Result<Listener> {
    Ok(Listener { address, udp: crate::transport::udp::open(address)?, tcp: tcp::listen(address)? })
}
