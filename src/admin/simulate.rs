//! `tandem simulate`: what would become of a call, asked of a running switch. No call is made.
//!
//! Who decides, and what is decided, is the switch's.

use super::door::Door;
use super::show::text;
use super::{Order, names, show};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use std::net::SocketAddr;

/// A call that is not made.
#[derive(Debug, Args)]
pub(crate) struct SimulateCommand {
    /// What is dialled, as the PBX or the carrier would send it.
    to: String,
    /// By this profile's PBX: its name, SIP user or identity; needed where there is more than one.
    #[arg(long, conflicts_with_all = ["source", "carrier"])]
    profile: Option<String>,
    /// By whoever sends from there.
    #[arg(long, value_name = "IP:PORT", conflicts_with = "carrier")]
    source: Option<SocketAddr>,
    /// With --source: the SIP user that From names.
    #[arg(long, requires = "source")]
    sip_user: Option<String>,
    /// To us, by this carrier: its name or identity.
    #[arg(long)]
    carrier: Option<String>,
    /// The user in From; the SIP user where nothing is said.
    #[arg(long, value_name = "USER")]
    from: Option<String>,
    /// The caller ID that is asked for.
    #[arg(long, value_name = "+NUMBER")]
    caller_id: Option<String>,
    /// A codec that is offered; may be given more than once. G.711 where none is.
    #[arg(long, value_name = "NAME")]
    codec: Vec<String>,
    /// How the sound is secured.
    #[arg(long, value_enum, default_value_t)]
    srtp: Srtp,
    /// The call comes over TLS.
    #[arg(long)]
    tls: bool,
}

/// How the sound of a call is offered, in the words of the API.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Srtp {
    /// Plain RTP.
    #[default]
    None,
    /// Both.
    Optional,
    /// SRTP only.
    Required,
}

impl Srtp {
    const fn as_str(self) -> &'static str {
        match self {
            Srtp::None => "none",
            Srtp::Optional => "optional",
            Srtp::Required => "required",
        }
    }
}

impl Order for SimulateCommand {
    fn run(&self, door: &Door) -> Result<(), String> {
        let profile = match (&self.profile, self.source, &self.carrier) {
            (Some(profile), ..) => Some(names::profile(door, profile)?),
            (None, None, None) => Some(only_profile(door)?),
            _ => None,
        };
        let carrier = self.carrier.as_ref().map(|name| names::carrier(door, name)).transpose()?;
        let wanted = json!({
            "to": self.to,
            "profile": profile,
            "source": self.source.map(|from| json!({ "address": from.ip().to_string(), "port": from.port() })),
            "sip_user": self.sip_user,
            "carrier": carrier.map(|carrier| text(&carrier, "/id")),
            "from_user": self.from,
            "caller_id": self.caller_id,
            "codecs": (!self.codec.is_empty()).then_some(&self.codec),
            "srtp": self.srtp.as_str(),
            "tls": self.tls,
        });
        show::answer(door, &door.post("/simulate", &wanted)?, |answer| told(&self.to, answer));
        Ok(())
    }
}

fn only_profile(door: &Door) -> Result<String, String> {
    match &door.list("/profiles")?[..] {
        [one] => Ok(text(one, "/id")),
        [] => Err("there is no profile yet: make one with `tandem profile add`".to_owned()),
        _ => Err("there is more than one profile: say whose PBX would call, with --profile".to_owned()),
    }
}

/// What an admin reads in a minute: the verdict, what to do, what it costs, which way it goes, and which rule saw what.
fn told(to: &str, answer: &Value) -> Vec<String> {
    let mut lines = verdict(to, answer);
    let field = |name: &str, value: String| format!("  {name:<12}{value}");
    if answer.get("caller_id").is_some_and(Value::is_string) {
        lines.push(field("caller ID", text(answer, "/caller_id")));
    }
    if let Some(price) = answer.get("price").filter(|price| price.is_object()) {
        let (rate, currency) = (text(price, "/rate_per_minute"), text(price, "/currency"));
        let (fee, first) = (text(price, "/connection_fee"), text(price, "/first_block"));
        let block = format!("{}/{} s", text(price, "/minimum_s"), text(price, "/increment_s"));
        let destination = text(price, "/destination");
        lines.push(field("price", format!("{rate} {currency} a minute ({destination}), fee {fee}, {block}")));
        let lasts = price.get("credit_lasts_s").and_then(Value::as_u64).unwrap_or(0);
        let available = text(price, "/available");
        let lasting = format!("{available} {currency} lasts {}; first block {first}", show::lasting(lasts));
        lines.push(field("credit", lasting));
    }
    if answer.pointer("/ledger_away/sentence").is_some_and(Value::is_string) {
        lines.push(field("ledger away", text(answer, "/ledger_away/sentence")));
    }
    if answer.get("pbx").is_some_and(Value::is_string) {
        lines.push(field("PBX", text(answer, "/pbx")));
    }
    for (index, carrier) in rows(answer, "route").iter().enumerate() {
        let name = if index == 0 { "route" } else { "" };
        lines.push(field(name, format!("{}. {}: {}", index + 1, text(carrier, "/name"), text(carrier, "/why"))));
    }
    lines.push(String::new());
    lines.extend(rows(answer, "steps").iter().map(step));
    let called = rows(answer, "called_steps");
    if !called.is_empty() {
        lines.push("  at the called profile:".to_owned());
        lines.extend(called.iter().map(step));
    }
    lines
}

fn verdict(to: &str, answer: &Value) -> Vec<String> {
    match answer.get("verdict").and_then(Value::as_str) {
        Some("placed") => vec![format!("{to} would be placed")],
        Some("echo") => vec![format!("{to} is the echo test: it would be answered, free")],
        _ => vec![
            format!(
                "{to} would be refused: {} {} ({})",
                text(answer, "/refusal/status"),
                text(answer, "/refusal/phrase"),
                text(answer, "/refusal/id")
            ),
            format!("  {:<12}{}", "because", text(answer, "/refusal/sentence")),
            format!("  {:<12}{}", "do this", text(answer, "/refusal/remedy")),
        ],
    }
}

fn rows<'a>(answer: &'a Value, name: &str) -> &'a [Value] {
    answer.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// One rule in a line.
fn step(step: &Value) -> String {
    let mark = match step.get("verdict").and_then(Value::as_str) {
        Some("passed") => "ok  ",
        Some("failed") => "FAIL",
        Some("warned") => "WARN",
        _ => "-   ",
    };
    let mut line = format!("  {mark}  {:<22}", text(step, "/rule"));
    for (name, pointer) in [("saw", "/seen"), ("wanted", "/wanted")] {
        if step.pointer(pointer).is_some_and(Value::is_string) {
            line += &format!("{name} {}  ", text(step, pointer));
        }
    }
    line.trim_end().to_owned()
}
