//! `[guard]`: when strangers at the door are slowed and banned.
//!
//! What follows from the numbers is decided in `switch`.

use crate::values::NotAValue;
use domain::network::Network;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// `[guard]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Guard {
    /// Failures (wrong passwords, unknown users, replays; a scan counts for a tenth) in `window_s` that lead to a ban, at most 1000; 0 for
    /// no bans.
    pub failures_max: u32,
    /// The seconds in which failures are counted, 1 to 3600.
    pub window_s: u32,
    /// Seconds that a source is banned for the first time; each time twice as long.
    pub ban_s: u32,
    /// The longest ban in seconds, `ban_s` to 604800.
    pub ban_max_s: u32,
    /// Answers in any second to one source that has proven nothing, 1 to 100000.
    pub answers_per_second_max: u32,
    /// Networks whose sources are neither slowed nor banned, at most [`Guard::TRUSTED_MAX`].
    pub trusted: Vec<TrustedNetwork>,
}

impl Guard {
    /// Trusted networks at most.
    pub const TRUSTED_MAX: usize = 64;
}

impl Default for Guard {
    fn default() -> Self {
        Guard {
            failures_max: 10,
            window_s: 60,
            ban_s: 300,
            ban_max_s: 86_400,
            answers_per_second_max: 100,
            trusted: ["127.0.0.0/8", "::1"].iter().filter_map(|network| network.parse().ok()).collect(),
        }
    }
}

/// A network whose sources are trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrustedNetwork(pub Network);

impl fmt::Display for TrustedNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for TrustedNetwork {
    type Err = NotAValue;
    fn from_str(text: &str) -> Result<Self, NotAValue> {
        text.parse().map(TrustedNetwork).map_err(|_| NotAValue {
            found: text.chars().take(64).collect(),
            what: "a network",
            expected: "an IP address, alone or with its bits, such as 192.0.2.0/24",
        })
    }
}

crate::values::as_text!(TrustedNetwork);
