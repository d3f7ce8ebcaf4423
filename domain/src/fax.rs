//! What a trunk does about fax over T.38 (ITU-T T.38, RFC 3362): relayed, or refused so that the machines stay with sound.
//!
//! No packet is read here (`media` passes them on), and no session description (`leg` does).

use std::fmt;

/// Whether fax over T.38 passes a trunk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FaxPolicy {
    /// A re-INVITE to T.38 is offered to the other side, and its packets pass.
    #[default]
    Relay,
    /// It is refused with 488; the machines go on with G.711.
    Refuse,
}

impl FaxPolicy {
    /// All, in order.
    pub const ALL: [FaxPolicy; 2] = [FaxPolicy::Relay, FaxPolicy::Refuse];

    /// The word in API and store.
    pub const fn as_str(self) -> &'static str {
        match self {
            FaxPolicy::Relay => "relay",
            FaxPolicy::Refuse => "refuse",
        }
    }
}

impl fmt::Display for FaxPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a text is no policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" says nothing about T.38: expected relay or refuse")]
pub struct NotAPolicy(pub String);

impl std::str::FromStr for FaxPolicy {
    type Err = NotAPolicy;
    fn from_str(text: &str) -> Result<Self, NotAPolicy> {
        let found = Self::ALL.into_iter().find(|policy| policy.as_str() == text);
        found.ok_or_else(|| NotAPolicy(text.chars().take(64).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_policy_reads_back_from_its_word() {
        for policy in FaxPolicy::ALL {
            assert_eq!(policy.as_str().parse(), Ok(policy));
        }
        assert_eq!("yes".parse::<FaxPolicy>(), Err(NotAPolicy("yes".to_owned())));
    }
}
