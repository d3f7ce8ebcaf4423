//! Room `backoffice` of Tandem.
