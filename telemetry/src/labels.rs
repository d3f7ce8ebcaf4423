//! The closed lists that label values come from.
//!
//! Carrier names do not live here: they come from the configuration, capped at [`CARRIERS_MAX`].

mod statuses;

pub use statuses::{Code, FinalCode};

/// Carriers with a label of their own; the rest share `other`.
pub const CARRIERS_MAX: usize = 32;

/// A closed list of label values.
pub trait Label: Copy {
    /// Every value, each once.
    const VALUES: &'static [&'static str];
    /// The place of this value within [`Label::VALUES`].
    fn index(self) -> usize;
}

macro_rules! labels {
    ($($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $value:literal,)* })*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
            pub enum $name { $($(#[$variant_doc])* $variant,)* }

            impl Label for $name {
                const VALUES: &'static [&'static str] = &[$($value,)*];
                fn index(self) -> usize {
                    self as usize
                }
            }
        )*
    };
}

labels! {
    /// SIP methods of requests.
    Method {
        /// INVITE.
        Invite = "INVITE",
        /// ACK.
        Ack = "ACK",
        /// BYE.
        Bye = "BYE",
        /// CANCEL.
        Cancel = "CANCEL",
        /// OPTIONS.
        Options = "OPTIONS",
        /// REGISTER.
        Register = "REGISTER",
        /// UPDATE.
        Update = "UPDATE",
        /// INFO.
        Info = "INFO",
        /// REFER.
        Refer = "REFER",
        /// Any other.
        Other = "other",
    }
    /// Which side of a transaction we are.
    Role {
        /// We asked.
        Client = "client",
        /// We were asked.
        Server = "server",
    }
    /// Timers that end a transaction without its natural end (RFC 3261 17).
    TransactionTimer {
        /// INVITE client.
        B = "b",
        /// Other client.
        F = "f",
        /// INVITE server, waiting for ACK.
        H = "h",
    }
    /// Why bytes are no SIP message.
    ParseError {
        /// The start line.
        StartLine = "start_line",
        /// A header.
        Header = "header",
        /// It ends too early.
        Truncated = "truncated",
        /// Beyond a limit.
        TooLarge = "too_large",
        /// The body does not fit Content-Length.
        Body = "body",
        /// Not UTF-8 where it must be.
        Utf8 = "utf8",
    }
    /// Stream transports.
    StreamTransport {
        /// TCP.
        Tcp = "tcp",
        /// TLS.
        Tls = "tls",
        /// WebSocket.
        Ws = "ws",
        /// WebSocket in TLS.
        Wss = "wss",
    }
    /// How another node of the house is heard of.
    NodeState {
        /// It says that it lives.
        Living = "living",
        /// It has not said so for longer than its lease.
        Lost = "lost",
    }
    /// Which end of a TLS handshake we were.
    TlsRole {
        /// A peer connected to us.
        Server = "server",
        /// We connected to a peer.
        Client = "client",
    }
    /// How a TLS handshake ended.
    TlsOutcome {
        /// Both ends agreed.
        Ok = "ok",
        /// One end refused: no common version, a certificate that proves nothing, no TLS at all.
        Error = "error",
        /// It was not through in time.
        Timeout = "timeout",
        /// It was not begun: as many are under way as may be.
        Refused = "refused",
    }
    /// Why a connection was closed by us.
    ConnectionClosed {
        /// Nothing came for too long.
        Idle = "idle",
        /// No whole message came in the first seconds.
        Silent = "silent",
        /// A message was begun and not finished in time.
        Partial = "partial",
        /// The WebSocket or TLS handshake was not through in time, or was none.
        Handshake = "handshake",
        /// What came is not SIP.
        Unframeable = "unframeable",
        /// The peer does not read what we send.
        Deaf = "deaf",
        /// Its source is banned.
        Banned = "banned",
        /// Its source has as many as it may.
        SourceFull = "source_full",
        /// As many are open as may be.
        Full = "full",
    }
    /// What the guard at the door kept from happening.
    Guarded {
        /// A message or a connection of a banned source: it was not read.
        Banned = "banned",
        /// An answer to a source that gets answers seldom: it was not sent.
        Slowed = "slowed",
        /// An answer that is too much larger than what asked for it: it was not sent.
        Amplified = "amplified",
    }
    /// What became of messages between another node of the house and a PBX that is registered here.
    Passed {
        /// A request of the other node, sent to the PBX.
        ToPbx = "to_pbx",
        /// A request of the PBX, sent to the other node.
        ToNode = "to_node",
        /// A response, sent back.
        Back = "back",
        /// It went no further: its sender may not, or what it was to go over is gone.
        Refused = "refused",
    }
    /// Datagram listeners.
    DatagramListener {
        /// SIP over UDP.
        Udp = "udp",
    }
    /// Why new work was refused with 503.
    OverloadReason {
        /// Too many calls a second.
        Cps = "cps",
        /// A mailbox is full.
        Mailbox = "mailbox",
        /// Too many calls, or too little memory.
        Load = "load",
        /// The node is being stopped.
        Draining = "draining",
        /// A table of transactions or dialogs is full.
        Transactions = "transactions",
        /// No RTP port is free.
        MediaPorts = "media_ports",
        /// The ledger does not answer.
        Ledger = "ledger",
    }
    /// Messages that belong to nothing.
    Stray {
        /// A request within a dialog that we do not know (481).
        Request = "request",
        /// A response to nothing that we asked.
        Response = "response",
        /// An ACK of nothing that we answered.
        Ack = "ack",
    }
    /// Kinds of actors.
    Actor {
        /// A shard: its sockets and its SIP endpoint.
        Shard = "shard",
        /// A call.
        Call = "call",
        /// A profile.
        Profile = "profile",
        /// A registration.
        Registration = "registration",
        /// A carrier.
        Carrier = "carrier",
    }
    /// What became of a message to an actor.
    ActorOutcome {
        /// Handled.
        Ok = "ok",
        /// Not taken: the mailbox was full, or its actor gone.
        Dropped = "dropped",
    }
    /// Profiles by what they can do now.
    ProfileKind {
        /// Its PBX is registered.
        Registered = "registered",
        /// Its PBX should register and has not.
        Unregistered = "unregistered",
        /// Proven by address only.
        IpAuthenticated = "ip_authenticated",
        /// No channels (P7).
        NoSubscription = "no_subscription",
        /// Stopped by an operator.
        Suspended = "suspended",
    }
    /// Where a call is in its life.
    CallState {
        /// Asked for, nothing heard from a carrier.
        Setup = "setup",
        /// A provisional answer above 100 went to the caller.
        Ringing = "ringing",
        /// Answered.
        Established = "established",
        /// Being cleared.
        Ending = "ending",
    }
    /// Whether a session request came through (RFC 6076 4.3).
    RequestOutcome {
        /// 1xx above 100, or 2xx.
        Successful = "successful",
        /// Anything else.
        Failed = "failed",
    }
    /// What carries a call's sound.
    MediaMode {
        /// Packets are passed on.
        Relay = "relay",
        /// The switch itself answers (echo test).
        Local = "local",
    }
    /// Why a datagram of media was not passed on.
    Discarded {
        /// Not from where this stream comes.
        UnknownSource = "unknown_source",
        /// Not RTP version 2.
        BadVersion = "bad_version",
        /// Neither RTP nor RTCP.
        NotRtp = "not_rtp",
        /// Too late.
        Late = "late",
        /// Seen before.
        Duplicate = "duplicate",
        /// One side said that it would not send or receive.
        Held = "held",
        /// There is no address to send it to yet.
        NoDestination = "no_destination",
        /// The kernel did not take it.
        SendFailed = "send_failed",
        /// An echo was sent more than it returns.
        Flood = "flood",
        /// Secure RTP that is not genuine.
        SrtpAuth = "srtp_auth",
        /// Secure RTP that was there before.
        SrtpReplay = "srtp_replay",
        /// Secure RTP of more streams than one key may protect.
        SrtpSpent = "srtp_spent",
    }
    /// What became of a ledger batch.
    LedgerOutcome {
        /// Applied.
        Committed = "committed",
        /// Refused by the laws.
        Refused = "refused",
        /// The ledger did not answer.
        Failed = "failed",
    }
    /// What was asked of Redis in one round trip.
    RedisOp {
        /// Reads: outcomes, balances, names of keys.
        Get = "get",
        /// Writes without a decision: a company made what the journal says, the mark of a connection.
        Set = "set",
        /// The function that decides batches, a round of them at a time; or the function itself, told anew.
        Script = "script",
        /// Whether it is still there.
        Ping = "ping",
    }
    /// How Redis failed.
    RedisErrorKind {
        /// It did not answer in time.
        Timeout = "timeout",
        /// No connection could be made, or it broke.
        Connection = "connection",
        /// The function failed, or said what it cannot say.
        Script = "script",
        /// It answered, and did not do it: loading, read-only, out of memory, not set up for money.
        Refused = "refused",
    }
    /// Whose balances.
    Pool {
        /// Companies'.
        Company = "company",
        /// Profiles'.
        Profile = "profile",
    }
    /// Currencies with a label of their own. The last one sums over different currencies, and only tells that there are any.
    CurrencyLabel {
        /// United States dollar.
        Usd = "USD",
        /// Euro.
        Eur = "EUR",
        /// Pound sterling.
        Gbp = "GBP",
        /// Every other.
        Other = "other",
    }
    /// How an attempt to deliver an event to a webhook went.
    DeliveryOutcome {
        /// It was taken.
        Ok = "ok",
        /// It failed, and is tried again.
        Retry = "retry",
        /// It failed for the last time, or there was no room for it to wait.
        Dropped = "dropped",
    }
    /// What became of a call record.
    RecordOutcome {
        /// Written to the store.
        Written = "written",
        /// Was there already: drained again after a crash.
        Replayed = "replayed",
        /// Made at start-up for a call that the last process left behind.
        Recovered = "recovered",
    }
    /// Doors of the HTTP server.
    Surface {
        /// `/api/`.
        Api = "api",
        /// `/metrics`.
        Metrics = "metrics",
        /// `/livez` and `/readyz`.
        Probe = "probe",
    }
    /// HTTP statuses.
    StatusClass {
        /// 200 to 299.
        C2xx = "2xx",
        /// 300 to 399.
        C3xx = "3xx",
        /// 400 to 499.
        C4xx = "4xx",
        /// 500 to 599.
        C5xx = "5xx",
    }
    /// Log levels that are counted.
    LogLevel {
        /// WARN.
        Warn = "warn",
        /// ERROR.
        Error = "error",
    }
}

impl Method {
    /// The label of a method, by its name as it stands in messages.
    pub fn of(name: &str) -> Self {
        const KNOWN: [Method; 9] = [
            Method::Invite,
            Method::Ack,
            Method::Bye,
            Method::Cancel,
            Method::Options,
            Method::Register,
            Method::Update,
            Method::Info,
            Method::Refer,
        ];
        KNOWN.into_iter().find(|method| Method::VALUES[method.index()] == name).unwrap_or(Method::Other)
    }
}

impl StatusClass {
    /// The class of an HTTP status; what is none counts as 5xx.
    pub const fn of(status: u16) -> Self {
        match status {
            100..=299 => StatusClass::C2xx,
            300..=399 => StatusClass::C3xx,
            400..=499 => StatusClass::C4xx,
            _ => StatusClass::C5xx,
        }
    }
}

impl CurrencyLabel {
    /// Every label.
    pub const ALL: [CurrencyLabel; 4] =
        [CurrencyLabel::Usd, CurrencyLabel::Eur, CurrencyLabel::Gbp, CurrencyLabel::Other];

    /// The label of a currency.
    pub fn of(currency: domain::Currency) -> Self {
        match currency.as_str() {
            "USD" => CurrencyLabel::Usd,
            "EUR" => CurrencyLabel::Eur,
            "GBP" => CurrencyLabel::Gbp,
            _ => CurrencyLabel::Other,
        }
    }
}

mod credit;
mod dns;
mod foreign;

pub use credit::{Emptying, RowsIn};
pub use dns::{DnsKind, DnsOutcome};

#[cfg(test)]
mod tests;
