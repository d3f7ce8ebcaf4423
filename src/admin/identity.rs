//! `tandem identity`: who calls show, and how trunks are spoken to.
//!
//! What may be shown is the API's to say.

use super::door::Door;
use super::show::text;
use super::{Order, names, show};
use clap::Subcommand;
use serde_json::{Value, json};

/// Caller IDs, landlines, trust and headers.
#[derive(Debug, Subcommand)]
pub(crate) enum IdentityCommand {
    /// Says that a company is verified, which its landlines need: or `none`, `pending`, `rejected`.
    Verify {
        /// The company's name or identity.
        company: String,
        /// What it is.
        #[arg(default_value = "verified")]
        state: String,
    },
    /// Adds a landline to a company's book, and prints the PIN to be told over it.
    Landline {
        /// The company's name or identity.
        company: String,
        /// The full international number.
        number: String,
    },
    /// Says a landline's PIN back.
    Pin {
        /// The landline's identity.
        landline: String,
        /// Six digits.
        pin: String,
    },
    /// Lists the landlines.
    Landlines,
    /// Shows how a profile's PBX is spoken to; with a JSON document, says so.
    Profile {
        /// The profile's name, SIP user or identity.
        profile: String,
        /// As the API's PUT /profiles/{id}/identity takes it: {"compat": "classic"}.
        document: Option<String>,
    },
    /// Shows how a carrier is spoken to; with a JSON document, says so.
    Carrier {
        /// The carrier's identity.
        carrier: String,
        /// As the API's PUT /carriers/{id}/identity takes it: {"trusted": true}.
        document: Option<String>,
    },
}

impl Order for IdentityCommand {
    fn run(&self, door: &Door) -> Result<(), String> {
        match self {
            IdentityCommand::Verify { company, state } => {
                let id = names::company(door, company)?;
                let said = door.put(&format!("/companies/{id}/verification"), &json!({ "state": state }))?;
                show::answer(door, &said, |said| vec![format!("company \"{company}\" is {}", text(said, "/state"))]);
            }
            IdentityCommand::Landline { company, number } => {
                let wanted = json!({ "company": names::company(door, company)?, "number": number });
                show::answer(door, &door.post("/landlines", &wanted)?, |made| {
                    let (number, pin) = (text(made, "/number"), text(made, "/pin"));
                    vec![format!("landline {number} added: {}; tell the PIN {pin} over it", text(made, "/id"))]
                });
            }
            IdentityCommand::Pin { landline, pin } => {
                let said = door.post(&format!("/landlines/{landline}/verify"), &json!({ "pin": pin }))?;
                show::answer(door, &said, |said| {
                    vec![format!("landline {} is {}", text(said, "/number"), text(said, "/state"))]
                });
            }
            IdentityCommand::Landlines => {
                let columns = [
                    ("number", "/number"),
                    ("company", "/company"),
                    ("state", "/state"),
                    ("pin", "/pin"),
                    ("id", "/id"),
                ];
                show::list(door, door.list("/landlines")?, &columns);
            }
            IdentityCommand::Profile { profile, document } => {
                let path = format!("/profiles/{}/identity", names::profile(door, profile)?);
                show::answer(door, &told(door, &path, document.as_deref())?, lines);
            }
            IdentityCommand::Carrier { carrier, document } => {
                let path = format!("/carriers/{carrier}/identity");
                show::answer(door, &told(door, &path, document.as_deref())?, lines);
            }
        }
        Ok(())
    }
}

/// Reads a document, or replaces it.
fn told(door: &Door, path: &str, document: Option<&str>) -> Result<Value, String> {
    match document {
        None => door.get(path),
        Some(text) => {
            let document = serde_json::from_str(text).map_err(|wrong| format!("the document is not JSON: {wrong}"))?;
            door.put(path, &document)
        }
    }
}

fn lines(document: &Value) -> Vec<String> {
    serde_json::to_string_pretty(document).unwrap_or_default().lines().map(str::to_owned).collect()
}
