//! The catalogue: every metric there is, with its labels, their closed values, its help and its buckets.
//!
//! Handles do not live here. Documentation, dashboards and alerts are checked against this list (`tandem metrics --json`).

use crate::labels::*;
use domain::ReleaseCause;
use domain::call_record::CallDirection;
use domain::credit::Code as LedgerCode;
use domain::fact::{
    AttemptResult, AuthOutcome, Flow, Offence, RechargeOutcome, RegistrationOutcome, RiskOutcome, Side, Transport,
};
use domain::fraud::FraudRule;
use domain::payment::PaymentResult;
use serde::Serialize;

/// The kind of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MetricKind {
    /// Only grows; 0 at the start.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts by buckets.
    Histogram,
}

impl MetricKind {
    /// Its name in the text format.
    pub const fn as_str(self) -> &'static str {
        match self {
            MetricKind::Counter => "counter",
            MetricKind::Gauge => "gauge",
            MetricKind::Histogram => "histogram",
        }
    }
}

/// What a metric is about: a part of the documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// The process and its state.
    Process,
    /// Actors and their mailboxes.
    Actor,
    /// SIP on the wire.
    Sip,
    /// Registrations and profiles.
    Registrar,
    /// Calls and carriers.
    Calls,
    /// Sound.
    Media,
    /// Credit, ledger, prices.
    Money,
    /// Call records.
    Cdr,
    /// The HTTP server.
    Http,
}

/// Where the values of a label come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Values {
    /// This list.
    Closed(&'static [&'static str]),
    /// Names in the configuration, at most so many, the rest `other`.
    Configured(usize),
    /// One value, fixed when the program was built.
    Built,
}

impl Values {
    /// How many values there are at most.
    pub const fn len(self) -> usize {
        match self {
            Values::Closed(values) => values.len(),
            Values::Configured(most) => most + 1,
            Values::Built => 1,
        }
    }

    /// Never: a label has a value.
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }
}

/// A label of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct LabelRow {
    /// Its name.
    pub name: &'static str,
    /// Its values.
    pub values: Values,
}

/// A metric.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct MetricRow {
    /// Its name, suffix included.
    pub name: &'static str,
    /// Its kind.
    pub kind: MetricKind,
    /// What it is about.
    pub group: Group,
    /// Its labels, in order.
    pub labels: &'static [LabelRow],
    /// One sentence.
    pub help: &'static str,
    /// The upper bounds of its buckets; absent where it is no histogram.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub buckets: Option<&'static [f64]>,
    /// A counter of millionths, printed as a decimal: money or seconds.
    #[serde(skip)]
    pub exact: bool,
}

impl MetricRow {
    /// How many series it has at most.
    pub fn series(&self) -> usize {
        let combinations: usize = self.labels.iter().map(|label| label.values.len()).product();
        // A histogram has one more bucket (+Inf), a sum and a count.
        combinations * self.buckets.map_or(1, |buckets| buckets.len() + 3)
    }
}

/// From 100 us to a second: work inside the process.
pub const FAST: &[f64] = &[0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0];
/// Up to timer B (32 s): signalling.
pub const SIGNALLING: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0];
/// Post-dial delay.
pub const POST_DIAL: &[f64] = &[0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 11.0, 15.0, 20.0, 32.0];
/// Talk time, by the increments that people are billed in and the lengths that they talk.
pub const DURATION: &[f64] =
    &[6.0, 15.0, 30.0, 60.0, 120.0, 180.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0, 7200.0, 14400.0];
/// Interarrival jitter: a packet is 20 ms, a good jitter buffer 60 to 100 ms.
pub const JITTER: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.25];
/// Shares of lost packets; from 3 % on speech suffers.
pub const RATIO: &[f64] = &[0.0, 0.001, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.25, 1.0];

const fn label(name: &'static str, values: &'static [&'static str]) -> LabelRow {
    LabelRow { name, values: Values::Closed(values) }
}

const ACTOR: LabelRow = label("actor", Actor::VALUES);
const SIDE: LabelRow = label("side", Side::VALUES);
const FLOW: LabelRow = label("flow", Flow::VALUES);
const TRANSPORT: LabelRow = label("transport", Transport::VALUES);
const DIRECTION: LabelRow = label("direction", CallDirection::VALUES);
const CURRENCY: LabelRow = label("currency", CurrencyLabel::VALUES);
const SURFACE: LabelRow = label("surface", Surface::VALUES);
const LEDGER_KIND: LabelRow = label("kind", LedgerCode::VALUES);
const CARRIER: LabelRow = LabelRow { name: "carrier", values: Values::Configured(CARRIERS_MAX) };

const fn row(
    name: &'static str,
    kind: MetricKind,
    group: Group,
    labels: &'static [LabelRow],
    help: &'static str,
) -> MetricRow {
    MetricRow { name, kind, group, labels, help, buckets: None, exact: false }
}

const fn counter(group: Group, name: &'static str, labels: &'static [LabelRow], help: &'static str) -> MetricRow {
    row(name, MetricKind::Counter, group, labels, help)
}

const fn exact(group: Group, name: &'static str, labels: &'static [LabelRow], help: &'static str) -> MetricRow {
    MetricRow { exact: true, ..row(name, MetricKind::Counter, group, labels, help) }
}

const fn gauge(group: Group, name: &'static str, labels: &'static [LabelRow], help: &'static str) -> MetricRow {
    row(name, MetricKind::Gauge, group, labels, help)
}

const fn histogram(
    group: Group,
    name: &'static str,
    buckets: &'static [f64],
    labels: &'static [LabelRow],
    help: &'static str,
) -> MetricRow {
    MetricRow { buckets: Some(buckets), ..row(name, MetricKind::Histogram, group, labels, help) }
}

use Group::{Calls, Cdr, Http, Media, Money, Process, Registrar, Sip};

/// Every metric, by group.
#[rustfmt::skip]
pub const CATALOGUE: &[MetricRow] = &[
    gauge(Process, "tandem_build_info", &[
        LabelRow { name: "version", values: Values::Built },
        LabelRow { name: "revision", values: Values::Built },
        LabelRow { name: "rustc", values: Values::Built },
    ], "Constant 1 with the version, the source revision and the compiler as labels"),
    gauge(Process, "tandem_ready", &[], "1 when every listener is bound and the ledger is reachable, as /readyz answers"),
    gauge(Process, "tandem_draining", &[], "1 after SIGTERM while calls are being let finish"),
    gauge(Process, "tandem_config_last_reload_successful", &[], "1 if the last load of the configuration was accepted"),
    gauge(Process, "tandem_config_last_reload_success_timestamp_seconds", &[], "Unix time of the last accepted configuration"),
    gauge(Process, "tandem_runtime_workers", &[], "Threads that run actors"),
    exact(Process, "tandem_runtime_busy_seconds_total", &[], "Seconds those threads spent busy, summed"),
    counter(Process, "tandem_log_events_total", &[label("level", LogLevel::VALUES)], "Log events by level"),
    counter(Process, "tandem_log_lines_dropped_total", &[], "Log lines dropped because the writer could not keep up"),
    exact(Process, "process_cpu_seconds_total", &[], "CPU seconds, user and system"),
    gauge(Process, "process_resident_memory_bytes", &[], "Resident memory"),
    gauge(Process, "process_open_fds", &[], "Open file descriptors"),
    gauge(Process, "process_max_fds", &[], "File descriptor limit"),
    gauge(Process, "process_start_time_seconds", &[], "Unix time of start"),
    gauge(Process, "process_threads", &[], "Threads"),

    histogram(Group::Actor, "tandem_actor_mailbox_wait_seconds", FAST, &[], "Time a message to a shard waited until it was taken, by one probe a second for each shard; all actors of a shard wait for the same thread"),
    histogram(Group::Actor, "tandem_actor_handle_seconds", FAST, &[], "Time a shard took to handle a message, by one message a second for each shard"),
    counter(Group::Actor, "tandem_actor_messages_total", &[ACTOR, label("outcome", ActorOutcome::VALUES)], "Messages handled, or dropped because the mailbox was full"),
    counter(Group::Actor, "tandem_actor_lost_total", &[ACTOR], "Actors lost to a panic; each is a bug"),

    counter(Sip, "tandem_sip_messages_total", &[FLOW, TRANSPORT], "SIP messages on the wire"),
    counter(Sip, "tandem_sip_requests_total", &[FLOW, label("method", Method::VALUES)], "SIP requests, retransmissions not counted"),
    counter(Sip, "tandem_sip_responses_total", &[FLOW, label("code", Code::VALUES)], "SIP responses, retransmissions not counted; statuses without a label of their own fold into their class"),
    counter(Sip, "tandem_sip_retransmissions_total", &[FLOW], "Retransmitted messages, sent or absorbed"),
    counter(Sip, "tandem_sip_parse_errors_total", &[label("reason", ParseError::VALUES)], "Datagrams or frames that are not valid SIP"),
    gauge(Sip, "tandem_sip_transactions", &[label("role", Role::VALUES)], "Transactions in memory"),
    counter(Sip, "tandem_sip_transaction_timeouts_total", &[label("timer", TransactionTimer::VALUES)], "Transactions ended by timer B, F or H"),
    gauge(Sip, "tandem_sip_connections", &[label("transport", StreamTransport::VALUES)], "Open stream connections"),
    counter(Sip, "tandem_sip_connections_closed_total", &[label("reason", ConnectionClosed::VALUES)], "Stream connections that were closed or turned away by us"),
    counter(Sip, "tandem_sip_tls_handshakes_total", &[label("role", TlsRole::VALUES), label("outcome", TlsOutcome::VALUES)], "TLS handshakes"),
    gauge(Sip, "tandem_sip_tls_certificate_expiry_timestamp_seconds", &[], "Unix time at which the certificate for SIP stops being good; 0 without one"),
    gauge(Sip, "tandem_sip_tls_certificate_last_reload_successful", &[], "1 if the files of the certificate were good when they were read last; 0 if an older one stays in force, or there is none"),
    counter(Sip, "tandem_sip_acks_missing_total", &[], "2xx responses to an INVITE whose ACK never came; the call was ended"),
    counter(Sip, "tandem_sip_stray_messages_total", &[label("kind", Stray::VALUES)], "Messages that belong to no transaction and no dialog"),
    counter(Sip, "tandem_sip_merged_requests_total", &[], "Requests that came twice on different ways (482)"),
    counter(Sip, "tandem_sip_receive_drops_total", &[label("listener", DatagramListener::VALUES)], "Datagrams the kernel dropped because the socket buffer was full (SO_RXQ_OVFL)"),
    counter(Sip, "tandem_sip_overload_rejections_total", &[label("reason", OverloadReason::VALUES)], "Requests answered 503 with Retry-After by overload control"),
    counter(Sip, "tandem_sip_auth_attempts_total", &[label("outcome", AuthOutcome::VALUES)], "Digest and IP authentication outcomes"),
    counter(Sip, "tandem_dns_queries_total", &[label("kind", DnsKind::VALUES), label("outcome", DnsOutcome::VALUES)], "Questions to DNS about carriers: services, servers, addresses"),
    counter(Sip, "tandem_sip_bans_total", &[label("offence", Offence::VALUES)], "Sources that were banned at the door, by the last of what they did"),
    gauge(Sip, "tandem_sip_bans", &[], "Sources that are banned now"),
    counter(Sip, "tandem_sip_guarded_total", &[label("reason", Guarded::VALUES)], "What the guard at the door kept from happening: messages of banned sources that were not read, answers that were not sent"),
    counter(Sip, "tandem_sip_passed_total", &[label("way", Passed::VALUES)], "Messages between another node of the house and a PBX that is registered at this one"),

    gauge(Registrar, "tandem_registrations_active", &[TRANSPORT], "Bindings that this node holds now"),
    gauge(Registrar, "tandem_registrations_unreachable", &[], "Bindings at nodes that are lost: calls to them are refused with 480, or go to the fixed address of the profile"),
    gauge(Registrar, "tandem_nodes", &[label("state", NodeState::VALUES)], "Other nodes of the house: `lost` are those that have not said for 10 s that they live"),
    counter(Registrar, "tandem_registrations_total", &[label("outcome", RegistrationOutcome::VALUES)], "REGISTER outcomes"),
    counter(Registrar, "tandem_registration_conflicts_total", &[], "Registrations that replaced another PBX's with the same credentials"),
    histogram(Registrar, "tandem_registration_request_delay_seconds", SIGNALLING, &[], "RFC 6076 RRD as this registrar sees it: a REGISTER with good credentials to its 200"),
    gauge(Registrar, "tandem_profiles", &[label("state", ProfileKind::VALUES)], "SIP Profiles by state"),

    counter(Calls, "tandem_call_attempts_total", &[DIRECTION], "INVITEs that opened a call (RFC 6076 session attempts)"),
    counter(Calls, "tandem_calls_answered_total", &[DIRECTION], "Calls that got a 200"),
    counter(Calls, "tandem_calls_ended_total", &[DIRECTION, label("cause", ReleaseCause::VALUES)], "Calls ended, by cause"),
    counter(Calls, "tandem_call_final_responses_total", &[DIRECTION, label("code", FinalCode::VALUES)], "Final response to the initial INVITE, as sent to its caller"),
    counter(Calls, "tandem_calls_completed_total", &[DIRECTION], "Calls that were answered and released without a failure (RFC 6076 SCR numerator)"),
    gauge(Calls, "tandem_calls_active", &[DIRECTION, label("state", CallState::VALUES)], "Calls now"),
    histogram(Calls, "tandem_session_request_delay_seconds", SIGNALLING, &[DIRECTION, label("outcome", RequestOutcome::VALUES)], "RFC 6076 SRD: INVITE to the first non-100 response"),
    histogram(Calls, "tandem_post_dial_delay_seconds", POST_DIAL, &[DIRECTION], "INVITE to the first 180 or 183"),
    histogram(Calls, "tandem_carrier_post_dial_delay_seconds", POST_DIAL, &[CARRIER], "INVITE to the first 180 or 183, on the carrier leg"),
    histogram(Calls, "tandem_session_disconnect_delay_seconds", SIGNALLING, &[DIRECTION], "RFC 6076 SDD: a BYE of ours to its final response, once for each leg that we hang up"),
    histogram(Calls, "tandem_session_duration_seconds", DURATION, &[DIRECTION], "RFC 6076 SDT: 200 to BYE; sum over count is the ACD"),
    histogram(Calls, "tandem_call_admission_seconds", FAST, &[DIRECTION], "Authentication, channel, route, rate and credit hold, inside this process"),
    gauge(Calls, "tandem_channels_in_use", &[], "Channels now taken, by calls of this node"),
    gauge(Calls, "tandem_channels_subscribed", &[], "Channels of all profiles; where nodes share a Redis, this node's part: add them up"),
    gauge(Calls, "tandem_channel_capacity", &[], "Channels this node accepts before it answers 503"),
    gauge(Calls, "tandem_call_rate_limit", &[], "Configured calls per second this node accepts"),
    gauge(Calls, "tandem_carrier_channels_in_use", &[CARRIER], "Calls that ring or are answered at the carrier now"),
    gauge(Calls, "tandem_carrier_channel_limit", &[CARRIER], "Configured calls of the carrier; 0 without a limit"),
    gauge(Calls, "tandem_carrier_up", &[CARRIER], "1 when the carrier answers OPTIONS or calls"),
    gauge(Calls, "tandem_carrier_registered", &[CARRIER], "1 while the carrier keeps our Contact, or wants none; 0 while it should and does not"),
    histogram(Calls, "tandem_carrier_options_rtt_seconds", SIGNALLING, &[CARRIER], "OPTIONS round trip"),
    counter(Calls, "tandem_carrier_attempts_total", &[CARRIER, label("result", AttemptResult::VALUES)], "Route attempts by result"),

    gauge(Media, "tandem_media_sessions", &[label("mode", MediaMode::VALUES)], "Media sessions"),
    gauge(Media, "tandem_media_ports_in_use", &[], "UDP ports taken from the RTP range"),
    gauge(Media, "tandem_media_port_limit", &[], "UDP ports in the RTP range"),
    counter(Media, "tandem_rtp_packets_total", &[SIDE, FLOW], "RTP packets"),
    counter(Media, "tandem_rtp_bytes_total", &[SIDE, FLOW], "RTP payload and header bytes"),
    counter(Media, "tandem_rtp_packets_lost_total", &[SIDE], "RTP packets missing by sequence number"),
    counter(Media, "tandem_rtp_packets_discarded_total", &[label("reason", Discarded::VALUES)], "Datagrams of media not relayed"),
    histogram(Media, "tandem_rtp_jitter_seconds", JITTER, &[SIDE], "Interarrival jitter of a stream (RFC 3550), per interval or at its end"),
    histogram(Media, "tandem_rtp_loss_ratio", RATIO, &[SIDE], "Loss of a stream, 0 to 1, per interval or at its end"),
    counter(Media, "tandem_srtp_keys_in_clear_total", &[SIDE], "Legs whose SRTP keys were exchanged over UDP or TCP, where others can read them"),
    counter(Media, "tandem_media_one_way_calls_total", &[SIDE], "Answered calls in which this side sent no RTP"),
    counter(Media, "tandem_media_timeouts_total", &[SIDE], "Calls ended because no RTP or RTCP came from this side"),

    gauge(Money, "tandem_credit_balance", &[label("pool", Pool::VALUES), CURRENCY], "Sum of balances, for display: the ledger is exact, this is a float; where nodes share a Redis, this node's part: add them up"),
    gauge(Money, "tandem_credit_held", &[CURRENCY], "Sum reserved by calls in progress at this node"),
    gauge(Money, "tandem_credit_holds", &[], "Open reservations of money; must equal billable calls in progress"),
    counter(Money, "tandem_ledger_entries_total", &[LEDGER_KIND, label("outcome", LedgerOutcome::VALUES)], "Ledger batches, by the code of their first transfer"),
    exact(Money, "tandem_ledger_amount_total", &[LEDGER_KIND, CURRENCY], "Amount moved, absolute"),
    gauge(Money, "tandem_ledger_queued_batches", &[], "Ledger batches applied and waiting for the disk"),
    histogram(Money, "tandem_ledger_commit_seconds", FAST, &[], "Time to commit one group of ledger batches durably"),
    gauge(Money, "tandem_ledger_imbalance", &[CURRENCY], "Debits minus credits over all accounts; anything but 0 is a bug"),
    gauge(Money, "tandem_ledger_overdraft", &[CURRENCY], "What customers have available below zero, summed; anything but 0 is a bug"),
    gauge(Money, "tandem_ledger_accounts_below_zero", &[], "Customers' accounts of money or seconds with less than zero available; anything but 0 is a bug"),
    gauge(Money, "tandem_seconds_at_risk", &[], "Seconds spoken that a process that died now would not bill: begun and not granted, or captured and not on the disk yet"),
    gauge(Money, "tandem_credit_at_risk", &[CURRENCY], "What the seconds at risk cost"),
    gauge(Money, "tandem_profiles_emptying", &[label("within", Emptying::VALUES)], "Profiles that spend, by when they have spoken what they have if their calls all go on"),
    gauge(Money, "tandem_companies_emptying", &[label("within", Emptying::VALUES)], "Companies that spend, by when all that they and their profiles have is spoken if their calls all go on"),
    gauge(Money, "tandem_ledger_up", &[], "1 while the ledger answers batches; 0 while its disk takes nothing or its Redis is away: new calls get 503"),
    gauge(Money, "tandem_ledger_journal_stalled", &[], "1 while the disk of the ledger's journal takes nothing: full, read-only, locked or broken"),
    gauge(Money, "tandem_ledger_journal_rows", &[label("place", RowsIn::VALUES)], "Rows of the ledger's journal, and those that its archive in the store has: young rows are in both"),
    gauge(Money, "tandem_ledger_journal_oldest_seconds", &[], "Age of the oldest row in the ledger's journal; 0 where ledger.keep_days is 0, or it has none"),
    counter(Money, "tandem_ledger_archive_failures_total", &[], "Tries to archive or trim the ledger's journal that failed: it keeps its rows and grows"),
    counter(Money, "tandem_ledger_journal_failures_total", &[], "Groups of batches that the disk did not take, each try counted"),
    counter(Money, "tandem_ledger_disagreements_total", &[], "Answers of Redis that did not follow from the journal, whose answer was given; somebody else's hand, or a bug"),
    counter(Money, "tandem_ledger_rebuilt_total", &[], "Companies made in Redis from what the journal says, after a loss, or at their first batch"),
    exact(Money, "tandem_credit_risk_total", &[label("outcome", RiskOutcome::VALUES), CURRENCY], "What calls spoke for while the ledger was away: taken as a risk, covered later, written off"),
    counter(Process, "tandem_clock_steps_total", &[], "Steps of the wall clock by more than a second, either way"),
    histogram(Money, "tandem_charge_tick_seconds", FAST, &[], "The instant at which an increment of a call was due to begin, to the ledger's answer to its charge applied in the call: granted, or the final unit"),
    gauge(Money, "tandem_redis_up", &[], "1 while the ledger's Redis answers; 0 while it does not, and where the ledger is not in Redis"),
    histogram(Money, "tandem_redis_command_seconds", FAST, &[label("op", RedisOp::VALUES)], "Redis round trip, of all commands that were sent at once; none where the ledger is not in Redis"),
    counter(Money, "tandem_redis_errors_total", &[label("kind", RedisErrorKind::VALUES)], "Redis failures, tries to connect again among them"),
    counter(Money, "tandem_auto_recharges_total", &[label("outcome", RechargeOutcome::VALUES)], "Auto-recharge outcomes"),
    counter(Money, "tandem_fraud_blocks_total", &[label("rule", FraudRule::VALUES)], "Calls that a rule against fraud refused or kept from their next increment; of a stopped profile by the rule that stopped it"),
    counter(Money, "tandem_fraud_alerts_total", &[label("rule", FraudRule::VALUES)], "Rules against fraud that were broken and are to be looked at, whatever followed"),
    gauge(Money, "tandem_fraud_suspended_profiles", &[], "Profiles that a rule against fraud has stopped and nobody has released"),
    gauge(Money, "tandem_breakers_open", &[], "Breakers that are open: of companies, and of the house, whose new paid calls are refused"),
    gauge(Money, "tandem_breakers_unanswered", &[], "Of those, the ones that nobody has released or kept"),
    counter(Money, "tandem_payment_answers_total", &[label("result", PaymentResult::VALUES)], "What the payment provider said of payments; unknown where it said nothing that can be relied on"),
    gauge(Money, "tandem_payments_open", &[], "Payments whose result is not known, or that are paid and not booked"),
    gauge(Money, "tandem_recharge_short_companies", &[], "Companies that have less than the next recharge of each of their profiles would take"),

    counter(Cdr, "tandem_cdrs_total", &[label("outcome", RecordOutcome::VALUES)], "Call detail records"),
    gauge(Cdr, "tandem_cdr_spool_records", &[], "Records in the ledger's journal that wait for the store, at most 1,000 of them counted"),
    gauge(Cdr, "tandem_cdr_oldest_unwritten_seconds", &[], "Age of the oldest record not yet in the store"),

    counter(Http, "tandem_http_requests_total", &[SURFACE, label("status", StatusClass::VALUES)], "HTTP requests"),
    histogram(Http, "tandem_http_request_seconds", SIGNALLING, &[SURFACE], "HTTP request time"),
    counter(Http, "tandem_webhook_deliveries_total", &[label("outcome", DeliveryOutcome::VALUES)], "Attempts to deliver events to webhooks; dropped: the last failed one, or there was no room to wait"),
    gauge(Http, "tandem_webhook_queue_depth", &[], "Deliveries to webhooks that wait, at most 100,000 of them counted"),
];

/// The catalogue as JSON: an array of metrics, in order. What `tandem metrics --json` prints.
pub fn metrics_json() -> String {
    // Cannot fail: texts and numbers only.
    serde_json::to_string_pretty(CATALOGUE).unwrap_or_default()
}
