//! A call that is not made, as an invitation: who would call, and as whom the front door would know it.
//!
//! What would become of it is the rehearsal's.

use crate::call::{self, Stranger};
use crate::directory::Directory;
use domain::call_control::{Invitation, Proof};
use domain::media::{Family, MediaDescription};
use domain::refusal::RefusalKind;
use domain::{CarrierId, ProfileId, Trace};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Who would call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whom {
    /// This profile's PBX, with its password.
    Profile(ProfileId),
    /// Whoever sends from there; where that proves nothing, the PBX with this SIP user, with its password.
    Source(SocketAddr, Option<String>),
    /// This carrier.
    Carrier(CarrierId),
}

/// A call that is not made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hypothesis {
    /// Who would call.
    pub whom: Whom,
    /// What would be dialled.
    pub dialled: String,
    /// The user in From; that of the profile where nothing is said.
    pub from_user: Option<String>,
    /// The caller ID that would be asked for.
    pub caller_id: Option<String>,
    /// What would be offered.
    pub offer: Option<MediaDescription>,
    /// Whether the signalling would be encrypted.
    pub is_signalling_secret: bool,
}

/// What a hypothetical call that comes from nowhere in particular comes from (RFC 5737, RFC 3849): by a version of IP that has sound.
fn nowhere(directory: &Directory) -> SocketAddr {
    let ip = match directory.settings().media_families.has(Family::V4) {
        true => IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
        false => IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
    };
    SocketAddr::new(ip, 5_060)
}

impl Hypothesis {
    /// The invitation as the front door would hand it on.
    ///
    /// # Errors
    /// Where nobody is known whom it could be from: with what it would be answered.
    pub fn invitation(&self, directory: &Directory) -> Result<Invitation, Box<(u16, Stranger)>> {
        let (proof, source) = self.proof(directory)?;
        let profile = match &proof {
            Proof::Credentials(id) => directory.profile(*id),
            Proof::Source(ids) => ids.first().and_then(|id| directory.profile(*id)),
            Proof::Carrier(_) | Proof::Inside(_) => None,
        };
        let named = match &self.whom {
            Whom::Source(_, user) => user.clone(),
            Whom::Profile(_) | Whom::Carrier(_) => None,
        };
        let sip_user = || profile.map(|profile| profile.sip_user.to_string());
        Ok(Invitation {
            proof,
            source,
            certificate: None,
            dialled: self.dialled.clone(),
            from_user: self.from_user.clone().or(named).or_else(sip_user).unwrap_or_default(),
            from_display: String::new(),
            preferred_identity: self.caller_id.clone(),
            asserted_identity: None,
            remote_party: None,
            anonymous: false,
            diverted_from: Vec::new(),
            headers: Vec::new(),
            offer: self.offer.clone(),
            sip_call_id: "rehearsal".to_owned(),
            is_signalling_secret: self.is_signalling_secret,
        })
    }

    /// As the front door does it: an address of IP authentication, then a carrier's, then a password.
    fn proof(&self, directory: &Directory) -> Result<(Proof, SocketAddr), Box<(u16, Stranger)>> {
        let (source, user) = match &self.whom {
            Whom::Profile(id) => return Ok((Proof::Credentials(*id), nowhere(directory))),
            Whom::Carrier(id) => return Ok((Proof::Carrier(*id), nowhere(directory))),
            Whom::Source(source, user) => (*source, user.as_deref()),
        };
        if let Some(proof) = call::proof_of_source(directory, source) {
            return Ok((proof, source));
        }
        match user.map(|user| directory.profile_by_sip_user(user)) {
            Some(Some(profile)) => Ok((Proof::Credentials(profile.id), source)),
            Some(None) => Err(Box::new((
                RefusalKind::BadCredentials.status(),
                unknown(RefusalKind::BadCredentials, source, "a SIP user of a profile"),
            ))),
            None => {
                let stranger = unknown(RefusalKind::IpNotAllowed, source, "an address of a profile or a carrier");
                Err(Box::new((CHALLENGE, stranger)))
            }
        }
    }
}

/// What whoever proves nothing is answered.
const CHALLENGE: u16 = 407;

fn unknown(kind: RefusalKind, source: SocketAddr, wanted: &'static str) -> Stranger {
    let mut trace = Trace::new();
    trace.failed(kind, source, wanted);
    Stranger { refusal: kind.into(), trace }
}
