//! Sound: threads that carry streams of 50 packets a second, and what they measure.
//!
//! Where sound goes is negotiated by the roles. One stream is [`stream`]; what a packet says about its journey [`stamp`].

mod stamp;
mod stream;

use crate::Error;
use crate::clock::Clock;
use crate::figures::{Latencies, Live};
use domain::{Entropy, Monotonic};
use std::cell::RefCell;
use std::net::{SocketAddr, UdpSocket};
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use telephone::g711::Law;
use tokio::sync::{mpsc, oneshot};

/// Streams that may wait to begin on one thread; one more has no sound, and is counted.
const ORDERS_MAX: usize = 4_096;
/// Streams of one thread at one time; one more has no sound, and is counted.
const STREAMS_MAX: usize = 20_000;

/// What a side says into a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Program {
    /// Whatever it hears: the caller measures the round trip.
    Echo,
    /// 50 packets a second of its own: both sides measure one way.
    Send,
}

/// A stream that is to begin.
#[derive(Debug)]
pub struct Stream {
    /// Its socket, bound.
    pub socket: UdpSocket,
    /// Where it sends to.
    pub peer: SocketAddr,
    /// How it speaks.
    pub law: Law,
    /// What it says.
    pub program: Program,
    /// Whether the other side echoes, so that only what this one said can be heard.
    pub is_echoed: bool,
    /// When it falls silent and only listens: a little before it ends, so that what is under way is not taken for lost.
    pub silent_at: Option<Monotonic>,
    /// Ends it, when the sender is dropped.
    pub stop: oneshot::Receiver<()>,
}

/// What streams came to.
#[derive(Clone, Debug, Default)]
pub struct SoundFigures {
    /// Streams that ended.
    pub streams: u64,
    /// Streams that heard nothing at all.
    pub deaf: u64,
    /// Streams that found no room.
    pub refused: u64,
    /// Packets that were sent.
    pub sent: u64,
    /// Packets that were heard.
    pub heard: u64,
    /// Packets that are missing between the first and the last that were heard, by their numbers.
    pub missing: u64,
    /// Packets of our own that came back.
    pub returned: u64,
    /// Streams that came to be measured with an echo, and what they sent: loss of the round trip is the rest of it.
    pub echoed_sent: u64,
    /// Packets of other calls, where only our own can come back: late ones of a call whose port was given to this one.
    pub strays: u64,
    /// How late packets were sent, by the beat of their stream: where this is large, the load test itself was held up.
    pub sent_late: Latencies,
    /// A packet's way to the other side and back.
    pub round_trip: Latencies,
    /// A packet's way from the other side of ours to this one: one clock tells both ends.
    pub one_way: Latencies,
}

impl SoundFigures {
    /// Adds those of another thread.
    pub fn add(&mut self, other: &SoundFigures) {
        self.streams += other.streams;
        self.deaf += other.deaf;
        self.refused += other.refused;
        self.sent += other.sent;
        self.heard += other.heard;
        self.missing += other.missing;
        self.returned += other.returned;
        self.echoed_sent += other.echoed_sent;
        self.strays += other.strays;
        self.sent_late.add(&other.sent_late);
        self.round_trip.add(&other.round_trip);
        self.one_way.add(&other.one_way);
    }
}

/// The threads of one side, as its role sees them.
#[derive(Clone, Debug)]
pub struct Speakers {
    threads: Vec<mpsc::Sender<Stream>>,
    next: usize,
}

impl Speakers {
    /// Begins a stream; whether it found room.
    pub fn begin(&mut self, stream: Stream) -> bool {
        self.next = (self.next + 1) % self.threads.len();
        self.threads[self.next].try_send(stream).is_ok()
    }
}

/// The threads of one side. They end when all their [`Speakers`] are gone and all their streams have ended.
#[derive(Debug)]
pub struct Sound {
    threads: Vec<JoinHandle<SoundFigures>>,
}

impl Sound {
    /// Starts so many threads.
    ///
    /// # Errors
    /// Where the system gives none.
    pub fn start(
        name: &str,
        threads: usize,
        clock: Clock,
        live: &Arc<Live>,
        entropy: &mut Entropy,
    ) -> Result<(Sound, Speakers), Error> {
        let mut sound = Sound { threads: Vec::new() };
        let mut speakers = Speakers { threads: Vec::new(), next: 0 };
        for number in 0..threads.max(1) {
            let (orders, heard) = mpsc::channel(ORDERS_MAX);
            let (live, entropy) = (Arc::clone(live), entropy.fork());
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(Error::io("no runtime for sound"))?;
            let thread = std::thread::Builder::new()
                .name(format!("{name}-sound-{number}"))
                .spawn(move || {
                    let local = tokio::task::LocalSet::new();
                    local.block_on(&runtime, play(heard, clock, &live, entropy))
                })
                .map_err(Error::io("no thread for sound"))?;
            sound.threads.push(thread);
            speakers.threads.push(orders);
        }
        Ok((sound, speakers))
    }

    /// Waits for the threads, and gives what they measured.
    ///
    /// # Errors
    /// Where one broke off.
    pub fn finish(self) -> Result<SoundFigures, Error> {
        let mut figures = SoundFigures::default();
        for thread in self.threads {
            figures.add(&thread.join().map_err(|_| Error::Broken("thread of sound"))?);
        }
        Ok(figures)
    }
}

async fn play(
    mut orders: mpsc::Receiver<Stream>,
    clock: Clock,
    live: &Arc<Live>,
    mut entropy: Entropy,
) -> SoundFigures {
    let figures = Rc::new(RefCell::new(SoundFigures::default()));
    let mut streams = tokio::task::JoinSet::new();
    while let Some(stream) = orders.recv().await {
        while streams.try_join_next().is_some() {}
        if streams.len() >= STREAMS_MAX {
            figures.borrow_mut().refused += 1;
            continue;
        }
        let ear = stream::Ear { figures: Rc::clone(&figures), live: Arc::clone(live), clock };
        streams.spawn_local(stream::carry(stream, ear, entropy.next_u128()));
    }
    while streams.join_next().await.is_some() {}
    let figures = figures.borrow();
    figures.clone()
}
