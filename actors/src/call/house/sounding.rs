//! The sound of a house: opened when somebody is called or hears himself, told to the relay side by side, counted at the end.
//!
//! Where sound comes from and goes to, the legs say; carrying it is `media`'s.

use super::{House, Invited, Sound, Waiting};
use crate::call::joint::Part;
use crate::call::words::Effect;
use crate::ways::register::transport_fact;
use domain::call_control::{LegEvent, LegFailure, LegId};
use domain::call_record::CallDirection;
use domain::media::{Family, KeyPress};
use domain::refusal::RefusalKind;
use domain::trace::{Rule, Step, Verdict};
use domain::{Fact, Now, Refusal, fact};
use media::{BySide, Mode, OpenRequest, Opened, Side};
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
            Sound::Opening(_) | Sound::Moving(..) => {}
            Sound::Closed => {
                self.sound = Sound::Opening(Waiting::Echo);
                effects.push(Effect::OpenSound(self.ports(Mode::Echo, self.caller.family())));
            }
        }
    }

    /// What is asked of the media room: for each side a port of its version of IP, that of its peer's description or signalling.
    pub(super) fn ports(&self, mode: Mode, called: Family) -> OpenRequest {
        let mut bind_ip = BySide::default();
        bind_ip[self.caller_side()] = self.naming.media.local(self.caller.family());
        bind_ip[self.called_side()] = self.naming.media.local(called);
        match mode {
            Mode::Relay => OpenRequest { mode, bind_ip },
            // An echo has one side only, whoever calls.
            Mode::Echo => OpenRequest { mode, bind_ip: BySide { a: bind_ip[self.caller_side()], b: None } },
        }
    }

    /// Calls somebody where ports are open; where he is reached by another version of IP than who was called before, ports of that first.
    pub(super) fn call_or_move(&mut self, invited: Invited, opened: Opened, effects: &mut Vec<Effect>) {
        let side = self.called_side();
        let family = invited.family();
        let Some(ours) = self.ours(side, opened) else {
            return self.tell_call(invited.id, LegEvent::Failed(LegFailure::Transport));
        };
        match self.naming.media.local(family).filter(|_| Family::of(ours.ip()) != family) {
            None => self.call_out(invited, ours, effects),
            Some(ip) => {
                self.sound = Sound::Moving(opened, vec![invited]);
                effects.push(Effect::MoveSound(side, ip));
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
            (Sound::Open(_) | Sound::Moving(..), None) => {
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
        let waiting = match std::mem::replace(&mut self.sound, Sound::Closed) {
            Sound::Opening(waiting) => waiting,
            Sound::Moving(former, waiting) => return self.on_sound_moved(outcome, former, waiting, effects),
            // It was closed meanwhile.
            sound => {
                self.sound = sound;
                return;
            }
        };
        let opened = match outcome {
            Ok(opened) => self.naming.media.shown(opened),
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
            Waiting::Invitations(waiting) => self.invite_all(waiting, effects),
        }
    }

    /// The called side has ports of another version of IP, or still those that it had.
    fn on_sound_moved(
        &mut self,
        outcome: Result<Opened, Refusal>,
        former: Opened,
        waiting: Vec<Invited>,
        effects: &mut Vec<Effect>,
    ) {
        self.sound = Sound::Open(outcome.as_ref().map_or(former, |opened| self.naming.media.shown(*opened)));
        match outcome {
            Ok(_) => self.invite_all(waiting, effects),
            Err(_) => {
                let failed = LegEvent::Failed(LegFailure::NoMediaAddress);
                waiting.into_iter().for_each(|invited| self.tell_call(invited.id, failed.clone()));
            }
        }
    }

    fn invite_all(&mut self, waiting: Vec<Invited>, effects: &mut Vec<Effect>) {
        for invited in waiting {
            match &mut self.sound {
                Sound::Open(opened) => {
                    let opened = *opened;
                    self.call_or_move(invited, opened, effects);
                }
                Sound::Moving(_, waiting) => waiting.push(invited),
                Sound::Closed | Sound::Opening(_) => {}
            }
        }
    }

    /// A key for one side, of which the leg that talks makes an INFO.
    pub(super) fn on_key_heard(&mut self, side: Side, key: KeyPress, now: Now, effects: &mut Vec<Effect>) {
        let legs: Vec<LegId> = match side == self.caller_side() {
            true => vec![LegId::CALLER],
            false => self.called.iter().map(|(id, _)| *id).collect(),
        };
        for id in legs {
            self.on_leg(id, leg::Event::KeyHeard(key), now, effects);
        }
    }

    pub(super) fn set_sound(&self, side: Side, mut order: leg::SoundOrder, effects: &mut Vec<Effect>) {
        // Signalled through another node, sound goes to and comes from the PBX itself.
        if let Some(beyond) = self.beyond.filter(|_| side == self.called_side()) {
            order.signalling_ip = beyond;
        }
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
