//! The values that settings can have beside numbers and texts: closed sets and addresses, each with a sentence for what is not one.
//!
//! Which setting has which value is in [`crate::settings`].

use domain::E164;
use std::collections::BTreeSet;
use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

/// Why a text is not a value of the wanted kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{found}\" is not {what}: expected {expected}")]
pub struct NotAValue {
    /// What was given, cut at 64 characters.
    pub found: String,
    /// What it should have been.
    pub what: &'static str,
    /// What would be right.
    pub expected: &'static str,
}

fn not(text: &str, what: &'static str, expected: &'static str) -> NotAValue {
    NotAValue { found: text.chars().take(64).collect(), what, expected }
}

/// Reads and writes a type as the text of its `FromStr` and `Display`.
macro_rules! as_text {
    ($name:ident) => {
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str> as serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    };
}
pub(crate) use as_text;

/// A closed set of words.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $what:literal, $expected:literal, { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)*
        }

        impl $name {
            /// As the settings file writes it.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $($name::$variant => $word,)*
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = NotAValue;
            fn from_str(text: &str) -> Result<Self, NotAValue> {
                match text {
                    $($word => Ok($name::$variant),)*
                    _ => Err(not(text, $what, $expected)),
                }
            }
        }

        as_text!($name);
    };
}

words!(
    /// Where media is sent when the address in the SDP may be wrong (design 3).
    MediaLearning, "a way to learn media sources", "off, signalling_ip or first_packet", {
    /// Always to the address in the SDP: a stranger can steal nothing, and a PBX behind NAT hears nothing.
    Off = "off",
    /// Where the SDP's address is not routable, to the source of the first packet that comes from the IP of the signalling.
    SignallingIp = "signalling_ip",
    /// To the source of the first packet, whoever sent it: for PBXs whose media and signalling have different IPs.
    FirstPacket = "first_packet",
});

words!(
    /// What becomes of a call to an emergency number (rule O3).
    EmergencyMode, "a way to treat emergency calls", "refuse (route, to a named trunk, comes with a later version)", {
    /// 503 with Q.850 cause 38, so that the PBX fails over to its own line (D-20).
    Refuse = "refuse",
});

words!(
    /// Who takes money from companies' cards and accounts.
    PaymentProviderName, "a payment provider", "off, sandbox or http", {
    /// Nobody.
    Off = "off",
    /// Nobody, but as if: for trials.
    Sandbox = "sandbox",
    /// Whoever answers at `payments.url`.
    Http = "http",
});

words!(
    /// In which order carriers are tried.
    RouteOrder, "an order of carriers", "priority or price", {
    /// The longest prefix first, then by priority and weight; the price decides between those that are equal.
    Priority = "priority",
    /// The cheapest first, then by priority and weight.
    Price = "price",
});

words!(
    /// What keeps the credit (design 5).
    LedgerEngine, "a ledger engine", "sqlite, redis or memory", {
    /// Balances in memory, journalled with SQLite: survives a crash.
    Sqlite = "sqlite",
    /// Balances in Redis, journalled with SQLite on this node.
    Redis = "redis",
    /// Balances in memory only: for tests and trials, every restart forgets all money.
    Memory = "memory",
});

words!(
    /// A digest algorithm (RFC 8760).
    DigestAlgorithm, "a digest algorithm", "SHA-256 or MD5", {
    /// Known by every client.
    Md5 = "MD5",
    /// Stronger; known by few.
    Sha256 = "SHA-256",
});

words!(
    /// The oldest version of TLS that is spoken.
    TlsVersion, "a version of TLS", "1.2 or 1.3", {
    /// TLS 1.2 and 1.3.
    Tls12 = "1.2",
    /// TLS 1.3 alone.
    Tls13 = "1.3",
});

words!(
    /// Whether who connects by TLS shows a certificate.
    ClientCertificates, "a rule for client certificates", "off, optional or required", {
    /// None is asked for.
    Off = "off",
    /// One that is shown must be good.
    Optional = "optional",
    /// Nobody comes in without a good one.
    Required = "required",
});

words!(
    /// The shape of log lines.
    LogFormat, "a log format", "json or text", {
    /// One JSON object a line, for machines.
    Json = "json",
    /// For the eyes.
    Text = "text",
});

words!(
    /// The least important log lines that are written.
    LogLevel, "a log level", "error, warn, info, debug or trace", {
    /// Something is broken.
    Error = "error",
    /// Somebody should look.
    Warn = "warn",
    /// What happened, a few lines a call.
    Info = "info",
    /// What was decided and why; shows numbers unmasked.
    Debug = "debug",
    /// Every message and packet.
    Trace = "trace",
});

/// A host name or an address, as it stands in a SIP URI (RFC 3261 25.1 `host`); an IPv6 address is in brackets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Host(String);

impl Host {
    /// As it stands in a URI.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for Host {
    type Err = NotAValue;
    fn from_str(text: &str) -> Result<Self, NotAValue> {
        let label = |label: &str| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        let bracketed = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        if bracketed.is_some_and(|inner| inner.parse::<Ipv6Addr>().is_ok())
            || (text.len() <= 253 && text.split('.').all(label))
        {
            return Ok(Host(text.to_owned()));
        }
        Err(not(
            text,
            "a host",
            "a name or an address without port, such as sip.example.net, 192.0.2.1 or [2001:db8::1]",
        ))
    }
}

as_text!(Host);

/// What reaches the echo test (rules O2, O2b).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EchoNumber {
    /// A code that is dialled as it is, with a star: `*43`.
    ServiceCode(String),
    /// A number that is reserved for it.
    Number(E164),
}

impl fmt::Display for EchoNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EchoNumber::ServiceCode(code) => f.pad(code),
            EchoNumber::Number(number) => number.fmt(f),
        }
    }
}

impl FromStr for EchoNumber {
    type Err = NotAValue;
    fn from_str(text: &str) -> Result<Self, NotAValue> {
        let code = text.starts_with('*')
            && (2..=8).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'*' || byte == b'#');
        if code {
            return Ok(EchoNumber::ServiceCode(text.to_owned()));
        }
        text.parse().map(EchoNumber::Number).map_err(|_| {
            not(
                text,
                "a number for the echo test",
                "a code such as *43, or an international number such as +17605550100",
            )
        })
    }
}

as_text!(EchoNumber);

/// One final SIP status, or all that begin with a digit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StatusPattern {
    /// This one, 300 to 699.
    Exactly(u16),
    /// All of a class, 3 to 6.
    Class(u16),
}

impl StatusPattern {
    /// Whether it means this status.
    pub const fn matches(self, status: u16) -> bool {
        match self {
            StatusPattern::Exactly(exact) => exact == status,
            StatusPattern::Class(class) => status / 100 == class,
        }
    }
}

impl fmt::Display for StatusPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StatusPattern::Exactly(status) => write!(f, "{status}"),
            StatusPattern::Class(class) => write!(f, "{class}xx"),
        }
    }
}

impl FromStr for StatusPattern {
    type Err = NotAValue;
    fn from_str(text: &str) -> Result<Self, NotAValue> {
        let class = text.strip_suffix("xx").filter(|class| class.len() == 1).and_then(|class| class.parse().ok());
        let exact = Some(text).filter(|text| text.len() == 3).and_then(|text| text.parse().ok());
        match (class, exact) {
            (Some(class @ 3..=6), _) => Ok(StatusPattern::Class(class)),
            (_, Some(status @ 300..=699)) => Ok(StatusPattern::Exactly(status)),
            _ => Err(not(
                text,
                "a final SIP status",
                "a status from 300 to 699 such as \"408\", or a class such as \"5xx\"",
            )),
        }
    }
}

as_text!(StatusPattern);

/// A set of final SIP statuses.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(transparent)]
pub struct StatusSet(BTreeSet<StatusPattern>);

impl StatusSet {
    /// Whether a pattern of the set means this status.
    pub fn contains(&self, status: u16) -> bool {
        self.0.iter().any(|pattern| pattern.matches(status))
    }

    /// The patterns, in ascending order.
    pub fn patterns(&self) -> impl Iterator<Item = StatusPattern> {
        self.0.iter().copied()
    }
}

impl FromIterator<StatusPattern> for StatusSet {
    fn from_iter<I: IntoIterator<Item = StatusPattern>>(patterns: I) -> Self {
        StatusSet(patterns.into_iter().collect())
    }
}
