//! What both kinds of leg do once there is a dialog: requests inside it, and its end by BYE.
//!
//! Until a changed session can be negotiated, a re-INVITE or UPDATE that changes nothing is answered 200 with the same
//! description, one that changes the keys of secure sound only with ours to it, and anything else 488; the call goes on either way.

use crate::invitation::offer_in;
use crate::negotiation::carried;
use crate::reach::next_hop;
use crate::replies::{reason, refusal};
use crate::sdp::{self, Origin, print};
use crate::secrecy::{Secrecy, differ_in_keys_only};
use crate::words::{Effect, Identity, Sent, SoundOrder};
use bytes::{Bytes, BytesMut};
use domain::media::MediaDescription;
use domain::refusal::RefusalKind;
use domain::{Refusal, ReleaseCause};
use sip::dialog::Dialog;
use sip::endpoint::{Reply, ServerTransactionId, Source};
use sip::{Message, Method, Name};

/// Methods that a dialog of ours knows.
pub(crate) const ALLOW: &str = "INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE";

/// A dialog with its sound as it was agreed.
#[derive(Debug)]
pub(crate) struct Talk {
    pub(crate) dialog: Dialog,
    /// Our description, as it was sent; sent again where nothing changes.
    ours: Bytes,
    /// The `o=` line of that.
    origin: Origin,
    /// The peer's description, compared with what re-INVITEs bring.
    theirs: MediaDescription,
    secrecy: Secrecy,
    /// Where the peer's last message came from.
    source: Source,
}

/// What a request inside a dialog means to the leg.
pub(crate) enum Heard {
    /// It is answered, and the call goes on.
    Nothing,
    /// The peer hung up; it is answered.
    HungUp,
}

impl Talk {
    pub(crate) fn new(
        dialog: Dialog,
        (ours, origin): (Bytes, Origin),
        theirs: MediaDescription,
        secrecy: Secrecy,
        source: Source,
    ) -> Talk {
        Talk { dialog, ours, origin, theirs, secrecy, source }
    }

    pub(crate) fn on_request(
        &mut self,
        transaction: ServerTransactionId,
        message: &Message,
        source: Source,
        identity: &Identity,
        effects: &mut Vec<Effect>,
    ) -> Heard {
        let respond = |reply| Effect::Respond { transaction, reply };
        if let Err(untimely) = self.dialog.take_request(message) {
            effects.push(respond(Reply::new(untimely.status(), untimely.phrase())));
            return Heard::Nothing;
        }
        self.source = source;
        match message.method() {
            Some(Method::Bye) => {
                effects.push(respond(Reply::new(200, "OK")));
                Heard::HungUp
            }
            Some(Method::Invite | Method::Update) => {
                let reply = self.renegotiated(message, identity, effects);
                effects.push(respond(reply));
                Heard::Nothing
            }
            Some(Method::Options) => {
                effects.push(respond(Reply::new(200, "OK").header(Name::Allow, ALLOW)));
                Heard::Nothing
            }
            _ => {
                effects.push(respond(Reply::new(405, "Method Not Allowed").header(Name::Allow, ALLOW)));
                Heard::Nothing
            }
        }
    }

    /// The answer to a re-INVITE or UPDATE.
    fn renegotiated(&mut self, request: &Message, identity: &Identity, effects: &mut Vec<Effect>) -> Reply {
        let offer = offer_in(request).map(|offer| offer.map(|offer| self.secrecy.permitted(offer)));
        let goes_on = match offer {
            // A refresh without description: of a re-INVITE, our answer is then the offer, and the same as before.
            Ok(None) => request.body().is_empty(),
            Ok(Some(offer)) => offer == self.theirs || self.is_rekeyed(offer, effects),
            Err(_) => false,
        };
        if !goes_on {
            let sentence = "The session cannot be changed during the call yet; it goes on unchanged";
            return refusal(&Refusal::saying(RefusalKind::NoCommonCodec, sentence), &identity.host);
        }
        let reply = contact(Reply::new(200, "OK"), identity).header(Name::Allow, ALLOW);
        let reply = session_timer(reply, request);
        let is_update_without_offer = request.method() == Some(&Method::Update) && request.body().is_empty();
        if is_update_without_offer { reply } else { reply.body(crate::sdp::CONTENT_TYPE, self.ours.clone()) }
    }

    /// Takes new keys of the peer over, where nothing else is new; ours go on.
    fn is_rekeyed(&mut self, offer: MediaDescription, effects: &mut Vec<Effect>) -> bool {
        let Some(offered) = carried(&offer).filter(|_| differ_in_keys_only(&offer, &self.theirs)) else { return false };
        // It was printed by us, so it reads.
        let Ok(mut ours) = sdp::read(&self.ours) else { return false };
        self.secrecy.choose(offered);
        let keying = self.secrecy.keying(offered).ok().flatten();
        let sound = SoundOrder::of(offered, self.source.peer.ip());
        let (Some(sound), Some(_)) = (sound, keying) else { return false };
        if let Some(stream) = ours.streams.iter_mut().find(|stream| stream.receives_at.is_some()) {
            self.secrecy.answer(stream);
        }
        self.origin.version += 1;
        self.ours = print(&ours, self.origin).into();
        self.theirs = offer;
        effects.push(Effect::Sound(sound.keyed(keying)));
        true
    }

    /// Hangs up.
    pub(crate) fn bye(&mut self, cause: ReleaseCause, identity: &Identity, effects: &mut Vec<Effect>) {
        let mut out = BytesMut::with_capacity(512);
        let mut lines = self.dialog.request(&Method::Bye, &mut out).header(Name::Reason, reason(cause));
        if !identity.user_agent.is_empty() {
            lines = lines.header(Name::UserAgent, &*identity.user_agent);
        }
        lines.end();
        let destination = next_hop(&self.dialog, &self.source);
        effects.push(Effect::Request { sent: Sent::Bye, request: out.freeze(), destination });
    }

    /// The order that takes this dialog out of the directory.
    pub(crate) fn unbind(&self) -> Effect {
        unbind(&self.dialog)
    }
}

pub(crate) fn unbind(dialog: &Dialog) -> Effect {
    Effect::UnbindDialog { call_id: dialog.call_id().into(), local_tag: dialog.local_tag().into() }
}

pub(crate) fn contact(reply: Reply, identity: &Identity) -> Reply {
    let reply = reply.header(Name::Contact, identity.contact_value());
    if identity.user_agent.is_empty() { reply } else { reply.header(Name::Server, &*identity.user_agent) }
}

/// The session timer of a request is granted as asked, and its sender keeps refreshing (RFC 4028 9): a peer that wants us to
/// refresh gets no timer, which it must accept.
pub(crate) fn session_timer(reply: Reply, request: &Message) -> Reply {
    let knows = request.supports("timer") || request.require().any(|tag| tag.eq_ignore_ascii_case("timer"));
    match request.session_expires_s() {
        Some((seconds, refresher)) if knows && refresher.is_none_or(|who| !who.eq_ignore_ascii_case("uas")) => {
            reply.header(Name::SessionExpires, format!("{seconds};refresher=uac")).header(Name::Require, "timer")
        }
        _ => reply,
    }
}
