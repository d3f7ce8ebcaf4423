//! How long hanging up takes: from a BYE of ours to its final response (RFC 6076 4.4).

use domain::Fact;
use domain::call_record::CallDirection;
use std::time::Duration;
use testkit::world::{Beginning, FIRST, World};

/// The caller's own BYE is answered by us at once and has no delay to tell of; ours towards the carrier has.
#[test]
fn the_delay_of_our_bye_is_told_once_for_the_leg_that_we_hang_up() {
    let mut world = World::new(Beginning::default());
    world.carrier_answers(FIRST, &[(0, 180), (1_000, 200)]);
    world.pbx().manner.hangs_up_after = Some(Duration::from_secs(20));
    world.dial();
    world.run_s(60);
    let told = world.node.facts.iter().filter_map(|(_, fact)| match fact {
        Fact::LegDisconnected { direction, after } => Some((*direction, *after)),
        _ => None,
    });
    // There and back over a network of 1 ms.
    assert_eq!(told.collect::<Vec<_>>(), [(CallDirection::Outbound, Duration::from_millis(2))]);
    world.assert_all_is_over();
}
