//! What a leg hears and what it orders: the whole list.
//!
//! What it does about them is in the file of each kind of leg.

use crate::formats::{codec, is_keys, is_same};
use crate::replies::Given;
use crate::session_timer::SessionTimers;
use bytes::Bytes;
use domain::call_control::{LegEvent, LegOrder};
use domain::media::{Carriage, Direction, Format, FormatNumber, KeyFormat, KeyPress, Stream};
use domain::refusal::RefusalKind;
use domain::srtp::Keying;
use domain::trace::Step;
use sip::Message;
use sip::endpoint::{
    ClientTransactionId, Destination, HeaderLines, Reply, ServerTransactionId, Source, TransactionId, Transport,
};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// How we show ourselves on the wire; one for all legs of a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The host of our URIs, and the agent of `Warning`.
    pub host: Arc<str>,
    /// What `Server` and `User-Agent` say; nothing where empty.
    pub user_agent: Arc<str>,
    /// Where peers reach us: the address in Contact.
    pub contact: SocketAddr,
    /// Over what they reach us there.
    pub transport: Transport,
    /// Whether Contact says `sips:`, as the peer did (RFC 3261 8.1.1.8, 12.1.1).
    pub is_sips: bool,
    /// How long sessions last without a refresh.
    pub timers: SessionTimers,
}

impl Identity {
    /// The value of Contact.
    pub fn contact_value(&self) -> String {
        self.contact_of("")
    }

    /// The value of Contact with this user part; without one where it is empty. Over a stream it names the transport, or the peer's
    /// next request would come over UDP (RFC 3263 4.1); `sips:` over TLS needs no name.
    pub fn contact_of(&self, user: &str) -> String {
        let mut text = String::with_capacity(64);
        text.push_str(if self.is_sips { "<sips:" } else { "<sip:" });
        text.push_str(user);
        text.push_str(if user.is_empty() { "" } else { "@" });
        crate::put::socket(&mut text, self.contact);
        match self.transport.uri_parameter() {
            Some(name) if !(self.is_sips && self.transport == Transport::Tls) => {
                text.push_str(";transport=");
                text.push_str(name);
            }
            _ => {}
        }
        text.push('>');
        text
    }
}

/// What a leg hears.
#[derive(Debug)]
pub enum Event {
    /// Its call orders something.
    Ordered(LegOrder),
    /// Its call orders an answer with the caller's own sound (O2), received at this address of ours.
    AnsweredWithEcho(SocketAddr),
    /// The request it ordered is on its way.
    RequestSent(Sent, ClientTransactionId),
    /// The request it ordered cannot be sent.
    RequestRefused(Sent),
    /// A request inside its dialog arrived.
    RequestArrived {
        /// To respond to.
        transaction: ServerTransactionId,
        /// The request.
        message: Message,
        /// From where.
        source: Source,
    },
    /// A request inside its dialog was refused at the front door; it is answered.
    RequestTurnedAway {
        /// The request.
        message: Message,
        /// From where.
        source: Source,
        /// What it was refused with.
        because: RefusalKind,
    },
    /// The ACK to a 2xx of ours arrived.
    AckArrived {
        /// Whose.
        transaction: ServerTransactionId,
        /// The ACK; it brings the answer where the 2xx brought the offer.
        message: Message,
    },
    /// The ACK to a 2xx of ours did not arrive within 64*T1.
    AckMissed(ServerTransactionId),
    /// The other side pressed a key in its sound, which this one is to hear by INFO.
    KeyHeard(KeyPress),
    /// The caller cancelled its INVITE; the CANCEL is answered. With why, where it said so (RFC 3326).
    Cancelled(Given),
    /// A response to a request of ours arrived.
    ResponseArrived {
        /// Whose it is.
        transaction: ClientTransactionId,
        /// The response.
        message: Message,
        /// From where.
        source: Source,
    },
    /// A transaction of this leg ended without what it was for.
    TransactionFailed {
        /// Which.
        transaction: TransactionId,
        /// Whether it timed out; otherwise the transport failed.
        timed_out: bool,
    },
}

/// Which request of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// The INVITE that opens a leg.
    Invite,
    /// A BYE.
    Bye,
    /// A re-INVITE or UPDATE.
    Change,
    /// An INFO with a key press.
    Keys,
    /// An INFO with what the call has cost.
    Advice,
    /// A PRACK.
    Prack,
}

/// What a leg orders.
#[derive(Debug)]
pub enum Effect {
    /// Respond to a request.
    Respond {
        /// Which.
        transaction: ServerTransactionId,
        /// With this.
        reply: Reply,
    },
    /// Send a request in a client transaction; answered by [`Event::RequestSent`] or [`Event::RequestRefused`].
    Request {
        /// Which.
        sent: Sent,
        /// The whole message without Via.
        request: Bytes,
        /// Where to.
        destination: Destination,
    },
    /// Send the ACK to a 2xx.
    Acknowledge {
        /// Of this INVITE.
        transaction: ClientTransactionId,
        /// The whole message without Via.
        ack: Bytes,
        /// Where to.
        destination: Destination,
    },
    /// Cancel an INVITE of ours.
    Cancel {
        /// Which.
        transaction: ClientTransactionId,
        /// Added to the CANCEL.
        lines: HeaderLines,
    },
    /// Requests with this Call-ID and this tag of ours are this leg's from now on.
    BindDialog {
        /// The Call-ID.
        call_id: Box<str>,
        /// Our tag.
        local_tag: Box<str>,
    },
    /// They are no longer.
    UnbindDialog {
        /// The Call-ID.
        call_id: Box<str>,
        /// Our tag.
        local_tag: Box<str>,
    },
    /// Send this side's sound there, and hear it from there.
    Sound(SoundOrder),
    /// Nobody answers there: for a while others are to be tried first.
    Avoid(SocketAddr),
    /// Put a key press into the sound that this side hears (RFC 4733).
    Press(KeyPress),
    /// Note in the call's trace: something inside the call was refused, and it goes on.
    Note(Box<Step>),
    /// Say to its call what happened.
    Tell(LegEvent),
}

/// Where the other end of this leg wants sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SoundOrder {
    /// Where it receives RTP.
    pub rtp: SocketAddr,
    /// Where it receives RTCP, where that is not the next port.
    pub rtcp: Option<SocketAddr>,
    /// Which way, seen from the other end.
    pub direction: Direction,
    /// Where its signalling comes from.
    pub signalling_ip: IpAddr,
    /// The clock of its first codec, in Hz.
    pub clock_rate_hz: u32,
    /// The keys of secure RTP; none for plain RTP.
    pub keying: Option<Keying>,
    /// Sound, or fax in its place.
    pub carriage: Carriage,
    /// By which payload type numbers it knows its formats, at most [`NUMBERS_MAX`].
    pub numbers: Arc<[FormatNumber]>,
    /// How it hears keys in its sound, where it does.
    pub keys: Option<KeyFormat>,
    /// Whether it hears the other side's keys by INFO instead of in its sound.
    pub keys_by_info: bool,
}

/// Formats whose numbers are told to the relay; of more, the last keep the numbers that they come with.
pub const NUMBERS_MAX: usize = 16;

impl SoundOrder {
    /// The same, with key presses by INFO or not.
    pub(crate) fn telling(self, keys_by_info: bool) -> SoundOrder {
        SoundOrder { keys_by_info, ..self }
    }

    /// The same with the keys that were agreed.
    pub(crate) fn keyed(self, keying: Option<Keying>) -> SoundOrder {
        SoundOrder { keying, ..self }
    }

    /// What a stream that is carried orders, and what we have said of it; none where it is refused.
    pub(crate) fn of(stream: &Stream, ours: Option<&Stream>, signalling_ip: IpAddr) -> Option<SoundOrder> {
        let rtpmap = stream.formats.first().and_then(|format| format.rtpmap.as_deref());
        // `PCMU/8000` or `opus/48000/2`; static payload types without rtpmap are nearly all 8000 (RFC 3551 6).
        let clock_rate = rtpmap.and_then(|map| map.split('/').nth(1)).and_then(|rate| rate.trim().parse().ok());
        Some(SoundOrder {
            rtp: stream.receives_at?,
            rtcp: stream.receives_rtcp_at,
            direction: stream.direction,
            signalling_ip,
            clock_rate_hz: clock_rate.unwrap_or(8_000),
            keying: None,
            carriage: Carriage::Rtp,
            numbers: numbers(stream, ours),
            keys: keys(stream, clock_rate.unwrap_or(8_000)),
            keys_by_info: false,
        })
    }

    /// What a stream of fax orders; none where it is refused.
    pub(crate) fn of_fax(stream: &Stream, signalling_ip: IpAddr) -> Option<SoundOrder> {
        let order = SoundOrder::of(stream, None, signalling_ip)?;
        Some(SoundOrder { rtcp: None, carriage: Carriage::Udptl, ..order })
    }
}

fn numbers(theirs: &Stream, ours: Option<&Stream>) -> Arc<[FormatNumber]> {
    let sent_as = |format: &Format| {
        let described = ours.and_then(|ours| ours.formats.iter().find(|known| is_same(known, format)));
        described.map_or(format.payload_type, |known| known.payload_type)
    };
    let number = |format: &Format| FormatNumber {
        codec: codec(format),
        sent_as: sent_as(format),
        received_as: format.payload_type,
    };
    theirs.formats.iter().take(NUMBERS_MAX).map(number).collect()
}

/// Keys at the clock of the sound, where there are such (RFC 4733 2.1), or else at any.
fn keys(stream: &Stream, clock_rate_hz: u32) -> Option<KeyFormat> {
    let mut known = stream.formats.iter().filter(|format| is_keys(format)).map(key_format);
    let first = known.next()?;
    Some(std::iter::once(first).chain(known).find(|format| format.clock_rate_hz == clock_rate_hz).unwrap_or(first))
}

fn key_format(format: &Format) -> KeyFormat {
    let rate = format.rtpmap.as_deref().and_then(|map| map.split('/').nth(1)?.trim().parse().ok());
    KeyFormat { payload_type: format.payload_type, clock_rate_hz: rate.unwrap_or(8_000) }
}
