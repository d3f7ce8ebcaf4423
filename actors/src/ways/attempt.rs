//! A request as an attempt that is remembered: what it names, what it wants, how it was answered.
//!
//! Who remembers it, and for how long, is `attempts`'; what is decided about it, the machines'.

use super::door::Proven;
use super::register::transport_fact;
use domain::call_control::Proof;
use domain::call_record::CallDirection;
use domain::fact::Transport;
use domain::refusal::RefusalKind;
use domain::trace::{Rule, Value};
use domain::{CertificateName, ProfileId, Refusal, Trace, Wall};
use leg::invitation::dialled_in;
use sip::digest::params;
use sip::endpoint::Pending;
use sip::{Message, Method};
use std::net::SocketAddr;
use std::sync::Arc;
use switch::attempts::{Attempt, Tried};
use switch::call::PhaseName;
use switch::{Call, Directory};

/// An attempt that has not been answered.
pub fn of_request(pending: &Pending, direction: CallDirection, at: Wall) -> Attempt {
    let (message, source) = (pending.message(), pending.source());
    let tried = match message.method() {
        Some(Method::Register) => Tried::Registration,
        _ => Tried::Call(direction),
    };
    let dialled = if tried == Tried::Registration { String::new() } else { dialled_in(message) };
    Attempt {
        at,
        times: 1,
        tried,
        source: source.peer,
        transport: transport_fact(source.transport),
        user: Attempt::text(&user_named(message)),
        dialled: Attempt::text(&dialled),
        sip_call_id: Attempt::text(message.call_id().unwrap_or_default()),
        call: None,
        status: 0,
        refusal: None,
        sentence: None,
        trace: Trace::new(),
    }
}

/// The user that a request says it is: in its credentials, otherwise in To (a REGISTER) or From.
pub fn user_named(message: &Message) -> String {
    let in_credentials = message.authorizations().chain(message.proxy_authorizations()).find_map(|value| {
        let mut user = None;
        let read = params::read(value, |name, value| {
            if name.eq_ignore_ascii_case(b"username") {
                user = value.text().map(|text| text.into_owned());
            }
            Ok(())
        });
        read.and(user)
    });
    in_credentials.unwrap_or_else(|| user_addressed(message))
}

/// The user in To of a REGISTER, in From of anything else.
pub fn user_addressed(message: &Message) -> String {
    let address = if message.method() == Some(&Method::Register) { message.to() } else { message.from() };
    address.map(|address| String::from_utf8_lossy(&address.uri().user_unescaped()).into_owned()).unwrap_or_default()
}

/// It was refused with this.
pub fn refused(mut attempt: Attempt, refusal: &Refusal, status: u16) -> Attempt {
    let wanted = match refusal.kind {
        RefusalKind::BadCredentials => Value::Words("user name and password of a profile"),
        _ => Value::None,
    };
    match refusal.kind {
        RefusalKind::BadCredentials => {
            attempt.trace.failed(refusal.kind, Arc::clone(&attempt.user), wanted);
        }
        _ => attempt.trace.refused(refusal, wanted),
    }
    attempt.status = status;
    attempt.refusal = Some(refusal.kind);
    attempt.sentence = Some(refusal.sentence.as_ref().into());
    attempt
}

/// A request that was challenged, where that says something: a call of a PBX that is known by its address only and comes from another,
/// or of nobody. A PBX that will answer the challenge is no news.
pub fn challenged(
    mut attempt: Attempt,
    message: &Message,
    directory: &Directory,
    shown: Option<&[CertificateName]>,
) -> Option<(Option<ProfileId>, Attempt)> {
    if attempt.tried == Tried::Registration {
        return None;
    }
    let named = directory.profile_by_sip_user(&user_addressed(message));
    let by_address = named.and_then(|profile| profile.sources.first().copied());
    let by_certificate = named.and_then(|profile| profile.certificates.first());
    // It has neither: it answers challenges.
    if named.is_some() && by_address.is_none() && by_certificate.is_none() {
        return None;
    }
    let refusal = if let Some(names) = shown {
        let wanted = match (named, by_certificate) {
            (None, _) => Value::Words("a name of a profile or a carrier, or credentials"),
            (Some(_), None) => Value::from(by_address),
            (Some(_), Some(name)) => Value::Text(name.as_str().into()),
        };
        let refusal = Refusal::new(RefusalKind::CertificateUnknown);
        attempt.trace.failed(refusal.kind, names_of(names), wanted);
        refusal
    } else if let (Some(name), None) = (by_certificate, by_address) {
        let refusal =
            Refusal::saying(RefusalKind::CertificateUnknown, "No client certificate was shown over this connection");
        attempt.trace.failed(refusal.kind, "no certificate", Value::Text(name.as_str().into()));
        refusal
    } else {
        let wanted = match by_address {
            Some(address) => Value::Address(address),
            None => Value::Words("an address of a profile or a carrier, or credentials"),
        };
        let refusal = Refusal::new(RefusalKind::IpNotAllowed);
        attempt.trace.failed(refusal.kind, attempt.source, wanted);
        refusal
    };
    Some((named.map(|profile| profile.id), refused(attempt, &refusal, CHALLENGE)))
}

fn names_of(names: &[CertificateName]) -> Value {
    let names: Vec<&str> = names.iter().map(CertificateName::as_str).collect();
    if names.is_empty() { "a certificate without a domain".into() } else { names.join(", ").into() }
}

/// What a call is challenged with.
const CHALLENGE: u16 = 407;

/// Who it is was proven.
pub fn proven(attempt: &mut Attempt, proven: &Proven) {
    let (rule, seen) = match (&proven.certificate, &proven.proof) {
        (Some(names), _) => (Rule::Certificate, Value::Text(Arc::clone(names))),
        (None, Proof::Credentials(_)) => (Rule::Authentication, Value::Address(attempt.source)),
        (None, Proof::Source(_) | Proof::Carrier(_) | Proof::Inside(_)) => {
            (Rule::SourceAddress, Value::Address(attempt.source))
        }
    };
    attempt.trace.passed(rule, seen, Value::None);
}

/// Whose an attempt is that this proves; none of a carrier's.
pub fn owner(proof: &Proof) -> Option<ProfileId> {
    match proof {
        Proof::Credentials(profile) | Proof::Inside(profile) => Some(*profile),
        Proof::Source(profiles) => profiles.first().copied(),
        Proof::Carrier(_) => None,
    }
}

/// A call that was let through, or was refused: then with its trace, which its record has too.
pub fn of_call(call: &Call, source: SocketAddr, transport: Transport, directory: &Directory) -> Attempt {
    let record = call.record();
    let last = call.trace().steps().last().filter(|_| call.phase() == PhaseName::Clearing);
    let refusal = last.and_then(|step| step.refusal);
    let user = directory.profile(record.profile).map(|profile| Arc::clone(&profile.sip_user)).unwrap_or_default();
    Attempt {
        at: record.invited_at,
        times: 1,
        tried: Tried::Call(record.direction),
        source,
        transport,
        user,
        dialled: record.dialled.as_str().into(),
        sip_call_id: Attempt::text(&record.sip_call_id),
        call: Some(record.id),
        status: refusal.map_or(0, |_| record.status),
        refusal,
        sentence: record.sentence.as_deref().filter(|_| refusal.is_some()).map(Arc::from),
        trace: if refusal.is_some() { call.trace().clone() } else { Trace::EMPTY },
    }
}
