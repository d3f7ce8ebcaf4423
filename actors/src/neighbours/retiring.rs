//! What a node that never comes back has told is withdrawn.
//!
//! That it never comes back is an operator's to say.

use super::Board;
use super::row::{self, About, Told};
use domain::Wall;
use ledger::redis::Row;

/// Withdraws the bindings of a node and where it was. Gives how many bindings there were.
///
/// # Errors
/// A sentence on why the board is away; asking again is right.
pub fn withdraw(board: &mut dyn Board, gone: &str, now: Wall) -> Result<usize, String> {
    let mut withdrawn = 0;
    loop {
        let news = board.read(now.as_unix_micros() / 1_000)?;
        let rows: Vec<Row> = news.rows.iter().filter_map(|row| withdrawal(row, gone, now)).collect();
        withdrawn += rows.iter().filter(|row| matches!(row::about(&row.name), Some(About::Binding(_)))).count();
        board.put(&rows)?;
        if !news.has_more {
            return Ok(withdrawn);
        }
    }
}

fn withdrawal(row: &Row, gone: &str, now: Wall) -> Option<Row> {
    match row::about(&row.name)? {
        About::Node(node) if node == gone => {
            // Believed by nobody any more.
            Some(Row { at_us: now.as_unix_micros(), until_ms: now.as_unix_micros() / 1_000, ..row.clone() })
        }
        About::Node(_) => None,
        About::Binding(profile) => {
            let told: Told = serde_json::from_str(&row.text).ok()?;
            (told.node == gone && told.bound.is_some()).then(|| row::of_removal(profile, gone, now))
        }
    }
}
