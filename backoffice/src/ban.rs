//! Bans at the door: shown and ended.
//!
//! Who is banned, and when, is decided in `switch::guard`.

use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::office::Office;
use crate::page::{Page, PageAsk};
use serde::Serialize;
use store::AuditEntry;
use utoipa::ToSchema;

pub use switch::guard::Source;

/// A source whose messages are dropped unread.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Ban {
    /// An IPv4 address, or the IPv6 /64 that an address lies in.
    #[schema(example = "192.0.2.7")]
    pub source: String,
    /// The last of what it did: `bad_password`, `unknown_user`, `replayed` or `probing`.
    #[schema(example = "bad_password")]
    pub offence: String,
    /// RFC 3339.
    pub since: String,
    /// RFC 3339.
    pub until: String,
    /// Which ban of this source it is, from 1; each is twice as long as the one before.
    pub number: u32,
}

fn show(ban: switch::guard::Ban) -> Ban {
    Ban {
        source: ban.source.to_string(),
        offence: ban.offence.as_str().to_owned(),
        since: ban.since.to_string(),
        until: ban.until.to_string(),
        number: ban.number,
    }
}

impl Office {
    /// The bans that stand, in order of their sources.
    ///
    /// # Errors
    /// Operators only; [`Error::Invalid`] (cursor).
    pub fn bans(&self, caller: &Caller, ask: &PageAsk) -> Result<Page<Ban>> {
        caller.operator("see bans")?;
        Page::of_sorted(self.inner.switchboard.bans(), ask, |ban| ban.source, |ban| Ok(show(ban)))
    }

    /// Ends a ban, and forgets what led to it; noted in the audit.
    ///
    /// # Errors
    /// Operators only; [`Error::NotFound`].
    pub fn lift_ban(&self, caller: &Caller, source: Source) -> Result<()> {
        caller.operator("end bans")?;
        let lifted = self.inner.switchboard.lift_ban(source).ok_or_else(|| Error::not_found("ban of", source))?;
        let details = format!("it would have ended {}", lifted.until);
        let entry = AuditEntry { action: "ban_lifted", subject: &source.to_string(), details: &details };
        Ok(self.store().note(entry, self.signed(caller))?)
    }
}
