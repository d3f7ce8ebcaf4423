//! The store as the archive of the nodes' journals, and the thread that takes old rows there.
//!
//! What a segment says, and which rows may go, is the ledger's; how segments are kept is the store's.

use actors::clock::Clock;
use domain::Wall;
use ledger::{Archive, Ledger, Mark, Mention, Segment, Trim};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;
use store::{JournalSegment, SegmentMark, SegmentMention, Store};
use telemetry::{JournalStands, Telemetry};

/// The archive of a store.
pub(crate) struct StoreArchive(pub(crate) Arc<Store>);

fn said(error: store::Error) -> String {
    error.to_string()
}

fn mark_of(mark: SegmentMark) -> Mark {
    let SegmentMark { first, last, from, until, newest, end, before, sum } = mark;
    Mark { first, last, from, until, newest, end, before, sum }
}

fn kept_mark(mark: Mark) -> SegmentMark {
    let Mark { first, last, from, until, newest, end, before, sum } = mark;
    SegmentMark { first, last, from, until, newest, end, before, sum }
}

impl Archive for StoreArchive {
    fn keep(&self, journal: &str, segment: &Segment, mentions: &[Mention]) -> Result<(), String> {
        let Segment { mark, rows, opening } = segment.clone();
        let mentions: Vec<SegmentMention> = mentions
            .iter()
            .map(|Mention { subject, own, by_others }| SegmentMention {
                subject: *subject,
                own: *own,
                by_others: *by_others,
            })
            .collect();
        let kept = JournalSegment { mark: kept_mark(mark), rows, opening };
        self.0.keep_segment(journal, &kept, &mentions).map_err(said)
    }

    fn last(&self, journal: &str) -> Result<Option<Mark>, String> {
        Ok(self.0.last_segment(journal).map_err(said)?.map(mark_of))
    }

    fn having(&self, journal: &str, row: u64) -> Result<Option<Segment>, String> {
        let found = self.0.segment_having(journal, row).map_err(said)?;
        Ok(found.map(|JournalSegment { mark, rows, opening }| Segment { mark: mark_of(mark), rows, opening }))
    }

    fn next_cut(&self, journal: &str, after: u64) -> Result<Option<Mark>, String> {
        Ok(self.0.next_cut(journal, after).map_err(said)?.map(mark_of))
    }

    fn about(&self, journal: &str, subject: u128) -> Result<Vec<(u64, Mention)>, String> {
        let found = self.0.segments_about(journal, subject).map_err(said)?.into_iter();
        let mention = |of: SegmentMention| Mention { subject: of.subject, own: of.own, by_others: of.by_others };
        Ok(found.map(|(first, of)| (first, mention(of))).collect())
    }

    fn records_copied_to(&self, journal: &str) -> Result<u64, String> {
        self.0.drained_to(journal).map_err(said)
    }
}

/// How often it is looked whether there is something to archive. At 10,000 calls of 6 s a segment is full every 40 s.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// Steps in a row before it is looked whether the switch stops: a second or so.
const STEPS: usize = 8;
/// A quiet journal, whose snapshots are far apart, is cut this often all the same.
const TO_THE_END_EVERY: Duration = Duration::from_secs(24 * 3_600);

/// The thread, until it is dropped.
pub(crate) struct Archivist {
    stop: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Archivist {
    /// Archives rows as they come, and lets those go that are older than this; never any, where nothing is said.
    pub(crate) fn start(
        ledger: Arc<dyn Ledger>,
        keep: Option<Duration>,
        telemetry: Arc<Telemetry>,
        clock: Clock,
    ) -> std::io::Result<Archivist> {
        let Some(keep) = keep else { return Ok(Archivist { stop: None, thread: None }) };
        let (stop, stopped) = sync_channel::<()>(1);
        let run = move || {
            let mut ended_at = clock.now().monotonic;
            let mut pause = Duration::ZERO;
            while stopped.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                let now = clock.now();
                let to_the_end = now.monotonic.since(ended_at) >= TO_THE_END_EVERY;
                if to_the_end {
                    ended_at = now.monotonic;
                }
                let is_done = look(
                    &*ledger,
                    Trim { before: older_than(now.wall, keep), to_the_end, steps: STEPS },
                    &telemetry,
                    now.wall,
                );
                pause = if is_done { LOOK_EVERY } else { Duration::ZERO };
            }
        };
        let thread = std::thread::Builder::new().name("archive".to_owned()).spawn(run)?;
        Ok(Archivist { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Archivist {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that archives the journal died of a bug; nothing of the journal is lost by it");
        }
    }
}

fn older_than(now: Wall, keep: Duration) -> Wall {
    let micros = i64::try_from(keep.as_micros()).unwrap_or(i64::MAX);
    Wall::from_unix_micros(now.as_unix_micros().saturating_sub(micros))
}

/// Does some steps; whether nothing is left to do, or to be done just now.
fn look(ledger: &dyn Ledger, order: Trim, telemetry: &Telemetry, now: Wall) -> bool {
    match ledger.trim(&order) {
        Ok(trimmed) => {
            telemetry.set_journal_stands(JournalStands {
                kept: trimmed.kept,
                archived: trimmed.in_archive,
                oldest: trimmed.oldest.map_or(Duration::ZERO, |oldest| now.since(oldest)),
            });
            if let Some(why) = &trimmed.waits {
                tracing::warn!(why, "old rows of the ledger's journal stay where they are");
            }
            trimmed.is_done
        }
        // The switch stops, or the disk of the journal takes nothing, which is told elsewhere.
        Err(ledger::Error::Closed) => true,
        Err(error) => {
            telemetry.count_archive_failure();
            tracing::error!(%error, "the ledger's journal cannot be archived: it keeps its rows and grows; it is tried again");
            true
        }
    }
}
