//! `tandem deck`: imported from CSV, listed.
//!
//! What a row means, and what is wrong with it, is the API's to say.

use super::door::Door;
use super::show::text;
use super::{Order, names, show};
use clap::Subcommand;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often the line on standard error moves while the switch stores.
const TICK: Duration = Duration::from_millis(100);

/// Rate decks: what calls cost.
#[derive(Debug, Subcommand)]
pub(crate) enum DeckCommand {
    /// Imports a CSV file as the next version of a deck, whole or not at all.
    Import {
        /// The file. Its first row names the columns: prefix, destination, rate_per_minute, and where wanted connection_fee,
        /// minimum_s, increment_s, rounding.
        file: PathBuf,
        /// What the deck is called.
        #[arg(long, default_value = "standard", conflicts_with = "carrier")]
        name: String,
        /// These are what this carrier asks for its calls, not what customers pay: a deck called "buy" and the carrier's name, put in
        /// force at once.
        #[arg(long, value_name = "NAME")]
        carrier: Option<String>,
        /// Of all its prices, as ISO 4217 has it.
        #[arg(long, default_value = "USD")]
        currency: String,
        /// Puts it in force: new calls are charged by it at once.
        #[arg(long, conflicts_with = "dry_run")]
        activate: bool,
        /// Says what is wrong with it, by line, and imports nothing.
        #[arg(long)]
        dry_run: bool,
    },
    /// Lists every version of every deck.
    List,
}

impl Order for DeckCommand {
    fn run(&self, door: &Door) -> Result<(), String> {
        match self {
            DeckCommand::Import { file, name, carrier, currency, activate, dry_run } => {
                let csv = read(file)?;
                let carrier = carrier.as_ref().map(|name| names::carrier(door, name)).transpose()?;
                let bought = carrier.as_ref().map(|carrier| format!("buy {}", text(carrier, "/name")));
                let name = bought.as_ref().unwrap_or(name);
                let activate = &(*activate || bought.is_some());
                let wanted = json!({ "name": name, "currency": currency, "csv": csv });
                if *dry_run {
                    let checked = send(door, "/decks/check", &wanted, "checking")?;
                    show::answer(door, &checked, |checked| {
                        vec![format!(
                            "{} is right: {} prices; nothing was imported",
                            file.display(),
                            text(checked, "/rows")
                        )]
                    });
                    return Ok(());
                }
                let mut deck = send(door, "/decks", &wanted, "storing")?;
                if *activate {
                    deck = door.post(&format!("/decks/{}/activate", text(&deck, "/id")), &json!({}))?;
                }
                if let Some(carrier) = &carrier {
                    let path = format!("/carriers/{}", text(carrier, "/id"));
                    door.patch(&path, &json!({ "terms": { "buy_deck": name } }))?;
                }
                show::answer(door, &deck, |deck| {
                    let state = if *activate { "in force" } else { "not in force yet (--activate)" };
                    let (rows, version) = (text(deck, "/rows"), text(deck, "/version"));
                    vec![format!("deck \"{name}\" version {version} {state}; prices: {rows}; {}", text(deck, "/id"))]
                });
            }
            DeckCommand::List => {
                let columns = [
                    ("name", "/name"),
                    ("version", "/version"),
                    ("currency", "/currency"),
                    ("prices", "/rows"),
                    ("in force", "/active"),
                    ("id", "/id"),
                ];
                show::list(door, door.list("/decks")?, &columns);
            }
        }
        Ok(())
    }
}

fn read(file: &Path) -> Result<String, String> {
    let bytes = std::fs::read(file).map_err(|error| format!("{} cannot be read: {error}", file.display()))?;
    String::from_utf8(bytes).map_err(|error| {
        let line =
            error.as_bytes()[..error.utf8_error().valid_up_to()].iter().filter(|&&byte| byte == b'\n').count() + 1;
        format!("{}:{line}: the text is not UTF-8 from here on: save the file as UTF-8", file.display())
    })
}

/// Sends the deck with a bar, and a moving line while the switch works. Nothing is drawn where standard error is no terminal.
fn send(door: &Door, path: &str, deck: &serde_json::Value, working: &'static str) -> Result<serde_json::Value, String> {
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{msg:9} {bar:40} {bytes}/{total_bytes}") {
        bar.set_style(style);
    }
    bar.set_message("sending");
    let answer = door.post_telling(path, deck, |sent, of| {
        bar.set_length(of as u64);
        bar.set_position(sent as u64);
        if sent == of {
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}, {elapsed}") {
                bar.set_style(style);
            }
            bar.set_message(working);
            bar.enable_steady_tick(TICK);
        }
    });
    bar.finish_and_clear();
    answer
}
