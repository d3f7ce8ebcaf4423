//! `tandem node` and `tandem ledger rebuild`: the nodes that share a store and a Redis, looked at and put right from outside, with the files
//! themselves: no switch need run.
//!
//! What is done for a dead node is `serve::reaping`'s; how Redis is made anew is the ledger's.

use crate::serve::archive::StoreArchive;
use crate::serve::house::{StoreHouse, member_of};
use crate::serve::reaping::Reaper;
use crate::serve::settings;
use actors::clock::Clock;
use clap::Subcommand;
use config::Settings;
use ledger::redis::{House, is_dead, last_lease};
use serde_json::json;
use std::process::ExitCode;
use std::sync::Arc;
use store::{Node, Store};

/// What can be asked of the nodes.
#[derive(Subcommand)]
pub(crate) enum NodeCommand {
    /// Every node that ever was, and whether it runs.
    List {
        #[command(flatten)]
        config: crate::ConfigFile,
        /// Prints one JSON array.
        #[arg(long)]
        json: bool,
    },
    /// Closes the calls of a node that is dead, at what they had paid, and lets nobody start under its name again. Its journal stays
    /// part of the record: keep the file.
    Retire {
        /// Its name (`node.name`).
        name: String,
        #[command(flatten)]
        config: crate::ConfigFile,
        /// Prints what was done as one JSON object.
        #[arg(long)]
        json: bool,
    },
}

/// Does it. 0 where it was done.
pub(crate) fn run(command: NodeCommand) -> ExitCode {
    match command {
        NodeCommand::List { config, json } => crate::with_settings(&config, |settings| end(list(&settings, json))),
        NodeCommand::Retire { name, config, json } => {
            crate::with_settings(&config, |settings| end(retire(&settings, &name, json)))
        }
    }
}

fn end(done: Result<(), String>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("{fault}");
            ExitCode::FAILURE
        }
    }
}

fn open(settings: &Settings, clock: Clock) -> Result<Arc<Store>, String> {
    let path = settings.node.data_dir.join(store::FILE_NAME);
    if !path.is_file() {
        return Err(format!("{} is not there: no node has ever started with this node.data_dir", path.display()));
    }
    crate::serve::open_files(settings, clock).map(Arc::new).map_err(|error| error.to_string())
}

fn list(settings: &Settings, as_json: bool) -> Result<(), String> {
    let store = open(settings, Clock::start())?;
    let nodes = store.nodes().map_err(|error| error.to_string())?;
    let mut rows = Vec::new();
    for node in nodes {
        let member = member_of(node.clone());
        let state = match (node.retired, is_dead(&member)) {
            (Some(_), _) => "retired",
            (None, true) => "dead",
            (None, false) => "running",
        };
        let lease = last_lease(&member).map_err(|error| error.to_string())?;
        rows.push((node, state, lease));
    }
    if as_json {
        let rows: Vec<_> = rows
            .iter()
            .map(|(node, state, lease)| {
                json!({
                    "name": node.name,
                    "id": node.id,
                    "state": state,
                    "journal": node.journal,
                    "first_seen": node.first_seen.to_string(),
                    "retired": node.retired.map(|at| at.to_string()),
                    "leases_until": lease.map(|at| at.to_string()),
                })
            })
            .collect();
        crate::print_all(&json!(rows).to_string());
        return Ok(());
    }
    for (node, state, lease) in rows {
        let Node { name, journal, .. } = node;
        let calls = lease.map_or(String::new(), |until| format!(", holds until {until}"));
        crate::print_all(&format!("{name}: {state}, journal {}{calls}", journal.display()));
    }
    Ok(())
}

fn retire(settings: &Settings, name: &str, as_json: bool) -> Result<(), String> {
    let clock = Clock::start();
    let store = open(settings, clock)?;
    let nodes = store.nodes().map_err(|error| error.to_string())?;
    let names: Vec<&str> = nodes.iter().map(|node| node.name.as_str()).collect();
    let Some(node) = nodes.iter().find(|node| node.name == name) else {
        return Err(format!("there is no node {name}; there are {}", names.join(", ")));
    };
    let member = member_of(node.clone());
    if !is_dead(&member) {
        return Err(format!("node {name} runs (its journal {} is in use): stop it first", member.journal.display()));
    }
    if node.retired.is_some() {
        return Err(format!("node {name} is retired already"));
    }
    let redis = redis_settings(settings, &store, clock)?;
    let bindings = forget_bindings(&redis, &store, name, clock)?;
    let reaper = Reaper { store: Arc::clone(&store), redis, name: settings.node.name.clone(), clock };
    let reaped = reaper.reap(&member)?;
    store.retire_node(&node.id, clock.now().wall).map_err(|error| error.to_string())?;
    match as_json {
        true => crate::print_all(
            &json!({ "node": name, "calls_closed": reaped.calls, "records_written": reaped.records,
                "bindings_withdrawn": bindings })
            .to_string(),
        ),
        false => crate::print_all(&format!(
            "node {name} is retired: {} calls closed, {} records written, {bindings} registrations withdrawn; keep its journal {}",
            reaped.calls,
            reaped.records,
            member.journal.display()
        )),
    }
    Ok(())
}

/// Tells the nodes that live that nobody is registered at this one any more.
fn forget_bindings(redis: &ledger::redis::Settings, store: &Store, name: &str, clock: Clock) -> Result<usize, String> {
    let house = store.house().map_err(|error| error.to_string())?;
    let mut board = ledger::redis::Board::new(redis, house.clone(), house);
    actors::withdraw(&mut board, name, clock.now().wall)
}

/// `tandem ledger rebuild`.
pub(crate) fn rebuild(settings: &Settings, as_json: bool) -> ExitCode {
    let rebuilt = || -> Result<_, String> {
        ledger::redis::relay(&settings_of_house(settings)?).map_err(|error| error.to_string())
    };
    end(rebuilt().map(|relaid| match as_json {
        true => crate::print_all(&json!({ "nodes": relaid.nodes, "companies": relaid.companies }).to_string()),
        false => crate::print_all(&format!(
            "Redis has {} companies as the journals of {} say",
            relaid.companies,
            relaid.nodes.join(", ")
        )),
    }))
}

/// The ledger's settings, with the house of the store in the data directory.
pub(crate) fn settings_of_house(settings: &Settings) -> Result<ledger::redis::Settings, String> {
    let clock = Clock::start();
    redis_settings(settings, &open(settings, clock)?, clock)
}

fn redis_settings(settings: &Settings, store: &Arc<Store>, clock: Clock) -> Result<ledger::redis::Settings, String> {
    if settings.ledger.engine != config::LedgerEngine::Redis {
        return Err("ledger.engine is not \"redis\": only then do nodes share anything".to_owned());
    }
    let login = settings.redis_login().map_err(|faults| faults.report())?;
    let server = settings::of_redis(settings, &login).ok_or("ledger.url names no server")?;
    let mut journal = settings::of_journal(settings);
    journal.archive = Some(Arc::new(StoreArchive(Arc::clone(store))));
    let mut redis = ledger::redis::Settings::new(journal, server);
    let house = StoreHouse { store: Arc::clone(store), name: settings.node.name.clone(), clock };
    redis.house = Some(Arc::new(house) as Arc<dyn House>);
    Ok(redis)
}
