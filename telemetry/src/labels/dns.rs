//! What DNS is asked, and how it answers: the values of its labels.
//!
//! Counting is `dns`'s.

use super::Label;

labels! {
    /// What DNS was asked.
    DnsKind {
        /// The services of a domain.
        Naptr = "naptr",
        /// The servers of a service.
        Srv = "srv",
        /// IPv4 addresses.
        A = "a",
        /// IPv6 addresses.
        Aaaa = "aaaa",
    }
    /// How DNS answered.
    DnsOutcome {
        /// With records.
        Ok = "ok",
        /// That there are none.
        Nxdomain = "nxdomain",
        /// Not in time.
        Timeout = "timeout",
        /// With a failure, or not to be understood.
        Error = "error",
    }
}
