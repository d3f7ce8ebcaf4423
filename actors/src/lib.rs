//! Room `actors` of Tandem.
