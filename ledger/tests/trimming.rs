//! A journal that is trimmed: whatever was there is answered as before, and a death at any step loses and doubles nothing. Random trimmings
//! against an engine that never is are in `differential.rs`.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

use clerk::*;
use domain::credit::{Code, Memo, Outcome, RefusedBecause};
use ledger::sqlite::{Journal, Settings, SqliteLedger, verify, verify_with};
use ledger::{
    Archive, Error, Ledger, Lines, Mark, MemoryArchive, Mention, Segment, StatementLine, StatementQuery, Trim, Trimmed,
};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Everything is older than this.
const NOW: i64 = 1_000;
const NAME: &str = "ledger.db";

fn settings(folder: &Path, archive: &Arc<dyn Archive>) -> Settings {
    Settings { archive: Some(Arc::clone(archive)), remembered_subjects: 2, ..Settings::new(folder.join(NAME)) }
}

fn open(folder: &Path, archive: &Arc<dyn Archive>) -> SqliteLedger {
    SqliteLedger::open(settings(folder, archive)).unwrap()
}

fn in_memory() -> Arc<dyn Archive> {
    Arc::new(MemoryArchive::default())
}

/// Three rows about a call; all but the last calls are over.
fn a_call(ledger: &SqliteLedger, call: u128, is_over: bool) {
    let begin = vec![hold(call, 0, channels(), 1), hold(call, 30, profile(), 10)];
    let opened = with_memo(batch(call, 0, begin), Memo::CallOpened(format!("call {call} opened").into()));
    assert!(is_applied(&tell(ledger, opened)));
    assert!(is_applied(&tell(ledger, batch(call, 1, vec![capture(call, 30, 9), hold(call, 36, profile(), 2)]))));
    if is_over {
        let end = batch(call, 2, vec![release(call, 36), release(call, 0)]);
        assert!(is_applied(&tell(ledger, with_memo(end, Memo::CallEnded(format!("call {call} ended").into())))));
    }
}

/// Ten calls, of which the last three are up; a top-up beside them.
fn fill(ledger: &SqliteLedger) {
    endow(ledger, 1_000, 20);
    (1..=10).for_each(|call| a_call(ledger, call, call <= 7));
    assert!(is_applied(&order(ledger, top_up())));
    ledger.flush().unwrap();
}

fn top_up() -> domain::credit::Batch {
    with_memo(batch(77, 3, vec![post(world(USD), purse(), 5, Code::TopUp)]), Memo::Note("by hand".into()))
}

/// All that can be asked of it.
fn everything(ledger: &dyn Ledger) -> impl PartialEq + std::fmt::Debug + use<> {
    let accounts = [None, Some(profile()), Some(purse()), Some(channels()), Some(revenue())];
    let statements: Vec<Vec<StatementLine>> = accounts.map(|account| whole_statement(ledger, account)).into();
    let histories: Vec<Vec<StatementLine>> =
        (1..=12).chain([77]).map(|subject| ledger.history(subject).unwrap()).collect();
    (
        (ledger.balances(company(1)), ledger.open_holds(None, usize::MAX), ledger.unfinished().unwrap()),
        (statements, histories),
        [0, 4, 15, 28].map(|after| ledger.ended_after(after, 5).unwrap()),
    )
}

/// Page by page, so that some pages begin in the archive.
fn whole_statement(ledger: &dyn Ledger, account: Option<domain::credit::Account>) -> Vec<StatementLine> {
    let (mut lines, mut before) = (Vec::new(), None);
    loop {
        let query = StatementQuery { company: company(1), account, lines: Lines::All, before, after: 0, limit: 7 };
        let page = ledger.statement(&query).unwrap();
        lines.extend(page.lines);
        before = page.next;
        if before.is_none() {
            return lines;
        }
    }
}

fn trim(ledger: &dyn Ledger) -> Trimmed {
    ledger.trim(&Trim::all(at(NOW))).unwrap()
}

fn assert_verified(folder: &Path, archive: &Arc<dyn Archive>, rows: u64) {
    let audit = verify_with(&folder.join(NAME), Some(archive)).unwrap();
    assert!(audit.is_clean(), "{audit}");
    assert_eq!(audit.batches, rows);
}

fn rows_in(folder: &Path) -> i64 {
    let raw = rusqlite::Connection::open(folder.join(NAME)).unwrap();
    raw.query_row("SELECT count(*) FROM journal", [], |row| row.get(0)).unwrap()
}

#[test]
fn a_trimmed_ledger_answers_as_if_nothing_had_gone() {
    let (folder, archive) = (tempfile::tempdir().unwrap(), in_memory());
    let ledger = open(folder.path(), &archive);
    fill(&ledger);
    let before = everything(&ledger);
    let trimmed = trim(&ledger);
    assert_eq!((trimmed.archived, trimmed.deleted, trimmed.kept, trimmed.cut), (29, 29, 0, 29));
    assert!(trimmed.is_done && trimmed.waits.is_none());
    assert_eq!(rows_in(folder.path()), 0);
    assert_eq!(everything(&ledger), before);
    assert_sound(&ledger);
    assert_eq!(trim(&ledger), Trimmed { archived: 0, deleted: 0, ..trimmed }, "there is nothing left to do");

    ledger.close().unwrap();
    assert_verified(folder.path(), &archive, 29);
    let ledger = open(folder.path(), &archive);
    assert_eq!(everything(&ledger), before, "after a start");
    // A call that was up ends, and a new one comes: their rows follow those that are gone.
    assert!(is_applied(&tell(&ledger, batch(8, 2, vec![release(8, 36), release(8, 0)]))));
    a_call(&ledger, 11, true);
    ledger.close().unwrap();
    assert_verified(folder.path(), &archive, 33);
    let alone = verify(&folder.path().join(NAME)).unwrap();
    assert!(alone.is_clean(), "{alone}");
    assert_eq!((alone.unread, alone.batches), (29, 4), "without the archive, what has been since");
}

/// Law 7: what was answered is answered so for ever.
#[test]
fn an_old_order_is_known_when_its_row_is_gone() {
    let (folder, archive) = (tempfile::tempdir().unwrap(), in_memory());
    let ledger = open(folder.path(), &archive);
    fill(&ledger);
    let refused = batch(78, 0, vec![post(profile(), purse(), 5_000, Code::TakeBack)]);
    let refusal = order(&ledger, refused.clone());
    trim(&ledger);
    for ledger in [ledger, open_after(folder.path(), &archive)] {
        let funds = ledger.balance(purse());
        assert!(matches!(order(&ledger, top_up()), Outcome::Replayed(first) if is_applied(&first)));
        let other = batch(77, 3, vec![post(world(USD), purse(), 6, Code::TopUp)]);
        assert_eq!(because(&order(&ledger, other)), RefusedBecause::DifferentBody);
        assert_eq!(order(&ledger, refused.clone()), Outcome::Replayed(Box::new(refusal.clone())));
        let again = vec![hold(3, 30, profile(), 10)];
        assert_eq!(
            because(&tell(&ledger, batch(3, 9, again))),
            RefusedBecause::HoldExists,
            "law 5: names are used once"
        );
        assert_eq!(ledger.balance(purse()), funds);
        ledger.close().unwrap();
    }
}

fn open_after(folder: &Path, archive: &Arc<dyn Archive>) -> SqliteLedger {
    let other = tempfile::tempdir().unwrap();
    for file in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        std::fs::copy(file.path(), other.path().join(file.file_name())).unwrap();
    }
    open(&other.keep(), archive)
}

/// Killed after each step in turn: started again, everything is as it was; and in the end the archive is the one of who was never killed.
#[test]
fn a_trimming_that_is_killed_at_any_step_goes_on_where_it_was() {
    let whole = in_memory();
    let undisturbed = tempfile::tempdir().unwrap();
    let ledger = open(undisturbed.path(), &whole);
    fill(&ledger);
    let before = everything(&ledger);
    let mut steps = 0;
    while !ledger.trim(&Trim { steps: 1, ..Trim::all(at(NOW)) }).unwrap().is_done {
        steps += 1;
    }
    assert_eq!(steps, 4, "archived, cut, what leads to the rows deleted, the rows deleted");
    let mark = whole.last(NAME).unwrap();
    for killed_after in 0..=steps {
        let (folder, archive) = (tempfile::tempdir().unwrap(), in_memory());
        let ledger = open(folder.path(), &archive);
        fill(&ledger);
        ledger.trim(&Trim { steps: killed_after, ..Trim::all(at(NOW)) }).unwrap();
        ledger.abandon();
        assert_verified(folder.path(), &archive, 29);
        let ledger = open(folder.path(), &archive);
        assert_eq!(everything(&ledger), before, "killed after {killed_after} steps");
        trim(&ledger);
        assert_eq!(everything(&ledger), before);
        assert_eq!(archive.last(NAME).unwrap(), mark, "killed after {killed_after} steps");
        ledger.close().unwrap();
        assert_verified(folder.path(), &archive, 29);
        assert_eq!(rows_in(folder.path()), 0);
    }
}

/// An archive that does as it is told and says that it failed, that lies about what it has, or that has lost it.
#[derive(Default)]
struct Bad {
    kept: MemoryArchive,
    fails_after_keeping: AtomicBool,
    changes_a_byte: AtomicBool,
}

impl Archive for Bad {
    fn keep(&self, journal: &str, segment: &Segment, mentions: &[Mention]) -> Result<(), String> {
        self.kept.keep(journal, segment, mentions)?;
        match self.fails_after_keeping.load(Relaxed) {
            true => Err("the disk is full".to_owned()),
            false => Ok(()),
        }
    }
    fn last(&self, journal: &str) -> Result<Option<Mark>, String> {
        self.kept.last(journal)
    }
    fn having(&self, journal: &str, row: u64) -> Result<Option<Segment>, String> {
        let mut found = self.kept.having(journal, row)?;
        if let (Some(segment), true) = (&mut found, self.changes_a_byte.load(Relaxed)) {
            segment.rows[40] ^= 1;
        }
        Ok(found)
    }
    fn next_cut(&self, journal: &str, after: u64) -> Result<Option<Mark>, String> {
        self.kept.next_cut(journal, after)
    }
    fn about(&self, journal: &str, subject: u128) -> Result<Vec<(u64, Mention)>, String> {
        self.kept.about(journal, subject)
    }
    fn records_copied_to(&self, journal: &str) -> Result<u64, String> {
        self.kept.records_copied_to(journal)
    }
}

#[test]
fn an_archive_that_failed_after_it_had_written_has_everything_once() {
    let folder = tempfile::tempdir().unwrap();
    let bad = Arc::new(Bad::default());
    let archive: Arc<dyn Archive> = bad.clone();
    let ledger = open(folder.path(), &archive);
    fill(&ledger);
    let before = everything(&ledger);
    bad.fails_after_keeping.store(true, Relaxed);
    let failed = ledger.trim(&Trim::all(at(NOW))).unwrap_err();
    assert!(
        failed.to_string().contains("the archive of the ledger's journal could not be written: the disk is full"),
        "{failed}"
    );
    assert_eq!(rows_in(folder.path()), 29);
    bad.fails_after_keeping.store(false, Relaxed);
    assert_eq!(trim(&ledger).deleted, 29);
    assert_eq!(everything(&ledger), before);
    ledger.close().unwrap();
    assert_verified(folder.path(), &archive, 29);
}

#[test]
fn no_row_goes_whose_copy_is_damaged_and_verifying_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let bad = Arc::new(Bad::default());
    let archive: Arc<dyn Archive> = bad.clone();
    let ledger = open(folder.path(), &archive);
    fill(&ledger);
    bad.changes_a_byte.store(true, Relaxed);
    let failed = ledger.trim(&Trim::all(at(NOW))).unwrap_err();
    assert!(failed.to_string().contains("the segment of row 1 is damaged"), "{failed}");
    assert_eq!(rows_in(folder.path()), 29);
    let audit = ledger.verify().unwrap();
    assert!(audit.to_string().contains("the segment of rows 1 to 29 is damaged"), "{audit}");

    bad.changes_a_byte.store(false, Relaxed);
    trim(&ledger);
    assert_sound(&ledger);
    bad.changes_a_byte.store(true, Relaxed);
    let audit = ledger.verify().unwrap();
    assert_eq!(audit.fault_count, 1, "{audit}");
    assert!(ledger.history(10).unwrap_err().to_string().contains("the segment of rows 1 to 29 is damaged"));
}

#[test]
fn rows_stay_until_the_records_of_their_calls_are_copied() {
    let folder = tempfile::tempdir().unwrap();
    let kept = Arc::new(MemoryArchive::default());
    let archive: Arc<dyn Archive> = kept.clone();
    let ledger = open(folder.path(), &archive);
    fill(&ledger);
    kept.set_copied_to(10);
    let trimmed = trim(&ledger);
    assert_eq!((trimmed.archived, trimmed.deleted, trimmed.kept), (29, 0, 29));
    assert_eq!(trimmed.waits.unwrap(), "the call record in row 13 of ledger.db is not in the store yet");
    kept.set_copied_to(22);
    assert_eq!(trim(&ledger).deleted, 29, "the last record is in row 22");
}

#[test]
fn young_rows_stay() {
    let (folder, archive) = (tempfile::tempdir().unwrap(), in_memory());
    let ledger = open(folder.path(), &archive);
    fill(&ledger);
    let trimmed = ledger.trim(&Trim::all(at(1))).unwrap();
    assert_eq!((trimmed.archived, trimmed.deleted, trimmed.kept, trimmed.oldest), (29, 0, 29, Some(at(1))));
    assert!(trimmed.is_done);
    assert_sound(&ledger);
}

/// A journal that was set back, or is another's, is never trimmed by what the archive has.
#[test]
fn a_journal_that_is_not_the_one_that_was_archived_keeps_its_rows() {
    let (folder, archive) = (tempfile::tempdir().unwrap(), in_memory());
    let ledger = open(folder.path(), &archive);
    fill(&ledger);
    assert_eq!(ledger.trim(&Trim::all(at(1))).unwrap().archived, 29);
    let other = tempfile::tempdir().unwrap();
    let stranger = open(other.path(), &archive);
    endow(&stranger, 500, 3);
    let refused = stranger.trim(&Trim::all(at(NOW))).unwrap_err();
    assert!(matches!(refused, Error::Archive { .. }));
    assert!(refused.to_string().contains("row 29 is another there, or the journal does not have it"), "{refused}");
    assert_eq!(rows_in(other.path()), 1);

    trim(&ledger);
    let empty = open_after(folder.path(), &in_memory());
    let refused = empty.trim(&Trim::all(at(NOW))).unwrap_err();
    assert!(refused.to_string().contains("it ends with row 0, and the journal begins after row 29"), "{refused}");
}

/// Without the archive nothing is guessed: what cannot be known is unavailable, and what can be goes on.
#[test]
fn without_its_archive_a_trimmed_ledger_says_no_more_than_it_knows() {
    let (folder, archive) = (tempfile::tempdir().unwrap(), in_memory());
    let ledger = open(folder.path(), &archive);
    fill(&ledger);
    trim(&ledger);
    ledger.close().unwrap();
    let ledger = open_in(folder.path());
    assert_eq!(ledger.balance(profile()), has(910, 6));
    assert_eq!(order(&ledger, top_up()), Outcome::Unavailable);
    assert!(matches!(ledger.history(3), Err(Error::NoArchive { cut: 29 })));
    assert!(is_applied(&tell(&ledger, batch(8, 2, vec![release(8, 36), release(8, 0)]))), "a call that is up ends");
    assert!(Journal::open(&folder.path().join(NAME)).unwrap().history(3).is_err());
    let reader = Journal::open_with(&folder.path().join(NAME), Some(&archive)).unwrap();
    assert_eq!(reader.ended(3).unwrap().unwrap().1.as_ref(), "call 3 ended");
    assert_eq!(reader.history(3).unwrap().len(), 6);
    let mut lines = 0;
    let count = |_| {
        lines += 1;
        Ok(())
    };
    reader.each_line(0, count).unwrap();
    assert_eq!(lines, 3 + 7 * 6 + 3 * 4 + 1);
}
