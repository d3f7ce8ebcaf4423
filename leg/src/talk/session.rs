//! Offer and answer on one leg (RFC 3264): what we described and what the peer did, which way sound shall flow, and what a new offer
//! of the peer asks for.
//!
//! Requests and responses are `talk`'s; the other leg's descriptions come in typed, and nothing of them is echoed (field lesson 24).

use crate::flow::Flow;
use crate::formats::{answered_as, has, is_keys, is_same, is_speech, renumbered};
use crate::keys::{self, are_by_info};
use crate::negotiation::{
    answer_ourselves, carried, fax, fax_answered, fax_received_at, in_the_shape_of, is_reached_from, received_at,
};
use crate::sdp::{self, Origin, print};
use crate::secrecy::Secrecy;
use crate::words::SoundOrder;
use bytes::Bytes;
use domain::dtmf::DtmfPolicy;
use domain::fax::FaxPolicy;
use domain::media::{Direction, Format, MediaDescription, Stream};
use domain::refusal::RefusalKind;
use std::net::IpAddr;

/// The session of one leg.
#[derive(Debug)]
pub(crate) struct Session {
    origin: Origin,
    /// Our description as the peer knows it; printed anew only where it changes.
    text: Bytes,
    theirs: MediaDescription,
    /// Which way the peer wants sound to flow, seen from the peer.
    wish: Flow,
    /// Which way the peer of the other leg does, seen from there: on this leg we speak for it.
    partner: Flow,
    /// Nobody is on the other side: the caller hears itself.
    is_alone: bool,
    /// Our keys, and how secure sound must be.
    secrecy: Secrecy,
    /// What was last ordered of the relay.
    sound: Option<SoundOrder>,
    /// What is done about fax over T.38.
    fax: FaxPolicy,
    /// How the peer hears keys, as its trunk wants it, and whether it takes INFO.
    dtmf: (DtmfPolicy, bool),
    /// What our description says of sound, while fax has its place.
    resting: Option<Stream>,
}

/// What a new offer of the peer asks for.
pub(crate) enum Judgement {
    /// It can be answered here with this.
    Here(MediaDescription),
    /// It changes the codecs, which the other side must agree to.
    Partner,
    /// It cannot be carried; why.
    Refused(RefusalKind, &'static str),
}

impl Session {
    /// What was agreed with the first offer and answer.
    pub(crate) fn new(
        text: Bytes,
        origin: Origin,
        theirs: MediaDescription,
        partner: Flow,
        secrecy: Secrecy,
    ) -> Session {
        let wish = carried(&theirs).map_or(Flow::BOTH, Flow::said_by);
        let (fax, resting) = (FaxPolicy::Refuse, None);
        let dtmf = (DtmfPolicy::Rfc4733, false);
        Session { origin, text, theirs, wish, partner, is_alone: false, secrecy, sound: None, fax, dtmf, resting }
    }

    /// What is done about fax over T.38; refused where nothing is said.
    pub(crate) fn with_fax(self, fax: FaxPolicy) -> Session {
        Session { fax, ..self }
    }

    /// How the peer hears keys; in its sound alone where nothing is said.
    pub(crate) fn with_keys(self, policy: DtmfPolicy, takes_info: bool) -> Session {
        Session { dtmf: (policy, takes_info), ..self }
    }

    /// Whether the peer hears the other side's keys by INFO.
    pub(crate) fn hears_by_info(&self) -> bool {
        let (policy, takes_info) = self.dtmf;
        !self.is_alone && are_by_info(policy, takes_info, carried(&self.theirs))
    }

    /// Whether it may hear keys by INFO where it cannot hear them in its sound.
    pub(crate) fn may_hear_by_info(&self) -> bool {
        self.dtmf.0 != DtmfPolicy::Rfc4733
    }

    /// A description of the peer as the other side is to know it.
    pub(crate) fn presented(&self, media: MediaDescription) -> MediaDescription {
        let (policy, takes_info) = self.dtmf;
        if are_by_info(policy, takes_info, carried(&media)) { keys::presented(media) } else { media }
    }

    /// Nobody is on the other side.
    pub(crate) fn be_alone(&mut self) {
        self.is_alone = true;
    }

    pub(crate) fn is_alone(&self) -> bool {
        self.is_alone
    }

    /// The `o=` line of that description.
    pub(crate) fn origin(&self) -> Origin {
        self.origin
    }

    /// Our description as the peer knows it.
    pub(crate) fn text(&self) -> &Bytes {
        &self.text
    }

    /// Which way the peer wants sound to flow.
    pub(crate) fn wish(&self) -> Direction {
        self.wish.direction()
    }

    /// The other side wants sound to flow another way. Whether that is news.
    pub(crate) fn partner_wants(&mut self, direction: Direction) -> bool {
        let flow = Flow::of(direction);
        let is_news = flow != self.partner;
        self.partner = flow;
        is_news
    }

    /// Which way our description says that sound flows.
    pub(crate) fn shown(&self) -> Option<Direction> {
        carried(&self.ours()).map(|stream| stream.direction)
    }

    /// Whether both sides receive keys in their sound.
    pub(crate) fn has_keys(&self) -> bool {
        let ours = self.ours();
        carried(&ours).is_some_and(|stream| self.agreed(stream).iter().any(is_keys))
    }

    fn ours(&self) -> MediaDescription {
        // It was printed by us, so it reads.
        sdp::read(&self.text).unwrap_or_default()
    }

    /// The formats that both sides have named, in our order.
    fn agreed(&self, ours: &Stream) -> Vec<Format> {
        let theirs = carried(&self.theirs).map(|stream| stream.formats.as_slice()).unwrap_or_default();
        ours.formats.iter().filter(|format| has(theirs, format)).cloned().collect()
    }

    /// An offer of the peer as far as it may be taken.
    pub(crate) fn permitted(&self, offer: MediaDescription) -> MediaDescription {
        self.secrecy.permitted(offer)
    }

    /// The keys, where the session was only looked at.
    pub(crate) fn into_secrecy(self) -> Secrecy {
        self.secrecy
    }

    /// What a new offer of the peer asks for.
    pub(crate) fn judge(&self, offer: &MediaDescription) -> Judgement {
        let Some(offered) = carried(offer) else { return self.judge_fax(offer) };
        if let Some(refused) = self.judge_family(offered) {
            return refused;
        }
        if !self.secrecy.takes(offered) {
            return Judgement::Refused(
                RefusalKind::NoCommonCodec,
                "The sound is not as secure as this trunk wants it; the call goes on unchanged",
            );
        }
        let ours = self.ours();
        let stream = match carried(&ours) {
            Some(stream) => stream,
            // From fax back to sound.
            None if fax(&ours).is_some() => return Judgement::Partner,
            None => return Judgement::Refused(RefusalKind::NoCommonCodec, "There is no sound in this call"),
        };
        if self.is_alone {
            let answer = stream.receives_at.and_then(|at| answer_ourselves(offer, at));
            let sentence = "None of the offered codecs can be returned";
            return answer.map_or(Judgement::Refused(RefusalKind::NoCommonCodec, sentence), Judgement::Here);
        }
        let agreed = self.agreed(stream);
        let mut speech = agreed.iter().filter(|format| is_speech(format)).peekable();
        let goes_on = speech.peek().is_some() && speech.all(|format| has(&offered.formats, format));
        match goes_on {
            true => Judgement::Here(self.answer_with(offer, offered, stream, &agreed)),
            false => Judgement::Partner,
        }
    }

    /// The ports of this leg are of one version of IP for as long as it lasts.
    fn judge_family(&self, offered: &Stream) -> Option<Judgement> {
        let sentence = "The offer moves the sound to another version of IP; the call goes on unchanged";
        (!is_reached_from(offered, self.origin.address))
            .then_some(Judgement::Refused(RefusalKind::MediaFamily, sentence))
    }

    /// Fax in the place of sound. Asked again in the same words (a refresh, another port), it goes on here and now (field lesson 29).
    fn judge_fax(&self, offer: &MediaDescription) -> Judgement {
        let Some(offered) = fax(offer) else {
            return Judgement::Refused(
                RefusalKind::NoCommonCodec,
                "The description offers no sound that can be carried; the call goes on unchanged",
            );
        };
        if let Some(refused) = self.judge_family(offered) {
            return refused;
        }
        if let Some(why) = self.why_no_fax() {
            return Judgement::Refused(RefusalKind::NoCommonCodec, why);
        }
        let ours = self.ours();
        let goes_on = fax(&self.theirs).is_some_and(|known| known.fax == offered.fax);
        match fax(&ours).filter(|_| goes_on) {
            Some(stream) => Judgement::Here(in_the_shape_of(offer, stream.clone())),
            None => Judgement::Partner,
        }
    }

    /// Why fax over T.38 does not pass this leg, if it does not.
    fn why_no_fax(&self) -> Option<&'static str> {
        if self.is_alone || self.fax == FaxPolicy::Refuse {
            return Some(
                "Fax over T.38 is switched off for this trunk; send it as sound (G.711). The call goes on unchanged",
            );
        }
        // UDPTL knows no keys of SDES.
        let sentence =
            "Fax over T.38 cannot be secured, as this trunk wants it; send it as sound. The call goes on unchanged";
        self.secrecy.is_required().then_some(sentence)
    }

    /// The answer within what is agreed, where the other side would not agree to anything else; none where nothing of it is offered.
    pub(crate) fn answer_within(&self, offer: &MediaDescription) -> Option<MediaDescription> {
        let (offered, ours) = (carried(offer)?, self.ours());
        let stream = carried(&ours)?;
        let agreed = self.agreed(stream);
        let goes_on = agreed.iter().any(|format| is_speech(format) && has(&offered.formats, format));
        goes_on.then(|| self.answer_with(offer, offered, stream, &agreed))
    }

    /// The answer to an offer that the other side has agreed to with `media`.
    pub(crate) fn answer_as(&self, offer: &MediaDescription, media: &MediaDescription) -> Option<MediaDescription> {
        let ours = self.ours();
        let at = receiving(&ours)?.receives_at?;
        let Some(offered) = carried(offer) else { return fax_answered(offer, media, at) };
        let taken = carried(media)?;
        let base = carried(&ours).or(self.resting.as_ref()).cloned().unwrap_or_else(|| received_at(taken, at));
        let goes_on = taken.formats.iter().any(|format| is_speech(format) && has(&offered.formats, format));
        goes_on.then(|| self.answer_with(offer, offered, &base, &taken.formats))
    }

    fn answer_with(
        &self,
        offer: &MediaDescription,
        offered: &Stream,
        ours: &Stream,
        formats: &[Format],
    ) -> MediaDescription {
        let direction = Flow::said_by(offered).reversed().and(self.partner).direction();
        // In the order of the offer, and under its numbers (RFC 3264 6.1, field lesson 39).
        let ours_of = |wanted: &Format| formats.iter().find(|format| is_same(format, wanted)).cloned();
        let taken: Vec<Format> = offered.formats.iter().filter_map(ours_of).collect();
        let formats = answered_as(&taken, &offered.formats);
        let stream = Stream { formats, direction, transport: offered.transport.clone(), ..ours.clone() };
        in_the_shape_of(offer, stream)
    }

    /// Our description as an offer of what is agreed, with sound as the other side wants it. Printed anew only where that differs from
    /// what the peer knows.
    pub(crate) fn offer(&self) -> Bytes {
        self.reoffered(|stream, agreed| {
            if agreed.iter().any(is_speech) {
                stream.formats = agreed;
            }
        })
    }

    /// Our description with the formats that the other side offers, or with its fax in the place of sound (RFC 3264 8.3.3).
    pub(crate) fn offer_of(&mut self, media: &MediaDescription) -> Option<Bytes> {
        let Some(theirs) = carried(media) else { return self.offer_of_fax(fax(media)?) };
        let mut ours = self.ours();
        let line = ours.streams.iter_mut().find(|stream| is_ours(stream))?;
        if line.is_fax() {
            let at = line.receives_at?;
            // A call that began with fax has no sound of ours yet, nor keys.
            *line = self.resting.clone().unwrap_or_else(|| {
                let mut sound = received_at(theirs, at);
                self.secrecy.offer(&mut sound);
                sound
            });
        }
        line.formats = renumbered(&theirs.formats, &line.formats);
        (line.ptime_ms, line.maxptime_ms) = (theirs.ptime_ms, theirs.maxptime_ms);
        line.direction = self.partner.direction();
        Some(self.printed(&ours))
    }

    fn offer_of_fax(&self, theirs: &Stream) -> Option<Bytes> {
        if self.why_no_fax().is_some() {
            return None;
        }
        let mut ours = self.ours();
        let line = ours.streams.iter_mut().find(|stream| is_ours(stream))?;
        *line = fax_received_at(theirs, line.receives_at?);
        Some(self.printed(&ours))
    }

    /// Sound, as it was before fax took its place; none where nothing did.
    pub(crate) fn offer_of_sound(&self) -> Option<Bytes> {
        let mut ours = self.ours();
        let line = ours.streams.iter_mut().find(|stream| is_ours(stream))?;
        *line = Stream { direction: self.partner.direction(), ..self.resting.clone()? };
        Some(self.printed(&ours))
    }

    fn reoffered(&self, change: impl FnOnce(&mut Stream, Vec<Format>)) -> Bytes {
        let mut ours = self.ours();
        let agreed = carried(&ours).map(|stream| self.agreed(stream)).unwrap_or_default();
        if let Some(stream) = ours.streams.iter_mut().find(|stream| is_ours(stream) && !stream.is_fax()) {
            change(stream, agreed);
            stream.direction = self.partner.direction();
        }
        self.printed(&ours)
    }

    /// The version counts only where the description changes (RFC 3264 8, RFC 4028 7.4).
    fn printed(&self, description: &MediaDescription) -> Bytes {
        let same = Bytes::from(print(description, self.origin));
        match same == self.text {
            true => self.text.clone(),
            false => print(description, Origin { version: self.origin.version + 1, ..self.origin }).into(),
        }
    }

    /// An offer of the peer is answered with `answer`: gives its text.
    pub(crate) fn take_offer(&mut self, offer: MediaDescription, answer: &MediaDescription) -> Bytes {
        let mut answer = answer.clone();
        if let Some(offered) = carried(&offer) {
            self.secrecy.choose(offered);
        }
        if let Some(stream) = answer.streams.iter_mut().find(|stream| is_ours(stream) && !stream.is_fax()) {
            self.secrecy.answer(stream);
        }
        let text = self.printed(&answer);
        self.commit(text.clone());
        self.wish = carried(&offer).map_or(self.wish, Flow::said_by);
        self.theirs = offer;
        text
    }

    /// What the peer answered to `text`, an offer of ours. False where it refused the sound, or the fax.
    pub(crate) fn take_answer(&mut self, text: Bytes, answer: MediaDescription) -> bool {
        if is_of_fax(&text) {
            // The peer has seen it, whatever it answers.
            self.commit(text);
            let is_taken = fax(&answer).is_some_and(|stream| is_reached_from(stream, self.origin.address));
            if is_taken {
                self.theirs = answer;
            }
            return is_taken;
        }
        let is_usable =
            |stream: &&Stream| self.secrecy.keying(stream).is_ok() && is_reached_from(stream, self.origin.address);
        let Some(stream) = carried(&answer).filter(is_usable) else { return false };
        self.commit(text);
        // An answer to less than both ways says nothing of what the peer would like.
        if self.shown() == Some(Direction::SendRecv) {
            self.wish = Flow::said_by(stream);
        }
        self.theirs = answer;
        true
    }

    fn commit(&mut self, text: Bytes) {
        if text != self.text {
            let ours = self.ours();
            let sound = carried(&ours).cloned().or(self.resting.take());
            self.resting = sound.filter(|_| is_of_fax(&text));
            self.origin.version += 1;
            self.text = text;
        }
    }

    /// Our offer went out in a response: it is what the peer knows, whatever it answers.
    pub(crate) fn offered(&mut self, text: Bytes) {
        self.commit(text);
    }

    /// What the peer does and can, for the other side.
    pub(crate) fn standing(&self) -> MediaDescription {
        self.theirs.clone()
    }

    /// Which way the describer of a session wants its sound to flow.
    pub(crate) fn wish_of(media: &MediaDescription) -> Direction {
        carried(media).map_or(Flow::BOTH, Flow::said_by).direction()
    }

    /// Whether a description tells the peer more than it knows: codecs that are merely named again need no request.
    pub(crate) fn is_to_be_told(&self, text: &Bytes) -> bool {
        let direction = sdp::read(text).ok().and_then(|offer| carried(&offer).map(|stream| stream.direction));
        direction != self.shown()
    }

    /// An offer of ours was refused. Its version was seen, so the next description has a higher one.
    pub(crate) fn offer_refused(&mut self, text: &Bytes) {
        if !text.is_empty() && *text != self.text {
            let ours = self.ours();
            self.origin.version += 2;
            self.text = print(&ours, self.origin).into();
        }
    }

    /// Where the peer's sound is, where that changed.
    pub(crate) fn sound(&mut self, signalling_ip: IpAddr) -> Option<SoundOrder> {
        let order = self.order(signalling_ip)?;
        self.ordered(order)
    }

    /// We have offered: from now on the peer may send what it wants to, if we said that we receive it (RFC 3264 5.1).
    pub(crate) fn sound_while_offering(&mut self, text: &Bytes, signalling_ip: IpAddr) -> Option<SoundOrder> {
        let offered = sdp::read(text).ok()?;
        let order = self.order(signalling_ip)?;
        let now = Flow::of(order.direction);
        let may_send = now.sends || (self.wish.sends && Flow::said_by(carried(&offered)?).receives);
        self.ordered(SoundOrder { direction: Flow { sends: may_send, ..now }.direction(), ..order })
    }

    fn order(&self, signalling_ip: IpAddr) -> Option<SoundOrder> {
        let ours = self.ours();
        let Some(stream) = carried(&self.theirs) else {
            fax(&ours)?;
            return SoundOrder::of_fax(fax(&self.theirs)?, signalling_ip);
        };
        let keying = self.secrecy.keying(stream).ok()?;
        SoundOrder::of(stream, carried(&ours), signalling_ip)
            .map(|order| order.keyed(keying).telling(self.hears_by_info()))
    }

    fn ordered(&mut self, order: SoundOrder) -> Option<SoundOrder> {
        let is_news = self.sound.as_ref() != Some(&order);
        self.sound = Some(order.clone());
        is_news.then_some(order)
    }

    /// What was ordered of the relay before this session was made.
    pub(crate) fn sound_stands(&mut self, order: Option<SoundOrder>) {
        self.sound = order;
    }
}

/// Of our own description at most one stream is not refused: the sound, or fax in its place.
fn is_ours(stream: &Stream) -> bool {
    stream.receives_at.is_some()
}

fn receiving(ours: &MediaDescription) -> Option<&Stream> {
    ours.streams.iter().find(|stream| is_ours(stream))
}

/// Whether a description of ours has fax in the place of sound.
fn is_of_fax(text: &Bytes) -> bool {
    sdp::read(text).is_ok_and(|ours| fax(&ours).is_some())
}
