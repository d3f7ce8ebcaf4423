//! A call and its legs under one roof, as one pure machine: what a leg tells goes to the call, what the call orders goes to a
//! leg, and only what concerns the world outside leaves the house.
//!
//! Decisions are the call's (`switch`) and the legs' (`leg`); here is only the way between them, the same in production and on
//! a virtual clock.

mod sounding;

use super::byes::Byes;
use super::joint::{Part, Second};
use super::words::{Effect, Event, Naming};
use crate::desk::Desk;
use domain::call_control::{LegEvent, LegId, LegOrder, OutgoingInvitation, Proof, Whereto};
use domain::media::Family;
use domain::network::Network;
use domain::srtp::{KeySeed, SrtpPolicy};
use domain::{CallId, Entropy, Fact, Machine, Monotonic, Now};
use leg::{CalledLeg, CallerLeg, LegNaming};
use media::{BySide, Mode, Opened, Side};
use sip::endpoint::steering::mint_call_id;
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use switch::Call;
use switch::call::{Opening, Stranger};
use switch::registration::Binding;

pub use sounding::no_sound;

/// A call and its legs.
pub struct House {
    pub(super) call: Call,
    /// The call that it calls inside (R11), where it does.
    pub(super) second: Option<Box<Second>>,
    caller: CallerLeg,
    /// The legs towards the called side, by their numbers in the house.
    called: Vec<(LegId, CalledLeg)>,
    byes: Byes,
    sound: Sound,
    pub(super) desk: Arc<Desk>,
    pub(super) naming: Naming,
    pub(super) entropy: Entropy,
    /// An answer that the call hears when its caller has heard what rings.
    held: Option<(LegId, LegEvent)>,
    /// The only networks that each side's sound may come from, where there are such.
    media_networks: BySide<Option<Arc<[Network]>>>,
    /// Where the called PBX itself is, where it is called through another node.
    beyond: Option<IpAddr>,
    /// What the call has yet to hear, in the order in which it happened.
    pub(super) news: VecDeque<(Part, switch::call::Event)>,
    /// Where the PBX of the called number is registered: what a second call is born with.
    pub(super) binding: Option<Arc<Binding>>,
    reports: Reports,
    /// What a call orders in one step; empty between steps, kept for its room: a charge tick allocates nothing here.
    orders: Vec<switch::call::Effect>,
    is_closed: bool,
}

/// The packet counts of the relay, which every call of the house wants and the relay tells once.
#[derive(Debug, Default)]
struct Reports {
    /// Who waits for them.
    waiting: Vec<Part>,
    /// What they were: packets, and how many were lost.
    told: Option<((u64, u64), (u64, u64))>,
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
    /// They are open, and those of the called side are being opened anew by another version of IP, for these invitations.
    Moving(Opened, Vec<Invited>),
}

/// What waits for ports.
#[derive(Debug)]
enum Waiting {
    /// Invitations of the called side.
    Invitations(Vec<Invited>),
    /// The answer with the caller's own sound.
    Echo,
}

/// Somebody who is to be invited, and where that is.
#[derive(Debug)]
struct Invited {
    id: LegId,
    order: Box<OutgoingInvitation>,
    target: leg::Target,
}

impl Invited {
    /// By which version of IP it is reached; its sound is by the same (RFC 6157 3.1).
    fn family(&self) -> Family {
        Family::of(self.target.destination().addr.ip())
    }
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
    ) -> Result<House, Box<(CallerLeg, Stranger)>> {
        let mut media_networks = BySide::default();
        if let Proof::Carrier(carrier) = opening.invitation.proof {
            media_networks.b = desk.media_networks(carrier);
        }
        let mut orders = Vec::new();
        let binding = opening.binding.clone();
        let call = match Call::open(opening, now, &mut orders) {
            Ok(call) => call,
            Err(stranger) => return Err(Box::new((caller, stranger))),
        };
        caller.secure(call.caller_srtp(), key_seed(&mut entropy));
        caller.permit_fax(call.caller_t38());
        caller.hear_keys_by(call.caller_dtmf());
        caller.take_advice(call.caller_advice());
        caller.permit_headers(call.caller_headers());
        let mut house = House {
            call,
            second: None,
            caller,
            called: Vec::new(),
            byes: Byes::default(),
            sound: Sound::Closed,
            desk,
            naming,
            entropy,
            held: None,
            media_networks,
            beyond: None,
            news: VecDeque::new(),
            binding,
            reports: Reports::default(),
            orders: Vec::new(),
            is_closed: false,
        };
        house.tell_of_keys_in_clear(LegId::CALLER, house.caller.keys_in_clear(), effects);
        house.obey(Part::First, &mut orders, now, effects);
        house.settle(now, effects);
        Ok(house)
    }

    /// Which call.
    pub fn id(&self) -> CallId {
        self.call.id()
    }

    /// The call that was received, for those who look at it.
    pub fn call(&self) -> &Call {
        &self.call
    }

    /// The call that it calls inside, where it does.
    pub fn second(&self) -> Option<&Call> {
        self.second.as_ref().map(|second| &second.call)
    }

    /// The call of this house with this identity.
    pub fn call_with(&self, id: CallId) -> Option<&Call> {
        [Some(&self.call), self.second()].into_iter().flatten().find(|call| call.id() == id)
    }

    /// Whoever was answered by is not heard of before the caller can be, and not at all where it has hung up since.
    fn release_held(&mut self) {
        let is_gone = |id: LegId| !self.called.iter().any(|(known, _)| *known == id);
        match &self.held {
            Some((id, _)) if is_gone(*id) => self.held = None,
            Some(_) if self.caller.is_to_hear_ringing() => {}
            _ => {
                if let Some((id, event)) = self.held.take() {
                    self.tell_call(id, event);
                }
            }
        }
    }

    /// Lets the call hear all news, and the news that come of them, until the house is quiet.
    fn settle(&mut self, now: Now, effects: &mut Vec<Effect>) {
        self.release_held();
        let mut orders = std::mem::take(&mut self.orders);
        while let Some((part, event)) = self.news.pop_front() {
            match (part, &mut self.second) {
                (Part::First, _) => self.call.handle(event, now, &mut orders),
                (Part::Second, Some(second)) => second.call.handle(event, now, &mut orders),
                (Part::Second, None) => {}
            }
            self.obey(part, &mut orders, now, effects);
        }
        self.orders = orders;
        self.close_when_done(effects);
    }

    pub(super) fn obey(
        &mut self,
        part: Part,
        orders: &mut Vec<switch::call::Effect>,
        now: Now,
        effects: &mut Vec<Effect>,
    ) {
        for order in orders.drain(..) {
            match order {
                switch::call::Effect::Leg(id, LegOrder::Invite(invitation)) => {
                    self.on_invite(part.in_house(id), invitation, now, effects)
                }
                switch::call::Effect::Leg(LegId::CALLER, order) if part == Part::Second => self.tell_first(order),
                switch::call::Effect::Leg(id, order) => self.on_leg_order(part.in_house(id), order, now, effects),
                switch::call::Effect::WarnCaller => effects.push(Effect::SoundTone(self.caller_side())),
                switch::call::Effect::AnswerWithEcho => self.on_answer_with_echo(now, effects),
                switch::call::Effect::ReportMedia => self.on_report_media(part, effects),
                switch::call::Effect::AskCarrier(carrier, ask) => effects.push(Effect::AskCarrier(carrier, ask)),
                switch::call::Effect::AskProfile(profile, request) => {
                    effects.push(Effect::AskProfile(profile, request))
                }
                switch::call::Effect::Tell(fact) => effects.push(Effect::Tell(fact)),
            }
        }
    }

    fn on_invite(&mut self, id: LegId, invitation: Box<OutgoingInvitation>, now: Now, effects: &mut Vec<Effect>) {
        if invitation.whereto == Whereto::Inside {
            return self.call_inside(id, &invitation, now, effects);
        }
        let target = match self.desk.reach(&invitation, &mut self.entropy, now.monotonic) {
            Ok(target) => target,
            Err(failure) => return self.tell_call(id, LegEvent::Failed(failure)),
        };
        let invited = Invited { id, order: invitation, target };
        match &mut self.sound {
            Sound::Opening(Waiting::Invitations(waiting)) | Sound::Moving(_, waiting) => waiting.push(invited),
            Sound::Opening(Waiting::Echo) => {}
            Sound::Open(opened) => {
                let opened = *opened;
                self.call_or_move(invited, opened, effects);
            }
            Sound::Closed => {
                let request = self.ports(Mode::Relay, invited.family());
                self.sound = Sound::Opening(Waiting::Invitations(vec![invited]));
                effects.push(Effect::OpenSound(request));
            }
        }
    }

    fn call_out(&mut self, invited: Invited, ours: SocketAddr, effects: &mut Vec<Effect>) {
        let Invited { id, mut order, target } = invited;
        order.offer = self.caller.presented(order.offer);
        let order = &*order;
        if let Whereto::Carrier(carrier) = order.whereto {
            self.media_networks.b = self.desk.media_networks(carrier);
        }
        if let Whereto::Pbx(pbx) = &order.whereto {
            self.beyond = pbx.beyond.map(|(address, _)| address.ip());
        }
        let transport = crate::desk::transport_towards(&order.whereto, &target);
        let in_clear = Some(transport).filter(|_| order.srtp != SrtpPolicy::Off && !transport.is_secure());
        self.tell_of_keys_in_clear(id, in_clear, effects);
        let identity = self.identity_towards(&target);
        let call_id = mint_call_id(self.naming.shard, &self.naming.steering, &mut self.entropy, &identity.host);
        let tag = format!("{:016x}", self.entropy.next_u64());
        let key_seed = key_seed(&mut self.entropy);
        let naming = LegNaming { call_id, tag, hops_left: self.caller.hops_left(), key_seed };
        let mut told = Vec::new();
        let leg = CalledLeg::invite(order, &target, naming, ours, identity, &mut told);
        let sip_call_id: Arc<str> = Arc::from(leg.sip_call_id());
        self.called.push((id, leg));
        let (part, leg) = Part::of(id);
        if let (Part::Second, Some(second)) = (part, &self.second) {
            let named = switch::call::Event::LegNamed { leg: second.leg(), sip_call_id: Arc::clone(&sip_call_id) };
            self.news.push_back((Part::First, named));
        }
        self.news.push_back((part, switch::call::Event::LegNamed { leg, sip_call_id }));
        self.pass_on(id, told, effects);
        self.forget_closed(id);
    }

    /// How we show ourselves to who is called there.
    fn identity_towards(&self, target: &leg::Target) -> Arc<leg::Identity> {
        let destination = target.destination();
        self.naming.identity_towards(destination.transport, destination.local, target.is_sips())
    }

    fn on_leg_order(&mut self, id: LegId, order: LegOrder, now: Now, effects: &mut Vec<Effect>) {
        if id == LegId::CALLER && matches!(order.plain(), LegOrder::Answer { .. }) {
            effects.push(Effect::WatchForSilence);
        }
        if matches!(order.plain(), LegOrder::Release(_)) {
            self.held.take_if(|(held, _)| *held == id);
        }
        if self.second.as_ref().is_some_and(|second| second.is(id)) {
            return self.tell_second(id, order);
        }
        let waiting = match &mut self.sound {
            Sound::Opening(Waiting::Invitations(waiting)) | Sound::Moving(_, waiting) => Some(waiting),
            _ => None,
        };
        if let (Some(waiting), LegOrder::Release(_)) = (waiting, order.plain()) {
            waiting.retain(|waiting| waiting.id != id);
        }
        self.on_leg(id, leg::Event::Ordered(order), now, effects);
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

    /// Something for the call from outside. The relay's counts are for every call of the house, and told once.
    fn on_call_told(&mut self, part: Part, event: switch::call::Event) {
        let event = self.in_words_of_the_call(event);
        match event {
            switch::call::Event::MediaReported { packets, lost } => {
                self.reports.told = Some((packets, lost));
                for part in std::mem::take(&mut self.reports.waiting) {
                    self.report(part, (packets, lost));
                }
            }
            event => self.news.push_back((part, event)),
        }
    }

    /// A leg told something to its call.
    pub(super) fn tell_call(&mut self, id: LegId, event: LegEvent) {
        let (part, leg) = Part::of(id);
        self.news.push_back((part, switch::call::Event::Leg(leg, event)));
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

    /// Sessions that are to be refreshed, or that nobody refreshed.
    fn expire_legs(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let is_due = |deadline: Option<Monotonic>| deadline.is_some_and(|at| at <= now.monotonic);
        let mut told = Vec::new();
        if is_due(self.caller.deadline()) {
            self.caller.expire(now, &mut told);
            self.pass_on(LegId::CALLER, std::mem::take(&mut told), effects);
        }
        let due: Vec<LegId> = self.called.iter().filter(|(_, leg)| is_due(leg.deadline())).map(|(id, _)| *id).collect();
        for id in due {
            if let Some((_, leg)) = self.called.iter_mut().find(|(known, _)| *known == id) {
                leg.expire(now, &mut told);
            }
            self.pass_on(id, std::mem::take(&mut told), effects);
            self.forget_closed(id);
        }
    }

    fn pass_on(&mut self, id: LegId, told: Vec<leg::Effect>, effects: &mut Vec<Effect>) {
        for effect in told {
            match effect {
                leg::Effect::Tell(event) if event.is_answer() && self.caller.is_to_hear_ringing() => {
                    self.held = Some((id, event));
                }
                leg::Effect::Tell(event) => self.tell_call(id, event),
                leg::Effect::Sound(order) => self.set_sound(self.side_of(id), order, effects),
                leg::Effect::Note(step) => {
                    let (part, _) = Part::of(id);
                    self.news.push_back((part, switch::call::Event::Noted(step)));
                }
                leg::Effect::Avoid(addr) => effects.push(Effect::Avoid(addr)),
                leg::Effect::Press(key) => effects.push(Effect::Press(self.side_of(id), key)),
                order => effects.push(Effect::Leg(id, order)),
            }
        }
    }

    fn forget_closed(&mut self, id: LegId) {
        let before = self.called.len();
        self.called.retain(|(known, leg)| *known != id || !leg.is_finished());
        if self.called.len() < before {
            let (part, leg) = Part::of(id);
            self.news.push_back((part, switch::call::Event::LegClosed(leg)));
        }
    }

    fn are_calls_finished(&self) -> bool {
        self.call.is_finished() && self.second.as_ref().is_none_or(|second| second.call.is_finished())
    }

    /// Ports are given back as soon as the call is over, even where a leg still waits for the answer to its BYE.
    fn close_when_done(&mut self, effects: &mut Vec<Effect>) {
        if self.are_calls_finished() && !self.is_closed {
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

impl Machine for House {
    type Event = Event;
    type Effect = Effect;

    fn handle(&mut self, event: Event, now: Now, effects: &mut Vec<Effect>) {
        match event {
            Event::Leg(id, event) => self.on_leg(id, event, now, effects),
            Event::Call(event) => self.on_call_told(Part::First, event),
            Event::CallOf(id, event) => {
                let is_second = self.second().is_some_and(|call| call.id() == id);
                self.on_call_told(if is_second { Part::Second } else { Part::First }, event);
            }
            Event::SoundOpened(outcome) => self.on_sound_opened(outcome, now, effects),
            Event::KeyHeard(side, key) => self.on_key_heard(side, key, now, effects),
        }
        self.settle(now, effects);
    }

    fn deadline(&self) -> Option<Monotonic> {
        let second = self.second.as_ref().and_then(|second| second.call.deadline());
        let called = self.called.iter().filter_map(|(_, leg)| leg.deadline());
        let others = [self.call.deadline(), second, self.caller.deadline()].into_iter().flatten();
        others.chain(called).min()
    }

    fn expire(&mut self, now: Now, effects: &mut Vec<Effect>) {
        // The second call goes first: it knows better why a PBX does not answer.
        if let Some(second) = &mut self.second {
            let mut orders = Vec::new();
            second.call.expire(now, &mut orders);
            self.obey(Part::Second, &mut orders, now, effects);
            self.settle(now, effects);
        }
        let mut orders = std::mem::take(&mut self.orders);
        self.call.expire(now, &mut orders);
        self.obey(Part::First, &mut orders, now, effects);
        self.orders = orders;
        self.expire_legs(now, effects);
        self.settle(now, effects);
    }

    fn is_finished(&self) -> bool {
        self.are_calls_finished() && self.caller.is_finished() && self.called.is_empty()
    }
}
