//! `tandem number`: added, listed.
//!
//! What rings where is the switch's.

use super::door::Door;
use super::show::text;
use super::{Order, names, show};
use clap::Subcommand;
use serde_json::json;

/// Online numbers: what the world dials to reach a PBX.
#[derive(Debug, Subcommand)]
pub(crate) enum NumberCommand {
    /// Adds a number to a company.
    Add {
        /// The full international number: +12025550199.
        number: String,
        /// The company's name or identity.
        #[arg(long)]
        company: String,
        /// The profile that it rings at: name, SIP user or identity. Nowhere where none is named.
        #[arg(long)]
        profile: Option<String>,
    },
    /// Lists the numbers.
    List,
}

impl Order for NumberCommand {
    fn run(&self, door: &Door) -> Result<(), String> {
        match self {
            NumberCommand::Add { number, company, profile } => {
                let rings_at = profile.as_ref().map(|wanted| names::profile(door, wanted)).transpose()?;
                let wanted =
                    json!({ "number": number, "company": names::company(door, company)?, "profile": rings_at });
                let made = door.post("/numbers", &wanted)?;
                show::answer(door, &made, |made| {
                    let rings = match profile {
                        Some(profile) => format!("rings at \"{profile}\""),
                        None => "rings nowhere yet".to_owned(),
                    };
                    vec![format!("number {} added, {rings}: {}", text(made, "/number"), text(made, "/id"))]
                });
            }
            NumberCommand::List => {
                let columns = [
                    ("number", "/number"),
                    ("company", "/company"),
                    ("rings at", "/profile"),
                    ("as caller id", "/caller_id_allowed"),
                    ("id", "/id"),
                ];
                show::list(door, door.list("/numbers")?, &columns);
            }
        }
        Ok(())
    }
}
