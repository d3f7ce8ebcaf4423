//! Figure 6 of RFC 3261: the non-INVITE client transaction.

use super::Bench;
use bytes::Bytes;
use sip::transaction::client_other::{Event, Phase};
use sip::transaction::{ClientOther, Reliability, Timing};

fn trying(reliability: Reliability) -> Bench<ClientOther> {
    let mut bench = Bench::new(|now, effects| {
        ClientOther::new(Bytes::from_static(b"BYE sip:b"), reliability, Timing::default(), now, effects)
    });
    assert_eq!(bench.words(), ["send BYE"]);
    bench
}

fn response(status: u16) -> Event {
    Event::ResponseReceived { status }
}

#[test]
fn timer_e_doubles_up_to_t2_and_timer_f_fires_after_64_t1() {
    let mut bench = trying(Reliability::Unreliable);
    bench.wait(31_999);
    let expected = [500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500];
    assert_eq!(bench.times_of("resend BYE"), expected);
    bench.wait(1);
    assert_eq!(bench.orders(), [(32_000, "fail Timeout(F)".to_owned())]);
    assert_eq!(bench.machine.phase(), Phase::Terminated);
}

#[test]
fn over_a_stream_nothing_is_retransmitted_and_timer_f_holds() {
    let mut bench = trying(Reliability::Reliable);
    bench.wait(60_000);
    assert_eq!(bench.orders(), [(32_000, "fail Timeout(F)".to_owned())]);
}

#[test]
fn after_a_provisional_timer_e_runs_at_t2_and_timer_f_goes_on() {
    let mut bench = trying(Reliability::Unreliable);
    bench.wait(600).orders();
    bench.hear(response(100));
    assert_eq!(bench.words(), ["deliver response"]);
    assert_eq!(bench.machine.phase(), Phase::Proceeding);
    bench.wait(31_300);
    assert_eq!(bench.times_of("resend BYE"), [1_500, 5_500, 9_500, 13_500, 17_500, 21_500, 25_500, 29_500]);
    bench.wait(100);
    assert_eq!(bench.orders(), [(32_000, "fail Timeout(F)".to_owned())]);
}

#[test]
fn a_final_response_is_delivered_once_and_its_repetitions_absorbed_until_timer_k() {
    for before in [None, Some(100)] {
        let mut bench = trying(Reliability::Unreliable);
        before.into_iter().for_each(|status| {
            bench.hear(response(status)).orders();
        });
        bench.hear(response(200)).wait(1_000).hear(response(200)).wait(3_999);
        assert_eq!(bench.words(), ["deliver response"]);
        assert_eq!(bench.machine.phase(), Phase::Completed);
        bench.wait(1);
        assert_eq!(bench.machine.phase(), Phase::Terminated);
    }
}

#[test]
fn over_a_stream_timer_k_is_zero() {
    let mut bench = trying(Reliability::Reliable);
    bench.hear(response(481));
    assert_eq!(bench.words(), ["deliver response"]);
    assert_eq!(bench.machine.phase(), Phase::Terminated);
}

#[test]
fn a_transport_failure_ends_the_transaction_unless_it_is_answered() {
    for before in [None, Some(100)] {
        let mut bench = trying(Reliability::Unreliable);
        before.into_iter().for_each(|status| {
            bench.hear(response(status)).orders();
        });
        bench.hear(Event::TransportFailed).wait(60_000);
        assert_eq!(bench.words(), ["fail Transport"]);
        assert_eq!(bench.machine.phase(), Phase::Terminated);
    }
    let mut bench = trying(Reliability::Unreliable);
    bench.hear(response(200)).orders();
    bench.hear(Event::TransportFailed);
    assert!(bench.words().is_empty());
    assert_eq!(bench.machine.phase(), Phase::Completed);
}
