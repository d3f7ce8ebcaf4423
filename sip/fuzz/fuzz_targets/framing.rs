//! Any bytes as a stream: cut in one piece and in pieces whose sizes come from the bytes themselves.
//!
//! What must hold is the very same as for the mutations of a plain test run.
#![no_main]
#[allow(dead_code)]
#[path = "../../tests/exercise/mod.rs"]
mod exercise;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut sizes = bytes.iter().cycle();
    exercise::framing(bytes, || usize::from(*sizes.next().unwrap_or(&1)));
});
