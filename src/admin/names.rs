//! Names that people use, as the identities that the API wants.
//!
//! Who may see what is the API's to decide.

use super::door::Door;
use serde_json::Value;

/// The company of this name or identity.
pub(super) fn company(door: &Door, wanted: &str) -> Result<String, String> {
    identity(door, "company", "comp_", "/companies", wanted)
}

/// The profile of this name, SIP user or identity.
pub(super) fn profile(door: &Door, wanted: &str) -> Result<String, String> {
    identity(door, "profile", "prof_", "/profiles", wanted)
}

/// The carrier of this name or identity, whole.
pub(super) fn carrier(door: &Door, wanted: &str) -> Result<Value, String> {
    let id = identity(door, "carrier", "carr_", "/carriers", wanted)?;
    door.get(&format!("/carriers/{id}"))
}

fn identity(door: &Door, noun: &str, prefix: &str, path: &str, wanted: &str) -> Result<String, String> {
    if wanted.starts_with(prefix) {
        return Ok(wanted.to_owned());
    }
    let rows = door.list(path)?;
    let is_meant = |row: &&Value| {
        let text = |pointer| row.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        text("/name").eq_ignore_ascii_case(wanted) || text("/credentials/sip_user") == wanted
    };
    let found: Vec<&Value> = rows.iter().filter(is_meant).collect();
    let text = |row: &Value, key: &str| row.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    match found[..] {
        [one] => Ok(text(one, "id")),
        [] if rows.is_empty() => Err(format!("there is no {noun} yet: make one with `tandem {noun} add`")),
        [] => {
            let known: Vec<String> = rows.iter().take(10).map(|row| format!("\"{}\"", text(row, "name"))).collect();
            Err(format!("no {noun} is called \"{wanted}\"; there is {}", known.join(", ")))
        }
        [..] => {
            let ids: Vec<String> = found.iter().map(|row| text(row, "id")).collect();
            Err(format!("more than one {noun} is called \"{wanted}\": name one of {}", ids.join(", ")))
        }
    }
}
