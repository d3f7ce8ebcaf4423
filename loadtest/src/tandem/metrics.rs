//! What `/metrics` says, before and after: how long charge ticks took, as the switch tells it.
//!
//! The latency of a tick is a histogram of its own. Where it is long, three others say at which station the time went.

use serde::Serialize;
use std::collections::BTreeMap;

/// A page of metrics in the text format: each line's name with labels, and its value.
#[derive(Clone, Debug, Default)]
pub struct Page(BTreeMap<String, f64>);

/// A histogram of the switch, between two pages. Its figures are the upper bounds of buckets, in milliseconds; none where nothing was
/// measured, or where that bucket has no bound.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measured {
    /// The metric that says so.
    pub metric: String,
    /// What it measures.
    pub what: String,
    /// How many were measured during the run.
    pub count: u64,
    /// Half of them took this or less.
    pub p50_ms_at_most: Option<f64>,
    /// 90 % of them.
    pub p90_ms_at_most: Option<f64>,
    /// 99 % of them.
    pub p99_ms_at_most: Option<f64>,
    /// 99.9 % of them.
    pub p99_9_ms_at_most: Option<f64>,
    /// All of them.
    pub max_ms_at_most: Option<f64>,
}

/// What a charge tick went through.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ticks {
    /// Ledger batches of charges that the switch counted during the run (`tandem_ledger_entries_total`).
    pub charged: u64,
    /// From the instant at which an increment was due to begin to the ledger's answer applied in its call.
    pub latency: Measured,
    /// Its stations.
    pub stations: Vec<Measured>,
}

/// The histogram of ticks.
const TICK: (&str, &str) = ("tandem_charge_tick_seconds", "charge tick");

const STATIONS: [(&str, &str); 3] = [
    ("tandem_actor_mailbox_wait_seconds", "waits for its shard"),
    ("tandem_actor_handle_seconds", "is handled by it"),
    ("tandem_ledger_commit_seconds", "is written to disk, with its group; no call waits for it"),
];

impl Page {
    /// Reads a page.
    pub fn read(text: &str) -> Page {
        let line = |line: &str| {
            let (name, value) = line.rsplit_once(' ').filter(|_| !line.starts_with('#'))?;
            Some((name.to_owned(), value.parse().ok()?))
        };
        Page(text.lines().filter_map(line).collect())
    }

    /// What ticks went through between the earlier page and this one.
    pub fn ticks_since(&self, earlier: &Page) -> Ticks {
        let latency = self.measured_since(earlier, TICK.0, TICK.1);
        let stations = STATIONS.map(|(metric, what)| self.measured_since(earlier, metric, what));
        let charges = |page: &Page| -> f64 {
            let is_charge = |name: &str| {
                name.starts_with("tandem_ledger_entries_total{")
                    && name.contains("\"call_charge\"")
                    && name.contains("\"committed\"")
            };
            page.0.iter().filter(|(name, _)| is_charge(name)).map(|(_, value)| value).sum()
        };
        Ticks { charged: (charges(self) - charges(earlier)).max(0.0) as u64, latency, stations: stations.into() }
    }

    fn measured_since(&self, earlier: &Page, metric: &str, what: &str) -> Measured {
        let (before, after) = (earlier.buckets(metric), self.buckets(metric));
        // Bounds as bits, which order like the numbers: these are never negative.
        let during: Vec<(f64, f64)> = after
            .into_iter()
            .map(|(bound, count)| (f64::from_bits(bound), count - before.get(&bound).copied().unwrap_or_default()))
            .collect();
        let count = during.last().map_or(0.0, |(_, count)| *count).max(0.0);
        let quantile = |share: f64| {
            let bound =
                during.iter().find(|(_, below)| count > 0.0 && *below >= share * count).map(|(bound, _)| *bound);
            bound.filter(|bound| bound.is_finite()).map(|seconds| seconds * 1e3)
        };
        Measured {
            metric: metric.to_owned(),
            what: what.to_owned(),
            count: count as u64,
            p50_ms_at_most: quantile(0.5),
            p90_ms_at_most: quantile(0.9),
            p99_ms_at_most: quantile(0.99),
            p99_9_ms_at_most: quantile(0.999),
            max_ms_at_most: quantile(1.0),
        }
    }

    /// Cumulative counts by upper bound, summed over all other labels.
    fn buckets(&self, metric: &str) -> BTreeMap<u64, f64> {
        let mut buckets = BTreeMap::new();
        let prefix = format!("{metric}_bucket{{");
        for (name, count) in self.0.range(prefix.clone()..).take_while(|(name, _)| name.starts_with(&prefix)) {
            let bound = name.split("le=\"").nth(1).and_then(|rest| rest.split('"').next());
            let bound: Option<f64> = bound.and_then(|bound| bound.replace("+Inf", "inf").parse().ok());
            if let Some(bound) = bound {
                *buckets.entry(bound.to_bits()).or_insert(0.0) += count;
            }
        }
        buckets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = "# HELP x y\n\
        tandem_charge_tick_seconds_bucket{le=\"0.0001\"} 0\n\
        tandem_charge_tick_seconds_bucket{le=\"0.001\"} 9\n\
        tandem_charge_tick_seconds_bucket{le=\"0.01\"} 9\n\
        tandem_charge_tick_seconds_bucket{le=\"0.1\"} 9\n\
        tandem_charge_tick_seconds_bucket{le=\"+Inf\"} 9\n\
        tandem_ledger_commit_seconds_bucket{le=\"0.001\"} 5\n\
        tandem_ledger_commit_seconds_bucket{le=\"0.01\"} 5\n\
        tandem_ledger_commit_seconds_bucket{le=\"+Inf\"} 5\n\
        tandem_ledger_entries_total{kind=\"call_charge\",outcome=\"committed\"} 7\n";
    const AFTER: &str = "tandem_charge_tick_seconds_bucket{le=\"0.0001\"} 0\n\
        tandem_charge_tick_seconds_bucket{le=\"0.001\"} 904\n\
        tandem_charge_tick_seconds_bucket{le=\"0.01\"} 1004\n\
        tandem_charge_tick_seconds_bucket{le=\"0.1\"} 1008\n\
        tandem_charge_tick_seconds_bucket{le=\"+Inf\"} 1009\n\
        tandem_ledger_commit_seconds_bucket{le=\"0.001\"} 65\n\
        tandem_ledger_commit_seconds_bucket{le=\"0.01\"} 104\n\
        tandem_ledger_commit_seconds_bucket{le=\"+Inf\"} 105\n\
        tandem_ledger_entries_total{kind=\"call_charge\",outcome=\"committed\"} 107\n\
        tandem_ledger_entries_total{kind=\"payment\",outcome=\"committed\"} 3\n";

    #[test]
    fn what_was_before_the_run_does_not_count() {
        let ticks = Page::read(AFTER).ticks_since(&Page::read(BEFORE));
        assert_eq!(ticks.charged, 100);
        let commit = &ticks.stations[2];
        assert_eq!((commit.count, commit.p50_ms_at_most, commit.p99_ms_at_most), (100, Some(1.0), Some(10.0)));
    }

    /// 895 of 1,000 ticks within a millisecond, 100 more within 10, 4 within 100, and one beyond every bound.
    #[test]
    fn the_latency_of_a_tick_is_told_by_the_bounds_of_its_buckets() {
        let tick = Page::read(AFTER).ticks_since(&Page::read(BEFORE)).latency;
        assert_eq!((tick.count, tick.p50_ms_at_most, tick.p90_ms_at_most), (1_000, Some(1.0), Some(10.0)));
        let tail = (tick.p99_ms_at_most, tick.p99_9_ms_at_most, tick.max_ms_at_most);
        assert_eq!(tail, (Some(10.0), Some(100.0), None));
    }

    #[test]
    fn a_metric_that_is_not_there_has_counted_nothing() {
        let ticks = Page::read(AFTER).ticks_since(&Page::default());
        assert_eq!((ticks.stations[0].count, ticks.stations[0].p99_ms_at_most), (0, None));
        let ticks = Page::default().ticks_since(&Page::default());
        assert_eq!((ticks.latency.count, ticks.latency.max_ms_at_most), (0, None));
    }
}
