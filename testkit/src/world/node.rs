//! The switch without actors: every machine of a node, and the way of their effects, on a virtual clock.
//!
//! Where an effect goes is `actors::ways`, as in production; the media room only gives addresses.

use actors::SessionTimers;
use actors::call::{self, House, Naming};
use actors::desk::Desk;
use actors::ways;
use actors::ways::door::{Door, Received};
use bytes::Bytes;
use domain::credit::Batch;
use domain::media::KeyPress;
use domain::{CallId, CarrierId, Entropy, Fact, Machine, Monotonic, Now, ProfileId};
use ledger::Ledger;
use media::Side;
use sip::Method;
use sip::digest::Challenger;
use sip::digest::nonce::Issuer;
use sip::endpoint::{Effect, Endpoint, Event, Owner, Pending, Reply, ServerTransactionId, Settings, Source, Transport};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use switch::registration::{self, Registration};
use switch::{Carrier, Profile, carrier, profile};

use super::mood::Mood;
use super::network::Datagram;
use super::witness::{Seen, Witness};
use super::{REALM, SWITCH};

mod asking;
mod carriers;
mod known;
mod looking;
mod sounding;

use known::{NobodyChangedHis, NobodyShowsOne, Registered};
pub use looking::CallSeen;

/// The owner of REGISTER transactions: no leg.
const NOBODY: Owner = Owner(u64::MAX);

/// What waits to be heard.
enum Work {
    Call(u64, call::Event),
    Profile(ProfileId, profile::Event),
    /// The ledger says that it cannot answer this batch.
    Unanswered(ProfileId, Box<Batch>),
    Registration(ProfileId, registration::Event),
    Carrier(CarrierId, carrier::Event),
    LegOrder(u64, domain::call_control::LegId, leg::Effect),
}

/// A node.
pub struct Node {
    endpoint: Endpoint,
    challenger: Challenger,
    entropy: Entropy,
    naming: Naming,
    desk: Arc<Desk>,
    ledger: Arc<dyn Ledger>,
    houses: BTreeMap<u64, House>,
    places: BTreeMap<CallId, u64>,
    last_place: u64,
    profiles: BTreeMap<ProfileId, Profile>,
    registrations: BTreeMap<ProfileId, Registration>,
    carriers: BTreeMap<CarrierId, Carrier>,
    /// OPTIONS under way: whose, and its number.
    errands: BTreeMap<u64, (CarrierId, u64)>,
    registers: BTreeMap<u64, ServerTransactionId>,
    sounds: BTreeSet<u64>,
    /// Where the called side of a call has its sound sent.
    called_sounds: BTreeMap<u64, SocketAddr>,
    /// What was ordered of the media room about far ends, in order.
    pub sound_orders: Vec<(Side, leg::SoundOrder)>,
    /// Keys that were put into the sound of a side, in order.
    pub keys: Vec<(Side, KeyPress)>,
    next_port: u16,
    orders: VecDeque<Effect>,
    work: VecDeque<Work>,
    /// Datagrams to send: to whom, and what.
    pub sent: Vec<(SocketAddr, Bytes)>,
    /// What was said to have happened.
    pub facts: Vec<(Now, Fact)>,
    /// Every call that was opened, in order of birth.
    pub opened: Vec<CallId>,
    /// Whether the media room has ports.
    pub has_ports: bool,
    /// How the ledger behaves towards the profiles.
    pub mood: Mood,
    /// Answers of the ledger that are on their way, and when they arrive.
    pub answers: Vec<(Monotonic, Answer)>,
    /// Who looks on.
    pub witness: Witness,
}

/// An answer of the ledger on its way to the node.
pub struct Answer(Work);

impl Node {
    /// A node that has just been started.
    pub fn new(
        desk: Arc<Desk>,
        ledger: Arc<dyn Ledger>,
        session: SessionTimers,
        entropy: &mut Entropy,
        now: Now,
    ) -> Node {
        let naming = looking::naming(session, entropy);
        let issuer = sip::digest::Settings::new(REALM, Issuer(0));
        Node {
            endpoint: Endpoint::new(Settings::default(), entropy.fork()),
            challenger: Challenger::new(issuer, &[7; 32], entropy.fork(), now),
            entropy: entropy.fork(),
            naming,
            desk,
            ledger,
            houses: BTreeMap::new(),
            places: BTreeMap::new(),
            last_place: 0,
            profiles: BTreeMap::new(),
            registrations: BTreeMap::new(),
            carriers: BTreeMap::new(),
            errands: BTreeMap::new(),
            registers: BTreeMap::new(),
            sounds: BTreeSet::new(),
            called_sounds: BTreeMap::new(),
            sound_orders: Vec::new(),
            keys: Vec::new(),
            next_port: 10_000,
            orders: VecDeque::new(),
            work: VecDeque::new(),
            sent: Vec::new(),
            facts: Vec::new(),
            opened: Vec::new(),
            has_ports: true,
            mood: Mood::default(),
            answers: Vec::new(),
            witness: Witness::default(),
        }
    }

    /// A datagram arrived.
    pub fn receive(&mut self, text: &str, peer: SocketAddr, now: Now) {
        let source = Source { transport: Transport::Udp, peer, local: SWITCH, flow: None };
        let bytes = Bytes::copy_from_slice(text.as_bytes());
        self.at_endpoint(now, |endpoint, effects| {
            endpoint.handle(Event::BytesReceived { bytes, source }, now, effects);
        });
        self.settle(now);
    }

    /// The network says that nothing can be sent there.
    pub fn unreachable(&mut self, addr: SocketAddr, now: Now) {
        let destination = sip::endpoint::Destination { transport: Transport::Udp, addr, flow: None, local: SWITCH };
        self.at_endpoint(now, |endpoint, effects| {
            endpoint.handle(Event::TransportFailed { destination }, now, effects);
        });
        self.settle(now);
    }

    /// An answer of the ledger arrived.
    pub fn hear_ledger(&mut self, answer: Answer, now: Now) {
        self.work.push_back(answer.0);
        self.settle(now);
    }

    /// For a profile, from outside: a top-up of its company.
    pub fn tell_profile(&mut self, id: ProfileId, event: profile::Event, now: Now) {
        self.work.push_back(Work::Profile(id, event));
        self.settle(now);
    }

    /// For a call, from outside: an operator, or the media room.
    pub fn tell_call(&mut self, id: CallId, event: switch::call::Event, now: Now) {
        if let Some(place) = self.places.get(&id) {
            self.work.push_back(Work::Call(*place, call::Event::CallOf(id, event)));
        }
        self.settle(now);
    }

    /// The earliest instant at which [`Node::expire`] is due.
    pub fn deadline(&self) -> Option<Monotonic> {
        let houses = self.houses.values().filter_map(Machine::deadline);
        let profiles = self.profiles.values().filter_map(Machine::deadline);
        let registrations = self.registrations.values().filter_map(Machine::deadline);
        let carriers = self.carriers.values().filter_map(Machine::deadline);
        self.endpoint.deadline().into_iter().chain(houses).chain(profiles).chain(registrations).chain(carriers).min()
    }

    /// Does what is due.
    pub fn expire(&mut self, now: Now) {
        let is_due = |deadline: Option<Monotonic>| deadline.is_some_and(|at| at <= now.monotonic);
        if is_due(self.endpoint.deadline()) {
            self.at_endpoint(now, |endpoint, effects| endpoint.expire(now, effects));
            self.settle(now);
        }
        let due: Vec<u64> =
            self.houses.iter().filter(|(_, house)| is_due(house.deadline())).map(|(place, _)| *place).collect();
        for place in due {
            self.at_house(place, |house, effects| house.expire(now, effects), now);
            self.settle(now);
        }
        let due: Vec<ProfileId> =
            self.profiles.iter().filter(|(_, machine)| is_due(machine.deadline())).map(|(id, _)| *id).collect();
        for id in due {
            self.at_profile(id, now, |profile, effects| profile.expire(now, effects));
            self.settle(now);
        }
        let due: Vec<ProfileId> =
            self.registrations.iter().filter(|(_, machine)| is_due(machine.deadline())).map(|(id, _)| *id).collect();
        for id in due {
            self.at_registration(id, now, |registration, effects| registration.expire(now, effects));
            self.settle(now);
        }
        self.expire_carriers(now);
    }

    /// Does what was ordered and what comes of it, until the node is quiet.
    fn settle(&mut self, now: Now) {
        loop {
            if let Some(effect) = self.orders.pop_front() {
                self.on_endpoint(effect, now);
            } else if let Some(work) = self.work.pop_front() {
                self.on_work(work, now);
            } else {
                return;
            }
        }
    }

    fn on_work(&mut self, work: Work, now: Now) {
        match work {
            Work::Call(place, event) => self.at_house(place, |house, effects| house.handle(event, now, effects), now),
            Work::Profile(id, event) => {
                self.at_profile(id, now, |profile, effects| profile.handle(event, now, effects));
            }
            Work::Unanswered(id, batch) => self.hear_nothing(id, batch, now),
            Work::Registration(id, event) => {
                self.at_registration(id, now, |registration, effects| registration.handle(event, now, effects));
            }
            Work::Carrier(id, event) => {
                self.at_carrier(id, now, |carrier, effects| carrier.handle(event, now, effects));
            }
            Work::LegOrder(place, leg, order) => {
                let owner = ways::owners::owner_of(place, leg);
                let mut news = None;
                self.at_endpoint(now, |endpoint, effects| {
                    news = ways::legs::obey(endpoint, owner, order, now, effects);
                });
                self.tell_leg(news.map(|news| (owner, news)));
            }
        }
    }

    fn at_endpoint(&mut self, _: Now, act: impl FnOnce(&mut Endpoint, &mut Vec<Effect>)) {
        let mut effects = Vec::new();
        act(&mut self.endpoint, &mut effects);
        self.orders.extend(effects);
    }

    fn at_house(&mut self, place: u64, act: impl FnOnce(&mut House, &mut Vec<call::Effect>), now: Now) {
        // A leg whose call is over is told nothing.
        let Some(house) = self.houses.get_mut(&place) else { return };
        let mut effects = Vec::new();
        act(house, &mut effects);
        self.follow_house(place, effects, now);
    }

    fn follow_house(&mut self, place: u64, effects: Vec<call::Effect>, now: Now) {
        for effect in effects {
            self.on_house(place, effect, now);
        }
        if self.houses.get(&place).is_some_and(Machine::is_finished) {
            self.houses.remove(&place);
            self.called_sounds.remove(&place);
            self.places.retain(|_, known| *known != place);
        }
    }

    fn on_house(&mut self, place: u64, effect: call::Effect, now: Now) {
        match effect {
            call::Effect::Leg(leg, order) => self.work.push_back(Work::LegOrder(place, leg, order)),
            call::Effect::Joined(id) => {
                self.opened.push(id);
                self.places.insert(id, place);
            }
            call::Effect::AskCarrier(id, ask) => self.work.push_back(Work::Carrier(id, carrier::Event::Asked(ask))),
            call::Effect::AskProfile(id, request) => {
                self.work.push_back(Work::Profile(id, profile::Event::Requested(request)));
            }
            call::Effect::OpenSound(request) => self.on_open_sound(place, request),
            call::Effect::MoveSound(side, ip) => self.on_move_sound(place, side, ip),
            call::Effect::CloseSoundAndReport => {
                assert!(self.sounds.remove(&place), "ports are closed once");
                let event = switch::call::Event::MediaReported { packets: (0, 0), lost: (0, 0) };
                self.work.push_back(Work::Call(place, call::Event::Call(event)));
            }
            call::Effect::CloseSound => assert!(self.sounds.remove(&place), "ports are closed once"),
            call::Effect::Avoid(_) => {}
            call::Effect::Tell(fact) => self.facts.push((now, fact)),
            call::Effect::SetSound(side, order, _) => {
                assert!(self.sounds.contains(&place), "sound is ordered where ports are open");
                if side == Side::B && !order.rtp.ip().is_unspecified() {
                    self.called_sounds.insert(place, order.rtp);
                }
                self.sound_orders.push((side, order));
            }
            call::Effect::Press(side, key) => {
                assert!(self.sounds.contains(&place), "keys need open ports");
                self.keys.push((side, key));
            }
            call::Effect::SoundTone(_) => assert!(self.sounds.contains(&place), "a tone needs open ports"),
            call::Effect::WatchForSilence => assert!(self.sounds.contains(&place), "silence needs open ports"),
        }
    }

    fn at_profile(&mut self, id: ProfileId, now: Now, act: impl FnOnce(&mut Profile, &mut Vec<profile::Effect>)) {
        let desk = &self.desk;
        let machine = self.profiles.entry(id).or_insert_with(|| Profile::new(id, Arc::clone(desk.directory())));
        let mut effects = Vec::new();
        act(machine, &mut effects);
        for effect in effects {
            match effect {
                profile::Effect::Submit(posting) => self.submit(id, posting, now),
                profile::Effect::TellCall(call, event) => {
                    if let Some(place) = self.places.get(&call) {
                        self.work.push_back(Work::Call(*place, call::Event::CallOf(call, event)));
                    }
                }
                // Its profiles have no rules against fraud, and what they knew is forgotten with a crash.
                profile::Effect::Remember(_) => {}
                profile::Effect::Tell(fact) => self.facts.push((now, fact)),
            }
        }
    }

    fn at_registration(
        &mut self,
        id: ProfileId,
        now: Now,
        act: impl FnOnce(&mut Registration, &mut Vec<registration::Effect>),
    ) {
        let machine = self
            .registrations
            .entry(id)
            .or_insert_with(|| Registration::new(id, switch::registration::Expiries::default()));
        let mut effects = Vec::new();
        act(machine, &mut effects);
        for effect in effects {
            match effect {
                registration::Effect::Answer { transaction, answer, .. } => {
                    let reply = ways::register::reply_of(answer, &self.naming.identity.host);
                    let transaction = self.registers.remove(&transaction).expect("a REGISTER is answered once");
                    self.at_endpoint(now, |endpoint, effects| {
                        endpoint.respond(transaction, reply, now, effects).expect("the REGISTER waits");
                    });
                }
                registration::Effect::Publish(_)
                | registration::Effect::Share { .. }
                | registration::Effect::Probe(_) => {}
                registration::Effect::Tell(fact) => self.facts.push((now, fact)),
            }
        }
    }

    fn on_endpoint(&mut self, effect: Effect, now: Now) {
        match effect {
            Effect::Transmit { bytes, destination, .. } => {
                self.witness.see(|| Seen::Sent(datagram_of(&bytes, destination.addr)));
                self.sent.push((destination.addr, bytes));
            }
            Effect::RequestArrived { pending } => self.on_request(&pending, now),
            news => self.tell_leg(ways::legs::news_of(news)),
        }
    }

    fn tell_leg(&mut self, news: Option<(Owner, leg::Event)>) {
        if let Some((owner, news)) = news {
            if let Some(errand) = ways::errands::errand_of(owner) {
                return self.hear_errand(errand, &news);
            }
            let (place, leg) = ways::owners::leg_of(owner);
            self.work.push_back(Work::Call(place, call::Event::Leg(leg, news)));
        }
    }

    fn at_door<T>(&mut self, now: Now, act: impl FnOnce(&mut Door<'_>) -> T) -> T {
        let mut orders = Vec::new();
        let mut door = Door {
            endpoint: &mut self.endpoint,
            challenger: &mut self.challenger,
            entropy: &mut self.entropy,
            naming: &self.naming,
            former_secrets: &NobodyChangedHis,
            bindings: &Registered(&self.registrations),
            certificates: &NobodyShowsOne,
            desk: &self.desk,
            now,
            orders: &mut orders,
        };
        let outcome = act(&mut door);
        self.orders.extend(orders);
        outcome
    }

    fn on_request(&mut self, pending: &Pending, now: Now) {
        match pending.message().method() {
            Some(Method::Invite) => self.on_invite(pending, now),
            Some(Method::Register) => self.on_register(pending, now),
            _ => {
                let reply = Reply::refusing(domain::refusal::RefusalKind::NoSuchDialog);
                self.at_door(now, |door| door.answer(pending, reply));
            }
        }
    }

    fn on_invite(&mut self, pending: &Pending, now: Now) {
        let place = self.last_place + 1;
        let received = self.at_door(now, |door| match door.prove_caller(pending).1 {
            Ok(proof) => door.receive(pending, proof, None, place),
            Err(reply) => {
                door.answer(pending, *reply);
                Received::Answered
            }
        });
        if let Received::Opened(house, effects) = received {
            self.last_place = place;
            self.opened.push(house.id());
            self.places.insert(house.id(), place);
            self.houses.insert(place, *house);
            self.follow_house(place, effects, now);
        }
    }

    fn on_register(&mut self, pending: &Pending, now: Now) {
        let proven = self.at_door(now, |door| match door.prove_registrant(pending).1 {
            Ok(proven) => Some(proven),
            Err(reply) => {
                door.answer(pending, *reply);
                None
            }
        });
        let Some((profile, user)) = proven else { return };
        if let Err(refused) = ways::register::own_address(pending.message(), &user) {
            let reply = leg::refusal(&refused, &self.naming.identity.host);
            return self.at_door(now, |door| door.answer(pending, reply));
        }
        let Ok(transaction) = self.at_door(now, |door| door.endpoint.accept(pending, NOBODY, now, door.orders)) else {
            return;
        };
        let mark = self.last_place + 1;
        self.last_place = mark;
        self.registers.insert(mark, transaction);
        let register = ways::register::read(pending.message(), pending.source(), mark).expect("a REGISTER of ours");
        let event = registration::Event::RegisterReceived(Box::new(register));
        self.work.push_back(Work::Registration(profile, event));
    }
}

fn datagram_of(bytes: &Bytes, to: SocketAddr) -> Datagram {
    Datagram { from: SWITCH, to, text: String::from_utf8_lossy(bytes).into_owned() }
}
