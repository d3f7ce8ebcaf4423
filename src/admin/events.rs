//! `tandem events`: what happens, line by line as it happens.
//!
//! Which events there are is the switch's to say.

use super::door::Door;
use super::show::text;
use super::{Order, names};
use clap::Args;
use serde_json::Value;
use std::io::Write;

/// Tells what happens as it happens: calls, charges, credit, registrations, carriers.
#[derive(Debug, Args)]
pub(crate) struct EventsCommand {
    /// Of these types only, with commas between: call.charged,call.ended.
    #[arg(long)]
    types: Option<String>,
    /// This company's, by name or identity.
    #[arg(long)]
    company: Option<String>,
    /// This profile's, by name or identity.
    #[arg(long)]
    profile: Option<String>,
    /// This call's; ends with the call.
    #[arg(long)]
    call: Option<String>,
    /// Goes on behind the event of this id.
    #[arg(long, value_name = "EVENT")]
    after: Option<String>,
    /// Ends after so many events.
    #[arg(long, value_name = "NUMBER")]
    count: Option<u64>,
}

impl EventsCommand {
    fn path(&self, door: &Door) -> Result<String, String> {
        let company = self.company.as_deref().map(|name| names::company(door, name)).transpose()?;
        let profile = self.profile.as_deref().map(|name| names::profile(door, name)).transpose()?;
        let asked =
            [("types", self.types.clone()), ("company", company), ("profile", profile), ("call", self.call.clone())];
        let asked: Vec<String> =
            asked.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", value?))).collect();
        Ok(if asked.is_empty() { "/events".to_owned() } else { format!("/events?{}", asked.join("&")) })
    }
}

/// An event in one line: when, what, about whom, and what else it says.
fn line(document: &Value) -> String {
    let known = ["call", "profile", "company"];
    let data = document.get("data").and_then(Value::as_object);
    let said = data.into_iter().flatten().filter(|(name, value)| !known.contains(&name.as_str()) && !value.is_null());
    let said: Vec<String> = said
        .map(|(name, value)| format!("{name}={}", value.as_str().map_or(value.to_string(), str::to_owned)))
        .collect();
    let [time, topic, subject] = ["/time", "/type", "/subject"].map(|place| text(document, place));
    format!("{time}  {topic}  {subject}  {}", said.join(" "))
}

impl Order for EventsCommand {
    fn run(&self, door: &Door) -> Result<(), String> {
        let path = self.path(door)?;
        let mut left = self.count.unwrap_or(u64::MAX);
        if left == 0 {
            return Ok(());
        }
        let mut out = std::io::stdout();
        door.events(&path, self.after.as_deref(), |event| {
            let document: Value = serde_json::from_str(&event.data).unwrap_or_default();
            if event.topic == "gap" {
                eprintln!("events are missing here: {}", text(&document, "/data/because"));
                return Ok(true);
            }
            let shown = if door.json { event.data.clone() } else { line(&document) };
            let written = writeln!(out, "{shown}").and_then(|()| out.flush());
            left -= 1;
            match written {
                // Who reads has had enough: `tandem events | head`.
                Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(false),
                written => written.map(|()| left > 0),
            }
        })
    }
}
