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
    /// How a re-INVITE or UPDATE of the switch is answered.
    pub answers_changes: u16,
    /// Whether it says in Allow that it takes UPDATE and INFO.
    pub allows_update: bool,
    /// Whether it knows session timers: it grants what it is asked for.
    pub knows_timer: bool,
    /// The shortest session interval that it takes: who asks for less gets 422.
    pub min_se_s: Option<u32>,
    /// Whether its INVITE brings no offer.
    pub offers_late: bool,
    /// Whether its INVITE requires 100rel, and whether it then says PRACK.
    pub requires_100rel: Option<bool>,
    /// Whether what rings here is to be acknowledged.
    pub rings_reliably: bool,
    /// Lines that its INVITEs have besides.
    pub invite_lines: String,
    /// Lines that everything which it says in a call has besides, ACK, CANCEL, PRACK and 100 apart.
    pub lines: String,
    /// The formats that it offers and answers with.
    pub formats: &'static str,
    /// The Q.850 cause that it gives for every end (RFC 3326).
    pub q850: Option<u8>,
    /// The SIP cause that it gives besides, with its text.
    pub sip_reason: Option<&'static str>,
    /// What it does about fax over T.38.
    pub fax: FaxManner,
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
            answers_changes: 200,
            allows_update: false,
            knows_timer: false,
            min_se_s: None,
            offers_late: false,
            requires_100rel: None,
            rings_reliably: false,
            invite_lines: String::new(),
            lines: String::new(),
            formats: "0",
            q850: None,
            sip_reason: None,
            fax: FaxManner::Takes,
            forks: false,
        }
    }
}

/// What an end does about an offer of fax over T.38.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaxManner {
    /// It takes it.
    Takes,
    /// It answers 488.
    Refuses,
    /// It answers 200, with port 0.
    ClosesThePort,
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
    /// re-INVITE that holds: `sendonly`.
    Hold,
    /// re-INVITE that holds: `inactive`.
    HoldInactive,
    /// re-INVITE that holds as in RFC 2543: an address of zeros.
    HoldZero,
    /// UPDATE that holds: `sendonly`.
    HoldByUpdate,
    /// re-INVITE that resumes: `sendrecv`.
    Resume,
    /// re-INVITE without description: the offer is left to the switch.
    Late,
    /// re-INVITE with G.711 A-law instead of mu-law.
    Codec,
    /// re-INVITE to T.38 fax.
    Fax,
    /// re-INVITE from fax back to sound.
    Sound,
}

impl Refresh {
    /// Whether it is a re-INVITE.
    pub fn is_invite(self) -> bool {
        !matches!(self, Refresh::Update | Refresh::UpdateWithSdp | Refresh::ChangedUpdate | Refresh::HoldByUpdate)
    }
}

/// What an end has to complain of in what the switch does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Complaint {
    /// A 2xx was not acknowledged in 64*T1.
    NoAck,
    /// A request has the number of an earlier one.
    StaleCseq(String),
    /// An answer does not go with its offer (RFC 3264 6), or changed without a new version.
    WrongAnswer(String),
    /// Nobody refreshed the session in its interval.
    NotRefreshed,
}

/// A description of an end: which formats, which port, which way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sketch {
    pub(super) port: u16,
    pub(super) version: u32,
    pub(super) formats: String,
    pub(super) flow: &'static str,
    pub(super) is_zero: bool,
    pub(super) is_fax: bool,
}

impl Sketch {
    /// What a request of its own changes.
    pub(super) fn change(&mut self, refresh: Refresh) {
        let before = self.clone();
        self.is_fax = match refresh {
            Refresh::Invite | Refresh::Update | Refresh::UpdateWithSdp | Refresh::Late => self.is_fax,
            Refresh::ChangedInvite | Refresh::ChangedUpdate => self.is_fax,
            _ => refresh == Refresh::Fax,
        };
        match refresh {
            Refresh::Invite | Refresh::Update | Refresh::UpdateWithSdp | Refresh::Late => {}
            Refresh::Fax | Refresh::Sound => {}
            Refresh::ChangedInvite | Refresh::ChangedUpdate => self.port += 2,
            Refresh::Hold | Refresh::HoldByUpdate => (self.flow, self.is_zero) = ("sendonly", false),
            Refresh::HoldInactive => (self.flow, self.is_zero) = ("inactive", false),
            Refresh::HoldZero => (self.flow, self.is_zero) = ("sendrecv", true),
            Refresh::Resume => (self.flow, self.is_zero) = ("sendrecv", false),
            Refresh::Codec => self.formats = "8".to_owned(),
        }
        if before != *self {
            self.version += 1;
        }
    }

    /// The answer to an offer that flows this way (RFC 3264 6.1), as far as this end wants sound itself.
    pub(super) fn answering(&self, offered: &str) -> &'static str {
        let sends = matches!(offered, "sendrecv" | "recvonly") && matches!(self.flow, "sendrecv" | "sendonly");
        let receives = matches!(offered, "sendrecv" | "sendonly") && matches!(self.flow, "sendrecv" | "recvonly");
        match (sends, receives) {
            (true, true) => "sendrecv",
            (true, false) => "sendonly",
            (false, true) => "recvonly",
            (false, false) => "inactive",
        }
    }
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
    /// The INVITE, whole.
    pub invite: String,
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
    /// re-INVITEs and UPDATEs of the switch, each once.
    pub changes: Vec<(Monotonic, String)>,
    /// Provisional answers to its INVITE, each as often as it came.
    pub provisional: Vec<String>,
    /// ACKs to 2xx, whole.
    pub acks: Vec<String>,
    pub(super) sketch: Sketch,
    /// As it stood before the request that is not answered.
    pub(super) former: Option<Sketch>,
    /// The last number of the switch's requests.
    pub(super) heard_cseq: u32,
    /// The same of the other phone's dialog, where the call was forked.
    pub(super) forked_cseq: u32,
    /// The last description that was heard.
    pub(super) heard_sdp: String,
    /// How long the session lasts, and when it was refreshed last.
    pub(super) session: Option<(Duration, Monotonic)>,
    pub(super) rseq: u32,
    pub(super) pracked: u32,
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
            changes: Vec::new(),
            provisional: Vec::new(),
            acks: Vec::new(),
            sketch: Sketch {
                port: 40_000,
                version: 1,
                formats: "0".to_owned(),
                flow: "sendrecv",
                is_zero: false,
                is_fax: false,
            },
            former: None,
            heard_cseq: 0,
            forked_cseq: 0,
            heard_sdp: String::new(),
            session: None,
            rseq: 0,
            pracked: 0,
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
