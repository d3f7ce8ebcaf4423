//! Planted SIP bugs, each of which somebody has to complain of; without them nobody does.

use domain::ReleaseCause;
use std::time::Duration;
use testkit::world::text::status;
use testkit::world::{Beginning, Complaint, FIRST, OF_PBX, Refresh, WireBug, World};

/// A call of three quarters of an hour with a hold in it, over a fair network: what the ends complain of, and what the PBX heard ringing.
fn call_with(bug: Option<WireBug>) -> (Vec<Complaint>, Vec<u16>, World) {
    let mut world = World::new(Beginning::default());
    world.bug = bug;
    world.carrier_answers(FIRST, &[(100, 180), (200, 183), (1_000, 200)]);
    world.agents[FIRST].manner.knows_timer = true;
    world.pbx().manner.refreshes = Some((Duration::from_secs(900), vec![Refresh::Update]));
    world.dial();
    world.run_s(10);
    if let Some(call_id) = world.agents[OF_PBX].talks.keys().next().cloned() {
        for refresh in [Refresh::Hold, Refresh::Resume] {
            let now = world.now.monotonic;
            world.agents[OF_PBX].refresh(&call_id, refresh, now);
            world.run_s(10);
        }
        world.run_for(Duration::from_secs(2_700));
        let now = world.now.monotonic;
        world.agents[OF_PBX].give_up(&call_id, now);
        world.run_s(100);
    }
    let complaints = world.agents.iter().flat_map(|agent| agent.complaints.clone()).collect();
    let rang = world.agents[OF_PBX].talk().provisional.iter().filter_map(|text| status(text)).filter(|it| *it > 100);
    let rang = rang.collect();
    (complaints, rang, world)
}

#[test]
fn nobody_complains_of_what_the_switch_does() {
    let (complaints, rang, world) = call_with(None);
    assert_eq!(complaints, []);
    assert_eq!(rang, [180, 183]);
    assert_eq!(world.record().cause, ReleaseCause::Normal);
}

#[test]
fn a_lost_ack_is_complained_of_by_who_answered() {
    let (complaints, ..) = call_with(Some(WireBug::LostAck));
    assert!(complaints.contains(&Complaint::NoAck), "{complaints:?}");
}

#[test]
fn a_wrong_cseq_is_complained_of_by_who_counts() {
    let (complaints, ..) = call_with_bye_from_us(WireBug::WrongCseq);
    assert!(complaints.iter().any(|complaint| matches!(complaint, Complaint::StaleCseq(_))), "{complaints:?}");
}

/// The PBX hangs up at once, so that the BYE to the carrier is the first request behind the INVITE.
fn call_with_bye_from_us(bug: WireBug) -> (Vec<Complaint>, World) {
    let mut world = World::new(Beginning::default());
    world.bug = Some(bug);
    world.carrier_answers(FIRST, &[(100, 200)]);
    world.pbx().manner.hangs_up_after = Some(Duration::from_secs(5));
    world.dial();
    world.run_s(100);
    (world.agents.iter().flat_map(|agent| agent.complaints.clone()).collect(), world)
}

#[test]
fn hold_answered_sendrecv_is_complained_of_by_who_holds() {
    let (complaints, ..) = call_with(Some(WireBug::HoldAnsweredSendrecv));
    assert!(complaints.iter().any(|complaint| matches!(complaint, Complaint::WrongAnswer(_))), "{complaints:?}");
}

#[test]
fn ringing_that_is_dropped_is_missed_by_who_listens() {
    let (_, rang, _) = call_with(Some(WireBug::RingingDropped));
    assert_eq!(rang, [183], "the PBX hears no 180");
}

#[test]
fn a_session_that_nobody_refreshes_is_complained_of_by_who_was_promised_it() {
    let (complaints, _, world) = call_with(Some(WireBug::NeverRefreshed));
    // Our own refresh has no answer either, so we end the call before its interval does.
    let is_noticed =
        complaints.contains(&Complaint::NotRefreshed) || world.record().cause == ReleaseCause::SessionExpired;
    assert!(is_noticed, "{complaints:?}");
}
