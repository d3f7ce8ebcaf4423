//! The clerk: who posts to a ledger in tests, and holds its books against the specification.
//!
//! | File | Holds |
//! |---|---|
//! | here | one company, its accounts, and ways to post and wait |
//! | `posting` | batches by chance: calls, payments, repeats, nonsense |
//! | `comparing` | what one engine and the specification must agree on |
//! | `together` | what several nodes and the specification must agree on, and what is forgotten with a node |
//! | `roster` | the nodes of a house, in memory |
//! | `pair` | two nodes on one Redis |
//! | `server`, `several`, `kinds` | real Redis servers of the test's own: one, a cluster, a watched master |
//!
//! For tests only, those of `ledger` and of `testkit`. What happens to an engine between two batches is in the test of each engine.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

pub mod comparing;
pub mod kinds;
pub mod pair;
pub mod posting;
pub mod roster;
pub mod server;
pub mod several;
pub mod together;

use domain::credit::{
    Account, Balance, Batch, BatchId, BatchRefusal, Code, Durability, HoldId, Holder, Kind, Memo, Outcome,
    RefusedBecause, Transfer, Unit,
};
use domain::{CompanyId, Currency, ProfileId, Wall};
use ledger::Ledger;
use ledger::sqlite::{Settings, SqliteLedger};
use std::sync::mpsc::sync_channel;
use std::time::Duration;

/// Dollars.
pub const USD: Unit = Unit::Money(Currency::USD);

/// The company of this number.
pub fn company(number: u128) -> CompanyId {
    CompanyId::from_bits(number)
}

/// An account of a company.
pub fn account(company_number: u128, holder: Holder, unit: Unit) -> Account {
    Account { company: company(company_number), holder, unit }
}

/// Where the first company gets a unit from.
pub fn world(unit: Unit) -> Account {
    account(1, Holder::World, unit)
}

/// What the first company pays into.
pub fn revenue() -> Account {
    account(1, Holder::Revenue, USD)
}

/// What the first company has.
pub fn purse() -> Account {
    account(1, Holder::Company, USD)
}

/// What the first profile of the first company has.
pub fn profile() -> Account {
    account(1, Holder::Profile(ProfileId::from_bits(1)), USD)
}

/// The channels of that profile.
pub fn channels() -> Account {
    account(1, Holder::Profile(ProfileId::from_bits(1)), Unit::Channels)
}

/// What counts against the profile's cap of a day.
pub fn day(number: u16) -> Account {
    account(1, Holder::Profile(ProfileId::from_bits(1)), Unit::Day(number))
}

/// So much more counts against a cap.
pub fn count(number: u16, amount: i64, cap: i64) -> Transfer {
    let (debit, credit) = (world(Unit::Day(number)), day(number));
    let kind = Kind::PostIfAvailableAtMost { debit, credit, amount, watched: credit, limit: cap - amount };
    Transfer { kind, code: Code::DailyCap }
}

/// The tick of this number of a call: each captures what the one before it held, and the channel is held longer.
pub fn tick(call: u128, sequence: u32) -> Batch {
    let transfers = vec![capture(call, sequence, 1), hold(call, sequence + 1, profile(), 1), extend(call, 0, at(120))];
    batch(call, u64::from(sequence), transfers)
}

/// So many seconds after 1970.
pub fn at(seconds: i64) -> Wall {
    Wall::from_unix_seconds(seconds)
}

/// A payment.
pub fn post(debit: Account, credit: Account, amount: i64, code: Code) -> Transfer {
    Transfer { kind: Kind::Post { debit, credit, amount }, code }
}

/// A hold for a minute: of channels and bundle seconds for the world, of money for revenue.
pub fn hold(subject: u128, number: u32, debit: Account, amount: i64) -> Transfer {
    let credit = match debit.unit {
        Unit::Channels | Unit::BundleSeconds | Unit::Day(_) => Account { holder: Holder::World, ..debit },
        Unit::Money(_) => Account { holder: Holder::Revenue, ..debit },
    };
    let hold = HoldId { subject, number };
    let code = if debit.unit == Unit::Channels { Code::ChannelUse } else { Code::CallCharge };
    Transfer { kind: Kind::Hold { hold, debit, credit, amount, until: at(60) }, code }
}

/// Takes so much of a hold.
pub fn capture(subject: u128, number: u32, amount: i64) -> Transfer {
    Transfer { kind: Kind::Capture { hold: HoldId { subject, number }, amount }, code: Code::CallCharge }
}

/// Gives a hold back.
pub fn release(subject: u128, number: u32) -> Transfer {
    Transfer { kind: Kind::Release { hold: HoldId { subject, number } }, code: Code::CallCharge }
}

/// Prolongs a hold.
pub fn extend(subject: u128, number: u32, until: Wall) -> Transfer {
    Transfer { kind: Kind::Extend { hold: HoldId { subject, number }, until }, code: Code::ChannelUse }
}

/// What the first company posts in the first second.
pub fn batch(subject: u128, sequence: u64, transfers: Vec<Transfer>) -> Batch {
    Batch { id: BatchId { subject, sequence }, company: company(1), at: at(1), transfers, memo: None }
}

/// The same, with something to remember.
pub fn with_memo(batch: Batch, memo: Memo) -> Batch {
    Batch { memo: Some(memo), ..batch }
}

/// Posts and waits for the answer. Every second batch of a call is asked as its profile asks: on the spot, where the engine can.
pub fn ask(ledger: &dyn Ledger, batch: Batch, durability: Durability) -> Outcome {
    let on_the_spot = durability == Durability::WithNextGroup && batch.id.sequence.is_multiple_of(2);
    let batch = match on_the_spot.then(|| ledger.answer_now(batch.clone())) {
        Some(Ok(outcome)) => return outcome,
        Some(Err(same)) => {
            assert_eq!(same, batch, "what cannot be answered at once is given back as it was");
            same
        }
        None => batch,
    };
    let (tell, told) = sync_channel(1);
    ledger.submit(batch, durability, Box::new(move |outcome| tell.send(outcome).unwrap()));
    told.recv_timeout(Duration::from_secs(60)).expect("the ledger answers")
}

/// Posts as a call does.
pub fn tell(ledger: &dyn Ledger, batch: Batch) -> Outcome {
    ask(ledger, batch, Durability::WithNextGroup)
}

/// Posts as a call does, once the queue to the disk has room.
pub fn tell_when_there_is_room(ledger: &dyn Ledger, batch: Batch) -> Outcome {
    loop {
        match tell(ledger, batch.clone()) {
            Outcome::Unavailable => ledger.flush().unwrap(),
            outcome => return outcome,
        }
    }
}

/// Posts as a person does.
pub fn order(ledger: &dyn Ledger, batch: Batch) -> Outcome {
    ask(ledger, batch, Durability::BeforeAnswer)
}

/// Whether it was done.
pub fn is_applied(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Applied(_))
}

/// Why it was refused.
pub fn because(outcome: &Outcome) -> RefusedBecause {
    match outcome {
        Outcome::Refused(BatchRefusal { because, .. }) => *because,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

/// A refusal of this transfer, for this reason.
pub fn refused(transfer: usize, because: RefusedBecause) -> Outcome {
    Outcome::Refused(BatchRefusal { transfer, because })
}

/// The reason that no more than this was available.
pub fn too_little(account: Account, available: i64) -> RefusedBecause {
    RefusedBecause::InsufficientFunds { account, available }
}

/// A balance.
pub fn has(posted: i64, held: i64) -> Balance {
    Balance { posted, held }
}

/// Gives the profile credit and channels.
pub fn endow(ledger: &dyn Ledger, money: i64, channel_count: i64) {
    let transfers = vec![
        post(world(USD), purse(), money, Code::TopUp),
        post(purse(), profile(), money, Code::Allocate),
        post(world(Unit::Channels), channels(), channel_count, Code::Subscription),
    ];
    assert!(is_applied(&order(ledger, batch(u128::MAX, 0, transfers))));
}

/// A clean ledger: whatever the test did, the laws hold.
pub fn assert_sound(ledger: &dyn Ledger) {
    let verification = ledger.verify().unwrap();
    assert!(verification.is_clean(), "{verification}");
    for (unit, sums) in ledger.totals().units {
        assert_eq!(sums.imbalance, 0, "{unit:?} sums to zero");
    }
}

/// The sqlite engine, with its file in this folder.
pub fn open_in(folder: &std::path::Path) -> SqliteLedger {
    SqliteLedger::open(Settings::new(folder.join("ledger.db"))).unwrap()
}

/// Posts the same batch until the ledger can answer, as a call does; half a minute at most.
pub fn insist(ledger: &dyn Ledger, batch: &Batch) -> Outcome {
    for _ in 0..30_000 {
        match order(ledger, batch.clone()) {
            Outcome::Unavailable => std::thread::park_timeout(Duration::from_millis(1)),
            outcome => return outcome,
        }
    }
    panic!("the ledger never answered again");
}
