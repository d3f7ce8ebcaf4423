//! What the record of a call says that died with its process, where its life had been an eventful one.
#![allow(clippy::unwrap_used)]

use super::*;
use domain::call_record::CallDirection;
use domain::credit::{Account, HoldId, Unit};
use domain::{CallId, CompanyId, Currency, ProfileId, Wall};
use ledger::memory::MemoryLedger;
use std::time::Duration;

const CALL: CallId = CallId::from_bits(7);
const COMPANY: CompanyId = CompanyId::from_bits(1);
const PROFILE: ProfileId = ProfileId::from_bits(2);

fn answered(at: Wall) -> CallRecord {
    CallRecord {
        id: CALL,
        company: COMPANY,
        profile: PROFILE,
        direction: CallDirection::Outbound,
        came_from: None,
        dialled: "+12025550123".to_owned(),
        callee: None,
        caller_id: None,
        destination: String::new(),
        invited_at: at,
        rang_at: None,
        answered_at: Some(at),
        ended_at: at,
        talked_ms: 0,
        billed_s: 0,
        rate_per_minute: Micros::from_cents(2),
        connection_fee: Micros::ZERO,
        priced: None,
        amount: Micros::ZERO,
        written_off: Micros::ZERO,
        currency: Currency::USD,
        cause: ReleaseCause::Normal,
        refusal: None,
        sentence: None,
        status: 200,
        sip_call_id: "a@b".to_owned(),
        attempts: Vec::new(),
        trace: String::new(),
        partner: None,
        q850: None,
        packets: (0, 0),
        packets_lost: (0, 0),
    }
}

fn account(holder: Holder, unit: Unit) -> Account {
    Account { company: COMPANY, holder, unit }
}

fn hold(number: u32, debit: Account, credit: Account, amount: i64) -> Kind {
    let hold = HoldId { subject: CALL.bits(), number };
    Kind::Hold { hold, debit, credit, amount, until: Wall::from_unix_seconds(2_000_000_000) }
}

/// C11, R1: the lease of a living call's channel lapsed twice, another node gave the channel back, and it was taken again under a
/// new number each time. Those numbers are names of channels, not billed seconds.
#[test]
fn a_channel_that_was_taken_again_twice_is_no_billed_time() {
    let answered_at = Wall::from_unix_seconds(1_795_262_400);
    let ledger: Arc<dyn Ledger> = Arc::new(MemoryLedger::new());
    let (money, revenue) = (
        account(Holder::Profile(PROFILE), Unit::Money(Currency::USD)),
        account(Holder::Revenue, Unit::Money(Currency::USD)),
    );
    let (channels, world) = (account(Holder::Profile(PROFILE), Unit::Channels), account(Holder::World, Unit::Channels));
    let release = |number| Kind::Release { hold: HoldId { subject: CALL.bits(), number } };
    let capture = |number, amount| Kind::Capture { hold: HoldId { subject: CALL.bits(), number }, amount };
    let (second, third) = (HoldId::CHANNEL_RETAKEN, HoldId::CHANNEL_RETAKEN + 1);
    let opened = Memo::CallOpened(to_json(&answered(answered_at)).into());
    let world_money = account(Holder::World, Unit::Money(Currency::USD));
    let life = [
        (vec![Kind::Post { debit: world_money, credit: money, amount: 1_000_000 }], None),
        (vec![Kind::Post { debit: world, credit: channels, amount: 1 }], None),
        (vec![hold(HoldId::CHANNEL, channels, world, 1), hold(30, money, revenue, 10_000)], Some(opened)),
        (vec![capture(30, 10_000), hold(36, money, revenue, 2_000)], None),
        (vec![release(HoldId::CHANNEL), hold(second, channels, world, 1)], None),
        (vec![release(second), hold(third, channels, world, 1)], None),
    ];
    for (sequence, (kinds, memo)) in life.into_iter().enumerate() {
        let transfers = kinds.into_iter().map(|kind| Transfer { kind, code: Code::CallCharge }).collect();
        let id = BatchId { subject: CALL.bits(), sequence: sequence as u64 };
        close(&ledger, Batch { id, company: COMPANY, at: answered_at, transfers, memo }).unwrap();
    }

    let found_at = answered_at + Duration::from_secs(600);
    let now = Now { monotonic: domain::Monotonic::default(), wall: found_at };
    let recovered = recover(&ledger, now).unwrap();

    assert_eq!(recovered, Recovered { calls: 1, charged: Micros::from_cents(1), holds: 2 });
    let ended = ledger.ended_after(0, 10).unwrap();
    let record = from_json(&ended[0].1).unwrap();
    assert_eq!((ended.len(), record.billed_s, record.amount), (1, 30, Micros::from_cents(1)));
    assert_eq!((record.talked_ms, record.ended_at), (30_000, answered_at + Duration::from_secs(30)));
    assert_eq!(record.cause, ReleaseCause::SwitchRestarted);
}

/// RFC 8506 5.7: what was spoken while the ledger was away was posted without a hold, the last of it as far as there was credit. Then the
/// process died: the record says all that was charged, and what nobody paid.
#[test]
fn what_a_dead_call_was_charged_without_a_hold_stands_in_its_record() {
    let answered_at = Wall::from_unix_seconds(1_795_262_400);
    let priced = domain::call_record::Priced {
        deck: "standard 1".into(),
        prefix: "1".parse().unwrap(),
        minimum_s: 30,
        increment_s: 6,
        rounding: domain::Rounding::Up,
        scale: 2,
    };
    let rate_per_minute = Micros::from_cents(40);
    let usd = Unit::Money(Currency::USD);
    let (money, revenue) = (account(Holder::Profile(PROFILE), usd), account(Holder::Revenue, usd));
    // Up to 36 s were captured for 0.24; then 0.04 for the increment to 42 s, or 0.07 of the 0.08 for two.
    for (posted, billed_s, written_off) in [(40_000, 42, 0), (70_000, 48, 10_000)] {
        let ledger: Arc<dyn Ledger> = Arc::new(MemoryLedger::new());
        let record = CallRecord { rate_per_minute, priced: Some(priced.clone()), ..answered(answered_at) };
        let opened = Memo::CallOpened(to_json(&record).into());
        let capture = |number, amount| Kind::Capture { hold: HoldId { subject: CALL.bits(), number }, amount };
        let (channels, world) =
            (account(Holder::Profile(PROFILE), Unit::Channels), account(Holder::World, Unit::Channels));
        let credit = Kind::Post { debit: account(Holder::World, usd), credit: money, amount: 1_000_000 };
        let life = [
            (Code::TopUp, vec![credit, Kind::Post { debit: world, credit: channels, amount: 1 }], None),
            (
                Code::CallCharge,
                vec![hold(HoldId::CHANNEL, channels, world, 1), hold(30, money, revenue, 200_000)],
                Some(opened),
            ),
            (Code::CallCharge, vec![capture(30, 200_000), hold(36, money, revenue, 40_000)], None),
            (Code::CallCharge, vec![capture(36, 40_000)], None),
            (Code::CallCharge, vec![Kind::Post { debit: money, credit: revenue, amount: posted }], None),
        ];
        for (sequence, (code, kinds, memo)) in (0u64..).zip(life) {
            let subject = if code == Code::TopUp { 99 } else { CALL.bits() };
            let transfers = kinds.into_iter().map(|kind| Transfer { kind, code }).collect();
            let id = BatchId { subject, sequence };
            close(&ledger, Batch { id, company: COMPANY, at: answered_at, transfers, memo }).unwrap();
        }
        recover(&ledger, Now { monotonic: domain::Monotonic::default(), wall: answered_at }).unwrap();
        let record = from_json(&ledger.ended_after(0, 10).unwrap()[0].1).unwrap();
        assert_eq!(record.amount, Micros::new(240_000 + posted), "what is in the revenue");
        assert_eq!(ledger.balance(revenue).posted, record.amount.get());
        assert_eq!((record.billed_s, record.written_off), (billed_s, Micros::new(written_off)));
    }
}

/// What a dead call held counts against the cap of its day no more; what it paid does.
#[test]
fn what_a_dead_call_held_is_not_counted_any_more() {
    let answered_at = Wall::from_unix_seconds(1_795_262_400);
    let ledger: Arc<dyn Ledger> = Arc::new(MemoryLedger::new());
    let usd = Unit::Money(Currency::USD);
    let (money, revenue) = (account(Holder::Profile(PROFILE), usd), account(Holder::Revenue, usd));
    let (today, tomorrow) = (Unit::Day(20_778), Unit::Day(20_779));
    let transfer = |(kind, code)| Transfer { kind, code };
    let count = |unit, amount| {
        let (debit, credit) = (account(Holder::World, unit), account(Holder::Profile(PROFILE), unit));
        (Kind::PostIfAvailableAtMost { debit, credit, amount, watched: credit, limit: 90_000 }, Code::DailyCap)
    };
    let held = |number, amount| (hold(number, money, revenue, amount), Code::CallCharge);
    let capture = Kind::Capture { hold: HoldId { subject: CALL.bits(), number: 30 }, amount: 10_000 };
    let credit = Kind::Post { debit: account(Holder::World, usd), credit: money, amount: 1_000_000 };
    let opened = Memo::CallOpened(to_json(&answered(answered_at)).into());
    let life = [
        (vec![(credit, Code::TopUp)], None),
        (vec![count(today, 10_000), held(30, 10_000)], Some(opened)),
        (vec![(capture, Code::CallCharge), count(tomorrow, 2_000), held(36, 2_000)], None),
    ];
    for (sequence, (kinds, memo)) in (0u64..).zip(life) {
        let transfers = kinds.into_iter().map(transfer).collect();
        let id = BatchId { subject: CALL.bits(), sequence };
        close(&ledger, Batch { id, company: COMPANY, at: answered_at, transfers, memo }).unwrap();
    }
    let counted = |unit| ledger.balance(account(Holder::Profile(PROFILE), unit)).posted;
    assert_eq!((counted(today), counted(tomorrow)), (10_000, 2_000));
    recover(&ledger, Now { monotonic: domain::Monotonic::default(), wall: answered_at }).unwrap();
    assert_eq!((counted(today), counted(tomorrow)), (10_000, 0));
    assert!(ledger.verify().unwrap().is_clean());
}

/// R8: what a call was refused is known to the ledger under that number, and to no journal; who closes its books takes the next one.
#[test]
fn a_dead_call_that_was_refused_its_next_increment_is_closed_all_the_same() {
    let at = Wall::from_unix_seconds(1_795_262_400);
    let ledger: Arc<dyn Ledger> = Arc::new(MemoryLedger::new());
    let (money, revenue) = (
        account(Holder::Profile(PROFILE), Unit::Money(Currency::USD)),
        account(Holder::Revenue, Unit::Money(Currency::USD)),
    );
    let world = account(Holder::World, Unit::Money(Currency::USD));
    let opened = Memo::CallOpened(to_json(&answered(at)).into());
    let post = |subject, sequence, kind, memo| {
        let transfers = vec![Transfer { kind, code: Code::CallCharge }];
        ask(&ledger, Batch { id: BatchId { subject, sequence }, company: COMPANY, at, transfers, memo }).unwrap()
    };
    assert!(matches!(
        post(99, 0, Kind::Post { debit: world, credit: money, amount: 10_000 }, None),
        Outcome::Applied(_)
    ));
    assert!(matches!(post(CALL.bits(), 0, hold(30, money, revenue, 10_000), Some(opened)), Outcome::Applied(_)));
    for sequence in [1, 2] {
        assert!(matches!(post(CALL.bits(), sequence, hold(36, money, revenue, 10_000), None), Outcome::Refused(_)));
    }
    let now = Now { monotonic: domain::Monotonic::from_micros(0), wall: at };
    assert_eq!(recover(&ledger, now).map(|recovered| (recovered.calls, recovered.holds)), Ok((1, 1)));
    assert!(ledger.unfinished().unwrap().is_empty());
    assert_eq!(ledger.balance(money).held, 0);
}
