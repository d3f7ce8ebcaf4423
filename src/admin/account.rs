//! `tandem account`: added, attached, listed.
//!
//! What rings where is the switch's.

use super::door::Door;
use super::show::text;
use super::{Order, names, show};
use clap::Subcommand;
use serde_json::json;

/// Business accounts: names that are called, each with an extension of a PBX or none.
#[derive(Debug, Subcommand)]
pub(crate) enum AccountCommand {
    /// Adds an account to a company.
    Add {
        /// The company's name or identity.
        company: String,
        /// A letter, then letters, digits, dots, hyphens or underscores.
        name: String,
        /// The profile that it is attached to: name, SIP user or identity.
        #[arg(long)]
        profile: Option<String>,
        /// What the PBX is called by: digits, *, # and +.
        #[arg(long)]
        extension: Option<String>,
    },
    /// Attaches an account to a profile, or detaches it where none is named.
    Attach {
        /// The account's identity.
        account: String,
        /// The profile: name, SIP user or identity.
        profile: Option<String>,
    },
    /// Changes an account's extension, or clears it where none is given.
    Extension {
        /// The account's identity.
        account: String,
        /// Digits, *, # and +.
        extension: Option<String>,
    },
    /// Lists the accounts.
    List,
}

impl Order for AccountCommand {
    fn run(&self, door: &Door) -> Result<(), String> {
        match self {
            AccountCommand::Add { company, name, profile, extension } => {
                let profile = profile.as_ref().map(|wanted| names::profile(door, wanted)).transpose()?;
                let company = names::company(door, company)?;
                let wanted = json!({ "company": company, "name": name, "profile": profile, "extension": extension });
                show::answer(door, &door.post("/accounts", &wanted)?, |made| {
                    vec![format!("account \"{}\" added: {}", text(made, "/name"), text(made, "/id"))]
                });
            }
            AccountCommand::Attach { account, profile } => {
                let profile = profile.as_ref().map(|wanted| names::profile(door, wanted)).transpose()?;
                let changed = door.patch(&format!("/accounts/{account}"), &json!({ "profile": profile }))?;
                let done = if profile.is_some() { "attached" } else { "detached" };
                show::answer(door, &changed, |changed| vec![format!("account \"{}\" {done}", text(changed, "/name"))]);
            }
            AccountCommand::Extension { account, extension } => {
                let changed = door.patch(&format!("/accounts/{account}"), &json!({ "extension": extension }))?;
                show::answer(door, &changed, |changed| {
                    let now =
                        extension.as_deref().map_or("has no extension now".to_owned(), |it| format!("is {it} now"));
                    vec![format!("account \"{}\" {now}", text(changed, "/name"))]
                });
            }
            AccountCommand::List => {
                let columns = [
                    ("name", "/name"),
                    ("company", "/company"),
                    ("profile", "/profile"),
                    ("extension", "/extension"),
                    ("id", "/id"),
                ];
                show::list(door, door.list("/accounts")?, &columns);
            }
        }
        Ok(())
    }
}
