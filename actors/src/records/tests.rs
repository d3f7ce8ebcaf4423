//! What waits for a store that cannot be written to shows, and is gone when it can.
#![allow(clippy::unwrap_used)]

use super::*;
use domain::call_record::{CallDirection, CallRecord};
use domain::credit::{Batch, BatchId, Durability, Memo, Outcome};
use domain::{CallId, CompanyId, Currency, Entropy, Micros, ProfileId, ReleaseCause, Wall};
use ledger::memory::MemoryLedger;
use store::record_json::to_json;
use telemetry::Build;

/// A call that nobody answered and that ended at this time.
fn record(ended_at: Wall) -> CallRecord {
    let mut entropy = Entropy::from_seed([7; 16]);
    CallRecord {
        id: CallId::mint(ended_at, &mut entropy),
        company: CompanyId::mint(ended_at, &mut entropy),
        profile: ProfileId::mint(ended_at, &mut entropy),
        direction: CallDirection::Outbound,
        came_from: None,
        dialled: "+12025550123".to_owned(),
        callee: None,
        caller_id: None,
        destination: String::new(),
        invited_at: ended_at,
        rang_at: None,
        answered_at: None,
        ended_at,
        talked_ms: 0,
        billed_s: 0,
        rate_per_minute: Micros::ZERO,
        connection_fee: Micros::ZERO,
        priced: None,
        amount: Micros::ZERO,
        written_off: Micros::ZERO,
        currency: Currency::USD,
        cause: ReleaseCause::NoAnswer,
        refusal: None,
        sentence: None,
        status: 480,
        sip_call_id: "a@b".to_owned(),
        attempts: Vec::new(),
        packets: (0, 0),
        trace: String::new(),
        partner: None,
        q850: None,
        packets_lost: (0, 0),
    }
}

fn number(telemetry: &Telemetry, metric: &str) -> f64 {
    let page = telemetry.render();
    let line = page.lines().find(|line| line.split(' ').next() == Some(metric)).unwrap();
    line.rsplit_once(' ').unwrap().1.parse().unwrap()
}

#[test]
fn a_record_that_the_store_does_not_take_is_shown_with_its_age_until_it_does() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Clock::start();
    let store = Arc::new(
        Store::open(store::Opening {
            directory: directory.path(),
            sip_user_prefix: store::SipUserPrefix::default(),
            now: clock.now().wall,
            random: Box::new(|bytes| bytes.fill(7)),
        })
        .unwrap(),
    );
    let ledger: Arc<dyn Ledger> = Arc::new(MemoryLedger::new());
    let build = Build { version: "test", revision: "test", rustc: "test" };
    let telemetry = Arc::new(Telemetry::install(build).unwrap());
    let record = record(clock.now().wall - Duration::from_secs(100));
    let batch = Batch {
        id: BatchId { subject: 1, sequence: 0 },
        company: record.company,
        at: record.ended_at,
        transfers: Vec::new(),
        memo: Some(Memo::CallEnded(to_json(&record).into())),
    };
    let (told, heard) = sync_channel(1);
    let reply = Box::new(move |outcome| told.send(outcome).unwrap());
    ledger.submit(batch, Durability::BeforeAnswer, reply);
    assert!(matches!(heard.recv().unwrap(), Outcome::Applied(_)));
    let work = Work {
        ledger,
        store: Arc::clone(&store),
        telemetry: Arc::clone(&telemetry),
        clock,
        drained_to: AtomicU64::new(0),
        journal: "ledger.db".to_owned(),
    };
    let stranger = rusqlite::Connection::open(directory.path().join(store::FILE_NAME)).unwrap();

    // A store without its table of records takes none; one without its watermark cannot even be read.
    for table in ["call_records", "meta"] {
        stranger.execute_batch(&format!("ALTER TABLE {table} RENAME TO hidden")).unwrap();
        telemetry.set_record_backlog(0, Duration::ZERO);
        assert!(work.copy_all().is_err());
        assert_eq!(number(&telemetry, "tandem_cdr_spool_records"), 1.0, "without {table}");
        let age = number(&telemetry, "tandem_cdr_oldest_unwritten_seconds");
        assert!((100.0..160.0).contains(&age), "without {table}: {age} s");
        stranger.execute_batch(&format!("ALTER TABLE hidden RENAME TO {table}")).unwrap();
    }

    work.copy_all().unwrap();
    assert_eq!(store.call_record(record.id).unwrap(), record);
    assert_eq!(number(&telemetry, "tandem_cdr_spool_records"), 0.0);
    assert_eq!(number(&telemetry, "tandem_cdr_oldest_unwritten_seconds"), 0.0);
    assert_eq!(number(&telemetry, "tandem_cdrs_total{outcome=\"written\"}"), 1.0);
}
