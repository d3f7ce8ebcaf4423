//! Payments and what companies agreed to: one automatic one at a time, nothing ever goes back, a notice is noted once (A3).

use crate::world::{BY_OPERATOR, NOON, World};
use domain::payment::{Payment, PaymentState};
use domain::{Currency, Micros, PaymentId, Wall};
use std::time::Duration;
use store::{CompanyRecharge, Error};

fn payment(world: &World, bits: u128, automatic: bool) -> Payment {
    Payment {
        id: PaymentId::from_bits(bits),
        company: world.company,
        currency: Currency::USD,
        amount: Micros::from_cents(5_000),
        automatic,
        method: Some("card-1".into()),
        provider: "http".into(),
        state: PaymentState::Opened,
        reference: None,
        attempts: 0,
        because: None,
        opened_at: NOON,
        changed_at: NOON,
    }
}

#[test]
fn a_payment_reads_back_after_a_restart_and_is_written_down_once() {
    let world = World::new();
    let wanted = payment(&world, 1, true);
    assert_eq!(world.store.open_payment(&wanted, BY_OPERATOR).unwrap(), wanted);
    let paid = Payment {
        state: PaymentState::Paid,
        reference: Some("ch_1".into()),
        attempts: 3,
        because: Some("approved".into()),
        changed_at: NOON + Duration::from_secs(5),
        ..wanted.clone()
    };
    world.store.keep_payment(&paid, BY_OPERATOR).unwrap();
    let world = world.restart();
    assert_eq!(world.store.payment(wanted.id).unwrap(), paid);
    assert_eq!(world.store.open_payment(&wanted, BY_OPERATOR).unwrap(), paid, "it is there already");
    assert_eq!(world.store.open_payments("http").unwrap(), std::slice::from_ref(&paid));
    assert_eq!(
        world.store.open_payments("sandbox").unwrap(),
        std::slice::from_ref(&paid),
        "to book it nobody need be asked"
    );
    assert_eq!(world.store.orphaned_payments(Some("sandbox")).unwrap(), std::slice::from_ref(&paid));
    assert_eq!(world.store.orphaned_payments(None).unwrap(), std::slice::from_ref(&paid));
    assert_eq!(world.store.orphaned_payments(Some("http")).unwrap(), []);
    assert_eq!(world.store.payments(world.company, NOON).unwrap(), [paid]);
    assert_eq!(world.store.payments(world.company, NOON + Duration::from_micros(1)).unwrap(), []);
}

#[test]
fn a_company_has_one_automatic_payment_that_is_open_and_not_too_many_others() {
    let world = World::new();
    let first = world.store.open_payment(&payment(&world, 1, true), BY_OPERATOR).unwrap();
    let second = payment(&world, 2, true);
    assert!(matches!(world.store.open_payment(&second, BY_OPERATOR), Err(Error::Conflict { .. })));
    for bits in 10..29 {
        world.store.open_payment(&payment(&world, bits, false), BY_OPERATOR).unwrap();
    }
    let one_more = world.store.open_payment(&payment(&world, 30, false), BY_OPERATOR);
    assert!(matches!(one_more, Err(Error::Conflict { .. })), "twenty are open");
    world.store.keep_payment(&Payment { state: PaymentState::Declined, ..first }, BY_OPERATOR).unwrap();
    world.store.open_payment(&second, BY_OPERATOR).unwrap();
}

#[test]
fn a_state_that_another_node_has_brought_further_stays() {
    let world = World::new();
    let opened = world.store.open_payment(&payment(&world, 1, true), BY_OPERATOR).unwrap();
    let at = |state| Payment { state, ..opened.clone() };
    let steps = [
        (PaymentState::Pending, PaymentState::Pending),
        (PaymentState::Opened, PaymentState::Pending),
        (PaymentState::Declined, PaymentState::Declined),
        (PaymentState::Pending, PaymentState::Declined),
        (PaymentState::Paid, PaymentState::Paid),
        (PaymentState::Declined, PaymentState::Paid),
        (PaymentState::Booked, PaymentState::Booked),
        (PaymentState::Paid, PaymentState::Booked),
    ];
    for (kept, expected) in steps {
        world.store.keep_payment(&at(kept), BY_OPERATOR).unwrap();
        assert_eq!(world.store.payment(opened.id).unwrap().state, expected, "after {}", kept.as_str());
    }
}

#[test]
fn what_a_company_agreed_to_is_kept_until_it_is_taken_back_and_rests_while_the_company_is_stopped() {
    let world = World::new();
    let agreed = CompanyRecharge {
        company: world.company,
        amount: Micros::from_cents(5_000),
        threshold: Micros::from_cents(2_000),
        day_max: Micros::from_cents(15_000),
        month_max: Micros::from_cents(100_000),
        method: None,
        set_at: NOON,
    };
    world.store.set_company_recharge(world.company, Some(&agreed), BY_OPERATOR).unwrap();
    assert_eq!(world.store.company_recharges().unwrap(), std::slice::from_ref(&agreed));
    let stopped = store::CompanyPatch { suspended: Some(true), ..store::CompanyPatch::default() };
    world.store.update_company(world.company, &stopped, BY_OPERATOR).unwrap();
    assert_eq!(world.store.company_recharges().unwrap(), []);
    assert_eq!(world.store.company_recharge(world.company).unwrap(), Some(agreed));
    world.store.set_company_recharge(world.company, None, BY_OPERATOR).unwrap();
    assert_eq!(world.store.company_recharge(world.company).unwrap(), None);
}

#[test]
fn a_notice_is_noted_once_and_forgotten_when_it_would_be_too_old() {
    let world = World::new();
    let long_ago = Wall::from_unix_micros(0);
    assert!(!world.store.knows_payment_notice("n1").unwrap());
    assert!(world.store.note_payment_notice("n1", NOON, long_ago).unwrap());
    assert!(!world.store.note_payment_notice("n1", NOON, long_ago).unwrap());
    assert!(world.store.knows_payment_notice("n1").unwrap());
    let later = NOON + Duration::from_secs(601);
    assert!(world.store.note_payment_notice("n2", later, NOON + Duration::from_secs(1)).unwrap());
    assert!(!world.store.knows_payment_notice("n1").unwrap());
}
