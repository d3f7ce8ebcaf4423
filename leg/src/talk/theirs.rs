//! Requests of the peer inside the dialog: re-INVITE and UPDATE (RFC 3261 14.2, RFC 3311 5.2), INFO, OPTIONS, BYE.
//!
//! What an offer asks for is judged in `session`; our own requests are in `ours`.

use super::living::Timer;
use super::{ALLOW, Heard, Judgement, Parting, SUPPORTED, Talk, shown};
use crate::invitation::offer_in;
use crate::replies::{reasons_given, refusal};
use crate::sdp::CONTENT_TYPE;
use crate::words::{Effect, Identity};
use domain::call_control::SessionWord;
use domain::media::MediaDescription;
use domain::refusal::RefusalKind;
use domain::{Now, Refusal, ReleaseCause};
use sip::endpoint::{Reply, ServerTransactionId, Source};
use sip::{Message, Method, Name};
use std::time::Duration;

/// How long the other side may take to agree to an offer, before the peer is refused: half of what a transaction that is no INVITE
/// lives (RFC 3261 17.1.2.2).
const PARTNER_PATIENCE: Duration = Duration::from_secs(16);
/// Seconds at most that a peer is asked to wait (RFC 3261 14.2: "between 0 and 10 seconds").
const RETRY_AFTER_MAX_S: u64 = 10;
/// Bytes at most of a key press.
const KEYS_BYTES_MAX: usize = 1_024;
/// What INFO may carry.
const KEYS: [&str; 2] = ["application/dtmf-relay", "application/dtmf"];

/// A request of the peer that is not done with.
#[derive(Debug)]
pub(crate) enum Waiting {
    /// Answered by a 2xx, which waits for its ACK.
    Ack {
        transaction: ServerTransactionId,
        /// Whether the 2xx brought our offer, so that the ACK brings the answer.
        has_offer: bool,
    },
    /// The other side is asked whether it agrees.
    Partner { transaction: ServerTransactionId, request: Message, offer: MediaDescription },
}

impl Waiting {
    /// The request that nobody has answered.
    pub(super) fn unanswered(self) -> Option<ServerTransactionId> {
        match self {
            Waiting::Ack { .. } => None,
            Waiting::Partner { transaction, .. } => Some(transaction),
        }
    }
}

impl Talk {
    /// The 2xx to the INVITE that made the dialog waits for its ACK.
    pub(crate) fn await_ack(&mut self, transaction: ServerTransactionId, has_offer: bool) {
        self.waiting = Some(Waiting::Ack { transaction, has_offer });
    }

    /// A request inside the dialog. Only who the dialog is with is heard: a stranger may have read its tags.
    pub(crate) fn on_request(
        &mut self,
        transaction: ServerTransactionId,
        message: &Message,
        source: Source,
        now: Now,
        identity: &Identity,
        effects: &mut Vec<Effect>,
    ) -> Heard {
        let mut respond = |reply| effects.push(Effect::Respond { transaction, reply });
        if !self.is_with(&source) {
            respond(stranger(identity));
            return Heard::Nothing;
        }
        if let Err(untimely) = self.dialog.take_request(message) {
            respond(super::untimely(&untimely));
            return Heard::Nothing;
        }
        self.source = source;
        if matches!(message.method(), Some(Method::Invite | Method::Update | Method::Info)) {
            self.said = self.passing.taken(message);
        }
        match message.method() {
            Some(Method::Bye) => {
                let parted = self.part(transaction, now);
                if parted.is_none() {
                    respond(Reply::new(200, "OK"));
                }
                self.answer_waiting(effects);
                let (given, lines) = (reasons_given(message), self.passing.taken(message));
                return Heard::HungUp(Box::new(Parting { given, lines, parted }));
            }
            Some(Method::Invite | Method::Update) => self.on_change(transaction, message, now, identity, effects),
            Some(Method::Info) => self.on_info(transaction, message, effects),
            Some(Method::Options) => respond(Reply::new(200, "OK").header(Name::Allow, ALLOW)),
            // Before the answer PRACKs are the caller's leg's; a late one acknowledges nothing.
            Some(Method::Prack) => super::respond_481(transaction, effects),
            _ => respond(Reply::refusing(RefusalKind::MethodNotAllowed).header(Name::Allow, ALLOW)),
        }
        self.said = Vec::new();
        self.send_owed(now, identity, effects);
        Heard::Nothing
    }

    /// Whether a message comes from where the dialog is: from the IP address of its messages so far, or from one that its own Contact
    /// or route names. A port may change (NAT, a new connection).
    fn is_with(&self, source: &Source) -> bool {
        source.peer.ip().to_canonical() == self.source.peer.ip().to_canonical()
            || crate::reach::names(&self.dialog, source.peer.ip())
    }

    fn on_change(
        &mut self,
        transaction: ServerTransactionId,
        request: &Message,
        now: Now,
        identity: &Identity,
        effects: &mut Vec<Effect>,
    ) {
        let is_invite = request.method() == Some(&Method::Invite);
        let has_offer = !request.body().is_empty();
        if let Some(reply) = self.untimely(is_invite, has_offer) {
            return effects.push(Effect::Respond { transaction, reply });
        }
        match offer_in(request) {
            Ok(None) if has_offer => {
                let reply = Reply::refusing(RefusalKind::BodyNotUnderstood).header(Name::Accept, CONTENT_TYPE);
                effects.push(Effect::Respond { transaction, reply });
            }
            Ok(None) if is_invite => self.on_late_offer(transaction, request, now, identity, effects),
            Ok(None) => {
                let reply = self.accepted(request, now, identity);
                effects.push(Effect::Respond { transaction, reply });
            }
            Ok(Some(offer)) => {
                let offer = self.session.permitted(offer);
                match self.session.judge(&offer) {
                    Judgement::Here(answer) => {
                        self.accept(transaction, request, offer, &answer, now, identity, effects);
                    }
                    Judgement::Partner => {
                        self.tell(SessionWord::Offered(offer.clone()), effects);
                        self.waiting = Some(Waiting::Partner { transaction, request: request.clone(), offer });
                        self.timers.arm(Timer::Partner, now.monotonic + PARTNER_PATIENCE);
                    }
                    Judgement::Refused(kind, why) => {
                        let reply = refusal(&Refusal::saying(kind, why), &identity.host);
                        effects.push(Effect::Respond { transaction, reply });
                    }
                }
            }
            Err(fault) => {
                let reply = refusal(&Refusal::saying(RefusalKind::NoCommonCodec, fault.to_string()), &identity.host);
                effects.push(Effect::Respond { transaction, reply });
            }
        }
    }

    /// RFC 3261 14.2 and RFC 3311 5.2: who offers while an offer of ours is on its way gets 491; who asks again while a request of his
    /// is not answered gets 500 and shall wait.
    fn untimely(&self, is_invite: bool, has_offer: bool) -> Option<Reply> {
        let ours_is_open = matches!(self.waiting, Some(Waiting::Ack { has_offer: true, .. }))
            || self.pending.as_ref().is_some_and(|pending| pending.is_invite || pending.has_offer());
        if matches!(self.waiting, Some(Waiting::Partner { .. })) {
            let seconds = self.chance().below(RETRY_AFTER_MAX_S + 1).to_string();
            return Some(Reply::refusing(RefusalKind::AnswerPending).header(Name::RetryAfter, seconds));
        }
        (ours_is_open && (is_invite || has_offer)).then(|| Reply::refusing(RefusalKind::RequestPending))
    }

    /// A re-INVITE without description asks for our offer; its ACK brings the answer (RFC 3261 14.2).
    fn on_late_offer(
        &mut self,
        transaction: ServerTransactionId,
        request: &Message,
        now: Now,
        identity: &Identity,
        effects: &mut Vec<Effect>,
    ) {
        let text = self.session.offer();
        let reply = self.accepted(request, now, identity).body(CONTENT_TYPE, text.clone());
        self.owed.flow = false;
        effects.extend(self.session.sound_while_offering(&text, self.source.peer.ip()).map(Effect::Sound));
        self.session.offered(text);
        effects.push(Effect::Respond { transaction, reply });
        self.await_ack(transaction, true);
    }

    /// Takes an offer of the peer, and answers it.
    #[expect(clippy::too_many_arguments, reason = "what is answered, with what, and where to say so")]
    fn accept(
        &mut self,
        transaction: ServerTransactionId,
        request: &Message,
        offer: MediaDescription,
        answer: &MediaDescription,
        now: Now,
        identity: &Identity,
        effects: &mut Vec<Effect>,
    ) {
        let wished = self.session.wish();
        let text = self.session.take_offer(offer, answer);
        let reply = self.accepted(request, now, identity).body(CONTENT_TYPE, text);
        effects.extend(self.session.sound(self.source.peer.ip()).map(Effect::Sound));
        effects.push(Effect::Respond { transaction, reply });
        if request.method() == Some(&Method::Invite) {
            self.await_ack(transaction, false);
        }
        let wishes = self.session.wish();
        if wishes != wished {
            self.tell(SessionWord::Flow(wishes), effects);
        }
    }

    /// The 200 to a request that goes on with the session: it refreshes it.
    fn accepted(&mut self, request: &Message, now: Now, identity: &Identity) -> Reply {
        let reply = Reply::new(200, "OK").header(Name::Contact, self.contact(identity));
        let reply = shown(reply, identity).header(Name::Allow, ALLOW).header(Name::Supported, SUPPORTED);
        let reply = self.timer.grant(request, reply);
        self.refreshed(now);
        self.passing.reply(reply)
    }

    /// The other side has decided about what the peer offered.
    pub(super) fn on_partner_decided(
        &mut self,
        taken: Result<&MediaDescription, u16>,
        now: Now,
        identity: &Identity,
        effects: &mut Vec<Effect>,
    ) {
        let Some(Waiting::Partner { transaction, request, offer }) = self.take_partner() else {
            // The peer gave its offer up meanwhile: the other side goes back to what this one still does.
            if taken.is_ok() {
                self.tell(SessionWord::Offered(self.session.standing()), effects);
            }
            return;
        };
        let answer = match taken {
            Ok(media) => self.session.answer_as(&offer, media),
            Err(_) => self.session.answer_within(&offer),
        };
        match (answer, taken) {
            (Some(answer), _) => self.accept(transaction, &request, offer, &answer, now, identity, effects),
            (None, Err(491)) => {
                effects.push(self.note(&request, RefusalKind::RequestPending));
                effects.push(Effect::Respond { transaction, reply: Reply::refusing(RefusalKind::RequestPending) });
            }
            (None, _) => {
                effects.push(self.note(&request, RefusalKind::NoCommonCodec));
                let sentence = "The other side does not take the offered codecs; the call goes on unchanged";
                let reply = refusal(&Refusal::saying(RefusalKind::NoCommonCodec, sentence), &identity.host);
                effects.push(Effect::Respond { transaction, reply });
            }
        }
        self.send_owed(now, identity, effects);
    }

    fn note(&self, request: &Message, because: RefusalKind) -> Effect {
        crate::noting::note(request, &self.source, because, self.source.peer.ip())
    }

    fn take_partner(&mut self) -> Option<Waiting> {
        self.timers.disarm(Timer::Partner);
        self.waiting.take_if(|waiting| matches!(waiting, Waiting::Partner { .. }))
    }

    /// The other side takes too long.
    pub(super) fn on_partner_overdue(&mut self, now: Now, identity: &Identity, effects: &mut Vec<Effect>) {
        self.on_partner_decided(Err(408), now, identity, effects);
    }

    /// The peer took back its re-INVITE.
    pub(crate) fn on_cancelled(&mut self, effects: &mut Vec<Effect>) {
        if let Some(Waiting::Partner { transaction, .. }) = self.take_partner() {
            effects.push(Effect::Respond { transaction, reply: Reply::new(487, "Request Terminated") });
        }
    }

    /// The ACK to a 2xx. Where that brought our offer, it brings the answer.
    pub(crate) fn on_ack(
        &mut self,
        transaction: ServerTransactionId,
        ack: &Message,
        now: Now,
        identity: &Identity,
        effects: &mut Vec<Effect>,
    ) -> Heard {
        let is_awaited = |waiting: &mut Waiting| matches!(waiting, Waiting::Ack { transaction: awaited, .. } if *awaited == transaction);
        let Some(Waiting::Ack { has_offer, .. }) = self.waiting.take_if(is_awaited) else { return Heard::Nothing };
        if has_offer {
            let wished = self.session.wish();
            let text = self.session.text().clone();
            let answer = offer_in(ack).ok().flatten();
            if !answer.is_some_and(|answer| self.session.take_answer(text, answer)) {
                return Heard::Dead(ReleaseCause::IncompatibleMedia);
            }
            effects.extend(self.session.sound(self.source.peer.ip()).map(Effect::Sound));
            let wishes = self.session.wish();
            if wishes != wished {
                self.tell(SessionWord::Flow(wishes), effects);
            }
        }
        self.send_owed(now, identity, effects);
        Heard::Nothing
    }

    /// INFO carries key presses, or nothing (RFC 6086 and the field).
    fn on_info(&mut self, transaction: ServerTransactionId, request: &Message, effects: &mut Vec<Effect>) {
        let keys = KEYS.iter().find(|kind| request.is_content(kind));
        let reply = match keys {
            _ if request.body().is_empty() => Reply::new(200, "OK"),
            Some(kind) if request.body().len() <= KEYS_BYTES_MAX => {
                let (content_type, body) = ((*kind).to_owned(), request.body().to_vec());
                self.tell(SessionWord::Keys { content_type, body }, effects);
                Reply::new(200, "OK")
            }
            _ => Reply::refusing(RefusalKind::BodyNotUnderstood).header(Name::Accept, KEYS.join(", ")),
        };
        effects.push(Effect::Respond { transaction, reply });
    }
}

/// 403 to a request with the dialog's tags from an address that the dialog knows nothing of. Not a challenge: a carrier has no password
/// of ours, and a PBX whose address changed calls anew after it has registered from there.
pub(crate) fn stranger(identity: &Identity) -> Reply {
    refusal(&RefusalKind::ForeignAddress.into(), &identity.host)
}
