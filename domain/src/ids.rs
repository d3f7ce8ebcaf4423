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

/// The 32 lower-case hexadecimal digits of 128 bits: what an identity prints behind its prefix.
pub const fn hexadecimal(bits: u128) -> [u8; 32] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let bytes = bits.to_be_bytes();
    let mut text = [0; 32];
    let mut index = 0;
    while index < bytes.len() {
        text[2 * index] = DIGITS[(bytes[index] >> 4) as usize];
        text[2 * index + 1] = DIGITS[(bytes[index] & 0xf) as usize];
        index += 1;
    }
    text
}

/// The 128 bits of 32 hexadecimal digits of either case; none of anything else.
fn bits_of(digits: &[u8]) -> Option<u128> {
    let (high, low) = digits.split_first_chunk::<16>()?;
    let half = |digits: &[u8; 16]| {
        digits.iter().try_fold(0u64, |bits, digit| {
            let value = match digit {
                b'0'..=b'9' => digit - b'0',
                b'a'..=b'f' => digit - b'a' + 10,
                b'A'..=b'F' => digit - b'A' + 10,
                _ => return None,
            };
            Some(bits << 4 | u64::from(value))
        })
    };
    Some(u128::from(half(high)?) << 64 | u128::from(half(low.try_into().ok()?)?))
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
                f.write_str($prefix)?;
                f.write_str(std::str::from_utf8(&hexadecimal(self.0)).unwrap_or_default())
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
                    .and_then(|digits| bits_of(digits.as_bytes()))
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
    /// A landline that a company may show as its caller ID (rule L4).
    LandlineId, "land_"
);
id!(
    /// A payment of a company through a payment provider (rule A3).
    PaymentId, "paym_"
);
id!(
    /// A webhook: whom events are delivered to.
    WebhookId, "hook_"
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
        let all_digits = CallId::from_bits(0x0123_4567_89ab_cdef_0f1e_2d3c_4b5a_6978);
        assert_eq!(all_digits.to_string(), "call_0123456789abcdef0f1e2d3c4b5a6978");
        assert_eq!("call_0123456789ABCDEF0f1e2d3c4b5a6978".parse(), Ok(all_digits));
    }

    #[test]
    fn an_identity_of_another_kind_is_refused_in_words() {
        let refused = "call_00".parse::<ProfileId>().unwrap_err().to_string();
        assert_eq!(refused, "\"call_00\" is not an identity: expected \"prof_\" followed by 32 hexadecimal digits");
        assert!("prof_+0000000000000000000000000000001".parse::<ProfileId>().is_err());
        assert!("prof_000000000000000000000000000000001".parse::<ProfileId>().is_err(), "a digit too many");
        assert!("prof_0000000000000000000000000000000g".parse::<ProfileId>().is_err());
    }
}
