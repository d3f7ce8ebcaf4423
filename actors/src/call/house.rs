//! A call and its legs under one roof, as one pure machine: what a leg tells goes to the call, what the call orders goes to a
//! leg, and only what concerns the world outside leaves the house.
//!
//! Decisions are the call's (`switch`) and the legs' (`leg`); here is only the way between them, the same in production and on
//! a virtual clock.

use super::byes::Byes;
use super::words::{Effect, Event, Naming};
use crate::desk::Desk;
use domain::call_control::{LegEvent, LegFailure, LegId, LegOrder, OutgoingInvitation, Proof, Whereto};
use domain::call_record::CallDirection;
use domain::network::Network;
use domain::refusal::RefusalKind;
use domain::srtp::{KeySeed, SrtpPolicy};
use domain::{CallId, Entropy, Fact, Machine, Monotonic, Now, Refusal};
use leg::{CalledLeg, CallerLeg, LegNaming};
use media::{BySide, Mode, Opened, Side};
use sip::endpoint::steering::mint_call_id;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use switch::Call;
use switch::call::Opening;

/// A call and its legs.
pub struct House {
    call: Call,
    caller: CallerLeg,
    /// The legs towards the called side.
    called: Vec<(LegId, CalledLeg)>,
    byes: Byes,
    sound: Sound,
    desk: Arc<Desk>,
    naming: Naming,
    entropy: Entropy,
    /// The only networks that each side's sound may come from, where there are such.
    media_networks: BySide<Option<Arc<[Network]>>>,
    /// What the call has yet to hear, in the order in which it happened.
    news: VecDeque<switch::call::Event>,
    /// What the call orders in one step; empty between steps, kept for its room: a charge tick allocates nothing here.
    orders: Vec<switch::call::Effect>,
    is_closed: bool,
}

/// Whether ports are open for this call.
#[derive(Debug)]
enum Sound {
    /// Nobody asked for them yet.
    Closed,
    /// They are being opened; these orders wait for their addresses.
    Opening(Waiting),
    /// They are open.
    Open(Opened),
}

/// What waits for ports.
#[derive(Debug)]
enum Waiting {
    /// Invitations of the called side.
    Invitations(Vec<(LegId, Box<OutgoingInvitation>)>),
    /// The answer with the caller's own sound.
    Echo,
}

impl House {
    /// Opens the house of a call whose caller's leg is `caller`.
    ///
    /// # Errors
    /// Where there is no call because nobody is known whom the proof names: the leg, and what to refuse it with.
    pub fn open(
        opening: Opening,
        mut caller: CallerLeg,
        desk: Arc<Desk>,
        naming: Naming,
        mut entropy: Entropy,
        now: Now,
        effects: &mut Vec<Effect>,
    ) -> Result<House, Box<(CallerLeg, Refusal)>> {
        let mut media_networks = BySide::default();
        if let Proof::Carrier(carrier) = opening.invitation.proof {
            media_networks.b = desk.media_networks(carrier);
        }
        let mut orders = Vec::new();
        let call = match Call::open(opening, now, &mut orders) {
            Ok(call) => call,
            Err(refusal) => return Err(Box::new((caller, refusal))),
        };
        caller.secure(call.caller_srtp(), key_seed(&mut entropy));
        let mut house = House {
            call,
            caller,
            called: Vec::new(),
            byes: Byes::default(),
            sound: Sound::Closed,
            desk,
            naming,
            entropy,
            media_networks,
            news: VecDeque::new(),
            orders: Vec::new(),
            is_closed: false,
        };
        house.obey(&mut orders, now, effects);
        house.settle(now, effects);
        Ok(house)
    }

    /// Which call.
    pub fn id(&self) -> CallId {
        self.call.id()
    }

    /// The call, for those who look at it.
    pub fn call(&self) -> &Call {
        &self.call
    }

    /// Lets the call hear all news, and the news that come of them, until the house is quiet.
    fn settle(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let mut orders = std::mem::take(&mut self.orders);
        while let Some(event) = self.news.pop_front() {
            self.call.handle(event, now, &mut orders);
            self.obey(&mut orders, now, effects);
        }
        self.orders = orders;
        self.close_when_done(effects);
    }

    fn obey(&mut self, orders: &mut Vec<switch::call::Effect>, now: Now, effects: &mut Vec<Effect>) {
        for order in orders.drain(..) {
            match order {
                switch::call::Effect::Leg(id, LegOrder::Invite(invitation)) => {
                    self.on_invite(id, invitation, now, effects)
                }
                switch::call::Effect::Leg(id, order) => self.on_leg_order(id, order, now, effects),
                switch::call::Effect::AnswerWithEcho => self.on_answer_with_echo(now, effects),
                switch::call::Effect::ReportMedia => self.on_report_media(effects),
                switch::call::Effect::AskCarrier(carrier, ask) => effects.push(Effect::AskCarrier(carrier, ask)),
                switch::call::Effect::AskProfile(profile, request) => {
                    effects.push(Effect::AskProfile(profile, request))
                }
                switch::call::Effect::Tell(fact) => effects.push(Effect::Tell(fact)),
            }
        }
    }

    fn on_invite(&mut self, id: LegId, invitation: Box<OutgoingInvitation>, now: Now, effects: &mut Vec<Effect>) {
        match &mut self.sound {
            Sound::Open(opened) => {
                let opened = *opened;
                self.call_out(id, &invitation, opened, now, effects);
            }
            Sound::Opening(Waiting::Invitations(waiting)) => waiting.push((id, invitation)),
            Sound::Opening(Waiting::Echo) => {}
            Sound::Closed => {
                self.sound = Sound::Opening(Waiting::Invitations(vec![(id, invitation)]));
                effects.push(Effect::OpenSound(Mode::Relay));
            }
        }
    }

    fn call_out(&mut self, id: LegId, order: &OutgoingInvitation, opened: Opened, now: Now, effects: &mut Vec<Effect>) {
        let ours = self.ours(self.called_side(), opened);
        let (Some(target), Some(ours)) = (self.desk.target(&order.whereto), ours) else {
            // The carrier's name could not be resolved, or it was taken out between the choice and the call; or no listener reaches
            // the PBX.
            let failure = match order.whereto {
                Whereto::Carrier(_) => LegFailure::Unresolved,
                Whereto::Pbx(_) => LegFailure::Transport,
            };
            self.news.push_back(switch::call::Event::Leg(id, LegEvent::Failed(failure)));
            return;
        };
        let needs_secrecy = order.srtp == SrtpPolicy::Required && self.desk.directory().settings().srtp_needs_tls;
        if needs_secrecy && !target.destination().transport.is_secure() {
            self.news.push_back(switch::call::Event::Leg(id, LegEvent::Failed(LegFailure::Insecure)));
            return;
        }
        if let Whereto::Carrier(carrier) = order.whereto {
            self.media_networks.b = self.desk.media_networks(carrier);
        }
        let identity = self.identity_towards(&target);
        let call_id = mint_call_id(self.naming.shard, &self.naming.steering, &mut self.entropy, &identity.host);
        let tag = format!("{:016x}", self.entropy.next_u64());
        let key_seed = key_seed(&mut self.entropy);
        let naming = LegNaming { call_id, tag, hops_left: self.caller.hops_left(), key_seed };
        let mut told = Vec::new();
        let leg = CalledLeg::invite(order, &target, naming, ours, identity, &mut told);
        let sip_call_id = Arc::from(leg.sip_call_id());
        self.called.push((id, leg));
        self.news.push_back(switch::call::Event::LegNamed { leg: id, sip_call_id });
        self.pass_on(id, told, effects);
        self.forget_closed(id);
        let _ = now;
    }

    /// How we show ourselves to who is called there.
    fn identity_towards(&self, target: &leg::Target) -> Arc<leg::Identity> {
        let destination = target.destination();
        self.naming.identity_towards(destination.transport, destination.local, target.is_sips())
    }

    fn on_leg_order(&mut self, id: LegId, order: LegOrder, now: Now, effects: &mut Vec<Effect>) {
        if id == LegId::CALLER && matches!(order, LegOrder::Answer { .. }) {
            effects.push(Effect::WatchForSilence);
        }
        if let (Sound::Opening(Waiting::Invitations(waiting)), LegOrder::Release(_)) = (&mut self.sound, &order) {
            waiting.retain(|(waiting, _)| *waiting != id);
        }
        self.on_leg(id, leg::Event::Ordered(order), now, effects);
    }

    fn on_answer_with_echo(&mut self, now: Now, effects: &mut Vec<Effect>) {
        match &self.sound {
            Sound::Open(opened) => {
                let ours = opened.a;
                effects.push(Effect::WatchForSilence);
                self.on_leg(LegId::CALLER, leg::Event::AnsweredWithEcho(ours), now, effects);
                // Behind what the leg told: where it has no format in common with us, nobody was answered.
                self.news.push_back(switch::call::Event::EchoAnswered);
            }
            Sound::Opening(_) => {}
            Sound::Closed => {
                self.sound = Sound::Opening(Waiting::Echo);
                effects.push(Effect::OpenSound(Mode::Echo));
            }
        }
    }

    /// To the relay, side A is the company's PBX and side B the carrier, whoever of them calls: so its counts tell them apart.
    fn caller_side(&self) -> Side {
        match self.call.record().direction {
            CallDirection::Outbound => Side::A,
            CallDirection::Inbound => Side::B,
        }
    }

    fn called_side(&self) -> Side {
        self.caller_side().other()
    }

    /// Where we receive the sound of a side.
    fn ours(&self, side: Side, opened: Opened) -> Option<SocketAddr> {
        match side {
            Side::A => Some(opened.a),
            Side::B => opened.b,
        }
    }

    /// What comes from the relay speaks of its sides; a call thinks in caller and called.
    fn in_words_of_the_call(&self, event: switch::call::Event) -> switch::call::Event {
        let swapped = |(a, b): (u64, u64)| (b, a);
        match event {
            switch::call::Event::MediaReported { packets, lost } if self.caller_side() == Side::B => {
                switch::call::Event::MediaReported { packets: swapped(packets), lost: swapped(lost) }
            }
            switch::call::Event::MediaSilent { leg } if self.caller_side() == Side::B => {
                let leg = if leg == LegId::CALLER { LegId(1) } else { LegId::CALLER };
                switch::call::Event::MediaSilent { leg }
            }
            event => event,
        }
    }

    fn on_report_media(&mut self, effects: &mut Vec<Effect>) {
        match self.sound {
            Sound::Open(_) => {
                // The call is over: its ports are given back with the counts that they tell.
                self.sound = Sound::Closed;
                effects.push(Effect::CloseSoundAndReport);
            }
            Sound::Closed | Sound::Opening(_) => {
                self.news.push_back(switch::call::Event::MediaReported { packets: (0, 0), lost: (0, 0) });
            }
        }
    }

    fn on_sound_opened(&mut self, outcome: Result<Opened, Refusal>, now: Now, effects: &mut Vec<Effect>) {
        let Sound::Opening(waiting) = std::mem::replace(&mut self.sound, Sound::Closed) else { return };
        let opened = match outcome {
            Ok(opened) => self.naming.shown(opened),
            Err(refusal) => {
                self.news.push_back(switch::call::Event::SoundRefused(refusal));
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

    fn on_leg(&mut self, id: LegId, event: leg::Event, now: Now, effects: &mut Vec<Effect>) {
        if let Some(after) = self.byes.hear(&event, now.monotonic) {
            let direction = self.call.record().direction;
            effects.push(Effect::Tell(Fact::LegDisconnected { direction, after }));
        }
        let mut told = Vec::new();
        if id == LegId::CALLER {
            self.caller.handle(event, now, &mut told);
        } else if let Some((_, leg)) = self.called.iter_mut().find(|(known, _)| *known == id) {
            leg.handle(event, now, &mut told);
        }
        self.pass_on(id, told, effects);
        self.forget_closed(id);
    }

    fn pass_on(&mut self, id: LegId, told: Vec<leg::Effect>, effects: &mut Vec<Effect>) {
        for effect in told {
            match effect {
                leg::Effect::Tell(event) => self.news.push_back(switch::call::Event::Leg(id, event)),
                leg::Effect::Sound(order) => {
                    let side = if id == LegId::CALLER { self.caller_side() } else { self.called_side() };
                    self.set_sound(side, order, effects);
                }
                order => effects.push(Effect::Leg(id, order)),
            }
        }
    }

    fn set_sound(&self, side: Side, order: leg::SoundOrder, effects: &mut Vec<Effect>) {
        effects.push(Effect::SetSound(side, order, self.media_networks[side].clone()));
    }

    fn forget_closed(&mut self, id: LegId) {
        let before = self.called.len();
        self.called.retain(|(known, leg)| *known != id || !leg.is_finished());
        if self.called.len() < before {
            self.news.push_back(switch::call::Event::LegClosed(id));
        }
    }

    /// Ports are given back as soon as the call is over, even where a leg still waits for the answer to its BYE.
    fn close_when_done(&mut self, effects: &mut Vec<Effect>) {
        if self.call.is_finished() && !self.is_closed {
            self.is_closed = true;
            if !matches!(self.sound, Sound::Closed) {
                effects.push(Effect::CloseSound);
            }
        }
    }
}

/// What a leg's keys are minted from.
fn key_seed(entropy: &mut Entropy) -> KeySeed {
    KeySeed(entropy.next_u128().to_le_bytes())
}

/// What the media room says when it has no ports, in the words of the catalogue.
pub fn no_sound(refused: &media::OpenRefused) -> Refusal {
    Refusal::saying(RefusalKind::MediaPortsExhausted, refused.to_string()).retry_after_s(RETRY_AFTER_S)
}

/// A call lasts a minute or more; ports come free all the time.
const RETRY_AFTER_S: u32 = 5;

impl Machine for House {
    type Event = Event;
    type Effect = Effect;

    fn handle(&mut self, event: Event, now: Now, effects: &mut Vec<Effect>) {
        match event {
            Event::Leg(id, event) => self.on_leg(id, event, now, effects),
            Event::Call(event) => self.news.push_back(self.in_words_of_the_call(event)),
            Event::SoundOpened(outcome) => self.on_sound_opened(outcome, now, effects),
        }
        self.settle(now, effects);
    }

    fn deadline(&self) -> Option<Monotonic> {
        self.call.deadline()
    }

    fn expire(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let mut orders = std::mem::take(&mut self.orders);
        self.call.expire(now, &mut orders);
        self.obey(&mut orders, now, effects);
        self.orders = orders;
        self.settle(now, effects);
    }

    fn is_finished(&self) -> bool {
        self.call.is_finished() && self.caller.is_finished() && self.called.is_empty()
    }
}
