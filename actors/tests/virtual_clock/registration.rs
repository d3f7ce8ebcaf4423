//! Registrations on the wire (S1, S9, D-17).

use std::time::Duration;
use testkit::world::text::{header, status};
use testkit::world::{Beginning, Weather, World};

fn register(world: &mut World, contact: &str, expires_s: u32) -> String {
    let now = world.now;
    world.pbx().register(&format!("Contact: <{contact}>\r\nExpires: {expires_s}\r\n"), now);
    world.post();
    world.run_s(1);
    world.agents[0].registered.last().expect("the REGISTER is answered").clone()
}

/// S9: 45 s behind NAT; the granted value is echoed exactly.
#[test]
fn behind_nat_a_binding_lasts_45_s_and_then_expires() {
    let mut world = World::new(Beginning::default());
    world.pbx().shown = "10.0.0.5:5060".parse().unwrap();
    let answer = register(&mut world, "sip:end@10.0.0.5:5060", 3_600);
    assert_eq!(status(&answer), Some(200), "{answer}");
    assert_eq!(header(&answer, "Contact"), Some("<sip:end@10.0.0.5:5060>;expires=45"), "{answer}");
    world.run_s(43);
    assert!(world.node.binding(world.profile).is_some(), "44 s after the REGISTER it is there");
    world.run_s(2);
    assert!(world.node.binding(world.profile).is_none(), "46 s after the REGISTER it is gone");
}

/// S9: 3600 s where the PBX is reached directly.
#[test]
fn directly_a_binding_lasts_3600_s_and_then_expires() {
    let mut world = World::new(Beginning::default());
    let answer = register(&mut world, "sip:end@198.51.100.10:5060", 7_200);
    assert_eq!(header(&answer, "Contact"), Some("<sip:end@198.51.100.10:5060>;expires=3600"), "{answer}");
    world.run_s(3_598);
    assert!(world.node.binding(world.profile).is_some());
    world.run_s(2);
    assert!(world.node.binding(world.profile).is_none());
}

/// S9: what is asked for within the limits is granted as it was asked for, refreshed and removed.
#[test]
fn a_binding_is_refreshed_and_removed() {
    let mut world = World::new(Beginning::default());
    let contact = "sip:end@198.51.100.10:5060";
    for _ in 0..20 {
        let answer = register(&mut world, contact, 60);
        assert_eq!(header(&answer, "Contact"), Some("<sip:end@198.51.100.10:5060>;expires=60"), "{answer}");
        world.run_s(50);
        assert!(world.node.binding(world.profile).is_some(), "a refreshed binding stays");
    }
    let answer = register(&mut world, contact, 0);
    assert_eq!((status(&answer), header(&answer, "Contact")), (Some(200), None), "{answer}");
    assert!(world.node.binding(world.profile).is_none());
    world.run_s(300);
    world.assert_all_is_over();
}

/// D-17: 423 below 30 s, with Min-Expires.
#[test]
fn a_binding_below_30_s_is_refused_with_423() {
    let mut world = World::new(Beginning::default());
    let answer = register(&mut world, "sip:end@198.51.100.10:5060", 29);
    assert_eq!(status(&answer), Some(423), "{answer}");
    assert_eq!(header(&answer, "Min-Expires"), Some("30"));
    assert!(world.node.binding(world.profile).is_none());
    let answer = register(&mut world, "sip:end@198.51.100.10:5060", 30);
    assert_eq!(status(&answer), Some(200), "{answer}");
}

/// S1, RFC 3261 10.3: repeated, doubled and overtaking REGISTERs are answered as if each had come once.
#[test]
fn in_a_storm_a_pbx_that_refreshes_stays_registered() {
    for seed in 0..30 {
        println!("seed {seed}");
        let weather = Weather {
            lost_permille: 300,
            doubled_permille: 100,
            delay: Duration::from_millis(5),
            jitter: Duration::from_millis(80),
        };
        let mut world = World::new(Beginning { seed, weather, ..Beginning::default() });
        world.pbx().shown = "10.0.0.5:5060".parse().unwrap();
        for _ in 0..40 {
            let now = world.now;
            world.pbx().register("Contact: <sip:end@10.0.0.5:5060>\r\nExpires: 3600\r\n", now);
            world.post();
            world.run_s(40);
        }
        let answers = &world.agents[0].registered;
        assert!(answers.len() >= 35, "{} of 40 were answered in time", answers.len());
        for answer in answers {
            assert_eq!(header(answer, "Contact"), Some("<sip:end@10.0.0.5:5060>;expires=45"), "{answer}");
        }
        world.run_s(46);
        assert!(world.node.binding(world.profile).is_none());
        world.run_s(300);
        world.assert_all_is_over();
    }
}
