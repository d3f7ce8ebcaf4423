//! Lists that other rooms keep, as labels. The labels that are only ours are in [`super`].

use super::Label;
use domain::ReleaseCause;
use domain::call_record::CallDirection;
use domain::credit::Code as LedgerCode;
use domain::fact::{
    AttemptResult, AuthOutcome, Flow, Offence, RechargeOutcome, RegistrationOutcome, RiskOutcome, Side, Transport,
};
use domain::fraud::FraudRule;
use domain::payment::PaymentResult;

macro_rules! foreign {
    ($($name:ident { $($variant:ident = $value:literal,)* })*) => {
        $(impl Label for $name {
            const VALUES: &'static [&'static str] = &[$($value,)*];
            fn index(self) -> usize {
                match self { $($name::$variant => $name::$variant as usize,)* }
            }
        })*
    };
}

foreign! {
    Side { Access = "access", Peering = "peering", }
    Flow { Rx = "rx", Tx = "tx", }
    Transport { Udp = "udp", Tcp = "tcp", Tls = "tls", Ws = "ws", Wss = "wss", }
    CallDirection { Outbound = "outbound", Inbound = "inbound", }
    AuthOutcome {
        Ok = "ok", Challenged = "challenged", BadPassword = "bad_password", UnknownUser = "unknown_user",
        StaleNonce = "stale_nonce", Replayed = "replayed", IpNotAllowed = "ip_not_allowed",
    }
    Offence {
        BadPassword = "bad_password", UnknownUser = "unknown_user", Replayed = "replayed", Probing = "probing",
    }
    RegistrationOutcome {
        Created = "created", Refreshed = "refreshed", Removed = "removed", Expired = "expired", Rejected = "rejected",
        IntervalTooBrief = "interval_too_brief",
    }
    AttemptResult {
        Answered = "answered", UserFailure = "user_failure", NetworkFailure = "network_failure", Timeout = "timeout",
        Skipped = "skipped",
    }
    RechargeOutcome {
        Ok = "ok", CompanyEmpty = "company_empty", PaymentDeclined = "payment_declined", Failed = "failed",
    }
    PaymentResult { Paid = "paid", Declined = "declined", Pending = "pending", Unknown = "unknown", }
    RiskOutcome { Taken = "taken", Covered = "covered", WrittenOff = "written_off", }
}

/// The labels of a slice of values, for lists that another room keeps.
macro_rules! values_of {
    ($type:ty) => {{
        const VALUES: [&str; <$type>::ALL.len()] = {
            let mut values = [""; <$type>::ALL.len()];
            let mut index = 0;
            while index < values.len() {
                values[index] = <$type>::ALL[index].as_str();
                index += 1;
            }
            values
        };
        &VALUES
    }};
}

impl Label for ReleaseCause {
    const VALUES: &'static [&'static str] = values_of!(ReleaseCause);
    fn index(self) -> usize {
        self as usize
    }
}

impl Label for FraudRule {
    const VALUES: &'static [&'static str] = values_of!(FraudRule);
    fn index(self) -> usize {
        self as usize
    }
}

impl Label for LedgerCode {
    const VALUES: &'static [&'static str] = values_of!(LedgerCode);
    fn index(self) -> usize {
        self as usize
    }
}
