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

mod calling;
mod hopping;
mod leaving;
mod machine;

use crate::early::{EarlyDialogs, Provisional};
use crate::flow::Flow;
use crate::invitation::offer_in;
use crate::inviting::Inviting;
use crate::keys;
use crate::negotiation::{carried, fax, offer_onwards};
use crate::passing::Passing;
use crate::presenting;
use crate::proving::{self, Proving};
use crate::reach::next_hop;
use crate::replies::{Given, reason_lines, reasons_given};
use crate::sdp::{Origin, print};
use crate::secrecy::Secrecy;
use crate::session_timer::SessionTimer;
use crate::talk::{self, Agreed, Heard, Session, Talk};
use crate::target::Target;
use crate::words::{Effect, Identity, Sent};
use bytes::Bytes;
use domain::call_control::{LegEvent, LegFailure, OutgoingInvitation, SessionWord};
use domain::dtmf::DtmfPolicy;
use domain::fax::FaxPolicy;
use domain::media::MediaDescription;
use domain::srtp::{KeySeed, SrtpPolicy};
use domain::{Entropy, Now, ReleaseCause};
use hopping::Hops;
use sip::dialog::Calling;
use sip::endpoint::{ClientTransactionId, Destination, Reply, ServerTransactionId, Source, TransactionId};
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
    /// Which way the caller wants sound to flow.
    partner: Flow,
    timer: SessionTimer,
    /// The INVITE as it was sent, for another one where the called side wants a longer session interval.
    sent: Bytes,
    early: EarlyDialogs,
    secrecy: Secrecy,
    /// Where else it may be called.
    hops: Hops,
    /// Where the called side may ask who we are.
    proving: Option<Box<Proving>>,
    /// What is done about fax over T.38.
    t38: FaxPolicy,
    /// How it hears keys.
    dtmf: DtmfPolicy,
    invite: Option<ClientTransactionId>,
    /// Why the caller ends it.
    given: Given,
    /// Which headers go along with what is said.
    passing: Passing,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    Calling,
    /// Given up; the CANCEL is ordered, or waits for the transaction's name.
    Cancelling(ReleaseCause),
    Talking(Talk),
    Leaving(Talk),
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
        let local = presenting::from(&order.caller_id, &identity);
        let to = target.to(order.callee, &identity);
        let contact = target.our_contact(&order.caller_id, order.manner.compat, &identity);
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
        let chance = Entropy::from_seed(naming.key_seed.0).fork();
        let proving = target.account().map(|account| Proving::new(Arc::clone(account), chance));
        let destination = target.destination();
        let timer = SessionTimer::new(identity.timers);
        let mut leg = CalledLeg {
            identity,
            destination,
            contact,
            calling,
            ours: Bytes::new(),
            origin: Origin { session: origin, version: 1, address: ours.ip() },
            partner: carried(&order.offer).map_or(Flow::BOTH, Flow::said_by),
            timer,
            sent: Bytes::new(),
            early: EarlyDialogs::default(),
            secrecy: Secrecy::new(order.srtp, naming.key_seed),
            hops: Hops::of(target, order.callee),
            proving,
            t38: order.manner.t38,
            dtmf: order.manner.dtmf,
            invite: None,
            given: Given::default(),
            passing: Passing::by(Arc::clone(&order.manner.policy)),
            phase,
        };
        // UDPTL knows no keys of SDES.
        let has_fax = order.manner.t38 == FaxPolicy::Relay && order.srtp != SrtpPolicy::Required;
        let is_taken = |offer: &MediaDescription| has_fax || fax(offer).is_none();
        match (request_uri, offer_onwards(&order.offer, ours).filter(is_taken)) {
            (None, _) => {
                leg.phase = Phase::Over;
                effects.push(Effect::Tell(LegEvent::Failed(LegFailure::Transport)));
            }
            (Some(_), Some(mut offer)) => {
                let sounds = offer.streams.iter_mut().filter(|stream| !stream.is_fax());
                sounds.for_each(|stream| leg.secrecy.offer(stream));
                leg.ours = print(&offer, leg.origin).into();
                leg.send_invite(order, effects);
                proving::sign(&mut leg, 0, effects);
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

    fn send_invite(&mut self, order: &OutgoingInvitation, effects: &mut Vec<Effect>) {
        let (call_id, local_tag) = (self.calling.call_id.as_str().into(), self.calling.local_tag.as_str().into());
        effects.push(Effect::BindDialog { call_id, local_tag });
        let (caller_id, manner) = (&order.caller_id, &order.manner);
        let inviting = Inviting { contact: &self.contact, caller_id, manner, timer: &self.timer, body: &self.ours };
        self.sent = inviting.print(&mut self.calling, &self.identity);
        effects.push(Effect::Request { sent: Sent::Invite, request: self.sent.clone(), destination: self.destination });
    }

    fn on_request_sent(&mut self, sent: Sent, transaction: ClientTransactionId, now: Now, effects: &mut Vec<Effect>) {
        if sent == Sent::Invite {
            self.invite = Some(transaction);
            self.hops.invited(now);
            if let Phase::Cancelling(cause) = self.phase {
                effects.push(Effect::Cancel { transaction, lines: reason_lines(&self.why(cause)) });
            }
            return;
        }
        match &mut self.phase {
            // The BYE to another branch of a fork is none of this dialog's.
            Phase::Talking(talk) if sent != Sent::Bye => talk.on_sent(sent, transaction),
            Phase::Leaving(talk) => talk.on_sent(sent, transaction),
            _ => {}
        }
    }

    fn on_request_refused(&mut self, sent: Sent, effects: &mut Vec<Effect>) {
        match (sent, &mut self.phase) {
            (Sent::Invite, _) => self.fail(LegFailure::Transport, effects),
            (Sent::Bye, Phase::Leaving(_)) => self.end(effects),
            (Sent::Change, Phase::Talking(talk)) => talk.on_unsent(effects),
            (Sent::Keys, Phase::Talking(talk)) => talk.forget_keys(),
            _ => {}
        }
    }

    fn on_word(&mut self, word: SessionWord, now: Now, effects: &mut Vec<Effect>) {
        if let Phase::Talking(talk) = &mut self.phase {
            talk.on_word(word, now, &self.identity, effects);
        }
    }

    fn on_response(
        &mut self,
        transaction: ClientTransactionId,
        response: &Message,
        source: Source,
        now: Now,
        effects: &mut Vec<Effect>,
    ) {
        let status = response.status().unwrap_or_default();
        if self.hops.is_former(transaction) {
            return self.on_former_response(transaction, response, source, effects);
        }
        if Some(transaction) != self.invite {
            return self.on_later_response(transaction, response, source, now, effects);
        }
        self.hops.heard();
        match status {
            100 => self.tell_while_calling(LegEvent::Trying, effects),
            101..200 => self.on_provisional(status, response, source, effects),
            200..300 => self.on_accepted(transaction, response, source, now, effects),
            _ => self.on_refused(status, response, effects),
        }
    }

    /// A response to a request inside the dialog.
    fn on_later_response(
        &mut self,
        transaction: ClientTransactionId,
        response: &Message,
        source: Source,
        now: Now,
        effects: &mut Vec<Effect>,
    ) {
        let (Phase::Talking(talk) | Phase::Leaving(talk)) = &mut self.phase else { return };
        if talk.is_bye(transaction) {
            if response.status().is_some_and(|status| status >= 200) && matches!(self.phase, Phase::Leaving(_)) {
                self.end(effects);
            }
            return;
        }
        let heard = talk.on_response(transaction, response, source, now, &self.identity, effects);
        self.obey(heard, effects);
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
        let media = media.filter(|_| sound.is_some());
        match self.early.hear(&self.calling, response, media.as_ref()) {
            Provisional::Known => return,
            Provisional::New => {}
            Provisional::Reliable(request, dialog) => {
                let destination = next_hop(&dialog, &source);
                effects.push(Effect::Request { sent: Sent::Prack, request, destination });
            }
        }
        if let Some(order) = sound {
            effects.push(Effect::Sound(order));
        }
        // Keys pass as they are until the call is answered: before, nobody is told by INFO.
        let media = media.map(|media| self.presented(media, response));
        effects.push(Effect::Tell(LegEvent::Ringing { status, media }.accompanied_by(self.passing.taken(response))));
    }

    fn on_accepted(
        &mut self,
        transaction: ClientTransactionId,
        response: &Message,
        source: Source,
        now: Now,
        effects: &mut Vec<Effect>,
    ) {
        let (early, described) = self.early.take(response);
        // A dialog in which PRACKs were sent counts on from them.
        let dialog = match early {
            Some(mut early) => early.take_response(response).map(|()| early),
            None => self.calling.established_by(response),
        };
        let Ok(dialog) = dialog else {
            // Without a To or a readable route there is nobody to acknowledge to; the transaction absorbs repetitions.
            return self.fail(LegFailure::UnusableAnswer, effects);
        };
        self.acknowledge(transaction, &dialog, &source, effects);
        let media = offer_in(response).ok().flatten().or(described);
        let takes_info = talk::takes_info(response);
        let hears_by_info = keys::are_by_info(self.dtmf, takes_info, media.as_ref().and_then(carried));
        let sound = media.as_ref().and_then(|media| self.sound(media, &source));
        let sound = sound.map(|order| order.telling(hears_by_info));
        self.timer.granted(response);
        self.sent = Bytes::new();
        let theirs = media.clone().unwrap_or_default();
        let secrecy = std::mem::replace(&mut self.secrecy, Secrecy::off());
        let mut session = Session::new(self.ours.clone(), self.origin, theirs, self.partner, secrecy)
            .with_fax(self.t38)
            .with_keys(self.dtmf, takes_info);
        session.sound_stands(sound.clone());
        let (timer, contact) = (self.timer, Some(std::mem::take(&mut self.contact)));
        let passing = self.passing.clone();
        let mut talk = Talk::new(Agreed { dialog, session, timer, contact, source, passing, said: response }, now);
        match (&self.phase, media, sound) {
            (Phase::Calling, Some(media), Some(sound)) => {
                effects.push(Effect::Sound(sound));
                self.phase = Phase::Talking(talk);
                let media = self.presented(media, response);
                effects.push(Effect::Tell(LegEvent::Answered { media }.accompanied_by(self.passing.taken(response))));
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
            (Phase::Talking(_) | Phase::Leaving(_) | Phase::Over, ..) => {
                talk.bye(ReleaseCause::Normal, &self.identity, effects);
            }
        }
    }

    fn on_refused(&mut self, status: u16, response: &Message, effects: &mut Vec<Effect>) {
        let asks_again = status == 422 && matches!(self.phase, Phase::Calling) && self.timer.raise(response);
        if asks_again && self.send_invite_again(effects).is_some() {
            return;
        }
        // Another server may have room (RFC 3263 4.3); one that it names itself may be the right one.
        if status == 503 && self.hop_on(effects)
            || (300..400).contains(&status) && self.is_redirected(response, effects)
        {
            return;
        }
        let q850 = reasons_given(response).q850;
        let retry_after_s = response.header(Name::RetryAfter).and_then(seconds);
        let refused = LegEvent::Refused { status, q850, retry_after_s };
        self.tell_while_calling(refused.accompanied_by(self.passing.taken(response)), effects);
        self.end(effects);
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
            Phase::Talking(talk) => talk.on_request(transaction, message, source, now, &self.identity, effects),
            // A BYE that crossed ours.
            Phase::Leaving(_) if message.method() == Some(&Method::Bye) => {
                effects.push(Effect::Respond { transaction, reply: Reply::new(200, "OK") });
                Heard::Nothing
            }
            Phase::Calling => {
                self.on_early_request(transaction, message, source, effects);
                Heard::Nothing
            }
            Phase::Cancelling(_) | Phase::Leaving(_) | Phase::Over => {
                talk::respond_481(transaction, effects);
                Heard::Nothing
            }
        };
        self.obey(heard, effects);
    }

    /// The INVITE failed, or the answer to our BYE never came, or a response of ours could not be delivered.
    fn on_failed(&mut self, transaction: TransactionId, timed_out: bool, effects: &mut Vec<Effect>) {
        let failed = match transaction {
            TransactionId::Client(transaction) => transaction,
            TransactionId::Server(_) => return,
        };
        self.hops.forget(failed);
        let is_invite = Some(failed) == self.invite;
        let heard = match &mut self.phase {
            Phase::Calling if is_invite => {
                self.avoid(effects);
                if self.hop_on(effects) {
                    return;
                }
                return self.fail(if timed_out { LegFailure::Timeout } else { LegFailure::Transport }, effects);
            }
            Phase::Cancelling(_) if is_invite => return self.end(effects),
            Phase::Leaving(talk) if talk.is_bye(failed) => return self.end(effects),
            Phase::Talking(talk) => talk.on_failed(failed),
            Phase::Calling | Phase::Cancelling(_) | Phase::Leaving(_) | Phase::Over => Heard::Nothing,
        };
        self.obey(heard, effects);
    }

    fn fail(&mut self, failure: LegFailure, effects: &mut Vec<Effect>) {
        self.tell_while_calling(LegEvent::Failed(failure), effects);
        self.end(effects);
    }

    fn on_ack(&mut self, transaction: ServerTransactionId, ack: &Message, now: Now, effects: &mut Vec<Effect>) {
        if let Phase::Talking(talk) = &mut self.phase {
            let heard = talk.on_ack(transaction, ack, now, &self.identity, effects);
            self.obey(heard, effects);
        }
    }
}

/// The delay of a `Retry-After` (RFC 3261 20.33): what follows the digits is for people.
fn seconds(value: &[u8]) -> Option<u32> {
    let digits = value.iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(&value[..digits]).ok()?.parse().ok()
}
