//! The leg of who called: we are the server of its INVITE (UAS).
//!
//! Whether the call may be, and what becomes of it, is the call's to decide.
//!
//! | Phase | Until |
//! |---|---|
//! | inviting | a final answer |
//! | answered | the ACK, or 64*T1 without it |
//! | talking | BYE from either side |
//! | leaving | the answer to our BYE |
//! | over | - |

use crate::invitation;
use crate::negotiation::{answer_back, answer_ourselves, carried};
use crate::replies::{passed_on, refusal};
use crate::sdp::{CONTENT_TYPE, Origin, SdpFault, print};
use crate::secrecy::Secrecy;
use crate::talk::{self, ALLOW, Heard, Talk, contact, session_timer};
use crate::words::{Effect, Event, Identity, SoundOrder};
use bytes::Bytes;
use domain::call_control::{Invitation, LegEvent, LegOrder, Proof};
use domain::media::MediaDescription;
use domain::refusal::RefusalKind;
use domain::srtp::{KeySeed, SrtpPolicy};
use domain::{Machine, Monotonic, Now, Refusal, ReleaseCause};
use sip::dialog::Dialog;
use sip::endpoint::{Reply, ServerTransactionId, Source};
use sip::{Message, Method, Name, Wrong};
use std::net::SocketAddr;
use std::sync::Arc;

/// Hops where a request does not say (RFC 3261 8.1.1.6).
const HOPS_USUAL: u8 = 70;

/// The leg of who called.
#[derive(Debug)]
pub struct CallerLeg {
    identity: Arc<Identity>,
    invite: Message,
    transaction: ServerTransactionId,
    source: Source,
    offer: Option<MediaDescription>,
    offer_fault: Option<SdpFault>,
    secrecy: Secrecy,
    /// Where we receive the caller's sound, once that is known.
    ours: Option<SocketAddr>,
    origin: u64,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    Inviting(Dialog),
    Answered {
        talk: Talk,
        /// BYE may not be sent before the ACK (RFC 3261 15): why it is to be.
        release: Option<ReleaseCause>,
    },
    Talking(Talk),
    Leaving(Talk),
    Over,
}

impl CallerLeg {
    /// A leg for an INVITE that was accepted as `transaction`; `tag` is ours. Also gives what it asks for.
    ///
    /// # Errors
    /// A header without which there can be no dialog.
    pub fn invited(
        invite: Message,
        transaction: ServerTransactionId,
        source: Source,
        proof: Proof,
        tag: &str,
        identity: Arc<Identity>,
        effects: &mut Vec<Effect>,
    ) -> Result<(CallerLeg, Invitation), Wrong> {
        let dialog = Dialog::as_uas(&invite, tag)?;
        let (mut invitation, offer_fault) = invitation::read(&invite, proof, source.peer);
        invitation.is_signalling_secret = source.transport.is_secure();
        effects.push(Effect::BindDialog { call_id: dialog.call_id().into(), local_tag: dialog.local_tag().into() });
        let leg = CallerLeg {
            identity,
            transaction,
            source,
            offer: invitation.offer.clone(),
            offer_fault,
            secrecy: Secrecy::off(),
            ours: None,
            // Sixteen hexadecimal digits of tag are 64 bits of chance; a session id is decimal (RFC 8866 5.2).
            origin: u64::from_str_radix(tag.get(..15).unwrap_or(tag), 16).unwrap_or_default(),
            phase: Phase::Inviting(dialog),
            invite,
        };
        Ok((leg, invitation))
    }

    /// What the offer, if it can be carried, says about where the caller wants sound.
    pub fn sound(&self) -> Option<SoundOrder> {
        let stream = carried(self.offer.as_ref()?)?;
        let keying = self.secrecy.keying(stream).ok()?;
        SoundOrder::of(stream, self.source.peer.ip()).map(|order| order.keyed(keying))
    }

    /// How much its sound is to be secured, once it is known whose call it is; keys are minted from `seed`. Before anything is
    /// answered.
    pub fn secure(&mut self, policy: SrtpPolicy, seed: KeySeed) {
        self.secrecy = Secrecy::new(policy, seed);
        if let Some(Ok(permitted)) = self.offer.as_ref().map(|offer| offer.permitted(policy)) {
            self.offer = Some(permitted);
        }
        if let Some(stream) = self.offer.as_ref().and_then(carried) {
            self.secrecy.choose(stream);
        }
    }

    /// Hops that the call may still take, ours taken off, so that a call that comes round again ends (RFC 3261 16.3).
    pub fn hops_left(&self) -> u8 {
        let hops = self.invite.max_forwards().ok().flatten().unwrap_or(HOPS_USUAL);
        hops.min(HOPS_USUAL).saturating_sub(1)
    }

    /// Where we receive the caller's sound; to be told before the first [`LegOrder::Ring`] or [`LegOrder::Answer`] with media.
    pub fn sound_opened(&mut self, ours: SocketAddr) {
        self.ours = Some(ours);
    }

    fn respond(&self, reply: Reply, effects: &mut Vec<Effect>) {
        effects.push(Effect::Respond { transaction: self.transaction, reply });
    }

    fn on_ordered(&mut self, order: LegOrder, effects: &mut Vec<Effect>) {
        match order {
            LegOrder::Ring { status, media } => self.on_ring(status, media, effects),
            LegOrder::Answer { media } => self.on_answer(|offer, ours| answer_back(offer, &media, ours), effects),
            LegOrder::Refuse(why) => self.on_refuse(why, effects),
            LegOrder::RefuseAs { status, cause, sentence } => {
                let reply = passed_on(status, cause, sentence.as_deref(), &self.identity);
                self.refuse(reply, effects);
            }
            LegOrder::Release(cause) => self.on_release(cause, effects),
            // The caller's leg is not invited; it invited.
            LegOrder::Invite(_) => {}
        }
    }

    fn on_ring(&mut self, status: u16, media: Option<MediaDescription>, effects: &mut Vec<Effect>) {
        let Phase::Inviting(dialog) = &self.phase else { return };
        let phrase = match status {
            180 => "Ringing",
            181 => "Call Is Being Forwarded",
            182 => "Queued",
            183 => "Session Progress",
            _ => "Progress",
        };
        let reply = contact(Reply::new(status, phrase).tag(dialog.local_tag()), &self.identity);
        let described = media.zip(self.offer.as_ref()).zip(self.ours);
        let answer = described.and_then(|((media, offer), ours)| Some((answer_back(offer, &media, ours)?, ours)));
        let reply = match answer {
            Some((answer, ours)) => reply.body(CONTENT_TYPE, self.printed(&answer, ours)),
            None => reply,
        };
        self.respond(reply, effects);
    }

    fn on_answer(
        &mut self,
        answer: impl FnOnce(&MediaDescription, SocketAddr) -> Option<MediaDescription>,
        effects: &mut Vec<Effect>,
    ) {
        let Phase::Inviting(dialog) = &self.phase else { return };
        let answered = self.offer.as_ref().zip(self.ours).and_then(|(offer, ours)| Some((answer(offer, ours)?, ours)));
        let Some((answer, ours)) = answered else {
            // The two sides have no format in common: nobody would hear anything.
            self.on_refuse(RefusalKind::NoCommonCodec.into(), effects);
            effects.push(Effect::Tell(LegEvent::Released(ReleaseCause::IncompatibleMedia)));
            return;
        };
        let body = self.printed(&answer, ours);
        let reply = contact(Reply::new(200, "OK").tag(dialog.local_tag()), &self.identity).header(Name::Allow, ALLOW);
        let reply = session_timer(reply, &self.invite).body(CONTENT_TYPE, body.clone());
        let mut dialog = dialog.clone();
        dialog.confirm();
        self.respond(reply, effects);
        let origin = Origin { session: self.origin, version: 1, address: ours.ip() };
        let secrecy = std::mem::replace(&mut self.secrecy, Secrecy::off());
        let talk = Talk::new(dialog, (body, origin), self.offer.clone().unwrap_or_default(), secrecy, self.source);
        self.phase = Phase::Answered { talk, release: None };
    }

    fn on_refuse(&mut self, mut why: Refusal, effects: &mut Vec<Effect>) {
        if let (RefusalKind::NoCommonCodec, Some(fault)) = (why.kind, &self.offer_fault) {
            why = Refusal::saying(why.kind, fault.to_string());
        } else if why.kind == RefusalKind::NoCommonCodec && self.offer.is_none() {
            why = Refusal::saying(why.kind, "The INVITE carries no session description; send the offer in the INVITE");
        }
        self.refuse(refusal(&why, &self.identity.host), effects);
    }

    fn refuse(&mut self, reply: Reply, effects: &mut Vec<Effect>) {
        let Phase::Inviting(dialog) = &self.phase else { return };
        let unbind = talk::unbind(dialog);
        let reply = reply.tag(dialog.local_tag());
        self.respond(reply, effects);
        effects.push(unbind);
        self.phase = Phase::Over;
    }

    fn on_release(&mut self, cause: ReleaseCause, effects: &mut Vec<Effect>) {
        match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Inviting(dialog) => {
                self.phase = Phase::Inviting(dialog);
                self.refuse(passed_on(480, cause, None, &self.identity), effects);
            }
            Phase::Answered { talk, release } => {
                self.phase = Phase::Answered { talk, release: release.or(Some(cause)) };
            }
            Phase::Talking(talk) => self.leave(talk, cause, effects),
            phase @ (Phase::Leaving(_) | Phase::Over) => self.phase = phase,
        }
    }

    fn leave(&mut self, mut talk: Talk, cause: ReleaseCause, effects: &mut Vec<Effect>) {
        talk.bye(cause, &self.identity, effects);
        self.phase = Phase::Leaving(talk);
    }

    fn on_ack(&mut self, transaction: ServerTransactionId, effects: &mut Vec<Effect>) {
        // The ACK to a re-INVITE confirms nothing new.
        if transaction != self.transaction {
            return;
        }
        match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Answered { talk, release: None } => self.phase = Phase::Talking(talk),
            Phase::Answered { talk, release: Some(cause) } => self.leave(talk, cause, effects),
            phase => self.phase = phase,
        }
    }

    fn on_ack_missed(&mut self, effects: &mut Vec<Effect>) {
        let (talk, told) = match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Answered { talk, release } => (talk, release),
            // A re-INVITE whose ACK is missing: its session is as unconfirmed as a first one's.
            Phase::Talking(talk) => (talk, None),
            phase => {
                self.phase = phase;
                return;
            }
        };
        self.leave(talk, told.unwrap_or(ReleaseCause::SessionExpired), effects);
        if told.is_none() {
            effects.push(Effect::Tell(LegEvent::Released(ReleaseCause::SessionExpired)));
        }
    }

    fn on_cancelled(&mut self, effects: &mut Vec<Effect>) {
        if !matches!(self.phase, Phase::Inviting(_)) {
            return;
        }
        self.refuse(passed_on(487, ReleaseCause::Cancelled, None, &self.identity), effects);
        effects.push(Effect::Tell(LegEvent::Cancelled));
    }

    fn on_request(
        &mut self,
        transaction: ServerTransactionId,
        message: &Message,
        source: Source,
        effects: &mut Vec<Effect>,
    ) {
        let (Phase::Answered { talk, .. } | Phase::Talking(talk)) = &mut self.phase else {
            return self.on_request_without_talk(transaction, message, effects);
        };
        if let Heard::HungUp = talk.on_request(transaction, message, source, &self.identity, effects) {
            effects.push(talk.unbind());
            self.phase = Phase::Over;
            effects.push(Effect::Tell(LegEvent::Released(ReleaseCause::Normal)));
        }
    }

    /// Before the answer a BYE ends the call as a CANCEL does (RFC 3261 15); after our own BYE everything is too late, and
    /// the BYE that crossed ours is answered as if it had been first.
    fn on_request_without_talk(
        &mut self,
        transaction: ServerTransactionId,
        message: &Message,
        effects: &mut Vec<Effect>,
    ) {
        let is_bye = message.method() == Some(&Method::Bye);
        let reply = if is_bye { Reply::new(200, "OK") } else { Reply::new(481, "Call/Transaction Does Not Exist") };
        effects.push(Effect::Respond { transaction, reply });
        if is_bye {
            self.on_cancelled(effects);
        }
    }

    /// Our BYE was answered, or never will be: either way nothing more is owed.
    fn on_bye_ended(&mut self, effects: &mut Vec<Effect>) {
        if let Phase::Leaving(talk) = &self.phase {
            effects.push(talk.unbind());
            self.phase = Phase::Over;
        }
    }

    fn printed(&self, answer: &MediaDescription, ours: SocketAddr) -> Bytes {
        let mut answer = answer.clone();
        if let Some(stream) = answer.streams.iter_mut().find(|stream| stream.receives_at.is_some()) {
            self.secrecy.answer(stream);
        }
        print(&answer, Origin { session: self.origin, version: 1, address: ours.ip() }).into()
    }
}

impl Machine for CallerLeg {
    type Event = Event;
    type Effect = Effect;

    fn handle(&mut self, event: Event, _now: Now, effects: &mut Vec<Effect>) {
        match event {
            Event::Ordered(order) => self.on_ordered(order, effects),
            Event::AnsweredWithEcho(ours) => {
                self.ours = Some(ours);
                self.on_answer(answer_ourselves, effects);
            }
            Event::RequestArrived { transaction, message, source } => {
                self.on_request(transaction, &message, source, effects);
            }
            Event::AckArrived(transaction) => self.on_ack(transaction, effects),
            Event::AckMissed(_) => self.on_ack_missed(effects),
            Event::Cancelled => self.on_cancelled(effects),
            Event::ResponseArrived { message, .. } if message.status().is_some_and(|status| status >= 200) => {
                self.on_bye_ended(effects);
            }
            Event::RequestRefused(_) | Event::TransactionFailed { .. } => self.on_bye_ended(effects),
            Event::RequestSent(..) | Event::ResponseArrived { .. } => {}
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
