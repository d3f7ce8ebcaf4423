//! What this switch can do in a dialog, as its messages say it: one table, so that nothing is advertised that is not there.
//!
//! Doing it is `talk`'s; whoever adds a method or an extension there adds it here.

/// Methods that a dialog of ours knows.
pub(crate) const ALLOW: &str = "INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE, INFO, PRACK";

/// Extensions that a dialog of ours knows: session timers (RFC 4028), reliable provisional responses (RFC 3262).
pub(crate) const SUPPORTED: &str = "timer, 100rel";

/// What the reference message of requirements 1.11 allows (I6): all that a profile with `compat = "classic"` is told.
pub(crate) const ALLOW_CLASSIC: &str = "INVITE,ACK,CANCEL,OPTIONS,BYE";

/// How far an INVITE of the reference message may go at most (I6).
pub(crate) const HOPS_CLASSIC: u8 = 30;
