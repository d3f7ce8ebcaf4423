//! The echo test (O2), and what becomes of it where there are no ports.

use domain::{Fact, ReleaseCause};
use testkit::world::{Beginning, World};

/// O2, R9: its 200 waits for the ports. It was recorded as answered and counted as a success before; found by simulation.
#[test]
fn an_echo_call_for_which_there_are_no_ports_is_refused_and_was_never_answered() {
    let mut world = World::new(Beginning::default());
    world.node.has_ports = false;
    world.dial_number("*43");
    world.run_s(60);
    let caller = world.agents[0].talk().clone();
    assert_eq!(caller.status, Some(503), "{}", caller.answer);
    let record = world.record();
    assert_eq!((record.status, record.cause), (503, ReleaseCause::Overload));
    assert_eq!((record.answered_at, record.talked_ms), (None, 0));
    assert!(!world.node.facts.iter().any(|(_, fact)| matches!(fact, Fact::CallAnswered { .. })));
    world.run_s(300);
    world.assert_all_is_over();
}

/// O2: answered at once, free, and over when the caller hangs up.
#[test]
fn who_dials_the_echo_test_is_answered_and_pays_nothing() {
    let mut world = World::new(Beginning::default());
    let call = world.dial_number("*43");
    world.run_s(20);
    assert!(world.agents[0].talk().is_up);
    let now = world.now.monotonic;
    world.pbx().bye(&call, now);
    world.post();
    world.run_s(300);
    let record = world.record();
    assert_eq!((record.status, record.cause), (200, ReleaseCause::Normal));
    assert!(record.answered_at.is_some() && record.amount.is_zero());
    world.assert_all_is_over();
}
