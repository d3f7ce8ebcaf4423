//! The sound of a house: opened when somebody is called or hears himself, told to the relay side by side, counted at the end.
//!
//! Where sound comes from and goes to, the legs say; carrying it is `media`'s.

use super::{House, Sound, Waiting};
use crate::call::joint::Part;
use crate::call::words::Effect;
use crate::ways::register::transport_fact;
use domain::call_control::LegId;
use domain::call_record::CallDirection;
use domain::refusal::RefusalKind;
use domain::trace::{Rule, Step, Verdict};
use domain::{Fact, Now, Refusal, fact};
use media::{Mode, Opened, Side};
use sip::endpoint::Transport;
use std::net::SocketAddr;

impl House {
    pub(super) fn on_answer_with_echo(&mut self, now: Now, effects: &mut Vec<Effect>) {
        match &self.sound {
            Sound::Open(opened) => {
                let ours = opened.a;
                effects.push(Effect::WatchForSilence);
                self.on_leg(LegId::CALLER, leg::Event::AnsweredWithEcho(ours), now, effects);
                // Behind what the leg told: where it has no format in common with us, nobody was answered.
                self.news.push_back((Part::First, switch::call::Event::EchoAnswered));
            }
            Sound::Opening(_) => {}
            Sound::Closed => {
                self.sound = Sound::Opening(Waiting::Echo);
                effects.push(Effect::OpenSound(Mode::Echo));
            }
        }
    }

    /// To the relay, side A is the company's PBX and side B the carrier, whoever of them calls: so its counts tell them apart.
    pub(super) fn caller_side(&self) -> Side {
        match self.call.record().direction {
            CallDirection::Outbound => Side::A,
            CallDirection::Inbound => Side::B,
        }
    }

    pub(super) fn called_side(&self) -> Side {
        self.caller_side().other()
    }

    /// Keys go where others can read them (RFC 4568 7): told, and noted in the call's trace, not hidden.
    pub(super) fn tell_of_keys_in_clear(&mut self, id: LegId, transport: Option<Transport>, effects: &mut Vec<Effect>) {
        let Some(transport) = transport else { return };
        let side = if self.side_of(id) == Side::A { fact::Side::Access } else { fact::Side::Peering };
        let (call, profile) = (self.call.id(), self.call.record().profile);
        effects.push(Effect::Tell(Fact::KeysInClear { call, profile, side, transport: transport_fact(transport) }));
        let peer = if self.side_of(id) == Side::A { "the PBX" } else { "the carrier" };
        let seen = format!("SDES over {}, to and from {peer}", transport.as_str());
        let (rule, verdict, wanted) = (Rule::Keys, Verdict::Warned, "signalling over TLS".into());
        let step = Box::new(Step { rule, verdict, seen: seen.into(), wanted, refusal: None });
        self.news.push_back((Part::of(id).0, switch::call::Event::Noted(step)));
    }

    /// Whose side of the relay a leg is.
    pub(super) fn side_of(&self, leg: LegId) -> Side {
        if leg == LegId::CALLER { self.caller_side() } else { self.called_side() }
    }

    /// Where we receive the sound of a side.
    pub(super) fn ours(&self, side: Side, opened: Opened) -> Option<SocketAddr> {
        match side {
            Side::A => Some(opened.a),
            Side::B => opened.b,
        }
    }

    pub(super) fn on_report_media(&mut self, part: Part, effects: &mut Vec<Effect>) {
        match (&self.sound, self.reports.told) {
            (_, Some(told)) => self.report(part, told),
            (Sound::Open(_), None) => {
                // The call is over: its ports are given back with the counts that they tell.
                self.sound = Sound::Closed;
                self.reports.waiting.push(part);
                effects.push(Effect::CloseSoundAndReport);
            }
            (Sound::Closed | Sound::Opening(_), None) if self.reports.waiting.is_empty() => {
                self.report(part, ((0, 0), (0, 0)));
            }
            (Sound::Closed | Sound::Opening(_), None) => self.reports.waiting.push(part),
        }
    }

    pub(super) fn report(&mut self, part: Part, (packets, lost): ((u64, u64), (u64, u64))) {
        self.news.push_back((part, switch::call::Event::MediaReported { packets, lost }));
    }

    pub(super) fn on_sound_opened(&mut self, outcome: Result<Opened, Refusal>, now: Now, effects: &mut Vec<Effect>) {
        let Sound::Opening(waiting) = std::mem::replace(&mut self.sound, Sound::Closed) else { return };
        let opened = match outcome {
            Ok(opened) => self.naming.shown(opened),
            Err(refusal) => {
                // Of two calls the second asked for it.
                let part = if self.second.is_some() { Part::Second } else { Part::First };
                self.news.push_back((part, switch::call::Event::SoundRefused(refusal)));
                return;
            }
        };
        self.sound = Sound::Open(opened);
        if let Some(ours) = self.ours(self.caller_side(), opened) {
            self.caller.sound_opened(ours);
        }
        if let Some(order) = self.caller.sound() {
            self.set_sound(self.caller_side(), order, effects);
        }
        match waiting {
            Waiting::Echo => self.on_answer_with_echo(now, effects),
            Waiting::Invitations(waiting) => {
                for (id, invitation) in waiting {
                    self.call_out(id, &invitation, opened, now, effects);
                }
            }
        }
    }

    pub(super) fn set_sound(&self, side: Side, order: leg::SoundOrder, effects: &mut Vec<Effect>) {
        // A leg may tell of sound when the call has closed its ports: the ACK to a re-INVITE came late, with an answer.
        if !matches!(self.sound, Sound::Closed) {
            effects.push(Effect::SetSound(side, order, self.media_networks[side].clone()));
        }
    }
}

/// What the media room says when it has no ports, in the words of the catalogue.
pub fn no_sound(refused: &media::OpenRefused) -> Refusal {
    Refusal::saying(RefusalKind::MediaPortsExhausted, refused.to_string()).retry_after_s(RETRY_AFTER_S)
}

/// A call lasts a minute or more; ports come free all the time.
const RETRY_AFTER_S: u32 = 5;
