//! Advice of charge (3GPP TS 24.647): whether the PBX that pays is told what its call costs, and the word that says how much.
//!
//! How it stands in a message is `leg`'s; when it is told, the call's.

use crate::money::{Currency, Micros};

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
    }
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
