//! Webhooks and their deliveries: nothing is taken twice at once, nothing waits without a bound, and the log is kept for a week.

use crate::world::{BY_OPERATOR, NOON, World};
use domain::{Topic, Topics, WebhookId};
use std::time::Duration;
use store::delivery::WAITING_MAX;
use store::webhook::WEBHOOKS_MAX;
use store::{Attempted, DeliveryState, Error, NewDelivery, Webhook, WebhookPatch};

const HOOK: WebhookId = WebhookId::from_bits(1);

fn webhook(world: &World, bits: u128) -> Webhook {
    Webhook {
        id: WebhookId::from_bits(bits),
        company: Some(world.company),
        url: "https://hooks.example.com/tandem".to_owned(),
        topics: [Topic::CallEnded, Topic::CallCharged].into_iter().collect(),
        enabled: true,
        because: None,
        failing_since: None,
        former_until: None,
        created_at: NOON,
    }
}

fn made() -> World {
    let world = World::new();
    let wanted = webhook(&world, 1);
    assert_eq!(world.store.create_webhook(&wanted, "whsec_one", BY_OPERATOR).unwrap(), wanted);
    world
}

fn delivery(number: u32) -> NewDelivery {
    NewDelivery { webhook: HOOK, event: format!("evt_{number}"), topic: Topic::CallEnded, body: "{}".to_owned() }
}

#[test]
fn a_webhook_has_two_secrets_for_as_long_as_it_was_said_and_then_one() {
    let world = made();
    let until = NOON + Duration::from_secs(60);
    let rotated = world.store.rotate_webhook(HOOK, "whsec_two", until, BY_OPERATOR).unwrap();
    assert_eq!(rotated.former_until, Some(until));
    assert_eq!(world.store.webhook_secrets(HOOK, NOON).unwrap(), ["whsec_two", "whsec_one"]);
    assert_eq!(world.store.webhook_secrets(HOOK, until).unwrap(), ["whsec_two"]);
}

#[test]
fn a_webhook_is_changed_listed_and_removed_with_everything_of_it() {
    let world = made();
    let patch = WebhookPatch { topics: Some(Topics::all()), enabled: Some(false), ..WebhookPatch::default() };
    let changed = world.store.update_webhook(HOOK, &patch, BY_OPERATOR).unwrap();
    assert_eq!((changed.topics, changed.enabled), (Topics::all(), false));
    let none = WebhookPatch { topics: Some(Topics::NONE), ..WebhookPatch::default() };
    assert!(matches!(world.store.update_webhook(HOOK, &none, BY_OPERATOR), Err(Error::Invalid { field: "types", .. })));
    assert_eq!(world.store.webhooks(Some(world.company)).unwrap(), [changed]);
    world.store.enqueue_deliveries(&[delivery(1)], NOON).unwrap();
    world.store.remove_webhook(HOOK, BY_OPERATOR).unwrap();
    assert_eq!(world.store.waiting_deliveries().unwrap(), 0);
    assert_eq!(world.store.enqueue_deliveries(&[delivery(2)], NOON).unwrap(), 0, "nobody is there any more");
    assert!(matches!(world.store.webhook(HOOK), Err(Error::NotFound { .. })));
}

#[test]
fn there_are_so_many_webhooks_of_a_company_and_no_more() {
    let world = made();
    for bits in 2..=u128::from(WEBHOOKS_MAX) {
        world.store.create_webhook(&webhook(&world, bits), "s", BY_OPERATOR).unwrap();
    }
    let refused = world.store.create_webhook(&webhook(&world, 999), "s", BY_OPERATOR);
    assert!(matches!(refused, Err(Error::Conflict { .. })), "{refused:?}");
    let of_the_house = Webhook { company: None, ..webhook(&world, 999) };
    world.store.create_webhook(&of_the_house, "s", BY_OPERATOR).unwrap();
}

#[test]
fn a_delivery_is_taken_by_one_and_comes_back_where_that_one_is_lost() {
    let world = made();
    world.store.enqueue_deliveries(&[delivery(1), delivery(2)], NOON).unwrap();
    let claimed = world.store.claim_deliveries(9, &[], NOON).unwrap();
    assert_eq!(claimed.iter().map(|one| &*one.event).collect::<Vec<_>>(), ["evt_1"], "one at a time, in order");
    let second = world.store.claim_deliveries(9, &[], NOON).unwrap();
    assert_eq!(second[0].event, "evt_2");
    assert!(world.store.claim_deliveries(9, &[], NOON).unwrap().is_empty());
    let later = NOON + Duration::from_secs(61);
    assert!(world.store.claim_deliveries(9, &[HOOK], later).unwrap().is_empty(), "who is busy is left alone");
    let again = world.store.claim_deliveries(9, &[], later).unwrap();
    assert_eq!(again[0].event, "evt_1", "whoever took it has died");
    let off = WebhookPatch { enabled: Some(false), ..WebhookPatch::default() };
    world.store.update_webhook(HOOK, &off, BY_OPERATOR).unwrap();
    assert!(world.store.claim_deliveries(9, &[], later + Duration::from_secs(61)).unwrap().is_empty());
}

#[test]
fn an_attempt_is_noted_a_delivery_that_ended_can_be_replayed_and_is_forgotten_after_a_week() {
    let world = made();
    world.store.enqueue_deliveries(&[delivery(1), delivery(2)], NOON).unwrap();
    let [first] = &world.store.claim_deliveries(1, &[], NOON).unwrap()[..] else { panic!("one") };
    let due = NOON + Duration::from_secs(5);
    world.store.note_delivery(first.id, &Attempted::Again(due), Some(500), Some("status 500"), NOON).unwrap();
    let log = world.store.deliveries(HOOK, None, 9).unwrap();
    let seen = (log[1].state, log[1].attempts, log[1].due_at, log[1].status, log[1].because.as_deref());
    assert_eq!(seen, (DeliveryState::Waiting, 1, due, Some(500), Some("status 500")));
    world.store.note_delivery(first.id, &Attempted::Delivered, Some(204), None, due).unwrap();
    assert_eq!(world.store.deliveries(HOOK, Some(log[0].id), 9).unwrap()[0].state, DeliveryState::Delivered);
    let unended = world.store.replay_deliveries(HOOK, Some(log[0].id), None, due);
    assert!(matches!(unended, Err(Error::NotFound { .. })), "it waits already");
    assert_eq!(world.store.replay_deliveries(HOOK, None, Some(NOON), due).unwrap(), 1);
    assert_eq!(world.store.waiting_deliveries().unwrap(), 2);
    world.store.note_delivery(first.id, &Attempted::Dropped, None, Some("nobody answers"), due).unwrap();
    let week = due + store::delivery::LOG_KEPT;
    assert_eq!(world.store.forget_deliveries(week).unwrap(), 0);
    assert_eq!(world.store.forget_deliveries(week + Duration::from_secs(1)).unwrap(), 1);
}

#[test]
fn what_waits_for_one_webhook_is_bounded() {
    let world = made();
    let many: Vec<_> = (0..WAITING_MAX + 3).map(delivery).collect();
    assert_eq!(world.store.enqueue_deliveries(&many, NOON).unwrap(), 3);
    assert_eq!(world.store.waiting_deliveries().unwrap(), u64::from(WAITING_MAX));
}

#[test]
fn a_webhook_that_fails_is_known_since_when_and_is_switched_off_once() {
    let world = made();
    assert!(!world.store.note_webhook(HOOK, false, None, NOON).unwrap());
    let later = NOON + Duration::from_secs(9);
    world.store.note_webhook(HOOK, false, None, later).unwrap();
    assert_eq!(world.store.webhook(HOOK).unwrap().failing_since, Some(NOON));
    assert!(world.store.note_webhook(HOOK, false, Some("gone"), later).unwrap());
    assert!(!world.store.note_webhook(HOOK, false, Some("gone"), later).unwrap(), "it is off already");
    let off = world.store.webhook(HOOK).unwrap();
    assert_eq!((off.enabled, off.because.as_deref()), (false, Some("gone")));
    let on = WebhookPatch { enabled: Some(true), ..WebhookPatch::default() };
    let on = world.store.update_webhook(HOOK, &on, BY_OPERATOR).unwrap();
    assert_eq!((on.enabled, on.because, on.failing_since), (true, None, None));
}
