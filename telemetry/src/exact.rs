//! Counters of millionths, printed as exact decimals: the exporter's counters are whole numbers, and money is no float.
//!
//! Everything else is the exporter's.

use crate::catalogue::MetricRow;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A counter of millionths with fixed labels.
pub(crate) struct ExactCounter {
    row: &'static MetricRow,
    labels: Vec<(&'static str, String)>,
    millionths: AtomicU64,
}

impl ExactCounter {
    pub(crate) fn new(row: &'static MetricRow, labels: Vec<(&'static str, String)>) -> Self {
        Self { row, labels, millionths: AtomicU64::new(0) }
    }

    pub(crate) fn add(&self, millionths: u64) {
        self.millionths.fetch_add(millionths, Ordering::Relaxed);
    }

    pub(crate) fn absolute(&self, millionths: u64) {
        self.millionths.fetch_max(millionths, Ordering::Relaxed);
    }
}

/// Appends the counters in the text format of Prometheus. Label values are ours and need no escapes.
pub(crate) fn render(counters: &[Arc<ExactCounter>], text: &mut String) {
    let mut by_name: BTreeMap<&str, Vec<&ExactCounter>> = BTreeMap::new();
    for counter in counters {
        by_name.entry(counter.row.name).or_default().push(counter);
    }
    for (name, counters) in by_name {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "# HELP {name} {}\n# TYPE {name} counter", counters[0].row.help);
        for counter in counters {
            let labels: Vec<_> = counter.labels.iter().map(|(label, value)| format!("{label}=\"{value}\"")).collect();
            let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
            let millionths = counter.millionths.load(Ordering::Relaxed);
            let _ = writeln!(text, "{name}{labels} {}.{:06}", millionths / 1_000_000, millionths % 1_000_000);
        }
        text.push('\n');
    }
}
