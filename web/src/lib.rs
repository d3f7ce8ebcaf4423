//! Room `web` of Tandem.
