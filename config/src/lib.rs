//! Room `config` of Tandem.
