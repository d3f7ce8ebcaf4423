//! The report as CSV (RFC 4180): one line for each row.
//!
//! What is in it is the parent's.

use super::{Report, ReportRow};
use crate::export::quoted;

/// The columns: texts first.
pub const COLUMNS: [&str; 20] = [
    "of",
    "shadow",
    "currency",
    "key",
    "destination",
    "calls",
    "answered",
    "live_billed_s",
    "live_revenue",
    "live_refused",
    "shadow_billed_s",
    "shadow_revenue",
    "shadow_refused_no_route",
    "shadow_refused_max_rate",
    "shadow_refused_below_first_block",
    "shadow_refused_no_credit",
    "shadow_exhausted",
    "shadow_unpaid",
    "difference",
    "undecided",
];

impl Report {
    /// The rows as CSV, with a row of names.
    pub fn to_csv(&self) -> String {
        let mut text = COLUMNS.join(",") + "\r\n";
        for row in &self.rows {
            let texts = [&row.of, &row.shadow, &row.currency, &row.key, &row.destination];
            let texts = texts.map(|field| quoted(field));
            // Numbers are as we write them; a minus in front is no formula.
            text += &[&texts[..], &numbers(row)[..]].concat().join(",");
            text += "\r\n";
        }
        text
    }
}

fn numbers(row: &ReportRow) -> [String; COLUMNS.len() - 5] {
    let refused = |word: &str| row.shadowed.refused.get(word).copied().unwrap_or(0).to_string();
    [
        row.calls.to_string(),
        row.answered.to_string(),
        row.live.billed_s.to_string(),
        row.live.revenue.clone(),
        row.live.refused.values().sum::<u64>().to_string(),
        row.shadowed.billed_s.to_string(),
        row.shadowed.revenue.clone(),
        refused("no_route"),
        refused("max_rate"),
        refused("below_first_block"),
        refused("no_credit"),
        row.shadowed.exhausted.to_string(),
        row.shadowed.unpaid.clone(),
        row.difference.clone(),
        row.undecided.to_string(),
    ]
}
