//! Room `rating` of Tandem.
