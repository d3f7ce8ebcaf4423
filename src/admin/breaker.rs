//! `tandem breaker`: those that are open, released or kept, and when the breaker of a company opens.
//!
//! What is far more than usual is the switch's to decide.

use super::door::Door;
use super::show::text;
use super::{Order, names, show};
use clap::Subcommand;
use serde_json::{Map, Value, json};

/// Breakers: where far more is spent than usual, new paid calls are refused until somebody has looked.
#[derive(Debug, Subcommand)]
pub(crate) enum BreakerCommand {
    /// Lists the breakers that are open.
    List,
    /// Closes a breaker: new paid calls are placed again.
    Release {
        /// The company's name or identity, or the currency for all companies together.
        whose: String,
    },
    /// Keeps a breaker open, and asks no more.
    Keep {
        /// The company's name or identity, or the currency for all companies together.
        whose: String,
    },
    /// Shows when the breaker of a company opens, and sets it.
    Limits(LimitsOptions),
}

/// When the breaker of a company is to open.
#[derive(Debug, clap::Args)]
pub(crate) struct LimitsOptions {
    /// The company's name or identity.
    company: String,
    /// More than this is spent in a minute: 20.00; off.
    #[arg(long, value_name = "AMOUNT")]
    per_minute: Option<String>,
    /// More than this in an hour: 200.00; off.
    #[arg(long, value_name = "AMOUNT")]
    per_hour: Option<String>,
    /// The last hour cost more than so many times the dearest hour of the last week: 2 to 1000; off.
    #[arg(long, value_name = "TIMES")]
    times_usual: Option<String>,
    /// Hours that cost less than this are never too dear by that measure: 100.00; off.
    #[arg(long, value_name = "AMOUNT")]
    usual_from: Option<String>,
    /// The limits of the settings again ([fraud]).
    #[arg(long, conflicts_with_all = ["per_minute", "per_hour", "times_usual", "usual_from"])]
    default: bool,
}

impl LimitsOptions {
    fn run(&self, door: &Door) -> Result<(), String> {
        let id = names::company(door, &self.company)?;
        let path = format!("/companies/{id}/breaker");
        if self.default {
            door.delete(&path)?;
        }
        let now = door.get(&path)?;
        let mut limits = now.pointer("/limits").and_then(Value::as_object).cloned().unwrap_or_default();
        let now = if self.change(&mut limits)? { door.put(&path, &Value::Object(limits))? } else { now };
        show::answer(door, &now, |now| shown(now, &self.company));
        Ok(())
    }

    fn change(&self, limits: &mut Map<String, Value>) -> Result<bool, String> {
        let amounts =
            [("per_minute", &self.per_minute), ("per_hour", &self.per_hour), ("usual_from", &self.usual_from)];
        let mut is_changed = false;
        for (limit, said) in amounts.into_iter().filter_map(|(limit, said)| Some((limit, said.as_ref()?))) {
            limits.insert(limit.to_owned(), if said == "off" { Value::Null } else { json!(said) });
            is_changed = true;
        }
        if let Some(said) = &self.times_usual {
            let times = match said.as_str() {
                "off" => Value::Null,
                times => {
                    let times: u16 =
                        times.parse().map_err(|_| format!("{times} is no number: expected 2 to 1000, or off"))?;
                    json!(times)
                }
            };
            limits.insert("times_usual".to_owned(), times);
            is_changed = true;
        }
        Ok(is_changed)
    }
}

fn shown(now: &Value, company: &str) -> Vec<String> {
    let whose = if now.pointer("/is_own") == Some(&Value::Bool(true)) {
        "its own limits"
    } else {
        "the limits of the settings"
    };
    let of = |limit: &str| {
        let path = format!("/limits/{limit}");
        let is_set = now.pointer(&path).is_some_and(|value| !value.is_null());
        if is_set { text(now, &path) } else { "off".to_owned() }
    };
    let state = match now.pointer("/open/because").and_then(Value::as_str) {
        Some(because) => format!("open: {because}"),
        None => "closed".to_owned(),
    };
    let currency = text(now, "/currency");
    vec![
        format!("\"{company}\" has {whose}; its breaker is {state}"),
        format!("  per_minute   {}", of("per_minute")),
        format!("  per_hour     {}", of("per_hour")),
        format!("  times_usual  {}", of("times_usual")),
        format!("  usual_from   {}", of("usual_from")),
        format!("  amounts are in {currency}"),
    ]
}

/// Whose breaker: a currency as it is, a company by its identity.
fn circuit(door: &Door, whose: &str) -> Result<String, String> {
    let is_currency = whose.len() == 3 && whose.bytes().all(|byte| byte.is_ascii_uppercase());
    if is_currency { Ok(whose.to_owned()) } else { names::company(door, whose) }
}

impl Order for BreakerCommand {
    fn run(&self, door: &Door) -> Result<(), String> {
        let (whose, order, done) = match self {
            BreakerCommand::List => {
                let columns = [
                    ("whose", "/circuit"),
                    ("company", "/company"),
                    ("since", "/opened_at"),
                    ("because", "/because"),
                    ("kept by", "/kept_by"),
                ];
                let open = door.get("/breakers")?;
                let rows = open.pointer("/items").and_then(Value::as_array).cloned().unwrap_or_default();
                show::list(door, rows, &columns);
                return Ok(());
            }
            BreakerCommand::Limits(options) => return options.run(door),
            BreakerCommand::Release { whose } => (whose, "release", "new paid calls are placed again"),
            BreakerCommand::Keep { whose } => (whose, "keep", "no new paid calls are placed until it is released"),
        };
        let circuit = circuit(door, whose)?;
        door.post(&format!("/breakers/{circuit}/{order}"), &json!({}))?;
        show::answer(door, &json!({ "circuit": circuit, "order": order }), |_| vec![format!("{whose}: {done}")]);
        Ok(())
    }
}
