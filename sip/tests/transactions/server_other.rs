//! Figure 8 of RFC 3261: the non-INVITE server transaction.

use super::Bench;
use bytes::Bytes;
use sip::transaction::server_other::{Event, Phase};
use sip::transaction::{Reliability, ServerOther, Timing};

fn trying(reliability: Reliability) -> Bench<ServerOther> {
    Bench::new(|_, _| ServerOther::new(reliability, Timing::default()))
}

fn order(status: u16) -> Event {
    Event::ResponseOrdered { status, response: Bytes::from(format!("{status} x")) }
}

#[test]
fn a_repeated_request_is_absorbed_until_there_is_something_to_say() {
    let mut bench = trying(Reliability::Unreliable);
    bench.hear(Event::RequestRepeated).wait(600_000);
    assert!(bench.words().is_empty());
    bench.hear(order(100)).hear(Event::RequestRepeated);
    assert_eq!(bench.words(), ["send 100", "resend 100"]);
    assert_eq!(bench.machine.phase(), Phase::Proceeding);
}

#[test]
fn the_final_response_answers_every_repetition_until_timer_j() {
    for before in [None, Some(100)] {
        let mut bench = trying(Reliability::Unreliable);
        before.into_iter().for_each(|status| {
            bench.hear(order(status)).orders();
        });
        bench.hear(order(200)).hear(Event::RequestRepeated).hear(order(500)).wait(31_999);
        assert_eq!(bench.words(), ["send 200", "resend 200"]);
        assert_eq!(bench.machine.phase(), Phase::Completed);
        bench.wait(1);
        assert_eq!(bench.machine.phase(), Phase::Terminated);
    }
}

#[test]
fn over_a_stream_timer_j_is_zero() {
    let mut bench = trying(Reliability::Reliable);
    bench.hear(order(200));
    assert_eq!(bench.words(), ["send 200"]);
    assert_eq!(bench.machine.phase(), Phase::Terminated);
}

#[test]
fn a_transport_failure_ends_the_transaction_and_is_reported_once() {
    for before in [None, Some(100), Some(200)] {
        let mut bench = trying(Reliability::Unreliable);
        before.into_iter().for_each(|status| {
            bench.hear(order(status)).orders();
        });
        bench.hear(Event::TransportFailed).hear(Event::TransportFailed);
        assert_eq!(bench.words(), ["fail Transport"]);
        assert_eq!(bench.machine.phase(), Phase::Terminated);
    }
}
