//! Auto-recharge on the command line: of profiles (K6 to K8), and what it may take from companies (K10).
//!
//! What is recommended, and what is refused, is the API's to say.

use super::door::Door;
use super::show::text;
use super::{names, show};
use serde_json::{Map, Value, json};

/// How a profile is to be recharged.
#[derive(Debug, clap::Args)]
pub(crate) struct ProfileRechargeOptions {
    /// The profile's name, SIP user or identity.
    profile: String,
    /// Recharges it with this much from the company; what is recommended where only --below is given.
    #[arg(long, value_name = "AMOUNT")]
    amount: Option<String>,
    /// When it has this much or less; what is recommended where only --amount is given.
    #[arg(long, value_name = "AMOUNT")]
    below: Option<String>,
    /// That less than what is recommended is meant so.
    #[arg(long)]
    acknowledge: bool,
    /// Puts it back to what is recommended; switches it on where neither amount is given.
    #[arg(long, conflicts_with_all = ["amount", "below", "acknowledge", "off"])]
    recommended: bool,
    /// Switches it off.
    #[arg(long, conflicts_with_all = ["amount", "below", "acknowledge"])]
    off: bool,
}

impl ProfileRechargeOptions {
    /// Sets it where something is said, and shows it.
    pub(super) fn run(&self, door: &Door) -> Result<(), String> {
        let id = names::profile(door, &self.profile)?;
        let path = format!("/profiles/{id}/auto-recharge");
        let mut wanted = Map::new();
        let amounts = [("amount", &self.amount), ("threshold", &self.below)];
        wanted.extend(amounts.into_iter().filter_map(|(key, value)| Some((key.to_owned(), json!(value.as_ref()?)))));
        wanted.insert("enabled".to_owned(), json!(!self.off));
        wanted.insert("acknowledge".to_owned(), json!(self.acknowledge));
        let is_asked = self.amount.is_none() && self.below.is_none() && !self.off && !self.recommended;
        let now = if is_asked { door.get(&path)? } else { door.put(&path, &Value::Object(wanted))? };
        show::answer(door, &now, |now| {
            let currency = text(now, "/currency");
            let line = match text(now, "/enabled").as_str() {
                "yes" => {
                    let (amount, below) = (text(now, "/amount"), text(now, "/threshold"));
                    format!(
                        "\"{}\" gets {amount} {currency} from its company at {below} {currency} or less",
                        self.profile
                    )
                }
                _ => format!("\"{}\" is not recharged by itself", self.profile),
            };
            let (amount, below) = (text(now, "/recommended/amount"), text(now, "/recommended/threshold"));
            vec![line, format!("  recommended: {amount} {currency} at {below} {currency} or less")]
        });
        Ok(())
    }
}

/// What recharges of profiles may take from one company, or from each.
pub(super) fn liabilities(door: &Door, company: Option<&str>) -> Result<(), String> {
    let ids = match company {
        Some(company) => vec![names::company(door, company)?],
        None => door.list("/companies")?.iter().map(|company| text(company, "/id")).collect(),
    };
    let rows: Result<Vec<Value>, String> =
        ids.iter().map(|id| door.get(&format!("/companies/{id}/recharge-liabilities"))).collect();
    let columns = [
        ("company", "/company"),
        ("profiles", "/profiles"),
        ("liabilities", "/liabilities"),
        ("available", "/available"),
        ("currency", "/currency"),
        ("covered", "/covered"),
    ];
    show::list(door, rows?, &columns);
    Ok(())
}
