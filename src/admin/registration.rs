//! `tandem registration`: listed.
//!
//! Which binding of a PBX stands is the switch's to decide.

use super::door::Door;
use super::{Order, names, show};
use clap::Subcommand;

/// PBXs that are registered, at whichever node of the house.
#[derive(Debug, Subcommand)]
pub(crate) enum RegistrationCommand {
    /// Lists them, with the node of each.
    List {
        /// Only this company's: its name or identity.
        #[arg(long)]
        company: Option<String>,
    },
}

impl Order for RegistrationCommand {
    fn run(&self, door: &Door) -> Result<(), String> {
        let RegistrationCommand::List { company } = self;
        let path = match company {
            Some(company) => format!("/registrations?company={}", names::company(door, company)?),
            None => "/registrations".to_owned(),
        };
        let columns = [
            ("name", "/name"),
            ("sip user", "/sip_user"),
            ("node", "/registration/node"),
            ("state", "/registration/state"),
            ("transport", "/registration/transport"),
            ("source", "/registration/source"),
            ("contact", "/registration/contact"),
            ("expires", "/registration/expires_at"),
            ("profile", "/profile"),
        ];
        show::list(door, door.list(&path)?, &columns);
        Ok(())
    }
}
