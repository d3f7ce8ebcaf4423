//! Tandem: a self-hosted SIP-trunking softswitch.
fn main() {}
