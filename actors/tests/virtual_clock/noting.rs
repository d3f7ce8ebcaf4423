//! What was refused inside a call stands in its decision trace: what came, the value seen and the value wanted; and keys that others could
//! read are warned of.

use domain::trace::{self, Told, Verdict};
use testkit::world::{Beginning, FIRST, OF_PBX, Refresh, World};

fn talking(prepare: impl FnOnce(&mut World)) -> World {
    let mut world = World::new(Beginning::default());
    world.carrier_answers(FIRST, &[(0, 180), (1_000, 200)]);
    for agent in [OF_PBX, FIRST] {
        world.agents[agent].manner.formats = "0 8";
    }
    prepare(&mut world);
    world.dial();
    world.run_s(3);
    world
}

fn says(world: &mut World, agent: usize, method: &'static str, lines: &str) {
    let (call_id, now) = (world.agents[agent].talk().call_id.clone(), world.now.monotonic);
    world.agents[agent].say(&call_id, method, lines, now);
    world.post();
    world.run_s(1);
}

/// The steps of the record that speak of what was asked for inside the call: refusal, seen, wanted.
fn noted(mut world: World) -> Vec<(String, String, String)> {
    let (call_id, now) = (world.agents[OF_PBX].talk().call_id.clone(), world.now.monotonic);
    world.agents[OF_PBX].give_up(&call_id, now);
    world.run_s(300);
    world.assert_all_is_over();
    let steps = trace::read(&world.record().trace).into_iter().filter(|step| step.rule == "in_dialog");
    let told = |step: Told| {
        assert_eq!(step.verdict, Verdict::Failed);
        (step.refusal, step.seen, step.wanted)
    };
    steps.map(told).collect()
}

fn step(refusal: &str, seen: &str, wanted: &str) -> (String, String, String) {
    (refusal.to_owned(), seen.to_owned(), wanted.to_owned())
}

const ALLOW: &str = "INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE, INFO, PRACK";

#[test]
fn what_either_side_asked_for_in_vain_is_in_the_trace_of_the_call() {
    for agent in [OF_PBX, FIRST] {
        for (method, lines, refusal, what, wanted) in [
            ("REFER", "Refer-To: <sip:elsewhere@example.com>\r\n", "method_not_allowed", "REFER", ALLOW),
            (
                "INVITE",
                "Require: magic, timer\r\n",
                "extension_unknown",
                "INVITE that requires magic, timer",
                "timer, 100rel",
            ),
            (
                "UPDATE",
                "Supported: timer\r\nSession-Expires: 30\r\n",
                "session_interval_too_small",
                "UPDATE with Session-Expires 30",
                "not below Min-SE",
            ),
            ("PRACK", "RAck: 1 1 INVITE\r\n", "no_such_dialog", "PRACK", ""),
        ] {
            let mut world = talking(|_| {});
            says(&mut world, agent, method, lines);
            let seen = format!("{what} from {}", world.agents[agent].address);
            assert_eq!(noted(world), [step(refusal, &seen, wanted)], "{method} by {agent}");
        }
    }
}

/// The other side's refusal is told to who asked, and noted by whom it came from.
#[test]
fn codecs_that_the_other_side_refused_are_in_the_trace() {
    let mut world = talking(|world| {
        world.agents[OF_PBX].manner.formats = "0";
        world.agents[FIRST].manner.answers_changes = 488;
    });
    let (call_id, now) = (world.agents[OF_PBX].talk().call_id.clone(), world.now.monotonic);
    world.agents[OF_PBX].refresh(&call_id, Refresh::Codec, now);
    world.post();
    world.run_s(2);
    let seen = format!("INVITE that offers RTP/AVP PCMA/8000 from {}", world.agents[OF_PBX].address);
    let wanted = "sound or fax that both sides and their trunks take";
    assert_eq!(noted(world), [step("no_common_codec", &seen, wanted)]);
}

/// RFC 3261 14.2: both hold at once, and who crosses our own request is told so.
#[test]
fn changes_that_cross_are_in_the_trace() {
    let mut world = talking(|_| {});
    for agent in [OF_PBX, FIRST] {
        let (call_id, now) = (world.agents[agent].talk().call_id.clone(), world.now.monotonic);
        world.agents[agent].refresh(&call_id, Refresh::Hold, now);
    }
    world.post();
    world.run_s(10);
    let seen = format!("INVITE from {}", world.agents[FIRST].address);
    assert_eq!(noted(world), [step("request_pending", &seen, "one change at a time")]);
}

/// A PBX that asks for the same all day says nothing new, and leaves room for what decides.
#[test]
fn what_is_asked_for_again_and_again_is_noted_a_few_times() {
    let mut world = talking(|_| {});
    for _ in 0..30 {
        says(&mut world, OF_PBX, "REFER", "Refer-To: <sip:elsewhere@example.com>\r\n");
    }
    assert_eq!(noted(world).len(), 8);
}
