//! Policies of a trunk that are one word out of a few: made, printed and read alike.
//!
//! What a policy does is said where it is declared.

/// Why a text is no policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{text}\" says nothing about {about}: expected one of {}", .expected.join(", "))]
pub struct NotAWord {
    /// Its beginning.
    pub text: String,
    /// What the policy is about.
    pub about: &'static str,
    /// Every word that there is.
    pub expected: &'static [&'static str],
}

/// Characters of a wrong word that are repeated at most.
pub(crate) const REPEATED_MAX: usize = 64;

/// An enumeration whose values are words in settings, API and store: `ALL`, `as_str`, `Display` and `FromStr`.
macro_rules! policy {
    ($(#[$doc:meta])* $name:ident, $about:literal { $($(#[$of:meta])* $value:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$of])* $value,)* }

        impl $name {
            /// All, in order.
            pub const ALL: &'static [$name] = &[$($name::$value,)*];

            /// The word in settings, API and store.
            pub const fn as_str(self) -> &'static str {
                match self { $($name::$value => $word,)* }
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = $crate::policy::NotAWord;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($word => Ok($name::$value),)*
                    _ => Err($crate::policy::NotAWord {
                        text: text.chars().take($crate::policy::REPEATED_MAX).collect(),
                        about: $about,
                        expected: &[$($word,)*],
                    }),
                }
            }
        }
    };
}
pub(crate) use policy;

#[cfg(test)]
mod tests {
    use crate::dtmf::DtmfPolicy;
    use crate::fax::FaxPolicy;
    use crate::srtp::SrtpPolicy;
    use std::fmt::{Debug, Display};
    use std::str::FromStr;

    fn reads_back<P: Copy + Debug + Display + FromStr<Err = super::NotAWord> + PartialEq>(all: &[P], complaint: &str) {
        for policy in all {
            assert_eq!(policy.to_string().parse(), Ok(*policy));
        }
        assert_eq!("yes".repeat(99).parse::<P>().map_err(|error| error.text.len()), Err(64));
        assert_eq!("yes".parse::<P>().map_err(|error| error.to_string()), Err(complaint.to_owned()));
    }

    #[test]
    fn every_policy_reads_back_from_its_word_and_says_which_words_there_are() {
        reads_back(FaxPolicy::ALL, "\"yes\" says nothing about T.38: expected one of relay, refuse");
        reads_back(SrtpPolicy::ALL, "\"yes\" says nothing about SRTP: expected one of off, preferred, required");
        reads_back(DtmfPolicy::ALL, "\"yes\" says nothing about keys: expected one of auto, rfc4733, info");
    }
}
