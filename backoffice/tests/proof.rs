//! The provable charge: random calls through the real switch and ledger on the virtual clock, exported, and rated anew by a program in
//! Python that shares no code with the switch (`tests/proof/rerate.py`); and faults that are planted afterwards, each of which is found.
//!
//! `CALLS=10000` makes as many; `SEED=7` begins with another seed.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use backoffice::explain::explain;
use backoffice::export::Format;
use backoffice::export::books::{DECK_COLUMNS, JOURNAL_COLUMNS, Table};
use backoffice::proof::month::{Proof, prove};
use backoffice::proof::{DeckFound, Off};
use domain::credit::Holder;
use domain::{Currency, Entropy, Micros};
use ledger::Ledger;
use ledger::sqlite::{Journal, Settings, SqliteLedger};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;
use store::record_json::{Finished, from_json};
use store::{DeckRow, NewDeck, Signed, Store};
use switch::directory::CallSettings;
use testkit::company;
use testkit::world::{BEGINS_AT, Beginning, FIRST, Recharge, World};

/// Calls where nothing is said.
const CALLS: u64 = 500;
/// Calls of one world.
const CALLS_PER_WORLD: u64 = 50;
/// Nobody talks longer.
const LONGEST_CALL: Duration = Duration::from_secs(400);
/// Numbers that are dialled; the last two are not in every deck, or free.
const DIALLED: [&str; 8] = [
    "+12025550123",
    "+12035550124",
    "+442079460123",
    "+441619460123",
    "+37255501234",
    "+33155501234",
    "+4930123456",
    "*43",
];
/// Rows that a deck may have.
const PREFIXES: [&str; 9] = ["1", "12", "1202", "12025", "44", "4420", "372", "33", "49"];

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

fn pick<T: Clone>(chance: &mut Entropy, of: &[T]) -> T {
    of[chance.below(of.len() as u64) as usize].clone()
}

/// A row of chance: every kind of increment, fee and rounding.
fn any_row(chance: &mut Entropy, prefix: &str) -> DeckRow {
    let micros = |micros: u64| Micros::new(micros as i64).to_decimal().normalize();
    let rate = match chance.below(6) {
        0 => 0,
        1 => chance.below(1_000),
        2 => 3_000_000,
        _ => chance.below(60) * 1_000 + 1_000,
    };
    DeckRow {
        prefix: prefix.parse().unwrap(),
        destination: format!("to {prefix}"),
        rate: micros(rate),
        fee: micros(if chance.below(3) == 0 { chance.below(100_000) } else { 0 }),
        minimum_s: pick(chance, &[30, 30, 0, 1, 60, 20]),
        increment_s: pick(chance, &[6, 6, 1, 30, 60, 7]),
        rounding: pick(chance, &["up", "up", "half_up"]).to_owned(),
        scale: pick(chance, &[2, 2, 2, 0, 3, 4, 6]),
    }
}

/// A world that has been, and where its store and its journal are.
struct Told {
    folder: tempfile::TempDir,
    store: Store,
    ledger: Arc<SqliteLedger>,
}

impl Told {
    fn journal(&self) -> Journal {
        Journal::open(&self.folder.path().join("ledger.db")).unwrap()
    }

    fn prove(&self) -> Proof {
        prove(&self.store, &[self.journal()], "2026-11".parse().unwrap(), |_, _| {}).unwrap()
    }

    fn raw(&self, file: &str) -> rusqlite::Connection {
        rusqlite::Connection::open(self.folder.path().join(file)).unwrap()
    }
}

fn signed() -> Signed<'static> {
    Signed { by: "test", at: BEGINS_AT }
}

/// Some minutes of calls by chance: decks that change while calls are up, credit that ends, recharges, top-ups.
fn tell(seed: u64, calls: u64) -> Told {
    let mut chance = Entropy::from_seed((u128::from(seed) | 0x9e_u128 << 64).to_le_bytes());
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let opening = store::Opening {
        directory: folder.path(),
        sip_user_prefix: store::SipUserPrefix::default(),
        now: BEGINS_AT,
        random: Box::new(|bytes| bytes.fill(7)),
    };
    let store = Store::open(opening).unwrap();
    let new = NewDeck { name: "standard".to_owned(), currency: Currency::USD };
    let mut from = BEGINS_AT;
    for _ in 0..4 {
        let rows = PREFIXES.iter().filter(|_| chance.below(5) > 0).collect::<Vec<_>>();
        let rows: Vec<DeckRow> = rows.into_iter().map(|prefix| any_row(&mut chance, prefix)).collect();
        let deck = store.import_deck(&new, rows, |_| {}, signed()).unwrap();
        store.activate_deck(deck.id, Some(from), signed()).unwrap();
        from = from + Duration::from_secs(20 + chance.below(200));
    }
    let settings =
        Settings { group_after: Duration::from_secs(100_000), ..Settings::new(folder.path().join("ledger.db")) };
    let ledger = Arc::new(SqliteLedger::open(settings).unwrap());
    let recharge = Recharge { amount: 300_000, threshold: 100_000, company_credit: 1_500_000 };
    let beginning = Beginning {
        seed,
        decks: store.snapshot(BEGINS_AT).unwrap().decks,
        credit: pick(&mut chance, &[200_000, 1_000_000, 5_000_000, 100_000_000]),
        recharge: (chance.below(3) == 0).then_some(recharge),
        settings: CallSettings { max_duration: LONGEST_CALL, ..CallSettings::default() },
        ..Beginning::default()
    };
    let mut world = World::with_ledger(beginning, Arc::clone(&ledger) as Arc<dyn Ledger>);
    for call in 0..calls {
        let answers: &[(u64, u16)] = pick(
            &mut chance,
            &[
                &[(0, 100), (200, 180), (900, 200)],
                &[(0, 200)],
                &[(0, 100), (200, 180), (900, 200)],
                &[(0, 183), (1_000, 200)],
                &[(0, 100), (500, 486)],
            ],
        );
        world.carrier_answers(FIRST, answers);
        let talks_ms = pick(&mut chance, &[1_000, 30_000, 100_000, 600_000]);
        let talks_ms = if chance.below(5) == 0 { 6_000 * (1 + chance.below(20)) } else { 1 + chance.below(talks_ms) };
        world.agents[FIRST].manner.hangs_up_after = Some(Duration::from_millis(talks_ms));
        let dialled = pick(&mut chance, &DIALLED);
        world.dial_number(dialled);
        // The carrier has answered, or has not, before it makes up its mind about the next call.
        world.run_for(Duration::from_millis(2_000 + chance.below(12_000)));
        if chance.below(12) == 0 {
            let account = company::money(world.company, Holder::Profile(world.profile));
            let top_up = company::top_up(world.company, 1 + call, world.now.wall, &[(account, 700_000)]);
            company::post(&*ledger, top_up);
        }
    }
    world.run_for(LONGEST_CALL + Duration::from_secs(60));
    ledger.flush().unwrap();
    let ended = ledger.ended_after(0, usize::MAX).unwrap();
    let finished: Vec<(u64, Finished<'_>)> =
        ended.iter().map(|(sequence, text)| (*sequence, Finished::read(text).unwrap())).collect();
    assert_eq!(
        store.insert_finished("ledger.db", &finished).unwrap().written,
        calls,
        "seed {seed}: every call has a record"
    );
    Told { folder, store, ledger }
}

fn table(path: PathBuf, columns: &'static [&'static str]) -> Table<BufWriter<File>> {
    Table::begin(BufWriter::new(File::create(path).unwrap()), Format::JsonLines, columns).unwrap()
}

/// What `tandem export` writes, and what the API explains.
fn export(told: &Told, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    let mut journal = table(to.join("journal.jsonl"), &JOURNAL_COLUMNS);
    let written = told.journal().each_line(0, |line| {
        journal.movement(&line, "ledger.db").unwrap();
        Ok(())
    });
    written.unwrap();
    journal.end().unwrap();
    let mut decks = table(to.join("decks.jsonl"), &DECK_COLUMNS);
    let mut known = BTreeMap::new();
    for version in told.store.decks(BEGINS_AT).unwrap() {
        let rows = told.store.deck_rows(version.deck.id).unwrap();
        decks.deck(&version, &rows).unwrap();
        known.insert(version.deck.label(), version.deck.with_rows(&rows).unwrap());
    }
    decks.end().unwrap();
    let mut explained = BufWriter::new(File::create(to.join("explain.jsonl")).unwrap());
    for (_, text) in told.ledger.ended_after(0, usize::MAX).unwrap() {
        let record = from_json(&text).unwrap();
        let deck = record.priced.as_ref().and_then(|priced| known.get(&*priced.deck));
        let found = deck.map_or(DeckFound::Missing, DeckFound::Intact);
        let explanation = explain(&record, &told.ledger.history(record.id.bits()).unwrap(), found);
        writeln!(explained, "{}", serde_json::to_string(&explanation).unwrap()).unwrap();
    }
    explained.flush().unwrap();
}

/// What the other reckoning says in its last line, and whether it found no difference.
fn rerate(folders: &[PathBuf]) -> (String, bool) {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/proof/rerate.py");
    let output = Command::new("python3").arg(program).args(folders).output().expect("python3 is installed");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (said.trim_end().to_owned(), output.status.success())
}

/// R1, R4 to R10, R13: what the switch explains is what anybody can work out from journal and decks.
#[test]
fn what_is_explained_of_random_calls_is_what_another_reckoning_finds() {
    let (calls, seed) = (number("CALLS", CALLS), number("SEED", 1));
    let out = tempfile::tempdir().unwrap();
    let mut folders = Vec::new();
    for world in 0..calls.div_ceil(CALLS_PER_WORLD) {
        let told = tell(seed + world, CALLS_PER_WORLD.min(calls - world * CALLS_PER_WORLD));
        let folder = out.path().join(format!("seed_{}", seed + world));
        export(&told, &folder);
        let proof = told.prove();
        assert!(proof.is_clean(), "seed {}: {proof}", seed + world);
        folders.push(folder);
    }
    let (said, is_clean) = rerate(&folders);
    println!("seeds from {seed}: {said}");
    assert!(is_clean, "{said}");
    assert!(said.starts_with(&format!("{calls} calls")), "{said}");
    // It judges: one amount that is told otherwise is found.
    let path = folders[0].join("explain.jsonl");
    let told = std::fs::read_to_string(&path).unwrap();
    let spoilt = told.replacen("\"billed_s\":30,", "\"billed_s\":36,", 1);
    assert_ne!(told, spoilt, "no call of 30 s in the first world");
    std::fs::write(&path, spoilt).unwrap();
    let (said, is_clean) = rerate(&folders[..1]);
    assert!(!is_clean && said.contains("billed seconds: the switch says 36, it should be 30"), "{said}");
}

/// The id of a call that was charged, as the store has it.
fn a_charged_call(told: &Told) -> (String, u128) {
    let texts = told.ledger.ended_after(0, usize::MAX).unwrap();
    let record = texts.iter().map(|(_, text)| from_json(text).unwrap()).find(|record| record.amount.is_positive());
    let record = record.expect("a call that was charged");
    (record.id.to_string(), record.id.bits())
}

fn who_is_off(proof: &Proof, call: &str) -> Vec<Off> {
    let about = proof.differences.iter().filter(|one| one.call.as_deref() == Some(call));
    let mut off: Vec<Off> = about.flat_map(|one| &one.differences).map(|difference| difference.off).collect();
    off.sort_unstable();
    off.dedup();
    off
}

#[test]
fn a_record_that_somebody_changed_is_found_and_named() {
    let told = tell(11, 20);
    let (call, _) = a_charged_call(&told);
    let changed = told.raw("tandem.db").execute(
        "UPDATE call_records SET record = replace(record, '\"amount\":\"', '\"amount\":\"9') WHERE id = ?1",
        [&call],
    );
    assert_eq!(changed.unwrap(), 1);
    let proof = told.prove();
    assert_eq!((proof.difference_count, who_is_off(&proof, &call)), (1, vec![Off::Record]), "{proof}");
    assert!(proof.to_string().contains("somebody changed it after the call"), "{proof}");
    assert_eq!(proof.differences[0].should, proof.differences[0].journal);
}

#[test]
fn a_record_that_is_gone_is_found_by_what_the_journal_charged() {
    let told = tell(12, 20);
    let (call, _) = a_charged_call(&told);
    told.raw("tandem.db").execute("DELETE FROM call_records WHERE id = ?1", [&call]).unwrap();
    let proof = told.prove();
    assert_eq!((proof.difference_count, who_is_off(&proof, &call)), (1, vec![Off::Record]), "{proof}");
}

#[test]
fn a_capture_that_is_missing_is_found_and_named() {
    let told = tell(13, 20);
    let (call, subject) = a_charged_call(&told);
    let history = told.ledger.history(subject).unwrap();
    let captured = history.iter().find(|line| line.kind == ledger::LineKind::Capture && line.amount > 0).unwrap();
    let row = captured.journal_sequence as i64;
    told.raw("ledger.db").execute("DELETE FROM journal WHERE seq = ?1", [row]).unwrap();
    let proof = told.prove();
    assert!(who_is_off(&proof, &call).contains(&Off::Journal), "{proof}");
    assert!(!who_is_off(&proof, &call).contains(&Off::Record), "{proof}");
}

#[test]
fn a_row_of_a_deck_that_somebody_edited_is_found_with_the_calls_that_it_priced() {
    let told = tell(14, 20);
    let (call, _) = a_charged_call(&told);
    let changed = told.raw("tandem.db").execute("UPDATE deck_rows SET rate = '0.77', fee = '0.33'", []).unwrap();
    assert!(changed > 0);
    let proof = told.prove();
    assert_eq!(who_is_off(&proof, &call), [Off::Deck], "{proof}");
    assert!(proof.to_string().contains("are not what was imported"), "{proof}");
    let first = proof.differences.iter().find(|one| one.call.as_deref() == Some(&*call)).unwrap();
    assert_eq!((&first.should, &first.record), (&first.journal, &first.journal), "the record still proves the charge");
}

#[test]
fn a_month_without_calls_is_proven_too() {
    let told = tell(15, 1);
    let proof = prove(&told.store, &[told.journal()], "2031-12".parse().unwrap(), |_, _| {}).unwrap();
    assert_eq!((proof.calls, proof.is_clean()), (0, true));
    assert!("2026-13".parse::<backoffice::proof::month::Month>().is_err());
}
