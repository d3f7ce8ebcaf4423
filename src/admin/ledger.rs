//! `tandem ledger trim`: old rows of the journal, told to go now.
//!
//! Which may go is the ledger's to say. What reads the files themselves is in `ledger_verify` and `nodes`.

use super::door::Door;
use super::show::text;
use super::{Order, show};
use serde_json::{Value, json};

/// Archives the whole journal of a running switch, and trims it.
#[derive(Debug)]
pub(crate) struct TrimOrder;

impl Order for TrimOrder {
    fn run(&self, door: &Door) -> Result<(), String> {
        show::answer(door, &door.post("/ledger/trim", &json!({}))?, told);
        Ok(())
    }
}

fn told(trimmed: &Value) -> Vec<String> {
    let of = |pointer: &str| text(trimmed, pointer);
    let mut lines = vec![
        format!("{} rows archived now, {} deleted from the journal", of("/archived"), of("/deleted")),
        format!("the archive has all rows up to {}, the journal begins after row {}", of("/in_archive"), of("/cut")),
    ];
    if let Some(why) = trimmed.pointer("/waits").and_then(Value::as_str) {
        lines.push(format!("older rows stay: {why}"));
    }
    lines
}
