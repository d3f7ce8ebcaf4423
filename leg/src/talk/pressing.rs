//! Keys for the peer by INFO (`application/dtmf-relay`): one request at a time, or one that overtakes another would turn two digits round.
//!
//! Keys in sound are `media`'s; who hears them how is in the crate's `keys`.

use super::Talk;
use super::ours::agent;
use crate::keys;
use crate::words::{Effect, Identity, Sent};
use bytes::BytesMut;
use domain::media::KeyPress;
use sip::Method;
use sip::endpoint::ClientTransactionId;
use std::collections::VecDeque;

/// Keys at most that wait for the answer to the one before; a hand is slower. Further ones are as if they had not been pressed.
const WAITING_MAX: usize = 32;

/// Keys that the peer is yet to be told.
#[derive(Debug, Default)]
pub(super) struct Pressing {
    /// What each INFO carries: its media type and body.
    waiting: VecDeque<(String, Vec<u8>)>,
    /// The INFO that is not answered, and its transaction once that has a name.
    sent: Option<Option<ClientTransactionId>>,
}

impl Talk {
    /// The other side pressed a key in its sound.
    pub(crate) fn on_key_heard(&mut self, key: KeyPress, identity: &Identity, effects: &mut Vec<Effect>) {
        if let Some(body) = keys::written(key).filter(|_| self.session.hears_by_info()) {
            self.press(keys::RELAY, body.as_bytes(), identity, effects);
        }
    }

    /// A key goes to the peer by INFO, where it takes that.
    pub(super) fn press(&mut self, content_type: &str, body: &[u8], identity: &Identity, effects: &mut Vec<Effect>) {
        if self.takes_info && self.pressing.waiting.len() < WAITING_MAX {
            self.pressing.waiting.push_back((content_type.to_owned(), body.to_vec()));
            self.send_next_key(identity, effects);
        }
    }

    fn send_next_key(&mut self, identity: &Identity, effects: &mut Vec<Effect>) {
        if self.pressing.sent.is_some() {
            return;
        }
        let Some((content_type, body)) = self.pressing.waiting.pop_front() else { return };
        self.pressing.sent = Some(None);
        let mut out = BytesMut::with_capacity(768);
        let lines = self.dialog.request(&Method::Info, &mut out);
        agent(lines, identity).body(&content_type, &body);
        effects.push(Effect::Request { sent: Sent::Keys, request: out.freeze(), destination: self.destination() });
    }

    /// The INFO is on its way.
    pub(super) fn on_key_sent(&mut self, transaction: ClientTransactionId) {
        if let Some(sent) = &mut self.pressing.sent {
            *sent = Some(transaction);
        }
    }

    /// Whether a transaction of ours is the key's.
    pub(super) fn is_key(&self, transaction: ClientTransactionId) -> bool {
        self.pressing.sent == Some(Some(transaction))
    }

    /// The INFO was answered, whatever with: the next one.
    pub(super) fn on_key_answered(&mut self, identity: &Identity, effects: &mut Vec<Effect>) {
        self.pressing.sent = None;
        self.send_next_key(identity, effects);
    }

    /// The INFO could not be sent, or nobody answers: those behind it would come too late.
    pub(crate) fn forget_keys(&mut self) {
        self.pressing = Pressing::default();
    }
}
