//! Room `sip` of Tandem.
