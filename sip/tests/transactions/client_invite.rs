//! Figure 5 of RFC 3261 as amended by RFC 6026: the INVITE client transaction.

use super::{Bench, INVITE};
use bytes::Bytes;
use sip::transaction::client_invite::{Event, Phase};
use sip::transaction::{ClientInvite, Reliability, Timing};

fn calling(reliability: Reliability) -> Bench<ClientInvite> {
    let mut bench = Bench::new(|now, effects| {
        ClientInvite::new(Bytes::from_static(INVITE), reliability, Timing::default(), now, effects)
    });
    assert_eq!(bench.words(), ["send INVITE"]);
    bench
}

fn response(status: u16) -> Event {
    Event::ResponseReceived { status, to: Bytes::from_static(b"<sip:b@example.net>;tag=2") }
}

#[test]
fn timer_a_doubles_without_end_and_timer_b_fires_after_64_t1() {
    let mut bench = calling(Reliability::Unreliable);
    bench.wait(31_999);
    assert_eq!(bench.times_of("resend INVITE"), [500, 1_500, 3_500, 7_500, 15_500, 31_500]);
    bench.wait(1);
    assert_eq!(bench.orders(), [(32_000, "fail Timeout(B)".to_owned())]);
    assert_eq!(bench.machine.phase(), Phase::Terminated);
}

#[test]
fn over_a_stream_nothing_is_retransmitted_and_timer_b_holds() {
    let mut bench = calling(Reliability::Reliable);
    bench.wait(60_000);
    assert_eq!(bench.orders(), [(32_000, "fail Timeout(B)".to_owned())]);
}

#[test]
fn a_provisional_response_stops_both_timers_for_as_long_as_it_rings() {
    let mut bench = calling(Reliability::Unreliable);
    bench.wait(600).orders();
    bench.hear(response(100)).hear(response(180)).wait(3_600_000);
    assert_eq!(bench.words(), ["deliver response", "deliver response"]);
    assert_eq!(bench.machine.phase(), Phase::Proceeding);
}

#[test]
fn a_refusal_is_acknowledged_each_time_it_comes_and_delivered_once_until_timer_d() {
    for before in [None, Some(180)] {
        let mut bench = calling(Reliability::Unreliable);
        before.into_iter().for_each(|status| {
            bench.hear(response(status)).orders();
        });
        bench.hear(response(486)).wait(500).hear(response(486));
        assert_eq!(bench.words(), ["send ACK", "deliver response", "resend ACK"]);
        assert_eq!(bench.machine.phase(), Phase::Completed);
        // Neither a late provisional nor a late 2xx changes anything.
        bench.hear(response(180)).hear(response(200)).wait(31_499);
        assert!(bench.words().is_empty());
        assert_eq!(bench.machine.phase(), Phase::Completed);
        bench.wait(1);
        assert_eq!(bench.machine.phase(), Phase::Terminated);
    }
}

#[test]
fn over_a_stream_timer_d_is_zero() {
    let mut bench = calling(Reliability::Reliable);
    bench.hear(response(603));
    assert_eq!(bench.words(), ["send ACK", "deliver response"]);
    assert_eq!(bench.machine.phase(), Phase::Terminated);
}

#[test]
fn after_a_2xx_the_transaction_stays_accepted_for_timer_m_and_hands_up_every_2xx() {
    for (reliability, before) in [(Reliability::Unreliable, None), (Reliability::Reliable, Some(183))] {
        let mut bench = calling(reliability);
        before.into_iter().for_each(|status| {
            bench.hear(response(status)).orders();
        });
        bench.hear(response(200)).wait(16_000).hear(response(200)).hear(response(180)).hear(response(486));
        assert_eq!(bench.words(), ["deliver response", "deliver response"], "RFC 6026 7.2");
        assert!(bench.machine.request().is_none(), "the INVITE is not kept");
        bench.wait(15_999);
        assert_eq!(bench.machine.phase(), Phase::Accepted);
        bench.wait(1);
        assert_eq!(bench.machine.phase(), Phase::Terminated);
        assert!(bench.words().is_empty());
    }
}

#[test]
fn a_transport_failure_ends_the_transaction_before_and_during_ringing_and_while_acknowledging() {
    for before in [vec![], vec![180], vec![486]] {
        let mut bench = calling(Reliability::Unreliable);
        before.into_iter().for_each(|status| {
            bench.hear(response(status)).orders();
        });
        bench.hear(Event::TransportFailed).hear(Event::TransportFailed).wait(60_000);
        assert_eq!(bench.words(), ["fail Transport"]);
        assert_eq!(bench.machine.phase(), Phase::Terminated);
    }
}

#[test]
fn a_transport_failure_after_a_2xx_is_the_dialogs_matter() {
    let mut bench = calling(Reliability::Unreliable);
    bench.hear(response(200)).orders();
    bench.hear(Event::TransportFailed);
    assert!(bench.words().is_empty());
    assert_eq!(bench.machine.phase(), Phase::Accepted);
}

/// RFC 3261 9.1: "consider the original transaction cancelled" after 64*T1.
#[test]
fn a_cancelled_invite_without_final_response_fails_64_t1_after_its_cancel() {
    let mut bench = calling(Reliability::Unreliable);
    bench.hear(response(180)).wait(10_000).hear(Event::CancelSent).orders();
    bench.wait(31_999).hear(response(180));
    assert_eq!(bench.words(), ["deliver response"]);
    bench.wait(1);
    assert_eq!(bench.orders(), [(42_000, "fail Timeout(B)".to_owned())]);
}

#[test]
fn a_final_response_after_the_cancel_is_treated_like_any() {
    let mut bench = calling(Reliability::Unreliable);
    bench.hear(response(180)).hear(Event::CancelSent).orders();
    bench.hear(response(487)).wait(32_000);
    assert_eq!(bench.words(), ["send ACK", "deliver response"]);
    assert_eq!(bench.machine.phase(), Phase::Terminated);
}
