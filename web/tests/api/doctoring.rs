//! Stories of the trunk doctor: who may read which trace and which attempts, and what may be simulated.

use crate::world::{NOON, World, id};
use domain::call_record::CallDirection;
use domain::fact::Transport;
use domain::refusal::RefusalKind;
use domain::trace::{Rule, Value};
use domain::{CallId, Trace};
use serde_json::json;
use switch::attempts::{Attempt, Tried};
use switch::call::LiveTrace;

fn trace_of_a_refusal() -> Trace {
    let mut trace = Trace::new();
    trace.passed(Rule::Company, Value::None, Value::None);
    trace.failed(RefusalKind::FromMismatch, Value::Words("101"), Value::Words("99050000000001"));
    trace
}

fn attempt(user: &str) -> Attempt {
    Attempt {
        at: NOON,
        times: 3,
        tried: Tried::Call(CallDirection::Outbound),
        source: "192.0.2.7:5060".parse().unwrap(),
        transport: Transport::Tls,
        user: user.into(),
        dialled: "+12025550123".into(),
        sip_call_id: "a@b".into(),
        call: None,
        status: 403,
        refusal: Some(RefusalKind::FromMismatch),
        sentence: Some("From says 101; this profile must send 99050000000001".into()),
        trace: trace_of_a_refusal(),
    }
}

#[test]
fn the_trace_of_a_refused_call_says_which_rule_saw_what_and_what_to_do() {
    let world = World::new();
    let company = world.company();
    let profile = world.profile(&company, 1);
    let call = world.record(&company, &profile, |record| {
        record.answered_at = None;
        record.status = 403;
        record.refusal = Some("from_mismatch".to_owned());
        record.sentence = Some("From says 101; this profile must send 99050000000001".to_owned());
        record.trace = trace_of_a_refusal().to_text();
    });
    let answer = world.get(&format!("/calls/{call}/trace")).ok(200);
    assert_eq!((&answer["state"], &answer["refusal"]["id"]), (&json!("ended"), &json!("from_mismatch")));
    assert_eq!((&answer["refusal"]["status"], &answer["refusal"]["phrase"]), (&json!(403), &json!("Forbidden")));
    assert!(answer["refusal"]["remedy"].as_str().unwrap().contains("from_user"), "{answer}");
    assert_eq!(answer["steps"][0]["verdict"], "passed");
    let step = &answer["steps"][1];
    assert_eq!((&step["rule"], &step["verdict"]), (&json!("from_user"), &json!("failed")));
    assert_eq!((&step["seen"], &step["wanted"]), (&json!("101"), &json!("99050000000001")));
}

#[test]
fn traces_and_attempts_of_another_company_are_not_there_and_strangers_are_the_operators() {
    let world = World::new();
    let (own, other) = (world.company(), world.company());
    let token = world.company_token(&own);
    let (mine, theirs) = (world.profile(&own, 1), world.profile(&other, 1));
    let (my_call, their_call) = (world.record(&own, &mine, |_| {}), world.record(&other, &theirs, |_| {}));
    let live = CallId::from_bits(5);
    let of_other = LiveTrace { company: id(&other), trace: trace_of_a_refusal() };
    world.switchboard.traces.lock().unwrap().insert(live, of_other);
    world.switchboard.attempts.lock().unwrap().insert(Some(id(&mine)), vec![attempt("99050000000001")]);
    world.switchboard.attempts.lock().unwrap().insert(None, vec![attempt("scanner")]);
    let ask = |path: String| world.ask_as(&token, "GET", &path, None);

    ask(format!("/calls/{my_call}/trace")).ok(200);
    ask(format!("/calls/{their_call}/trace")).problem(404, "not_found");
    ask(format!("/calls/{live}/trace")).problem(404, "not_found");
    assert_eq!(world.get(&format!("/calls/{live}/trace")).ok(200)["state"], "live");

    let mine = ask(format!("/profiles/{mine}/attempts")).ok(200);
    let tried = &mine["items"][0];
    assert_eq!((&tried["kind"], &tried["outcome"]), (&json!("call"), &json!("refused")));
    assert_eq!((&tried["transport"], &tried["times"]), (&json!("tls"), &json!(3)));
    assert_eq!((&tried["refusal"]["id"], &tried["steps"][1]["seen"]), (&json!("from_mismatch"), &json!("101")));
    ask(format!("/profiles/{theirs}/attempts")).problem(404, "not_found");
    ask("/attempts".to_owned()).problem(403, "operator_only");
    assert_eq!(world.get("/attempts").ok(200)["items"][0]["user"], "scanner");
}

#[test]
fn a_company_simulates_calls_of_its_own_profiles_only() {
    let world = World::new();
    let (own, other) = (world.company(), world.company());
    let token = world.company_token(&own);
    let (mine, theirs) = (world.profile(&own, 1), world.profile(&other, 1));
    let ask = |body: serde_json::Value| world.ask_as(&token, "POST", "/simulate", Some(&body));
    // The switchboard by hand knows no profiles: the verdict is that of a profile that was just removed.
    let said = ask(json!({"profile": mine, "to": "+12025550123"})).ok(200);
    assert_eq!((&said["verdict"], &said["refusal"]["id"]), (&json!("refused"), &json!("bad_credentials")));
    assert_eq!(said["steps"][0]["verdict"], "failed");
    ask(json!({"profile": theirs, "to": "+12025550123"})).problem(404, "not_found");
    ask(json!({"source": {"address": "192.0.2.7"}, "to": "+12025550123"})).problem(403, "operator_only");
    ask(json!({"to": "+12025550123"})).problem(422, "invalid_request");
    ask(json!({"profile": mine, "to": "+12025550123", "codecs": ["PCMA\r\n"]})).problem(422, "invalid_request");
    ask(json!({"profile": mine, "to": "a\u{0}"})).problem(422, "invalid_request");
    let source = json!({"source": {"address": "192.0.2.7"}, "to": "+12025550123"});
    let stranger = world.post("/simulate", &source).ok(200);
    assert_eq!((&stranger["refusal"]["id"], &stranger["refusal"]["status"]), (&json!("ip_not_allowed"), &json!(407)));
}
