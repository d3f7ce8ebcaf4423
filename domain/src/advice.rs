//! Advice of charge (3GPP TS 24.647): whether the PBX that pays is told what its call costs, and the word that says how much.
//!
//! How it stands in a message is `leg`'s; when it is told, the call's.

use crate::money::{Currency, Micros};
use crate::rounding::Rounding;

crate::policy::policy! {
    /// When a PBX is told in SIP what its call costs.
    AdviceOfCharge, "advice of charge" {
        /// Never.
        #[default]
        Off = "off",
        /// Once, with the end of the call: in the BYE, or in the answer to the PBX's own (AOC-E).
        End = "end",
        /// As each increment is charged too, in INFO (AOC-D).
        During = "during",
        /// With the answer too, what it will cost (AOC-S); then as [`AdviceOfCharge::During`].
        Throughout = "throughout",
    }
}

impl AdviceOfCharge {
    /// Whether the PBX is told the sum as each increment is charged (AOC-D).
    pub const fn tells_sums(self) -> bool {
        matches!(self, AdviceOfCharge::During | AdviceOfCharge::Throughout)
    }

    /// Whether the PBX is told with the answer what the call will cost (AOC-S).
    pub const fn tells_rates(self) -> bool {
        matches!(self, AdviceOfCharge::Throughout)
    }
}

/// What a call will cost, told with its answer. A call keeps the terms that it was admitted with, so it is told once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quote {
    /// Nothing.
    Free,
    /// So much.
    Rates(Rates),
}

/// The terms that a call is charged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    /// Price of 60 billed seconds, before rounding (R5).
    pub per_minute: Micros,
    /// Owed once (R4).
    pub connection_fee: Micros,
    /// In this currency.
    pub currency: Currency,
    /// Seconds owed at least (R1); 0 means one increment.
    pub minimum_s: u32,
    /// Seconds of each further step (R1).
    pub increment_s: u32,
    /// Which way the whole call is rounded (R6).
    pub rounding: Rounding,
    /// To so many decimal places (R6).
    pub scale: u32,
}

/// What a call has cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advice {
    /// So far, or altogether.
    pub total: Micros,
    /// In this currency.
    pub currency: Currency,
    /// Whether nothing is added any more.
    pub is_final: bool,
}
