//! Opening: migrations, reopening, and databases that are not ours to open.
//!
//! Keys are in `passwords.rs`.

use crate::world::{BY_OPERATOR, NOON, World, opening};
use rusqlite::Connection;
use store::{CallFilter, Error, FILE_NAME, Store};

#[test]
fn a_database_of_a_newer_program_is_refused_in_words_and_left_as_it_is() {
    let world = World::new();
    let path = world.directory.path().join(FILE_NAME);
    let raw = Connection::open(&path).unwrap();
    raw.execute("INSERT INTO schema_versions VALUES (999, 0)", []).unwrap();

    let refused = Store::open(opening(world.directory.path(), 4)).unwrap_err();
    assert!(matches!(refused, Error::NewerSchema { found: 999, known: 25, .. }));
    let sentence = refused.to_string();
    assert!(
        sentence.contains(
            "has schema version 999, but this program knows versions up to 25: start the newer version again"
        )
    );
    let companies: i64 = raw.query_row("SELECT count(*) FROM companies", [], |row| row.get(0)).unwrap();
    assert_eq!(companies, 1);
}

#[test]
fn opening_again_migrates_nothing_and_loses_nothing() {
    let mut world = World::new();
    world.profile();
    let before = world.store.snapshot(NOON).unwrap();
    let world = world.restart();
    assert_eq!(world.store.snapshot(NOON).unwrap(), before);
    let raw = Connection::open(world.store.path()).unwrap();
    let versions: Vec<(i64, i64)> = raw
        .prepare("SELECT version, applied_us FROM schema_versions")
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(
        versions,
        [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25]
            .map(|version| (version, crate::world::NOON.as_unix_micros()))
    );
}

#[test]
fn the_legs_of_a_database_of_version_one_are_found_after_its_migration() {
    let mut world = World::new();
    let (profile, _) = world.profile();
    let record = world.call(profile.id, 0);
    world.store.insert_records(&[(1, record.clone())]).unwrap();
    let raw = Connection::open(world.store.path()).unwrap();
    raw.execute_batch(
        "ALTER TABLE call_legs RENAME TO kept;
         CREATE TABLE call_legs (sip_call_id TEXT NOT NULL, call TEXT NOT NULL REFERENCES call_records (id) ON DELETE CASCADE,
           PRIMARY KEY (sip_call_id, call)) STRICT, WITHOUT ROWID;
         INSERT INTO call_legs SELECT * FROM kept;
         DROP TABLE kept;
         ALTER TABLE carriers DROP COLUMN inbound_sources;
         ALTER TABLE profiles DROP COLUMN incoming_to;
         DROP INDEX numbers_by_account;
         ALTER TABLE numbers DROP COLUMN account;
         DROP TABLE business_accounts;
         DROP TABLE verifications;
         DROP TABLE landlines;
         DROP TABLE profile_manners;
         DROP TABLE carrier_manners;
         DROP TABLE carrier_accounts;
         DROP TABLE node_parts;
         DROP TABLE nodes;
         DROP TABLE house;
         ALTER TABLE carriers DROP COLUMN outbound_proxy;
         ALTER TABLE carriers DROP COLUMN redirects;
         ALTER TABLE carriers DROP COLUMN redirect_networks;
         ALTER TABLE carriers DROP COLUMN weight;
         ALTER TABLE carriers DROP COLUMN channels;
         ALTER TABLE carriers DROP COLUMN calls_per_second;
         ALTER TABLE carriers DROP COLUMN number_format;
         ALTER TABLE carriers DROP COLUMN response_timeout_s;
         ALTER TABLE carriers DROP COLUMN options_interval_s;
         ALTER TABLE carriers DROP COLUMN buy_deck;
         DROP INDEX call_records_by_sequence;
         DROP TABLE deck_turns;
         DROP TABLE deck_shadows;
         ALTER TABLE decks ADD COLUMN active INTEGER NOT NULL DEFAULT 0;
         CREATE UNIQUE INDEX one_active_version ON decks (name) WHERE active = 1;
         ALTER TABLE decks DROP COLUMN imported_by;
         ALTER TABLE decks DROP COLUMN content;
         ALTER TABLE deck_rows DROP COLUMN scale;
         ALTER TABLE profiles DROP COLUMN certificates;
         ALTER TABLE profiles DROP COLUMN contact;
         ALTER TABLE profiles DROP COLUMN warn_before;
         ALTER TABLE profiles DROP COLUMN max_rate;
         ALTER TABLE profiles DROP COLUMN max_call_cost;
         ALTER TABLE carriers DROP COLUMN certificates;
         ALTER TABLE profiles DROP COLUMN srtp;
         ALTER TABLE profiles DROP COLUMN calls_per_second;
         ALTER TABLE carriers DROP COLUMN srtp;
         ALTER TABLE profiles DROP COLUMN t38;
         ALTER TABLE carriers DROP COLUMN t38;
         ALTER TABLE profiles DROP COLUMN dtmf;
         ALTER TABLE profiles DROP COLUMN advice;
         ALTER TABLE profiles DROP COLUMN credit_failure;
         ALTER TABLE carriers DROP COLUMN dtmf;
         ALTER TABLE carriers DROP COLUMN media_networks;
         DROP TABLE acquaintances; DROP TABLE breakers; DROP TABLE breaker_limits;
         DROP TABLE journal_subjects; DROP TABLE journal_segments;
         ALTER TABLE profiles DROP COLUMN fraud_rules;
         ALTER TABLE profiles DROP COLUMN daily_cap_follows;
         ALTER TABLE profiles DROP COLUMN suspended_us;
         ALTER TABLE profiles DROP COLUMN suspended_by;
         ALTER TABLE profiles DROP COLUMN suspended_because;
         ALTER TABLE profiles DROP COLUMN released_us;
         ALTER TABLE profiles DROP COLUMN released_by;
         DROP TABLE company_recharges; DROP TABLE payments; DROP TABLE payment_notices;
         DROP TABLE webhook_deliveries; DROP TABLE webhooks;
         DELETE FROM schema_versions WHERE version > 1;",
    )
    .unwrap();
    let world = world.restart();
    for leg in [&record.sip_call_id, &record.attempts[0].sip_call_id] {
        let filter = CallFilter { sip_call_id: Some(leg.clone()), ..CallFilter::default() };
        assert_eq!(
            world.store.call_records(&filter, None, 10).unwrap().records,
            std::slice::from_ref(&record),
            "{leg}"
        );
    }
}

#[test]
fn a_file_that_is_no_database_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join(FILE_NAME), "not a database, but long enough to look like a file".repeat(99))
        .unwrap();
    assert!(matches!(Store::open(opening(directory.path(), 1)), Err(Error::Database(_))));
}

#[test]
fn a_directory_that_cannot_be_made_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, "").unwrap();
    let refused = Store::open(opening(&file.join("data"), 1)).unwrap_err().to_string();
    assert!(refused.contains("file/data: "), "{refused}");
}

#[test]
fn two_stores_on_one_file_see_each_others_changes() {
    let mut world = World::new();
    let other = Store::open(opening(world.directory.path(), 5)).unwrap();
    let version = other.config_version().unwrap();
    let (profile, password) = world.profile();
    assert_eq!(other.config_version().unwrap(), version + 1);
    assert_eq!(other.profile(profile.id).unwrap(), profile);
    assert_eq!(other.reveal_password(profile.id, BY_OPERATOR).unwrap().reveal(), password.reveal());
}

#[test]
fn many_threads_read_while_one_writes() {
    let mut world = World::new();
    let profiles: Vec<_> = (0..40).map(|_| world.new_profile()).collect();
    let store = &world.store;
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..12)
            .map(|_| {
                scope.spawn(|| {
                    // A snapshot is of one instant: version and rows always fit together (one company, then profiles).
                    loop {
                        let seen = store.snapshot(NOON).unwrap();
                        assert_eq!(seen.config_version, 2 + seen.profiles.len() as u64);
                        if seen.profiles.len() == 40 {
                            break;
                        }
                    }
                })
            })
            .collect();
        for new in &profiles {
            store.create_profile(new, &crate::world::ha1, BY_OPERATOR).unwrap();
        }
        readers.into_iter().for_each(|reader| reader.join().unwrap());
    });
}
