//! What the front door is told of registrations and former passwords.

use actors::ways::door::{Bindings, Certificates, FormerSecrets};
use domain::{CertificateName, ProfileId, Wall};
use sip::endpoint::Flow;
use std::collections::BTreeMap;
use std::sync::Arc;
use switch::registration::{self, Registration};

/// In this world no password is ever changed.
pub(super) struct NobodyChangedHis;

impl FormerSecrets for NobodyChangedHis {
    fn former_secret(&self, _: domain::ProfileId, _: std::net::SocketAddr) -> Option<sip::digest::Ha1> {
        None
    }
}

/// In this world nobody speaks TLS.
pub(super) struct NobodyShowsOne;

impl Certificates for NobodyShowsOne {
    fn names(&self, _: Flow, _: Wall) -> Option<Arc<[CertificateName]>> {
        None
    }
}

/// Who is registered, by the registrations' own machines.
pub(super) struct Registered<'a>(pub(super) &'a BTreeMap<ProfileId, Registration>);

impl Bindings for Registered<'_> {
    fn binding(&self, profile: ProfileId) -> Option<Arc<registration::Binding>> {
        self.0.get(&profile)?.binding().cloned()
    }
}
