//! The thread that says what this node holds and hears what the others do.
//!
//! How it is written is `row`'s.

use super::places::Places;
use super::row::{self, About, Told};
use super::{Board, Neighbours};
use crate::core::Core;
use crate::mailbox::tell;
use crate::registrar::Registration;
use crate::shell::Tell;
use domain::{ProfileId, Wall};
use ledger::redis::Row;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Weak};
use std::time::Duration;
use switch::registration::Event;

/// How often the board is looked at: a call that comes right after a REGISTER finds its PBX.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long the board is left alone once it is away.
const AWAY_FOR: Duration = Duration::from_secs(1);
/// Rows that are written at once at most.
const ROWS_MAX: usize = 512;
/// How often a node says again where it is, and that it lives: several times in a lease.
const PLACE_EVERY: Duration = Duration::from_secs(2);

/// What the thread works with.
pub(super) struct Saying {
    /// The thread ends with the switch.
    core: Weak<Core>,
    board: Box<dyn Board>,
    places: Places,
    /// When this node said last where it is.
    placed: Option<Wall>,
    /// Whether everything was read once: what an earlier life of this node said is of interest until then.
    has_read: bool,
    is_away: bool,
}

impl Saying {
    pub(super) fn new(core: Weak<Core>, board: Box<dyn Board>) -> Saying {
        Saying { core, board, places: Places::default(), placed: None, has_read: false, is_away: false }
    }

    pub(super) fn run(&mut self, woken: &Receiver<()>) {
        while self.core.strong_count() > 0 {
            match woken.recv_timeout(LOOK_EVERY) {
                Ok(()) | Err(RecvTimeoutError::Timeout) => self.turn(),
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if self.is_away {
                std::thread::sleep(AWAY_FOR);
            }
        }
    }

    /// Says what there is to say, and hears what there is to hear.
    pub(super) fn turn(&mut self) {
        let Some(core) = self.core.upgrade() else { return };
        let Some(neighbours) = core.neighbours.get() else { return };
        let done = self.say(&core, neighbours).and_then(|()| self.hear(&core, neighbours));
        match done {
            Ok(()) => {
                if std::mem::take(&mut self.is_away) {
                    tracing::info!("the nodes' board in Redis is back");
                    self.places.listen_anew(core.clock.now().wall);
                }
                self.look_round(&core, neighbours);
            }
            Err(why) if !self.is_away => {
                tracing::warn!(%why, "nodes cannot hear of each other: this one goes on with the bindings that it knows");
                self.is_away = true;
            }
            Err(_) => {}
        }
    }

    fn say(&mut self, core: &Core, neighbours: &Neighbours) -> Result<(), String> {
        let now = core.clock.now().wall;
        if self.placed.is_none_or(|at| now.since(at) >= PLACE_EVERY) {
            self.board.put(&[row::of_node(&neighbours.name, neighbours.address, now)])?;
            self.placed = Some(now);
        }
        loop {
            let mut unsaid = neighbours.unsaid.lock();
            let names: Vec<ProfileId> = unsaid.keys().take(ROWS_MAX).copied().collect();
            let taken: Vec<_> = names.iter().filter_map(|name| Some((*name, unsaid.remove(name)?))).collect();
            drop(unsaid);
            if taken.is_empty() {
                return Ok(());
            }
            let Neighbours { name, address, relay, .. } = neighbours;
            let rows: Vec<Row> = taken
                .iter()
                .map(|(profile, (binding, at))| {
                    row::of_binding(*profile, binding.as_deref(), *at, name, *address, relay)
                })
                .collect();
            if let Err(why) = self.board.put(&rows) {
                let mut unsaid = neighbours.unsaid.lock();
                // What was decided meanwhile is newer.
                for (profile, said) in taken {
                    unsaid.entry(profile).or_insert(said);
                }
                return Err(why);
            }
        }
    }

    fn hear(&mut self, core: &Arc<Core>, neighbours: &Neighbours) -> Result<(), String> {
        loop {
            let now = core.clock.now().wall;
            let news = self.board.read(now.as_unix_micros() / 1_000)?;
            if news.is_new {
                self.placed = None;
                self.places.listen_anew(now);
                for (profile, binding) in core.registry.own_bindings() {
                    let at = binding.refreshed_at;
                    neighbours.unsaid.lock().entry(profile).or_insert((Some(binding), at));
                }
            }
            for row in news.rows {
                match row::about(&row.name) {
                    Some(About::Binding(profile)) => self.on_binding(profile, &row, now, core, neighbours),
                    Some(About::Node(node)) => self.on_node(&node, &row, neighbours),
                    None => {}
                }
            }
            if !news.has_more {
                self.has_read = true;
                return if news.is_new { self.say(core, neighbours) } else { Ok(()) };
            }
        }
    }

    fn on_node(&mut self, node: &str, row: &Row, neighbours: &Neighbours) {
        let Ok(row::Place { address }) = serde_json::from_str(&row.text) else { return };
        if *node == *neighbours.name || address == neighbours.address {
            return;
        }
        match row::is_withdrawn(row) {
            true => self.places.forget(node),
            false => self.places.heard(node, address, Wall::from_unix_micros(row.until_ms.saturating_mul(1_000))),
        }
    }

    /// Everything was heard that there is: who has not said that it lives is lost.
    fn look_round(&mut self, core: &Core, neighbours: &Neighbours) {
        let Some(seen) = self.places.look(core.clock.now().wall) else { return };
        let former = neighbours.seen.swap(Arc::new(seen.clone()));
        for node in seen.lost.difference(&former.lost) {
            tracing::warn!(%node, "nothing is heard of a node any more: calls to PBXs that are registered there are refused");
        }
        for node in seen.living.intersection(&former.lost) {
            tracing::info!(%node, "a node that was lost is back");
        }
        if former.addresses != seen.addresses {
            core.acquaint();
        }
    }

    fn on_binding(&self, profile: ProfileId, row: &Row, now: Wall, core: &Arc<Core>, neighbours: &Neighbours) {
        let Ok(Told { node, bound }) = serde_json::from_str(&row.text) else { return };
        let at = Wall::from_unix_micros(row.at_us);
        let is_own = node == *neighbours.name;
        let is_over = row.until_ms.saturating_mul(1_000) <= now.as_unix_micros();
        let event = match bound.filter(|_| !is_over) {
            None => Event::Heard { binding: None, at },
            Some(bound) if is_own => match bound.recalled().filter(|_| !self.has_read) {
                // Its connection ended with that life.
                Some(_) if bound.is_over_connection => return neighbours.share(profile, None, now),
                Some(binding) => Event::Recalled(Arc::new(binding)),
                None => return,
            },
            Some(bound) => match bound.elsewhere(&node, neighbours.local_to(bound.at())) {
                Some(binding) => Event::Heard { binding: Some(Arc::new(binding)), at },
                None => return,
            },
        };
        // Nothing is to be removed where nothing is known.
        if matches!(event, Event::Heard { binding: None, .. }) && core.registry.binding(profile).is_none() {
            return;
        }
        if let Some(registration) = core.resident::<Registration>(profile) {
            tell(&registration, Tell(event));
        }
    }
}
