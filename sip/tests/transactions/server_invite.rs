//! Figure 7 of RFC 3261 as amended by RFC 6026: the INVITE server transaction.

use super::Bench;
use bytes::Bytes;
use sip::transaction::server_invite::{Event, Phase};
use sip::transaction::{Reliability, ServerInvite, Timing};

fn proceeding(reliability: Reliability) -> Bench<ServerInvite> {
    let mut bench = Bench::new(|_, effects| {
        ServerInvite::new(Bytes::from_static(b"100 Trying"), reliability, Timing::default(), effects)
    });
    assert_eq!(bench.words(), ["send 100"], "at once, not after 200 ms");
    bench
}

fn order(status: u16) -> Event {
    Event::ResponseOrdered { status, response: Bytes::from(format!("{status} x")) }
}

#[test]
fn a_repeated_invite_gets_the_last_provisional_again() {
    let mut bench = proceeding(Reliability::Unreliable);
    bench.hear(Event::RequestRepeated).hear(order(180)).hear(Event::RequestRepeated).wait(600_000);
    assert_eq!(bench.words(), ["resend 100", "send 180", "resend 180"]);
    assert_eq!(bench.machine.phase(), Phase::Proceeding);
}

#[test]
fn timer_g_repeats_a_refusal_up_to_t2_and_timer_h_gives_up_after_64_t1() {
    let mut bench = proceeding(Reliability::Unreliable);
    bench.hear(order(486));
    assert_eq!(bench.words(), ["send 486"]);
    bench.wait(31_999);
    let expected = [500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500];
    assert_eq!(bench.times_of("resend 486"), expected);
    bench.wait(1);
    assert_eq!(bench.orders(), [(32_000, "fail Timeout(H)".to_owned())]);
    assert_eq!(bench.machine.phase(), Phase::Terminated);
}

#[test]
fn over_a_stream_a_refusal_is_sent_once_and_timer_h_holds() {
    let mut bench = proceeding(Reliability::Reliable);
    bench.hear(order(503)).wait(60_000);
    assert_eq!(bench.words(), ["send 503", "fail Timeout(H)"]);
}

#[test]
fn a_repeated_invite_gets_the_refusal_again_and_a_second_final_response_is_ignored() {
    let mut bench = proceeding(Reliability::Unreliable);
    bench.hear(order(486)).hear(Event::RequestRepeated).hear(order(180)).hear(order(200)).hear(order(503));
    assert_eq!(bench.words(), ["send 486", "resend 486"]);
}

#[test]
fn the_ack_confirms_and_timer_i_absorbs_what_comes_late() {
    let mut bench = proceeding(Reliability::Unreliable);
    bench.hear(order(404)).wait(700).hear(Event::AckReceived).orders();
    assert_eq!(bench.machine.phase(), Phase::Confirmed);
    bench.hear(Event::AckReceived).hear(Event::RequestRepeated).wait(4_999);
    assert!(bench.words().is_empty());
    assert_eq!(bench.machine.phase(), Phase::Confirmed);
    bench.wait(1);
    assert_eq!(bench.machine.phase(), Phase::Terminated);
}

#[test]
fn over_a_stream_timer_i_is_zero() {
    let mut bench = proceeding(Reliability::Reliable);
    bench.hear(order(404)).hear(Event::AckReceived);
    assert_eq!(bench.machine.phase(), Phase::Terminated);
}

#[test]
fn after_a_2xx_repeated_invites_are_absorbed_acks_handed_up_and_more_2xx_sent_until_timer_l() {
    for reliability in [Reliability::Unreliable, Reliability::Reliable] {
        let mut bench = proceeding(reliability);
        bench.hear(order(200)).hear(Event::RequestRepeated).wait(500).hear(order(200)).hear(Event::AckReceived);
        assert_eq!(bench.words(), ["send 200", "resend 200", "deliver ack"], "RFC 6026 7.1");
        bench.hear(order(180)).hear(order(486)).wait(31_499);
        assert!(bench.words().is_empty());
        assert_eq!(bench.machine.phase(), Phase::Accepted);
        bench.wait(1);
        assert_eq!(bench.machine.phase(), Phase::Terminated);
    }
}

#[test]
fn an_ack_before_any_final_response_means_nothing() {
    let mut bench = proceeding(Reliability::Unreliable);
    bench.hear(Event::AckReceived);
    assert!(bench.words().is_empty());
    assert_eq!(bench.machine.phase(), Phase::Proceeding);
}

#[test]
fn a_transport_failure_is_reported_and_the_transaction_stays_so_that_a_repeated_invite_is_no_second_call() {
    for (before, phase) in [(180, Phase::Proceeding), (200, Phase::Accepted), (486, Phase::Completed)] {
        let mut bench = proceeding(Reliability::Unreliable);
        bench.hear(order(before)).orders();
        bench.hear(Event::TransportFailed);
        assert_eq!(bench.words(), ["fail Transport"]);
        assert_eq!(bench.machine.phase(), phase);
    }
    let mut bench = proceeding(Reliability::Unreliable);
    bench.hear(order(486)).hear(Event::AckReceived).orders();
    bench.hear(Event::TransportFailed);
    assert!(bench.words().is_empty());
}
