//! Room `ledger` of Tandem.
