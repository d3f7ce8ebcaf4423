//! Before the answer: the INVITE once more with a longer session interval, and what the called side may ask in an early dialog.
//!
//! The first INVITE and its answers are the leg's.

use super::{CalledLeg, Phase};
use crate::invitation::offer_in;
use crate::keys;
use crate::negotiation::{carried, fax, is_reached_from};
use crate::proving::{Asked, Challenged, Proving};
use crate::reach::next_hop;
use crate::sdp::{self, CONTENT_TYPE};
use crate::secrecy::Secrecy;
use crate::talk::{self, ALLOW, Judgement, Session};
use crate::words::{Effect, Event, Sent, SoundOrder};
use bytes::BytesMut;
use domain::Now;
use domain::media::{MediaDescription, Stream};
use domain::refusal::RefusalKind;
use sip::dialog::Dialog;
use sip::endpoint::{ClientTransactionId, Reply, ServerTransactionId, Source};
use sip::{Message, Method, Name};

impl Asked for CalledLeg {
    fn proving(&mut self) -> Option<&mut Proving> {
        self.proving.as_deref_mut()
    }

    fn send_again(&mut self, challenged: &Challenged, effects: &mut Vec<Effect>) -> bool {
        let Challenged { sent, former, destination } = challenged;
        let repeated = match (sent, &mut self.phase) {
            (Sent::Invite, Phase::Calling) => return self.send_invite_again(effects).is_some(),
            (Sent::Invite, _) => None,
            (_, Phase::Talking(talk) | Phase::Leaving(talk)) if talk.has_sent(former) => {
                talk.send_again(*sent, former, effects);
                return true;
            }
            (Sent::Prack, Phase::Calling | Phase::Cancelling(_)) => {
                let again = |request| Effect::Request { sent: Sent::Prack, request, destination: *destination };
                self.early.prack_again(former).map(again)
            }
            (Sent::Bye, _) => challenged.repeated(),
            (Sent::Prack | Sent::Change | Sent::Keys | Sent::Advice, _) => None,
        };
        let is_sent = repeated.is_some();
        effects.extend(repeated);
        is_sent
    }

    fn hear(&mut self, event: Event, now: Now, effects: &mut Vec<Effect>) {
        self.on_event(event, now, effects);
    }
}

impl CalledLeg {
    /// The same INVITE once more, with the session interval that the called side wants (RFC 4028 7.3).
    pub(super) fn send_invite_again(&mut self, effects: &mut Vec<Effect>) -> Option<()> {
        let former = Message::parse(std::mem::take(&mut self.sent)).ok()?;
        let mut out = BytesMut::with_capacity(1_024);
        let mut lines = self.calling.request(&Method::Invite, &mut out);
        for (name, text, value) in former.lines() {
            lines = match name {
                Name::Route | Name::MaxForwards | Name::From | Name::To | Name::CallId | Name::CSeq => lines,
                Name::SessionExpires | Name::MinSe | Name::ContentType | Name::ContentLength => lines,
                _ => lines.header_named(text, value),
            };
        }
        self.timer.ask(lines).body(CONTENT_TYPE, &self.ours);
        self.sent = out.freeze();
        self.invite = None;
        effects.push(Effect::Request { sent: Sent::Invite, request: self.sent.clone(), destination: self.destination });
        Some(())
    }

    /// Before the answer an UPDATE may refresh, or say anew where early sound comes from, once our offer was answered reliably
    /// (RFC 3311 5.2); until then our own offer is open: 491.
    pub(super) fn on_early_request(
        &mut self,
        transaction: ServerTransactionId,
        request: &Message,
        source: Source,
        effects: &mut Vec<Effect>,
    ) {
        let mut respond = |reply| effects.push(Effect::Respond { transaction, reply });
        if source.peer.ip() != self.destination.addr.ip() {
            return respond(talk::stranger(&self.identity));
        }
        let Some(dialog) = self.early.dialog_of(request) else {
            return match (request.method(), request.body().is_empty()) {
                (Some(Method::Update), false) => respond(Reply::refusing(RefusalKind::RequestPending)),
                _ => talk::respond_481(transaction, effects),
            };
        };
        if let Err(untimely) = dialog.take_request(request) {
            return respond(talk::untimely(&untimely));
        }
        let contact = Reply::new(200, "OK").header(Name::Contact, &self.contact).header(Name::Allow, ALLOW);
        match (request.method(), offer_in(request)) {
            (Some(Method::Update), Ok(None)) => respond(contact),
            (Some(Method::Update), Ok(Some(offer))) => {
                let theirs = self.early.described(request).unwrap_or_default();
                let secrecy = std::mem::replace(&mut self.secrecy, Secrecy::off());
                let mut session = Session::new(self.ours.clone(), self.origin, theirs, self.partner, secrecy);
                let offer = session.permitted(offer);
                let Judgement::Here(answer) = session.judge(&offer) else {
                    self.secrecy = session.into_secrecy();
                    return respond(Reply::refusing(RefusalKind::NoCommonCodec));
                };
                self.ours = session.take_offer(offer.clone(), &answer);
                self.origin = session.origin();
                let sound = session.sound(source.peer.ip());
                self.secrecy = session.into_secrecy();
                self.early.describe(request, offer);
                respond(contact.body(CONTENT_TYPE, self.ours.clone()));
                effects.extend(sound.map(Effect::Sound));
            }
            (Some(Method::Options | Method::Info), _) => respond(Reply::new(200, "OK").header(Name::Allow, ALLOW)),
            _ => respond(Reply::refusing(RefusalKind::MethodNotAllowed).header(Name::Allow, ALLOW)),
        }
    }

    /// What the caller's side is to know of a description: who hears keys by INFO is presented as one that hears them in its sound.
    pub(super) fn presented(&self, media: MediaDescription, said: &Message) -> MediaDescription {
        let is_by_info = keys::are_by_info(self.dtmf, talk::takes_info(said), carried(&media));
        if is_by_info { keys::presented(media) } else { media }
    }

    /// Where the other side wants sound, and under which keys; none where that is not as agreed.
    pub(super) fn sound(&self, media: &MediaDescription, source: &Source) -> Option<SoundOrder> {
        let is_reached = |stream: &&Stream| is_reached_from(stream, self.origin.address);
        let ours = sdp::read(&self.ours).ok()?;
        // What answers fax is fax, and sound sound.
        let Some(offered) = carried(&ours) else {
            return SoundOrder::of_fax(fax(media).filter(is_reached)?, source.peer.ip());
        };
        let stream = carried(media).filter(is_reached)?;
        let keying = self.secrecy.keying(stream).ok()?;
        SoundOrder::of(stream, Some(offered), source.peer.ip()).map(|order| order.keyed(keying))
    }

    pub(super) fn acknowledge(
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
}
