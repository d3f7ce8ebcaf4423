//! What a call costs: tariffs (increments, connection fee, rounding), decks of them by number prefix, and quotes.
//!
//! Whose money pays, and when, is decided in `switch` and kept in `ledger`; nothing here has a clock, a socket or a float.
#![forbid(unsafe_code)]
#![deny(clippy::float_arithmetic)]

pub mod deck;
pub mod quote;
pub mod schedule;
pub mod shadow;
pub mod stream;
pub mod tariff;

pub use deck::{Complaint, Deck, DeckFaults, Rate};
pub use quote::Quote;
pub use schedule::Schedule;
pub use tariff::{Block, NotATariff, Rounding, Tariff, Terms};
