//! Who is registered where: the live bindings of all nodes of the house, with the node of each.
//!
//! Which binding stands is the switch's to decide; a profile's own is shown with the profile.

use super::Registration;
use super::showing::registration;
use crate::caller::Caller;
use crate::error::Result;
use crate::office::Office;
use crate::page::{Page, PageAsk};
use domain::CompanyId;
use serde::Serialize;
use utoipa::ToSchema;

/// A PBX that is registered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Registered {
    /// The profile.
    pub profile: String,
    /// What it is called.
    pub name: String,
    /// Its SIP user.
    pub sip_user: String,
    /// Its company.
    pub company: String,
    /// The binding; its `node` is named, be it this one.
    pub registration: Registration,
}

impl Office {
    /// The registrations that the caller may see, or one company's, at whichever node, in order of the profiles' identities.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`] (another's company), [`crate::Error::Invalid`] (cursor).
    pub fn registrations(
        &self,
        caller: &Caller,
        company: Option<CompanyId>,
        ask: &PageAsk,
    ) -> Result<Page<Registered>> {
        let company = caller.limit_to(company)?;
        let switchboard = &self.inner.switchboard;
        let rows = self.store().profiles(company)?.into_iter();
        let bound = rows.filter_map(|row| switchboard.binding(row.id).map(|binding| (row, binding)));
        Page::of_sorted(
            bound.collect(),
            ask,
            |(row, _)| row.id,
            |(row, binding)| {
                let shown = registration(Some(&binding));
                let node = shown.node.clone().unwrap_or_else(|| switchboard.node_name());
                Ok(Registered {
                    profile: row.id.to_string(),
                    name: row.name,
                    sip_user: row.sip_user.to_string(),
                    company: row.company.to_string(),
                    registration: Registration { node: Some(node), ..shown },
                })
            },
        )
    }
}
