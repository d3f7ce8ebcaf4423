//! Room `media` of Tandem.
