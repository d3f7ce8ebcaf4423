//! `tandem webhook`: made, listed, shown, tried, replayed, switched on and off, removed.
//!
//! What is delivered when is the switch's to decide.

use super::door::Door;
use super::show::text;
use super::{Order, names, show};
use clap::Subcommand;
use serde_json::{Value, json};

/// Webhooks: whom events are delivered to.
#[derive(Debug, Subcommand)]
pub(crate) enum WebhookCommand {
    /// Makes a webhook; its secret is shown once.
    Create {
        /// Where to: https://...
        url: String,
        /// Which events, with commas between: call.ended,profile.low_credit.
        #[arg(long)]
        types: String,
        /// Whose events, by name or identity; everybody's and the house's where nothing is said.
        #[arg(long)]
        company: Option<String>,
    },
    /// Lists webhooks.
    List,
    /// Shows a webhook and the last of its deliveries.
    Show {
        /// The webhook's identity.
        webhook: String,
    },
    /// Delivers an event webhook.test.
    Test {
        /// The webhook's identity.
        webhook: String,
    },
    /// Gives it another secret, shown once; for a day the one before signs too.
    Rotate {
        /// The webhook's identity.
        webhook: String,
    },
    /// Delivers again what has ended.
    Replay {
        /// The webhook's identity.
        webhook: String,
        /// This delivery.
        #[arg(long, required_unless_present = "from")]
        delivery: Option<String>,
        /// Every one from this instant on (RFC 3339).
        #[arg(long, conflicts_with = "delivery")]
        from: Option<String>,
    },
    /// Switches it on (again).
    Enable {
        /// The webhook's identity.
        webhook: String,
    },
    /// Switches it off; what waits goes on waiting.
    Disable {
        /// The webhook's identity.
        webhook: String,
    },
    /// Removes it, with everything that waits for it and its log.
    Delete {
        /// The webhook's identity.
        webhook: String,
    },
}

fn told(webhook: &Value) -> Vec<String> {
    let [id, url, enabled, because] = ["/id", "/url", "/enabled", "/because"].map(|place| text(webhook, place));
    let types = webhook.get("types").and_then(Value::as_array).into_iter().flatten();
    let types: Vec<&str> = types.filter_map(Value::as_str).collect();
    let state = if enabled == "yes" { "on".to_owned() } else { format!("off {because}") };
    let secret = webhook.get("secret").and_then(Value::as_str);
    let secret = secret.map(|secret| format!("  signed with {secret} (shown only now)"));
    let lines = [format!("{id}: {url}, {}", state.trim()), format!("  {}", types.join(", "))];
    lines.into_iter().chain(secret).collect()
}

impl Order for WebhookCommand {
    fn run(&self, door: &Door) -> Result<(), String> {
        match self {
            WebhookCommand::Create { url, types, company } => {
                let company = company.as_deref().map(|name| names::company(door, name)).transpose()?;
                let types: Vec<&str> = types.split(',').map(str::trim).collect();
                let made = door.post("/webhooks", &json!({ "url": url, "types": types, "company": company }))?;
                show::answer(door, &made, told);
            }
            WebhookCommand::List => {
                let columns = [
                    ("id", "/id"),
                    ("enabled", "/enabled"),
                    ("url", "/url"),
                    ("company", "/company"),
                    ("failing since", "/failing_since"),
                    ("because", "/because"),
                ];
                show::list(door, door.list("/webhooks")?, &columns);
            }
            WebhookCommand::Show { webhook } => {
                let mut now = door.get(&format!("/webhooks/{webhook}"))?;
                let log = door.get(&format!("/webhooks/{webhook}/deliveries?limit=20"))?;
                now["deliveries"] = log["items"].clone();
                show::answer(door, &now, |now| {
                    let log = now["deliveries"].as_array().into_iter().flatten();
                    let line = |one: &Value| {
                        let [id, topic, state, attempts, because] =
                            ["/id", "/type", "/state", "/attempts", "/because"].map(|place| text(one, place));
                        format!("  {id}  {topic}  {state}  attempts {attempts}  {because}").trim_end().to_owned()
                    };
                    told(now).into_iter().chain(log.map(line)).collect()
                });
            }
            WebhookCommand::Test { webhook } => {
                let sent = door.post(&format!("/webhooks/{webhook}/test"), &json!({}))?;
                show::answer(door, &sent, |sent| {
                    let delivery = text(sent, "/id");
                    vec![format!("{delivery} is on its way: `tandem webhook show {webhook}` says what became of it")]
                });
            }
            WebhookCommand::Rotate { webhook } => {
                show::answer(door, &door.post(&format!("/webhooks/{webhook}/rotate-secret"), &json!({}))?, told);
            }
            WebhookCommand::Replay { webhook, delivery, from } => {
                let wanted = json!({ "delivery": delivery, "from": from });
                let replayed = door.post(&format!("/webhooks/{webhook}/replay"), &wanted)?;
                show::answer(door, &replayed, |now| vec![format!("{} delivered again", text(now, "/deliveries"))]);
            }
            WebhookCommand::Enable { webhook } => switch(door, webhook, true)?,
            WebhookCommand::Disable { webhook } => switch(door, webhook, false)?,
            WebhookCommand::Delete { webhook } => {
                door.delete(&format!("/webhooks/{webhook}"))?;
                show::answer(door, &json!({ "id": webhook }), |_| vec![format!("{webhook} is removed")]);
            }
        }
        Ok(())
    }
}

fn switch(door: &Door, webhook: &str, on: bool) -> Result<(), String> {
    let now = door.patch(&format!("/webhooks/{webhook}"), &json!({ "enabled": on }))?;
    show::answer(door, &now, told);
    Ok(())
}
