//! Incoming calls on the wire: a carrier calls a number, and the PBX of its profile rings (I1, I4, I5, I7, I8, I9, S7, C1, W9).

use crate::world::text::{body, header, method, status, uri};
use crate::world::{Beginning, FIRST, NUMBERS, OF_PBX, USER, Weather, World, seeds};
use actors::recover;
use domain::call_record::CallDirection;
use domain::{Entropy, Fact, Micros, ReleaseCause};
use ledger::Ledger;
use ledger::sqlite::{Settings, SqliteLedger};
use std::sync::Arc;
use std::time::Duration;

const CALLER: &str = "+447824500000";
/// Behind NAT: no address that the switch could send to.
const CONTACT: &str = "sip:99050000040027@10.0.0.5:5060;rinstance=459608bf8eeb29ef";

/// A world whose PBX has registered from behind NAT, and answers like this.
fn registered(beginning: Beginning, answers: &[(u64, u16)]) -> World {
    let mut world = World::new(beginning);
    world.pbx().shown = "10.0.0.5:5060".parse().unwrap();
    register(&mut world);
    world.carrier_answers(OF_PBX, answers);
    world
}

fn register(world: &mut World) {
    let now = world.now;
    world.pbx().register(&format!("Contact: <{CONTACT}>\r\nExpires: 3600\r\n"), now);
    world.post();
    world.run_s(1);
}

/// The last INVITE that the PBX heard.
fn invite(world: &World) -> String {
    let heard = world.agents[OF_PBX].heard.iter().rev();
    let mut invites = heard.filter(|(_, text)| method(text) == Some("INVITE"));
    invites.next().expect("the PBX was called").1.clone()
}

fn request_uri(invite: &str) -> &str {
    invite.split(' ').nth(1).unwrap_or_default()
}

/// The final answer that the carrier got.
fn answered(world: &World, call: &str) -> Option<u16> {
    world.agents[FIRST].talks[call].status
}

/// I1, I5, W9, N9: the Contact of a PBX behind NAT, and the way back to it; free, and recorded as such.
#[test]
fn a_number_rings_at_the_pbx_that_registered_and_both_can_hang_up() {
    for (number, who_hangs_up) in NUMBERS.into_iter().zip([OF_PBX, FIRST]) {
        let mut world =
            registered(Beginning { credit: 0, ..Beginning::default() }, &[(0, 100), (500, 183), (3_000, 200)]);
        let call = world.call_in(FIRST, CALLER, number);
        world.run_s(60);
        let digits = number.trim_start_matches('+');
        let heard = invite(&world);
        assert_eq!(request_uri(&heard), CONTACT.replace("99050000040027", digits));
        assert!(header(&heard, "From").unwrap().starts_with(&format!("<sip:{CALLER}@192.0.2.1>;tag=")), "{heard}");
        assert_eq!(header(&heard, "To"), Some(&*format!("<sip:{digits}@192.0.2.1>")));
        assert_eq!(uri(header(&heard, "Contact").unwrap()), format!("sip:{CALLER}@192.0.2.1:5060"));
        // RFC 3261 16.3: one hop less than the carrier's 70.
        assert_eq!(header(&heard, "Max-Forwards"), Some("69"));
        // Sound goes through us, on two ports.
        let ours = |text: &str| text.contains("c=IN IP4 192.0.2.1");
        assert!(ours(body(&heard)) && ours(world.agents[FIRST].talks[&call].answer_body()));
        let talk = &world.agents[FIRST].talks[&call];
        assert!(talk.is_up && world.channels_free() == 29, "the call is up, on one channel");

        let (now, pbx_call) = (world.now.monotonic, world.agents[OF_PBX].talks.keys().next().unwrap().clone());
        let hung_up = if who_hangs_up == FIRST { &call } else { &pbx_call };
        world.agents[who_hangs_up].give_up(hung_up, now);
        world.post();
        world.run_s(300);
        assert!(world.agents[FIRST].talks[&call].is_over && world.agents[OF_PBX].talks[&pbx_call].is_over);
        let record = world.record();
        assert_eq!(
            (record.direction, record.cause, record.status),
            (CallDirection::Inbound, ReleaseCause::Normal, 200)
        );
        assert_eq!((record.amount, record.talked_ms / 1_000), (Micros::ZERO, 56));
        assert_eq!(record.came_from.map(|named| named.carrier_name).as_deref(), Some("first"));
        assert_eq!((record.attempts[0].sip_call_id.as_str(), record.sip_call_id), (&*pbx_call, call));
        world.assert_all_is_over();
    }
}

/// I4.
#[test]
fn to_names_the_sip_user_where_the_profile_wants_that() {
    let beginning = Beginning { incoming_to: store::IncomingTo::SipUsername, ..Beginning::default() };
    let mut world = registered(beginning, &[(0, 486)]);
    let call = world.call_in(FIRST, CALLER, NUMBERS[0]);
    world.run_s(40);
    assert_eq!(header(&invite(&world), "To"), Some(&*format!("<sip:{USER}@192.0.2.1>")));
    assert_eq!(answered(&world, &call), Some(486), "busy passes");
    world.run_s(300);
    world.assert_all_is_over();
}

/// I7: without a binding, at the address that it may call from.
#[test]
fn a_pbx_with_ip_authentication_is_called_without_registering() {
    let source = "198.51.100.10:5060".parse().unwrap();
    let mut world = World::new(Beginning { sources: vec![source], ..Beginning::default() });
    world.carrier_answers(OF_PBX, &[(0, 180), (1_000, 200)]);
    let call = world.call_in(FIRST, CALLER, NUMBERS[0]);
    world.run_s(5);
    assert_eq!(request_uri(&invite(&world)), "sip:12025550100@198.51.100.10:5060");
    assert!(world.agents[FIRST].talks[&call].is_up);
    // S3: a call from that very address is an outgoing one, as before.
    world.carrier_answers(FIRST, &[(0, 200)]);
    let outgoing = world.dial();
    world.run_s(5);
    assert!(world.agents[OF_PBX].talks[&outgoing].is_up);
    for (agent, call) in [(FIRST, call), (OF_PBX, outgoing)] {
        let now = world.now.monotonic;
        world.agents[agent].give_up(&call, now);
        world.post();
    }
    world.run_s(300);
    let directions: Vec<_> = world.records().iter().map(|record| record.direction).collect();
    assert_eq!(directions, [CallDirection::Inbound, CallDirection::Outbound]);
    world.assert_all_is_over();
}

/// I5.
#[test]
fn an_anonymous_caller_stays_unknown() {
    let mut world = registered(Beginning::default(), &[(0, 603)]);
    world.call_in(FIRST, "anonymous", NUMBERS[0]);
    world.run_s(5);
    let heard = invite(&world);
    let from = header(&heard, "From").unwrap();
    assert!(from.starts_with("\"Anonymous\" <sip:anonymous@anonymous.invalid>;tag="), "{from}");
    assert_eq!(header(&heard, "Privacy"), Some("id"));
    assert_eq!(header(&heard, "P-Asserted-Identity"), None);
    world.run_s(300);
    world.assert_all_is_over();
}

/// I8: and no challenge: a carrier has no password. A stranger gets one.
#[test]
fn a_number_of_nobody_is_answered_404_and_a_stranger_is_challenged() {
    let mut world = registered(Beginning::default(), &[]);
    let call = world.call_in(FIRST, CALLER, "+12025550188");
    world.run_s(5);
    assert_eq!(answered(&world, &call), Some(404));
    assert!(world.agents[FIRST].talks[&call].answer.contains("number_unassigned"));
    let challenges = |world: &World, agent: usize| {
        world.agents[agent].heard.iter().filter(|(_, text)| status(text) == Some(407)).count()
    };
    assert_eq!(challenges(&world, FIRST), 0);
    // The same INVITE from elsewhere.
    world.agents[FIRST].address = "203.0.113.77:5060".parse().unwrap();
    world.call_in(FIRST, CALLER, NUMBERS[0]);
    world.run_s(5);
    assert!(challenges(&world, FIRST) > 0);
    assert!(world.records().is_empty());
}

/// I9: not registered, and gone.
#[test]
fn a_pbx_that_is_not_registered_or_does_not_answer_is_unavailable() {
    let mut world = World::new(Beginning::default());
    let call = world.call_in(FIRST, CALLER, NUMBERS[0]);
    world.run_s(5);
    assert_eq!(answered(&world, &call), Some(480));
    assert!(world.agents[FIRST].talks[&call].answer.contains("pbx_not_registered"));

    register(&mut world);
    let call = world.call_in(FIRST, CALLER, NUMBERS[0]);
    world.run_s(40);
    assert_eq!(answered(&world, &call), Some(480), "it registered, and says nothing");
    assert!(world.agents[FIRST].talks[&call].answer.contains("The called PBX does not answer"));
    world.run_s(300);
    world.assert_all_is_over();
}

/// I9, C1: both directions share one limit.
#[test]
fn with_its_channel_taken_by_an_outgoing_call_a_profile_is_busy() {
    let mut world = registered(Beginning { channels: 1, ..Beginning::default() }, &[(0, 200)]);
    world.carrier_answers(FIRST, &[(0, 200)]);
    let outgoing = world.dial();
    world.run_s(5);
    assert!(world.agents[OF_PBX].talks[&outgoing].is_up);
    let incoming = world.call_in(FIRST, CALLER, NUMBERS[0]);
    world.run_s(5);
    assert_eq!(answered(&world, &incoming), Some(486));
    let now = world.now.monotonic;
    world.pbx().give_up(&outgoing, now);
    world.post();
    world.run_s(5);

    let incoming = world.call_in(FIRST, CALLER, NUMBERS[0]);
    world.run_s(5);
    assert!(world.agents[FIRST].talks[&incoming].is_up);
    let outgoing = world.dial();
    world.run_s(5);
    assert_eq!(world.agents[OF_PBX].talks[&outgoing].status, Some(503));
    let now = world.now.monotonic;
    world.agents[FIRST].give_up(&incoming, now);
    world.post();
    world.run_s(300);
    world.assert_all_is_over();
}

/// S7.
#[test]
fn a_pbx_that_challenges_us_fails_the_call_with_words_that_help() {
    let mut world = registered(Beginning::default(), &[(0, 401)]);
    let call = world.call_in(FIRST, CALLER, NUMBERS[0]);
    world.run_s(5);
    assert_eq!(answered(&world, &call), Some(480));
    let answer = &world.agents[FIRST].talks[&call].answer;
    assert!(answer.contains("pbx_challenged_us: The called PBX asks us for a password"), "{answer}");
    let told = world.node.facts.iter().find_map(|(_, fact)| match fact {
        Fact::CallEnded { direction, refusal, .. } => Some((*direction, refusal.map(|kind| kind.as_str()))),
        _ => None,
    });
    assert_eq!(told, Some((CallDirection::Inbound, Some("pbx_challenged_us"))));
    world.run_s(300);
    world.assert_all_is_over();
}

/// The caller gives up while it rings, while the network loses a third, and the two cross.
#[test]
fn a_caller_that_hangs_up_while_it_rings_leaves_nothing_behind_in_any_weather() {
    for seed in seeds(40) {
        println!("seed {seed}");
        let weather = Weather {
            lost_permille: if seed % 2 == 0 { 0 } else { 300 },
            doubled_permille: 50,
            delay: Duration::from_millis(5),
            jitter: Duration::from_millis(60),
        };
        let mut chance = Entropy::from_seed(u128::from(seed + 9_000).to_le_bytes());
        let beginning = Beginning { seed, weather, ..Beginning::default() };
        let mut world = registered(beginning, &[(0, 180), (4_000, 200)]);
        world.run_s(30);
        let call = world.call_in(FIRST, CALLER, NUMBERS[0]);
        world.run_for(Duration::from_millis(chance.below(8_000)));
        let now = world.now.monotonic;
        world.agents[FIRST].give_up(&call, now);
        world.post();
        world.run_s(900);
        let pbx = &world.agents[OF_PBX];
        assert!(pbx.talks.values().all(|talk| talk.is_over || !talk.is_up), "the PBX rings no more");
        world.assert_all_is_over();
    }
}

/// The process is killed while an incoming call is up: its channel comes back, and its record says so.
#[test]
fn after_a_crash_an_incoming_call_holds_no_channel_and_has_its_record() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger.db");
    let open = || Arc::new(SqliteLedger::open(Settings::new(&path)).unwrap());
    let ledger = open();
    let beginning = Beginning { channels: 3, ..Beginning::default() };
    let mut world = World::with_ledger(beginning, Arc::clone(&ledger) as Arc<dyn Ledger>);
    register(&mut world);
    world.carrier_answers(OF_PBX, &[(0, 180), (2_000, 200)]);
    world.call_in(FIRST, CALLER, NUMBERS[0]);
    world.run_s(30);
    world.call_in(FIRST, CALLER, NUMBERS[1]);
    world.run_s(1);
    assert_eq!(world.channels_free(), 1, "one talks, one rings");
    world.node.ledger().flush().unwrap();

    world.replace_node(Arc::new(ledger::memory::MemoryLedger::new()));
    Arc::try_unwrap(ledger).unwrap_or_else(|_| panic!("somebody else has the ledger")).abandon();
    let ledger = open() as Arc<dyn Ledger>;
    let recovered = recover(&ledger, world.now).unwrap();
    world.replace_node(ledger);
    assert_eq!((recovered.calls, recovered.charged, world.channels_free()), (2, Micros::ZERO, 3));
    let records = world.records();
    assert_eq!(records.len(), 2);
    for record in &records {
        assert_eq!((record.direction, record.cause), (CallDirection::Inbound, ReleaseCause::SwitchRestarted));
        assert_eq!((record.amount, record.billed_s), (Micros::ZERO, 0));
    }
    world.assert_money_is_settled();
}
