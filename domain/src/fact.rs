//! What happened, once: code says a [`Fact`], and `telemetry` decides counter and log line.
//!
//! Every field that becomes a metric label is a closed enum or a configured name, never text from the wire.

use crate::call_record::CallDirection;
use crate::cause::ReleaseCause;
use crate::credit::Code;
use crate::fraud::{FraudAction, FraudRule};
use crate::ids::{BusinessAccountId, CallId, CompanyId, NumberId, PaymentId, ProfileId, WebhookId};
use crate::money::{Currency, Micros};
use crate::payment::PaymentResult;
use crate::time::Wall;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

mod outcome;

pub use outcome::{AttemptResult, AuthOutcome, CallerIdChange, RechargeOutcome, RegistrationOutcome, RiskOutcome};

/// Which kind of neighbour: PBXs are access, carriers are peering.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// A customer's PBX.
    Access,
    /// A carrier.
    Peering,
}

/// Received or sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flow {
    /// Received.
    Rx,
    /// Sent.
    Tx,
}

/// A SIP transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// UDP.
    Udp,
    /// TCP.
    Tcp,
    /// TLS.
    Tls,
    /// WebSocket.
    Ws,
    /// WebSocket in TLS.
    Wss,
}

impl Transport {
    /// As settings, API and metrics write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Transport::Udp => "udp",
            Transport::Tcp => "tcp",
            Transport::Tls => "tls",
            Transport::Ws => "ws",
            Transport::Wss => "wss",
        }
    }
}

/// What a source of messages did at the door that counts against it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Offence {
    /// It showed a wrong password.
    BadPassword,
    /// It showed a user that does not exist.
    UnknownUser,
    /// It showed credentials that were used before.
    Replayed,
    /// It sent what no user agent of ours sends for long: scans, unknown methods, calls without proof, broken messages.
    Probing,
}

impl Offence {
    /// The word in the API, the audit and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Offence::BadPassword => "bad_password",
            Offence::UnknownUser => "unknown_user",
            Offence::Replayed => "replayed",
            Offence::Probing => "probing",
        }
    }
}

/// Something that happened and that somebody may want to count or read.
#[derive(Clone, Debug)]
pub enum Fact {
    /// A call was asked for and got past authentication.
    CallAttempted {
        /// Which.
        call: CallId,
        /// By whom, or to whom.
        profile: ProfileId,
        /// Which way.
        direction: CallDirection,
        /// The SIP Call-ID of the caller's leg.
        sip_call_id: Arc<str>,
    },
    /// The first provisional answer above 100, or a final one, went to the caller.
    CallProgressed {
        /// Which way.
        direction: CallDirection,
        /// Whether it was 1xx or 2xx.
        successful: bool,
        /// Whether it was 180 or 183.
        ringing: bool,
        /// Since the INVITE came.
        after: Duration,
    },
    /// Everything was checked and held; the called side is about to hear of the call.
    CallAdmitted {
        /// Which way.
        direction: CallDirection,
        /// Since the INVITE came.
        after: Duration,
    },
    /// A BYE of ours got its final response (RFC 6076 SDD).
    LegDisconnected {
        /// Which way the call went.
        direction: CallDirection,
        /// Since the BYE was sent.
        after: Duration,
    },
    /// The call was answered.
    CallAnswered {
        /// Which.
        call: CallId,
        /// By whom, or to whom.
        profile: ProfileId,
        /// Which way.
        direction: CallDirection,
    },
    /// A call is over.
    CallEnded {
        /// Which.
        call: CallId,
        /// By whom, or to whom.
        profile: ProfileId,
        /// Which way.
        direction: CallDirection,
        /// Why.
        cause: ReleaseCause,
        /// The machine reason where we refused.
        refusal: Option<crate::refusal::RefusalKind>,
        /// The final status of the INVITE as sent to the caller; 200 where answered.
        status: u16,
        /// Talk time, where it was answered.
        talked: Option<Duration>,
        /// What was charged.
        amount: Micros,
        /// In this currency.
        currency: Currency,
        /// The SIP Call-ID of the caller's leg.
        sip_call_id: Arc<str>,
        /// The SIP Call-ID of the last leg to the called side, where there was one.
        called_sip_call_id: Option<Arc<str>>,
    },
    /// An attempt at a carrier ended.
    CarrierAttempted {
        /// Its configured name.
        carrier: Arc<str>,
        /// How.
        result: AttemptResult,
        /// To the first 180 or 183, where one came.
        post_dial_delay: Option<Duration>,
    },
    /// A carrier went down or came back.
    CarrierTurned {
        /// Its configured name.
        carrier: Arc<str>,
        /// Whether it takes calls again.
        is_up: bool,
        /// Why, in words.
        because: Arc<str>,
    },
    /// A carrier keeps our Contact, or does not any more, or a REGISTER to it failed.
    CarrierEnrolled {
        /// Its configured name.
        carrier: Arc<str>,
        /// Whether it keeps our Contact now.
        is_registered: bool,
        /// Why, in words.
        because: Arc<str>,
    },
    /// An OPTIONS to a carrier was answered.
    CarrierProbed {
        /// Its configured name.
        carrier: Arc<str>,
        /// How long that took.
        round_trip: Duration,
    },
    /// Credit ran out during a call; it ends at the last paid second (R8).
    CreditExhausted {
        /// Which call.
        call: CallId,
        /// Whose credit.
        profile: ProfileId,
    },
    /// An increment of a call was charged.
    ChargeTicked {
        /// Which call.
        call: CallId,
        /// Whose.
        profile: ProfileId,
        /// Its number within the call, 0 at the answer.
        sequence: u32,
        /// What it cost.
        amount: Micros,
        /// What the call has cost with it.
        total: Micros,
        /// Of both.
        currency: Currency,
        /// The billed second up to which the call has paid with it.
        until_s: u32,
        /// The version of the deck that it is priced by; none where that is not known any more.
        deck: Option<Arc<str>>,
        /// What the profile has available after it; none where the ledger did not say.
        available: Option<Micros>,
    },
    /// What a profile has available has fallen to where it is low. Told once; again when it was above in between.
    CreditLow {
        /// Whose.
        profile: ProfileId,
        /// What there is.
        available: Micros,
        /// In this currency.
        currency: Currency,
        /// Where it is low.
        threshold: Micros,
    },
    /// A webhook was switched off, because nothing could be delivered to it.
    WebhookDisabled {
        /// Which.
        webhook: WebhookId,
        /// Whose; none for the house's own.
        company: Option<CompanyId>,
        /// Why, in words.
        because: Arc<str>,
    },
    /// A number rings somewhere from now on (N2, W1): at a profile, or wherever a business account is attached.
    NumberAssigned {
        /// Which.
        number: NumberId,
        /// Whose.
        company: CompanyId,
        /// The profile that it rings at.
        profile: Option<ProfileId>,
        /// The account that it belongs to, in place of a profile.
        account: Option<BusinessAccountId>,
    },
    /// A number does not ring there any more: it rings elsewhere or nowhere (N3), or was taken from its company.
    NumberReleased {
        /// Which.
        number: NumberId,
        /// Whose.
        company: CompanyId,
        /// The profile that it rang at.
        profile: Option<ProfileId>,
        /// The account that it belonged to.
        account: Option<BusinessAccountId>,
    },
    /// A profile has another number of channels, in the store and in the ledger (C2, C11); 0 is no subscription any more (P7).
    SubscriptionChanged {
        /// Whose.
        profile: ProfileId,
        /// Of which company.
        company: CompanyId,
        /// Channels that it had.
        before: u32,
        /// Channels that it has.
        channels: u32,
    },
    /// The ledger's answer to a charge was applied in its call: granted, or refused as the final unit (R8).
    ChargeAnswered {
        /// Since the increment was due to begin.
        after: Duration,
    },
    /// A REGISTER was answered.
    RegistrationChanged {
        /// Whose.
        profile: ProfileId,
        /// How.
        outcome: RegistrationOutcome,
        /// Over which transport.
        transport: Transport,
    },
    /// A second PBX registered with the credentials of one that was registered (P2, D-09).
    RegistrationConflicted {
        /// Whose.
        profile: ProfileId,
        /// Where the old binding was.
        replaced: SocketAddr,
        /// Where the new one is.
        by: SocketAddr,
    },
    /// Somebody proved an identity, or did not.
    Authenticated(AuthOutcome),
    /// A source was banned at the door. Audited.
    SourceBanned {
        /// An address, or the /64 that it lies in.
        source: Arc<str>,
        /// The last of what it did.
        offence: Offence,
        /// Until when.
        until: Wall,
        /// Which ban of this source it is, from 1.
        number: u32,
        /// Bans before it that no line told of, because there were too many.
        untold: u32,
    },
    /// A ban ended before its time.
    BanLifted {
        /// An address, or the /64 that it lies in.
        source: Arc<str>,
        /// Why, in words.
        because: Arc<str>,
    },
    /// A ledger batch was answered.
    LedgerPosted {
        /// Why its first transfer was made.
        code: Code,
        /// Whether it was applied.
        applied: bool,
        /// What its posts and captures moved.
        amount: Micros,
        /// In this currency.
        currency: Currency,
    },
    /// A profile was recharged, or should have been (K6).
    AutoRecharged {
        /// Which.
        profile: ProfileId,
        /// How it went.
        outcome: RechargeOutcome,
        /// How much.
        amount: Micros,
    },
    /// A company was recharged by a payment, or should have been (A3).
    CompanyRecharged {
        /// Which.
        company: CompanyId,
        /// How it went.
        outcome: RechargeOutcome,
        /// How much.
        amount: Micros,
        /// Why, in words; empty for nothing.
        because: Arc<str>,
    },
    /// A payment provider said something of a payment, or said nothing in time.
    PaymentAnswered {
        /// Which.
        payment: PaymentId,
        /// Whose.
        company: CompanyId,
        /// What.
        result: PaymentResult,
        /// Why, in words; empty for nothing.
        because: Arc<str>,
    },
    /// A call speaks for money that the ledger has not granted, or that was settled afterwards.
    CreditRisked {
        /// Which call.
        call: CallId,
        /// Whose.
        profile: ProfileId,
        /// What became of it.
        outcome: RiskOutcome,
        /// How much.
        amount: Micros,
        /// In this currency.
        currency: Currency,
    },
    /// Another caller ID was shown than was asked for or configured (L5, L7).
    CallerIdChanged {
        /// Which call.
        call: CallId,
        /// Whose.
        profile: ProfileId,
        /// Why.
        change: CallerIdChange,
        /// Whether nobody is shown now.
        anonymous: bool,
    },
    /// The keys of secure sound stood in a message that others on the way can read (RFC 4568 7): over UDP or TCP, whatever the sound is
    /// worth that they secure.
    KeysInClear {
        /// Which call.
        call: CallId,
        /// Whose.
        profile: ProfileId,
        /// With whom.
        side: Side,
        /// Over what.
        transport: Transport,
    },
    /// A rule against fraud was broken, and somebody should look.
    FraudSeen {
        /// Whose.
        profile: ProfileId,
        /// Which rule.
        rule: FraudRule,
        /// What follows.
        action: FraudAction,
        /// What it saw and what it permits, for a person.
        because: Arc<str>,
    },
    /// A breaker has opened.
    BreakerOpened {
        /// Whose: a company's identity, or a currency for the house.
        circuit: Arc<str>,
        /// What was spent and what is permitted, for a person.
        because: Arc<str>,
    },
    /// A call was refused, or kept from its next increment, by a rule against fraud.
    FraudBlocked {
        /// Whose.
        profile: ProfileId,
        /// By which rule.
        rule: FraudRule,
    },
    /// Somebody dialled an emergency number, which is not carried here (O3). Audited.
    EmergencyRefused {
        /// Which call.
        call: CallId,
        /// Whose PBX.
        profile: ProfileId,
        /// What was dialled.
        dialled: Arc<str>,
    },
}
