//! A new request at the door: who sends it, what strangers are answered, and the house of a proven caller's call.
//!
//! Whether a proven caller may call is the call's to decide; where the house lives, its shard's.

use super::owners::owner_of;
use crate::call::{self, House, Naming};
use crate::desk::Desk;
use domain::call_control::{LegId, Proof};
use domain::fact::AuthOutcome;
use domain::refusal::RefusalKind;
use domain::{CallId, CertificateName, Entropy, Now, ProfileId, Refusal, Wall};
use leg::{CallerLeg, refusal};
use sip::digest::{Challenger, Freshness, Gate, Ha1, Verdict};
use sip::endpoint::{Effect, Endpoint, Flow, HeaderLines, Pending, Reply};
use sip::{Kind, Message, Scheme, Uri};
use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;
use switch::Directory;
use switch::call::{Opening, Stranger, called_profile};
use switch::directory::Certified;
use switch::guard::{Evidence, Offence};
use switch::registration::Binding;

/// Knows the passwords that live bindings were registered with, where their profiles have others now (S10, D-18).
pub trait FormerSecrets {
    /// The former password of a PBX that calls from where it is registered.
    fn former_secret(&self, profile: ProfileId, from: SocketAddr) -> Option<Ha1>;
}

/// Knows where PBXs are registered now.
pub trait Bindings {
    /// Where a profile's PBX can be reached; none where it is not registered.
    fn binding(&self, profile: ProfileId) -> Option<Arc<Binding>>;

    /// Why a proven caller's paid calls are not placed, where they are not; none where nobody watches.
    fn breaker(&self, _directory: &Directory, _proof: &Proof) -> Option<Refusal> {
        None
    }
}

/// Knows the client certificates of connections.
pub trait Certificates {
    /// The names in the verified certificate of who came over this connection, perhaps none; nothing where no certificate was shown, or
    /// it has ended.
    fn names(&self, flow: Flow, now: Wall) -> Option<Arc<[CertificateName]>>;
}

/// Who sends a request, and by which names of a certificate that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proven {
    /// Who it is.
    pub proof: Proof,
    /// The names in its certificate that say so; none where something else does.
    pub certificate: Option<Arc<str>>,
}

impl From<Proof> for Proven {
    fn from(proof: Proof) -> Proven {
        Proven { proof, certificate: None }
    }
}

impl From<Certified> for Proven {
    fn from(Certified { proof, by }: Certified) -> Proven {
        Proven { proof, certificate: Some(by) }
    }
}

/// What is needed to meet one new request.
pub struct Door<'a> {
    /// The SIP that reported it.
    pub endpoint: &'a mut Endpoint,
    /// The challenges.
    pub challenger: &'a mut Challenger,
    /// The chance that calls are born with.
    pub entropy: &'a mut Entropy,
    /// How we name what we make.
    pub naming: &'a Naming,
    /// Passwords that were good when a PBX registered.
    pub former_secrets: &'a dyn FormerSecrets,
    /// Where PBXs are registered.
    pub bindings: &'a dyn Bindings,
    /// What was shown over connections.
    pub certificates: &'a dyn Certificates,
    /// Everything that is looked up.
    pub desk: &'a Arc<Desk>,
    /// The instant.
    pub now: Now,
    /// What the endpoint orders.
    pub orders: &'a mut Vec<Effect>,
}

/// What became of a proven caller's INVITE.
pub enum Received {
    /// There is a house, and what its birth ordered.
    Opened(Box<House>, Vec<call::Effect>),
    /// The INVITE was answered, or needs no answer.
    Answered,
    /// The INVITE was refused, because nobody is known whom its proof names.
    TurnedAway(Stranger),
}

impl Door<'_> {
    /// Who sends an INVITE: digest credentials (S2), or else a name in its client certificate (RFC 5922 7.1), or the address that it comes
    /// from (S3): a profile's before a carrier's. Otherwise what is answered. Whoever shows credentials is no carrier: carriers are never
    /// asked for any.
    pub fn prove_caller(&mut self, pending: &Pending) -> (AuthOutcome, Result<Proven, Box<Reply>>) {
        let verdict = match self.judge(pending, Gate::Proxy) {
            // Of users that do not exist as well: what takes longer tells who does.
            first @ (Verdict::BadPassword | Verdict::UnknownUser) => match self.judge_by_former(pending) {
                Verdict::BadPassword | Verdict::UnknownUser => first,
                verdict => verdict,
            },
            verdict => verdict,
        };
        let proven = match verdict {
            Verdict::Ok { user } => match self.desk.secret(&user) {
                Some((profile, _)) => Proof::Credentials(profile).into(),
                None => return (AuthOutcome::UnknownUser, Err(self.forbidden())),
            },
            refused => match self.known_without_password(pending, &refused) {
                Some(proven) => proven,
                None => return self.refused(pending, refused, Gate::Proxy),
            },
        };
        (AuthOutcome::Ok, Ok(proven))
    }

    /// Whom certificate or address prove, where credentials do not. A certificate says it more surely than an address.
    fn known_without_password(&self, pending: &Pending, verdict: &Verdict) -> Option<Proven> {
        let peer = pending.source().peer;
        let certified = self.names_shown(pending).and_then(|names| self.desk.directory().certified(&names));
        if let Some(Certified { proof: Proof::Source(_), .. }) = certified {
            return certified.map(Proven::from);
        }
        let at_source = self.desk.directory().profiles_at(peer);
        if !at_source.is_empty() {
            return Some(Proof::Source(at_source.to_vec()).into());
        }
        if *verdict != Verdict::Missing {
            return None;
        }
        certified.map(Proven::from).or_else(|| self.desk.carrier_at(peer).map(|carrier| Proof::Carrier(carrier).into()))
    }

    /// The names in the verified client certificate of who sends this; nothing where none was shown.
    pub fn names_shown(&self, pending: &Pending) -> Option<Arc<[CertificateName]>> {
        self.certificates.names(pending.source().flow?, self.now.wall)
    }

    /// Whose REGISTER it is, and under which user name. Otherwise what is answered.
    pub fn prove_registrant(&mut self, pending: &Pending) -> (AuthOutcome, Result<(ProfileId, String), Box<Reply>>) {
        let verdict = self.judge(pending, Gate::Registrar);
        let proven = match &verdict {
            Verdict::Ok { user } => self.desk.secret(user).map(|(profile, _)| (profile, user.clone())),
            _ => None,
        };
        match proven {
            Some(proven) => (AuthOutcome::Ok, Ok(proven)),
            None => self.refused(pending, verdict, Gate::Registrar),
        }
    }

    /// What the digest credentials of a request prove.
    fn judge(&mut self, pending: &Pending, gate: Gate) -> Verdict {
        let message = pending.message();
        let Kind::Request { method, uri } = message.kind() else { return Verdict::Missing };
        // Some PBXs answer a 407 in `Authorization` and a 401 in `Proxy-Authorization`.
        let values: Vec<&[u8]> = match gate {
            Gate::Proxy => message.proxy_authorizations().chain(message.authorizations()).collect(),
            Gate::Registrar => message.authorizations().chain(message.proxy_authorizations()).collect(),
        };
        let desk = self.desk;
        let lookup = |user: &str| desk.secret(user).map(|(_, ha1)| ha1);
        let asker = pending.source().peer.ip();
        self.challenger.verify(values, method.as_str(), uri, asker, self.now, lookup)
    }

    /// After a change of password a PBX calls with the old one from where it is registered, until it registers again (S10).
    fn judge_by_former(&mut self, pending: &Pending) -> Verdict {
        let message = pending.message();
        let Kind::Request { method, uri } = message.kind() else { return Verdict::BadPassword };
        let values = message.proxy_authorizations().chain(message.authorizations());
        let (desk, former) = (self.desk, self.former_secrets);
        let from = pending.source().peer;
        let lookup = |user: &str| former.former_secret(desk.secret(user)?.0, from);
        self.challenger.verify(values, method.as_str(), uri, from.ip(), self.now, lookup)
    }

    /// What a failed proof is to the guard, and whether it is certain who failed; none where nobody did.
    pub fn offence(&self, pending: &Pending, outcome: AuthOutcome) -> Option<(Offence, Evidence)> {
        let offence = match outcome {
            AuthOutcome::BadPassword => Offence::BadPassword,
            AuthOutcome::UnknownUser => Offence::UnknownUser,
            AuthOutcome::Replayed => Offence::Replayed,
            AuthOutcome::Ok | AuthOutcome::Challenged | AuthOutcome::StaleNonce | AuthOutcome::IpNotAllowed => {
                return None;
            }
        };
        let message = pending.message();
        let values = message.proxy_authorizations().chain(message.authorizations());
        let source = pending.source();
        let is_certain = source.flow.is_some() || self.challenger.has_heard_us(values, source.peer.ip(), self.now);
        Some((offence, if is_certain { Evidence::Certain } else { Evidence::Forgeable }))
    }

    /// What is answered to who has not proven who he is. The same to unknown users as to wrong passwords.
    fn refused<T>(&mut self, pending: &Pending, verdict: Verdict, gate: Gate) -> (AuthOutcome, Result<T, Box<Reply>>) {
        match verdict {
            Verdict::Malformed(sentence) => (AuthOutcome::BadPassword, Err(Box::new(malformed(sentence)))),
            Verdict::UnknownUser => (AuthOutcome::UnknownUser, Err(self.forbidden())),
            Verdict::BadPassword => (AuthOutcome::BadPassword, Err(self.forbidden())),
            Verdict::Stale => (AuthOutcome::StaleNonce, Err(self.challenge(pending, gate, Freshness::Stale))),
            Verdict::Replayed => (AuthOutcome::Replayed, Err(self.challenge(pending, gate, Freshness::Stale))),
            Verdict::Missing | Verdict::Ok { .. } => {
                (AuthOutcome::Challenged, Err(self.challenge(pending, gate, Freshness::New)))
            }
        }
    }

    fn forbidden(&self) -> Box<Reply> {
        Box::new(refusal(&RefusalKind::BadCredentials.into(), &self.naming.identity.host))
    }

    fn challenge(&mut self, pending: &Pending, gate: Gate, freshness: Freshness) -> Box<Reply> {
        let unknown = self.names_shown(pending).filter(|_| gate == Gate::Proxy && freshness == Freshness::New);
        let mut lines = Vec::with_capacity(512);
        let asker = pending.source().peer.ip();
        self.challenger.challenge(gate, freshness, asker, self.now, &mut lines);
        let reply = Reply::new(gate.status(), gate.phrase()).lines(HeaderLines::from_printed(lines).as_bytes());
        Box::new(match unknown {
            // Whoever shows a certificate wants to be known by it: why it is asked for a password is worth a word.
            Some(names) => {
                let refusal = Refusal::saying(RefusalKind::CertificateUnknown, nobodys(&names));
                reply.because(refusal.kind, refusal.sentence)
            }
            None => reply,
        })
    }

    /// Answers without state.
    pub fn answer(&mut self, pending: &Pending, reply: Reply) {
        self.endpoint.answer_statelessly(pending, reply, self.orders);
    }

    /// Accepts the INVITE of a proven caller, and opens the house of its call at `place`; `gate` is why the node takes no new
    /// calls, where it does not.
    pub fn receive(&mut self, pending: &Pending, proven: Proven, gate: Option<Refusal>, place: u64) -> Received {
        let Proven { proof, certificate } = proven;
        let now = self.now;
        let owner = owner_of(place, LegId::CALLER);
        let Ok(transaction) = self.endpoint.accept(pending, owner, now, self.orders) else {
            // A retransmission that was reported before the first was accepted.
            return Received::Answered;
        };
        let host = &self.naming.identity.host;
        let source = *pending.source();
        let identity = self.naming.identity_towards(source.transport, source.local, asks_for_sips(pending.message()));
        let tag = self.endpoint.mint_tag();
        let mut orders = Vec::new();
        let invited =
            CallerLeg::invited(pending.message().clone(), transaction, source, proof, &tag, identity, &mut orders);
        let (mut caller, mut invitation) = match invited {
            Ok(invited) => invited,
            Err(wrong) => {
                let reply = malformed(wrong.to_string());
                let _ = self.endpoint.respond(transaction, reply, now, self.orders);
                return Received::Answered;
            }
        };
        invitation.certificate = certificate;
        if let Proof::Carrier(carrier) = invitation.proof
            && let Some(account) = self.desk.account(carrier)
        {
            caller.known_as(Arc::clone(account), self.entropy.fork());
            // It calls us by the Contact that we have registered there; whom it wants is said elsewhere.
            if *invitation.dialled == *account.user {
                invitation.dialled = leg::invitation::wanted_in(pending.message());
            }
        }
        let id = CallId::mint(now.wall, self.entropy);
        let directory = Arc::clone(self.desk.directory());
        let binding = called_profile(&directory, &invitation).and_then(|profile| self.bindings.binding(profile));
        let breaker = self.bindings.breaker(&directory, &invitation.proof);
        let opening = Opening { id, invitation, directory, binding, partner: None, gate, breaker };
        let mut effects = orders.into_iter().map(|order| call::Effect::Leg(LegId::CALLER, order)).collect();
        let entropy = self.entropy.fork();
        let desk = Arc::clone(self.desk);
        match House::open(opening, caller, desk, self.naming.clone(), entropy, now, &mut effects) {
            Ok(house) => Received::Opened(Box::new(house), effects),
            Err(stranger) => {
                let (_, stranger) = *stranger;
                let _ = self.endpoint.respond(transaction, refusal(&stranger.refusal, host), now, self.orders);
                Received::TurnedAway(stranger)
            }
        }
    }
}

/// Why a certificate does not do.
fn nobodys(names: &[CertificateName]) -> String {
    let shown: Vec<&str> = names.iter().map(CertificateName::as_str).take(NAMES_TOLD_MAX).collect();
    match shown.is_empty() {
        true => "The client certificate names no domain (DNS name or sip: URI), so nobody is known by it".to_owned(),
        false => format!("No profile or carrier is known by the certificate of {}", shown.join(", ")),
    }
}

/// Names of a certificate at most that are told back.
const NAMES_TOLD_MAX: usize = 3;

/// 400, with what is wrong.
fn malformed(sentence: impl Into<Cow<'static, str>>) -> Reply {
    Reply::refusing(RefusalKind::MalformedRequest).because(RefusalKind::MalformedRequest, sentence)
}

/// Whether a request that opens a dialog wants us to be reached by `sips:` from then on (RFC 3261 12.1.1): its Request-URI, its topmost
/// Record-Route or, without one, its Contact says so.
fn asks_for_sips(request: &Message) -> bool {
    let is_sips = |uri: &Uri<'_>| uri.scheme() == Scheme::Sips;
    let route = request.record_routes().next().map(|route| route.is_ok_and(|route| is_sips(route.uri())));
    request.uri().is_ok_and(|uri| is_sips(&uri))
        || route.unwrap_or_else(|| request.contact().is_some_and(|contact| is_sips(contact.uri())))
}
