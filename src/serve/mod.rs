//! `tandem serve`: the rooms put together, in the order in which they depend on each other, and taken apart in the reverse.
//!
//! What a setting means to a room is in `settings`.

pub(crate) mod archive;
mod certificates;
mod clocks;
pub(crate) mod house;
mod neighbours;
mod payments;
mod reach;
pub(crate) mod reaping;
pub(crate) mod settings;
mod switchboard;
mod told_ledger;
mod told_redis;
mod webhooks;

use actors::clock::Clock;
use actors::{Exchange, Rooms, StartError};
use backoffice::{Office, Parts, StartToken};
use config::Settings;
use ledger::Ledger;
use ledger::memory::MemoryLedger;
use ledger::redis::RedisLedger;
use ledger::sqlite::SqliteLedger;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use store::{Signed, Store};
use switchboard::RunningExchange;
use telemetry::{Build, Telemetry};
use told_ledger::ToldLedger;
use web::{RunningServer, Services, WebSettings};

/// The file with the first operator's token within the data directory.
pub(crate) const TOKEN_FILE: &str = "operator.token";
/// How long calls may go on after the switch was told to stop.
const DRAIN_PATIENCE: Duration = Duration::from_secs(5);
/// How often gauges are brought up to date while nobody scrapes, and histograms emptied.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// How often answers that are too old are forgotten.
const FORGET_EVERY: Duration = Duration::from_secs(3_600);

/// Why the switch cannot be served.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    /// The files of secrets.
    #[error("{0}")]
    Secrets(String),
    /// Peers would be told an address that they cannot send to.
    #[error("{0}")]
    Unreachable(String),
    /// The data directory.
    #[error("{}: {source}; name a folder that this user may write in node.data_dir", path.display())]
    DataDirectory { path: PathBuf, source: std::io::Error },
    /// The store.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] ledger::Error),
    /// The engine needs a server, and none is named. A settings file that says so is refused before.
    #[error("ledger.engine is \"redis\" and ledger.url names no server, such as redis://127.0.0.1:6379")]
    NoRedis,
    /// Calls of the former process.
    #[error("calls of the former process cannot be closed: {0}")]
    Recovery(String),
    /// The switch.
    #[error(transparent)]
    Exchange(#[from] StartError),
    /// The other nodes of the house.
    #[error("other nodes cannot be heard: {0}")]
    Neighbours(std::io::Error),
    /// The metrics.
    #[error(transparent)]
    Telemetry(#[from] telemetry::Error),
    /// The API.
    #[error(transparent)]
    Web(#[from] web::Error),
    /// The payment provider.
    #[error(transparent)]
    Payments(#[from] backoffice::payments::http::NoAuthorities),
    /// The threads for payments did not start.
    #[error("payments cannot be made: {0}")]
    Till(std::io::Error),
    /// The thread that archives the journal did not start.
    #[error("the ledger's journal cannot be archived: {0}")]
    Archive(std::io::Error),
    /// Webhooks cannot be served.
    #[error(transparent)]
    Post(#[from] backoffice::webhook::postman::NoPost),
    /// The back office.
    #[error(transparent)]
    Office(#[from] backoffice::Error),
}

/// A switch that runs.
pub(crate) struct Running {
    /// The switch.
    pub(crate) exchange: Exchange,
    /// The ledger.
    pub(crate) ledger: Arc<dyn Ledger>,
    /// Where the API listens.
    pub(crate) http: SocketAddr,
    /// The operator's token, made at the first start.
    pub(crate) operator_token: String,
    office: Office,
    server: RunningServer,
    archivist: archive::Archivist,
}

/// Starts everything. Must be called inside an actix system.
pub(crate) async fn start(settings: &Settings) -> Result<Running, ServeError> {
    // A relayed call takes four descriptors; where the limit stays low, calls are refused when it is reached.
    let open_files = wire::raise_open_files_limit().unwrap_or_else(|error| {
        tracing::warn!(%error, "the limit of open files cannot be raised");
        0
    });
    if let Some(fault) = reach::fault(settings) {
        return Err(ServeError::Unreachable(fault));
    }
    let clock = Clock::start();
    let secrets = settings.read_secrets().map_err(|faults| ServeError::Secrets(faults.report()))?;
    let directory = &settings.node.data_dir;
    std::fs::create_dir_all(directory)
        .map_err(|source| ServeError::DataDirectory { path: directory.clone(), source })?;
    let telemetry = Arc::new(Telemetry::install(BUILD)?);
    let store = Arc::new(open_store(settings, clock)?);
    let (ledger, reaper) = open_ledger(settings, &secrets, clock, &telemetry, &store)?;
    let recovered = actors::recover(&ledger, clock.now()).map_err(ServeError::Recovery)?;
    if recovered.holds > 0 {
        tracing::warn!(calls = recovered.calls, charged = %recovered.charged, "calls of the former process were closed");
        telemetry.count_records(telemetry::labels::RecordOutcome::Recovered, recovered.calls);
    }
    let rooms =
        Rooms { clock, store: Arc::clone(&store), ledger: Arc::clone(&ledger), telemetry: Arc::clone(&telemetry) };
    let exchange = Exchange::start(settings::of_exchange(settings, &secrets, open_files), rooms)?;
    let office = Office::open(Parts {
        store: Arc::clone(&store),
        ledger: Arc::new(ToldLedger { ledger: Arc::clone(&ledger), telemetry: Arc::clone(&telemetry) }),
        switchboard: Arc::new(RunningExchange(exchange.clone(), settings.node.name.clone())),
        clock: Arc::new(move || clock.now()),
        random: Box::new(random),
        settings: settings::of_office(settings),
    });
    listen(&office, &telemetry);
    let operator_token = operator_token(settings)?;
    admit(&office, &operator_token, &secrets)?;
    office.reconcile()?;
    payments::open(&office, settings, &secrets, clock, &telemetry)?;
    webhooks::open(&office, settings, &telemetry)?;
    let figures = exchange.clone();
    let services = Services {
        office: office.clone(),
        telemetry: Arc::clone(&telemetry),
        before_scrape: Arc::new(move || figures.publish_figures()),
    };
    let http = WebSettings {
        listen: settings.http.listen,
        workers: settings.http.workers.into(),
        body_bytes_max: usize::try_from(settings.http.body_bytes_max).unwrap_or(usize::MAX),
    };
    let server = web::serve(http, services)?;
    telemetry.set_config_loaded(Some(clock.now().wall));
    exchange.publish_figures();
    keep_up(exchange.clone(), Arc::clone(&telemetry), clock);
    certificates::watch(exchange.clone());
    if let Some(reaper) = reaper {
        neighbours::join(&exchange, &reaper)?;
        reaping::follow_changes(exchange.clone(), Arc::clone(&store));
        reaping::watch(reaper, Arc::clone(&telemetry));
    }
    forget_answers(office.clone());
    let keep = settings::journal_kept(settings);
    let archivist =
        archive::Archivist::start(Arc::clone(&ledger), keep, telemetry, clock).map_err(ServeError::Archive)?;
    Ok(Running { exchange, ledger, http: server.addr, operator_token, office, server, archivist })
}

impl Running {
    /// Takes no new calls, lets those that live finish for a while, and stops everything.
    pub(crate) async fn stop(self) {
        self.exchange.drain(DRAIN_PATIENCE).await;
        self.office.close_post();
        self.office.bus().close();
        self.server.handle.stop(true).await;
        self.office.close_till();
        self.exchange.stop();
        drop(self.archivist);
        if let Err(error) = self.ledger.close() {
            tracing::error!(%error, "the ledger could not be closed");
        }
    }
}

/// Facts go to the office's bus, as far as somebody wants them; its own too.
fn listen(office: &Office, telemetry: &Arc<Telemetry>) {
    let bus = Arc::clone(office.bus());
    telemetry.listen(bus.wanted(), Box::new(move |fact| bus.hear(fact)));
    let told = Arc::clone(telemetry);
    office.tell_by(Box::new(move |fact| told.tell(fact)));
}

/// What the program was built from.
const BUILD: Build = Build {
    version: env!("CARGO_PKG_VERSION"),
    revision: match option_env!("TANDEM_REVISION") {
        Some(revision) => revision,
        None => "unknown",
    },
    rustc: env!("CARGO_PKG_RUST_VERSION"),
};

fn random(bytes: &mut [u8]) {
    // Without chance there is neither a password nor a token: better no answer than a guessable one.
    if let Err(error) = actors::chance::fill(bytes) {
        tracing::error!(%error, "the operating system gives no random bytes");
        std::process::abort();
    }
}

/// The store's files, as they are.
pub(crate) fn open_files(settings: &Settings, clock: Clock) -> Result<Store, store::Error> {
    Store::open(store::Opening {
        directory: &settings.node.data_dir,
        sip_user_prefix: store::SipUserPrefix::default(),
        now: clock.now().wall,
        random: Box::new(random),
    })
}

fn open_store(settings: &Settings, clock: Clock) -> Result<Store, ServeError> {
    let store = open_files(settings, clock)?;
    let realm = settings.sip.realm.clone();
    let hashes = move |user: &str, password: &store::Password| {
        let ha1 = sip::digest::Ha1::new(user, &realm, password.reveal());
        store::Ha1 { md5: ha1.md5, sha256: ha1.sha256 }
    };
    let signed = Signed { by: "serve", at: clock.now().wall };
    let changed = store.ensure_realm(&settings.sip.realm, &hashes, signed)?;
    if changed > 0 {
        tracing::info!(changed, "the realm has changed; every password was hashed anew and stays valid");
    }
    Ok(store)
}

/// The ledger; with what is needed to look after other nodes, where there may be any.
fn open_ledger(
    settings: &Settings,
    secrets: &config::Secrets,
    clock: Clock,
    telemetry: &Arc<Telemetry>,
    store: &Arc<Store>,
) -> Result<(Arc<dyn Ledger>, Option<reaping::Reaper>), ServeError> {
    let mut journal = settings::of_journal(settings);
    journal.clock = Some(Arc::new(move || clock.monotonic()));
    let (of_groups, of_redis, of_disk) = (Arc::clone(telemetry), Arc::clone(telemetry), Arc::clone(telemetry));
    journal.archive = Some(Arc::new(archive::StoreArchive(Arc::clone(store))));
    journal.on_stalled = Some(Arc::new(move |is_stalled| of_disk.set_journal_stalled(is_stalled)));
    journal.on_group = Some(Arc::new(move |group| of_groups.observe_ledger_commit(group.took)));
    Ok(match settings.ledger.engine {
        config::LedgerEngine::Memory => (Arc::new(MemoryLedger::new()), None),
        config::LedgerEngine::Sqlite => (Arc::new(SqliteLedger::open(journal)?), None),
        config::LedgerEngine::Redis => {
            let server = settings::of_redis(settings, &secrets.redis).ok_or(ServeError::NoRedis)?;
            let mut redis = ledger::redis::Settings::new(journal, server);
            redis.on_seen = Some(Arc::new(move |seen| told_redis::tell(&of_redis, seen)));
            let (store, name) = (Arc::clone(store), settings.node.name.clone());
            redis.house = Some(Arc::new(house::StoreHouse { store: Arc::clone(&store), name: name.clone(), clock }));
            let reaper = reaping::Reaper { store, redis: redis.clone(), name, clock };
            (Arc::new(RedisLedger::open(redis)?), Some(reaper))
        }
    })
}

/// The operator's token: made at the first start and kept in a file of its own, readable by this user only.
fn operator_token(settings: &Settings) -> Result<String, ServeError> {
    let path = settings.node.data_dir.join(TOKEN_FILE);
    if let Ok(token) = std::fs::read_to_string(&path) {
        return Ok(token.trim().to_owned());
    }
    let mut bytes = [0; 32];
    random(&mut bytes);
    let token: String =
        std::iter::once("tk_live_".to_owned()).chain(bytes.iter().map(|byte| format!("{byte:02x}"))).collect();
    write_private(&path, &token).map_err(|source| ServeError::DataDirectory { path, source })?;
    Ok(token)
}

/// Lets in who holds the operator's token or one of the tokens file.
fn admit(office: &Office, operator_token: &str, secrets: &config::Secrets) -> Result<(), ServeError> {
    let operator = StartToken { name: "operator".to_owned(), secret: operator_token.to_owned() };
    let others = secrets.api_tokens.iter();
    let others = others.map(|token| StartToken { name: token.name.clone(), secret: token.secret.expose().to_owned() });
    let tokens: Vec<StartToken> = std::iter::once(operator).chain(others).collect();
    for revoked in office.take_start_tokens(&tokens)? {
        tracing::warn!(token = revoked, "this token was revoked and stays worthless; make a new one");
    }
    Ok(())
}

fn write_private(path: &std::path::Path, text: &str) -> std::io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()
}

/// Gauges and histograms want to be looked after even where nobody scrapes.
fn keep_up(exchange: Exchange, telemetry: Arc<Telemetry>, clock: Clock) {
    actix_rt::spawn(async move {
        let mut ticks = actix_rt::time::interval(UPKEEP_EVERY);
        let mut clocks = clocks::Clocks::read(clock.now());
        loop {
            ticks.tick().await;
            if let Some(step_ms) = clocks.step(clock.now()) {
                telemetry.count_clock_step();
                tracing::warn!(
                    step_ms,
                    "the wall clock has stepped: calls and charges go on by the monotonic one; times in records jump"
                );
            }
            exchange.publish_figures();
            telemetry.run_upkeep();
        }
    });
}

/// Answers to orders with an idempotency key are kept for a day: their table must not grow for ever.
fn forget_answers(office: Office) {
    actix_rt::spawn(async move {
        let mut ticks = actix_rt::time::interval(FORGET_EVERY);
        loop {
            ticks.tick().await;
            let office = office.clone();
            // It waits for the disk: not on the thread that serves everybody.
            match actix_rt::task::spawn_blocking(move || office.forget_old_answers()).await {
                Ok(Ok(0)) => {}
                Ok(Ok(forgotten)) => tracing::debug!(forgotten, "old answers were forgotten"),
                Ok(Err(error)) => tracing::warn!(%error, "old answers cannot be forgotten; the next hour tries again"),
                Err(error) => tracing::error!(%error, "forgetting old answers was lost to a panic"),
            }
        }
    });
}

/// Serves until SIGTERM or SIGINT.
pub(crate) fn run(settings: Settings) -> ExitCode {
    let log = telemetry::LogSettings {
        level: settings.log.level.as_str(),
        format: match settings.log.format {
            config::LogFormat::Json => telemetry::LogFormat::Json,
            config::LogFormat::Text => telemetry::LogFormat::Text,
        },
        numbers_masked: settings.log.numbers_masked,
        clock: actors::clock::wall,
        sink: Box::new(std::io::stderr()),
    };
    let _log = match telemetry::init_logs(log) {
        Ok(guard) => guard,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    actix_rt::System::new().block_on(async move {
        let running = match start(&settings).await {
            Ok(running) => running,
            Err(error) => {
                eprintln!("tandem cannot start: {error}");
                return ExitCode::FAILURE;
            }
        };
        announce(&settings, &running);
        wait_for_the_end().await;
        eprintln!("tandem: stopping; calls that are up have {} s to finish", DRAIN_PATIENCE.as_secs());
        running.stop().await;
        ExitCode::SUCCESS
    })
}

/// Says what runs and what holds for emergency calls: that is the operator's to answer for (O3).
fn announce(settings: &Settings, running: &Running) {
    for address in running.exchange.listeners() {
        eprintln!("tandem: SIP over UDP and TCP at {address}, realm {}", settings.sip.realm);
    }
    for (transport, address) in running.exchange.stream_listeners() {
        eprintln!("tandem: SIP over {} at {address}", transport.as_str());
    }
    eprintln!("tandem: API at http://{}/api/v1, metrics at http://{}/metrics", running.http, running.http);
    eprintln!("tandem: the operator's token is in {}", settings.node.data_dir.join(TOKEN_FILE).display());
    eprintln!(
        "tandem: emergency calls are refused with {} so that a PBX takes its own line; obligations towards callers are the operator's",
        settings.calls.emergency_status
    );
}

/// SIGTERM or SIGINT.
pub(crate) async fn wait_for_the_end() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        tracing::error!("signals cannot be heard; the switch runs until it is killed");
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
