//! Log lines, with a subscriber of each test's own: a process has one logger only.

use super::*;
use crate::{Build, Telemetry};
use domain::call_record::CallDirection;
use domain::fact::{Fact, RechargeOutcome};
use domain::refusal::RefusalKind;
use domain::{CallId, Currency, Micros, ProfileId, ReleaseCause};
use std::sync::{Arc, Mutex};

const CALL: CallId = CallId::from_bits(1);
const PROFILE: ProfileId = ProfileId::from_bits(2);

fn noon() -> Wall {
    Wall::from_unix_seconds(1_795_262_400)
}

/// What has been written.
#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn settings(level: &'static str, format: LogFormat, sink: Box<dyn Write + Send>) -> LogSettings<'static> {
    LogSettings { level, format, numbers_masked: true, clock: noon, sink }
}

/// The lines that come of some work.
fn lines(level: &'static str, format: LogFormat, work: impl FnOnce()) -> Vec<String> {
    let paper = Paper::default();
    let (subscriber, guard) = subscriber(settings(level, format, Box::new(paper.clone()))).unwrap();
    tracing::subscriber::with_default(subscriber, work);
    drop(guard);
    let written = paper.0.lock().unwrap().clone();
    String::from_utf8(written).unwrap().lines().map(str::to_owned).collect()
}

fn json_of(fact: Fact) -> Vec<Value> {
    let telemetry = Telemetry::install(Build { version: "0", revision: "0", rustc: "0" }).unwrap();
    let lines = lines("trace", LogFormat::Json, || telemetry.tell(&fact));
    lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn ticked() -> Fact {
    Fact::ChargeTicked {
        call: CALL,
        profile: PROFILE,
        sequence: 3,
        amount: Micros::CENT,
        total: Micros::CENT,
        currency: Currency::USD,
        until_s: 48,
        deck: None,
        available: None,
    }
}

#[test]
fn a_call_that_ended_is_one_line_with_both_call_ids_and_the_cause() {
    let lines = json_of(Fact::CallEnded {
        call: CALL,
        profile: PROFILE,
        direction: CallDirection::Outbound,
        cause: ReleaseCause::NoChannel,
        refusal: Some(RefusalKind::ChannelsFull),
        status: 503,
        talked: None,
        amount: Micros::ZERO,
        currency: Currency::USD,
        sip_call_id: "a@b".into(),
        called_sip_call_id: Some("c@d".into()),
    });
    let expected = serde_json::json!({
        "ts": "2026-11-21T12:00:00.000Z",
        "level": "INFO",
        "target": "tandem::calls",
        "msg": "call ended",
        "fields": {
            "call.id": CALL.to_string(),
            "profile.id": PROFILE.to_string(),
            "direction": "outbound",
            "cause": "no_channel",
            "refusal": "channels_full",
            "sip.status": 503,
            "amount": "0.00",
            "currency": "USD",
            "sip.call_id": "a@b",
            "called.sip_call_id": "c@d",
        },
    });
    assert_eq!(lines, [expected]);
}

#[test]
fn each_fact_has_its_level_and_some_have_no_line() {
    let address = "192.0.2.1:5060".parse().unwrap();
    let cases = [
        (ticked(), Some("DEBUG")),
        (Fact::CreditExhausted { call: CALL, profile: PROFILE }, Some("INFO")),
        (Fact::RegistrationConflicted { profile: PROFILE, replaced: address, by: address }, Some("WARN")),
        (
            Fact::AutoRecharged { profile: PROFILE, outcome: RechargeOutcome::CompanyEmpty, amount: Micros::ONE },
            Some("WARN"),
        ),
        (Fact::AutoRecharged { profile: PROFILE, outcome: RechargeOutcome::Ok, amount: Micros::ONE }, Some("INFO")),
        (Fact::LegDisconnected { direction: CallDirection::Outbound, after: Duration::ZERO }, None),
        (Fact::CallAdmitted { direction: CallDirection::Outbound, after: Duration::ZERO }, None),
        (Fact::ChargeAnswered { after: Duration::ZERO }, None),
    ];
    for (fact, level) in cases {
        let name = format!("{fact:?}");
        let lines = json_of(fact);
        let levels: Vec<_> = lines.iter().map(|line| line["level"].as_str().unwrap()).collect();
        assert_eq!(levels, Vec::from_iter(level), "{name}");
    }
}

#[test]
fn an_emergency_number_stays_readable_and_a_subscribers_does_not() {
    let dialled = |dialled: &str| {
        let fact = Fact::EmergencyRefused { call: CALL, profile: PROFILE, dialled: dialled.into() };
        json_of(fact)[0]["fields"]["dialled"].as_str().unwrap().to_owned()
    };
    assert_eq!(dialled("112"), "112");
    assert_eq!(dialled("+12025550123"), "+1202*****23");
}

#[test]
fn a_line_begins_with_its_time_and_keeps_its_fields_in_order() {
    let line = lines("info", LogFormat::Json, || tracing::info!(target: "t", { zebra = 1, apple = true }, "said"));
    let expected = r#"{"ts":"2026-11-21T12:00:00.000Z","level":"INFO","target":"t","msg":"said","fields":{"zebra":1,"apple":true}}"#;
    assert_eq!(line, [expected]);
}

#[test]
fn a_line_is_one_line_whatever_stands_in_it_and_a_terminal_is_not_steered() {
    let work = || tracing::info!(from = "\"x\n\u{1b}[2J", "one\ntwo\u{1b}[31m");
    let json = lines("info", LogFormat::Json, work);
    assert_eq!(json.len(), 1);
    let line: Value = serde_json::from_str(&json[0]).unwrap();
    assert_eq!(
        (line["msg"].as_str(), line["fields"]["from"].as_str()),
        (Some("one\ntwo\u{1b}[31m"), Some("\"x\n\u{1b}[2J"))
    );

    let text = lines("info", LogFormat::Text, work);
    let expected = r#"2026-11-21T12:00:00.000Z INFO  telemetry::logs::tests one two [31m from="\"x\n\u001b[2J""#;
    assert_eq!(text, [expected]);
}

#[test]
fn levels_filter_by_target_and_what_is_no_level_is_refused_in_words() {
    let work = || {
        tracing::debug!(target: "tandem::sip", "kept");
        tracing::debug!(target: "tandem::money", "left out");
        tracing::info!(target: "tandem::money", "kept too");
    };
    assert_eq!(lines("info,tandem::sip=debug", LogFormat::Text, work).len(), 2);
    let refused = subscriber(settings("loud=louder", LogFormat::Text, Box::new(std::io::sink()))).err().unwrap();
    assert!(refused.to_string().starts_with("\"loud=louder\" is not a log level: expected error, warn, info"));
}

/// A sink that writes nothing until it is told to.
struct Stuck(std::sync::mpsc::Receiver<()>, Paper);

impl Write for Stuck {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        // Err: the other end is gone, so nothing holds the sink any more.
        let _ = self.0.recv();
        self.1.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_sink_that_hangs_blocks_no_thread_and_what_does_not_fit_is_counted() {
    let paper = Paper::default();
    let (release, held) = sync_channel(0);
    let (subscriber, guard) =
        subscriber(settings("info", LogFormat::Text, Box::new(Stuck(held, paper.clone())))).unwrap();
    let (warned, dropped_before) = (events(LogLevel::Warn), dropped());
    let told = LINES_MAX as u64 * 3;
    // Were this to block, the test would never end.
    tracing::subscriber::with_default(subscriber, || (0..told).for_each(|line| tracing::warn!(line, "told")));
    let lost = dropped() - dropped_before;
    assert!(lost >= told - 2 * LINES_MAX as u64, "{lost}");
    assert!(events(LogLevel::Warn) - warned >= told);

    drop(release);
    drop(guard);
    let written = paper.0.lock().unwrap().iter().filter(|byte| **byte == b'\n').count() as u64;
    assert_eq!(written + lost, told);
}

#[test]
fn warnings_and_errors_are_counted_on_the_page() {
    let telemetry = Telemetry::install(Build { version: "0", revision: "0", rustc: "0" }).unwrap();
    let count = |level: &str| {
        let series = format!("tandem_log_events_total{{level=\"{level}\"}} ");
        let text = telemetry.render();
        let line = text.lines().find_map(|line| line.strip_prefix(&series)).unwrap();
        line.parse::<u64>().unwrap()
    };
    let (warnings, errors) = (count("warn"), count("error"));
    lines("info", LogFormat::Json, || {
        tracing::error!("broken");
        tracing::warn!("odd");
        tracing::info!("fine");
    });
    // Other tests of this process log too.
    assert!(count("warn") > warnings && count("error") > errors);
}

#[test]
fn logs_begin_once_in_a_process() {
    let settings = || settings("off", LogFormat::Json, Box::new(std::io::sink()));
    let first = init_logs(settings());
    assert!(first.is_ok());
    assert!(matches!(init_logs(settings()), Err(Error::LogsBegun)));
}
