//! The guard of a node at work: asked by every shard, and told to telemetry, the log and the audit.
//!
//! Whom it slows and bans is decided in `switch::guard`. A datagram costs one look at a list that is swapped whole, and nothing
//! where nobody is banned.

use crate::clock::Clock;
use arc_swap::ArcSwap;
use domain::fact::Offence;
use domain::{Fact, Monotonic, Now};
use parking_lot::Mutex;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use store::{AuditEntry, Signed, Store};
use switch::guard::{Ban, Evidence, Guard, Rules, Source};
use switch::overload::Window;
use telemetry::{GuardTotals, Telemetry};

/// Bans at most that are told in a second, to the log and to the audit: whoever has many addresses must not fill disks with them. The
/// next line says how many were not.
const TOLD_PER_SECOND: u32 = 5;
/// Notes at most that wait for the audit; beyond it they are not written there.
const NOTES_MAX: usize = 256;

/// Guards the door of a node.
pub(crate) struct Guarding {
    clock: Clock,
    guard: Mutex<Guard>,
    /// Who is banned, in order of the sources, and until when.
    barred: ArcSwap<Vec<(Source, Monotonic)>>,
    /// Messages that banned sources sent, unread.
    dropped: AtomicU64,
    /// Answers that were not given, because their source gets them seldom.
    slowed: AtomicU64,
    told: Mutex<Told>,
    notes: SyncSender<Note>,
    telemetry: Arc<Telemetry>,
}

#[derive(Default)]
struct Told {
    window: Window,
    untold: u32,
}

/// A line for the audit.
struct Note {
    source: Source,
    details: String,
    at: domain::Wall,
}

impl Guarding {
    /// A guard with these rules, and a thread that writes to the audit for as long as the guard lives.
    pub(crate) fn start(
        rules: Rules,
        store: Arc<Store>,
        telemetry: Arc<Telemetry>,
        clock: Clock,
    ) -> std::io::Result<Guarding> {
        let (notes, waiting) = sync_channel(NOTES_MAX);
        std::thread::Builder::new().name("audit".to_owned()).spawn(move || write(&store, &waiting))?;
        Ok(Guarding {
            clock,
            guard: Mutex::new(Guard::new(rules)),
            barred: ArcSwap::default(),
            dropped: AtomicU64::new(0),
            slowed: AtomicU64::new(0),
            told: Mutex::default(),
            notes,
            telemetry,
        })
    }

    /// Whether what this address sends is dropped unread; it is counted then.
    pub(crate) fn bars(&self, peer: IpAddr) -> bool {
        let barred = self.barred.load();
        if barred.is_empty() {
            return false;
        }
        let source = Source::of(peer);
        let Ok(place) = barred.binary_search_by_key(&source, |(source, _)| *source) else { return false };
        let is_barred = barred.get(place).is_some_and(|(_, until)| *until > self.clock.monotonic());
        if is_barred {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        is_barred
    }

    /// Somebody at this address has proven a password.
    pub(crate) fn prove(&self, peer: IpAddr) {
        self.guard.lock().prove(Source::of(peer), self.clock.now());
    }

    /// Somebody at this address, or in its name, has failed.
    pub(crate) fn fail(&self, peer: IpAddr, offence: Offence, evidence: Evidence) {
        let now = self.clock.now();
        let mut guard = self.guard.lock();
        if let Some(ban) = guard.fail(Source::of(peer), offence, evidence, now) {
            self.publish(&guard, now);
            drop(guard);
            self.tell(ban, now);
        }
    }

    /// Whether this address gets an answer for which it has proven nothing.
    pub(crate) fn answers(&self, peer: IpAddr) -> bool {
        let is_given = self.guard.lock().answers(Source::of(peer), self.clock.now());
        if !is_given {
            self.slowed.fetch_add(1, Ordering::Relaxed);
        }
        is_given
    }

    /// From now on these are the addresses of carriers and of PBXs with IP authentication.
    pub(crate) fn acquaint(&self, addresses: BTreeSet<IpAddr>) {
        let mut guard = self.guard.lock();
        let ended = guard.acquaint(addresses);
        self.publish(&guard, self.clock.now());
        drop(guard);
        for ban in ended {
            let because = "it is now the address of a carrier or of a PBX with IP authentication";
            self.telemetry.tell(&Fact::BanLifted { source: ban.source.to_string().into(), because: because.into() });
        }
    }

    /// Ends a ban; none where there is none.
    pub(crate) fn lift(&self, source: Source) -> Option<Ban> {
        let now = self.clock.now();
        let mut guard = self.guard.lock();
        let lifted = guard.lift(source, now)?;
        self.publish(&guard, now);
        drop(guard);
        let (source, because) = (source.to_string().into(), "an operator asked for it".into());
        self.telemetry.tell(&Fact::BanLifted { source, because });
        Some(lifted)
    }

    /// Every ban that stands, in order of the sources.
    pub(crate) fn bans(&self) -> Vec<Ban> {
        let bans = self.guard.lock().bans(self.clock.monotonic());
        bans.into_iter().map(|(ban, _)| ban).collect()
    }

    /// For the metrics.
    pub(crate) fn totals(&self) -> GuardTotals {
        let now = self.clock.monotonic();
        GuardTotals {
            bans: self.barred.load().iter().filter(|(_, until)| *until > now).count() as u64,
            dropped: self.dropped.load(Ordering::Relaxed),
            slowed: self.slowed.load(Ordering::Relaxed),
        }
    }

    fn publish(&self, guard: &Guard, now: Now) {
        let bans = guard.bans(now.monotonic).into_iter().map(|(ban, until)| (ban.source, until)).collect();
        self.barred.store(Arc::new(bans));
    }

    fn tell(&self, ban: Ban, now: Now) {
        self.telemetry.count_ban(ban.offence);
        let mut told = self.told.lock();
        if !told.window.enter(TOLD_PER_SECOND, now.monotonic) {
            told.untold = told.untold.saturating_add(1);
            return;
        }
        let untold = std::mem::take(&mut told.untold);
        drop(told);
        self.telemetry.tell(&Fact::SourceBanned {
            source: ban.source.to_string().into(),
            offence: ban.offence,
            until: ban.until,
            number: ban.number,
            untold,
        });
        let details = format!(
            "until {}, for {}, ban number {} of this source; {untold} bans since the last note stand in no note",
            ban.until,
            ban.offence.as_str(),
            ban.number
        );
        // Where the disk lags behind, the log and the metric have it.
        let _ = self.notes.try_send(Note { source: ban.source, details, at: now.wall });
    }
}

fn write(store: &Store, waiting: &Receiver<Note>) {
    while let Ok(Note { source, details, at }) = waiting.recv() {
        let source = source.to_string();
        let entry = AuditEntry { action: "source_banned", subject: &source, details: &details };
        if let Err(error) = store.note(entry, Signed { by: "guard", at }) {
            tracing::error!(%error, source, "a ban could not be written to the audit");
        }
    }
}
