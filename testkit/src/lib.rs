//! Room `testkit` of Tandem.
