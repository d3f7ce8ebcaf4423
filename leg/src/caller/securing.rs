//! How the caller's sound is secured, and what else its trunk lets pass: told once it is known whose call it is.
//!
//! Keys are minted and chosen in `secrecy`.

use super::{CallerLeg, Phase};
use crate::keys;
use crate::negotiation::{carried, fax};
use crate::secrecy::Secrecy;
use crate::talk;
use crate::words::{Effect, SoundOrder};
use domain::dtmf::DtmfPolicy;
use domain::fax::FaxPolicy;
use domain::media::{Family, KeyPress, MediaDescription};
use domain::srtp::{KeySeed, SrtpPolicy};
use sip::endpoint::Transport;

impl CallerLeg {
    /// By which version of IP the caller takes its sound.
    pub fn family(&self) -> Family {
        let signalling = self.source.peer.ip();
        self.offer.as_ref().map_or(Family::of(signalling), |offer| offer.family(signalling))
    }

    /// What the offer, if it can be carried, says about where the caller wants sound.
    pub fn sound(&self) -> Option<SoundOrder> {
        let offer = self.offer.as_ref()?;
        let Some(stream) = carried(offer) else {
            // UDPTL knows no keys of SDES.
            let is_taken = self.t38 == FaxPolicy::Relay && !self.secrecy.is_required();
            return SoundOrder::of_fax(fax(offer).filter(|_| is_taken)?, self.source.peer.ip());
        };
        let keying = self.secrecy.keying(stream).ok()?;
        let order = SoundOrder::of(stream, None, self.source.peer.ip())?;
        Some(order.keyed(keying).telling(self.hears_by_info()))
    }

    /// How much its sound is to be secured, once it is known whose call it is; keys are minted from `seed`. Before anything is
    /// answered.
    pub fn secure(&mut self, policy: SrtpPolicy, seed: KeySeed) {
        self.secrecy = Secrecy::new(policy, seed);
        if let Some(Ok(permitted)) = self.offer.as_ref().map(|offer| offer.permitted(policy)) {
            self.offer = Some(permitted);
        }
        if let Some(stream) = self.offer.as_ref().and_then(carried) {
            self.secrecy.choose(stream);
        }
    }

    /// Over what our keys will be sent where others can read them; none where there are none, or nobody can (RFC 4568 7).
    pub fn keys_in_clear(&self) -> Option<Transport> {
        let is_keyed = self.sound().is_some_and(|order| order.keying.is_some());
        Some(self.source.transport).filter(|transport| is_keyed && !transport.is_secure())
    }

    /// How it hears keys, once it is known whose call it is. Before its sound is asked for.
    pub fn hear_keys_by(&mut self, policy: DtmfPolicy) {
        self.dtmf = policy;
    }

    /// The called side pressed a key in its sound.
    pub(super) fn on_key_heard(&mut self, key: KeyPress, effects: &mut Vec<Effect>) {
        if let Phase::Talking(talk) = &mut self.phase {
            talk.on_key_heard(key, &self.identity, effects);
        }
    }

    /// An offer for the called side: who hears keys by INFO is presented as one that hears them in its sound.
    pub fn presented(&self, offer: MediaDescription) -> MediaDescription {
        if self.hears_by_info() { keys::presented(offer) } else { offer }
    }

    fn hears_by_info(&self) -> bool {
        keys::are_by_info(self.dtmf, talk::takes_info(&self.invite), self.offer.as_ref().and_then(carried))
    }

    /// What is done about fax over T.38, once it is known whose call it is. Before anything is answered.
    pub fn permit_fax(&mut self, policy: FaxPolicy) {
        self.t38 = policy;
    }

    /// An offer of ours with the keys that the policy wants.
    pub(super) fn secured(&mut self, mut offer: MediaDescription) -> MediaDescription {
        offer.streams.iter_mut().filter(|stream| !stream.is_fax()).for_each(|stream| self.secrecy.offer(stream));
        offer
    }
}
