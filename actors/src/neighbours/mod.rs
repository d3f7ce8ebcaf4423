//! The other nodes of the house: what they say of bindings, what this node says of its own, and the messages that pass through it on their
//! way between them and a PBX.
//!
//! Which binding stands is decided in `switch::registration`, what may pass in `sip::relaying`; what is said is kept on a board that all
//! can read. While the board is away each node goes on with what it knows; then it says again what it holds.

mod places;
mod retiring;
mod row;
mod saying;
#[cfg(test)]
mod tests;

use crate::core::Core;
use crate::desk::places::local_towards;
pub use retiring::withdraw;

use arc_swap::ArcSwap;
use bytes::Bytes;
use domain::{ProfileId, Wall};
use ledger::redis::{News, Row};
use parking_lot::Mutex;
use places::Seen;
use saying::Saying;
use sip::Message;
use sip::endpoint::Source;
use sip::relaying::{Passing, Relay};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use switch::registration::Binding;

/// Where nodes tell each other what is true for a while. Blocks.
pub trait Board: Send {
    /// Writes rows; of two with one name the later stands.
    ///
    /// # Errors
    /// A sentence on why it is away; writing again is right.
    fn put(&mut self, rows: &[Row]) -> Result<(), String>;

    /// What has changed since the last look, its own words among it. The time is in milliseconds since 1970.
    ///
    /// # Errors
    /// A sentence on why it is away.
    fn read(&mut self, now_ms: i64) -> Result<News, String>;
}

impl Board for ledger::redis::Board {
    fn put(&mut self, rows: &[Row]) -> Result<(), String> {
        ledger::redis::Board::put(self, rows).map_err(|error| error.to_string())
    }

    fn read(&mut self, now_ms: i64) -> Result<News, String> {
        ledger::redis::Board::read(self, now_ms).map_err(|error| error.to_string())
    }
}

/// What a node needs to have neighbours.
pub struct Joining {
    /// Its name.
    pub name: String,
    /// What signs routes, the same for every node of the house.
    pub key: [u8; 32],
    /// Where all read and write.
    pub board: Box<dyn Board>,
}

/// What this node decided of a profile and has not said yet.
type Unsaid = (Option<Arc<Binding>>, Wall);

/// The other nodes, as this one sees them.
pub(crate) struct Neighbours {
    name: Arc<str>,
    /// Where the others reach this node.
    address: SocketAddr,
    /// The same as it is bound.
    local: SocketAddr,
    relay: Relay,
    seen: ArcSwap<Seen>,
    /// At most one for each profile.
    unsaid: Mutex<BTreeMap<ProfileId, Unsaid>>,
    wake: SyncSender<()>,
}

impl Neighbours {
    /// Says to the others what was decided here, soon.
    pub(crate) fn share(&self, profile: ProfileId, binding: Option<Arc<Binding>>, at: Wall) {
        self.unsaid.lock().insert(profile, (binding, at));
        // One wake-up is enough for all.
        let _ = self.wake.try_send(());
    }

    /// What becomes of a message that arrived; none where this node is alone, or it is no message.
    pub(crate) fn pass(&self, bytes: &Bytes, source: &Source) -> Option<(Message, Passing)> {
        let seen = self.seen.load();
        if seen.addresses.is_empty() {
            return None;
        }
        let message = Message::parse(bytes.clone()).ok()?;
        // A response that passes has more than our Via, as none of this node's own may have.
        let passing = match message.is_request() && message.check().is_err() {
            false => self.relay.pass(&message, source, &seen.addresses),
            true => Passing::Own,
        };
        Some((message, passing))
    }

    /// The addresses of the other nodes: no strangers.
    pub(crate) fn acquainted(&self) -> BTreeSet<IpAddr> {
        self.seen.load().addresses.iter().map(|node| node.ip().to_canonical()).collect()
    }

    /// Whether nobody passes anything on at this node now: nothing is heard of it any more.
    pub(crate) fn has_lost(&self, node: &str) -> bool {
        !self.seen.load().living.contains(node)
    }

    /// How many of the other nodes live, and how many are lost.
    pub(crate) fn counted(&self) -> (u64, u64) {
        let seen = self.seen.load();
        (seen.living.len() as u64, seen.lost.len() as u64)
    }

    /// The address of ours that another node is called from.
    fn local_to(&self, node: SocketAddr) -> SocketAddr {
        local_towards(node, self.local)
    }
}

/// Takes a place among the nodes of the house. Blocks until it is known what they say now, or that it cannot be known yet. What is said
/// later is heard by a thread of its own.
pub(crate) fn join(
    core: &Arc<Core>,
    joining: Joining,
    address: SocketAddr,
    local: SocketAddr,
    advertised: Option<IpAddr>,
) -> std::io::Result<()> {
    let life = crate::chance::entropy()?.next_u64() as u32;
    let (wake, woken) = sync_channel(1);
    let neighbours = Neighbours {
        name: joining.name.into(),
        address,
        local,
        relay: Relay::new(&joining.key, life, address, local, advertised),
        seen: ArcSwap::default(),
        unsaid: Mutex::default(),
        wake,
    };
    // Set once, here.
    if core.neighbours.set(neighbours).is_err() {
        return Ok(());
    }
    let mut saying = Saying::new(Arc::downgrade(core), joining.board);
    saying.turn();
    std::thread::Builder::new().name("neighbours".to_owned()).spawn(move || saying.run(&woken))?;
    Ok(())
}
