//! Labels of SIP statuses: those that have one of their own, and the classes that the others fold into.
//!
//! Other labels are in the parent.

use super::Label;

/// Statuses that have a label of their own; the others share the one of their class, behind them.
macro_rules! statuses {
    ($($(#[$doc:meta])* $name:ident { alone: [$($alone:literal)*], classes: [$($class:literal)*], all: [$($value:literal)*] })*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, PartialEq, Eq)]
            pub struct $name(usize);

            impl $name {
                const ALONE: &'static [u16] = &[$($alone),*];
                const CLASSES: &'static [u16] = &[$($class),*];

                /// The label of a status; one of no class counts in the last.
                pub fn of(status: u16) -> Self {
                    let alone = Self::ALONE.iter().position(|known| *known == status);
                    let class = || Self::CLASSES.iter().position(|class| *class == status / 100);
                    let last = Self::VALUES.len() - 1;
                    $name(alone.unwrap_or_else(|| class().map_or(last, |index| Self::ALONE.len() + index)))
                }
            }

            impl Label for $name {
                const VALUES: &'static [&'static str] = &[$($value),*];
                fn index(self) -> usize {
                    self.0
                }
            }
        )*
    };
}

statuses! {
    /// The status of a SIP response on the wire.
    Code {
        alone: [100 180 183 200 202 400 401 403 404 407 408 415 480 481 486 487 488 491 500 502 503 504 600 603],
        classes: [3 4 5 6 1 2],
        all: ["100" "180" "183" "200" "202" "400" "401" "403" "404" "407" "408" "415" "480" "481" "486" "487" "488"
              "491" "500" "502" "503" "504" "600" "603" "3xx" "4xx" "5xx" "6xx" "1xx" "2xx"]
    }
    /// The final status of an INVITE, as its caller got it.
    FinalCode {
        alone: [200 400 402 403 404 408 415 480 484 486 487 488 500 502 503 504 600 603 604],
        classes: [3 4 5 6],
        all: ["200" "400" "402" "403" "404" "408" "415" "480" "484" "486" "487" "488" "500" "502" "503" "504" "600"
              "603" "604" "3xx" "4xx" "5xx" "6xx"]
    }
}
