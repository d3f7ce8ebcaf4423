//! What a registration hears and orders, and what a binding is: the whole list.
//!
//! The rules are in the parent.

use domain::fact::Transport;
use domain::{Fact, Refusal, Trace, Wall};
use std::net::SocketAddr;
use std::sync::Arc;

pub use domain::call_control::FlowTag;

/// What a registration hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A REGISTER whose credentials are proven. Answered by exactly one [`Effect::Answer`].
    RegisterReceived(Box<Register>),
    /// The connection is gone: a binding over it cannot be reached any more.
    FlowClosed(FlowTag),
    /// A binding was asked whether it lives, as [`Effect::Probe`] ordered.
    Probed {
        /// Which binding.
        binding: Arc<Binding>,
        /// Whether anything came back, be it a refusal.
        is_answered: bool,
    },
    /// What the house knows of this profile, where another node said it: a binding there, or that there is none.
    Heard {
        /// The binding, with [`Binding::elsewhere`].
        binding: Option<Arc<Binding>>,
        /// When that became so.
        at: Wall,
    },
    /// What this node bound in an earlier life, over no connection, and nobody has changed since.
    Recalled(Arc<Binding>),
}

/// A REGISTER whose credentials are proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Register {
    /// The asker's own mark, handed back with the answer.
    pub transaction: u64,
    /// What it wants.
    pub asked: Asked,
    /// The Expires header, in seconds.
    pub expires_s: Option<u32>,
    /// The SIP Call-ID.
    pub sip_call_id: Arc<str>,
    /// The CSeq number.
    pub cseq: u32,
    /// Where it came from.
    pub source: SocketAddr,
    /// At which address of ours it arrived.
    pub local: SocketAddr,
    /// Over which transport.
    pub transport: Transport,
    /// Over which connection.
    pub flow: FlowTag,
    /// The proxies between the PBX and us, the nearest to us first (RFC 3327): each a URI in angle brackets.
    pub path: Arc<[Arc<str>]>,
    /// Whether the PBX is behind NAT: its Via or Contact is not where the REGISTER came from (S9).
    pub behind_nat: bool,
    /// The generation of the password that it proved (S10).
    pub credentials_generation: u32,
    /// What it says it is (`User-Agent`), empty where it does not.
    pub user_agent: Arc<str>,
}

/// What a REGISTER wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// No Contact: tell what is bound.
    Query,
    /// `Contact: *`: remove everything.
    RemoveAll,
    /// These contacts, in order, at least one. One binding per profile: of those that are not removed, the first is bound.
    Contacts(Vec<Contact>),
}

/// One contact of a REGISTER.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// Its URI, compared as text.
    pub uri: Arc<str>,
    /// Its `expires` parameter, in seconds.
    pub expires_s: Option<u32>,
}

/// Where a profile's PBX can be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The Contact URI, as it was registered.
    pub contact: Arc<str>,
    /// Where the REGISTER came from.
    pub source: SocketAddr,
    /// At which address of ours it arrived: behind NAT only messages from there come through.
    pub local: SocketAddr,
    /// Over which transport.
    pub transport: Transport,
    /// Over which connection.
    pub flow: FlowTag,
    /// The proxies on the way to it, the nearest to us first (RFC 3327).
    pub path: Arc<[Arc<str>]>,
    /// Whether it is behind NAT.
    pub behind_nat: bool,
    /// The SIP Call-ID of its REGISTERs.
    pub sip_call_id: Arc<str>,
    /// The CSeq number of the last one.
    pub cseq: u32,
    /// The generation of the password that it proved (S10).
    pub credentials_generation: u32,
    /// What the PBX says it is.
    pub user_agent: Arc<str>,
    /// Seconds that were granted.
    pub granted_s: u32,
    /// When it was first bound.
    pub since: Wall,
    /// When it was last refreshed.
    pub refreshed_at: Wall,
    /// When it runs out.
    pub expires_at: Wall,
    /// Where it is held, where that is another node: then source, transport and path are those of the way through it.
    pub elsewhere: Option<Arc<Elsewhere>>,
}

/// A binding of another node, as that node sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elsewhere {
    /// The node's name.
    pub node: Arc<str>,
    /// Where the REGISTER came from.
    pub source: SocketAddr,
    /// Over which transport.
    pub transport: Transport,
    /// Whether nothing is heard of that node any more: nobody passes a call on to the PBX.
    pub is_lost: bool,
}

impl Binding {
    /// The node that it is held at and that nothing is heard of any more; none where the PBX can be reached.
    pub fn lost_with(&self) -> Option<&Arc<str>> {
        self.elsewhere.as_ref().filter(|elsewhere| elsewhere.is_lost).map(|elsewhere| &elsewhere.node)
    }

    /// The same, where its node is lost.
    pub fn lost(&self) -> Binding {
        let elsewhere = self.elsewhere.as_ref().map(|there| Arc::new(Elsewhere { is_lost: true, ..(**there).clone() }));
        Binding { elsewhere, ..self.clone() }
    }

    /// Where the PBX is, whichever node it is registered at.
    pub fn seen_from(&self) -> SocketAddr {
        self.elsewhere.as_ref().map_or(self.source, |elsewhere| elsewhere.source)
    }

    /// Over which transport it registered, wherever.
    pub fn seen_over(&self) -> Transport {
        self.elsewhere.as_ref().map_or(self.transport, |elsewhere| elsewhere.transport)
    }

    /// Whether this node holds it.
    pub fn is_ours(&self) -> bool {
        self.elsewhere.is_none()
    }
}

/// What a registration orders.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Answer a REGISTER.
    Answer {
        /// The asker's mark.
        transaction: u64,
        /// How.
        answer: Answer,
        /// Which rule saw what.
        trace: Trace,
    },
    /// The live binding has changed: show it, keep it (P6).
    Publish(Option<Arc<Binding>>),
    /// Tell the other nodes what was decided here: a binding of this node, or that nothing is bound any more.
    Share {
        /// The binding.
        binding: Option<Arc<Binding>>,
        /// When it was decided.
        at: Wall,
    },
    /// Ask the PBX whether it lives, which keeps the way to it open; answered by [`Event::Probed`].
    Probe(Arc<Binding>),
    /// Say what happened.
    Tell(Fact),
}

/// How a REGISTER is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// 200, with what is bound now.
    Ok(Option<Bound>),
    /// 423 with `Min-Expires` (D-17).
    TooBrief {
        /// Phrase and sentence.
        refusal: Refusal,
        /// Seconds at least.
        min_expires_s: u32,
    },
    /// 400: `*` goes with `Expires: 0` and with no other contact only (RFC 3261 10.3, 6).
    BadRequest(&'static str),
    /// 500: its CSeq is not above that of an earlier one with this Call-ID (RFC 3261 10.3, 7).
    OutOfOrder,
}

/// A Contact of a 200.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// The URI, as it was registered.
    pub contact: Arc<str>,
    /// Seconds: as granted where it was just granted, what is left where it was only asked for.
    pub expires_s: u32,
}
