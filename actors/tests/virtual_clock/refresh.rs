//! Session timers (RFC 4028) and changed sessions on calls that go on.

use domain::{Micros, ReleaseCause};
use std::time::Duration;
use testkit::world::text::{body, header};
use testkit::world::{Beginning, FIRST, Refresh, World};

/// `Supported: timer`, `Session-Expires: 1800`, refreshed every 900 s.
#[test]
fn a_call_of_two_hours_survives_its_refreshes_and_is_charged_exactly() {
    let mut world = World::new(Beginning::default());
    world.carrier_answers(FIRST, &[(0, 180), (1_000, 200)]);
    let turns = vec![Refresh::Invite, Refresh::Update, Refresh::UpdateWithSdp];
    let manner = &mut world.pbx().manner;
    manner.refreshes = Some((Duration::from_secs(900), turns));
    manner.hangs_up_after = Some(Duration::from_secs(7_199));
    world.dial();
    world.run_s(7_300);
    let caller = world.agents[0].talk().clone();
    assert_eq!(caller.refreshed.len(), 7, "every 900 s, until the end");
    for (refresh, status, answer) in &caller.refreshed {
        assert_eq!(*status, 200, "{refresh:?}: {answer}");
        assert_eq!(header(answer, "Session-Expires"), Some("1800;refresher=uac"), "{refresh:?}: {answer}");
        assert_eq!(header(answer, "Require"), Some("timer"), "{refresh:?}: {answer}");
        let expected = if *refresh == Refresh::Update { "" } else { caller.answer_body() };
        assert_eq!(body(answer), expected, "{refresh:?}: the description is the same");
    }
    assert!(caller.bye_heard_at.is_none(), "the PBX hung up, not the switch");
    let counters = world.node.counters();
    assert_eq!(
        (counters.retransmissions_sent, counters.retransmissions_received),
        (0, 0),
        "nothing had to be repeated"
    );
    let record = world.record();
    assert_eq!(record.cause, ReleaseCause::Normal);
    assert_eq!((record.billed_s, record.amount), (7_200, Micros::from_cents(240)));
    assert_eq!(record.talked_ms, 7_199_000 + 2, "there and back over a network of 1 ms");
    world.run_s(300);
    world.assert_all_is_over();
}

/// Until the trunk-grade issue: 488, and the call goes on.
#[test]
fn a_changed_description_is_refused_with_488_and_the_call_goes_on() {
    let mut world = World::new(Beginning::default());
    world.carrier_answers(FIRST, &[(0, 180), (1_000, 200)]);
    let turns = vec![Refresh::ChangedInvite, Refresh::Invite, Refresh::ChangedUpdate, Refresh::Update];
    let manner = &mut world.pbx().manner;
    manner.refreshes = Some((Duration::from_secs(900), turns));
    manner.hangs_up_after = Some(Duration::from_secs(4_000));
    world.dial();
    world.run_s(4_100);
    let caller = world.agents[0].talk().clone();
    let statuses: Vec<u16> = caller.refreshed.iter().map(|(_, status, _)| *status).collect();
    assert_eq!(statuses, [488, 200, 488, 200], "the session is as it was");
    let record = world.record();
    assert_eq!(record.cause, ReleaseCause::Normal);
    assert_eq!(record.billed_s, 4_002, "the increment that had begun at 3,996 s (R1)");
    world.run_s(300);
    world.assert_all_is_over();
}

/// The called side may refresh as well (RFC 4028 7).
#[test]
fn a_carrier_may_refresh_the_session_too() {
    let mut world = World::new(Beginning::default());
    world.carrier_answers(FIRST, &[(0, 180), (1_000, 200)]);
    let turns = vec![Refresh::Invite, Refresh::Update, Refresh::UpdateWithSdp, Refresh::ChangedInvite];
    world.agents[FIRST].manner.refreshes = Some((Duration::from_secs(900), turns));
    world.pbx().manner.hangs_up_after = Some(Duration::from_secs(3_999));
    world.dial();
    world.run_s(4_100);
    let called = world.agents[FIRST].talk().clone();
    let statuses: Vec<u16> = called.refreshed.iter().map(|(_, status, _)| *status).collect();
    assert_eq!(statuses, [200, 200, 200, 488]);
    for (refresh, _, answer) in &called.refreshed[..3] {
        assert_eq!(header(answer, "Session-Expires"), Some("1800;refresher=uac"), "{refresh:?}: {answer}");
    }
    assert_eq!(world.record().cause, ReleaseCause::Normal);
    world.run_s(300);
    world.assert_all_is_over();
}
