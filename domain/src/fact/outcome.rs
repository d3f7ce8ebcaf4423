//! How something ended, as facts tell it: closed enums, each a metric label.
//!
//! The facts themselves are in the parent.

/// How an attempt to prove an identity went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AuthOutcome {
    /// Proven.
    Ok,
    /// Nothing was shown, a challenge was sent.
    Challenged,
    /// Wrong password.
    BadPassword,
    /// No such user. The stranger sees no difference to a wrong password.
    UnknownUser,
    /// The nonce is too old or not ours.
    StaleNonce,
    /// The nonce count was used before.
    Replayed,
    /// The source belongs to no profile.
    IpNotAllowed,
}

/// How a REGISTER ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RegistrationOutcome {
    /// A new binding.
    Created,
    /// The same binding, prolonged.
    Refreshed,
    /// Removed by the PBX.
    Removed,
    /// Ran out.
    Expired,
    /// Refused.
    Rejected,
    /// Shorter than the minimum (423).
    IntervalTooBrief,
}

/// How an attempt at a carrier ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AttemptResult {
    /// It answered.
    Answered,
    /// The called person is busy, away or unwilling.
    UserFailure,
    /// The carrier or the network failed.
    NetworkFailure,
    /// Nothing came in time.
    Timeout,
    /// Not tried.
    Skipped,
}

/// What became of money that calls speak for while the ledger is away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RiskOutcome {
    /// An increment begins that nothing is held for.
    Taken,
    /// It was held or paid when the ledger was back.
    Covered,
    /// There was too little credit for it: nobody pays.
    WrittenOff,
}

/// How an auto-recharge ended (K6): of a profile from its company, or of a company by a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RechargeOutcome {
    /// Credited.
    Ok,
    /// The company has too little.
    CompanyEmpty,
    /// The payment was declined.
    PaymentDeclined,
    /// The payment's result cannot be learnt, or what may be paid in a day or a month is paid.
    Failed,
}

/// Why another caller ID is shown than was asked for or configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CallerIdChange {
    /// The PBX asked for a number that the profile may not show (L5).
    NotAllowed,
    /// The configured number is no longer the profile's (L7).
    NumberGone,
}
