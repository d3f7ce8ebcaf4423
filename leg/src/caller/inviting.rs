//! Before the answer: what rings goes to the caller, reliably where it requires that (RFC 3262), and what it may ask meanwhile.
//!
//! The answer itself, and all that follows, is the leg's.

use super::{CallerLeg, Phase};
use crate::flow::Flow;
use crate::invitation::offer_in;
use crate::negotiation::{answer_back, answer_ourselves, late_offer, offer_onwards};
use crate::reliable::{Due, Said};
use crate::replies::{Given, reasons_given, refusal, taken_back};
use crate::sdp::{CONTENT_TYPE, Origin};
use crate::secrecy::Secrecy;
use crate::talk::{self, ALLOW, Judgement, Session, contact};
use crate::words::Effect;
use domain::call_control::LegEvent;
use domain::media::MediaDescription;
use domain::refusal::RefusalKind;
use domain::{Now, Refusal, ReleaseCause};
use sip::endpoint::{Reply, ServerTransactionId, Source};
use sip::{Message, Method, Name};
use std::net::SocketAddr;

/// Seconds after which whoever offers too early may try again (RFC 3311 5.2: 0 to 10).
const RETRY_AFTER_S: &str = "2";

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
        let describes = answer.is_some();
        let reply = match answer {
            Some((answer, ours)) => reply.body(CONTENT_TYPE, self.printed(&answer, ours)),
            None => reply,
        };
        let reply = self.passing.reply(reply);
        let now_or_later = match &mut self.reliable {
            Some(reliable) => reliable.send(Said { reply, describes }, now),
            None => Some(reply),
        };
        if let Some(reply) = now_or_later {
            self.respond(reply, effects);
        }
    }

    /// Before the answer a BYE ends the call as a CANCEL does (RFC 3261 15), a PRACK says that what rang was heard (RFC 3262), and an
    /// UPDATE may refresh; it may offer as soon as the first offer was answered reliably (RFC 3311 5.2). After our own BYE everything is
    /// too late, and the BYE that crossed ours is answered as if it had been first.
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
                self.reason_given(reasons_given(message), effects);
                self.on_cancelled(effects);
            }
            Some(Method::Prack) => self.on_prack(transaction, message, now, effects),
            Some(Method::Update) => {
                let reply = contact(Reply::new(200, "OK"), &self.identity).header(Name::Allow, ALLOW);
                self.accept_early(transaction, message, reply, effects);
            }
            Some(Method::Invite) => {
                respond(Reply::refusing(RefusalKind::AnswerPending).header(Name::RetryAfter, RETRY_AFTER_S));
            }
            Some(Method::Options | Method::Info) => respond(Reply::new(200, "OK").header(Name::Allow, ALLOW)),
            _ => respond(Reply::refusing(RefusalKind::MethodNotAllowed).header(Name::Allow, ALLOW)),
        }
    }

    /// Why the caller gives up, while that is still to be decided.
    pub(super) fn reason_given(&self, given: Given, effects: &mut Vec<Effect>) {
        if let Phase::Inviting(_) = &self.phase {
            given.tell(effects);
        }
    }

    pub(super) fn on_cancelled(&mut self, effects: &mut Vec<Effect>) {
        match &mut self.phase {
            Phase::Inviting(_) => {}
            Phase::Answered { talk, .. } | Phase::Talking(talk) => return talk.on_cancelled(effects),
            Phase::Leaving(_) | Phase::Parting(_) | Phase::Over => return,
        }
        self.refuse(taken_back(), effects);
        effects.push(Effect::Tell(LegEvent::Cancelled));
    }

    fn on_prack(&mut self, transaction: ServerTransactionId, prack: &Message, now: Now, effects: &mut Vec<Effect>) {
        let heard = self.reliable.as_mut().map(|reliable| reliable.on_prack(prack, now));
        let Some(Ok(next)) = heard else { return talk::respond_481(transaction, effects) };
        self.accept_early(transaction, prack, Reply::new(200, "OK"), effects);
        if let Some(next) = next {
            self.respond(next, effects);
        }
    }

    /// Accepts a request with `reply`; an offer in it is answered, if the first offer was (RFC 3262 5, RFC 3311 5.2). What the called side
    /// has to agree to waits for its answer to the call.
    fn accept_early(
        &mut self,
        transaction: ServerTransactionId,
        request: &Message,
        reply: Reply,
        effects: &mut Vec<Effect>,
    ) {
        let mut respond = |reply| effects.push(Effect::Respond { transaction, reply });
        let offer = match offer_in(request) {
            _ if request.body().is_empty() => return respond(reply),
            Ok(Some(offer)) => offer,
            Ok(None) | Err(_) => return respond(refusal(&RefusalKind::NoCommonCodec.into(), &self.identity.host)),
        };
        let is_answered = self.reliable.as_ref().is_some_and(|reliable| reliable.has_answered());
        let (Some(theirs), Some(ours), true) = (self.offer.clone(), self.ours, is_answered) else {
            return respond(Reply::refusing(RefusalKind::AnswerPending).header(Name::RetryAfter, RETRY_AFTER_S));
        };
        let (text, version) = self.described.clone();
        let origin = Origin { session: self.origin, version, address: ours.ip() };
        let secrecy = std::mem::replace(&mut self.secrecy, Secrecy::off());
        let takes_info = talk::takes_info(&self.invite);
        let mut session = Session::new(text, origin, theirs, Flow::BOTH, secrecy).with_keys(self.dtmf, takes_info);
        let offer = session.permitted(offer);
        match session.judge(&offer) {
            Judgement::Here(answer) => {
                let text = session.take_offer(offer.clone(), &answer);
                self.described = (text.clone(), session.origin().version);
                self.offer = Some(offer);
                respond(reply.body(CONTENT_TYPE, text));
                effects.extend(session.sound(self.source.peer.ip()).map(Effect::Sound));
            }
            Judgement::Partner | Judgement::Refused(..) => {
                let sentence = "Before the answer other codecs cannot be agreed; the call goes on unchanged";
                let why = Refusal::saying(RefusalKind::NoCommonCodec, sentence);
                respond(refusal(&why, &self.identity.host));
            }
        }
        self.secrecy = session.into_secrecy();
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
