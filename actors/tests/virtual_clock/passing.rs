//! What one side says besides reaches the other by the header policy of both trunks, in whatever passes between them: answers, BYE,
//! changes of the session, INFO (lesson 31, RFC 7433); and what is a leg's own never does.

use domain::{HeaderLine, HeaderPolicy};
use testkit::world::text::{cseq, header, headers, method, status};
use testkit::world::{Beginning, FIRST, NUMBER_OF_SECOND, OF_PBX, Refresh, World};

/// What passes unasked, what both allow, what the PBX's trunk strips, and what nobody passes.
const OF_THE_PBX: &str = "User-to-User: 0070;encoding=hex\r\nX-From: pbx\r\nX-Secret: 9\r\n";
const OF_THE_CARRIER: &str = "User-to-User: 00c0;encoding=hex\r\nX-From: carrier\r\nX-Secret: 8\r\nX-Other: 1\r\n";
/// What belongs to each leg, however much is allowed.
const OWN: &str = "Server: Other\r\nP-Asserted-Identity: <sip:+12025550111@example.com>\r\nTarget-Dialog: x;local-tag=a;remote-tag=b\r\n\
                   Recv-Info: evil\r\nReferred-By: <sip:evil@example.com>\r\n";

fn policy(allow: &[&str], strip: &[&str], add: &str) -> HeaderPolicy {
    let names = |names: &[&str]| names.iter().map(|name| (*name).into()).collect();
    HeaderPolicy {
        allow: names(allow),
        strip: names(strip),
        add: vec![HeaderLine { name: "X-Switch".into(), value: add.into() }],
    }
}

fn beginning() -> Beginning {
    Beginning {
        pbx_headers: policy(&["X-From"], &["X-Secret"], "to the pbx"),
        carrier_headers: policy(&["X-*"], &[], "to the carrier"),
        ..Beginning::default()
    }
}

fn calling(beginning: Beginning, answers: &[(u64, u16)], prepare: impl FnOnce(&mut World)) -> World {
    let mut world = World::new(beginning);
    world.carrier_answers(FIRST, answers);
    for agent in [OF_PBX, FIRST] {
        world.agents[agent].manner.formats = "0 8";
        world.agents[agent].manner.allows_update = true;
    }
    world.agents[OF_PBX].manner.lines = OF_THE_PBX.to_owned();
    world.agents[FIRST].manner.lines = OF_THE_CARRIER.to_owned();
    prepare(&mut world);
    world.dial();
    world.run_s(3);
    world
}

/// What an end heard of the lines of the other side, in messages that are like this.
fn passed(world: &World, agent: usize, is_like: impl Fn(&str) -> bool) -> Vec<String> {
    let heard = world.agents[agent].heard.iter().filter(|(_, text)| is_like(text));
    let lines = |text: &str| {
        let names = ["User-to-User", "X-From", "X-Secret", "X-Other", "X-Switch"];
        let of = |name: &str| headers(text, name).collect::<Vec<_>>().join(", ");
        names.map(of).join(" | ")
    };
    heard.map(|(_, text)| lines(text)).collect()
}

fn answer(wanted: u16, to: &'static str) -> impl Fn(&str) -> bool {
    move |text| status(text) == Some(wanted) && cseq(text).1 == to
}

fn request(wanted: &'static str) -> impl Fn(&str) -> bool {
    move |text| method(text) == Some(wanted)
}

const AT_THE_PBX: &str = "00c0;encoding=hex | carrier |  |  | to the pbx";
const AT_THE_CARRIER: &str = "0070;encoding=hex | pbx |  |  | to the carrier";

fn ends(world: &mut World, agent: usize) {
    let (call_id, now) = (world.agents[agent].talk().call_id.clone(), world.now.monotonic);
    world.agents[agent].give_up(&call_id, now);
    world.post();
    world.run_s(300);
    world.assert_all_is_over();
}

fn change(world: &mut World, agent: usize, refresh: Refresh) {
    let (call_id, now) = (world.agents[agent].talk().call_id.clone(), world.now.monotonic);
    world.agents[agent].refresh(&call_id, refresh, now);
    world.post();
    world.run_s(2);
}

#[test]
fn what_the_called_side_says_with_its_answers_reaches_the_caller() {
    for requires_100rel in [None, Some(true)] {
        let mut world = calling(beginning(), &[(0, 100), (200, 180), (400, 183), (1_000, 200)], |world| {
            world.pbx().manner.requires_100rel = requires_100rel;
        });
        for wanted in [180, 183, 200] {
            assert_eq!(passed(&world, OF_PBX, answer(wanted, "INVITE")), [AT_THE_PBX], "{wanted} {requires_100rel:?}");
        }
        let trying = passed(&world, OF_PBX, answer(100, "INVITE"));
        assert!(trying.iter().all(|lines| !lines.contains("carrier")), "100 is of each hop: {trying:?}");
        assert_eq!(passed(&world, FIRST, request("INVITE")), [AT_THE_CARRIER], "as before");
        ends(&mut world, OF_PBX);
    }
}

/// What a carrier says about our business with it never reaches the caller, nor what it says with it.
#[test]
fn what_comes_with_a_refusal_passes_where_the_refusal_does() {
    let only_ours = " |  |  |  | to the pbx";
    for (status, passed_as, lines) in [(486, 486, AT_THE_PBX), (603, 603, AT_THE_PBX), (402, 503, only_ours)] {
        let world = calling(beginning(), &[(0, 100), (500, status)], |world| {
            world.carrier_answers(FIRST + 1, &[(0, status)]);
        });
        assert_eq!(passed(&world, OF_PBX, answer(passed_as, "INVITE")), [lines], "{status}");
    }
}

#[test]
fn a_bye_says_to_the_other_side_what_it_was_told_to_say() {
    for (leaving, left, lines) in [(OF_PBX, FIRST, AT_THE_CARRIER), (FIRST, OF_PBX, AT_THE_PBX)] {
        let mut world = calling(beginning(), &[(0, 180), (1_000, 200)], |_| {});
        ends(&mut world, leaving);
        assert_eq!(passed(&world, left, request("BYE")), [lines], "{leaving} hangs up");
    }
}

#[test]
fn a_change_of_the_session_and_its_answer_and_a_key_take_along_what_was_said_with_them() {
    for (who, other, there, back) in
        [(OF_PBX, FIRST, AT_THE_CARRIER, AT_THE_PBX), (FIRST, OF_PBX, AT_THE_PBX, AT_THE_CARRIER)]
    {
        for refresh in [Refresh::Hold, Refresh::HoldByUpdate, Refresh::Codec] {
            let mut world = calling(beginning(), &[(0, 180), (1_000, 200)], |world| {
                world.agents[who].manner.formats = "0";
            });
            let before = passed(&world, other, request("INVITE")).len();
            change(&mut world, who, refresh);
            let told = passed(&world, other, request("INVITE"));
            assert_eq!(told[before..], [there], "{refresh:?} by {who}");
            let (_, status, answer) = world.agents[who].talk().refreshed[0].clone();
            assert_eq!(status, 200, "{refresh:?} by {who}");
            // What is answered here and now says nothing of the other side.
            let said = header(&answer, "X-From").is_some();
            assert_eq!(said, refresh == Refresh::Codec, "{refresh:?} by {who}: {answer}");
            assert_eq!(header(&answer, "X-Switch"), back.rsplit(" | ").next(), "{refresh:?} by {who}");
            ends(&mut world, who);
        }
        let mut world = calling(beginning(), &[(0, 180), (1_000, 200)], |_| {});
        let (call_id, now) = (world.agents[who].talk().call_id.clone(), world.now.monotonic);
        world.agents[who].press(&call_id, '5', now);
        world.post();
        world.run_s(1);
        assert_eq!(passed(&world, other, request("INFO")), [there], "by {who}");
        ends(&mut world, who);
    }
}

/// Two re-INVITEs cross: ours is sent again by the clock of RFC 3261 14.1, with what it was to say.
#[test]
fn what_has_to_wait_for_a_glare_keeps_what_was_said_with_it() {
    let mut world = calling(beginning(), &[(0, 180), (1_000, 200)], |_| {});
    world.agents[FIRST].manner.answers_changes = 491;
    let (call_id, now) = (world.agents[OF_PBX].talk().call_id.clone(), world.now.monotonic);
    world.agents[OF_PBX].refresh(&call_id, Refresh::Hold, now);
    world.post();
    world.run_s(1);
    world.agents[FIRST].manner.answers_changes = 200;
    world.run_s(5);
    assert_eq!(passed(&world, FIRST, request("INVITE"))[1..], [AT_THE_CARRIER, AT_THE_CARRIER]);
    ends(&mut world, OF_PBX);
}

#[test]
fn what_is_a_legs_own_passes_by_no_policy() {
    let open = || HeaderPolicy { allow: vec!["*".into()], ..HeaderPolicy::default() };
    let open = Beginning { pbx_headers: open(), carrier_headers: open(), ..Beginning::default() };
    for leaving in [OF_PBX, FIRST] {
        let mut world = calling(open.clone(), &[(0, 180), (300, 183), (1_000, 200)], |world| {
            for agent in [OF_PBX, FIRST] {
                world.agents[agent].manner.lines = format!("{OWN}X-Any: 1\r\n");
            }
        });
        change(&mut world, leaving, Refresh::Hold);
        ends(&mut world, leaving);
        for agent in [OF_PBX, FIRST] {
            let heard: Vec<&String> = world.agents[agent].heard.iter().map(|(_, text)| text).collect();
            assert!(heard.iter().any(|text| text.contains("X-Any: 1")), "what is anybody's passes");
            for text in heard {
                for own in ["Other", "P-Asserted-Identity", "Target-Dialog", "Recv-Info", "Referred-By", "evil"] {
                    assert!(!text.contains(own), "{own} has passed: {text}");
                }
                assert!(headers(text, "Contact").count() <= 1 && headers(text, "Call-ID").count() == 1, "{text}");
            }
        }
    }
}

/// Between two profiles there is no SIP, and two policies of PBXs.
#[test]
fn what_is_said_passes_inside_too() {
    let mut world = World::new(Beginning { profiles: 2, ..beginning() });
    let second = world.customers[1].agent;
    for agent in [OF_PBX, second] {
        let (now, address) = (world.now, world.agents[agent].address);
        world.agents[agent].register(&format!("Contact: <sip:pbx@{address}>\r\nExpires: 3600\r\n"), now);
        world.post();
    }
    world.run_s(1);
    world.carrier_answers(second, &[(0, 180), (1_000, 200)]);
    world.agents[OF_PBX].manner.lines = OF_THE_PBX.to_owned();
    world.agents[second].manner.lines = OF_THE_CARRIER.to_owned();
    world.dial_number(NUMBER_OF_SECOND);
    world.run_s(3);
    for wanted in [180, 200] {
        assert_eq!(passed(&world, OF_PBX, answer(wanted, "INVITE")), [AT_THE_PBX], "{wanted}");
    }
    let (call_id, now) = (world.agents[OF_PBX].talk().call_id.clone(), world.now.monotonic);
    world.agents[OF_PBX].give_up(&call_id, now);
    world.post();
    world.run_s(300);
    assert_eq!(passed(&world, second, request("BYE")), ["0070;encoding=hex | pbx |  |  | to the pbx"]);
    world.assert_all_is_over();
}
