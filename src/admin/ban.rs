//! `tandem ban`: listed, removed.
//!
//! Who is banned, and when, is the switch's to decide.

use super::door::Door;
use super::{Order, show};
use clap::Subcommand;
use serde_json::json;

/// Sources whose messages are dropped unread, because they guessed passwords or looked around.
#[derive(Debug, Subcommand)]
pub(crate) enum BanCommand {
    /// Lists the bans that stand.
    List,
    /// Ends a ban, and forgets what led to it.
    Remove {
        /// The source as it is listed, or any address of it.
        source: switch::guard::Source,
    },
}

impl Order for BanCommand {
    fn run(&self, door: &Door) -> Result<(), String> {
        match self {
            BanCommand::List => {
                let columns = [
                    ("source", "/source"),
                    ("offence", "/offence"),
                    ("since", "/since"),
                    ("until", "/until"),
                    ("number", "/number"),
                ];
                show::list(door, door.list("/bans")?, &columns);
            }
            BanCommand::Remove { source } => {
                door.delete(&format!("/bans/{}", source.address()))?;
                let removed = json!({ "source": source.to_string() });
                show::answer(door, &removed, |_| vec![format!("{source} is no longer banned")]);
            }
        }
        Ok(())
    }
}
