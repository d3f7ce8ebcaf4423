//! The thread that plays, echoes and hears: one for each agent, for all of its calls, paced by deadlines of 20 ms.
//!
//! Where sound goes is negotiated by the roles; what it says is `melody`'s.

use super::melody::{Melody, SAMPLES_PER_SECOND};
use actors::clock::Clock;
use domain::{Entropy, Monotonic};
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use telephone::g711::Law;
use telephone::rtp::{FRAME, Numbering, PACKET, Packet};

/// Streams of one agent at one time.
pub(super) const STREAMS_MAX: usize = 64;
/// Orders that may wait; the roles give two for each stream.
const ORDERS_MAX: usize = 2 * STREAMS_MAX;
/// What is kept of what was heard: the first 20 s of each stream.
const HEARD_MAX: usize = 20 * SAMPLES_PER_SECOND;
/// One packet's time.
const TICK: Duration = Duration::from_millis(20);
/// Ticks that are made up for when the thread was kept waiting; more are left out.
const LATE_TICKS_MAX: u32 = 10;
/// Datagrams read from one stream in one tick, so that a flood cannot hold up the others.
const READS_MAX: usize = 64;

/// What an agent says into a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Program {
    /// A melody.
    Play(Melody),
    /// Whatever it hears.
    Echo,
}

/// What was heard on one stream. A cheap handle, shared with the thread that hears.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heard(Arc<Mutex<Ear>>);

#[derive(Debug, Default)]
struct Ear {
    packets: u64,
    first: Option<u16>,
    samples: Vec<i16>,
}

impl Heard {
    /// Packets that arrived.
    pub(crate) fn packets(&self) -> u64 {
        self.ear().packets
    }

    /// The first 20 s of sound, 8,000 samples a second, silence where packets were lost.
    pub(crate) fn samples(&self) -> Vec<i16> {
        self.ear().samples.clone()
    }

    fn ear(&self) -> MutexGuard<'_, Ear> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hear(&self, packet: Packet<'_>) {
        let mut ear = self.ear();
        ear.packets += 1;
        let first = *ear.first.get_or_insert(packet.sequence);
        // A packet from before the first, or one far too late, lands beyond the limit and is only counted.
        let start = usize::from(packet.sequence.wrapping_sub(first)) * FRAME;
        let end = start + packet.payload.len();
        if end > HEARD_MAX {
            return;
        }
        if ear.samples.len() < end {
            ear.samples.resize(end, 0);
        }
        for (sample, byte) in ear.samples[start..end].iter_mut().zip(packet.payload) {
            *sample = packet.law.decode(*byte);
        }
    }
}

/// A stream that is to begin.
pub(super) struct Stream {
    /// Names it.
    pub(super) id: u64,
    /// Its socket, bound.
    pub(super) socket: UdpSocket,
    /// Where it sends to, and nobody else is heard.
    pub(super) peer: SocketAddr,
    /// How it speaks; any of the two laws is understood.
    pub(super) law: Law,
    /// What it says.
    pub(super) program: Program,
    /// Where what is heard is kept.
    pub(super) heard: Heard,
}

enum Order {
    Begin(Box<Stream>),
    End(u64),
    Quit,
}

/// The thread, as the roles see it.
pub(super) struct Sound {
    orders: SyncSender<Order>,
    thread: Option<JoinHandle<()>>,
}

impl Sound {
    /// Starts the thread.
    pub(super) fn start(name: &str, clock: Clock, mut entropy: Entropy) -> io::Result<Sound> {
        let (orders, heard) = sync_channel(ORDERS_MAX);
        let thread = std::thread::Builder::new().name(format!("{name}-sound")).spawn(move || {
            Player { clock, streams: Vec::new(), orders: heard, next: clock.monotonic() }.run(&mut entropy);
        })?;
        Ok(Sound { orders, thread: Some(thread) })
    }

    /// Begins a stream; one too many is silent.
    pub(super) fn begin(&self, stream: Stream) {
        // The thread is gone only when the agent is.
        let _ = self.orders.send(Order::Begin(Box::new(stream)));
    }

    /// Ends a stream; nothing happens where there is none.
    pub(super) fn end(&self, id: u64) {
        let _ = self.orders.send(Order::End(id));
    }
}

impl Drop for Sound {
    fn drop(&mut self) {
        let _ = self.orders.send(Order::Quit);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A socket for a stream. It does not block: the thread looks into all of them once a tick.
pub(super) fn socket(ip: IpAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind((ip, 0))?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

struct Playing {
    stream: Box<Stream>,
    numbering: Numbering,
    index: u64,
}

struct Player {
    clock: Clock,
    streams: Vec<Playing>,
    orders: Receiver<Order>,
    next: Monotonic,
}

impl Player {
    fn run(&mut self, entropy: &mut Entropy) {
        loop {
            let order = if self.streams.is_empty() {
                self.orders.recv().map_err(|_| RecvTimeoutError::Disconnected)
            } else {
                self.orders.recv_timeout(self.clock.until(self.next))
            };
            match order {
                Ok(Order::Begin(stream)) => self.on_begin(stream, entropy),
                Ok(Order::End(id)) => self.streams.retain(|playing| playing.stream.id != id),
                Ok(Order::Quit) | Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {}
            }
            self.tick();
        }
    }

    fn on_begin(&mut self, stream: Box<Stream>, entropy: &mut Entropy) {
        if self.streams.len() >= STREAMS_MAX {
            return;
        }
        if self.streams.is_empty() {
            self.next = self.clock.monotonic();
        }
        let numbers = entropy.next_u128();
        let numbering = Numbering {
            ssrc: numbers as u32,
            sequence: (numbers >> 32) as u16,
            timestamp: (numbers >> 64) as u32,
            is_first: true,
        };
        self.streams.push(Playing { stream, numbering, index: 0 });
    }

    fn tick(&mut self) {
        let now = self.clock.monotonic();
        if now.since(self.next) > TICK * LATE_TICKS_MAX {
            self.next = now;
        }
        while self.next <= now {
            self.streams.iter_mut().for_each(Playing::tick);
            self.next = self.next + TICK;
        }
    }
}

impl Playing {
    fn tick(&mut self) {
        self.hear();
        if let Program::Play(melody) = self.stream.program {
            let mut payload = [0; FRAME];
            for byte in &mut payload {
                *byte = self.stream.law.encode(melody.sample(self.index));
                self.index += 1;
            }
            self.say(self.stream.law, &payload);
        }
    }

    fn hear(&mut self) {
        let mut buffer = [0; 2_048];
        for _ in 0..READS_MAX {
            let Ok((length, from)) = self.stream.socket.recv_from(&mut buffer) else { return };
            let Some(packet) = Packet::read(&buffer[..length]).filter(|_| from == self.stream.peer) else { continue };
            self.stream.heard.hear(packet);
            if self.stream.program == Program::Echo {
                self.say(packet.law, packet.payload);
            }
        }
    }

    fn say(&mut self, law: Law, payload: &[u8]) {
        let mut packet = [0; PACKET];
        let length = self.numbering.print(law.payload_type(), payload, &mut packet);
        // Sound that cannot be sent is lost, as on any network.
        let _ = self.stream.socket.send_to(&packet[..length], self.stream.peer);
    }
}
