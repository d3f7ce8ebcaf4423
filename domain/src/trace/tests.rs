//! A trace is written and read without loss, has an end, and no value can break it.

use super::*;

#[test]
fn every_rule_reads_back_from_its_word() {
    for rule in Rule::ALL {
        assert_eq!(Rule::from_label(rule.as_str()), Some(*rule));
        assert!(!rule.what().ends_with('.') && rule.what().is_ascii());
    }
}

#[test]
fn a_trace_is_written_and_read_without_loss_and_no_value_can_break_it() {
    let mut trace = Trace::new();
    trace.passed(Rule::Company, Value::None, Value::None);
    trace.passed(Rule::Credit, Value::Money(Micros::from_cents(1), Currency::USD), "the first block");
    let evil: Arc<str> = "1\"~|\\\r\nnumber|failed".into();
    trace.failed(RefusalKind::FromMismatch, evil, Value::Text("99050000040027".into()));
    let text = trace.to_text();
    assert!(text.bytes().all(|byte| (b' '..=b'~').contains(&byte) && byte != b'"' && byte != b'\\'), "{text}");
    let told = read(&text);
    assert_eq!(told.len(), 3);
    assert_eq!((&*told[1].seen, &*told[1].wanted), ("0.01 USD", "the first block"));
    assert_eq!((&*told[2].rule, &*told[2].refusal), ("from_user", "from_mismatch"));
    assert_eq!((&*told[2].seen, &*told[2].wanted), ("1''''''number'failed", "99050000040027"));
    assert_eq!(read(""), []);
}

#[test]
fn a_value_is_written_as_it_is_displayed() {
    for value in [
        Value::None,
        Value::Words("the first block"),
        Value::Text("North".into()),
        Value::Number("+12025550123".parse().unwrap()),
        Value::Count(0),
        Value::Count(u64::MAX),
        Value::Seconds(3_600),
        Value::Money(Micros::from_cents(-1), Currency::USD),
        Value::Status(486),
        Value::Address("[2001:db8::1]:5060".parse().unwrap()),
    ] {
        let mut text = String::from("before ");
        put(&mut text, &value);
        assert_eq!(text, format!("before {value}"));
    }
    let mut text = String::new();
    put(&mut text, &Value::Text("\u{e9}".repeat(200).into()));
    assert_eq!(text, "'".repeat(VALUE_CHARS_MAX), "characters count, not bytes");
}

#[test]
fn a_trace_has_an_end_and_keeps_the_last_decision() {
    let mut trace = Trace::new();
    for _ in 0..200 {
        trace.skipped(Rule::Carrier, "down", Value::None);
    }
    trace.failed(RefusalKind::CarriersFailed, Value::None, Value::None);
    assert_eq!(trace.steps().len(), STEPS_MAX);
    assert!(trace.tells(RefusalKind::CarriersFailed));
    let mut long = Trace::new();
    for _ in 0..STEPS_MAX {
        let name: Arc<str> = "n".repeat(200).into();
        long.failed(RefusalKind::SessionIntervalTooSmall, Arc::clone(&name), name);
    }
    long.failed(RefusalKind::CarriersFailed, Value::None, Value::None);
    let text = long.to_text();
    assert!(text.len() <= TEXT_BYTES_MAX, "{}", text.len());
    assert_eq!(read(&text).last().map(|told| told.refusal.clone()), Some("carriers_failed".to_owned()));
}
