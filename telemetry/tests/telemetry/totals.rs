//! Totals and figures that others hand over.
//!
//! Facts are in `facts.rs`.

use crate::page::{Page, installed};
use domain::call_record::CallDirection;
use domain::fact::{Flow, Offence, Side, Transport};
use domain::{Currency, Micros, Wall};
use std::time::Duration;
use telemetry::labels::{
    Actor, ActorOutcome, CallState, Code, Discarded, Emptying, MediaMode, Method, ParseError, ProfileKind,
    RecordOutcome, RedisErrorKind, RedisOp, Role, Surface,
};
use telemetry::{
    CallsActive, Capacity, Counts, CreditTotals, CurrencyTotals, GuardTotals, LedgerTotals, MediaTotals,
    ProcessFigures, RuntimeFigures, SipTotals,
};

#[test]
fn the_shards_counts_are_summed_and_counters_never_go_back() {
    let telemetry = installed();
    let shard = |invites: u64, transactions: u64| {
        let mut totals = SipTotals::default();
        totals.requests.set((Flow::Rx, Method::of("INVITE")), invites);
        totals.requests.add((Flow::Rx, Method::of("PUBLISH")), 1);
        totals.responses.set((Flow::Tx, Code::of(407)), 3);
        totals.parse_errors.set((ParseError::Utf8,), 2);
        totals.transactions.set((Role::Server,), transactions);
        totals.refused_full = 1;
        totals
    };
    telemetry.set_sip(0, shard(5, 7));
    telemetry.set_sip(1, shard(10, 8));
    let series = "tandem_sip_requests_total{flow=\"rx\",method=\"INVITE\"}";
    let page = Page::of(&telemetry);
    assert_eq!(page.at(series), 15.0);
    assert_eq!(page.at("tandem_sip_requests_total{flow=\"rx\",method=\"other\"}"), 2.0);
    assert_eq!(page.at("tandem_sip_responses_total{flow=\"tx\",code=\"407\"}"), 6.0);
    assert_eq!(page.at("tandem_sip_parse_errors_total{reason=\"utf8\"}"), 4.0);
    assert_eq!(page.at("tandem_sip_transactions{role=\"server\"}"), 15.0);
    assert_eq!(page.at("tandem_sip_overload_rejections_total{reason=\"transactions\"}"), 2.0);

    telemetry.set_sip(1, shard(11, 0));
    let page = Page::of(&telemetry);
    assert_eq!((page.at(series), page.at("tandem_sip_transactions{role=\"server\"}")), (16.0, 7.0));
    // A shard that began anew hands over less.
    telemetry.set_sip(1, shard(0, 0));
    assert_eq!(Page::of(&telemetry).at(series), 16.0);
}

#[test]
fn bans_are_shown_by_what_they_are_for_and_with_what_the_guard_kept_from_happening() {
    let telemetry = installed();
    telemetry.count_ban(Offence::UnknownUser);
    telemetry.set_guard(GuardTotals { bans: 2, dropped: 30, slowed: 4 });
    telemetry.set_sip(0, SipTotals { withheld: 5, ..SipTotals::default() });
    let page = Page::of(&telemetry);
    assert_eq!(page.at("tandem_sip_bans_total{offence=\"unknown_user\"}"), 1.0);
    assert_eq!(page.at("tandem_sip_bans"), 2.0);
    for (reason, times) in [("banned", 30.0), ("slowed", 4.0), ("amplified", 5.0)] {
        assert_eq!(page.at(&format!("tandem_sip_guarded_total{{reason=\"{reason}\"}}")), times);
    }
}

#[test]
fn sound_is_shown_by_side_and_quality_goes_into_buckets() {
    let telemetry = installed();
    let mut totals = MediaTotals { ports_in_use: 4, port_limit: 10_000, ..MediaTotals::default() };
    totals.packets.set((Side::Peering, Flow::Rx), 50);
    totals.lost.set((Side::Access,), 3);
    totals.discarded.set((Discarded::UnknownSource,), 9);
    totals.sessions.set((MediaMode::Local,), 1);
    totals.one_way_calls.set((Side::Access,), 2);
    telemetry.set_media(&totals);
    telemetry.observe_stream(Side::Access, Duration::from_millis(4), 100, 2);
    telemetry.observe_stream(Side::Access, Duration::ZERO, 0, 0);
    let page = Page::of(&telemetry);
    assert_eq!(page.at("tandem_rtp_packets_total{side=\"peering\",flow=\"rx\"}"), 50.0);
    assert_eq!(page.at("tandem_rtp_packets_lost_total{side=\"access\"}"), 3.0);
    assert_eq!(page.at("tandem_rtp_packets_discarded_total{reason=\"unknown_source\"}"), 9.0);
    assert_eq!(page.at("tandem_media_sessions{mode=\"local\"}"), 1.0);
    assert_eq!(page.at("tandem_media_one_way_calls_total{side=\"access\"}"), 2.0);
    assert_eq!((page.at("tandem_media_ports_in_use"), page.at("tandem_media_port_limit")), (4.0, 10_000.0));
    assert_eq!(page.at("tandem_rtp_jitter_seconds_bucket{side=\"access\",le=\"0.0025\"}"), 1.0);
    assert_eq!(page.at("tandem_rtp_jitter_seconds_bucket{side=\"access\",le=\"0.005\"}"), 2.0);
    assert_eq!(page.at("tandem_rtp_loss_ratio_bucket{side=\"access\",le=\"0.01\"}"), 0.0);
    assert_eq!(page.at("tandem_rtp_loss_ratio_bucket{side=\"access\",le=\"0.02\"}"), 1.0);
    assert_eq!(page.at("tandem_rtp_loss_ratio_count{side=\"access\"}"), 1.0);
}

#[test]
fn the_ledgers_sums_are_shown_in_units_and_two_imbalances_do_not_hide_each_other() {
    let telemetry = installed();
    let dollars =
        CurrencyTotals { companies: 95_050_000, profiles: 10_000_000, held: 20_000, ..CurrencyTotals::default() };
    let wrong = |imbalance| CurrencyTotals { imbalance, ..CurrencyTotals::default() };
    let currencies = vec![
        (Currency::USD, dollars),
        ("SEK".parse().unwrap(), wrong(1_000_000)),
        ("NOK".parse().unwrap(), wrong(-1_000_000)),
    ];
    telemetry.set_ledger(&LedgerTotals { currencies, money_holds: 2, queued_batches: 3, is_up: true });
    let page = Page::of(&telemetry);
    assert_eq!(page.at("tandem_credit_balance{pool=\"company\",currency=\"USD\"}"), 95.05);
    assert_eq!(page.at("tandem_credit_balance{pool=\"profile\",currency=\"USD\"}"), 10.0);
    assert_eq!(page.at("tandem_credit_held{currency=\"USD\"}"), 0.02);
    assert_eq!(page.at("tandem_ledger_imbalance{currency=\"USD\"}"), 0.0);
    assert_eq!(page.at("tandem_ledger_imbalance{currency=\"other\"}"), 2.0);
    assert_eq!((page.at("tandem_credit_holds"), page.at("tandem_ledger_queued_batches")), (2.0, 3.0));

    telemetry.set_ledger(&LedgerTotals::default());
    assert_eq!(Page::of(&telemetry).at("tandem_credit_balance{pool=\"company\",currency=\"USD\"}"), 0.0);
}

#[test]
fn what_is_at_risk_and_what_is_running_out_is_shown_as_it_is_now() {
    let telemetry = installed();
    let mut emptying = Counts::default();
    for seconds in [0, 60, 61, 600, 3_600, 86_400, 86_401] {
        emptying.add((Emptying::of(seconds),), 1);
    }
    let at_risk = vec![
        (Currency::USD, Micros::CENT),
        ("SEK".parse().unwrap(), Micros::ONE),
        ("NOK".parse().unwrap(), Micros::ONE),
    ];
    let mut companies_emptying = Counts::default();
    companies_emptying.add((Emptying::of(61),), 3);
    telemetry.set_credit(&CreditTotals { seconds_at_risk: 36, at_risk, below_zero: 2, emptying, companies_emptying });
    let page = Page::of(&telemetry);
    assert_eq!((page.at("tandem_seconds_at_risk"), page.at("tandem_ledger_accounts_below_zero")), (36.0, 2.0));
    let at_risk = |currency| page.at(&format!("tandem_credit_at_risk{{currency=\"{currency}\"}}"));
    assert_eq!(["USD", "EUR", "other"].map(at_risk), [0.01, 0.0, 2.0]);
    let within = |within| page.at(&format!("tandem_profiles_emptying{{within=\"{within}\"}}"));
    assert_eq!(["1m", "10m", "1h", "1d", "later"].map(within), [2.0, 2.0, 1.0, 1.0, 1.0]);
    assert_eq!(page.at("tandem_companies_emptying{within=\"10m\"}"), 3.0);
    telemetry.set_credit(&CreditTotals::default());
    assert_eq!(Page::of(&telemetry).at("tandem_credit_at_risk{currency=\"USD\"}"), 0.0);
}

#[test]
fn calls_channels_and_carriers_are_shown_as_they_are_now() {
    let telemetry = installed();
    let mut calls = CallsActive::default();
    calls.set((CallDirection::Outbound, CallState::Established), 7);
    telemetry.set_calls_active(&calls);
    telemetry.set_capacity(Capacity {
        channels_in_use: 7,
        channels_subscribed: 600,
        channel_capacity: 5_000,
        calls_per_second_max: 200,
    });
    telemetry.set_carriers(["north", "south"]);
    telemetry.set_carrier_channels([("north", 4), ("unheard", 2), ("of", 1)]);
    let page = Page::of(&telemetry);
    assert_eq!(page.at("tandem_calls_active{direction=\"outbound\",state=\"established\"}"), 7.0);
    assert_eq!(page.at("tandem_channels_subscribed"), 600.0);
    assert_eq!(page.at("tandem_call_rate_limit"), 200.0);
    assert_eq!(page.at("tandem_carrier_channels_in_use{carrier=\"north\"}"), 4.0);
    assert_eq!(page.at("tandem_carrier_channels_in_use{carrier=\"south\"}"), 0.0);
    assert_eq!(page.at("tandem_carrier_channels_in_use{carrier=\"other\"}"), 3.0);
    telemetry.set_carrier_channels([("south", 1)]);
    let page = Page::of(&telemetry);
    assert_eq!(page.at("tandem_carrier_channels_in_use{carrier=\"north\"}"), 0.0);
    assert_eq!(page.at("tandem_carrier_channels_in_use{carrier=\"other\"}"), 0.0);
}

#[test]
fn the_process_says_what_it_is_and_how_it_is() {
    let telemetry = installed();
    let figures = ProcessFigures::read().unwrap();
    assert!(figures.resident_bytes > 1_000_000 && figures.open_fds > 2 && figures.max_fds >= figures.open_fds);
    assert!(figures.threads >= 1 && figures.started_unix_s > 1_600_000_000);
    telemetry.set_process(&ProcessFigures { cpu: Duration::from_millis(1_230), ..figures });
    telemetry.set_runtime(&RuntimeFigures { workers: 4, busy: Duration::from_millis(500) });
    telemetry.set_ready(true);
    telemetry.set_draining(true);
    telemetry.set_draining(false);
    telemetry.set_config_loaded(Some(Wall::from_unix_seconds(1_795_262_400)));
    telemetry.set_config_loaded(None);
    let page = Page::of(&telemetry);
    assert_eq!(page.at("tandem_build_info{version=\"0.1.0\",revision=\"abc1234\",rustc=\"1.95.0\"}"), 1.0);
    assert_eq!((page.at("process_cpu_seconds_total"), page.at("tandem_runtime_busy_seconds_total")), (1.23, 0.5));
    assert_eq!(page.at("process_open_fds"), figures.open_fds as f64);
    assert_eq!((page.at("tandem_ready"), page.at("tandem_draining")), (1.0, 0.0));
    assert_eq!(page.at("tandem_config_last_reload_successful"), 0.0);
    assert_eq!(page.at("tandem_config_last_reload_success_timestamp_seconds"), 1_795_262_400.0);
}

#[test]
fn actors_registrations_records_and_requests_have_their_numbers() {
    let telemetry = installed();
    telemetry.count_actor_messages(Actor::Call, ActorOutcome::Ok, 64);
    telemetry.observe_mailbox_wait(Duration::from_micros(90));
    telemetry.observe_actor_handling(Duration::from_millis(2));
    telemetry.count_actor_lost(Actor::Profile);
    let mut bindings = Counts::<(Transport,)>::default();
    bindings.set((Transport::Tcp,), 3);
    telemetry.set_registrations_active(&bindings);
    let mut profiles = Counts::<(ProfileKind,)>::default();
    profiles.add((ProfileKind::NoSubscription,), 2);
    telemetry.set_profiles(&profiles);
    telemetry.observe_registration(Duration::from_millis(12));
    telemetry.count_records(RecordOutcome::Written, 300);
    telemetry.set_record_backlog(17, Duration::from_secs(4));
    telemetry.observe_http(Surface::Api, 404, Duration::from_millis(3));
    telemetry.run_upkeep();
    let page = Page::of(&telemetry);
    for (series, value) in [
        ("tandem_actor_messages_total{actor=\"call\",outcome=\"ok\"}", 64.0),
        ("tandem_actor_mailbox_wait_seconds_bucket{le=\"0.0001\"}", 1.0),
        ("tandem_actor_handle_seconds_bucket{le=\"0.001\"}", 0.0),
        ("tandem_actor_handle_seconds_bucket{le=\"0.0025\"}", 1.0),
        ("tandem_actor_lost_total{actor=\"profile\"}", 1.0),
        ("tandem_registrations_active{transport=\"tcp\"}", 3.0),
        ("tandem_profiles{state=\"no_subscription\"}", 2.0),
        ("tandem_registration_request_delay_seconds_count", 1.0),
        ("tandem_cdrs_total{outcome=\"written\"}", 300.0),
        ("tandem_cdr_spool_records", 17.0),
        ("tandem_cdr_oldest_unwritten_seconds", 4.0),
        ("tandem_http_requests_total{surface=\"api\",status=\"4xx\"}", 1.0),
        ("tandem_http_request_seconds_count{surface=\"api\"}", 1.0),
    ] {
        assert_eq!(page.at(series), value, "{series}");
    }
}

#[test]
fn redis_is_shown_as_it_is_and_its_failures_by_their_kind() {
    let telemetry = installed();
    assert_eq!(Page::of(&telemetry).at("tandem_redis_up"), 0.0, "a ledger that is not in Redis says nothing of it");
    telemetry.set_redis_up(true);
    telemetry.observe_redis_command(RedisOp::Script, Duration::from_micros(300));
    telemetry.count_redis_error(RedisErrorKind::Timeout);
    telemetry.count_redis_error(RedisErrorKind::Connection);
    telemetry.count_redis_error(RedisErrorKind::Connection);
    let page = Page::of(&telemetry);
    for (series, value) in [
        ("tandem_redis_up", 1.0),
        ("tandem_redis_command_seconds_bucket{op=\"script\",le=\"0.00025\"}", 0.0),
        ("tandem_redis_command_seconds_bucket{op=\"script\",le=\"0.0005\"}", 1.0),
        ("tandem_redis_command_seconds_count{op=\"ping\"}", 0.0),
        ("tandem_redis_errors_total{kind=\"timeout\"}", 1.0),
        ("tandem_redis_errors_total{kind=\"connection\"}", 2.0),
        ("tandem_redis_errors_total{kind=\"script\"}", 0.0),
    ] {
        assert_eq!(page.at(series), value, "{series}");
    }
    telemetry.set_redis_up(false);
    assert_eq!(Page::of(&telemetry).at("tandem_redis_up"), 0.0);
}
