//! Room `switch` of Tandem.
