//! Tandem: a self-hosted SIP-trunking softswitch. The command line; the only crate that knows every room.
//!
//! Rules live in the rooms: here is only which of them a command needs.
#![forbid(unsafe_code)]

mod admin;
mod check_config;
mod client;
mod demo;
mod export;
mod healthcheck;
mod init;
mod ledger_verify;
mod nodes;
mod serve;

use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// Joins a company's PBX to carriers, and charges for it to the cent while the call runs.
#[derive(Parser)]
#[command(name = "tandem", version, about)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Sets up a node from nothing: settings, sealing key, store, a company and a profile; prints what a PBX needs.
    Init(init::InitOptions),
    /// Runs the switch until it is told to stop (SIGTERM, SIGINT).
    Serve {
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Places real calls through a switch on a temporary store, shows what they cost, and stays up for a phone.
    Demo(demo::DemoOptions),
    /// Companies of a running switch: made, listed, credited.
    Company(Ordered<admin::CompanyCommand>),
    /// The credit of the whole house: what everybody has, spends and risks.
    Credit(Ordered<admin::CreditCommand>),
    /// Payments that companies make through the payment provider: ordered, listed, asked for again, given up.
    Payment(Ordered<admin::PaymentCommand>),
    /// Profiles of a running switch, one for each PBX: made, listed, given credit.
    Profile(Ordered<admin::ProfileCommand>),
    /// PBXs that are registered with a running switch, or with another node of its house.
    Registration(Ordered<admin::RegistrationCommand>),
    /// Carriers of a running switch: made, listed.
    Carrier(Ordered<admin::CarrierCommand>),
    /// Online numbers of a running switch: added, listed.
    Number(Ordered<admin::NumberCommand>),
    /// Business accounts of a running switch: added, attached, listed.
    Account(Ordered<admin::AccountCommand>),
    /// Who calls show, and how trunks are spoken to.
    Identity(Ordered<admin::IdentityCommand>),
    /// Rate decks of a running switch: versions imported, put in force now or later, shown, compared.
    Deck(Ordered<admin::DeckCommand>),
    /// What would become of a call, and why: admitted dry by a running switch. No call is made.
    Simulate {
        #[command(flatten)]
        order: admin::SimulateCommand,
        #[command(flatten)]
        door: admin::DoorOptions,
    },
    /// Sources that the guard at the door of a running switch has banned: listed, set free.
    Ban(Ordered<admin::BanCommand>),
    /// Breakers that are open because far more is spent than usual.
    Breaker(Ordered<admin::BreakerCommand>),
    /// One call of a running switch: why it cost what it cost.
    Call(Ordered<admin::CallCommand>),
    /// What happens at a running switch, line by line as it happens.
    Events {
        #[command(flatten)]
        order: admin::EventsCommand,
        #[command(flatten)]
        door: admin::DoorOptions,
    },
    /// Whom a running switch delivers events to: made, tried, replayed, switched off, removed.
    Webhook(Ordered<admin::WebhookCommand>),
    /// Call records for other systems.
    Calls(Ordered<admin::CallsCommand>),
    /// Reads the settings, says everything that is wrong with them, and prints them as they take effect, secrets masked.
    CheckConfig {
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Asks the running switch of these settings whether it takes calls: ends with 0 where it does, with 1 where it does not.
    Healthcheck {
        #[command(flatten)]
        config: ConfigFile,
    },
    /// The nodes that share one store and one Redis.
    #[command(subcommand)]
    Node(nodes::NodeCommand),
    /// The books.
    #[command(subcommand)]
    Ledger(LedgerCommand),
    /// Writes out the journal or the decks, from which another program can rate every call anew.
    Export {
        #[command(flatten)]
        config: ConfigFile,
        #[command(subcommand)]
        order: export::ExportCommand,
    },
    /// The metrics that `/metrics` shows.
    Metrics {
        /// As JSON, with type, labels and help of each.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Subcommand)]
enum LedgerCommand {
    /// Recomputes every balance from the journal and checks that each unit of each company sums to zero.
    Verify {
        #[command(flatten)]
        config: ConfigFile,
        /// Re-rates every call of this month (in UTC) instead: each record, what the journal captured, the statement and the deck are held
        /// against each other.
        #[arg(long, value_name = "YYYY-MM")]
        month: Option<backoffice::proof::month::Month>,
        /// Prints the result as one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Copies the journal of a running switch to the store's archive now, and takes those rows out of it. Rows older than ledger.keep_days go
    /// by themselves.
    Trim {
        #[command(flatten)]
        door: admin::DoorOptions,
    },
    /// Makes Redis anew from the journals, while no node runs.
    Rebuild {
        #[command(flatten)]
        config: ConfigFile,
        /// Prints what was done as one JSON object.
        #[arg(long)]
        json: bool,
    },
}

/// A command to a running switch, and which.
#[derive(clap::Args)]
struct Ordered<T: Subcommand> {
    #[command(subcommand)]
    order: T,
    #[command(flatten)]
    door: admin::DoorOptions,
}

/// Where the settings are.
#[derive(Clone, Debug, clap::Args)]
struct ConfigFile {
    /// The settings file; `tandem.toml` in the working directory where it exists, otherwise the defaults.
    #[arg(long, short, value_name = "FILE", env = "TANDEM_CONFIG", global = true)]
    config: Option<PathBuf>,
}

impl ConfigFile {
    /// The settings, or what is wrong with them, for a person.
    fn load(&self) -> Result<config::Settings, String> {
        let shipped = PathBuf::from("tandem.toml");
        let settings = match &self.config {
            Some(path) => config::Settings::load(path, config::environment()),
            None if shipped.is_file() => config::Settings::load(&shipped, config::environment()),
            None => config::Settings::parse("defaults", "", config::environment()),
        };
        settings.map_err(|faults| faults.report())
    }
}

/// The general-purpose allocator of the C library costs a call about 40 us more: messages, effects and actors are many small
/// blocks that are freed by other threads than made them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match CommandLine::parse().command {
        Command::Init(options) => init::run(&options),
        Command::Company(Ordered { order, door }) => admin::run(&door, &order),
        Command::Credit(Ordered { order, door }) => admin::run(&door, &order),
        Command::Payment(Ordered { order, door }) => admin::run(&door, &order),
        Command::Profile(Ordered { order, door }) => admin::run(&door, &order),
        Command::Registration(Ordered { order, door }) => admin::run(&door, &order),
        Command::Carrier(Ordered { order, door }) => admin::run(&door, &order),
        Command::Number(Ordered { order, door }) => admin::run(&door, &order),
        Command::Account(Ordered { order, door }) => admin::run(&door, &order),
        Command::Identity(Ordered { order, door }) => admin::run(&door, &order),
        Command::Deck(Ordered { order, door }) => admin::run(&door, &order),
        Command::Ban(Ordered { order, door }) => admin::run(&door, &order),
        Command::Breaker(Ordered { order, door }) => admin::run(&door, &order),
        Command::Call(Ordered { order, door }) => admin::run(&door, &order),
        Command::Calls(Ordered { order, door }) => admin::run(&door, &order),
        Command::Webhook(Ordered { order, door }) => admin::run(&door, &order),
        Command::Events { order, door } => admin::run(&door, &order),
        Command::Simulate { order, door } => admin::run(&door, &order),
        Command::Serve { config } => with_settings(&config, serve::run),
        Command::Demo(options) => demo::run(options),
        Command::CheckConfig { config } => with_settings(&config, check_config::run),
        Command::Healthcheck { config } => with_settings(&config, |settings| healthcheck::run(&settings)),
        Command::Ledger(LedgerCommand::Verify { config, month: None, json }) => {
            with_settings(&config, |settings| ledger_verify::run(&settings, json))
        }
        Command::Ledger(LedgerCommand::Verify { config, month: Some(month), json }) => {
            with_settings(&config, |settings| ledger_verify::run_month(&settings, month, json))
        }
        Command::Export { config, order } => with_settings(&config, |settings| export::run(&settings, order)),
        Command::Ledger(LedgerCommand::Trim { door }) => admin::run(&door, &admin::TrimOrder),
        Command::Ledger(LedgerCommand::Rebuild { config, json }) => {
            with_settings(&config, |settings| nodes::rebuild(&settings, json))
        }
        Command::Node(command) => nodes::run(command),
        Command::Metrics { json } => metrics(json),
    }
}

/// 2 is for settings that cannot be used, so that service managers tell them from a failure that passes.
const UNUSABLE_SETTINGS: u8 = 2;

fn with_settings(config: &ConfigFile, run: impl FnOnce(config::Settings) -> ExitCode) -> ExitCode {
    match config.load() {
        Ok(settings) => run(settings),
        Err(report) => {
            eprintln!("{report}");
            ExitCode::from(UNUSABLE_SETTINGS)
        }
    }
}

fn metrics(json: bool) -> ExitCode {
    if json {
        print_all(&telemetry::metrics_json());
    } else {
        let rows = telemetry::CATALOGUE.iter();
        print_all(&rows.map(|row| format!("{}\n    {}\n", row.name, row.help)).collect::<String>());
    }
    ExitCode::SUCCESS
}

/// Prints to standard output; a reader that has seen enough (`| head`) is no failure.
fn print_all(text: &str) {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.write_all(b"\n"));
}
