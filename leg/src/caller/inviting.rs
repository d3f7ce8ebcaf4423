//! Before the answer: what rings goes to the caller, reliably where it requires that (RFC 3262), and what it may ask meanwhile.
//!
//! The answer itself, and all that follows, is the leg's.

use super::{CallerLeg, Phase};
use crate::flow::Flow;
use crate::negotiation::{answer_back, answer_ourselves, late_offer, offer_onwards};
use crate::reliable::Due;
use crate::replies::{reason_given, refusal, taken_back};
use crate::sdp::CONTENT_TYPE;
use crate::talk::{self, ALLOW, contact};
use crate::words::Effect;
use domain::call_control::LegEvent;
use domain::media::MediaDescription;
use domain::refusal::RefusalKind;
use domain::{Now, ReleaseCause};
use sip::endpoint::{Reply, ServerTransactionId, Source};
use sip::{Message, Method, Name};
use std::net::SocketAddr;

impl CallerLeg {
    pub(super) fn on_ring(
        &mut self,
        status: u16,
        media: Option<MediaDescription>,
        now: Now,
        effects: &mut Vec<Effect>,
    ) {
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
        let now_or_later = match &mut self.reliable {
            Some(reliable) => reliable.send(reply, now),
            None => Some(reply),
        };
        if let Some(reply) = now_or_later {
            self.respond(reply, effects);
        }
    }

    /// Before the answer a BYE ends the call as a CANCEL does (RFC 3261 15), a PRACK says that what rang was heard (RFC 3262), and an
    /// UPDATE may refresh, though not offer: the first offer is not answered (RFC 3311 5.2). After our own BYE everything is too
    /// late, and the BYE that crossed ours is answered as if it had been first.
    pub(super) fn on_request_without_talk(
        &mut self,
        transaction: ServerTransactionId,
        message: &Message,
        source: Source,
        now: Now,
        effects: &mut Vec<Effect>,
    ) {
        let mut respond = |reply| effects.push(Effect::Respond { transaction, reply });
        let Phase::Inviting(dialog) = &mut self.phase else {
            return match message.method() {
                Some(Method::Bye) => respond(Reply::new(200, "OK")),
                _ => talk::respond_481(transaction, effects),
            };
        };
        if source.peer.ip() != self.source.peer.ip() {
            return respond(talk::stranger(&self.identity));
        }
        if let Err(untimely) = dialog.take_request(message) {
            return respond(talk::untimely(&untimely));
        }
        match message.method() {
            Some(Method::Bye) => {
                respond(Reply::new(200, "OK"));
                self.reason_given(reason_given(message), effects);
                self.on_cancelled(effects);
            }
            Some(Method::Prack) => self.on_prack(transaction, message, now, effects),
            Some(Method::Update) if message.body().is_empty() => {
                respond(contact(Reply::new(200, "OK"), &self.identity).header(Name::Allow, ALLOW));
            }
            Some(Method::Update | Method::Invite) => {
                respond(Reply::refusing(RefusalKind::AnswerPending).header(Name::RetryAfter, "2"));
            }
            Some(Method::Options | Method::Info) => respond(Reply::new(200, "OK").header(Name::Allow, ALLOW)),
            _ => respond(Reply::refusing(RefusalKind::MethodNotAllowed).header(Name::Allow, ALLOW)),
        }
    }

    /// Why the caller gives up, while that is still to be decided.
    pub(super) fn reason_given(&self, q850: Option<u8>, effects: &mut Vec<Effect>) {
        if let (Some(q850), Phase::Inviting(_)) = (q850, &self.phase) {
            effects.push(Effect::Tell(LegEvent::ReasonGiven(q850)));
        }
    }

    pub(super) fn on_cancelled(&mut self, effects: &mut Vec<Effect>) {
        match &mut self.phase {
            Phase::Inviting(_) => {}
            Phase::Answered { talk, .. } | Phase::Talking(talk) => return talk.on_cancelled(effects),
            Phase::Leaving(_) | Phase::Over => return,
        }
        self.refuse(taken_back(), effects);
        effects.push(Effect::Tell(LegEvent::Cancelled));
    }

    fn on_prack(&mut self, transaction: ServerTransactionId, prack: &Message, now: Now, effects: &mut Vec<Effect>) {
        let heard = self.reliable.as_mut().map(|reliable| reliable.on_prack(prack, now));
        let Some(Ok(next)) = heard else { return talk::respond_481(transaction, effects) };
        effects.push(Effect::Respond { transaction, reply: Reply::new(200, "OK") });
        if let Some(next) = next {
            self.respond(next, effects);
        }
    }

    pub(super) fn on_reliable_due(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let Some(reliable) = self.reliable.as_mut().filter(|_| matches!(self.phase, Phase::Inviting(_))) else {
            return;
        };
        match reliable.expire(now) {
            Some(Due::Repeat(reply)) => self.respond(reply, effects),
            Some(Due::GiveUp) => {
                self.refuse(refusal(&RefusalKind::PrackMissing.into(), &self.identity.host), effects);
                effects.push(Effect::Tell(LegEvent::Released(ReleaseCause::SessionExpired)));
            }
            None => {}
        }
    }

    /// The caller hears itself.
    pub(super) fn on_answer_with_echo(&mut self, ours: SocketAddr, now: Now, effects: &mut Vec<Effect>) {
        self.ours = Some(ours);
        let described = match &self.offer {
            Some(offer) => answer_ourselves(offer, ours),
            None if self.is_late => offer_onwards(&late_offer(), ours).map(|offer| self.secured(offer)),
            None => None,
        };
        if let Some(session) = self.answer(described, Flow::BOTH, now, effects) {
            session.be_alone();
        }
    }
}
