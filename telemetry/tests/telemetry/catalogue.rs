//! The catalogue against the page: each says what the other says, and neither grows out of hand.
//!
//! Values are in `facts.rs` and `totals.rs`.

use crate::page::{Page, installed};
use std::collections::BTreeSet;
use telemetry::{CATALOGUE, MetricKind, Values, metrics_json};

#[test]
fn every_metric_of_the_catalogue_is_on_the_page_right_after_the_start_and_nothing_else_is() {
    let page = Page::of(&installed());
    let listed: BTreeSet<String> = CATALOGUE.iter().map(|row| row.name.to_owned()).collect();
    assert_eq!(page.metrics(), listed);
    assert_eq!(listed.len(), CATALOGUE.len());
    for row in CATALOGUE {
        assert_eq!(page.types[row.name], row.kind.as_str(), "{}", row.name);
        assert_eq!(page.helps[row.name], row.help, "{}", row.name);
    }
}

#[test]
fn every_counter_is_there_with_every_combination_of_its_labels_and_at_zero() {
    let page = Page::of(&installed());
    for row in CATALOGUE.iter().filter(|row| row.kind == MetricKind::Counter) {
        let of_row: Vec<_> =
            page.series.iter().filter(|(series, _)| series.split('{').next() == Some(row.name)).collect();
        // No carrier is configured yet, so that only `other` is there.
        let values = |values: Values| if let Values::Configured(_) = values { 1 } else { values.len() };
        let expected: usize = row.labels.iter().map(|label| values(label.values)).product();
        assert_eq!(of_row.len(), expected, "{}", row.name);
        // Log events are the process's, and other tests may have logged.
        let zero = row.name.starts_with("tandem_log_") || of_row.iter().all(|(_, value)| **value == 0.0);
        assert!(zero, "{of_row:?}");
    }
}

#[test]
fn a_histogram_has_buckets_and_not_quantiles() {
    let page = Page::of(&installed());
    for row in CATALOGUE.iter().filter(|row| row.kind == MetricKind::Histogram) {
        let of_row: Vec<&String> =
            page.series.keys().filter(|series| series.starts_with(&format!("{}_bucket", row.name))).collect();
        let combinations =
            page.series.keys().filter(|series| series.starts_with(&format!("{}_count", row.name))).count();
        assert_eq!(of_row.len(), (row.buckets.unwrap().len() + 1) * combinations, "{}", row.name);
    }
    assert!(!page.series.keys().any(|series| series.contains("quantile=")));
}

#[test]
fn all_series_together_are_fewer_than_five_thousand_with_every_carrier_configured() {
    let series: usize = CATALOGUE.iter().map(|row| row.series()).sum();
    println!("{series} series at most");
    assert!(series < 5_000, "{series}");
    let telemetry = installed();
    let names: Vec<String> = (0..100).map(|carrier| format!("carrier {carrier}")).collect();
    telemetry.set_carriers(names.iter().map(String::as_str));
    assert_eq!(Page::of(&telemetry).series.len(), series);
}

#[test]
fn names_and_labels_follow_the_rules() {
    for row in CATALOGUE {
        let plain =
            |text: &str| text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        assert!(
            plain(row.name) && (row.name.starts_with("tandem_") || row.name.starts_with("process_")),
            "{}",
            row.name
        );
        assert_eq!(row.name.ends_with("_total"), row.kind == MetricKind::Counter, "{}", row.name);
        assert_eq!(row.buckets.is_some(), row.kind == MetricKind::Histogram, "{}", row.name);
        assert!(row.buckets.is_none_or(|buckets| buckets.is_sorted_by(|a, b| a < b)), "{}", row.name);
        assert!(!row.help.is_empty() && !row.help.ends_with('.'), "{}", row.name);
        for label in row.labels {
            assert!(plain(label.name), "{}", row.name);
            let Values::Closed(values) = label.values else { continue };
            assert_eq!(values.iter().collect::<BTreeSet<_>>().len(), values.len(), "{} {}", row.name, label.name);
        }
    }
}

#[test]
fn the_catalogue_prints_as_json_with_everything_that_a_dashboard_needs() {
    let json: serde_json::Value = serde_json::from_str(&metrics_json()).unwrap();
    let rows = json.as_array().unwrap();
    assert_eq!(rows.len(), CATALOGUE.len());
    let row = |name: &str| rows.iter().find(|row| row["name"] == name).unwrap();
    let ended = row("tandem_calls_ended_total");
    assert_eq!((&ended["kind"], &ended["group"]), (&"counter".into(), &"calls".into()));
    assert_eq!(ended["labels"][0]["name"], "direction");
    assert_eq!(ended["labels"][0]["values"]["closed"][1], "inbound");
    assert_eq!(row("tandem_carrier_attempts_total")["labels"][0]["values"]["configured"], 32);
    assert_eq!(row("tandem_post_dial_delay_seconds")["buckets"][0], 0.25);
    assert!(ended.get("buckets").is_none());
}
