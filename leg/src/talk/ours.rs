//! re-INVITE and UPDATE of ours: why they are sent, one at a time, what comes of their answers, and glare (RFC 3261 14.1).
//!
//! Requests of the peer are in `theirs`; when a refresh is due, `living` says.

use super::living::Timer;
use super::{ALLOW, Bye, Heard, SUPPORTED, Session, Talk};
use crate::invitation::offer_in;
use crate::keys;
use crate::negotiation::fax;
use crate::proving::reprinted;
use crate::sdp::CONTENT_TYPE;
use crate::words::{Effect, Identity, Sent};
use bytes::{Bytes, BytesMut};
use domain::call_control::SessionWord;
use domain::header::HeaderLine;
use domain::media::MediaDescription;
use domain::{Now, ReleaseCause};
use sip::dialog::Role;
use sip::endpoint::{ClientTransactionId, Source};
use sip::{Message, Method, Name};
use std::time::Duration;

/// What is to be sent as soon as nothing is pending.
#[derive(Debug, Default)]
pub(super) struct Owed {
    /// The other side wants other codecs.
    pub(super) offer: Option<MediaDescription>,
    /// The other side wants sound to flow another way.
    pub(super) flow: bool,
    /// The peer does not take the fax that it was offered: sound is to come back.
    pub(super) sound: bool,
    /// The session is to be refreshed.
    pub(super) refresh: bool,
    /// What the other side said with what it wants.
    lines: Vec<HeaderLine>,
}

/// Why a request of ours was sent.
#[derive(Debug)]
enum Errand {
    /// The other side offers this.
    Offer(MediaDescription),
    /// The other side holds or resumes.
    Flow,
    /// Sound comes back after fax was refused.
    Sound,
    /// The session timer.
    Refresh,
}

/// A request of ours that is not answered.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) transaction: Option<ClientTransactionId>,
    pub(super) is_invite: bool,
    /// What it offers; empty for nothing.
    text: Bytes,
    errand: Errand,
    /// What the other side said with it.
    lines: Vec<HeaderLine>,
}

impl Pending {
    pub(super) fn has_offer(&self) -> bool {
        !self.text.is_empty()
    }
}

/// How often at most a request is repeated that the peer asks to send later.
const PAUSE_MAX: Duration = Duration::from_secs(10);

impl Talk {
    /// The other side of the call says something.
    pub(crate) fn on_word(&mut self, word: SessionWord, now: Now, identity: &Identity, effects: &mut Vec<Effect>) {
        if matches!(word, SessionWord::Flow(_) | SessionWord::Offered(_)) {
            // It may have to wait, and what was said with it does too.
            self.owed.lines = self.passing.brought().to_vec();
        }
        match word {
            SessionWord::Flow(direction) => self.owed.flow |= self.session.partner_wants(direction),
            SessionWord::Offered(media) => self.on_offered(media, effects),
            SessionWord::Accepted(media) => self.on_partner_decided(Ok(&media), now, identity, effects),
            SessionWord::Refused { status } => self.on_partner_decided(Err(status), now, identity, effects),
            SessionWord::Keys { content_type, body } => self.on_keys(&content_type, &body, identity, effects),
        }
        if self.owed.offer.is_none() && !self.owed.flow {
            self.owed.lines.clear();
        }
        self.send_owed(now, identity, effects);
    }

    /// The other side wants other codecs. Where this peer wants others too, both are refused and try again by their own clocks.
    fn on_offered(&mut self, media: MediaDescription, effects: &mut Vec<Effect>) {
        if self.waiting.as_ref().is_some_and(|waiting| matches!(waiting, super::theirs::Waiting::Partner { .. })) {
            return self.tell(SessionWord::Refused { status: 491 }, effects);
        }
        self.session.partner_wants(Session::wish_of(&media));
        self.owed.offer = Some(media);
    }

    /// A key of the other side, by INFO: as this peer hears keys, in its sound or by INFO.
    fn on_keys(&mut self, content_type: &str, body: &[u8], identity: &Identity, effects: &mut Vec<Effect>) {
        let is_in_sound = self.session.has_keys() && !self.session.hears_by_info();
        match keys::read(content_type, body).filter(|_| is_in_sound) {
            Some(key) => effects.push(Effect::Press(key)),
            None if self.session.may_hear_by_info() => self.press(content_type, body, identity, effects),
            None => {}
        }
    }

    /// Sends what is owed, if nothing is pending either way (RFC 3261 14.1).
    pub(super) fn send_owed(&mut self, now: Now, identity: &Identity, effects: &mut Vec<Effect>) {
        if self.pending.is_some()
            || self.waiting.is_some()
            || self.timers.due(Timer::Again).is_some()
            || self.bye.is_said()
        {
            return;
        }
        if std::mem::take(&mut self.owed.sound)
            && let Some(text) = self.session.offer_of_sound()
        {
            return self.send(Method::Invite, text, Errand::Sound, identity, effects);
        }
        if let Some(media) = self.owed.offer.take() {
            self.owed.flow = false;
            return match self.session.offer_of(&media) {
                Some(text) => self.send(Method::Invite, text, Errand::Offer(media), identity, effects),
                None => self.tell(SessionWord::Refused { status: 488 }, effects),
            };
        }
        if std::mem::take(&mut self.owed.flow) {
            let text = self.session.offer();
            if self.session.is_to_be_told(&text) {
                return self.send(Method::Invite, text, Errand::Flow, identity, effects);
            }
            self.owed.lines.clear();
        }
        if std::mem::take(&mut self.owed.refresh) {
            match self.timer.takes_update() {
                true => self.send(Method::Update, Bytes::new(), Errand::Refresh, identity, effects),
                false => {
                    let text = self.session.text().clone();
                    self.send(Method::Invite, text, Errand::Refresh, identity, effects);
                }
            }
        }
        let _ = now;
    }

    fn send(&mut self, method: Method, text: Bytes, errand: Errand, identity: &Identity, effects: &mut Vec<Effect>) {
        let mut out = BytesMut::with_capacity(1_024);
        let contact = self.contact(identity);
        let lines = self
            .dialog
            .request(&method, &mut out)
            .header(Name::Contact, contact)
            .header(Name::Allow, ALLOW)
            .header(Name::Supported, SUPPORTED);
        let said = if matches!(errand, Errand::Refresh) { Vec::new() } else { std::mem::take(&mut self.owed.lines) };
        let lines = self.passing.request_with(&said, agent(self.timer.ask(lines), identity));
        if text.is_empty() {
            lines.end()
        } else {
            lines.body(CONTENT_TYPE, &text)
        }
        effects.extend(self.session.sound_while_offering(&text, self.source.peer.ip()).map(Effect::Sound));
        let is_invite = method == Method::Invite;
        self.pending = Some(Pending { transaction: None, is_invite, text, errand, lines: said });
        effects.push(Effect::Request { sent: Sent::Change, request: out.freeze(), destination: self.destination() });
    }

    /// Whether a request of ours is of this dialog, and not of another branch of a fork.
    pub(crate) fn has_sent(&self, request: &Message) -> bool {
        request.call_id().is_ok_and(|call_id| call_id == self.dialog.call_id())
            && request.to_tag() == self.dialog.remote_tag()
    }

    /// A request of ours that was challenged, once more: its proof is added where it leaves.
    pub(crate) fn send_again(&mut self, sent: Sent, former: &Message, effects: &mut Vec<Effect>) {
        let Some(method) = former.method() else { return };
        let mut out = BytesMut::with_capacity(1_024);
        reprinted(former, self.dialog.request(method, &mut out));
        if sent == Sent::Bye {
            self.bye = Bye::Said;
        }
        effects.push(Effect::Request { sent, request: out.freeze(), destination: self.destination() });
    }

    /// A response to a request of ours that is no BYE.
    pub(crate) fn on_response(
        &mut self,
        transaction: ClientTransactionId,
        response: &Message,
        source: Source,
        now: Now,
        identity: &Identity,
        effects: &mut Vec<Effect>,
    ) -> Heard {
        let status = response.status().unwrap_or_default();
        let is_final = status >= 200;
        if is_final && self.is_key(transaction) {
            self.on_key_answered(identity, effects);
            return Heard::Nothing;
        }
        if is_final && self.is_advice(transaction) {
            self.on_advice_answered(status, now, identity, effects);
            return Heard::Nothing;
        }
        let Some(pending) = self.pending.take_if(|pending| is_final && pending.transaction == Some(transaction)) else {
            return Heard::Nothing;
        };
        if status < 300 && pending.is_invite {
            // A response's Contact is the peer's newest (RFC 3261 12.2.1.2); one that cannot be read changes nothing.
            let _ = self.dialog.take_response(response);
            self.source = source;
            let mut out = BytesMut::with_capacity(512);
            self.dialog.ack(&mut out).end();
            let destination = self.destination();
            effects.push(Effect::Acknowledge { transaction, ack: out.freeze(), destination });
        }
        if self.bye.is_said() {
            return Heard::Nothing;
        }
        self.said = self.passing.taken(response);
        let heard = match status {
            200..300 => self.on_change_accepted(pending, response, now, effects),
            // The peer has no such dialog, or nobody behind it answers (RFC 3261 12.2.1.2).
            408 | 481 => Heard::Dead(ReleaseCause::SessionExpired),
            _ => self.on_change_refused(pending, status, response, now, effects),
        };
        self.said = Vec::new();
        if matches!(heard, Heard::Nothing) {
            self.send_owed(now, identity, effects);
        }
        heard
    }

    fn on_change_accepted(
        &mut self,
        pending: Pending,
        response: &Message,
        now: Now,
        effects: &mut Vec<Effect>,
    ) -> Heard {
        self.timer.granted(response);
        self.refreshed(now);
        let wished = self.session.wish();
        if pending.has_offer() {
            let answer = offer_in(response).ok().flatten();
            let is_taken = match answer {
                Some(answer) => self.session.take_answer(pending.text.clone(), answer),
                // Some peers answer a refresh without description.
                None => matches!(pending.errand, Errand::Refresh),
            };
            match (&pending.errand, is_taken) {
                (_, true) => {}
                (Errand::Offer(media), false) if fax(media).is_some() => {
                    self.owed.sound = true;
                    self.tell(SessionWord::Refused { status: 488 }, effects);
                    return Heard::Nothing;
                }
                (_, false) => return Heard::Dead(ReleaseCause::IncompatibleMedia),
            }
            effects.extend(self.session.sound(self.source.peer.ip()).map(Effect::Sound));
        }
        if let Errand::Offer(_) = pending.errand {
            self.tell(SessionWord::Accepted(self.session.standing()), effects);
        }
        let wishes = self.session.wish();
        if wishes != wished {
            self.tell(SessionWord::Flow(wishes), effects);
        }
        Heard::Nothing
    }

    /// The session is as it was (RFC 3261 14.1). The peer lives, and that is what a refresh asks.
    fn on_change_refused(
        &mut self,
        pending: Pending,
        status: u16,
        response: &Message,
        now: Now,
        effects: &mut Vec<Effect>,
    ) -> Heard {
        self.refreshed(now);
        self.session.offer_refused(&pending.text);
        let is_update = !pending.is_invite;
        match status {
            491 => {
                self.timers.arm(Timer::Again, now.monotonic + self.glare_pause());
                self.owe_again(pending);
            }
            422 if self.timer.raise(response) => self.owe_again(pending),
            405 | 501 if is_update => {
                self.timer.forget_update();
                self.owe_again(pending);
            }
            500 if response.retry_after_s().is_some() && !matches!(pending.errand, Errand::Refresh) => {
                let pause = Duration::from_secs(response.retry_after_s().unwrap_or_default().into()).min(PAUSE_MAX);
                self.timers.arm(Timer::Again, now.monotonic + pause);
                self.owe_again(pending);
            }
            _ => {
                if let Errand::Offer(_) = pending.errand {
                    self.tell(SessionWord::Refused { status }, effects);
                }
            }
        }
        Heard::Nothing
    }

    fn owe_again(&mut self, pending: Pending) {
        if self.owed.lines.is_empty() {
            self.owed.lines = pending.lines;
        }
        match pending.errand {
            Errand::Offer(media) => {
                self.owed.offer.get_or_insert(media);
            }
            Errand::Flow => self.owed.flow = true,
            Errand::Sound => self.owed.sound = true,
            Errand::Refresh => self.owed.refresh = true,
        }
    }

    /// RFC 3261 14.1: whoever minted the Call-ID waits 2.1 to 4 seconds, the other 0 to 2, in steps of 10 ms.
    fn glare_pause(&self) -> Duration {
        let (least, steps) = match self.dialog.role() {
            Role::Uac => (2_100, 191),
            Role::Uas => (0, 201),
        };
        Duration::from_millis(least + 10 * self.chance().below(steps))
    }

    /// A request of ours got no answer: for the session that is a 408 (RFC 3261 8.1.3.1).
    pub(crate) fn on_failed(&mut self, transaction: ClientTransactionId) -> Heard {
        if self.is_key(transaction) {
            self.forget_keys();
        }
        if self.is_advice(transaction) {
            self.forget_advice();
        }
        match self.pending.take_if(|pending| pending.transaction == Some(transaction)) {
            Some(_) if !self.bye.is_said() => Heard::Dead(ReleaseCause::SessionExpired),
            _ => Heard::Nothing,
        }
    }

    /// A request of ours could not even be sent: the tables are full. The session stays as it is.
    pub(crate) fn on_unsent(&mut self, effects: &mut Vec<Effect>) {
        if let Some(Pending { errand: Errand::Offer(_), .. }) = self.pending.take() {
            self.tell(SessionWord::Refused { status: 503 }, effects);
        }
    }
}

pub(super) fn agent<'b>(lines: sip::Lines<'b>, identity: &Identity) -> sip::Lines<'b> {
    if identity.user_agent.is_empty() { lines } else { lines.header(Name::UserAgent, &*identity.user_agent) }
}
