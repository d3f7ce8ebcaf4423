//! Nodes that died and do not come back: one that lives closes their calls as they would have at their next start, a little after the
//! leases of those calls have ended. And the changes that other nodes make to the store, taken over within a second.
//!
//! Whether a node is dead is said by the lock of its journal, which the operating system takes away with the process: a process that only
//! stands still has it, and keeps its calls.

use super::house::{StoreHouse, member_of};
use actors::Exchange;
use actors::clock::Clock;
use domain::Wall;
use ledger::Ledger;
use ledger::redis::{Member, RedisLedger, Settings, is_dead, last_lease};
use std::sync::Arc;
use std::time::Duration;
use store::Store;
use telemetry::Telemetry;
use telemetry::labels::RecordOutcome;

/// How often the journals of others are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How long a lease must have ended before another node closes the call (design 5).
const GRACE: Duration = Duration::from_secs(5);
/// How often it is asked whether another node has changed the store.
const CHANGED_EVERY: Duration = Duration::from_millis(500);

/// What is needed to do for another node what it would do at its next start.
#[derive(Clone)]
pub(crate) struct Reaper {
    pub(crate) store: Arc<Store>,
    /// Of this node's ledger; those of another differ by the journal.
    pub(crate) redis: Settings,
    /// This node.
    pub(crate) name: String,
    pub(crate) clock: Clock,
}

/// What was done for a dead node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reaped {
    pub(crate) calls: u64,
    pub(crate) records: u64,
}

impl Reaper {
    /// Closes the calls of a node that is dead, writes their records, and lays its parts.
    pub(crate) fn reap(&self, member: &Member) -> Result<Reaped, String> {
        let mut settings = self.redis.clone();
        settings.journal.path.clone_from(&member.journal);
        settings.journal.on_group = None;
        settings.on_seen = None;
        let house = StoreHouse { store: Arc::clone(&self.store), name: member.name.clone(), clock: self.clock };
        settings.house = Some(Arc::new(house));
        let ledger: Arc<dyn Ledger> = Arc::new(RedisLedger::open(settings).map_err(|error| error.to_string())?);
        let done = actors::recover(&ledger, self.clock.now()).and_then(|recovered| {
            ledger.flush().map_err(|error| error.to_string())?;
            let records = actors::copy_records(ledger.as_ref(), &self.store)?;
            Ok(Reaped { calls: recovered.calls, records })
        });
        let closed = ledger.close().map_err(|error| error.to_string());
        done.and_then(|reaped| closed.map(|()| reaped))
    }

    /// The dead whose leases have ended; each failure is told once a look.
    fn look(&self, telemetry: &Telemetry) {
        let nodes = match self.store.nodes() {
            Ok(nodes) => nodes,
            Err(error) => return tracing::error!(%error, "the nodes that share this store cannot be read"),
        };
        for node in nodes.into_iter().filter(|node| is_anothers(node, &self.name)) {
            let member = member_of(node);
            // A journal that somebody has is not read: that would cost each node the other's start again and again.
            if !is_dead(&member) {
                continue;
            }
            let lease = last_lease(&member).unwrap_or_else(|error| {
                tracing::error!(node = %member.name, %error, "the journal of another node cannot be read");
                None
            });
            if !is_due(lease, self.clock.now().wall) {
                continue;
            }
            match self.reap(&member) {
                Ok(Reaped { calls, records }) => {
                    tracing::warn!(node = %member.name, calls, records, "a node is dead: its calls were closed at what they had paid");
                    telemetry.count_records(RecordOutcome::Recovered, calls);
                }
                Err(error) => {
                    tracing::error!(node = %member.name, %error, "the calls of a dead node cannot be closed yet")
                }
            }
        }
    }
}

/// Whether a node may be reaped by the one of this name: never itself, and nobody whose calls are closed for good.
fn is_anothers(node: &store::Node, own: &str) -> bool {
    node.name != own && node.retired.is_none()
}

/// Whether the calls of a dead node are to be closed: a little after the last of their leases has ended. A node without calls has none.
fn is_due(last_lease: Option<Wall>, now: Wall) -> bool {
    last_lease.is_some_and(|lease| lease + GRACE < now)
}

/// Looks for as long as the process lives.
pub(crate) fn watch(reaper: Reaper, telemetry: Arc<Telemetry>) {
    actix_rt::spawn(async move {
        let mut ticks = actix_rt::time::interval(LOOK_EVERY);
        loop {
            ticks.tick().await;
            let (reaper, telemetry) = (reaper.clone(), Arc::clone(&telemetry));
            if let Err(error) = actix_rt::task::spawn_blocking(move || reaper.look(&telemetry)).await {
                tracing::error!(%error, "looking after the nodes that died was lost to a panic");
            }
        }
    });
}

/// Takes over what other nodes change in the store.
pub(crate) fn follow_changes(exchange: Exchange, store: Arc<Store>) {
    actix_rt::spawn(async move {
        let mut ticks = actix_rt::time::interval(CHANGED_EVERY);
        let mut known = 0;
        loop {
            ticks.tick().await;
            let (exchange, store) = (exchange.clone(), Arc::clone(&store));
            let looked = actix_rt::task::spawn_blocking(move || take_over(&exchange, &store, known)).await;
            known = looked.unwrap_or(known);
        }
    });
}

/// Gives the version that is in force now.
fn take_over(exchange: &Exchange, store: &Store, known: u64) -> u64 {
    let changed = store.config_version().and_then(|version| Ok((version, store.nodes()?.len())));
    let (version, nodes) = match changed {
        Ok(changed) => changed,
        Err(error) => {
            tracing::error!(%error, "it cannot be read whether another node has changed the store");
            return known;
        }
    };
    // What this node changes is in force at once.
    if version == known || nodes < 2 {
        return version;
    }
    match exchange.reload() {
        Ok(_) => version,
        Err(error) => {
            tracing::error!(%error, "what another node has changed cannot be taken over yet");
            known
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Wall = Wall::from_unix_seconds(1_795_000_000);

    fn node(name: &str, retired: Option<Wall>) -> store::Node {
        let (id, journal) = (name.to_owned(), "ledger.db".into());
        store::Node { id, name: name.to_owned(), journal, first_seen: NOON, retired }
    }

    /// Design 5: another node may reap after lease + 5 s.
    #[test]
    fn a_dead_nodes_calls_are_closed_five_seconds_after_their_last_lease_and_not_before() {
        let after = |millis| NOON + Duration::from_millis(millis);
        for (lease, now, due) in [
            (Some(NOON), NOON, false),
            (Some(NOON), after(5_000), false),
            (Some(NOON), after(5_001), true),
            (Some(after(60_000)), after(64_999), false),
            (Some(after(60_000)), after(65_001), true),
            (None, after(3_600_000), false),
        ] {
            assert_eq!(is_due(lease, now), due, "lease {lease:?}, now {now}");
        }
    }

    /// Design 5: a node never reaps its own living calls.
    #[test]
    fn a_node_reaps_neither_itself_nor_who_is_retired() {
        assert!(is_anothers(&node("second", None), "first"));
        assert!(!is_anothers(&node("first", None), "first"));
        assert!(!is_anothers(&node("second", Some(NOON)), "first"));
    }
}
