//! Any bytes as a message: read, asked everything, answered.
//!
//! What must hold is the very same as for the mutations of a plain test run.
#![no_main]
#[allow(dead_code)]
#[path = "../../tests/exercise/mod.rs"]
mod exercise;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| exercise::message(bytes));
