//! What both kinds of leg do once there is a dialog: requests inside it, the session and its timer, and its end by BYE.
//!
//! What the other side says comes as [`SessionWord`]s and leaves as such; the call carries them.
//!
//! | File | Holds |
//! |---|---|
//! | `session` | offer and answer |
//! | `theirs` | requests of the peer |
//! | `ours` | re-INVITE and UPDATE of ours, their answers, glare |
//! | `pressing` | keys by INFO |
//! | `advising` | what the call has cost, by INFO and with the BYE |
//! | `living` | the session timer, and whatever else is due |

mod advising;
mod living;
mod ours;
mod pressing;
mod session;
mod theirs;

pub(crate) use session::{Judgement, Session};

use crate::passing::Passing;
use crate::reach::next_hop;
use crate::replies::{Given, Why, reasons};
use crate::session_timer::SessionTimer;
use crate::words::{Effect, Identity, Sent};
use advising::Advising;
pub(crate) use advising::Parted;
use bytes::BytesMut;
use domain::call_control::{LegEvent, SessionWord};
use domain::header::HeaderLine;
use domain::refusal::RefusalKind;
use domain::{Entropy, Monotonic, Now, ReleaseCause, TimerTable};
use living::Timer;
use ours::{Owed, Pending};
use pressing::Pressing;
use sip::dialog::{Dialog, Untimely};
use sip::endpoint::{ClientTransactionId, Destination, Reply, ServerTransactionId, Source};
use sip::{Message, Method, Name};
use theirs::Waiting;
pub(crate) use theirs::stranger;

pub(crate) use crate::capabilities::{ALLOW, SUPPORTED};

/// A dialog with its session.
#[derive(Debug)]
pub(crate) struct Talk {
    pub(crate) dialog: Dialog,
    pub(crate) session: Session,
    timer: SessionTimer,
    /// Our Contact, where it is not that of the listener.
    contact: Option<String>,
    /// Where the peer's last message came from.
    source: Source,
    /// A request of the peer that is not done with: at most one (RFC 3261 14.2).
    waiting: Option<Waiting>,
    /// A request of ours that is not answered: at most one (RFC 3261 14.1).
    pending: Option<Pending>,
    /// What is to be sent as soon as nothing is pending.
    owed: Owed,
    /// Which headers go along with what is said.
    passing: Passing,
    /// What the peer's present message says that may be passed on with the word that comes of it.
    said: Vec<HeaderLine>,
    /// Whether the peer takes INFO.
    takes_info: bool,
    /// Keys that it is told by INFO.
    pressing: Pressing,
    /// What it is told of the charge.
    advising: Advising,
    bye: Bye,
    timers: TimerTable<Timer>,
}

/// How far our BYE is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bye {
    /// The call goes on.
    Unsaid,
    /// It is to leave: whatever else of ours is answered or fails from now on means nothing any more.
    Said,
    /// It has left.
    Sent(ClientTransactionId),
}

impl Bye {
    fn is_said(self) -> bool {
        self != Bye::Unsaid
    }
}

/// What a message inside a dialog means to the leg.
#[derive(Debug)]
#[must_use]
pub(crate) enum Heard {
    /// The call goes on.
    Nothing,
    /// The peer hung up; it is answered.
    HungUp(Box<Parting>),
    /// The call cannot go on: hang up with this cause.
    Dead(ReleaseCause),
}

/// What the peer's BYE says.
#[derive(Debug)]
pub(crate) struct Parting {
    given: Given,
    lines: Vec<HeaderLine>,
    /// Where its answer is to wait for the final sum.
    parted: Option<Parted>,
}

impl Parting {
    /// What its answer waits for, where it does: whoever takes it has to answer.
    pub(crate) fn take_parted(&mut self) -> Option<Parted> {
        self.parted.take()
    }

    /// Tells the call that the peer hung up.
    pub(crate) fn tell(self, effects: &mut Vec<Effect>) {
        self.given.tell(effects);
        effects.push(Effect::Tell(LegEvent::Released(ReleaseCause::Normal).accompanied_by(self.lines)));
    }
}

/// What a talk is made of.
pub(crate) struct Agreed<'a> {
    pub(crate) dialog: Dialog,
    pub(crate) session: Session,
    pub(crate) timer: SessionTimer,
    pub(crate) contact: Option<String>,
    pub(crate) source: Source,
    pub(crate) passing: Passing,
    /// The INVITE or the response that says what the peer allows.
    pub(crate) said: &'a Message,
}

impl Talk {
    /// The session begins at `now`.
    pub(crate) fn new(agreed: Agreed<'_>, now: Now) -> Talk {
        let Agreed { dialog, session, timer, contact, source, passing, said } = agreed;
        let mut talk = Talk {
            dialog,
            session,
            timer,
            contact,
            source,
            waiting: None,
            pending: None,
            owed: Owed::default(),
            passing,
            said: Vec::new(),
            takes_info: takes_info(said),
            pressing: Pressing::default(),
            advising: Advising::default(),
            bye: Bye::Unsaid,
            timers: TimerTable::new(),
        };
        talk.refreshed(now);
        talk
    }

    fn destination(&self) -> Destination {
        next_hop(&self.dialog, &self.source)
    }

    fn contact(&self, identity: &Identity) -> String {
        self.contact.clone().unwrap_or_else(|| identity.contact_value())
    }

    /// Chance for the pauses of RFC 3261 14: told by what nobody else could have minted, and by how far the dialog is.
    fn chance(&self) -> Entropy {
        let mut seed = [0; 16];
        let said = self.dialog.local_tag().bytes().chain(self.dialog.sequence().to_le_bytes());
        said.enumerate().for_each(|(index, byte)| seed[index % 16] ^= byte.rotate_left(index as u32 / 16));
        Entropy::from_seed(seed)
    }

    /// What is ordered from now on, the other side said with these lines.
    pub(crate) fn bring(&mut self, lines: Vec<HeaderLine>) {
        self.passing.bring(lines);
    }

    /// Tells the other side, where there is one, with what the peer's message says besides.
    fn tell(&mut self, word: SessionWord, effects: &mut Vec<Effect>) {
        let lines = std::mem::take(&mut self.said);
        if !self.session.is_alone() {
            let word = match word {
                SessionWord::Offered(media) => SessionWord::Offered(self.session.presented(media)),
                SessionWord::Accepted(media) => SessionWord::Accepted(self.session.presented(media)),
                word => word,
            };
            effects.push(Effect::Tell(LegEvent::Session(word).accompanied_by(lines)));
        }
    }

    /// Hangs up. A request of the peer that still waits is answered first (RFC 3261 15.1.2).
    pub(crate) fn bye(&mut self, why: impl Into<Why>, identity: &Identity, effects: &mut Vec<Effect>) {
        self.bye = Bye::Said;
        self.answer_waiting(effects);
        self.timers.clear();
        self.owed = Owed::default();
        self.forget_keys();
        let mut out = BytesMut::with_capacity(512);
        let lines = self.dialog.request(&Method::Bye, &mut out);
        let mut lines = reasons(&why.into()).fold(lines, |lines, reason| lines.header(Name::Reason, reason));
        if !identity.user_agent.is_empty() {
            lines = lines.header(Name::UserAgent, &*identity.user_agent);
        }
        let lines = self.passing.request(lines);
        match self.parting_advice() {
            Some(advice) => lines.body(crate::advice::MEDIA_TYPE, &crate::advice::summed(advice)),
            None => lines.end(),
        }
        effects.push(Effect::Request { sent: Sent::Bye, request: out.freeze(), destination: self.destination() });
    }

    fn answer_waiting(&mut self, effects: &mut Vec<Effect>) {
        if let Some(transaction) = self.waiting.take().and_then(|waiting| waiting.unanswered()) {
            effects.push(Effect::Respond { transaction, reply: Reply::new(487, "Request Terminated") });
        }
    }

    /// A request of ours is on its way.
    pub(crate) fn on_sent(&mut self, sent: Sent, transaction: ClientTransactionId) {
        match sent {
            Sent::Bye => {
                if self.bye == Bye::Said {
                    self.bye = Bye::Sent(transaction);
                }
            }
            Sent::Change => {
                if let Some(pending) = &mut self.pending {
                    pending.transaction = Some(transaction);
                }
            }
            Sent::Keys => self.on_key_sent(transaction),
            Sent::Advice => self.on_advice_sent(transaction),
            Sent::Invite | Sent::Prack => {}
        }
    }

    /// Whether a transaction of ours is the BYE.
    pub(crate) fn is_bye(&self, transaction: ClientTransactionId) -> bool {
        self.bye == Bye::Sent(transaction)
    }

    /// The order that takes this dialog out of the directory.
    pub(crate) fn unbind(&self) -> Effect {
        unbind(&self.dialog)
    }

    /// When something is due.
    pub(crate) fn deadline(&self) -> Option<Monotonic> {
        self.timers.deadline()
    }
}

/// Whether whoever sent this takes INFO, as its Allow says.
pub(crate) fn takes_info(said: &Message) -> bool {
    said.tokens(Name::Allow).any(|method| method == Method::Info.as_str())
}

pub(crate) fn unbind(dialog: &Dialog) -> Effect {
    Effect::UnbindDialog { call_id: dialog.call_id().into(), local_tag: dialog.local_tag().into() }
}

pub(crate) fn contact(reply: Reply, identity: &Identity) -> Reply {
    shown(reply.header(Name::Contact, identity.contact_value()), identity)
}

fn shown(reply: Reply, identity: &Identity) -> Reply {
    if identity.user_agent.is_empty() { reply } else { reply.header(Name::Server, &*identity.user_agent) }
}

/// An answer to whoever has no dialog with us.
pub(crate) fn respond_481(transaction: ServerTransactionId, effects: &mut Vec<Effect>) {
    effects.push(Effect::Respond { transaction, reply: Reply::refusing(RefusalKind::NoSuchDialog) });
}

/// An answer to a request that comes at the wrong time.
pub(crate) fn untimely(untimely: &Untimely) -> Reply {
    Reply::refusing(match untimely {
        Untimely::OutOfOrder => RefusalKind::OutOfOrder,
        Untimely::OtherDialog => RefusalKind::NoSuchDialog,
    })
}
