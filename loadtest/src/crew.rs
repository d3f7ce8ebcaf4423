//! Everybody who takes part, on threads of their own: PBXs, carrier, sound.
//!
//! What they are told, and when, is in `run`.

use crate::Error;
use crate::carrier::{self, Carrier, Taken};
use crate::clock::Clock;
use crate::driver::{self, Driven};
use crate::figures::{Figures, Live};
use crate::media::{Program, Sound, SoundFigures, Speakers};
use crate::options::Plan;
use crate::pbx::{self, Common, Order, Pbx};
use domain::Entropy;
use std::cell::RefCell;
use std::future::Future;
use std::net::{SocketAddr, UdpSocket};
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use telephone::{Account, Line, Subscriber};
use tokio::sync::mpsc;

/// Orders that may wait for one PBX; one more call fails, as the load test cannot keep up.
const ORDERS_MAX: usize = 4_096;
/// Transactions of the carrier and of each PBX: several for each call, for as long as RFC 3261 keeps them (32 s).
const TRANSACTIONS_MAX: usize = 500_000;

/// Everybody, at work.
pub struct Crew {
    orders: Vec<mpsc::Sender<Order>>,
    pbxs: JoinHandle<Result<Figures, Error>>,
    carrier: Option<CarrierCrew>,
    pbx_sound: Option<Sound>,
}

struct CarrierCrew {
    /// Dropped to end it.
    orders: mpsc::Sender<std::convert::Infallible>,
    thread: JoinHandle<Result<u64, Error>>,
    sound: Option<Sound>,
    taken: Arc<Taken>,
}

/// What everybody saw.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// The PBXs, of SIP; retransmissions of the carrier are in it.
    pub figures: Figures,
    /// The PBXs, of sound.
    pub heard_by_pbxs: Option<SoundFigures>,
    /// The carrier, of sound.
    pub heard_by_carrier: Option<SoundFigures>,
    /// Calls that the carrier answered.
    pub taken: Option<u64>,
    /// Calls of the carrier whose ACK never came.
    pub unacknowledged: u64,
}

impl Crew {
    /// Starts everybody. The carrier, if there is one, has its socket already.
    ///
    /// # Errors
    /// What could not be had.
    pub fn start(
        plan: &Plan,
        accounts: &[Account],
        carrier: Option<UdpSocket>,
        clock: Clock,
        live: &Arc<Live>,
        mut entropy: Entropy,
    ) -> Result<Crew, Error> {
        let carrier = carrier.map(|socket| start_carrier(plan, socket, clock, &mut entropy)).transpose()?;
        let (pbx_sound, speakers) = sound("pbx", plan, clock, live, &mut entropy)?;
        let (mut orders, mut sockets) = (Vec::new(), Vec::new());
        for account in accounts {
            let (socket, local) =
                driver::bind(SocketAddr::new(plan.ip, 0)).map_err(Error::io(format!("PBX at {}", plan.ip)))?;
            let (sender, receiver) = mpsc::channel(ORDERS_MAX);
            orders.push(sender);
            let domain = plan.domain();
            sockets.push((
                socket,
                local,
                receiver,
                Subscriber { account: account.clone(), server: plan.options.target, domain },
            ));
        }
        let (options, ip, live) = (plan.options.clone(), plan.ip, Arc::clone(live));
        let pbxs = thread("pbxs", move || {
            // Bound for as long as there are calls, and never read: whatever is sent there is lost.
            let (silence, no_sound) = driver::bind(SocketAddr::new(ip, 0)).map_err(Error::io("no socket"))?;
            let common = Rc::new(Common {
                dial: options.dial,
                hold: options.hold,
                expires_s: options.expires,
                is_echoed: options.carrier_sound == Program::Echo,
                ip,
                no_sound,
                speakers: RefCell::new(speakers),
                live,
                figures: RefCell::new(Figures::default()),
            });
            let retransmissions = on_runtime(async {
                let mut agents = tokio::task::JoinSet::new();
                for (socket, local, receiver, subscriber) in sockets {
                    let agent = Pbx::new(subscriber, Rc::clone(&common));
                    let driven = drive(socket, local, agent, clock, entropy.fork())?;
                    agents.spawn_local(driven.run(receiver, clock));
                }
                let mut retransmissions = 0;
                while let Some(line) = agents.join_next().await {
                    retransmissions += line.map_or(0, |line| resent(&line));
                }
                Ok::<u64, Error>(retransmissions)
            })??;
            drop(silence);
            let mut figures = common.figures.take();
            figures.retransmissions += retransmissions;
            Ok(figures)
        })?;
        Ok(Crew { orders, pbxs, carrier, pbx_sound })
    }

    /// Tells a PBX; whether it had room for that.
    pub fn order(&self, pbx: usize, order: Order) -> bool {
        self.orders.get(pbx % self.orders.len().max(1)).is_some_and(|orders| orders.try_send(order).is_ok())
    }

    /// PBXs.
    pub fn pbxs(&self) -> usize {
        self.orders.len()
    }

    /// Lets everybody finish what goes on, or gives it up, and gives what they saw.
    ///
    /// # Errors
    /// Where one of them broke off.
    pub fn finish(self, gives_up: bool) -> Result<Seen, Error> {
        if gives_up {
            for orders in &self.orders {
                // One whose queue is full has orders before this one that it will see through.
                let _ = orders.blocking_send(Order::GiveUp);
            }
        }
        drop(self.orders);
        let mut figures = self.pbxs.join().map_err(|_| Error::Broken("thread of the PBXs"))??;
        let heard_by_pbxs = self.pbx_sound.map(Sound::finish).transpose()?;
        let mut seen = Seen { heard_by_pbxs, ..Seen::default() };
        if let Some(carrier) = self.carrier {
            drop(carrier.orders);
            figures.retransmissions += carrier.thread.join().map_err(|_| Error::Broken("thread of the carrier"))??;
            seen.heard_by_carrier = carrier.sound.map(Sound::finish).transpose()?;
            seen.taken = Some(crate::figures::read(&carrier.taken.answered));
            seen.unacknowledged = crate::figures::read(&carrier.taken.unacknowledged);
        }
        seen.figures = figures;
        Ok(seen)
    }
}

fn start_carrier(plan: &Plan, socket: UdpSocket, clock: Clock, entropy: &mut Entropy) -> Result<CarrierCrew, Error> {
    let local = socket.local_addr().map_err(Error::io("--carrier-listen"))?;
    let (sound, speakers) = sound("carrier", plan, clock, &Arc::default(), entropy)?;
    let (orders, receiver) = mpsc::channel(1);
    let taken = Arc::new(Taken::default());
    let (copy, entropy) = (Arc::clone(&taken), entropy.fork());
    let (rings, program): (Duration, Program) = (plan.options.carrier_rings, plan.options.carrier_sound);
    let thread = thread("carrier", move || {
        let (silence, no_sound) = driver::bind(SocketAddr::new(local.ip(), 0)).map_err(Error::io("no socket"))?;
        let carrier = Carrier::new(no_sound, rings, program, speakers, copy);
        let line = on_runtime(async {
            let driven = drive(socket, local, carrier, clock, entropy)?;
            Ok::<Line, Error>(driven.run(receiver, clock).await)
        })??;
        drop(silence);
        Ok(resent(&line))
    })?;
    Ok(CarrierCrew { orders, thread, sound, taken })
}

type Spoken = (Option<Sound>, Option<Speakers>);

fn sound(name: &str, plan: &Plan, clock: Clock, live: &Arc<Live>, entropy: &mut Entropy) -> Result<Spoken, Error> {
    if plan.options.no_media {
        return Ok((None, None));
    }
    let (sound, speakers) = Sound::start(name, plan.options.media_threads, clock, live, entropy)?;
    Ok((Some(sound), Some(speakers)))
}

fn drive<A>(
    socket: UdpSocket,
    local: SocketAddr,
    agent: A,
    clock: Clock,
    entropy: Entropy,
) -> Result<Driven<A>, Error> {
    let socket = tokio::net::UdpSocket::from_std(socket).map_err(Error::io("no socket"))?;
    let line = Line::new(driver::settings(local, TRANSACTIONS_MAX), clock.now(), entropy);
    Ok(Driven { socket, line, agent })
}

fn resent(line: &Line) -> u64 {
    line.counters().retransmissions_sent
}

fn thread<T: Send + 'static>(name: &str, work: impl FnOnce() -> T + Send + 'static) -> Result<JoinHandle<T>, Error> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)
        .map_err(Error::io(format!("no thread for the {name}")))
}

/// Runs something on this thread's own runtime.
fn on_runtime<T>(work: impl Future<Output = T>) -> Result<T, Error> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::io("no runtime"))?;
    Ok(tokio::task::LocalSet::new().block_on(&runtime, work))
}

const _: () = assert!(carrier::CALLS_MAX * 2 <= TRANSACTIONS_MAX && pbx::CALLS_MAX * 2 <= TRANSACTIONS_MAX);
