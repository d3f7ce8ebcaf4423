//! The story of the house over real sockets: a PBX dials, is challenged, reaches a carrier, talks, is charged, and hangs up.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod world;

use domain::{Micros, ReleaseCause};
use store::CallFilter;
use world::{Beginning, Pbx, World, answer_with, hear};

/// Waits on what can be observed: the record of the call in the store.
async fn records(world: &World, count: usize) -> Vec<domain::call_record::CallRecord> {
    for _ in 0..500 {
        let page = world.store.call_records(&CallFilter::default(), None, 100).unwrap();
        if page.records.len() >= count {
            return page.records;
        }
        actix_rt::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("no {count} records after 5 s");
}

#[actix_rt::test]
async fn a_pbx_places_a_billed_call_and_hangs_up() {
    let beginning = Beginning { channels: 2, profile_credit: Micros::from_cents(1_000), rate: "0.02" };
    let world = World::start(&beginning);
    let mut pbx = Pbx::of(&world, "one-billed-call");
    let carrier = world.carrier.try_clone().unwrap();
    let talking = std::thread::spawn(move || {
        pbx.send_proven("INVITE", "12025550123");
        let (invite, switch) = hear(&carrier);
        assert!(invite.starts_with("INVITE sip:+12025550123@"), "{invite}");
        assert!(invite.contains("From: <sip:+12025550100@"), "the profile's caller ID is shown: {invite}");
        assert!(!invite.contains("990500000"), "the SIP user never leaves the house: {invite}");
        answer_with(&carrier, &invite, switch, "180 Ringing");
        answer_with(&carrier, &invite, switch, "200 OK");
        let (ack, _) = hear(&carrier);
        assert!(ack.starts_with("ACK "), "{ack}");
        let ok = pbx.hear_final();
        assert!(ok.starts_with("SIP/2.0 200"), "{ok}");
        pbx.send("ACK", "12025550123", "");
        pbx.send("BYE", "12025550123", "");
        let bye_answered = pbx.hear_final();
        assert!(bye_answered.starts_with("SIP/2.0 200"), "{bye_answered}");
        let (bye, switch) = hear(&carrier);
        assert!(bye.starts_with("BYE "), "{bye}");
        assert!(bye.contains("Reason: Q.850;cause=16"), "{bye}");
        answer_with(&carrier, &bye, switch, "200 OK");
    });
    let records = records(&world, 1).await;
    talking.join().unwrap();
    let record = &records[0];
    assert_eq!(record.cause, ReleaseCause::Normal);
    assert_eq!(record.billed_s, 30, "the minimum is 30 s (R1)");
    assert_eq!(record.amount, Micros::from_cents(1));
    assert_eq!(world.profile_balance(), Micros::from_cents(999));
    assert_eq!(world.exchange.live_call_count(), 0);
    let verified = world.ledger.verify().unwrap();
    assert!(verified.is_clean(), "{verified}");
}
