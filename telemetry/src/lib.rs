//! Room `telemetry` of Tandem.
