//! The words that a call and its legs speak: not SIP, so that a SIP leg, a browser leg and a simulated leg are alike.
//!
//! A leg tells what happened ([`LegEvent`]); the call orders what shall happen ([`LegOrder`]).

use crate::advice::{Advice, Quote};
use crate::call_record::CallDirection;
use crate::cause::{ReleaseCause, SipReason};
use crate::dtmf::DtmfPolicy;
use crate::e164::E164;
use crate::fact::Transport;
use crate::fax::FaxPolicy;
use crate::header::{HeaderLine, HeaderPolicy};
use crate::ids::{CarrierId, ProfileId};
use crate::media::{Direction, MediaDescription};
use crate::refusal::{Refusal, RefusalKind};
use crate::srtp::SrtpPolicy;
use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;

/// A leg of a call. 0 is the leg of who called; each attempt to reach the called side has the next number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LegId(pub u16);

impl LegId {
    /// The leg of who called.
    pub const CALLER: LegId = LegId(0);
}

/// Who is calling, as the front door has proven it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Digest credentials of this profile's SIP user (S2).
    Credentials(ProfileId),
    /// The source address, or a name in the client's certificate, is one of these profiles' (S3, S5); From selects among them.
    Source(Vec<ProfileId>),
    /// The source address, or a name in the client's certificate, is this carrier's: somebody outside calls a number of ours.
    Carrier(CarrierId),
    /// A call of this profile's PBX, which was admitted already, calls a number of ours (R11).
    Inside(ProfileId),
}

impl Proof {
    /// Which way a call goes whose caller is proven so.
    pub const fn direction(&self) -> CallDirection {
        match self {
            Proof::Credentials(_) | Proof::Source(_) => CallDirection::Outbound,
            Proof::Carrier(_) | Proof::Inside(_) => CallDirection::Inbound,
        }
    }
}

/// A call that a PBX or a carrier asks for, in call-control words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// Who calls.
    pub proof: Proof,
    /// Where the INVITE came from.
    pub source: SocketAddr,
    /// The names in the client's certificate that are the proof (RFC 5922 7.1), joined by commas; none where something else is.
    pub certificate: Option<Arc<str>>,
    /// What was dialled: the user part of the Request-URI or of a `tel:` URI, unescaped, without parameters; or the whole
    /// URI where it has no user part (`urn:service:sos`).
    pub dialled: String,
    /// The user part of From, unescaped.
    pub from_user: String,
    /// The display name of From, unquoted; empty where there is none.
    pub from_display: String,
    /// The user part of P-Preferred-Identity, where there is one (S4).
    pub preferred_identity: Option<String>,
    /// The user part of P-Asserted-Identity, where there is one (RFC 3325): only a carrier's word is taken.
    pub asserted_identity: Option<String>,
    /// The user part of Remote-Party-ID, where there is one: what was there before RFC 3325, and many PBXs still send.
    pub remote_party: Option<String>,
    /// Whether the caller wants to stay unknown (`Privacy: id`, RFC 3323).
    pub anonymous: bool,
    /// Whom the call was diverted from, as Diversion (RFC 5806) and History-Info (RFC 7044) say: user parts, newest first.
    pub diverted_from: Vec<String>,
    /// The header lines that a header policy may pass on, at most [`crate::header::PASSED_MAX`] and never one of
    /// [`crate::header::NEVER`].
    pub headers: Vec<HeaderLine>,
    /// The offer; absent where the caller sent none (late offer).
    pub offer: Option<MediaDescription>,
    /// The SIP Call-ID of the leg, for the record.
    pub sip_call_id: String,
    /// Whether the signalling came encrypted, so that nobody on the way read the keys of its offer.
    pub is_signalling_secret: bool,
}

/// How the called side shall see the caller (O5, L1, L6, I5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallerId {
    /// This number.
    Number(E164),
    /// Nobody's: `anonymous@anonymous.invalid` with `Privacy: id`.
    Anonymous,
}

/// The connection that a message came over: a value of the front door's, only handed back. 0 for none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlowTag(pub u128);

/// By which user part a PBX is called (I1, I2, I3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CalledUser {
    /// The number that is called, without `+`.
    #[default]
    Number,
    /// The extension of the business account that is called.
    Extension(Arc<str>),
    /// The user of its own Contact; this one where that has none.
    Own(Arc<str>),
}

/// As what kind of peer somebody is addressed (I6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compat {
    /// With everything that this switch knows.
    #[default]
    Standard,
    /// Exactly the message of requirements 1.11, in its order.
    Classic,
}

/// What an INVITE says besides who calls whom.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manner {
    /// As what kind of peer it is addressed.
    pub compat: Compat,
    /// The number that P-Asserted-Identity tells, shown or not: only to who is in our trust domain (RFC 3325 3, L6).
    pub asserted: Option<E164>,
    /// Lines that pass or are added, at most [`crate::header::PASSED_MAX`] and [`crate::header::ADDED_MAX`].
    pub headers: Vec<HeaderLine>,
    /// What this side does about fax over T.38.
    pub t38: FaxPolicy,
    /// How this side hears keys.
    pub dtmf: DtmfPolicy,
    /// Which headers it gives and gets in everything that follows the INVITE.
    pub policy: Arc<HeaderPolicy>,
}

/// A PBX as it is called (I1, I4, I7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pbx {
    /// The URI that it is called by, but for the user part: the Contact that it registered, or its address.
    pub contact: Arc<str>,
    /// The user part of the Request-URI.
    pub user: CalledUser,
    /// The user part of To; none for the number that is called.
    pub to_user: Option<Arc<str>>,
    /// Where its messages come from, and ours are sent: behind NAT its Contact is no address. Unspecified where it is known by a fixed
    /// contact alone: where that is, the desk knows.
    pub peer: SocketAddr,
    /// At which address of ours it reached us; none where it has never said.
    pub local: Option<SocketAddr>,
    /// Over which transport.
    pub transport: Transport,
    /// Over which connection.
    pub flow: FlowTag,
    /// The proxies on the way to it, the nearest to us first (RFC 3327): each a URI in angle brackets.
    pub path: Arc<[Arc<str>]>,
    /// Where it is itself and over what, where it is registered at another node of the house, which is the way to it.
    pub beyond: Option<(SocketAddr, Transport)>,
}

/// Where the called side is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whereto {
    /// Behind this carrier.
    Carrier(CarrierId),
    /// At a company's own PBX.
    Pbx(Pbx),
    /// At a number of ours: a second call, which its profile is asked for, is to be joined to this one (R11).
    Inside,
}

/// An attempt to reach the called side, as the call orders it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutgoingInvitation {
    /// Where it is.
    pub whereto: Whereto,
    /// Who is shown.
    pub caller_id: CallerId,
    /// Who is called.
    pub callee: E164,
    /// What the caller's leg offers.
    pub offer: MediaDescription,
    /// What else is said.
    pub manner: Manner,
    /// How much the called side's sound is to be secured.
    pub srtp: SrtpPolicy,
}

/// Why a leg that we opened failed without an answer from the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LegFailure {
    /// The transaction timed out (timer B or F).
    Timeout,
    /// Nothing could be sent there.
    Transport,
    /// Its answer could not be used (no SDP, no carried stream).
    UnusableAnswer,
    /// The name of where it is could not be resolved (RFC 3263).
    Unresolved,
    /// Its keys would travel in the clear, which is not allowed.
    Insecure,
    /// It is reached by a version of IP that this node has no address of for sound.
    NoMediaAddress,
}

/// What a leg of an answered call lets its partner know of the session on its side, and back. The call passes it on and decides
/// nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionWord {
    /// Which way the peer wants sound to flow from now on, seen from the peer (hold and resume, RFC 3264 8.4). Nothing is answered.
    Flow(Direction),
    /// The peer offers other formats; answered by [`SessionWord::Accepted`] or [`SessionWord::Refused`].
    Offered(MediaDescription),
    /// The partner's peer takes what was offered, and answers this.
    Accepted(MediaDescription),
    /// The partner's peer does not take it: both sides go on as they were.
    Refused {
        /// The SIP status that its peer, or the partner itself, refused with.
        status: u16,
    },
    /// A key press that came in an INFO (`application/dtmf-relay`, `application/dtmf`). Nothing is answered.
    Keys {
        /// Its media type.
        content_type: String,
        /// As it came, at most 1,024 bytes.
        body: Vec<u8>,
    },
}

/// What a leg tells its call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LegEvent {
    /// The other side is working on it (100).
    Trying,
    /// A provisional answer above 100, each in order (180, 183 ...).
    Ringing {
        /// The SIP status, 101 to 199.
        status: u16,
        /// Early media, where it carries a description.
        media: Option<MediaDescription>,
    },
    /// The other side answered (2xx).
    Answered {
        /// Its answer to our offer.
        media: MediaDescription,
    },
    /// The other side refused (3xx to 6xx).
    Refused {
        /// The SIP status, 300 to 699.
        status: u16,
        /// The Q.850 cause of its `Reason` header, where it gave one.
        q850: Option<u8>,
        /// The seconds of its `Retry-After`, where it gave any (RFC 3261 20.33).
        retry_after_s: Option<u32>,
    },
    /// The second call of a call between two of our profiles refused.
    RefusedInside {
        /// The SIP status, 300 to 699.
        status: u16,
        /// Why.
        cause: ReleaseCause,
        /// What it is in the catalogue.
        kind: RefusalKind,
        /// For a person, where there is more to say than the catalogue does.
        sentence: Option<Cow<'static, str>>,
    },
    /// The Q.850 cause of a `Reason` header (RFC 3326) of the other side, told before the event that it is the reason of.
    ReasonGiven(u8),
    /// The SIP cause of a `Reason` header (RFC 3326) of the other side, told likewise.
    SipReasonGiven(SipReason),
    /// Something came in a message that also says what may be passed on.
    Accompanied {
        /// The lines that the trunk of this leg lets us take, at most [`crate::header::PASSED_MAX`], not empty.
        lines: Vec<HeaderLine>,
        /// What came; never one of these itself.
        event: Box<LegEvent>,
    },
    /// The leg failed without an answer.
    Failed(LegFailure),
    /// The caller gave up before we answered (CANCEL).
    Cancelled,
    /// A word for the leg on the other side.
    Session(SessionWord),
    /// The leg is over: the other side hung up, or did not acknowledge.
    Released(ReleaseCause),
}

/// What the call orders of a leg.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LegOrder {
    /// To the caller's leg: pass on a provisional answer.
    Ring {
        /// The SIP status, 101 to 199.
        status: u16,
        /// Early media of the other leg.
        media: Option<MediaDescription>,
    },
    /// To the caller's leg: answer.
    Answer {
        /// The other leg's answer.
        media: MediaDescription,
    },
    /// To the caller's leg: refuse by the catalogue.
    Refuse(Refusal),
    /// To the caller's leg: pass on a refusal of the called side.
    RefuseAs {
        /// The SIP status, 300 to 699.
        status: u16,
        /// Why the call ended.
        cause: ReleaseCause,
        /// What it is in the catalogue.
        kind: RefusalKind,
        /// For a person, where there is more to say than the catalogue does.
        sentence: Option<Cow<'static, str>>,
    },
    /// To a leg towards the called side: call.
    Invite(Box<OutgoingInvitation>),
    /// To a leg of an answered call: a word of the leg on the other side.
    Session(SessionWord),
    /// To any leg, before the order that ends it: the Q.850 cause that the other side gave, for whom this leg is with (RFC 3326, RFC 6432).
    GiveReason(u8),
    /// To any leg, likewise: the SIP cause that the other side gave.
    GiveSipReason(SipReason),
    /// To any leg: do this, and say in the message that does it what the other side said.
    Accompany {
        /// The lines that the other side's trunk let us take; what of them goes out is this trunk's policy.
        lines: Vec<HeaderLine>,
        /// What is to be done; never one of these itself.
        order: Box<LegOrder>,
    },
    /// To the caller's leg, with the answer: what the call will cost.
    Quote(Quote),
    /// To the caller's leg: what the call has cost. The final word comes with every end, and before the order that ends the leg.
    Advise(Advice),
    /// To any leg: end it now, in the way that its state asks for (CANCEL, BYE, a final answer).
    Release(ReleaseCause),
}

impl LegEvent {
    /// The same, told with the lines that came with it, where any did.
    pub fn accompanied_by(self, lines: Vec<HeaderLine>) -> LegEvent {
        if lines.is_empty() { self } else { LegEvent::Accompanied { lines, event: Box::new(self) } }
    }

    /// Whether the other side answered.
    pub fn is_answer(&self) -> bool {
        match self {
            LegEvent::Accompanied { event, .. } => event.is_answer(),
            event => matches!(event, LegEvent::Answered { .. }),
        }
    }
}

impl LegOrder {
    /// What is to be done, whatever is said with it.
    pub fn plain(&self) -> &LegOrder {
        match self {
            LegOrder::Accompany { order, .. } => order.plain(),
            order => order,
        }
    }
}
