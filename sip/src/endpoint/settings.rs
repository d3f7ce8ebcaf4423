//! How one endpoint behaves, its limits, and how full it is.
//!
//! What it answers by itself is set in [`super::front_door`].

use super::front_door::FrontDoor;
use crate::transaction::Timing;

/// How one endpoint behaves, and its limits.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The number of its shard, printed into branches.
    pub shard: u16,
    /// T1, T2, T4.
    pub timing: Timing,
    /// Server transactions; a new request beyond it is answered 503 without state. 65,536.
    pub server_transactions_max: usize,
    /// Client transactions; a request of ours beyond it is refused to its user. 65,536.
    pub client_transactions_max: usize,
    /// Transactions beyond the two limits that are kept for requests inside dialogs (a hang-up always passes). 16,384.
    pub dialog_reserve: usize,
    /// Bound dialogs. 131,072.
    pub dialogs_max: usize,
    /// Seconds of Retry-After in a 503 of ours. 5.
    pub retry_after_s: u32,
    /// The host printed in our Vias and Warnings instead of the local address, where we stand behind a NAT.
    pub advertised_host: Option<String>,
    /// Bytes at most of a request that goes in a datagram; a larger one goes over TCP where the peer takes connections (RFC 3261 18.1.1).
    /// 0: none does. 1,300.
    pub datagram_bytes_max: usize,
    /// What is answered without asking anybody.
    pub front_door: FrontDoor,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            shard: 0,
            timing: Timing::default(),
            server_transactions_max: 65_536,
            client_transactions_max: 65_536,
            dialog_reserve: 16_384,
            dialogs_max: 131_072,
            retry_after_s: 5,
            advertised_host: None,
            datagram_bytes_max: 1_300,
            front_door: FrontDoor::default(),
        }
    }
}

/// How full the tables of an endpoint are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Server transactions.
    pub server_transactions: usize,
    /// Client transactions.
    pub client_transactions: usize,
    /// Bound dialogs.
    pub dialogs: usize,
    /// Connections on which transactions hang.
    pub flows: usize,
}
