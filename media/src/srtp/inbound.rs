//! Opening what the other side sends: its key, the key before it for packets in flight, and what has been there.
//!
//! How long the key before is believed is `session`'s to say.

use super::cipher::Cipher;
use super::window::Window;
use super::{Fault, Name, STREAMS_MAX, rtcp_sender, rtp_fields};
use domain::srtp::MasterKey;

/// Bytes of a packet that are kept for a second try: above every datagram that is carried.
const TRIED_AGAIN_MAX: usize = 2_048;

/// What one side sends with one key.
pub struct Inbound {
    cipher: Cipher,
    name: Name,
    streams: Vec<Stream>,
    /// Where the latest packet's stream stands: nearly always that of the next.
    latest: usize,
}

/// One SSRC, of which at least one packet was genuine.
#[derive(Clone, Copy)]
struct Stream {
    ssrc: u32,
    rtp: Option<Window>,
    rtcp: Option<Window>,
    /// Whether the rollover counter is only that of the key before (RFC 3711 3.3.1); some begin at zero with a new key.
    is_inherited: bool,
}

impl Inbound {
    /// Expects packets under `key`; none where the key cannot be used.
    pub fn new(key: &MasterKey) -> Option<Inbound> {
        Some(Inbound { cipher: Cipher::new(key)?, name: Name::of(key), streams: Vec::new(), latest: 0 })
    }

    /// Expects packets under `key`, of the same streams: their rollover counters go on (RFC 3711 3.3.1), or begin anew, which
    /// nobody agrees about.
    pub fn succeeding(former: &Inbound, key: &MasterKey) -> Option<Inbound> {
        let go_on = |stream: &Stream| Stream {
            rtp: stream.rtp.map(Window::forgetting),
            rtcp: None,
            is_inherited: stream.rtp.is_some(),
            ..*stream
        };
        let streams = former.streams.iter().map(go_on).collect();
        Some(Inbound { streams, ..Inbound::new(key)? })
    }

    /// Checks and decrypts an RTP packet in place; the length of what is left. Where it is refused, bytes behind the header may
    /// have changed.
    ///
    /// # Errors
    /// [`Fault::NotGenuine`], [`Fault::Replayed`], [`Fault::Short`], [`Fault::Spent`].
    pub fn open_rtp(&mut self, packet: &mut [u8]) -> Result<usize, Fault> {
        let (ssrc, sequence, header) = rtp_fields(packet)?;
        let found = self.find(ssrc);
        let known = found.and_then(|at| self.streams[at].rtp);
        let is_inherited = found.is_some_and(|at| self.streams[at].is_inherited);
        let index = known.map_or(sequence.into(), |window| window.index_of(sequence));
        // Under a key that nothing came with yet, nothing can come again.
        if !is_inherited && known.is_some_and(|window| !window.is_new(index)) {
            return Err(Fault::Replayed);
        }
        let name = self.name.as_bytes();
        let other = u64::from(sequence);
        let may_be_other = is_inherited && index != other;
        let (index, length) = if may_be_other {
            let kept = Kept::of(packet);
            match self.cipher.open_rtp(packet, header, (ssrc, index), name) {
                Ok(length) => (index, length),
                Err(_) => {
                    kept.restore(packet);
                    (other, self.cipher.open_rtp(packet, header, (ssrc, other), name)?)
                }
            }
        } else {
            (index, self.cipher.open_rtp(packet, header, (ssrc, index), name)?)
        };
        // From here on it is genuine.
        let stream = self.stream(ssrc, found)?;
        match &mut stream.rtp {
            Some(window) if !is_inherited => window.mark(index),
            window => *window = Some(Window::starting_at(index)),
        }
        stream.is_inherited = false;
        Ok(length)
    }

    /// Checks and decrypts an RTCP packet in place, likewise. One that is not encrypted is not genuine.
    ///
    /// # Errors
    /// As [`Inbound::open_rtp`].
    pub fn open_rtcp(&mut self, packet: &mut [u8]) -> Result<usize, Fault> {
        let ssrc = rtcp_sender(packet)?;
        let name = self.name.as_bytes();
        let index = self.cipher.rtcp_index(packet, name)?;
        let found = self.find(ssrc);
        let known = found.and_then(|at| self.streams[at].rtcp);
        if known.is_some_and(|window| !window.is_new(index.into())) {
            return Err(Fault::Replayed);
        }
        let length = self.cipher.open_rtcp(packet, (ssrc, index), name)?;
        let stream = self.stream(ssrc, found)?;
        match &mut stream.rtcp {
            Some(window) => window.mark(index.into()),
            window => *window = Some(Window::starting_at(index.into())),
        }
        Ok(length)
    }

    fn find(&self, ssrc: u32) -> Option<usize> {
        let is_its = |stream: &Stream| stream.ssrc == ssrc;
        if self.streams.get(self.latest).is_some_and(is_its) {
            return Some(self.latest);
        }
        self.streams.iter().position(is_its)
    }

    /// The stream at `found`, or a new one.
    fn stream(&mut self, ssrc: u32, found: Option<usize>) -> Result<&mut Stream, Fault> {
        let at = match found {
            Some(at) => at,
            None if self.streams.len() == STREAMS_MAX => return Err(Fault::Spent),
            None => {
                self.streams.push(Stream { ssrc, rtp: None, rtcp: None, is_inherited: false });
                self.streams.len() - 1
            }
        };
        self.latest = at;
        self.streams.get_mut(at).ok_or(Fault::Spent)
    }
}

/// A packet as it came, for a second try: the first one may overwrite it.
pub(crate) struct Kept {
    bytes: [u8; TRIED_AGAIN_MAX],
    size: usize,
}

impl Kept {
    pub(crate) fn of(packet: &[u8]) -> Kept {
        let mut bytes = [0; TRIED_AGAIN_MAX];
        let size = packet.len().min(TRIED_AGAIN_MAX);
        bytes[..size].copy_from_slice(&packet[..size]);
        Kept { bytes, size }
    }

    pub(crate) fn restore(&self, packet: &mut [u8]) {
        let size = self.size.min(packet.len());
        packet[..size].copy_from_slice(&self.bytes[..size]);
    }
}
