//! A leg towards the called side, a carrier or a PBX: we are the client of its INVITE (UAC).
//!
//! Where it goes, who is shown and when to give up are the call's to decide.
//!
//! | Phase | Until |
//! |---|---|
//! | calling | a final answer |
//! | cancelling | the final answer to what was cancelled |
//! | talking | BYE from either side |
//! | leaving | the answer to our BYE |
//! | over | - |

use crate::invitation::offer_in;
use crate::negotiation::{carried, offer_onwards};
use crate::reach::next_hop;
use crate::replies::reason_lines;
use crate::sdp::{CONTENT_TYPE, Origin, print};
use crate::secrecy::Secrecy;
use crate::talk::{ALLOW, Heard, Talk};
use crate::target::Target;
use crate::words::{Effect, Event, Identity, Sent, SoundOrder};
use bytes::{Bytes, BytesMut};
use domain::call_control::{CallerId, LegEvent, LegFailure, LegOrder, OutgoingInvitation};
use domain::media::MediaDescription;
use domain::srtp::KeySeed;
use domain::{Machine, Monotonic, Now, ReleaseCause};
use sip::dialog::{Calling, Dialog};
use sip::endpoint::{ClientTransactionId, Destination, Reply, ServerTransactionId, Source};
use sip::{Message, Method, Name};
use std::net::SocketAddr;
use std::sync::Arc;

/// What a leg towards the called side is called, and how far it may go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegNaming {
    /// Its Call-ID, newly minted.
    pub call_id: String,
    /// Our tag, newly minted.
    pub tag: String,
    /// Max-Forwards of its INVITE.
    pub hops_left: u8,
    /// What its keys are minted from.
    pub key_seed: KeySeed,
}

/// A leg towards the called side.
#[derive(Debug)]
pub struct CalledLeg {
    identity: Arc<Identity>,
    destination: Destination,
    /// Our Contact (I5).
    contact: String,
    calling: Calling,
    ours: Bytes,
    origin: Origin,
    /// The last description that a provisional answer brought: some carriers leave it out of the 200.
    early: Option<MediaDescription>,
    secrecy: Secrecy,
    invite: Option<ClientTransactionId>,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    Calling,
    /// Given up; the CANCEL is ordered, or waits for the transaction's name.
    Cancelling(ReleaseCause),
    Talking(Talk),
    Leaving,
    Over,
}

impl CalledLeg {
    /// A leg that calls; the other side's sound is received at `ours`.
    pub fn invite(
        order: &OutgoingInvitation,
        target: &Target,
        naming: LegNaming,
        ours: SocketAddr,
        identity: Arc<Identity>,
        effects: &mut Vec<Effect>,
    ) -> CalledLeg {
        let local = match order.caller_id {
            CallerId::Number(number) => format!("<sip:{number}@{}>", identity.host),
            // RFC 3323 4.1.1.3.
            CallerId::Anonymous => "\"Anonymous\" <sip:anonymous@anonymous.invalid>".to_owned(),
        };
        let (to, contact) = (target.to(order.callee, &identity), target.our_contact(&order.caller_id, &identity));
        let request_uri = target.request_uri(order.callee);
        let origin = u64::from_str_radix(naming.tag.get(..15).unwrap_or(&naming.tag), 16).unwrap_or_default();
        let calling = Calling {
            call_id: naming.call_id,
            local_tag: naming.tag,
            local,
            remote: to,
            target: request_uri.clone().unwrap_or_default(),
            routes: target.routes(),
            sequence: 0,
            max_forwards: naming.hops_left,
        };
        let phase = Phase::Calling;
        let destination = target.destination();
        let mut leg = CalledLeg {
            identity,
            destination,
            contact,
            calling,
            ours: Bytes::new(),
            origin: Origin { session: origin, version: 1, address: ours.ip() },
            early: None,
            secrecy: Secrecy::new(order.srtp, naming.key_seed),
            invite: None,
            phase,
        };
        match (request_uri, offer_onwards(&order.offer, ours)) {
            (None, _) => {
                leg.phase = Phase::Over;
                effects.push(Effect::Tell(LegEvent::Failed(LegFailure::Transport)));
            }
            (Some(_), Some(mut offer)) => {
                offer.streams.iter_mut().for_each(|stream| leg.secrecy.offer(stream));
                leg.ours = print(&offer, leg.origin).into();
                leg.send_invite(&order.caller_id, effects);
            }
            (Some(_), None) => {
                leg.phase = Phase::Over;
                effects.push(Effect::Tell(LegEvent::Failed(LegFailure::UnusableAnswer)));
            }
        }
        leg
    }

    /// The SIP Call-ID, for the record.
    pub fn sip_call_id(&self) -> &str {
        &self.calling.call_id
    }

    fn send_invite(&mut self, caller_id: &CallerId, effects: &mut Vec<Effect>) {
        let (call_id, local_tag) = (self.calling.call_id.as_str().into(), self.calling.local_tag.as_str().into());
        effects.push(Effect::BindDialog { call_id, local_tag });
        let mut out = BytesMut::with_capacity(1_024);
        let mut lines = self
            .calling
            .request(&Method::Invite, &mut out)
            .header(Name::Contact, &self.contact)
            .header(Name::Allow, ALLOW);
        if !self.identity.user_agent.is_empty() {
            lines = lines.header(Name::UserAgent, &*self.identity.user_agent);
        }
        lines = match caller_id {
            // What From says.
            CallerId::Number(_) => lines.header(Name::PAssertedIdentity, &self.calling.local),
            CallerId::Anonymous => lines.header(Name::Privacy, "id"),
        };
        lines.body(CONTENT_TYPE, &self.ours);
        effects.push(Effect::Request { sent: Sent::Invite, request: out.freeze(), destination: self.destination });
    }

    fn on_request_sent(&mut self, sent: Sent, transaction: ClientTransactionId, effects: &mut Vec<Effect>) {
        if sent == Sent::Invite {
            self.invite = Some(transaction);
            if let Phase::Cancelling(cause) = self.phase {
                effects.push(Effect::Cancel { transaction, lines: reason_lines(cause) });
            }
        }
    }

    fn on_request_refused(&mut self, sent: Sent, effects: &mut Vec<Effect>) {
        match sent {
            Sent::Invite => self.fail(LegFailure::Transport, effects),
            Sent::Bye => self.end(effects),
        }
    }

    fn on_release(&mut self, cause: ReleaseCause, effects: &mut Vec<Effect>) {
        match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Calling => {
                self.phase = Phase::Cancelling(cause);
                if let Some(transaction) = self.invite {
                    effects.push(Effect::Cancel { transaction, lines: reason_lines(cause) });
                }
            }
            Phase::Talking(talk) => self.leave(talk, cause, effects),
            phase => self.phase = phase,
        }
    }

    fn leave(&mut self, mut talk: Talk, cause: ReleaseCause, effects: &mut Vec<Effect>) {
        talk.bye(cause, &self.identity, effects);
        self.phase = Phase::Leaving;
    }

    fn on_response(
        &mut self,
        transaction: ClientTransactionId,
        response: &Message,
        source: Source,
        effects: &mut Vec<Effect>,
    ) {
        let status = response.status().unwrap_or_default();
        if Some(transaction) != self.invite {
            // The answer to our BYE.
            if status >= 200 && matches!(self.phase, Phase::Leaving) {
                self.end(effects);
            }
            return;
        }
        match status {
            100 => self.tell_while_calling(LegEvent::Trying, effects),
            101..200 => self.on_provisional(status, response, source, effects),
            200..300 => self.on_accepted(transaction, response, source, effects),
            _ => self.on_refused(status, response, effects),
        }
    }

    fn tell_while_calling(&self, event: LegEvent, effects: &mut Vec<Effect>) {
        if matches!(self.phase, Phase::Calling) {
            effects.push(Effect::Tell(event));
        }
    }

    fn on_provisional(&mut self, status: u16, response: &Message, source: Source, effects: &mut Vec<Effect>) {
        // Who was left, or has answered already, has no say in where the sound goes: the call may talk with another carrier.
        if !matches!(self.phase, Phase::Calling) {
            return;
        }
        let media = offer_in(response).ok().flatten();
        // Early sound that is not as secure as it must be is not heard.
        let sound = media.as_ref().and_then(|media| self.sound(media, &source));
        let media = media.filter(|media| sound.is_some() || carried(media).is_none());
        if let Some(order) = sound {
            effects.push(Effect::Sound(order));
            self.early.clone_from(&media);
        }
        effects.push(Effect::Tell(LegEvent::Ringing { status, media }));
    }

    fn on_accepted(
        &mut self,
        transaction: ClientTransactionId,
        response: &Message,
        source: Source,
        effects: &mut Vec<Effect>,
    ) {
        let Ok(dialog) = self.calling.established_by(response) else {
            // Without a To or a readable route there is nobody to acknowledge to; the transaction absorbs repetitions.
            return self.fail(LegFailure::UnusableAnswer, effects);
        };
        self.acknowledge(transaction, &dialog, &source, effects);
        let media = offer_in(response).ok().flatten().or_else(|| self.early.clone());
        let sound = media.as_ref().and_then(|media| self.sound(media, &source));
        let secrecy = std::mem::replace(&mut self.secrecy, Secrecy::off());
        let theirs = media.clone().unwrap_or_default();
        let mut talk = Talk::new(dialog, (self.ours.clone(), self.origin), theirs, secrecy, source);
        match (&self.phase, media, sound) {
            (Phase::Calling, Some(media), Some(sound)) => {
                effects.push(Effect::Sound(sound));
                self.phase = Phase::Talking(talk);
                effects.push(Effect::Tell(LegEvent::Answered { media }));
            }
            (Phase::Calling, ..) => {
                self.leave(talk, ReleaseCause::IncompatibleMedia, effects);
                effects.push(Effect::Tell(LegEvent::Failed(LegFailure::UnusableAnswer)));
            }
            // The answer crossed our CANCEL.
            (Phase::Cancelling(cause), ..) => {
                let cause = *cause;
                self.leave(talk, cause, effects);
            }
            // A second answer, of another branch of a fork (RFC 3261 13.2.2.4): one conversation is enough.
            (Phase::Talking(_) | Phase::Leaving | Phase::Over, ..) => {
                talk.bye(ReleaseCause::Normal, &self.identity, effects);
            }
        }
    }

    /// Where the other side wants sound, and under which keys; none where that is not as agreed.
    fn sound(&self, media: &MediaDescription, source: &Source) -> Option<SoundOrder> {
        let stream = carried(media)?;
        let keying = self.secrecy.keying(stream).ok()?;
        SoundOrder::of(stream, source.peer.ip()).map(|order| order.keyed(keying))
    }

    fn acknowledge(
        &self,
        transaction: ClientTransactionId,
        dialog: &Dialog,
        source: &Source,
        effects: &mut Vec<Effect>,
    ) {
        let mut out = BytesMut::with_capacity(512);
        dialog.ack(&mut out).end();
        let destination = next_hop(dialog, source);
        effects.push(Effect::Acknowledge { transaction, ack: out.freeze(), destination });
    }

    fn on_refused(&mut self, status: u16, response: &Message, effects: &mut Vec<Effect>) {
        let q850 = response.reasons().flatten().find_map(|reason| reason.q850());
        let retry_after_s = response.header(Name::RetryAfter).and_then(seconds);
        self.tell_while_calling(LegEvent::Refused { status, q850, retry_after_s }, effects);
        self.end(effects);
    }

    fn on_request(
        &mut self,
        transaction: ServerTransactionId,
        message: &Message,
        source: Source,
        effects: &mut Vec<Effect>,
    ) {
        match &mut self.phase {
            Phase::Talking(talk) => {
                if let Heard::HungUp = talk.on_request(transaction, message, source, &self.identity, effects) {
                    self.end(effects);
                    effects.push(Effect::Tell(LegEvent::Released(ReleaseCause::Normal)));
                }
            }
            // A BYE that crossed ours.
            Phase::Leaving if message.method() == Some(&Method::Bye) => {
                effects.push(Effect::Respond { transaction, reply: Reply::new(200, "OK") });
            }
            _ => {
                let reply = Reply::new(481, "Call/Transaction Does Not Exist");
                effects.push(Effect::Respond { transaction, reply });
            }
        }
    }

    /// The INVITE failed, or the answer to our BYE never came, or a response of ours could not be delivered.
    fn on_failed(&mut self, timed_out: bool, effects: &mut Vec<Effect>) {
        match self.phase {
            Phase::Calling => self.fail(if timed_out { LegFailure::Timeout } else { LegFailure::Transport }, effects),
            Phase::Cancelling(_) | Phase::Leaving => self.end(effects),
            Phase::Talking(_) | Phase::Over => {}
        }
    }

    fn fail(&mut self, failure: LegFailure, effects: &mut Vec<Effect>) {
        self.tell_while_calling(LegEvent::Failed(failure), effects);
        self.end(effects);
    }

    fn on_ack_missed(&mut self, effects: &mut Vec<Effect>) {
        match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Talking(talk) => {
                self.leave(talk, ReleaseCause::SessionExpired, effects);
                effects.push(Effect::Tell(LegEvent::Released(ReleaseCause::SessionExpired)));
            }
            // The ACK to a re-INVITE, after our BYE: its answer is waited for, and then the dialog is let go.
            phase => self.phase = phase,
        }
    }

    fn end(&mut self, effects: &mut Vec<Effect>) {
        self.phase = Phase::Over;
        let (call_id, local_tag) = (self.calling.call_id.as_str().into(), self.calling.local_tag.as_str().into());
        effects.push(Effect::UnbindDialog { call_id, local_tag });
    }
}

/// The delay of a `Retry-After` (RFC 3261 20.33): what follows the digits is for people.
fn seconds(value: &[u8]) -> Option<u32> {
    let digits = value.iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(&value[..digits]).ok()?.parse().ok()
}

impl Machine for CalledLeg {
    type Event = Event;
    type Effect = Effect;

    fn handle(&mut self, event: Event, _now: Now, effects: &mut Vec<Effect>) {
        match event {
            Event::Ordered(LegOrder::Release(cause)) => self.on_release(cause, effects),
            Event::RequestSent(sent, transaction) => self.on_request_sent(sent, transaction, effects),
            Event::RequestRefused(sent) => self.on_request_refused(sent, effects),
            Event::RequestArrived { transaction, message, source } => {
                self.on_request(transaction, &message, source, effects);
            }
            Event::ResponseArrived { transaction, message, source } => {
                self.on_response(transaction, &message, source, effects);
            }
            Event::TransactionFailed { timed_out, .. } => self.on_failed(timed_out, effects),
            Event::AckMissed(_) => self.on_ack_missed(effects),
            // What only the leg of who called is ordered or hears.
            Event::Ordered(_) | Event::AnsweredWithEcho(_) | Event::AckArrived(_) | Event::Cancelled => {}
        }
    }

    fn deadline(&self) -> Option<Monotonic> {
        None
    }

    fn expire(&mut self, _now: Now, _effects: &mut Vec<Effect>) {}

    fn is_finished(&self) -> bool {
        matches!(self.phase, Phase::Over)
    }
}
