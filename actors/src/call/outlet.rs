//! The way of a call's effects: to the shard's endpoint, the profile, the media room, telemetry.
//!
//! What to order is decided in the house.

use super::words::{Effect, Event};
use super::{CallShell, House, no_sound};
use crate::census::Standing;
use crate::core::Core;
use crate::mailbox::{offer, tell};
use crate::profile::Profile;
use crate::shard::{CallFinished, LegsOrdered, Shard};
use crate::shell::{Outlet, Tell};
use crate::ways::attempt;
use actix::Addr;
use domain::call_control::LegId;
use domain::fact::Transport;
use domain::network::Network;
use domain::{CallId, CarrierId, Currency, Micros, ProfileId};
use leg::SoundOrder;
use media::{OpenRequest, Remote, SessionId, SessionReport, Side};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use switch::call::PhaseName;
use switch::carrier::Ask;
use switch::profile::Request;
use telemetry::Telemetry;
use telemetry::labels::{Actor, ActorOutcome};

/// What calls have to do within so long of each other, their charge ticks above all, is done in one waking of their thread. A tick is so much
/// late at most: the increment that begins was held with the tick before, and what it costs goes by the instant at which it was due,
/// not by this one.
const TOGETHER: Duration = Duration::from_millis(10);

/// Performs the effects of one call.
pub struct CallOutlet {
    id: CallId,
    /// The call's place on its shard; also the name of its media session.
    place: u64,
    itself: Addr<CallShell>,
    shard: Addr<Shard>,
    core: Arc<Core>,
    /// Orders to the endpoint, sent together at the end of each step.
    orders: Vec<(LegId, leg::Effect)>,
    has_sound: bool,
    /// Whether the gate counts it.
    was_let_in: bool,
    /// As what the census counts it, and the second call of a call inside.
    standings: [Option<Standing>; 2],
    /// What of each has begun and is not granted, as the census counts it.
    ungranted: [(u32, Micros); 2],
    currencies: [Option<Currency>; 2],
    second: Option<CallId>,
    /// Where its INVITE came from, until it is known what becomes of it; likewise of the second call.
    from: [Option<(SocketAddr, Transport)>; 2],
}

impl CallOutlet {
    /// The outlet of the call at `place`.
    pub fn new(
        id: CallId,
        place: u64,
        was_let_in: bool,
        from: (SocketAddr, Transport),
        itself: Addr<CallShell>,
        shard: Addr<Shard>,
        core: Arc<Core>,
    ) -> Self {
        Self {
            id,
            place,
            itself,
            shard,
            core,
            orders: Vec::new(),
            has_sound: false,
            was_let_in,
            standings: [None, None],
            ungranted: Default::default(),
            currencies: [None, None],
            second: None,
            from: [Some(from), Some(from)],
        }
    }

    fn session(&self) -> SessionId {
        SessionId(self.place)
    }

    /// The first request is new work and may be refused; every later one finishes what was let in.
    fn ask_profile(&self, profile: ProfileId, request: Box<Request>) {
        let asking = request.call;
        let is_new_work = matches!(request.ask, switch::profile::Ask::Reserve { .. });
        let event = Tell(switch::profile::Event::Requested(request));
        let is_asked = self.core.with_resident::<Profile, _>(profile, |address| match is_new_work {
            true => offer(address, event),
            false => {
                tell(address, event);
                true
            }
        });
        if is_asked != Some(true) {
            self.core.telemetry.count_actor_messages(Actor::Profile, ActorOutcome::Dropped, 1);
            tell(&self.itself, Tell(Event::CallOf(asking, switch::call::Event::profile_too_busy())));
        }
    }

    /// A seizure is new work and may be refused; what follows it always passes.
    fn ask_carrier(&self, carrier: CarrierId, ask: Ask) {
        let seized = match &ask {
            Ask::Seize { leg, .. } => Some(*leg),
            Ask::Concluded { .. } | Ask::Left { .. } => None,
        };
        let event = Tell(switch::carrier::Event::Asked(ask));
        let is_asked = self.core.with_resident::<switch::Carrier, _>(carrier, |address| match seized {
            None => {
                tell(address, event);
                true
            }
            Some(_) => offer(address, event),
        });
        if let Some(leg) = seized.filter(|_| is_asked != Some(true)) {
            self.core.telemetry.count_actor_messages(Actor::Carrier, ActorOutcome::Dropped, 1);
            tell(&self.itself, Tell(Event::Call(switch::call::Event::carrier_too_busy(leg))));
        }
    }

    fn open_sound(&mut self, request: OpenRequest) {
        self.has_sound = true;
        self.core.media.open(self.session(), request, self.sound_opened());
    }

    /// Tells the house what became of its ports.
    fn sound_opened(&self) -> Box<dyn FnOnce(Result<media::Opened, media::OpenRefused>) + Send> {
        let itself = self.itself.clone();
        Box::new(move |outcome| {
            tell(&itself, Tell(Event::SoundOpened(outcome.map_err(|refused| no_sound(&refused)))));
        })
    }

    fn set_sound(&self, side: Side, order: SoundOrder, sources: Option<Arc<[Network]>>) {
        let remote = Remote {
            rtcp: order.rtcp,
            direction: order.direction,
            clock_rate: order.clock_rate_hz,
            keying: order.keying,
            carriage: order.carriage,
            numbers: order.numbers,
            keys: order.keys,
            keys_are_told: order.keys_by_info,
            sources,
            ..Remote::new(order.rtp, order.signalling_ip)
        };
        if self.core.media.set_remote(self.session(), side, remote).is_err() {
            let event = switch::call::Event::HangUpOrdered(domain::ReleaseCause::Overload);
            tell(&self.itself, Tell(Event::Call(event)));
        }
    }

    /// One order instead of two: the media thread is woken once at the end of a call.
    fn close_sound_and_report(&mut self) {
        self.has_sound = false;
        let itself = self.itself.clone();
        let reply = Box::new(move |report: Option<SessionReport>| {
            let sides = report.map(|report| report.sides).unwrap_or_default();
            let event = switch::call::Event::MediaReported {
                packets: (sides.a.packets_received, sides.b.packets_received),
                lost: (sides.a.packets_lost, sides.b.packets_lost),
            };
            tell(&itself, Tell(Event::Call(event)));
        });
        self.core.media.close(self.session(), reply);
    }

    fn stand(&mut self, house: &House) {
        for (index, call) in [Some(house.call()), house.second()].into_iter().enumerate() {
            let Some(call) = call else { continue };
            let (now, currency) = (call.ungranted(), call.record().currency);
            self.currencies[index] = Some(currency);
            self.core.census.change_ungranted(self.ungranted[index], now, currency);
            self.ungranted[index] = now;
        }
        for (place, call) in self.standings.iter_mut().zip([Some(house.call()), house.second()]) {
            let Some(call) = call else { continue };
            if place.as_ref().is_some_and(|standing| standing.still_holds(call)) {
                continue;
            }
            if let Some(former) = place.take() {
                self.core.census.leave(&former);
            }
            self.core.census.enter(place.insert(Standing::of(call)));
        }
    }

    /// Remembers what became of the attempt to call, once that is known.
    fn note_attempts(&mut self, house: &House) {
        for (from, call) in self.from.iter_mut().zip([Some(house.call()), house.second()]) {
            let Some(call) = call.filter(|call| call.phase() != PhaseName::Reserving) else { continue };
            if let Some((source, transport)) = from.take() {
                let desk = self.core.desk.load();
                let attempt = attempt::of_call(call, source, transport, desk.directory());
                self.core.attempts.note(call.record().profile, attempt);
            }
        }
    }

    fn step_aside(&mut self) {
        for former in self.standings.iter_mut().filter_map(Option::take) {
            self.core.census.leave(&former);
        }
        for (amount, currency) in self.ungranted.iter_mut().zip(&self.currencies) {
            if let Some(currency) = currency {
                self.core.census.change_ungranted(std::mem::take(amount), Default::default(), *currency);
            }
        }
    }

    /// The second call is found by its own identity too.
    fn on_joined(&mut self, second: CallId) {
        self.second = Some(second);
        self.core.registry.enter_call(second, self.itself.clone());
    }

    fn close_sound(&mut self) {
        if std::mem::take(&mut self.has_sound) {
            self.core.media.close(self.session(), Box::new(drop));
        }
    }
}

impl Outlet<House> for CallOutlet {
    const KIND: Actor = Actor::Call;
    const GRAIN: Duration = TOGETHER;

    fn telemetry(&self) -> &Telemetry {
        &self.core.telemetry
    }

    fn mailbox_max(&self) -> usize {
        self.core.limits.mailbox_call_max
    }

    fn perform(&mut self, effect: Effect) -> Option<Event> {
        match effect {
            Effect::Leg(leg, order) => self.orders.push((leg, order)),
            Effect::Joined(second) => self.on_joined(second),
            Effect::AskCarrier(carrier, ask) => self.ask_carrier(carrier, ask),
            Effect::AskProfile(profile, request) => self.ask_profile(profile, request),
            Effect::OpenSound(request) => self.open_sound(request),
            Effect::MoveSound(side, ip) => self.core.media.reopen(self.session(), side, ip, self.sound_opened()),
            Effect::SetSound(side, order, sources) => self.set_sound(side, order, sources),
            // Where the queue is full, a key is lost; the call itself is unharmed.
            Effect::Press(side, key) => {
                let _ = self.core.media.press(self.session(), side, key);
            }
            // Where the queue is full, nobody is warned; the call itself is unharmed.
            Effect::SoundTone(side) => {
                let _ = self.core.media.sound_tone(self.session(), side);
            }
            // Where the queue is full, silence is not watched for; the call itself is unharmed.
            Effect::WatchForSilence => {
                let _ = self.core.media.answered(self.session());
            }
            Effect::CloseSoundAndReport => self.close_sound_and_report(),
            Effect::CloseSound => self.close_sound(),
            Effect::Avoid(addr) => self.core.avoid(addr),
            Effect::Tell(fact) => self.core.tell(&fact),
        }
        None
    }

    fn settle(&mut self, house: &House) {
        self.stand(house);
        self.note_attempts(house);
        if !self.orders.is_empty() {
            let orders = std::mem::take(&mut self.orders);
            tell(&self.shard, LegsOrdered { place: self.place, orders });
        }
    }

    fn finished(&mut self) {
        self.close_sound();
        self.step_aside();
        for call in [Some(self.id), self.second].into_iter().flatten() {
            self.core.registry.leave_call(call);
        }
        if self.was_let_in {
            self.core.leave();
        }
        tell(&self.shard, CallFinished { place: self.place });
    }
}
