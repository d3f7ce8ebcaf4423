//! Room `leg` of Tandem.
