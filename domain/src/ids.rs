//! Identities: 128-bit, sortable by birth (UUID version 7, RFC 9562 5.7), printed as a prefix and 32 hexadecimal digits.

use crate::entropy::Entropy;
use crate::time::Wall;
use std::fmt;
use std::str::FromStr;

/// Why a text is no identity of the wanted kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{text}\" is not an identity: expected \"{prefix}\" followed by 32 hexadecimal digits")]
pub struct NotAnId {
    /// What was given, cut at 64 characters.
    pub text: String,
    /// The prefix that was expected.
    pub prefix: &'static str,
}

/// A UUID version 7: 48 bits of milliseconds, then chance.
fn uuid_v7(wall: Wall, entropy: &mut Entropy) -> u128 {
    let millis = (wall.as_unix_millis().max(0) as u128) & 0xffff_ffff_ffff;
    // The 12 bits behind the version count 4,096ths of the millisecond (RFC 9562 6.2, method 3): identities of a burst of calls
    // sort by birth too, and the ledger sees at once that a call is new.
    let fraction = (wall.as_unix_micros().max(0) as u128 % 1_000) * 4_096 / 1_000;
    let chance = entropy.next_u128();
    (millis << 80) | (0x7 << 76) | (fraction << 64) | (0b10 << 62) | (chance & 0x3fff_ffff_ffff_ffff)
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u128);

        impl $name {
            /// What its printed form begins with.
            pub const PREFIX: &'static str = $prefix;

            /// A new identity, sortable by `wall`.
            pub fn mint(wall: Wall, entropy: &mut Entropy) -> Self {
                Self(uuid_v7(wall, entropy))
            }

            /// The identity with these 128 bits.
            pub const fn from_bits(bits: u128) -> Self {
                Self(bits)
            }

            /// Its 128 bits.
            pub const fn bits(self) -> u128 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{:032x}"), self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;
            fn from_str(text: &str) -> Result<Self, NotAnId> {
                text.strip_prefix($prefix)
                    .filter(|digits| digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
                    .and_then(|digits| u128::from_str_radix(digits, 16).ok())
                    .map(Self)
                    .ok_or_else(|| NotAnId { text: text.chars().take(64).collect(), prefix: $prefix })
            }
        }
    };
}

id!(
    /// A company: the customer who pays.
    CompanyId, "comp_"
);
id!(
    /// A SIP profile of a company: credentials, channels, credit (rule P1).
    ProfileId, "prof_"
);
id!(
    /// A business account of a company.
    BusinessAccountId, "acct_"
);
id!(
    /// A carrier that we hand calls to or take calls from.
    CarrierId, "carr_"
);
id!(
    /// A telephone number that belongs to a company.
    NumberId, "numb_"
);
id!(
    /// One call, from the first INVITE to the call record: both legs and every attempt.
    CallId, "call_"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_reads_back_and_sorts_by_birth() {
        let mut entropy = Entropy::from_seed([1; 16]);
        let early = CallId::mint(Wall::from_unix_seconds(10), &mut entropy);
        let late = CallId::mint(Wall::from_unix_seconds(11), &mut entropy);
        assert!(early < late);
        let next = CallId::mint(Wall::from_unix_micros(10_000_001), &mut entropy);
        assert!(early < next, "a microsecond is enough");
        assert_eq!(early.to_string().parse(), Ok(early));
        assert_eq!(early.bits() >> 76 & 0xf, 7);
    }

    #[test]
    fn an_identity_of_another_kind_is_refused_in_words() {
        let refused = "call_00".parse::<ProfileId>().unwrap_err().to_string();
        assert_eq!(refused, "\"call_00\" is not an identity: expected \"prof_\" followed by 32 hexadecimal digits");
        assert!("prof_+0000000000000000000000000000001".parse::<ProfileId>().is_err());
    }
}
