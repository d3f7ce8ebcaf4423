//! What an end does by itself, and a call as an end sees it.
//!
//! Nothing is sent here.

use crate::world::text::{body, header, parameter};
use domain::Monotonic;
use std::time::Duration;

/// What an end does by itself.
#[derive(Clone, Debug)]
pub struct Manner {
    /// As who is called: what is answered, and how long after the INVITE.
    pub answers: Vec<(Duration, u16)>,
    /// Whether it acknowledges a 2xx.
    pub acknowledges: bool,
    /// How long after the answer it hangs up.
    pub hangs_up_after: Option<Duration>,
    /// As who calls: how long after the first INVITE with credentials it gives up.
    pub cancels_after: Option<Duration>,
    /// How often it refreshes the session, and by which requests in turn.
    pub refreshes: Option<(Duration, Vec<Refresh>)>,
    /// Whether a 200 to INVITE is sent although a CANCEL has come: the two cross.
    pub answers_after_cancel: bool,
    /// Whether a second phone answers too, 300 ms after the first (a fork).
    pub forks: bool,
}

impl Default for Manner {
    fn default() -> Self {
        Manner {
            answers: Vec::new(),
            acknowledges: true,
            hangs_up_after: None,
            cancels_after: None,
            refreshes: None,
            answers_after_cancel: false,
            forks: false,
        }
    }
}

/// A request inside a dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refresh {
    /// re-INVITE with the description as it was.
    Invite,
    /// UPDATE without description.
    Update,
    /// UPDATE with the description as it was.
    UpdateWithSdp,
    /// re-INVITE with another port.
    ChangedInvite,
    /// UPDATE with another port.
    ChangedUpdate,
}

/// A call as an end sees it.
#[derive(Clone, Debug)]
pub struct Talk {
    /// Its name on the wire.
    pub call_id: String,
    pub(super) is_caller: bool,
    pub(super) local: String,
    pub(super) remote: String,
    pub(super) target: String,
    pub(super) cseq: u32,
    pub(super) invite: String,
    pub(super) invited: Monotonic,
    pub(super) proven: bool,
    pub(super) heard_provisional: bool,
    pub(super) cancelled: bool,
    pub(super) cancel_sent: bool,
    /// Whether the final answer was acknowledged.
    pub acked: bool,
    /// Answered, and nobody has hung up.
    pub is_up: bool,
    /// Over for this end.
    pub is_over: bool,
    /// The final status of the INVITE, sent or heard.
    pub status: Option<u16>,
    /// When the 200 was sent or heard.
    pub answered_at: Option<Monotonic>,
    /// When BYE came from the switch.
    pub bye_heard_at: Option<Monotonic>,
    /// What its Reason said.
    pub bye_reason: String,
    /// When CANCEL came from the switch.
    pub cancel_heard_at: Option<Monotonic>,
    /// Whether BYE came to the other branch of a fork.
    pub forked_bye: bool,
    /// How refreshes were answered.
    pub refreshed: Vec<(Refresh, u16, String)>,
    pub(super) refreshing: Option<Refresh>,
    pub(super) refresh_count: usize,
    /// The whole final answer.
    pub answer: String,
}

impl Talk {
    /// A call that has just been sent or heard of.
    pub(super) fn new(call_id: &str, local: String, remote: String, target: String, now: Monotonic) -> Talk {
        Talk {
            call_id: call_id.to_owned(),
            is_caller: true,
            local,
            remote,
            target,
            cseq: 0,
            invite: String::new(),
            invited: now,
            proven: false,
            heard_provisional: false,
            cancelled: false,
            cancel_sent: false,
            acked: false,
            is_up: false,
            is_over: false,
            status: None,
            answered_at: None,
            bye_heard_at: None,
            bye_reason: String::new(),
            cancel_heard_at: None,
            forked_bye: false,
            refreshed: Vec::new(),
            refreshing: None,
            refresh_count: 0,
            answer: String::new(),
        }
    }

    /// Whether the echo test was dialled (O2).
    pub fn is_echo(&self) -> bool {
        self.remote.contains("*43")
    }

    /// The Q.850 cause of the Reason header in the final answer.
    pub fn answer_q850(&self) -> Option<&str> {
        header(&self.answer, "Reason").and_then(|reason| parameter(reason, "cause"))
    }

    /// The body of the final answer.
    pub fn answer_body(&self) -> &str {
        body(&self.answer)
    }

    /// When the last INVITE was sent or heard first.
    pub fn invited(&self) -> Monotonic {
        self.invited
    }
}
