//! Early dialogs of an INVITE of ours (RFC 3261 13.2.2): one for each branch of a fork that rings, with what it described and what of it
//! was acknowledged (RFC 3262).
//!
//! Which of them answers in the end is the called side's to decide; what is told of them, `called`'s.

use crate::proving::reprinted;
use bytes::{Bytes, BytesMut};
use domain::media::MediaDescription;
use sip::dialog::{Calling, Dialog};
use sip::{Message, Method, Name};

/// Branches of a fork at most that are kept; of further ones only the ringing is heard.
const BRANCHES_MAX: usize = 8;

/// The early dialogs of one INVITE.
#[derive(Debug, Default)]
pub(crate) struct EarlyDialogs(Vec<Early>);

#[derive(Debug)]
struct Early {
    tag: Box<str>,
    media: Option<MediaDescription>,
    /// Where its responses are reliable: its dialog, whose numbers have moved on, and the last RSeq.
    reliable: Option<(Dialog, u32)>,
}

/// What a provisional response is.
pub(crate) enum Provisional {
    /// News.
    New,
    /// News that are to be acknowledged with this PRACK.
    Reliable(Bytes, Dialog),
    /// It was heard before, or one before it is missing (RFC 3262 4).
    Known,
}

impl EarlyDialogs {
    /// A provisional response above 100.
    pub(crate) fn hear(
        &mut self,
        calling: &Calling,
        response: &Message,
        media: Option<&MediaDescription>,
    ) -> Provisional {
        let number = match response.rseq() {
            Ok(Some(number)) if response.require().any(|tag| tag.eq_ignore_ascii_case("100rel")) => Some(number),
            _ => None,
        };
        if number.is_none() && media.is_none() {
            return Provisional::New;
        }
        let tag = response.to_tag().unwrap_or_default();
        let index = self.0.iter().position(|early| *early.tag == *tag);
        let index = match index {
            Some(index) => index,
            None if self.0.len() < BRANCHES_MAX => {
                self.0.push(Early { tag: tag.into(), media: None, reliable: None });
                self.0.len() - 1
            }
            None => return Provisional::Known,
        };
        let Some(early) = self.0.get_mut(index) else { return Provisional::Known };
        let verdict = match number {
            Some(number) => early.acknowledge(number, calling, response),
            None => Provisional::New,
        };
        if !matches!(verdict, Provisional::Known) && media.is_some() {
            early.media = media.cloned();
        }
        verdict
    }

    /// The dialog that a 2xx confirms, where it was reliable before, and what its branch described; otherwise what any branch did: some
    /// carriers change the tag.
    pub(crate) fn take(&mut self, response: &Message) -> (Option<Dialog>, Option<MediaDescription>) {
        let tag = response.to_tag().unwrap_or_default();
        let last = self.0.iter().rev().find_map(|early| early.media.clone());
        match self.0.iter_mut().find(|early| *early.tag == *tag) {
            Some(early) => (early.reliable.take().map(|(dialog, _)| dialog), early.media.take().or(last)),
            None => (None, last),
        }
    }

    /// The early dialog that a request of the peer belongs to, where its offer was answered reliably.
    pub(crate) fn dialog_of(&mut self, request: &Message) -> Option<&mut Dialog> {
        let tag = request.from_tag().unwrap_or_default();
        let early = self.0.iter_mut().find(|early| *early.tag == *tag)?;
        early.reliable.as_mut().map(|(dialog, _)| dialog)
    }
}

impl EarlyDialogs {
    /// A PRACK of ours that was challenged, once more (RFC 3262 4, RFC 3261 22.2): its proof is added where it leaves.
    pub(crate) fn prack_again(&mut self, former: &Message) -> Option<Bytes> {
        let tag = former.to_tag().unwrap_or_default();
        let early = self.0.iter_mut().find(|early| *early.tag == *tag)?;
        let (dialog, _) = early.reliable.as_mut()?;
        let mut out = BytesMut::with_capacity(1_024);
        reprinted(former, dialog.request(&Method::Prack, &mut out));
        Some(out.freeze())
    }

    /// What the branch of a request has described.
    pub(crate) fn described(&self, request: &Message) -> Option<MediaDescription> {
        let tag = request.from_tag().unwrap_or_default();
        self.0.iter().find(|early| *early.tag == *tag)?.media.clone()
    }

    /// The branch of a request describes itself anew.
    pub(crate) fn describe(&mut self, request: &Message, media: MediaDescription) {
        let tag = request.from_tag().unwrap_or_default();
        if let Some(early) = self.0.iter_mut().find(|early| *early.tag == *tag) {
            early.media = Some(media);
        }
    }
}

impl Early {
    fn acknowledge(&mut self, number: u32, calling: &Calling, response: &Message) -> Provisional {
        let (mut dialog, last) = match self.reliable.take() {
            Some((dialog, last)) => (dialog, Some(last)),
            None => match calling.established_by(response) {
                Ok(dialog) => (dialog, None),
                Err(_) => return Provisional::Known,
            },
        };
        if last.is_some_and(|last| number != last.wrapping_add(1)) {
            self.reliable = last.map(|last| (dialog, last));
            return Provisional::Known;
        }
        let cseq = response.cseq().map(|cseq| cseq.number).unwrap_or_default();
        let mut out = BytesMut::with_capacity(512);
        let lines = dialog.request(&Method::Prack, &mut out);
        lines.header_fmt(Name::RAck, format_args!("{number} {cseq} INVITE")).end();
        self.reliable = Some((dialog.clone(), number));
        Provisional::Reliable(out.freeze(), dialog)
    }
}
