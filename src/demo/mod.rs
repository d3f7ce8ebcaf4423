//! `tandem demo`: the switch on a temporary store, an example company, a carrier and two PBXs, several real calls, and the books.
//!
//! The switch is started by `serve`, as in production; nothing of it is faked here.
//!
//! | File | Holds |
//! |---|---|
//! | [`agent`] | the strangers: PBX and carrier over UDP, with RTP |
//! | [`api`] | the switch's REST API, as a client sees it |
//! | [`ports`] | which addresses are served |
//! | [`world`] | the example company and everybody around it |
//! | [`story`] | the calls, and what must be true of each |
//! | [`books`] | statement, records, metrics; and whether all agree with the ledger |
//! | [`summary`] | all of it as one value |
//! | [`guide`] | what to point a phone at |
//! | [`screen`] | lines and the live table |

mod agent;
mod api;
mod books;
mod guide;
mod ports;
mod screen;
mod story;
mod summary;
mod world;

use crate::serve::{self, Running, ServeError};
use actors::StartError;
use actors::clock::Clock;
use api::Api;
use books::Books;
use config::Settings;
use domain::Entropy;
use guide::Reachable;
use screen::Screen;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use summary::Summary;
use tokio::sync::oneshot;
use world::World;

/// What `tandem demo` is told.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct DemoOptions {
    /// Serves phones at this address of this machine: SIP, RTP and HTTP. Without it: this machine alone.
    #[arg(long, value_name = "IP", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    listen: IpAddr,
    /// Keeps the credit in this Redis instead of in this process: redis://HOST, redis://HOST:PORT or redis://HOST:PORT/DATABASE. What
    /// the demo has put there is taken away at the end.
    #[arg(long, value_name = "URL")]
    redis: Option<config::RedisUrl>,
    /// Ends after the story: with 0 where every step was as told, with 1 otherwise.
    #[arg(long)]
    exit: bool,
    /// Prints the summary as one JSON object on standard output; what people read goes to standard error.
    #[arg(long)]
    json: bool,
    /// Keeps store and ledger here, and does not remove them. It must not hold those of an earlier demo.
    #[arg(long, value_name = "FOLDER", hide = true)]
    data_dir: Option<PathBuf>,
}

/// What ended the demo early.
const INTERRUPTED: u8 = 130;
/// For what was asked and cannot be, as `serve` has it.
const UNUSABLE: u8 = 2;

/// Tells the story, and stays up for phones unless told otherwise.
pub(crate) fn run(options: DemoOptions) -> ExitCode {
    let log = telemetry::LogSettings {
        level: "error",
        format: telemetry::LogFormat::Text,
        numbers_masked: true,
        clock: actors::clock::wall,
        sink: Box::new(std::io::stderr()),
    };
    let begun = (
        telemetry::init_logs(log),
        tempfile::Builder::new().prefix("tandem-demo-").tempdir(),
        actors::chance::entropy(),
        ports::choose(options.listen),
    );
    let (_log, temporary, entropy, ports) = match begun {
        (Ok(log), Ok(temporary), Ok(entropy), Ok(ports)) => (log, temporary, entropy, ports),
        (log, temporary, entropy, ports) => {
            log.err().into_iter().for_each(|error| eprintln!("{error}"));
            temporary.err().into_iter().for_each(|error| eprintln!("no temporary folder can be made: {error}"));
            entropy.err().into_iter().for_each(|error| eprintln!("no random numbers can be had: {error}"));
            ports.err().into_iter().for_each(|error| eprintln!("{error}"));
            return ExitCode::from(UNUSABLE);
        }
    };
    let data_dir = options.data_dir.clone().unwrap_or_else(|| temporary.path().to_owned());
    let clock = Clock::start();
    let mut screen = Screen::new(options.json, clock);
    screen.line("Tandem demo: a switch, a company, two PBXs and a carrier, over real UDP with real RTP");
    ports.replaced.iter().for_each(|line| screen.line(format!("  {line}")));
    let mut settings = settings(options.listen, ports.sip, ports.http, &data_dir);
    if let Some(url) = &options.redis {
        settings.ledger.engine = config::LedgerEngine::Redis;
        settings.ledger.url = Some(url.clone());
        screen.line(format!("  the credit is kept in Redis at {url}"));
    }
    actix_rt::System::new().block_on(async move {
        let mut started = serve::start(&settings).await;
        if let Err(ServeError::Exchange(StartError::Listen { address, .. })) = &started {
            // Somebody took it after we looked; he may be about to take the other one too.
            screen.line(format!("  {address} was taken meanwhile: SIP and HTTP get other ports"));
            settings.sip.listen = vec![SocketAddr::new(options.listen, 0)];
            settings.http.listen = SocketAddr::new(options.listen, 0);
            started = serve::start(&settings).await;
        }
        let running = match started {
            Ok(running) => running,
            Err(error) => {
                eprintln!("the demo cannot start: {error}");
                return ExitCode::FAILURE;
            }
        };
        let Some(sip) = running.exchange.listeners().first().copied() else { return ExitCode::FAILURE };
        let code = play(&options, &running, sip, &settings, Scene { clock, entropy, screen }).await;
        running.stop().await;
        if options.data_dir.is_none() {
            leave_redis(&settings);
        }
        code
    })
}

/// The journal goes with its temporary folder; without it what is in Redis is nobody's.
fn leave_redis(settings: &Settings) {
    if settings.ledger.engine != config::LedgerEngine::Redis {
        return;
    }
    let left = crate::nodes::settings_of_house(settings)
        .and_then(|house| ledger::redis::leave(&house).map_err(|error| error.to_string()));
    if let Err(error) = left {
        eprintln!("what the demo has left in Redis could not be taken away: {error}");
    }
}

/// What the story is told with.
struct Scene {
    clock: Clock,
    entropy: Entropy,
    screen: Screen,
}

/// The example's settings: those of a fresh node, but for addresses and the data directory.
fn settings(ip: IpAddr, sip: SocketAddr, http: SocketAddr, data_dir: &Path) -> Settings {
    let mut settings = Settings::default();
    data_dir.clone_into(&mut settings.node.data_dir);
    settings.sip.listen = vec![sip];
    settings.media.address = ip;
    settings.http.listen = http;
    settings
}

async fn play(
    options: &DemoOptions,
    running: &Running,
    sip: SocketAddr,
    settings: &Settings,
    scene: Scene,
) -> ExitCode {
    let Scene { clock, entropy, mut screen } = scene;
    let api = Api::new(running.http, running.operator_token.clone());
    let ledger = Arc::clone(&running.ledger);
    let (http, settings) = (running.http, settings.clone());
    let (told, hears) = oneshot::channel();
    // The story waits for calls, so it has a thread of its own: this one is the switch's.
    let thread = std::thread::Builder::new().name("story".to_owned()).spawn(move || {
        let ended = World::create(api, sip, clock, entropy).and_then(|world| {
            let mut reachable = || Reachable::new(&world, sip, http, &settings);
            let summary = summary::tell(&world, ledger.as_ref(), &mut reachable, &mut screen)?;
            Ok((Arc::new(world), summary))
        });
        // Whoever was to hear it has been interrupted.
        let _ = told.send((ended, screen));
    });
    if let Err(error) = thread {
        eprintln!("no thread for the story: {error}");
        return ExitCode::FAILURE;
    }
    let (ended, mut screen) = tokio::select! {
        heard = hears => match heard {
            Ok(heard) => heard,
            Err(_) => {
                eprintln!("the story broke off: a fault of ours");
                return ExitCode::FAILURE;
            }
        },
        () = serve::wait_for_the_end() => {
            eprintln!("interrupted before the end of the story");
            return ExitCode::from(INTERRUPTED);
        }
    };
    let (world, summary) = match ended {
        Ok(ended) => ended,
        Err(fault) => {
            screen.line(format!("  FAIL {fault}"));
            return ExitCode::FAILURE;
        }
    };
    if options.json {
        print_json(&summary);
    }
    let code = if summary.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    if !options.exit {
        stay(&world, running, &summary, &mut screen).await;
    }
    // Waits for the agents' threads, no longer than they listen at a time.
    drop(world);
    code
}

fn print_json(summary: &Summary) {
    match serde_json::to_string(summary) {
        Ok(text) => crate::print_all(&text),
        Err(error) => eprintln!("the summary cannot be printed: {error}"),
    }
}

/// Stays up until Ctrl-C, and then says what the calls of strangers came to.
async fn stay(world: &Arc<World>, running: &Running, summary: &Summary, screen: &mut Screen) {
    summary.reachable.show(screen);
    screen.line("Ctrl-C ends it.");
    serve::wait_for_the_end().await;
    screen.heading("The books at the end");
    let (world, ledger) = (Arc::clone(world), Arc::clone(&running.ledger));
    let books = tokio::task::spawn_blocking(move || Books::ask(&world, ledger.as_ref())).await;
    match books {
        Ok(Ok(books)) => {
            books.show(screen);
            books.disagreements.iter().for_each(|line| screen.line(format!("  FAIL {line}")));
        }
        Ok(Err(fault)) => screen.line(format!("  {fault}")),
        Err(error) => screen.line(format!("  the books could not be asked: {error}")),
    }
}
