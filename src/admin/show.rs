//! Answers of the API for people: lines and tables; or as they came, as JSON.
//!
//! What the fields mean is in the API's description.

use super::door::Door;
use serde_json::Value;

/// The answer as JSON where that is wanted, otherwise as the lines that `lines` makes of it.
pub(super) fn answer(door: &Door, answer: &Value, lines: impl FnOnce(&Value) -> Vec<String>) {
    if door.json { json(answer) } else { crate::print_all(&lines(answer).join("\n")) }
}

/// A list as JSON where that is wanted, otherwise as a table: `columns` are titles and JSON pointers (RFC 6901).
pub(super) fn list(door: &Door, rows: Vec<Value>, columns: &[(&str, &str)]) {
    if door.json {
        return json(&Value::Array(rows));
    }
    let titles: Vec<String> = columns.iter().map(|(title, _)| title.to_uppercase()).collect();
    let cells = |row: &Value| columns.iter().map(|(_, pointer)| text(row, pointer)).collect::<Vec<_>>();
    let table: Vec<Vec<String>> = std::iter::once(titles).chain(rows.iter().map(cells)).collect();
    let width = |column: usize| table.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    let line = |row: &Vec<String>| {
        let padded = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    crate::print_all(&table.iter().map(line).collect::<Vec<_>>().join("\n"));
}

/// What stands at the pointer, in words; `-` for nothing.
pub(super) fn text(row: &Value, pointer: &str) -> String {
    match row.pointer(pointer) {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Bool(is)) => if *is { "yes" } else { "no" }.to_owned(),
        Some(Value::Array(all)) if all.is_empty() => "-".to_owned(),
        Some(Value::Array(all)) => all.iter().map(|one| text(one, "")).collect::<Vec<_>>().join(","),
        Some(other) => other.to_string(),
    }
}

/// What somebody has, and how fast it is being spent.
pub(super) fn spending(of: &Value) -> Vec<String> {
    let money = |pointer: &str| format!("{} {}", text(of, pointer), text(of, "/currency"));
    let left = match of.pointer("/time_to_empty_s").and_then(Value::as_u64) {
        Some(seconds) => format!("empty in {}, if they all go on", lasting(seconds)),
        None => "nothing is being spent".to_owned(),
    };
    vec![
        format!("balance {}, of it held {}, available {}", money("/balance"), money("/held"), money("/available")),
        format!(
            "paid calls: {}, charged {} so far, {} a minute: {left}",
            text(of, "/paid_calls"),
            money("/spent"),
            money("/per_minute")
        ),
        format!(
            "at risk if the switch died now: {} s, {}; overdraft {}, imbalance {}",
            text(of, "/seconds_at_risk"),
            money("/at_risk"),
            money("/overdraft"),
            text(of, "/imbalance")
        ),
    ]
}

/// So many seconds, in words: to the second for less than an hour, then to the minute.
pub(super) fn lasting(seconds: u64) -> String {
    match seconds {
        0..3_600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3_600, seconds / 60 % 60),
    }
}

fn json(value: &Value) {
    match serde_json::to_string_pretty(value) {
        Ok(text) => crate::print_all(&text),
        Err(error) => eprintln!("the answer cannot be printed: {error}"),
    }
}
