//! Rules against fraud on the command line: of profiles, and their release.
//!
//! Breakers are in `breaker`; what is suspicious is the switch's to decide.

use super::door::Door;
use super::show::text;
use super::{names, show};
use serde_json::{Map, Value, json};

/// How a profile is to be guarded.
#[derive(Debug, clap::Args)]
pub(crate) struct ProfileFraudOptions {
    /// The profile's name, SIP user or identity.
    profile: String,
    /// What it may spend in a day, and what follows: 20.00, 20.00:alert, 20.00:suspend; off. As all of these, refused where nothing is said.
    #[arg(long, value_name = "AMOUNT[:ACTION]")]
    daily_cap: Option<String>,
    /// What it may spend in a minute.
    #[arg(long, value_name = "AMOUNT[:ACTION]")]
    spend_per_minute: Option<String>,
    /// The dearest destinations a minute.
    #[arg(long, value_name = "AMOUNT[:ACTION]")]
    dear_rate: Option<String>,
    /// The dearest call.
    #[arg(long, value_name = "AMOUNT[:ACTION]")]
    dear_call: Option<String>,
    /// Countries that it has not called for so many days.
    #[arg(long, value_name = "DAYS[:ACTION]")]
    new_destination: Option<String>,
    /// Networks that it was not used from for so many days.
    #[arg(long, value_name = "DAYS[:ACTION]")]
    ip_change: Option<String>,
}

/// A limit and what follows, as the API has them: `20.00:alert`.
fn limited(said: &str) -> (&str, &str) {
    said.split_once(':').unwrap_or((said, "refuse"))
}

impl ProfileFraudOptions {
    /// Changes the rules that are named, and shows how the profile stands.
    pub(super) fn run(&self, door: &Door) -> Result<(), String> {
        let id = names::profile(door, &self.profile)?;
        let path = format!("/profiles/{id}/fraud");
        let now = door.get(&path)?;
        let mut rules = now.pointer("/rules").and_then(Value::as_object).cloned().unwrap_or_default();
        let is_changed = self.change(&mut rules)?;
        let now = if is_changed { door.put(&path, &Value::Object(rules))? } else { now };
        show::answer(door, &now, |now| shown(now, &self.profile));
        Ok(())
    }

    fn change(&self, rules: &mut Map<String, Value>) -> Result<bool, String> {
        let mut is_changed = false;
        let amounts = [("daily_cap", &self.daily_cap), ("spend_per_minute", &self.spend_per_minute)];
        for (rule, said) in amounts.into_iter().filter_map(|(rule, said)| Some((rule, said.as_ref()?))) {
            let (amount, action) = limited(said);
            let wanted = if said == "off" { Value::Null } else { json!({ "amount": amount, "action": action }) };
            rules.insert(rule.to_owned(), wanted);
            is_changed = true;
        }
        for (part, said) in [("rate", &self.dear_rate), ("call", &self.dear_call)] {
            let Some(said) = said else { continue };
            let mut dear = rules.get("high_cost").and_then(Value::as_object).cloned().unwrap_or_default();
            let (amount, action) = limited(said);
            if said == "off" {
                dear.insert(part.to_owned(), Value::Null);
            } else {
                dear.insert(part.to_owned(), json!(amount));
                dear.insert("action".to_owned(), json!(action));
            }
            let is_off = ["rate", "call"].iter().all(|part| dear.get(*part).is_none_or(Value::is_null));
            rules.insert("high_cost".to_owned(), if is_off { Value::Null } else { Value::Object(dear) });
            is_changed = true;
        }
        let days = [("new_destination", &self.new_destination), ("ip_change", &self.ip_change)];
        for (rule, said) in days.into_iter().filter_map(|(rule, said)| Some((rule, said.as_ref()?))) {
            let (days, action) = limited(said);
            let wanted = if said == "off" {
                Value::Null
            } else {
                let days: u16 = days.parse().map_err(|_| format!("{days} is no number of days: expected 1 to 366"))?;
                json!({ "days": days, "action": action })
            };
            rules.insert(rule.to_owned(), wanted);
            is_changed = true;
        }
        Ok(is_changed)
    }
}

fn shown(now: &Value, profile: &str) -> Vec<String> {
    let currency = text(now, "/currency");
    let mut lines = vec![match now.pointer("/suspension/because").and_then(Value::as_str) {
        Some(because) => {
            let rule = text(now, "/suspension/rule");
            format!("\"{profile}\" was stopped by {rule}: {because}; `tandem profile release` ends that")
        }
        None => format!("\"{profile}\" may call"),
    }];
    let of = |path: &str| now.pointer(path).filter(|value| !value.is_null()).map(|_| text(now, path));
    let action = |rule: &str| text(now, &format!("/rules/{rule}/action"));
    let (spent, held) = (text(now, "/spent_today"), text(now, "/held"));
    lines.extend(of("/rules/daily_cap/amount").map(|most| {
        format!("  daily_cap         {most} {currency}: {}; {spent} spent, {held} held", action("daily_cap"))
    }));
    lines.extend(of("/rules/spend_per_minute/amount").map(|most| {
        let minute = text(now, "/last_minute");
        format!("  spend_per_minute  {most} {currency}: {}; {minute} spent", action("spend_per_minute"))
    }));
    for (part, what) in [("rate", "a minute"), ("call", "a call")] {
        lines.extend(
            of(&format!("/rules/high_cost/{part}"))
                .map(|most| format!("  high_cost         {most} {currency} {what}: {}", action("high_cost"))),
        );
    }
    for rule in ["new_destination", "ip_change"] {
        lines.extend(
            of(&format!("/rules/{rule}/days")).map(|days| format!("  {rule:<17} {days} days: {}", action(rule))),
        );
    }
    lines.extend(of("/released_at").map(|at| format!("  released {at} by {}", text(now, "/released_by"))));
    lines
}

/// Lets a profile call again.
pub(super) fn release(door: &Door, profile: &str) -> Result<(), String> {
    let id = names::profile(door, profile)?;
    let released = door.post(&format!("/profiles/{id}/release"), &json!({}))?;
    show::answer(door, &released, |now| shown(now, profile));
    Ok(())
}
