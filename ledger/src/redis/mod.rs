//! Balances in Redis, journalled on this node: a function in Redis decides each batch, and the node's own journal keeps what it
//! decided (design 5). Redis is the shared balance, never the only record of money.
//!
//! The way of a batch, file by file: [`engine`] takes it into a [`queue`]; [`courier`] asks the journal whether it is new, has it
//! written down as an intent where money moves, and asks Redis in rounds ([`asking`], `function.lua`) over [`link`], which [`dial`] makes to one server, to the master that Sentinels know, or to
//! each master of a cluster; the journal
//! (the sqlite engine's, `sqlite/engine/following`) follows the answer with its own arithmetic, and answers. [`start`] settles what
//! a former life left open and makes Redis what the journal says; [`audit`] compares the two.
//!
//! Several nodes may share one Redis ([`house`]): each journals its own part, Redis has the totals, and [`laying`] makes a part there what
//! its journal says.

mod asking;
mod audit;
mod board;
mod courier;
mod dial;
mod engine;
mod fitness;
mod house;
mod laying;
mod link;
mod names;
mod queue;
mod seen;
mod server;
mod settings;
mod slots;
mod start;
mod wire;

pub use audit::{Audited, verify};
pub use board::{Board, BoardAway, News, READ_MAX, Row};
pub use engine::RedisLedger;
pub use house::{House, Member, Members};
pub use laying::{is_dead, last_lease};
pub use seen::{Failure, Op, Seen, SeenListener};
pub use server::{Place, Server, Servers, Tls};
pub use settings::{
    ASKED, ASKED_RESERVED, AWAY_PATIENCE, BACK_OFF_FIRST, BACK_OFF_MAX, BALANCE_MAX, CONNECT_TIMEOUT, LISTEN_EVERY,
    LOOKED_AT, REPLY_TIMEOUT, ROUND, Settings, VERSION_MIN,
};
pub use start::{Relaid, leave, relay};
pub use wire::{Line, Pretence, Pretended};
