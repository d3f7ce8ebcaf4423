//! The leg of who called: we are the server of its INVITE (UAS).
//!
//! Whether the call may be, and what becomes of it, is the call's to decide.
//!
//! | Phase | Until |
//! |---|---|
//! | inviting | a final answer; where the caller requires 100rel, also the PRACKs to what rings |
//! | answered | the ACK, or 64*T1 without it |
//! | talking | BYE from either side |
//! | leaving | the answer to our BYE |
//! | over | - |

mod advising;
mod inviting;
mod known;
mod leaving;
mod passing;
mod securing;

use crate::flow::Flow;
use crate::invitation;
use crate::negotiation::{answer_back, carried, late_offer, offer_onwards};
use crate::noting;
use crate::passing::Passing;
use crate::proving::{self, Proving};
use crate::reliable::{self, Reliable};
use crate::replies::{Given, passed_on, refusal};
use crate::sdp::{CONTENT_TYPE, Origin, SdpFault, print};
use crate::secrecy::Secrecy;
use crate::session_timer::SessionTimer;
use crate::talk::{self, ALLOW, Agreed, Heard, Parted, SUPPORTED, Session, Talk, contact};
use crate::words::{Effect, Event, Identity, Sent};
use bytes::Bytes;
use domain::advice::AdviceOfCharge;
use domain::call_control::{Invitation, LegEvent, LegOrder, Proof};
use domain::dtmf::DtmfPolicy;
use domain::fax::FaxPolicy;
use domain::media::MediaDescription;
use domain::refusal::RefusalKind;
use domain::{Machine, Monotonic, Now, Refusal, ReleaseCause};
use sip::dialog::Dialog;
use sip::endpoint::{ClientTransactionId, Reply, ServerTransactionId, Source, TransactionId};
use sip::{Message, Name, Wrong};
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
    /// Whether the caller leaves the offer to us (RFC 3261 13.2.1): it goes out in the 200, and the ACK brings the answer.
    is_late: bool,
    secrecy: Secrecy,
    /// What is done about fax over T.38.
    t38: FaxPolicy,
    /// How the caller hears keys.
    dtmf: DtmfPolicy,
    /// How much the caller is told of the charge.
    advice: AdviceOfCharge,
    /// Where we receive the caller's sound, once that is known.
    ours: Option<SocketAddr>,
    origin: u64,
    /// Our description as it was sent last, and its version.
    described: (Bytes, u64),
    /// Where the caller may ask who we are.
    proving: Option<Box<Proving>>,
    /// Why the called side ends it.
    given: Given,
    /// Which headers go along with what is said.
    passing: Passing,
    /// Where the caller requires that what rings is heard.
    reliable: Option<Box<Reliable>>,
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
    /// Hung up; the answer waits for what the call has cost.
    Parting(Parted),
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
        let offer = invitation.offer.clone();
        let must_hear = reliable::is_required(&invite);
        // The first reliable response would have to bring the offer (RFC 3262 5), before anybody has answered.
        let is_late = invite.body().is_empty() && !must_hear;
        if is_late {
            invitation.offer = Some(late_offer());
        }
        effects.push(Effect::BindDialog { call_id: dialog.call_id().into(), local_tag: dialog.local_tag().into() });
        let leg = CallerLeg {
            identity,
            transaction,
            source,
            offer,
            offer_fault,
            is_late,
            secrecy: Secrecy::off(),
            t38: FaxPolicy::Refuse,
            dtmf: DtmfPolicy::default(),
            advice: AdviceOfCharge::Off,
            ours: None,
            // Sixteen hexadecimal digits of tag are 64 bits of chance; a session id is decimal (RFC 8866 5.2).
            origin: u64::from_str_radix(tag.get(..15).unwrap_or(tag), 16).unwrap_or_default(),
            described: (Bytes::new(), 1),
            proving: None,
            given: Given::default(),
            passing: Passing::default(),
            reliable: must_hear.then(|| Box::new(Reliable::new(&invite, reliable::first_rseq(tag)))),
            phase: Phase::Inviting(dialog),
            invite,
        };
        Ok((leg, invitation))
    }

    /// Hops that the call may still take, ours taken off, so that a call that comes round again ends (RFC 3261 16.3).
    pub fn hops_left(&self) -> u8 {
        let hops = self.invite.max_forwards().ok().flatten().unwrap_or(HOPS_USUAL);
        hops.min(HOPS_USUAL).saturating_sub(1)
    }

    /// Whether the caller has yet to say that it heard what rings: until then nobody is answered (RFC 3262 3), so that nothing is charged
    /// either (R10).
    pub fn is_to_hear_ringing(&self) -> bool {
        let is_unheard = self.reliable.as_ref().is_some_and(|reliable| !reliable.is_heard());
        is_unheard && matches!(self.phase, Phase::Inviting(_))
    }

    /// Where we receive the caller's sound; to be told before the first [`LegOrder::Ring`] or [`LegOrder::Answer`] with media.
    pub fn sound_opened(&mut self, ours: SocketAddr) {
        self.ours = Some(ours);
    }

    fn respond(&self, reply: Reply, effects: &mut Vec<Effect>) {
        effects.push(Effect::Respond { transaction: self.transaction, reply });
    }

    fn on_ordered(&mut self, order: LegOrder, now: Now, effects: &mut Vec<Effect>) {
        match order {
            LegOrder::Ring { status, media } => self.on_ring(status, media, now, effects),
            LegOrder::Answer { media } => self.on_answer(media, now, effects),
            LegOrder::Session(word) => {
                if let Phase::Answered { talk, release: None } | Phase::Talking(talk) = &mut self.phase {
                    talk.on_word(word, now, &self.identity, effects);
                }
            }
            LegOrder::Refuse(why) => self.on_refuse(why, effects),
            LegOrder::RefuseAs { status, cause, kind, sentence } => {
                let reply = passed_on(status, self.why(cause), kind, sentence.as_deref(), &self.identity);
                self.refuse(reply, effects);
            }
            LegOrder::GiveReason(q850) => self.given.q850 = Some(q850),
            LegOrder::GiveSipReason(reason) => self.given.sip = Some(reason),
            LegOrder::Accompany { lines, order } => self.on_accompanied(lines, *order, now, effects),
            LegOrder::Quote(quote) => self.on_quote(quote, now, effects),
            LegOrder::Advise(advice) => self.on_advise(advice, now, effects),
            LegOrder::Release(cause) => self.on_release(cause, effects),
            // The caller's leg is not invited; it invited.
            LegOrder::Invite(_) => {}
        }
    }

    fn on_answer(&mut self, media: MediaDescription, now: Now, effects: &mut Vec<Effect>) {
        let described = match (&self.offer, self.ours) {
            (Some(offer), Some(ours)) => answer_back(offer, &media, ours),
            (None, Some(ours)) if self.is_late => offer_onwards(&media, ours).map(|offer| self.secured(offer)),
            _ => None,
        };
        let partner = carried(&media).map_or(Flow::BOTH, Flow::said_by);
        self.answer(described, partner, now, effects);
    }

    fn answer(
        &mut self,
        described: Option<MediaDescription>,
        partner: Flow,
        now: Now,
        effects: &mut Vec<Effect>,
    ) -> Option<&mut Session> {
        let Phase::Inviting(_) = &self.phase else { return None };
        let Some((answer, ours)) = described.zip(self.ours) else {
            // The two sides have no format in common: nobody would hear anything.
            self.on_refuse(RefusalKind::NoCommonCodec.into(), effects);
            effects.push(Effect::Tell(LegEvent::Released(ReleaseCause::IncompatibleMedia)));
            return None;
        };
        // What was answered reliably is not answered again (RFC 6337 3.1.1): the session goes on as it is.
        let is_answered = self.reliable.as_ref().is_some_and(|reliable| reliable.has_answered());
        let body = if is_answered { self.described.0.clone() } else { self.printed(&answer, ours) };
        let Phase::Inviting(dialog) = &self.phase else { return None };
        let mut timer = SessionTimer::new(self.identity.timers);
        let reply = contact(Reply::new(200, "OK").tag(dialog.local_tag()), &self.identity)
            .header(Name::Allow, ALLOW)
            .header(Name::Supported, SUPPORTED);
        let reply = timer.grant(&self.invite, reply);
        let reply = self.passing.reply(if is_answered { reply } else { reply.body(CONTENT_TYPE, body.clone()) });
        let mut dialog = dialog.clone();
        dialog.confirm();
        self.respond(reply, effects);
        let origin = Origin { session: self.origin, version: self.described.1, address: ours.ip() };
        let sound = self.sound();
        let secrecy = std::mem::replace(&mut self.secrecy, Secrecy::off());
        let theirs = self.offer.take().unwrap_or_default();
        let mut session = Session::new(body, origin, theirs, partner, secrecy)
            .with_fax(self.t38)
            .with_keys(self.dtmf, talk::takes_info(&self.invite));
        session.sound_stands(sound);
        let (source, passing) = (self.source, self.passing.clone());
        let agreed = Agreed { dialog, session, timer, contact: None, source, passing, said: &self.invite };
        let mut talk = Talk::new(agreed, now);
        talk.await_ack(self.transaction, self.is_late);
        talk.take_advice(self.advice);
        self.phase = Phase::Answered { talk, release: None };
        match &mut self.phase {
            Phase::Answered { talk, .. } => Some(&mut talk.session),
            _ => None,
        }
    }

    fn on_refuse(&mut self, mut why: Refusal, effects: &mut Vec<Effect>) {
        if let (RefusalKind::NoCommonCodec, Some(fault)) = (why.kind, &self.offer_fault) {
            why = Refusal::saying(why.kind, fault.to_string());
        } else if why.kind == RefusalKind::NoCommonCodec && self.offer.is_none() {
            let sentence = "An INVITE that requires 100rel must bring the offer; send a session description in it";
            why = Refusal::saying(why.kind, sentence);
        }
        self.refuse(refusal(&why, &self.identity.host), effects);
    }

    fn refuse(&mut self, reply: Reply, effects: &mut Vec<Effect>) {
        let Phase::Inviting(dialog) = &self.phase else { return };
        let unbind = talk::unbind(dialog);
        let reply = self.passing.reply(reply.tag(dialog.local_tag()));
        self.respond(reply, effects);
        effects.push(unbind);
        self.phase = Phase::Over;
    }

    fn on_ack(&mut self, transaction: ServerTransactionId, ack: &Message, now: Now, effects: &mut Vec<Effect>) {
        let is_first = transaction == self.transaction;
        let heard = match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Answered { talk, release: Some(cause) } if is_first => return self.leave(talk, cause, effects),
            Phase::Answered { mut talk, release: None } if is_first => {
                let heard = talk.on_ack(transaction, ack, now, &self.identity, effects);
                talk.send_advice(now, &self.identity, effects);
                self.phase = Phase::Talking(talk);
                heard
            }
            Phase::Answered { mut talk, release } => {
                let heard = talk.on_ack(transaction, ack, now, &self.identity, effects);
                self.phase = Phase::Answered { talk, release };
                heard
            }
            Phase::Talking(mut talk) => {
                let heard = talk.on_ack(transaction, ack, now, &self.identity, effects);
                self.phase = Phase::Talking(talk);
                heard
            }
            phase => {
                self.phase = phase;
                return;
            }
        };
        self.obey(heard, effects);
    }

    /// What was heard inside the dialog may end the call.
    fn obey(&mut self, heard: Heard, effects: &mut Vec<Effect>) {
        match heard {
            Heard::Nothing => {}
            Heard::HungUp(mut parting) => {
                if let Phase::Answered { talk, .. } | Phase::Talking(talk) = &self.phase {
                    effects.push(talk.unbind());
                }
                self.phase = parting.take_parted().map_or(Phase::Over, Phase::Parting);
                parting.tell(effects);
            }
            Heard::Dead(cause) => match std::mem::replace(&mut self.phase, Phase::Over) {
                Phase::Answered { talk, .. } | Phase::Talking(talk) => {
                    self.leave(talk, cause, effects);
                    effects.push(Effect::Tell(LegEvent::Released(cause)));
                }
                // Who has hung up waits for the answer to that.
                phase => self.phase = phase,
            },
        }
    }

    fn on_request(
        &mut self,
        transaction: ServerTransactionId,
        message: &Message,
        source: Source,
        now: Now,
        effects: &mut Vec<Effect>,
    ) {
        let heard = match &mut self.phase {
            Phase::Answered { talk, .. } | Phase::Talking(talk) => {
                talk.on_request(transaction, message, source, now, &self.identity, effects)
            }
            Phase::Inviting(_) | Phase::Leaving(_) | Phase::Parting(_) | Phase::Over => {
                return self.on_request_without_talk(transaction, message, source, now, effects);
            }
        };
        self.obey(heard, effects);
    }

    /// A response to a request of ours: to the BYE, to a re-INVITE or UPDATE, to an INFO.
    fn on_response(
        &mut self,
        transaction: ClientTransactionId,
        response: &Message,
        source: Source,
        now: Now,
        effects: &mut Vec<Effect>,
    ) {
        let (Phase::Answered { talk, .. } | Phase::Talking(talk) | Phase::Leaving(talk)) = &mut self.phase else {
            return;
        };
        if talk.is_bye(transaction) {
            if response.status().is_some_and(|status| status >= 200) {
                self.on_bye_ended(effects);
            }
            return;
        }
        let heard = talk.on_response(transaction, response, source, now, &self.identity, effects);
        self.obey(heard, effects);
    }

    /// A request of ours got no answer, or a response of ours could not be delivered.
    fn on_failed(&mut self, transaction: TransactionId, effects: &mut Vec<Effect>) {
        let (Phase::Answered { talk, .. } | Phase::Talking(talk) | Phase::Leaving(talk)) = &mut self.phase else {
            return;
        };
        let TransactionId::Client(transaction) = transaction else { return };
        if talk.is_bye(transaction) {
            return self.on_bye_ended(effects);
        }
        let heard = talk.on_failed(transaction);
        self.obey(heard, effects);
    }

    fn on_request_sent(&mut self, sent: Sent, transaction: ClientTransactionId) {
        if let Phase::Answered { talk, .. } | Phase::Talking(talk) | Phase::Leaving(talk) = &mut self.phase {
            talk.on_sent(sent, transaction);
        }
    }

    fn on_request_refused(&mut self, sent: Sent, effects: &mut Vec<Effect>) {
        match (sent, &mut self.phase) {
            (Sent::Bye, _) => self.on_bye_ended(effects),
            (Sent::Change, Phase::Answered { talk, .. } | Phase::Talking(talk)) => talk.on_unsent(effects),
            (Sent::Keys, Phase::Answered { talk, .. } | Phase::Talking(talk)) => talk.forget_keys(),
            (Sent::Advice, Phase::Answered { talk, .. } | Phase::Talking(talk)) => talk.forget_advice(),
            _ => {}
        }
    }

    /// The version counts only where the description changes (RFC 3264 8).
    fn printed(&mut self, answer: &MediaDescription, ours: SocketAddr) -> Bytes {
        let mut answer = answer.clone();
        if let Some(stream) = answer.streams.iter_mut().find(|stream| stream.receives_at.is_some() && !stream.is_fax())
        {
            self.secrecy.answer(stream);
        }
        let (former, version) = &self.described;
        let origin = Origin { session: self.origin, version: *version, address: ours.ip() };
        let text = Bytes::from(print(&answer, origin));
        self.described = match former.is_empty() || *former == text {
            true => (text, *version),
            false => (print(&answer, Origin { version: version + 1, ..origin }).into(), version + 1),
        };
        self.described.0.clone()
    }
}

impl Machine for CallerLeg {
    type Event = Event;
    type Effect = Effect;

    fn handle(&mut self, event: Event, now: Now, effects: &mut Vec<Effect>) {
        proving::handle(self, event, now, effects);
    }

    fn deadline(&self) -> Option<Monotonic> {
        match &self.phase {
            Phase::Inviting(_) => self.reliable.as_ref().and_then(|reliable| reliable.deadline()),
            Phase::Answered { talk, .. } | Phase::Talking(talk) => talk.deadline(),
            Phase::Parting(parted) => Some(parted.until),
            Phase::Leaving(_) | Phase::Over => None,
        }
    }

    fn expire(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let first = effects.len();
        let heard = match &mut self.phase {
            Phase::Inviting(_) => return self.on_reliable_due(now, effects),
            Phase::Answered { talk, .. } | Phase::Talking(talk) => talk.expire(now, &self.identity, effects),
            Phase::Parting(_) => return self.part(None, effects),
            Phase::Leaving(_) | Phase::Over => Heard::Nothing,
        };
        self.obey(heard, effects);
        proving::sign(self, first, effects);
    }

    fn is_finished(&self) -> bool {
        matches!(self.phase, Phase::Over)
    }
}

impl CallerLeg {
    fn on_event(&mut self, event: Event, now: Now, effects: &mut Vec<Effect>) {
        match event {
            Event::Ordered(order) => self.on_ordered(order, now, effects),
            Event::AnsweredWithEcho(ours) => self.on_answer_with_echo(ours, now, effects),
            Event::KeyHeard(key) => self.on_key_heard(key, effects),
            Event::RequestArrived { transaction, message, source } => {
                let (peer, first) = (self.source.peer.ip(), effects.len());
                self.on_request(transaction, &message, source, now, effects);
                noting::note_refused((transaction, &message, &source), peer, first, effects);
            }
            Event::RequestTurnedAway { message, source, because } => {
                effects.push(noting::note(&message, &source, because, self.source.peer.ip()));
            }
            Event::AckArrived { transaction, message } => self.on_ack(transaction, &message, now, effects),
            Event::AckMissed(_) => self.on_ack_missed(effects),
            Event::Cancelled(given) => {
                self.reason_given(given, effects);
                self.on_cancelled(effects);
            }
            Event::ResponseArrived { transaction, message, source } => {
                self.on_response(transaction, &message, source, now, effects);
            }
            Event::TransactionFailed { transaction, .. } => self.on_failed(transaction, effects),
            Event::RequestSent(sent, transaction) => self.on_request_sent(sent, transaction),
            Event::RequestRefused(sent) => self.on_request_refused(sent, effects),
        }
    }
}
