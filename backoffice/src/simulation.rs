//! What would become of a call: a hypothetical one is admitted dry by the machines that admit real ones.
//!
//! Rehearsing is `switch::rehearsal`'s; here a question becomes a hypothesis, and the verdict an answer for people.

use crate::caller::Caller;
use crate::credit_failure::LedgerAway;
use crate::doctor::{ShownRefusal, TraceStep, show_refusal, show_steps};
use crate::error::{Error, Result};
use crate::office::Office;
use crate::profile::Source;
use crate::text::Text;
use domain::call_control::{CallerId, Whereto};
use domain::credit::{Account, Holder, Unit};
use domain::media::{Direction, Format, MediaDescription, Stream, StreamKind};
use domain::srtp::{CryptoLine, MasterKey, Suite};
use domain::{CarrierId, E164, Entropy, Micros, ProfileId};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use switch::Call;
use switch::directory::Carrier;
use switch::rehearsal::{Hypothesis, Rehearsal, Verdict, Whom};
use utoipa::ToSchema;

/// Characters of a text at most.
const TEXT_CHARS_MAX: usize = 128;
/// Codecs at most.
const CODECS_MAX: usize = 16;
/// What is offered where nothing is said: what every PBX has.
const USUAL_CODECS: [&str; 2] = ["PCMA", "PCMU"];

/// How the sound of a hypothetical call is offered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OfferedSecurity {
    /// Plain RTP.
    #[default]
    None,
    /// Plain RTP, and SRTP with keys in SDP beside it.
    Optional,
    /// SRTP with keys in SDP only.
    Required,
}

/// A hypothetical call: by a profile, from an address, or by a carrier; exactly one of `profile`, `source` and `carrier`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Simulate {
    /// By this profile's PBX, with its password.
    #[schema(value_type = Option<String>)]
    pub profile: Option<Text<ProfileId>>,
    /// By whoever sends from there; for operators.
    pub source: Option<Source>,
    /// With `source`: the SIP user that From names, which also answers a challenge with its password.
    pub sip_user: Option<String>,
    /// To us, by this carrier; for operators.
    #[schema(value_type = Option<String>)]
    pub carrier: Option<Text<CarrierId>>,
    /// What is dialled, as the PBX or the carrier would send it.
    #[schema(example = "+12025550123")]
    pub to: String,
    /// The user in From; the SIP user where nothing is said.
    pub from_user: Option<String>,
    /// The caller ID that is asked for (P-Preferred-Identity).
    #[schema(example = "+12025550199")]
    pub caller_id: Option<String>,
    /// The codecs that are offered; G.711 where nothing is said, no session description where the list is empty.
    #[schema(example = json!(["PCMA", "G722"]))]
    pub codecs: Option<Vec<String>>,
    /// How the sound is secured; `none` where nothing is said.
    #[serde(default)]
    #[schema(required = false)]
    pub srtp: OfferedSecurity,
    /// Whether the call comes over TLS.
    #[serde(default)]
    #[schema(required = false)]
    pub tls: bool,
}

/// A carrier on the way of a hypothetical call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct SimulatedCarrier {
    /// Which.
    pub carrier: String,
    /// Its name.
    pub name: String,
    /// `first`, `next`, or why it is passed over: `skipped_down`, `skipped_channels` ... as in call records.
    pub state: String,
    /// In a sentence.
    pub why: String,
    /// What it asks for a minute; for operators, and null where that is not known.
    pub rate_per_minute: Option<String>,
}

/// What a hypothetical call would cost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct SimulatedPrice {
    /// What the deck calls it.
    pub destination: String,
    /// The version of the deck that is in force.
    #[schema(example = "standard 3")]
    pub deck: String,
    /// Of all amounts.
    pub currency: String,
    /// Price of a minute.
    pub rate_per_minute: String,
    /// Owed once by every answered call.
    pub connection_fee: String,
    /// Seconds charged at least.
    pub minimum_s: u32,
    /// Seconds charged at a time after that.
    pub increment_s: u32,
    /// What must be available before the call is placed.
    pub first_block: String,
    /// What the profile has available now.
    pub available: String,
    /// How many seconds that pays for, up to the longest permitted call; without auto-recharge.
    pub credit_lasts_s: u32,
}

/// What would become of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Simulated {
    /// `placed` (somebody would be invited), `echo` (answered with its own sound) or `refused`.
    #[schema(example = "placed")]
    pub verdict: String,
    /// What it would be refused with.
    pub refusal: Option<ShownRefusal>,
    /// Which profile would call or be called.
    pub profile: Option<String>,
    /// `outbound` or `inbound`; null where nobody is known.
    pub direction: Option<String>,
    /// The number that is meant.
    pub callee: Option<String>,
    /// The number that the called side would see; null for nobody's.
    pub caller_id: Option<String>,
    /// Where the called PBX would be called, of a call to a number of this switch.
    pub pbx: Option<String>,
    /// The carriers, in order.
    pub route: Vec<SimulatedCarrier>,
    /// What it would cost; null where that is nothing, or not known.
    pub price: Option<SimulatedPrice>,
    /// What it would do while the ledger cannot answer; null where it costs nothing.
    pub ledger_away: Option<LedgerAway>,
    /// Which rule saw what, in order.
    pub steps: Vec<TraceStep>,
    /// Of a call from one profile to another: which rule saw what at the called one; empty for who may not see it.
    pub called_steps: Vec<TraceStep>,
}

fn short(pointer: &str, text: Option<&String>) -> Result<()> {
    match text {
        Some(text) if text.chars().count() > TEXT_CHARS_MAX || text.chars().any(char::is_control) => {
            Err(Error::field(pointer, format!("expected at most {TEXT_CHARS_MAX} printable characters")))
        }
        _ => Ok(()),
    }
}

/// The payload format of a codec's name.
fn format_of(name: &str, dynamic: u8) -> Format {
    let upper = name.to_ascii_uppercase();
    let (payload_type, rtpmap) = match upper.as_str() {
        "PCMU" | "ULAW" => (0, "PCMU/8000".to_owned()),
        "PCMA" | "ALAW" => (8, "PCMA/8000".to_owned()),
        "G722" => (9, "G722/8000".to_owned()),
        "G729" => (18, "G729/8000".to_owned()),
        "OPUS" => (dynamic, "opus/48000/2".to_owned()),
        "TELEPHONE-EVENT" => (dynamic, "telephone-event/8000".to_owned()),
        _ => (dynamic, format!("{name}/8000")),
    };
    Format { payload_type, rtpmap: Some(rtpmap), fmtp: Vec::new() }
}

fn offer(codecs: &[String], srtp: OfferedSecurity) -> Option<MediaDescription> {
    if codecs.is_empty() {
        return None;
    }
    let key =
        || CryptoLine { tag: 1, key: MasterKey::mint(Suite::AesCm128HmacSha1_80, &mut Entropy::from_seed([0; 16])) };
    let (transport, crypto) = match srtp {
        OfferedSecurity::None => ("RTP/AVP", Vec::new()),
        OfferedSecurity::Optional => ("RTP/AVP", vec![key()]),
        OfferedSecurity::Required => ("RTP/SAVP", vec![key()]),
    };
    let formats = codecs.iter().zip(96..).map(|(name, dynamic)| format_of(name, dynamic)).collect();
    let sound = Stream {
        kind: StreamKind::Audio,
        transport: transport.to_owned(),
        // Where it comes from decides by which version of IP.
        receives_at: Some(SocketAddr::from(([0, 0, 0, 0], 4_000))),
        receives_rtcp_at: None,
        direction: Direction::SendRecv,
        formats,
        format_tokens: Vec::new(),
        ptime_ms: None,
        maxptime_ms: None,
        crypto,
        fax: Vec::new(),
    };
    Some(MediaDescription { streams: vec![sound] })
}

impl Office {
    /// The hypothesis of a question that this caller may ask. Blocks.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::NotFound`] (another's profile), [`Error::OperatorOnly`] (an address or a carrier).
    pub fn hypothesis(&self, caller: &Caller, asked: Simulate) -> Result<Hypothesis> {
        for (pointer, text) in [
            ("/to", Some(&asked.to)),
            ("/sip_user", asked.sip_user.as_ref()),
            ("/from_user", asked.from_user.as_ref()),
            ("/caller_id", asked.caller_id.as_ref()),
        ] {
            short(pointer, text)?;
        }
        let codecs = asked.codecs.unwrap_or_else(|| USUAL_CODECS.map(str::to_owned).to_vec());
        let is_token = |name: &String| {
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
            (1..=32).contains(&name.len()) && name.bytes().all(is_plain)
        };
        if codecs.len() > CODECS_MAX || !codecs.iter().all(is_token) {
            return Err(Error::field("/codecs", format!("expected at most {CODECS_MAX} names such as PCMA")));
        }
        let whom = match (asked.profile, asked.source, asked.carrier) {
            (Some(Text(profile)), None, None) => {
                self.profile_row(caller, profile)?;
                Whom::Profile(profile)
            }
            (None, Some(source), None) => {
                caller.operator("simulate calls from an address")?;
                Whom::Source(SocketAddr::new(source.address, source.port), asked.sip_user.clone())
            }
            (None, None, Some(Text(carrier))) => {
                caller.operator("simulate calls of carriers")?;
                self.store().carrier(carrier)?;
                Whom::Carrier(carrier)
            }
            _ => return Err(Error::field("/profile", "expected exactly one of profile, source and carrier")),
        };
        Ok(Hypothesis {
            whom,
            dialled: asked.to,
            from_user: asked.from_user,
            caller_id: asked.caller_id,
            offer: offer(&codecs, asked.srtp),
            is_signalling_secret: asked.tls,
        })
    }

    /// What would become of it: nothing is held, nobody is dialled, nothing is counted.
    pub async fn simulate(&self, caller: &Caller, hypothesis: Hypothesis) -> Simulated {
        let rehearsal = self.inner.switchboard.rehearse(hypothesis).await;
        let (verdict, refusal) = match rehearsal.verdict() {
            Some(Verdict::Placed(_)) => ("placed", None),
            Some(Verdict::Echoed) => ("echo", None),
            Some(Verdict::Refused { status, kind, sentence }) => {
                ("refused", Some(show_refusal(*kind, *status, Some(sentence))))
            }
            None => ("refused", None),
        };
        let record = rehearsal.call().map(Call::record);
        let ledger_away = match rehearsal.call().filter(|call| call.rate().is_some()) {
            Some(call) => self.ledger_away(call.record().profile).await,
            None => None,
        };
        let called = rehearsal.second().filter(|second| caller.sees(second.record().company));
        Simulated {
            verdict: verdict.to_owned(),
            refusal,
            profile: record.map(|record| record.profile.to_string()),
            direction: record.map(|record| record.direction.as_str().to_owned()),
            callee: record.and_then(|record| record.callee).map(|number| number.to_string()),
            caller_id: caller_id(&rehearsal),
            pbx: pbx(&rehearsal).filter(|_| rehearsal.second().is_none() || called.is_some()),
            route: route(&rehearsal, caller),
            ledger_away,
            price: rehearsal.call().and_then(|call| self.price(call)),
            steps: show_steps(rehearsal.trace()),
            called_steps: called.map(|second| show_steps(second.trace())).unwrap_or_default(),
        }
    }

    fn price(&self, call: &Call) -> Option<SimulatedPrice> {
        let (rate, record) = (call.rate()?, call.record());
        let tariff = &rate.tariff;
        let unit = Unit::Money(record.currency);
        let account = Account { company: record.company, holder: Holder::Profile(record.profile), unit };
        let available = Micros::new(self.balance(account).available());
        let directory = self.inner.switchboard.directory();
        let longest = u32::try_from(directory.settings().max_duration.as_secs()).unwrap_or(u32::MAX);
        Some(SimulatedPrice {
            destination: rate.destination.to_string(),
            deck: record.priced.as_ref().map(|priced| priced.deck.to_string()).unwrap_or_default(),
            currency: tariff.currency().to_string(),
            rate_per_minute: tariff.rate_per_minute().to_string(),
            connection_fee: tariff.connection_fee().to_string(),
            minimum_s: tariff.minimum_s(),
            increment_s: tariff.increment_s(),
            first_block: tariff.first_block().amount.to_string(),
            available: available.to_string(),
            credit_lasts_s: tariff.seconds_for(available).min(longest),
        })
    }
}

/// The number that the called side would see.
fn caller_id(rehearsal: &Rehearsal) -> Option<String> {
    match rehearsal.verdict()? {
        Verdict::Placed(invitation) => match invitation.caller_id {
            CallerId::Number(number) => Some(number.to_string()),
            CallerId::Anonymous => None,
        },
        Verdict::Echoed | Verdict::Refused { .. } => {
            rehearsal.call()?.record().caller_id.map(|number| number.to_string())
        }
    }
}

/// The PBX that would be invited.
fn pbx(rehearsal: &Rehearsal) -> Option<String> {
    match rehearsal.verdict()? {
        Verdict::Placed(invitation) => match &invitation.whereto {
            Whereto::Pbx(pbx) => Some(format!("{} at {}", pbx.contact, pbx.peer)),
            Whereto::Carrier(_) | Whereto::Inside => None,
        },
        Verdict::Echoed | Verdict::Refused { .. } => None,
    }
}

/// The carriers: those that were passed over, the one that would be invited, those that would follow.
fn route(rehearsal: &Rehearsal, caller: &Caller) -> Vec<SimulatedCarrier> {
    let Some(call) = rehearsal.call() else { return Vec::new() };
    let is_operator = caller.operator("see costs").is_ok();
    let record = call.record();
    let cost = |carrier: &Carrier, callee: Option<E164>| {
        let rate = carrier.cost(callee?, record.currency, record.invited_at).filter(|_| is_operator)?;
        Some(rate.tariff.rate_per_minute().to_string())
    };
    let tried = record.attempts.iter().filter_map(|attempt| {
        let named = attempt.carrier.as_ref()?;
        let (state, why) = match attempt.outcome {
            Some(outcome) => (outcome.as_str(), why(outcome)),
            None => ("first", "It would be invited first"),
        };
        let rate = attempt.cost.filter(|_| is_operator).map(|cost| cost.rate_per_minute.to_string());
        Some(SimulatedCarrier {
            carrier: named.carrier.to_string(),
            name: named.carrier_name.clone(),
            state: state.to_owned(),
            why: why.to_owned(),
            rate_per_minute: rate,
        })
    });
    let left = call.carriers_left().map(|carrier| {
        let order = match is_operator {
            true => format!("Where those before it fail: priority {}, weight {}", carrier.priority, carrier.weight),
            false => "Where those before it fail".to_owned(),
        };
        SimulatedCarrier {
            carrier: carrier.id.to_string(),
            name: carrier.name.to_string(),
            state: "next".to_owned(),
            why: order,
            rate_per_minute: cost(carrier, record.callee),
        }
    });
    tried.chain(left).collect()
}

/// Why a carrier is passed over, in a sentence.
const fn why(outcome: domain::call_record::AttemptOutcome) -> &'static str {
    use domain::call_record::AttemptOutcome;
    match outcome {
        AttemptOutcome::SkippedDown => "It is down: it failed several times in a row",
        AttemptOutcome::SkippedResting => "It asked to be left alone for a while (Retry-After)",
        AttemptOutcome::SkippedChannels => "Every channel of it is taken",
        AttemptOutcome::SkippedRate => "It takes no more calls in this second",
        AttemptOutcome::SkippedLoss => "It costs more than the call is sold for",
        AttemptOutcome::SkippedUnknown => "It does not say in time whether it may be called",
        AttemptOutcome::Unresolved => "Its name cannot be resolved",
        AttemptOutcome::Unreachable => "Nothing can be sent to its address",
        AttemptOutcome::NoMediaAddress => "It is reached by a version of IP that this node has no media address of",
        AttemptOutcome::Insecure => "It requires SRTP, and its keys would travel in the clear",
        AttemptOutcome::Answered
        | AttemptOutcome::Refused
        | AttemptOutcome::NoResponse
        | AttemptOutcome::NoProgress
        | AttemptOutcome::NoAnswer
        | AttemptOutcome::UnusableAnswer
        | AttemptOutcome::GivenUp => "It was tried",
    }
}
