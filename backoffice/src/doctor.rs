//! Why a call or a registration was refused: traces of calls, and what was tried lately.
//!
//! What would become of a call is `simulation`'s; deciding, `switch`'s. No secret is in a trace.

use crate::call::CallState;
use crate::caller::Caller;
use crate::error::Result;
use crate::office::Office;
use crate::page::Page;
use domain::refusal::RefusalKind;
use domain::trace::{self, Rule, Told};
use domain::{CallId, ProfileId, Trace};
use serde::Serialize;
use switch::attempts::{self, Tried};
use utoipa::ToSchema;

/// One rule, as it was applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct TraceStep {
    /// Which rule; stable.
    #[schema(example = "from_user")]
    pub rule: String,
    /// The rule in a sentence.
    #[schema(example = "The user in From is the SIP user of the profile")]
    pub what: String,
    /// `passed`, `failed` (here it was decided; of `in_dialog` one request alone), `skipped` (passed over) or `warned` (the call goes on).
    #[schema(example = "failed")]
    pub verdict: String,
    /// What the rule saw; null where there is nothing to say.
    #[schema(example = "101")]
    pub seen: Option<String>,
    /// What it wanted; null likewise.
    #[schema(example = "99050000040027")]
    pub wanted: Option<String>,
    /// The id of the refusal, of a rule that failed.
    #[schema(example = "from_mismatch")]
    pub refusal: Option<String>,
}

/// A refusal, as the SIP answer had it, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ShownRefusal {
    /// Stable; the first word of the SIP Warning.
    #[schema(example = "from_mismatch")]
    pub id: String,
    /// The SIP status.
    #[schema(example = 403)]
    pub status: u16,
    /// The SIP reason phrase.
    #[schema(example = "Forbidden")]
    pub phrase: String,
    /// What was wrong.
    pub sentence: String,
    /// What to do about it, in a PBX admin's words.
    pub remedy: String,
}

/// Which rule saw what of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct CallTrace {
    /// Which call.
    pub call: String,
    /// Whether it is up.
    pub state: CallState,
    /// What it was refused with; null where it was answered or is up.
    pub refusal: Option<ShownRefusal>,
    /// In order; empty of calls that died with the switch, and of those from before traces were kept.
    pub steps: Vec<TraceStep>,
}

/// A registration or a call that was tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Attempt {
    /// When it came last; RFC 3339.
    pub at: String,
    /// How often the very same came one after the other.
    pub times: u32,
    /// `registration` or `call`.
    pub kind: String,
    /// `outbound` (from the PBX) or `inbound` (to it); null of a registration.
    pub direction: Option<String>,
    /// `accepted` or `refused`.
    pub outcome: String,
    /// Address and port that it came from.
    #[schema(example = "192.0.2.7:5060")]
    pub source: String,
    /// `udp`, `tcp`, `tls`, `ws`, `wss`.
    pub transport: String,
    /// The user that it names.
    pub user: String,
    /// What was dialled; null of a registration.
    pub dialled: Option<String>,
    /// The SIP Call-ID.
    pub sip_call_id: String,
    /// The call that it became: its trace is at `/calls/{id}/trace`.
    pub call: Option<String>,
    /// The SIP status that was answered; null of a call that was let through.
    pub status: Option<u16>,
    /// What it was refused with.
    pub refusal: Option<ShownRefusal>,
    /// Which rule saw what; empty of a call that was let through.
    pub steps: Vec<TraceStep>,
}

/// What whoever proves nothing is answered: no refusal of the catalogue yet.
const CHALLENGE: u16 = 407;

fn some(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

fn show_step(told: Told) -> TraceStep {
    let what = Rule::from_label(&told.rule).map_or("", Rule::what).to_owned();
    let verdict = told.verdict.as_str().to_owned();
    let Told { rule, refusal, seen, wanted, .. } = told;
    TraceStep { rule, what, verdict, seen: some(seen), wanted: some(wanted), refusal: some(refusal) }
}

/// A trace for people.
pub(crate) fn show_steps(trace: &Trace) -> Vec<TraceStep> {
    read_steps(&trace.to_text())
}

fn read_steps(text: &str) -> Vec<TraceStep> {
    trace::read(text).into_iter().map(show_step).collect()
}

/// A refusal for people; the status is not always the catalogue's.
pub(crate) fn show_refusal(kind: RefusalKind, status: u16, sentence: Option<&str>) -> ShownRefusal {
    let phrase = match status {
        CHALLENGE => "Proxy Authentication Required",
        _ if status == kind.status() => kind.phrase(),
        // Passed on as the called side said it.
        _ => "",
    };
    ShownRefusal {
        id: kind.as_str().to_owned(),
        status,
        phrase: phrase.to_owned(),
        sentence: sentence.unwrap_or(kind.sentence()).to_owned(),
        remedy: kind.remedy().to_owned(),
    }
}

fn show_attempt(attempt: attempts::Attempt) -> Attempt {
    let (kind, direction) = match attempt.tried {
        Tried::Registration => ("registration", None),
        Tried::Call(direction) => ("call", Some(direction.as_str().to_owned())),
    };
    let outcome = if attempt.refusal.is_some() { "refused" } else { "accepted" };
    let sentence = attempt.sentence.as_deref();
    Attempt {
        at: attempt.at.to_string(),
        times: attempt.times,
        kind: kind.to_owned(),
        direction,
        outcome: outcome.to_owned(),
        source: attempt.source.to_string(),
        transport: attempt.transport.as_str().to_owned(),
        user: attempt.user.to_string(),
        dialled: some(attempt.dialled.to_string()),
        sip_call_id: attempt.sip_call_id.to_string(),
        call: attempt.call.map(|call| call.to_string()),
        status: (attempt.status > 0).then_some(attempt.status),
        refusal: attempt.refusal.map(|kind| show_refusal(kind, attempt.status, sentence)),
        steps: show_steps(&attempt.trace),
    }
}

fn page(attempts: Vec<attempts::Attempt>) -> Page<Attempt> {
    Page { items: attempts.into_iter().map(show_attempt).collect(), has_more: false, next: None }
}

impl Office {
    /// The trace of a call while it is up; none where it is not, or is another's.
    pub async fn live_trace(&self, caller: &Caller, id: CallId) -> Option<CallTrace> {
        let live = self.inner.switchboard.live_trace(id).await?;
        let call = id.to_string();
        let steps = || show_steps(&live.trace);
        caller.sees(live.company).then(|| CallTrace { call, state: CallState::Live, refusal: None, steps: steps() })
    }

    /// The trace of a call that is over. Blocks.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`].
    pub fn call_trace(&self, caller: &Caller, id: CallId) -> Result<CallTrace> {
        let record = self.store().call_record(id)?;
        caller.may_see(record.company, "call", id)?;
        let steps = read_steps(&record.trace);
        let told = steps.iter().rev().find_map(|step| step.refusal.as_deref());
        let kind = record.refusal.as_deref().or(told).and_then(RefusalKind::from_label);
        let refusal = kind
            .filter(|_| record.answered_at.is_none())
            .map(|kind| show_refusal(kind, record.status, record.sentence.as_deref()));
        Ok(CallTrace { call: id.to_string(), state: CallState::Ended, refusal, steps })
    }

    /// What was tried lately by a profile's PBX, to it, or in its name; newest first, all that is remembered. Blocks.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`].
    pub fn profile_attempts(&self, caller: &Caller, id: ProfileId) -> Result<Page<Attempt>> {
        self.profile_row(caller, id)?;
        Ok(page(self.inner.switchboard.attempts(id)))
    }

    /// What strangers tried lately, whom no profile is known to; newest first, all that is remembered.
    ///
    /// # Errors
    /// [`crate::Error::OperatorOnly`].
    pub fn strangers_attempts(&self, caller: &Caller) -> Result<Page<Attempt>> {
        caller.operator("see what strangers tried")?;
        Ok(page(self.inner.switchboard.attempts_of_strangers()))
    }
}
