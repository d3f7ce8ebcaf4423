//! One PBX: registers, dials when it is told to, speaks, hangs up after the hold, and times all of it.
//!
//! Calls of all PBXs of a thread count into one set of figures. What a call is on the wire is [`Calling`]'s.

use crate::driver::Agent;
use crate::figures::{Figures, Live, one_more};
use crate::media::{Program, Speakers, Stream};
use domain::{Monotonic, Now};
use sip::Method;
use sip::endpoint::{Effect, Owner, Reply};
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use telephone::g711::Law;
use telephone::{Calling, Line, News, Registering, Role, Subscriber, sdp};
use tokio::sync::oneshot;

/// Calls of one PBX at one time; one more fails for want of room.
pub const CALLS_MAX: usize = 10_000;
/// How long a call may ring before it is given up.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// How long before the BYE a stream falls silent, so that packets under way are not taken for lost.
const TAIL: Duration = Duration::from_millis(200);
/// The owner of REGISTER transactions; calls count from 1.
const REGISTRATION: Owner = Owner(0);
/// The characters of a Warning that tell one reason of failure from another.
const WARNING_CHARS: usize = 100;

/// What a PBX can be told to do.
#[derive(Clone, Copy, Debug)]
pub enum Order {
    /// Registers; scheduled at this instant.
    Register(Monotonic),
    /// Dials; scheduled at this instant.
    Call(Monotonic),
    /// Gives up whatever is still going on.
    GiveUp,
}

/// What all PBXs of a thread have in common.
pub struct Common {
    /// The number that is called.
    pub dial: String,
    /// Talk time.
    pub hold: Duration,
    /// Seconds that they want to be registered.
    pub expires_s: u32,
    /// Whether whoever is called echoes.
    pub is_echoed: bool,
    /// Where sound is opened.
    pub ip: IpAddr,
    /// The address in the SDP of calls without sound, where nobody listens.
    pub no_sound: SocketAddr,
    /// Who speaks, if anybody.
    pub speakers: RefCell<Option<Speakers>>,
    /// What is counted while it happens.
    pub live: Arc<Live>,
    /// What all of it came to.
    pub figures: RefCell<Figures>,
}

struct Call {
    calling: Calling,
    /// When it was to begin.
    at: Monotonic,
    has_rung: bool,
    /// Whether it was counted as failed.
    has_failed: bool,
    answered_at: Option<Monotonic>,
    bye_at: Option<Monotonic>,
    /// Open from the offer on, the stream's from the answer on.
    socket: Option<UdpSocket>,
    /// Ends the stream when it is dropped.
    _stream: Option<oneshot::Sender<()>>,
}

/// One PBX.
pub struct Pbx {
    common: Rc<Common>,
    subscriber: Subscriber,
    registering: Registering,
    /// When the registration that goes on was to begin; none of a refresh.
    register_at: Option<Monotonic>,
    calls: BTreeMap<u64, Call>,
    next: u64,
    /// When answered calls are hung up: ascending, as all have the same hold.
    ends: VecDeque<(Monotonic, u64)>,
    /// When calls lose patience: ascending, as all have the same.
    patience: VecDeque<(Monotonic, u64)>,
}

impl Pbx {
    /// A PBX that has done nothing yet.
    pub fn new(subscriber: Subscriber, common: Rc<Common>) -> Pbx {
        Pbx {
            common,
            subscriber,
            registering: Registering::new(REGISTRATION),
            register_at: None,
            calls: BTreeMap::new(),
            next: 1,
            ends: VecDeque::new(),
            patience: VecDeque::new(),
        }
    }

    fn on_register(&mut self, at: Monotonic, line: &mut Line) {
        self.register_at = Some(at);
        let begun = self.registering.begin(self.common.expires_s, &self.subscriber, line);
        self.on_registration(begun.err().map(Err), line);
    }

    fn on_registration(&mut self, result: Option<Result<u32, String>>, line: &Line) {
        let Some(result) = result else { return };
        let mut figures = self.common.figures.borrow_mut();
        let at = self.register_at.take();
        match (result, at) {
            (Ok(_), Some(at)) => {
                figures.registration.record(line.now().monotonic.since(at));
                figures.registered += 1;
            }
            // A refresh went well.
            (Ok(_), None) => {}
            (Err(why), _) => figures.unregistered.count(&why, 1),
        }
        if at.is_some() {
            one_more(&self.common.live.registrations);
        }
    }

    fn on_call(&mut self, at: Monotonic, line: &mut Line) {
        let id = self.next;
        self.next += 1;
        one_more(&self.common.live.begun);
        if self.calls.len() >= CALLS_MAX {
            return self.common.fail(&format!("the PBX has {CALLS_MAX} calls already"));
        }
        let mut calling = Calling::new(Owner(id), self.common.dial.clone());
        let mut news = Vec::new();
        let (socket, local) = match self.common.open() {
            Ok(opened) => opened,
            Err(why) => return self.common.fail(&format!("no socket for sound: {why}")),
        };
        let offer = sdp::print(local, &[Law::Mu, Law::A], line.mint_number() >> 1);
        calling.dial(offer, &self.subscriber, line, &mut news);
        let call = Call {
            calling,
            at,
            has_rung: false,
            has_failed: false,
            answered_at: None,
            bye_at: None,
            socket,
            _stream: None,
        };
        self.calls.insert(id, call);
        self.patience.push_back((line.now().monotonic + PATIENCE, id));
        self.hear_news(id, news, line);
    }

    /// Does something with a call, and hears what becomes of it.
    fn with_call(
        &mut self,
        id: u64,
        line: &mut Line,
        deed: impl FnOnce(&mut Calling, &Subscriber, &mut Line, &mut Vec<News>),
    ) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let mut news = Vec::new();
        deed(&mut call.calling, &self.subscriber, line, &mut news);
        self.hear_news(id, news, line);
    }

    fn hear_news(&mut self, id: u64, news: Vec<News>, line: &mut Line) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let Now { monotonic: now, wall } = line.now();
        for news in news {
            match news {
                News::Ringing(_) => self.common.on_progress(call, now),
                News::Answered => {
                    self.common.on_progress(call, now);
                    let ends_at = now + self.common.hold;
                    self.ends.push_back((ends_at, id));
                    self.common.on_answer(call, now, ends_at);
                }
                News::Refused { status, reason, warning } => {
                    let (took, mut figures) = (now.since(call.at), self.common.figures.borrow_mut());
                    figures.refusal.record(took);
                    figures.slowest_refusal.record(wall - took, took);
                    drop(figures);
                    let said: String = warning.or(reason).unwrap_or_default().chars().take(WARNING_CHARS).collect();
                    self.common.fail_call(call, format!("{status} {said}").trim_end());
                }
                News::HungUp { reason } => {
                    let reason = reason.unwrap_or_else(|| "no reason given".to_owned());
                    self.common.fail_call(call, &format!("the other side hung up: {reason}"));
                }
                News::Ended => self.common.on_end(call, now),
                News::Failed(why) => self.common.fail_call(call, &why),
            }
        }
        if call.calling.is_over() {
            self.common.count_talk(call, now);
            call.calling.leave(line);
            self.calls.remove(&id);
        }
    }

    fn hang_up(&mut self, id: u64, line: &mut Line) {
        if let Some(call) = self.calls.get_mut(&id) {
            call.bye_at.get_or_insert(line.now().monotonic);
        }
        self.with_call(id, line, |calling, _, line, news| calling.hang_up(line, news));
    }

    fn on_give_up(&mut self, line: &mut Line) {
        for (_, mut call) in std::mem::take(&mut self.calls) {
            call.calling.leave(line);
            self.common.count_talk(&call, line.now().monotonic);
            self.common.fail_call(&mut call, "still going on at the end");
        }
    }
}

impl Common {
    /// A call failed that never was one.
    fn fail(&self, why: &str) {
        self.figures.borrow_mut().failed.count(why, 1);
        one_more(&self.live.failed);
        one_more(&self.live.over);
    }

    /// A call failed, whatever becomes of it then.
    fn fail_call(&self, call: &mut Call, why: &str) {
        if !std::mem::replace(&mut call.has_failed, true) {
            self.fail(why);
        }
    }

    /// A socket for sound and its address, or the address where nobody listens.
    fn open(&self) -> std::io::Result<(Option<UdpSocket>, SocketAddr)> {
        if self.speakers.borrow().is_none() {
            return Ok((None, self.no_sound));
        }
        crate::driver::bind(SocketAddr::new(self.ip, 0)).map(|(socket, local)| (Some(socket), local))
    }

    /// The first response that says more than that the request arrived.
    fn on_progress(&self, call: &mut Call, now: Monotonic) {
        if !std::mem::replace(&mut call.has_rung, true) {
            self.figures.borrow_mut().setup.record(now.since(call.at));
        }
    }

    fn on_answer(&self, call: &mut Call, now: Monotonic, ends_at: Monotonic) {
        call.answered_at = Some(now);
        let mut figures = self.figures.borrow_mut();
        figures.answer.record(now.since(call.at));
        figures.answered += 1;
        one_more(&self.live.answered);
        let (Some(speakers), Some(spoken), Some(socket)) =
            (&mut *self.speakers.borrow_mut(), call.calling.spoken(), call.socket.take())
        else {
            return;
        };
        let (stop, stopped) = oneshot::channel();
        let tail = TAIL.min(self.hold / 2);
        let silent_at = Monotonic::from_micros(ends_at.as_micros().saturating_sub(tail.as_micros() as u64));
        let stream = Stream {
            socket,
            peer: spoken.address,
            law: spoken.law,
            program: Program::Send,
            is_echoed: self.is_echoed,
            silent_at: Some(silent_at),
            stop: stopped,
        };
        if speakers.begin(stream) {
            call._stream = Some(stop);
        } else {
            figures.soundless += 1;
        }
    }

    /// A call is over: what was talked counts, if it was answered.
    fn count_talk(&self, call: &Call, now: Monotonic) {
        if let Some(answered_at) = call.answered_at {
            // Who hung up on us may have stopped charging before; by how much is not known here.
            let least = call.bye_at.map_or(Duration::ZERO, |bye_at| bye_at.since(answered_at));
            self.figures.borrow_mut().talk.count(least, now.since(call.at));
        }
    }

    fn on_end(&self, call: &Call, now: Monotonic) {
        if call.has_failed {
            return;
        }
        let mut figures = self.figures.borrow_mut();
        figures.completed += 1;
        if let Some(bye_at) = call.bye_at {
            figures.disconnect.record(now.since(bye_at));
        }
        one_more(&self.live.over);
    }
}

impl Role for Pbx {
    type Order = Order;

    fn on_order(&mut self, order: Order, line: &mut Line) {
        match order {
            Order::Register(at) => self.on_register(at, line),
            Order::Call(at) => self.on_call(at, line),
            Order::GiveUp => self.on_give_up(line),
        }
    }

    fn on_effect(&mut self, effect: Effect, line: &mut Line) {
        match effect {
            Effect::ResponseArrived { owner: REGISTRATION, message, .. } => {
                let result = self.registering.on_response(&message, &self.subscriber, line);
                self.on_registration(result, line);
            }
            Effect::ResponseArrived { owner, transaction, message, .. } => {
                self.with_call(owner.0, line, |calling, subscriber, line, news| {
                    calling.on_response(transaction, &message, subscriber, line, news);
                });
            }
            Effect::TransactionFailed { owner: REGISTRATION, .. } => {
                self.on_registration(Some(Err("REGISTER was not answered".to_owned())), line);
            }
            Effect::TransactionFailed { owner, .. } => {
                self.with_call(owner.0, line, |calling, _, _, news| calling.on_failure(news));
            }
            Effect::DialogRequestArrived { owner, transaction, message, .. } => {
                self.with_call(owner.0, line, |calling, _, line, news| {
                    calling.on_request(transaction, &message, line, news);
                });
            }
            // Nobody sits at this PBX's telephones.
            Effect::RequestArrived { pending } => {
                let is_invite = pending.message().method() == Some(&Method::Invite);
                let (status, phrase) =
                    if is_invite { (480, "Temporarily Unavailable") } else { (501, "Not Implemented") };
                line.refuse(&pending, Reply::new(status, phrase));
            }
            // It accepts no INVITE, so it waits for no ACK and nobody cancels; sending was done by the driver.
            Effect::AckArrived { .. }
            | Effect::AckMissed { .. }
            | Effect::Cancelled { .. }
            | Effect::DialogRequestRefused { .. }
            | Effect::Transmit { .. } => {}
        }
    }

    fn deadline(&self) -> Option<Monotonic> {
        let front = |queue: &VecDeque<(Monotonic, u64)>| queue.front().map(|(at, _)| *at);
        [front(&self.ends), front(&self.patience), self.registering.deadline()].into_iter().flatten().min()
    }

    fn on_deadline(&mut self, line: &mut Line) {
        let now = line.now().monotonic;
        while let Some((_, id)) = self.ends.pop_front_if(|(at, _)| *at <= now) {
            self.hang_up(id, line);
        }
        while let Some((_, id)) = self.patience.pop_front_if(|(at, _)| *at <= now) {
            if self.calls.get(&id).is_some_and(|call| call.answered_at.is_none()) {
                self.hang_up(id, line);
            }
        }
        if self.registering.deadline().is_some_and(|at| at <= now) {
            let begun = self.registering.refresh(&self.subscriber, line);
            self.on_registration(begun.err().map(Err), line);
        }
    }
}

impl Agent for Pbx {
    fn is_idle(&self) -> bool {
        self.calls.is_empty()
    }
}
