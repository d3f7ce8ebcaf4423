//! Room `wire` of Tandem.
