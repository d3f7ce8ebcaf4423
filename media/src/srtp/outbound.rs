//! Sealing what the other side is sent, under our key.
//!
//! No index is ever used twice with one key: the sum of two packets under one piece of key stream tells both. What a relay passes
//! on was numbered by somebody else, who may begin anew under the same SSRC; such a stream goes on behind its last number.

use super::cipher::Cipher;
use super::window::{WINDOW, Window};
use super::{Fault, Name, RTCP_INDEX_MAX, RTP_INDEX_MAX, STREAMS_MAX, rtcp_sender, rtp_fields};
use domain::srtp::MasterKey;

/// First numbers from here on are moved below: who hears a stream only after its number has come round cannot know of it
/// (RFC 3711 3.3.1 wants initial numbers below).
const FIRST_SEQUENCE_END: u16 = 1 << 15;

/// What is sent with one key.
pub struct Outbound {
    cipher: Cipher,
    name: Name,
    streams: Vec<Stream>,
    /// Where the latest packet's stream stands.
    latest: usize,
    /// RTCP packets so far, whoever's.
    rtcp_index: u32,
}

/// One SSRC.
#[derive(Clone, Copy)]
struct Stream {
    ssrc: u32,
    sent: Window,
    /// What is added to its numbers.
    shift: u16,
}

impl Outbound {
    /// Seals under `key`, with which nothing was sealed before; none where the key cannot be used.
    pub fn new(key: &MasterKey) -> Option<Outbound> {
        let (cipher, name) = (Cipher::new(key)?, Name::of(key));
        Some(Outbound { cipher, name, streams: Vec::new(), latest: 0, rtcp_index: 0 })
    }

    /// Encrypts the RTP packet in the first `length` bytes of `room` in place, and authenticates it; its new length, at most
    /// [`super::GROWTH_MAX`] more. Its sequence number may change.
    ///
    /// # Errors
    /// [`Fault::Short`], [`Fault::NoRoom`], [`Fault::Spent`].
    pub fn seal_rtp(&mut self, room: &mut [u8], length: usize) -> Result<usize, Fault> {
        let packet = room.get_mut(..length).ok_or(Fault::NoRoom)?;
        let (ssrc, sequence, header) = rtp_fields(packet)?;
        let name = self.name.as_bytes();
        if room.len() < length + self.cipher.rtp_growth() + name.len() {
            return Err(Fault::NoRoom);
        }
        let (at, index) = self.number(ssrc, sequence)?;
        room[2..4].copy_from_slice(&(index as u16).to_be_bytes());
        self.streams[at].sent.mark(index);
        self.latest = at;
        self.cipher.seal_rtp(room, length, header, (ssrc, index), self.name.as_bytes())
    }

    /// Likewise an RTCP packet.
    ///
    /// # Errors
    /// As [`Outbound::seal_rtp`].
    pub fn seal_rtcp(&mut self, room: &mut [u8], length: usize) -> Result<usize, Fault> {
        let ssrc = rtcp_sender(room.get(..length).ok_or(Fault::NoRoom)?)?;
        let name = self.name.as_bytes();
        if room.len() < length + self.cipher.rtcp_growth() + name.len() {
            return Err(Fault::NoRoom);
        }
        if self.rtcp_index == RTCP_INDEX_MAX {
            return Err(Fault::Spent);
        }
        self.rtcp_index += 1;
        self.cipher.seal_rtcp(room, length, (ssrc, self.rtcp_index), name)
    }

    /// The stream of an SSRC, and an index that it has never had for a packet numbered `sequence`.
    fn number(&mut self, ssrc: u32, sequence: u16) -> Result<(usize, u64), Fault> {
        let is_its = |stream: &Stream| stream.ssrc == ssrc;
        let found = match self.streams.get(self.latest) {
            Some(stream) if is_its(stream) => Some(self.latest),
            _ => self.streams.iter().position(is_its),
        };
        let Some(at) = found else {
            if self.streams.len() == STREAMS_MAX {
                return Err(Fault::Spent);
            }
            let shift = sequence & FIRST_SEQUENCE_END;
            let first = u64::from(sequence ^ shift);
            self.streams.push(Stream { ssrc, sent: Window::starting_at(first).forgetting(), shift });
            return Ok((self.streams.len() - 1, first));
        };
        let stream = &mut self.streams[at];
        let index = stream.sent.index_of(sequence.wrapping_add(stream.shift));
        let newest = stream.sent.newest();
        let is_usable = stream.sent.is_new(index) && (index > newest || newest - index < WINDOW);
        let index = if is_usable {
            index
        } else {
            stream.shift = (newest as u16).wrapping_add(1).wrapping_sub(sequence);
            newest + 1
        };
        if index > RTP_INDEX_MAX { Err(Fault::Spent) } else { Ok((at, index)) }
    }
}
