//! What each fact moves, and that it moves nothing else.
//!
//! Totals that others hand over are in `totals.rs`.

use crate::page::{Page, installed};
use domain::call_record::CallDirection;
use domain::credit::Code;
use domain::fact::{AttemptResult, AuthOutcome, Fact, RechargeOutcome, RegistrationOutcome, Transport};
use domain::refusal::RefusalKind;
use domain::{CallId, Currency, Micros, ProfileId, ReleaseCause};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use telemetry::Telemetry;

const CALL: CallId = CallId::from_bits(1);
const PROFILE: ProfileId = ProfileId::from_bits(2);
const OUT: CallDirection = CallDirection::Outbound;

/// What moved after these facts.
fn moved(facts: &[Fact]) -> BTreeMap<String, f64> {
    let telemetry = installed();
    facts.iter().for_each(|fact| telemetry.tell(fact));
    let page = Page::of(&telemetry);
    let moved = page.moved(&["tandem_build_info", "tandem_log_"]);
    moved.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn expected(series: &[(&str, f64)]) -> BTreeMap<String, f64> {
    series.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
}

fn ended(cause: ReleaseCause, refusal: Option<RefusalKind>, status: u16, talked_s: Option<u64>) -> Fact {
    Fact::CallEnded {
        call: CALL,
        profile: PROFILE,
        direction: OUT,
        cause,
        refusal,
        status,
        talked: talked_s.map(Duration::from_secs),
        amount: Micros::CENT,
        currency: Currency::USD,
        sip_call_id: "a@b".into(),
        called_sip_call_id: None,
    }
}

#[test]
fn a_call_that_is_answered_and_hung_up_moves_its_counters_once() {
    let facts = [
        Fact::CallAttempted { call: CALL, profile: PROFILE, direction: OUT, sip_call_id: "a@b".into() },
        Fact::CallAdmitted { direction: OUT, after: Duration::from_millis(2) },
        Fact::CallProgressed { direction: OUT, successful: true, ringing: true, after: Duration::from_millis(750) },
        Fact::CarrierAttempted {
            carrier: "nowhere".into(),
            result: AttemptResult::Answered,
            post_dial_delay: Some(Duration::from_millis(500)),
        },
        Fact::CallAnswered { call: CALL, profile: PROFILE, direction: OUT },
        Fact::LegDisconnected { direction: OUT, after: Duration::from_millis(20) },
        ended(ReleaseCause::Normal, None, 200, Some(61)),
    ];
    let expected = expected(&[
        ("tandem_call_attempts_total{direction=\"outbound\"}", 1.0),
        ("tandem_call_admission_seconds_count{direction=\"outbound\"}", 1.0),
        ("tandem_call_admission_seconds_sum{direction=\"outbound\"}", 0.002),
        ("tandem_session_request_delay_seconds_count{direction=\"outbound\",outcome=\"successful\"}", 1.0),
        ("tandem_session_request_delay_seconds_sum{direction=\"outbound\",outcome=\"successful\"}", 0.75),
        ("tandem_post_dial_delay_seconds_count{direction=\"outbound\"}", 1.0),
        ("tandem_post_dial_delay_seconds_sum{direction=\"outbound\"}", 0.75),
        ("tandem_carrier_attempts_total{carrier=\"other\",result=\"answered\"}", 1.0),
        ("tandem_carrier_post_dial_delay_seconds_count{carrier=\"other\"}", 1.0),
        ("tandem_carrier_post_dial_delay_seconds_sum{carrier=\"other\"}", 0.5),
        ("tandem_calls_answered_total{direction=\"outbound\"}", 1.0),
        ("tandem_session_disconnect_delay_seconds_count{direction=\"outbound\"}", 1.0),
        ("tandem_session_disconnect_delay_seconds_sum{direction=\"outbound\"}", 0.02),
        ("tandem_calls_ended_total{direction=\"outbound\",cause=\"normal\"}", 1.0),
        ("tandem_call_final_responses_total{direction=\"outbound\",code=\"200\"}", 1.0),
        ("tandem_calls_completed_total{direction=\"outbound\"}", 1.0),
        ("tandem_session_duration_seconds_count{direction=\"outbound\"}", 1.0),
        ("tandem_session_duration_seconds_sum{direction=\"outbound\"}", 61.0),
    ]);
    assert_eq!(moved(&facts), expected);
}

#[test]
fn a_refused_call_counts_by_cause_and_status_and_overload_control_by_its_reason() {
    let facts = [
        Fact::CallProgressed { direction: OUT, successful: false, ringing: false, after: Duration::from_millis(4) },
        ended(ReleaseCause::NoCredit, Some(RefusalKind::NoCredit), 402, None),
        ended(ReleaseCause::Overload, Some(RefusalKind::CpsExceeded), 503, None),
    ];
    let expected = expected(&[
        ("tandem_session_request_delay_seconds_count{direction=\"outbound\",outcome=\"failed\"}", 1.0),
        ("tandem_session_request_delay_seconds_sum{direction=\"outbound\",outcome=\"failed\"}", 0.004),
        ("tandem_calls_ended_total{direction=\"outbound\",cause=\"no_credit\"}", 1.0),
        ("tandem_calls_ended_total{direction=\"outbound\",cause=\"overload\"}", 1.0),
        ("tandem_call_final_responses_total{direction=\"outbound\",code=\"402\"}", 1.0),
        ("tandem_call_final_responses_total{direction=\"outbound\",code=\"503\"}", 1.0),
        ("tandem_sip_overload_rejections_total{reason=\"cps\"}", 1.0),
    ]);
    assert_eq!(moved(&facts), expected);
}

#[test]
fn only_an_orderly_end_completes_an_answered_call() {
    for cause in ReleaseCause::ALL {
        let orderly = ["normal", "credit_exhausted", "max_duration", "hung_up_by_operator"].contains(&cause.as_str());
        let moved = moved(&[ended(*cause, None, 200, Some(1))]);
        assert_eq!(moved.contains_key("tandem_calls_completed_total{direction=\"outbound\"}"), orderly, "{cause}");
        assert_eq!(moved[&format!("tandem_calls_ended_total{{direction=\"outbound\",cause=\"{cause}\"}}")], 1.0);
    }
}

#[test]
fn registrations_and_proofs_count_by_outcome_and_a_conflict_raises_its_counter_p2() {
    let outcomes = [RegistrationOutcome::Created, RegistrationOutcome::Refreshed, RegistrationOutcome::Refreshed];
    let mut facts: Vec<Fact> = outcomes
        .map(|outcome| Fact::RegistrationChanged { profile: PROFILE, outcome, transport: Transport::Udp })
        .into();
    let (replaced, by) = ("192.0.2.1:5060".parse().unwrap(), "192.0.2.2:5060".parse().unwrap());
    facts.push(Fact::RegistrationConflicted { profile: PROFILE, replaced, by });
    facts.push(Fact::Authenticated(AuthOutcome::BadPassword));
    facts.push(Fact::Authenticated(AuthOutcome::IpNotAllowed));
    let expected = expected(&[
        ("tandem_registrations_total{outcome=\"created\"}", 1.0),
        ("tandem_registrations_total{outcome=\"refreshed\"}", 2.0),
        ("tandem_registration_conflicts_total", 1.0),
        ("tandem_sip_auth_attempts_total{outcome=\"bad_password\"}", 1.0),
        ("tandem_sip_auth_attempts_total{outcome=\"ip_not_allowed\"}", 1.0),
    ]);
    assert_eq!(moved(&facts), expected);
}

#[test]
fn money_moved_is_summed_exactly_and_a_refused_batch_moves_none() {
    let posted = |amount, applied, currency| Fact::LedgerPosted { code: Code::CallCharge, applied, amount, currency };
    let mut facts = vec![posted(Micros::new(100_000), true, Currency::USD); 10];
    facts.push(posted(Micros::new(9_999_999_999_999_999), true, Currency::EUR));
    facts.push(posted(Micros::ONE, false, Currency::USD));
    facts.push(Fact::AutoRecharged { profile: PROFILE, outcome: RechargeOutcome::CompanyEmpty, amount: Micros::ONE });
    let telemetry = installed();
    facts.iter().for_each(|fact| telemetry.tell(fact));
    let text = telemetry.render();
    // Ten times ten cents are a dollar, and ten thousand million are not rounded: no float touches them.
    assert!(text.contains("tandem_ledger_amount_total{kind=\"call_charge\",currency=\"USD\"} 1.000000\n"));
    assert!(text.contains("tandem_ledger_amount_total{kind=\"call_charge\",currency=\"EUR\"} 9999999999.999999\n"));
    let page = Page::of(&telemetry);
    assert_eq!(page.at("tandem_ledger_entries_total{kind=\"call_charge\",outcome=\"committed\"}"), 11.0);
    assert_eq!(page.at("tandem_ledger_entries_total{kind=\"call_charge\",outcome=\"refused\"}"), 1.0);
    assert_eq!(page.at("tandem_auto_recharges_total{outcome=\"company_empty\"}"), 1.0);
}

#[test]
fn a_charge_that_was_answered_is_one_tick_in_its_bucket() {
    let facts = [2, 40].map(|ms| Fact::ChargeAnswered { after: Duration::from_millis(ms) });
    let expected = expected(&[("tandem_charge_tick_seconds_count", 2.0), ("tandem_charge_tick_seconds_sum", 0.042)]);
    assert_eq!(moved(&facts), expected);
    let telemetry = installed();
    facts.iter().for_each(|fact| telemetry.tell(fact));
    let page = Page::of(&telemetry);
    assert_eq!(page.at("tandem_charge_tick_seconds_bucket{le=\"0.0025\"}"), 1.0);
    assert_eq!(page.at("tandem_charge_tick_seconds_bucket{le=\"0.05\"}"), 2.0);
}

fn attempts(telemetry: &Telemetry, carrier: &str) -> Option<f64> {
    let series = format!("tandem_carrier_attempts_total{{carrier=\"{carrier}\",result=\"timeout\"}}");
    Page::of(telemetry).series.get(&series).copied()
}

#[test]
fn thirty_two_carriers_have_labels_of_their_own_and_the_rest_share_one() {
    let telemetry = installed();
    let names: Vec<String> = (0..40).map(|carrier| format!("carrier-{carrier}")).collect();
    telemetry.set_carriers(names[..31].iter().map(String::as_str));
    // A reload: those that were there keep their labels, one more gets the last.
    telemetry.set_carriers(names[20..].iter().map(String::as_str));
    for name in &names {
        let carrier: Arc<str> = name.as_str().into();
        telemetry.tell(&Fact::CarrierAttempted { carrier, result: AttemptResult::Timeout, post_dial_delay: None });
    }
    assert_eq!(attempts(&telemetry, "carrier-0"), Some(1.0));
    assert_eq!(attempts(&telemetry, "carrier-31"), Some(1.0));
    assert_eq!(attempts(&telemetry, "carrier-32"), None);
    assert_eq!(attempts(&telemetry, "other"), Some(8.0));
}

#[test]
fn telling_a_million_facts_costs_well_under_a_microsecond_each() {
    let telemetry = installed();
    let fact = Fact::ChargeTicked {
        call: CALL,
        profile: PROFILE,
        sequence: 1,
        amount: Micros::CENT,
        total: Micros::CENT,
        currency: Currency::USD,
        until_s: 36,
        deck: None,
        available: None,
    };
    let posted =
        Fact::LedgerPosted { code: Code::CallCharge, applied: true, amount: Micros::CENT, currency: Currency::USD };
    let cpu = || {
        let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
        let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_ascii_whitespace().collect();
        Duration::from_millis([11, 12].iter().map(|field| fields[*field].parse::<u64>().unwrap() * 10).sum())
    };
    let began = cpu();
    for _ in 0..1_000_000 {
        telemetry.tell(&fact);
        telemetry.tell(&posted);
    }
    let each = (cpu() - began) / 2_000_000;
    println!("{each:?} of CPU a fact");
    assert!(each < Duration::from_nanos(500), "{each:?}");
    assert_eq!(Page::of(&telemetry).at("tandem_ledger_amount_total{kind=\"call_charge\",currency=\"USD\"}"), 10_000.0);
}
