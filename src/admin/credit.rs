//! `tandem credit`: what everybody has, spends and risks.
//!
//! Moving credit is in `company` and `profile`.

use super::door::Door;
use super::show::text;
use super::{Order, show};
use clap::Subcommand;
use serde_json::Value;

/// The credit of the whole house.
#[derive(Debug, Subcommand)]
pub(crate) enum CreditCommand {
    /// What everybody has, what calls spend and risk, and who will have spent it first.
    Status,
}

impl Order for CreditCommand {
    fn run(&self, door: &Door) -> Result<(), String> {
        match self {
            CreditCommand::Status => show::answer(door, &door.get("/credit")?, told),
        }
        Ok(())
    }
}

fn all<'a>(of: &'a Value, pointer: &str) -> &'a [Value] {
    of.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn told(house: &Value) -> Vec<String> {
    let up = if text(house, "/ledger_up") == "yes" { "answers" } else { "does not answer" };
    let mut lines =
        vec![format!("the ledger {up}; batches that wait for the disk: {}", text(house, "/queued_batches"))];
    for of in all(house, "/currencies") {
        let money = |pointer: &str| format!("{} {}", text(of, pointer), text(of, "/currency"));
        lines.push(format!(
            "{}: companies {}, profiles {}, held {}",
            text(of, "/currency"),
            money("/companies"),
            money("/profiles"),
            money("/held")
        ));
        lines.push(format!(
            "  paid calls: {}, charged {} so far, {} a minute; at risk {} s, {}",
            text(of, "/paid_calls"),
            money("/spent"),
            money("/per_minute"),
            text(of, "/seconds_at_risk"),
            money("/at_risk")
        ));
        let (below, overdraft, imbalance) = (text(of, "/below_zero"), money("/overdraft"), money("/imbalance"));
        lines.push(format!("  overdraft {overdraft} on {below} accounts, imbalance {imbalance}"));
    }
    for company in all(house, "/soonest_companies") {
        lines.push(format!("{} with its profiles: {}", named(company, "/company"), emptying(company)));
    }
    for profile in all(house, "/soonest") {
        let (profile_name, company) = (named(profile, "/profile"), named(profile, "/company"));
        lines.push(format!("{profile_name} of {company}: {}", emptying(profile)));
    }
    lines
}

/// What somebody is called, or its identity where it is gone.
fn named(of: &Value, pointer: &str) -> String {
    match of.pointer(&format!("{pointer}_name")).and_then(Value::as_str) {
        Some(name) => format!("\"{name}\""),
        None => text(of, pointer),
    }
}

fn emptying(of: &Value) -> String {
    let left = of.pointer("/time_to_empty_s").and_then(Value::as_u64).unwrap_or_default();
    let (balance, currency, per_minute) = (text(of, "/balance"), text(of, "/currency"), text(of, "/per_minute"));
    format!("{balance} {currency} last {} at {per_minute} a minute", show::lasting(left))
}
