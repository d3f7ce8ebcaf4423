//! Room `store` of Tandem.
