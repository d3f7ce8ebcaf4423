//! `tandem deck`: versions imported from CSV, put in force now or later, listed, shown, compared.
//!
//! What a row means, and what is wrong with it, is the API's to say.

mod shadow;

use super::door::Door;
use super::show::text;
use super::{Order, names, show};
use clap::Subcommand;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use shadow::ShadowCommand;
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
        /// It comes into force by itself at this instant: 2026-12-01T00:00:00Z. Calls that are up then keep what they began with.
        #[arg(long, value_name = "INSTANT", conflicts_with_all = ["dry_run", "activate", "carrier"])]
        effective_from: Option<String>,
        /// Says what is wrong with it, by line, and imports nothing.
        #[arg(long)]
        dry_run: bool,
    },
    /// Lists every version of every deck.
    List,
    /// Shows a version with its prices: deck_12.
    Show {
        /// Which.
        id: String,
    },
    /// Shows what differs between two versions.
    Diff {
        /// The older side: deck_11.
        before: String,
        /// The newer side: deck_12.
        after: String,
    },
    /// Puts a version in force, at once or from an instant on.
    Activate {
        /// Which.
        id: String,
        /// From when on: 2026-12-01T00:00:00Z.
        #[arg(long, value_name = "INSTANT")]
        from: Option<String>,
    },
    /// Takes back that a version is to come into force.
    Withdraw {
        /// Which.
        id: String,
    },
    /// Another deck rates the same calls, without charging: what would it have made of them?
    #[command(subcommand)]
    Shadow(ShadowCommand),
}

impl Order for DeckCommand {
    fn run(&self, door: &Door) -> Result<(), String> {
        match self {
            DeckCommand::Import { file, name, carrier, currency, activate, effective_from, dry_run } => {
                let csv = read(file)?;
                let carrier = carrier.as_ref().map(|name| names::carrier(door, name)).transpose()?;
                let bought = carrier.as_ref().map(|carrier| format!("buy {}", text(carrier, "/name")));
                let name = bought.as_ref().unwrap_or(name);
                let activate = &(*activate || bought.is_some());
                let mut wanted = json!({ "name": name, "currency": currency, "csv": csv });
                if let Some(from) = effective_from {
                    wanted["effective_from"] = json!(from);
                }
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
                    let state = match (activate, effective_from) {
                        (true, _) => "in force".to_owned(),
                        (false, Some(_)) => format!("in force from {} on", text(deck, "/effective_from")),
                        (false, None) => "not in force yet (--activate)".to_owned(),
                    };
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
                    ("state", "/state"),
                    ("in force from", "/effective_from"),
                    ("imported by", "/imported_by"),
                    ("id", "/id"),
                ];
                show::list(door, door.list("/decks")?, &columns);
            }
            DeckCommand::Shadow(order) => order.run(door)?,
            DeckCommand::Show { id } => show_one(door, id)?,
            DeckCommand::Diff { before, after } => {
                let difference = door.get(&format!("/decks/{after}/diff?before={before}"))?;
                show::answer(door, &difference, difference_lines);
            }
            DeckCommand::Activate { id, from } => {
                let from = from.as_ref().map(|from| format!("?from={}", from.replace('+', "%2B"))).unwrap_or_default();
                let deck = door.post(&format!("/decks/{id}/activate{from}"), &json!({}))?;
                show::answer(door, &deck, |deck| vec![head(deck)]);
            }
            DeckCommand::Withdraw { id } => {
                let deck = door.post(&format!("/decks/{id}/withdraw"), &json!({}))?;
                show::answer(door, &deck, |deck| vec![head(deck)]);
            }
        }
        Ok(())
    }
}

/// A version in one line.
fn head(deck: &Value) -> String {
    let [name, version, currency, rows] = ["/name", "/version", "/currency", "/rows"].map(|field| text(deck, field));
    let [state, from, id] = ["/state", "/effective_from", "/id"].map(|field| text(deck, field));
    format!("deck \"{name}\" version {version} ({id}), {currency}, prices: {rows}; {state}, in force from {from}")
}

fn show_one(door: &Door, id: &str) -> Result<(), String> {
    let mut deck = door.get(&format!("/decks/{id}"))?;
    let prices = door.list(&format!("/decks/{id}/rows"))?;
    if door.json {
        deck["prices"] = Value::Array(prices);
        show::answer(door, &deck, |_| Vec::new());
        return Ok(());
    }
    let imported = format!("imported {} by {}", text(&deck, "/created_at"), text(&deck, "/imported_by"));
    crate::print_all(&format!("{}\n{imported}; content {}", head(&deck), text(&deck, "/content")));
    show::list(door, prices, &PRICE_COLUMNS);
    Ok(())
}

/// What is shown of a price.
const PRICE_COLUMNS: [(&str, &str); 8] = [
    ("prefix", "/prefix"),
    ("destination", "/destination"),
    ("a minute", "/rate_per_minute"),
    ("fee", "/connection_fee"),
    ("minimum s", "/minimum_s"),
    ("increment s", "/increment_s"),
    ("rounding", "/rounding"),
    ("scale", "/scale"),
];

fn price(row: &Value) -> String {
    let words = PRICE_COLUMNS.iter().skip(1).map(|(title, field)| format!("{title} {}", text(row, field)));
    format!("{}: {}", text(row, "/prefix"), words.collect::<Vec<_>>().join(", "))
}

fn difference_lines(difference: &Value) -> Vec<String> {
    let all = |field: &str| difference.pointer(field).and_then(Value::as_array).cloned().unwrap_or_default();
    let [added, removed, changed] = ["/counts/0", "/counts/1", "/counts/2"].map(|field| text(difference, field));
    let mut lines = vec![format!("{added} added, {removed} removed, {changed} changed")];
    lines.extend(all("/added").iter().map(|row| format!("+ {}", price(row))));
    lines.extend(all("/removed").iter().map(|row| format!("- {}", price(row))));
    for row in all("/changed") {
        lines.push(format!("- {}", price(&row["before"])));
        lines.push(format!("+ {}", price(&row["after"])));
    }
    lines
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
fn send(door: &Door, path: &str, deck: &Value, working: &'static str) -> Result<Value, String> {
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
