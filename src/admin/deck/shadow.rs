//! `tandem deck shadow`: a deck rated beside another one, without charging.
//!
//! What a call would have cost is the switch's to say.

use crate::admin::door::Door;
use crate::admin::show::{self, text};
use clap::Subcommand;
use serde_json::{Value, json};

/// Shadow tariffs: what another deck would have made of the same calls.
#[derive(Debug, Subcommand)]
pub(crate) enum ShadowCommand {
    /// From now on, calls of a deck are rated by this version too: deck_12. They are charged by their own deck alone.
    Set {
        /// The version. It need not be in force.
        id: String,
        /// The deck whose calls are rated by it too, by name.
        #[arg(long, default_value = "standard")]
        of: String,
    },
    /// From now on, this version is nobody's shadow.
    Clear {
        /// The version.
        id: String,
    },
    /// Lists every shadow that there ever was.
    List,
    /// Revenue and refusals of decks and of their shadows, side by side.
    Report {
        /// Of this deck alone, by name.
        #[arg(long)]
        of: Option<String>,
        /// Of calls that began then or later: 2026-12-01T00:00:00Z.
        #[arg(long, value_name = "INSTANT")]
        from: Option<String>,
        /// Of calls that began before then.
        #[arg(long, value_name = "INSTANT")]
        to: Option<String>,
        /// Put together by destination instead of by prefix.
        #[arg(long)]
        by_destination: bool,
        /// As CSV.
        #[arg(long)]
        csv: bool,
    },
}

/// What is shown of a row.
const COLUMNS: [(&str, &str); 12] = [
    ("deck", "/of"),
    ("shadow", "/shadow"),
    ("key", "/key"),
    ("destination", "/destination"),
    ("calls", "/calls"),
    ("revenue", "/live/revenue"),
    ("shadow's", "/shadowed/revenue"),
    ("difference", "/difference"),
    ("currency", "/currency"),
    ("refused", "/live/refused"),
    ("by shadow", "/shadowed/refused"),
    ("ended earlier", "/shadowed/exhausted"),
];

impl ShadowCommand {
    /// Does it.
    pub(super) fn run(&self, door: &Door) -> Result<(), String> {
        match self {
            ShadowCommand::Set { id, of } => {
                let set = door.put(&format!("/decks/{id}/shadow"), &json!({ "of": of }))?;
                show::answer(door, &set, |set| {
                    let [of, label, from] = ["/of", "/label", "/from"].map(|field| text(set, field));
                    vec![format!("calls of \"{of}\" are rated by \"{label}\" too, from {from} on")]
                });
            }
            ShadowCommand::Clear { id } => {
                door.delete(&format!("/decks/{id}/shadow"))?;
                show::answer(door, &json!({ "deck": id, "cleared": true }), |_| {
                    vec![format!("{id} is nobody's shadow any more")]
                });
            }
            ShadowCommand::List => {
                let all = door.get("/decks/shadows")?;
                let columns = [
                    ("of", "/of"),
                    ("shadow", "/label"),
                    ("from", "/from"),
                    ("ordered by", "/ordered_by"),
                    ("id", "/deck"),
                ];
                show::list(door, all.as_array().cloned().unwrap_or_default(), &columns);
            }
            ShadowCommand::Report { of, from, to, by_destination, csv } => {
                let by = by_destination.then(|| "destination".to_owned());
                let given = [("of", of), ("from", from), ("to", to), ("by", &by)];
                let asked =
                    given.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", word(value.as_ref()?))));
                let path = format!("/decks/shadows/report?{}", asked.collect::<Vec<_>>().join("&"));
                if *csv {
                    let (table, _) = door.download(&format!("{path}&format=csv"), "content-type")?;
                    crate::print_all(table.trim_end());
                    return Ok(());
                }
                let report = door.get(path.trim_end_matches('?'))?;
                if door.json {
                    show::answer(door, &report, |_| Vec::new());
                    return Ok(());
                }
                let rows = |name: &str| report.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
                show::list(door, rows("rows").into_iter().chain(rows("totals")).collect(), &COLUMNS);
            }
        }
        Ok(())
    }
}

/// A word of a query (RFC 3986 2.1).
fn word(text: &str) -> String {
    let escaped = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b':' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(escaped).collect()
}
