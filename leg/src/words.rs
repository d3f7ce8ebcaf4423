//! What a leg hears and what it orders: the whole list.
//!
//! What it does about them is in the file of each kind of leg.

use crate::session_timer::SessionTimers;
use bytes::Bytes;
use domain::call_control::{LegEvent, LegOrder};
use domain::media::{Direction, Stream};
use domain::srtp::Keying;
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
    /// The ACK to a 2xx of ours arrived.
    AckArrived {
        /// Whose.
        transaction: ServerTransactionId,
        /// The ACK; it brings the answer where the 2xx brought the offer.
        message: Message,
    },
    /// The ACK to a 2xx of ours did not arrive within 64*T1.
    AckMissed(ServerTransactionId),
    /// The caller cancelled its INVITE; the CANCEL is answered. The Q.850 cause that it gave (RFC 3326), where it gave one.
    Cancelled(Option<u8>),
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
    /// Say to its call what happened.
    Tell(LegEvent),
}

/// Where the other end of this leg wants sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
}

impl SoundOrder {
    /// The same with the keys that were agreed.
    pub(crate) fn keyed(self, keying: Option<Keying>) -> SoundOrder {
        SoundOrder { keying, ..self }
    }

    /// What a stream that is carried orders; none where it is refused.
    pub(crate) fn of(stream: &Stream, signalling_ip: IpAddr) -> Option<SoundOrder> {
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
        })
    }
}
