//! What the stories of media have in common: a running media room, phones that are plain sockets, packets.
//!
//! No knowledge of how media works lives here.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on shall stop")]

use media::{
    EventSink, Media, MediaEvent, MediaSettings, MediaTotals, OpenRefused, OpenRequest, Opened, PortRange, Remote,
    SessionId, SessionReport, Side,
};
use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Longer than anything on a loaded machine takes: who waits this long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Settings for a test file: each has ports of its own, outside the kernel's range, so that files may run side by side.
pub(crate) fn settings(first_port: u16) -> MediaSettings {
    MediaSettings {
        ports: PortRange { first: first_port, last: first_port + 9_999 },
        silence_timeout: Duration::ZERO,
        ..MediaSettings::default()
    }
}

/// A running room and its events.
pub(crate) struct Room {
    pub(crate) media: Media,
    pub(crate) events: Receiver<MediaEvent>,
}

impl Room {
    pub(crate) fn start(settings: MediaSettings) -> Room {
        let (sender, events) = sync_channel(1_000);
        let sink: EventSink = Arc::new(move |event| sender.send(event).unwrap());
        Room { media: Media::start(settings, sink).unwrap(), events }
    }

    pub(crate) fn open(&self, session: u64, request: OpenRequest) -> Result<Opened, OpenRefused> {
        hear(|reply| {
            self.media.open(SessionId(session), request, Box::new(move |opened| reply.send(opened).unwrap()));
        })
    }

    pub(crate) fn reopen(&self, session: u64, side: Side, ip: &str) -> Result<Opened, OpenRefused> {
        let ip = ip.parse().unwrap();
        hear(|reply| {
            let told = Box::new(move |opened| reply.send(opened).unwrap());
            self.media.reopen(SessionId(session), side, ip, told);
        })
    }

    pub(crate) fn report(&self, session: u64) -> Option<SessionReport> {
        hear(|reply| self.media.report(SessionId(session), Box::new(move |report| reply.send(report).unwrap())))
    }

    pub(crate) fn close(&self, session: u64) -> Option<SessionReport> {
        hear(|reply| self.media.close(SessionId(session), Box::new(move |report| reply.send(report).unwrap())))
    }

    /// Tells a far end, and returns when it is obeyed.
    pub(crate) fn set_remote(&self, session: u64, side: Side, remote: Remote) {
        self.media.set_remote(SessionId(session), side, remote).unwrap();
        self.report(session);
    }

    /// Opens a relay between two phones.
    pub(crate) fn relay(&self, session: u64, a: &Phone, b: &Phone) -> (SocketAddr, SocketAddr) {
        let opened = self.open(session, OpenRequest::relay()).unwrap();
        self.set_remote(session, Side::A, a.remote());
        self.set_remote(session, Side::B, b.remote());
        (opened.a, opened.b.unwrap())
    }

    pub(crate) fn totals(&self) -> MediaTotals {
        self.media.totals()
    }
}

fn hear<T: Send + 'static>(ask: impl FnOnce(SyncSender<T>)) -> T {
    let (sender, receiver) = sync_channel(1);
    ask(sender);
    receiver.recv_timeout(PATIENCE).expect("media must answer")
}

/// A phone: an RTP socket on an even port and an RTCP socket on the next, on loopback.
pub(crate) struct Phone {
    pub(crate) rtp: UdpSocket,
    pub(crate) rtcp: UdpSocket,
    pub(crate) ssrc: u32,
}

/// Ports that phones of this process have taken, so that no neighbour is taken between two binds.
static PORTS: Mutex<u16> = Mutex::new(0);

impl Phone {
    pub(crate) fn new(ip: &str) -> Phone {
        let mut next = PORTS.lock().unwrap();
        loop {
            // Outside the kernel's range and those of the rooms; the process id keeps test files apart.
            let port = 61_000 + ((std::process::id() as u16).wrapping_mul(64).wrapping_add(*next) % 4_500) / 2 * 2;
            *next += 2;
            let at = |port: u16| UdpSocket::bind(SocketAddr::new(ip.parse().unwrap(), port));
            if let (Ok(rtp), Ok(rtcp)) = (at(port), at(port + 1)) {
                for socket in [&rtp, &rtcp] {
                    socket.set_read_timeout(Some(PATIENCE)).unwrap();
                }
                return Phone { rtp, rtcp, ssrc: 0x1000_0000 + u32::from(port) };
            }
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.rtp.local_addr().unwrap()
    }

    /// How its session description and signalling show it.
    pub(crate) fn remote(&self) -> Remote {
        Remote::new(self.address(), self.address().ip())
    }

    /// Sends the packet `number` of its stream.
    pub(crate) fn speak(&self, to: SocketAddr, number: u32) -> Vec<u8> {
        let packet = rtp(self.ssrc, number, &voice(self.ssrc, number));
        self.rtp.send_to(&packet, to).unwrap();
        packet
    }

    /// The next packet, and where it came from.
    pub(crate) fn hear_from(&self) -> (Vec<u8>, SocketAddr) {
        receive(&self.rtp)
    }

    pub(crate) fn hear(&self) -> Vec<u8> {
        self.hear_from().0
    }

    /// Whether nothing waits. Only meaningful once what could have come must have come: see the callers.
    pub(crate) fn hears_nothing(&self) -> bool {
        self.rtp.set_nonblocking(true).unwrap();
        let outcome = self.rtp.recv_from(&mut [0; 2_000]);
        self.rtp.set_nonblocking(false).unwrap();
        outcome.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    }
}

pub(crate) fn receive(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut bytes = [0; 2_000];
    let (length, from) = socket.recv_from(&mut bytes).expect("a packet must come");
    (bytes[..length].to_vec(), from)
}

/// 20 ms of G.711: noise that depends on who speaks and when.
pub(crate) fn voice(ssrc: u32, number: u32) -> Vec<u8> {
    let mut state = u64::from(ssrc) << 32 | u64::from(number) | 1;
    std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    })
    .take(160)
    .collect()
}

/// An RTP packet of payload type 0 (PCMU).
pub(crate) fn rtp(ssrc: u32, number: u32, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x80, 0];
    packet.extend_from_slice(&(number as u16).to_be_bytes());
    packet.extend_from_slice(&(number.wrapping_mul(160)).to_be_bytes());
    packet.extend_from_slice(&ssrc.to_be_bytes());
    packet.extend_from_slice(payload);
    packet
}

/// An empty RTCP receiver report.
pub(crate) fn rtcp(ssrc: u32) -> Vec<u8> {
    let mut packet = vec![0x80, 201, 0, 1];
    packet.extend_from_slice(&ssrc.to_be_bytes());
    packet
}
