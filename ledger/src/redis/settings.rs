//! What can be set on the redis engine, and its limits with where they come from. How they are applied is in the files beside.

use super::house::House;
use super::seen::SeenListener;
use super::server::Server;
use crate::sqlite;
use std::sync::Arc;
use std::time::Duration;

/// What a balance, posted, held or available, may be at most, either way: Lua's numbers count exactly up to 2^53. In micros that
/// is nine billion of a currency.
pub const BALANCE_MAX: i64 = (1 << 53) - 1;
/// The oldest Redis that is served: the one that Debian 12 ships and every test runs against.
pub const VERSION_MIN: (u32, u32) = (7, 0);
/// Batches that may wait for Redis before a new hold, or a post that is no part of a call, is answered `Unavailable`: a third of a
/// second of what one server does.
pub const ASKED: usize = 16_384;
/// Batches that may wait in all; what is above [`ASKED`] is kept for those that only end or extend holds.
pub const ASKED_RESERVED: usize = 65_536;
/// Batches sent at once. Measured: 64 in flight reach the server's limit, more only wait longer.
pub const ROUND: usize = 128;
/// Waiting batches that are looked through for ones that may go, when those before them wait for an earlier one of their call.
pub const LOOKED_AT: usize = 1_024;
/// How long a connection may take to be made.
pub const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);
/// How long Redis may take to answer one round. It answers in milliseconds; what takes this long has stopped.
pub const REPLY_TIMEOUT: Duration = Duration::from_secs(1);
/// The first wait before a connection is tried again; each further one is twice as long.
pub const BACK_OFF_FIRST: Duration = Duration::from_millis(10);
/// The longest wait between two tries.
pub const BACK_OFF_MAX: Duration = Duration::from_secs(1);
/// How much is waited in all before a round that lost its connection is given up and everybody is answered `Unavailable`: a
/// restart of Redis passes unnoticed, and no caller waits longer than for a slow carrier.
pub const AWAY_PATIENCE: Duration = Duration::from_millis(630);
/// A node looks this often whether another needs its part, while it has nothing else to do; so it also knows of a dead Redis before a
/// call needs it.
pub const LISTEN_EVERY: Duration = Duration::from_millis(100);

/// Settings of the redis engine.
#[derive(Clone)]
pub struct Settings {
    /// The node's own journal.
    pub journal: sqlite::Settings,
    /// Where the balances are.
    pub server: Server,
    /// [`ASKED`].
    pub asked: usize,
    /// [`ASKED_RESERVED`].
    pub asked_reserved: usize,
    /// [`AWAY_PATIENCE`].
    pub away_patience: Duration,
    /// The nodes that share this Redis; none where this one has it to itself.
    pub house: Option<Arc<dyn House>>,
    /// Hears of round trips, failures, and whether Redis answers (`tandem_redis_up`).
    pub on_seen: Option<SeenListener>,
}

impl Settings {
    /// The defaults, for this journal and this server.
    pub fn new(journal: sqlite::Settings, server: Server) -> Self {
        let journal = sqlite::Settings { balance_max: BALANCE_MAX, is_part: true, ..journal };
        Self {
            journal,
            server,
            asked: ASKED,
            asked_reserved: ASKED_RESERVED,
            away_patience: AWAY_PATIENCE,
            house: None,
            on_seen: None,
        }
    }
}
