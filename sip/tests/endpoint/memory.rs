//! What a call weighs in the endpoint: while it is being set up, and while it is held.

use crate::support::{Desk, OWNER, from_pbx, invite, response_to, to_carrier};
use sip::endpoint::{Effect, Reply};

const CALLS: usize = 1_000;

/// Sets up one call with both legs: from a PBX, to a carrier.
fn set_up(desk: &mut Desk, call: usize) {
    let named = |text: String| text.replace("call-1", &format!("call-{call}"));
    let server = desk.admit(&named(invite(&format!("z9hG4bK{call}"))));
    let (client, outcome) = desk.request(&to_carrier("INVITE", "").replace("leg-1", &format!("leg-{call}")));
    let sent = outcome.sent().remove(0);
    for status in [100, 180, 200] {
        desk.hear(&response_to(&sent, status, "t9"));
    }
    let destination = crate::support::peer();
    desk.endpoint.acknowledge(client, to_carrier("ACK", "t9").as_bytes(), destination, &mut Vec::new()).unwrap();
    desk.respond(server, Reply::new(180, "Ringing").tag("t1"));
    desk.respond(server, Reply::new(200, "OK").tag("t1"));
    desk.endpoint.bind_dialog(&format!("call-{call}@198.51.100.7"), "t1", OWNER).unwrap();
    desk.endpoint.bind_dialog(&format!("leg-{call}@192.0.2.1"), "ours", OWNER).unwrap();
    let acked = desk.hear(&named(from_pbx("ACK", &format!("z9hG4bKa{call}"), 1, "t1", "")));
    assert!(matches!(acked.0[..], [Effect::AckArrived { .. }]));
}

/// "Per held call <= 10 KB in the whole switch": the endpoint takes less than a fifth of it while transactions live.
#[test]
fn a_call_weighs_less_than_two_kilobytes_in_its_first_half_minute() {
    let mut desk = Desk::new();
    set_up(&mut desk, CALLS);
    let used = allocation_counter::measure(|| (0..CALLS).for_each(|call| set_up(&mut desk, call)));
    let per_call = used.bytes_current / CALLS as i64;
    println!("{per_call} bytes a call");
    assert!(per_call <= 2_048, "{per_call} bytes a call");
}

#[test]
fn a_held_call_leaves_nothing_in_the_endpoint_but_its_two_dialogs() {
    let mut desk = Desk::new();
    (0..CALLS).for_each(|call| set_up(&mut desk, call));
    assert_eq!(desk.endpoint.load().server_transactions, CALLS);
    desk.wait(32_000);
    let load = desk.endpoint.load();
    assert_eq!((load.server_transactions, load.client_transactions, load.dialogs), (0, 0, 2 * CALLS));
    // The next thousand take the places of the first: the tables do not grow.
    let next = allocation_counter::measure(|| {
        (CALLS..2 * CALLS).for_each(|call| {
            set_up(&mut desk, call);
            desk.endpoint.unbind_dialog(&format!("call-{call}@198.51.100.7"), "t1");
            desk.endpoint.unbind_dialog(&format!("leg-{call}@192.0.2.1"), "ours");
        });
        desk.wait(32_000);
    });
    assert!(next.bytes_current < 64 * 1_024, "{} bytes stay", next.bytes_current);
}
