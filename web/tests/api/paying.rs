//! Stories of payments at the door: ordered once, listed, given up; and notices of the provider, of which few are believed (A3).

use crate::client::{Answer, send};
use crate::world::{World, text};
use backoffice::payments::provider::PaymentProvider;
use backoffice::payments::sandbox::Sandbox;
use backoffice::payments::signature::SigningKey;
use backoffice::payments::till::TillParts;
use domain::payment::{Payment, PaymentAnswer, PaymentResult};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const SECRET: &str = "a secret that provider and switch share";

/// Says "later" to everything.
struct Later;

impl PaymentProvider for Later {
    fn name(&self) -> &'static str {
        "http"
    }
    fn ask(&self, _: &Payment) -> PaymentAnswer {
        PaymentAnswer::of(PaymentResult::Pending, "")
    }
    fn cancel(&self, _: &Payment) -> PaymentAnswer {
        PaymentAnswer::of(PaymentResult::Declined, "given up")
    }
}

fn world_with(provider: Arc<dyn PaymentProvider>) -> (World, String) {
    let world = World::new();
    let parts = TillParts {
        provider,
        notices: Some(SigningKey::new(SECRET)),
        cool_down: Duration::from_hours(6),
        tell: Arc::new(|_| {}),
        show_open: Arc::new(|_| {}),
    };
    world.office.open_till(parts).unwrap();
    let company = world.company();
    (world, company)
}

/// Asks until the payment is in this state: the provider answers on a thread of its own.
fn until(world: &World, company: &str, id: &str, state: &str) -> Value {
    for _ in 0..100_000 {
        let now = world.get(&format!("/companies/{company}/payments/{id}")).ok(200);
        if now["state"] == state {
            return now;
        }
        std::thread::yield_now();
    }
    panic!("the payment is never {state}");
}

fn notice(world: &World, key: &SigningKey, body: &Value) -> Answer {
    let body = body.to_string();
    let (timestamp, signature) = key.sign(body.as_bytes(), world.office.now().wall);
    let headers = [("Tandem-Timestamp", timestamp.as_str()), ("Tandem-Signature", signature.as_str())];
    send(world.addr, "POST", "/api/v1/payments/webhook", &headers, body.as_bytes())
}

#[test]
fn a3_a_sandbox_payment_raises_the_companys_balance_once_for_each_key() {
    let (world, company) = world_with(Arc::new(Sandbox));
    let path = format!("/companies/{company}/payments");
    let ordered = world.order(&path, "k1", &json!({"amount": "50.00", "method": "card_8f2a"})).ok(200);
    let id = text(&ordered["id"]);
    let booked = until(&world, &company, &id, "booked");
    assert_eq!((&booked["automatic"], &booked["provider"]), (&json!(false), &json!("sandbox")));
    assert_eq!(world.order(&path, "k1", &json!({"amount": "50.00", "method": "card_8f2a"})).ok(200), ordered);
    world.order(&path, "k1", &json!({"amount": "51.00"})).problem(409, "idempotency_key_reused");
    assert_eq!(world.get(&format!("/companies/{company}")).ok(200)["credit"]["balance"], "50.00");
    assert_eq!(world.get(&path).ok(200)["items"].as_array().unwrap().len(), 1);
    let line = world.get(&format!("/companies/{company}/statement")).ok(200)["items"][0].clone();
    assert!(text(&line["note"]).starts_with(&format!("payment {id} by sandbox")), "{line}");
    assert!(world.ledger.verify().unwrap().is_clean());
    world.office.close_till();
}

#[test]
fn a3_a_declined_payment_moves_nothing_and_has_ended() {
    let (world, company) = world_with(Arc::new(Sandbox));
    let path = format!("/companies/{company}/payments");
    let id = text(&world.post(&path, &json!({"amount": "50.01"})).ok(200)["id"]);
    until(&world, &company, &id, "declined");
    assert_eq!(world.get(&format!("/companies/{company}")).ok(200)["credit"]["balance"], "0.00");
    world.post(&format!("{path}/{id}/retry"), &json!({})).problem(409, "conflict");
    world.post(&format!("{path}/{id}/cancel"), &json!({})).problem(409, "conflict");
}

#[test]
fn a3_a_pending_payment_can_be_given_up() {
    let (world, company) = world_with(Arc::new(Later));
    let path = format!("/companies/{company}/payments");
    let id = text(&world.post(&path, &json!({"amount": "50.00"})).ok(200)["id"]);
    until(&world, &company, &id, "pending");
    world.post(&format!("{path}/{id}/cancel"), &json!({})).ok(200);
    assert_eq!(until(&world, &company, &id, "cancelled")["because"], "given up");
}

#[test]
fn a3_a_notice_is_believed_where_it_is_signed_and_fresh_and_new() {
    let (world, company) = world_with(Arc::new(Later));
    let path = format!("/companies/{company}/payments");
    let id = text(&world.post(&path, &json!({"amount": "50.00"})).ok(200)["id"]);
    until(&world, &company, &id, "pending");
    let (key, body) = (SigningKey::new(SECRET), json!({"id": "n1", "payment": id, "result": "paid"}));
    notice(&world, &SigningKey::new("another secret"), &body).problem(403, "notice_refused");
    send(world.addr, "POST", "/api/v1/payments/webhook", &[], body.to_string().as_bytes())
        .problem(403, "notice_refused");
    let stale = world.office.now().wall - Duration::from_secs(301);
    let (timestamp, signature) = key.sign(body.to_string().as_bytes(), stale);
    let headers = [("Tandem-Timestamp", timestamp.as_str()), ("Tandem-Signature", signature.as_str())];
    let answer = send(world.addr, "POST", "/api/v1/payments/webhook", &headers, body.to_string().as_bytes());
    answer.problem(403, "notice_refused");
    let other = json!({"id": "n1", "payment": id, "result": "paid", "currency": "EUR"});
    notice(&world, &key, &other).fault("/payment");
    notice(&world, &key, &json!({"payment": id, "result": "paid"})).fault("/id");
    let unknown = json!({"id": "n1", "payment": "paym_00000000000000000000000000000001", "result": "paid"});
    notice(&world, &key, &unknown).problem(404, "not_found");
    assert_eq!(world.get(&format!("{path}/{id}")).ok(200)["state"], "pending", "none of these was believed");
    assert_eq!(notice(&world, &key, &body).status, 204);
    assert_eq!(world.get(&format!("{path}/{id}")).ok(200)["state"], "booked");
    notice(&world, &key, &body).problem(409, "notice_replayed");
    assert_eq!(world.get(&format!("/companies/{company}")).ok(200)["credit"]["balance"], "50.00");
}

#[test]
fn a3_what_a_company_agrees_to_is_checked_and_shown() {
    let (world, company) = world_with(Arc::new(Later));
    let path = format!("/companies/{company}/auto-recharge");
    assert_eq!(world.get(&path).ok(200)["enabled"], false);
    let now = world.put(&path, &json!({"amount": "50.00", "threshold": "20.00"})).ok(200);
    assert_eq!((&now["day_max"], &now["month_max"]), (&json!("150.00"), &json!("1000.00")));
    assert_eq!((&now["enabled"], &now["provider"]), (&json!(true), &json!("http")));
    world.put(&path, &json!({"threshold": "20.00"})).fault("/amount");
    world.put(&path, &json!({"amount": "50.00"})).fault("/threshold");
    world.put(&path, &json!({"amount": "50.00", "threshold": "20.00", "day_max": "49.99"})).fault("/day_max");
    let card = json!({"amount": "50.00", "threshold": "20.00", "method": "4111 1111 1111 1111"});
    world.put(&path, &card).fault("/method");
    let others = world.company_token(&world.company());
    world.ask_as(&others, "GET", &path, None).problem(404, "not_found");
    let own = world.company_token(&company);
    assert_eq!(world.ask_as(&own, "PUT", &path, Some(&json!({"enabled": false}))).ok(200)["enabled"], false);
}

#[test]
fn a3_without_a_provider_nothing_is_promised() {
    let world = World::new();
    let company = world.company();
    let agreed = json!({"amount": "50.00", "threshold": "20.00"});
    world.put(&format!("/companies/{company}/auto-recharge"), &agreed).problem(409, "no_payment_provider");
    let path = format!("/companies/{company}/payments");
    world.post(&path, &json!({"amount": "50.00"})).problem(409, "no_payment_provider");
    notice(&world, &SigningKey::new(SECRET), &json!({})).problem(409, "no_payment_provider");
    assert_eq!(world.get(&path).ok(200)["items"], json!([]));
}

/// What another provider was asked is nobody's to ask any more: it is told, and closed by what somebody learnt there.
#[test]
fn a3_payments_of_a_former_provider_are_orphaned_and_closed_once() {
    let world = World::new();
    let company = world.company();
    let opened = |bits: u128, state| {
        let now = world.office.now().wall;
        let payment = Payment {
            id: domain::PaymentId::from_bits(bits),
            company: crate::world::id(&company),
            currency: domain::Currency::USD,
            amount: domain::Micros::from_cents(5_000),
            automatic: false,
            method: None,
            provider: "http".into(),
            state: domain::payment::PaymentState::Opened,
            reference: None,
            attempts: 1,
            because: None,
            opened_at: now,
            changed_at: now,
        };
        let signed = store::Signed { by: "test", at: now };
        world.store.open_payment(&payment, signed).unwrap();
        world.store.keep_payment(&Payment { state, ..payment.clone() }, signed).unwrap();
        payment.id.to_string()
    };
    use domain::payment::PaymentState;
    let [pending, lost, paid] = [(1, PaymentState::Pending), (2, PaymentState::Opened), (3, PaymentState::Paid)]
        .map(|(bits, state)| opened(bits, state));
    let parts = TillParts {
        provider: Arc::new(Sandbox),
        notices: None,
        cool_down: Duration::from_hours(6),
        tell: Arc::new(|_| {}),
        show_open: Arc::new(|_| {}),
    };
    world.office.open_till(parts).unwrap();
    // Whoever has paid need not be asked about: it is booked by whoever is there.
    until(&world, &company, &paid, "booked");
    let path = format!("/companies/{company}/payments");
    let orphaned = |id: &str| world.get(&format!("{path}/{id}")).ok(200)["orphaned"].clone();
    assert_eq!([&pending, &lost, &paid].map(|id| orphaned(id)), [json!(true), json!(true), json!(false)]);
    assert_eq!(world.office.orphaned_payments().unwrap().len(), 2);
    world.post(&format!("{path}/{pending}/retry"), &json!({})).problem(409, "conflict");
    let close = |id: &str, result: &str| {
        world.post(&format!("{path}/{id}/close"), &json!({"result": result, "because": "their statement of today"}))
    };
    world.post(&format!("{path}/{pending}/close"), &json!({"result": "paid", "because": " "})).fault("/because");
    let own = world.company_token(&company);
    let ask = json!({"result": "paid", "because": "we say so"});
    world.ask_as(&own, "POST", &format!("{path}/{pending}/close"), Some(&ask)).problem(403, "operator_only");
    let booked = close(&pending, "paid").ok(200);
    assert_eq!((&booked["state"], &booked["because"]), (&json!("booked"), &json!("their statement of today")));
    close(&pending, "paid").problem(409, "conflict");
    let given_up = close(&lost, "not_paid").ok(200);
    assert_eq!((&given_up["state"], &given_up["orphaned"]), (&json!("cancelled"), &json!(false)));
    assert_eq!(
        world.get(&format!("/companies/{company}")).ok(200)["credit"]["balance"],
        "100.00",
        "two of three, once each"
    );
    let mine = text(&world.post(&path, &json!({"amount": "50.05"})).ok(200)["id"]);
    until(&world, &company, &mine, "pending");
    close(&mine, "paid").problem(409, "conflict");
    assert!(world.ledger.verify().unwrap().is_clean());
    world.office.close_till();
}
