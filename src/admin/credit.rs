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
            "  {} paid calls, charged {} so far, {} a minute; at risk {} s, {}",
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
        lines.push(format!(
            "{} s left: {} with its profiles, {} {} at {} a minute",
            text(company, "/time_to_empty_s"),
            text(company, "/company"),
            text(company, "/balance"),
            text(company, "/currency"),
            text(company, "/per_minute")
        ));
    }
    for profile in all(house, "/soonest") {
        lines.push(format!(
            "{} s left: {} of {}, {} {} at {} a minute",
            text(profile, "/time_to_empty_s"),
            text(profile, "/profile"),
            text(profile, "/company"),
            text(profile, "/balance"),
            text(profile, "/currency"),
            text(profile, "/per_minute")
        ));
    }
    lines
}
