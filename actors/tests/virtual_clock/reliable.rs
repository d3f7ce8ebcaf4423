//! What rings is heard (RFC 3262), and which of several phones that ring answers (RFC 3261 13.2.2).

use domain::ReleaseCause;
use testkit::world::text::{body, header, headers, status};
use testkit::world::{Beginning, FIRST, OF_PBX, World};

fn calling(prepare: impl FnOnce(&mut World)) -> World {
    let mut world = World::new(Beginning::default());
    world.carrier_answers(FIRST, &[(100, 180), (200, 183), (300, 180), (2_000, 200)]);
    prepare(&mut world);
    world.dial();
    world
}

/// The provisional answers that the PBX heard, 100 aside.
fn rang(world: &World) -> Vec<(u16, Option<String>)> {
    let heard = world.agents[OF_PBX].talk().provisional.iter();
    let heard = heard.map(|text| (status(text).unwrap(), header(text, "RSeq").map(str::to_owned)));
    heard.filter(|(status, _)| *status > 100).collect()
}

/// Field lesson 27: a 180 after a 183 is heard too.
#[test]
fn every_18x_reaches_the_caller_in_order() {
    let mut world = calling(|_| {});
    world.run_s(3);
    assert_eq!(rang(&world), [(180, None), (183, None), (180, None)]);
    assert_eq!(world.agents[OF_PBX].talk().status, Some(200));
}

/// The caller requires what the carrier knows nothing of.
#[test]
fn a_caller_that_requires_100rel_hears_reliably_what_rings_at_a_carrier_that_does_not_know_it() {
    let mut world = calling(|world| world.pbx().manner.requires_100rel = Some(true));
    world.run_s(3);
    let pbx = world.agents[OF_PBX].talk();
    let numbers: Vec<u32> = rang(&world).iter().map(|(_, rseq)| rseq.as_ref().unwrap().parse().unwrap()).collect();
    assert_eq!(rang(&world).iter().map(|(status, _)| *status).collect::<Vec<_>>(), [180, 183, 180]);
    assert_eq!(numbers, [numbers[0], numbers[0] + 1, numbers[0] + 2]);
    assert!(pbx.provisional.iter().skip(1).all(|text| header(text, "Require") == Some("100rel")));
    assert_eq!(pbx.status, Some(200));
    assert!(!world.agents[FIRST].talk().invite.contains("Require: 100rel"));
}

/// RFC 3262 3: repeated at T1, doubling, and given up after 64*T1 with a 5xx.
#[test]
fn what_rings_is_repeated_until_its_prack_and_the_call_is_refused_without() {
    let mut world = calling(|world| {
        world.pbx().manner.requires_100rel = Some(false);
        world.carrier_answers(FIRST, &[(100, 180)]);
    });
    world.run_s(50);
    let pbx = world.agents[OF_PBX].talk();
    assert_eq!(rang(&world).len(), 7, "at 0, 0.5, 1.5, 3.5, 7.5, 15.5 and 31.5 s");
    assert_eq!(pbx.status, Some(504), "{}", pbx.answer);
    assert!(world.agents[FIRST].talk().cancel_heard_at.is_some(), "and the carrier is cancelled");
    world.run_s(300);
    world.assert_all_is_over();
}

/// The carrier requires what the caller knows nothing of.
#[test]
fn a_carrier_that_rings_reliably_gets_a_prack_for_each_and_the_caller_hears_each_once() {
    let mut world = calling(|world| world.agents[FIRST].manner.rings_reliably = true);
    world.run_s(3);
    let pracks: Vec<String> = world.agents[FIRST]
        .heard
        .iter()
        .filter(|(_, text)| text.starts_with("PRACK"))
        .map(|(_, text)| text.clone())
        .collect();
    let racks: Vec<&str> = pracks.iter().map(|text| header(text, "RAck").unwrap()).collect();
    assert_eq!(racks, ["1 1 INVITE", "2 1 INVITE", "3 1 INVITE"]);
    let cseqs: Vec<&str> = pracks.iter().map(|text| header(text, "CSeq").unwrap()).collect();
    assert_eq!(cseqs, ["2 PRACK", "3 PRACK", "4 PRACK"]);
    assert_eq!(rang(&world), [(180, None), (183, None), (180, None)]);
    let call_id = world.agents[OF_PBX].talk().call_id.clone();
    let now = world.now.monotonic;
    world.agents[OF_PBX].give_up(&call_id, now);
    world.run_s(1);
    let bye = world.agents[FIRST].heard.iter().find(|(_, text)| text.starts_with("BYE")).unwrap().1.clone();
    assert_eq!(header(&bye, "CSeq"), Some("5 BYE"), "the dialog counts on from its PRACKs");
    world.run_s(300);
    world.assert_all_is_over();
}

#[test]
fn the_early_description_of_a_reliable_183_counts_where_the_200_brings_none() {
    let mut world = calling(|world| {
        world.agents[FIRST].manner.rings_reliably = true;
        world.pbx().manner.requires_100rel = Some(true);
    });
    world.run_s(3);
    let pbx = world.agents[OF_PBX].talk();
    assert!(pbx.provisional.iter().any(|text| status(text) == Some(183) && body(text).contains("m=audio")));
    assert_eq!(pbx.status, Some(200));
}

/// RFC 3261 8.2.2.3.
#[test]
fn an_extension_that_nobody_knows_is_refused_with_420_and_its_name() {
    let mut world = calling(|world| world.pbx().manner.invite_lines = "Require: gruu, 100rel, teleport\r\n".to_owned());
    world.run_s(3);
    let pbx = world.agents[OF_PBX].talk();
    assert_eq!(pbx.status, Some(420), "{}", pbx.answer);
    let unsupported: Vec<&str> = headers(&pbx.answer, "Unsupported").collect();
    assert_eq!(unsupported, ["gruu, teleport"]);
}

/// An offer that is left to us cannot stand in the first reliable response: nobody has answered yet.
#[test]
fn a_late_offer_that_requires_100rel_is_refused_with_a_sentence() {
    let mut world = calling(|world| {
        world.pbx().manner.requires_100rel = Some(true);
        world.pbx().manner.offers_late = true;
    });
    world.run_s(3);
    let pbx = world.agents[OF_PBX].talk();
    assert_eq!(pbx.status, Some(488), "{}", pbx.answer);
    assert!(header(&pbx.answer, "Warning").is_some_and(|warning| warning.contains("100rel")), "{}", pbx.answer);
}

/// RFC 3261 13.2.2.4: one conversation is enough.
#[test]
fn of_two_phones_that_answer_the_second_is_acknowledged_and_hung_up() {
    let mut world = calling(|world| world.agents[FIRST].manner.forks = true);
    world.run_s(60);
    let carrier = world.agents[FIRST].talk();
    assert!(carrier.forked_bye, "the second phone hears BYE");
    assert!(carrier.is_up, "the first one talks");
    let call_id = world.agents[OF_PBX].talk().call_id.clone();
    let now = world.now.monotonic;
    world.agents[OF_PBX].give_up(&call_id, now);
    world.run_s(300);
    assert_eq!(world.record().cause, ReleaseCause::Normal);
    world.assert_all_is_over();
}
