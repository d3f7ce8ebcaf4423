//! Where a leg calls, and how that side is addressed: a carrier by its host, a PBX by what it registered (I1, I4, I5, I7).
//!
//! Which of them is called is the call's to decide; who knows their addresses is the user of this crate.

use crate::proving::Account;
use crate::words::Identity;
use domain::call_control::{CalledUser, CallerId, Compat};
use domain::network::Network;
use domain::{E164, NumberFormat};
use sip::Uri;
use sip::endpoint::Destination;
use std::sync::Arc;
use std::time::Duration;

/// One of the places where a carrier listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    /// Where INVITEs are sent.
    pub destination: Destination,
    /// The host of its Request-URIs: `198.51.100.7:5060`, `example.net`.
    pub host: Arc<str>,
}

/// Where a carrier may send us by a 3xx.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Redirects {
    /// Its own places, known by their host or their address.
    pub own: Vec<Hop>,
    /// Networks besides.
    pub networks: Vec<Network>,
}

/// Where a carrier listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CarrierTarget {
    /// Where its INVITEs are sent.
    pub destination: Destination,
    /// The host of its Request-URIs and To: `198.51.100.7:5060`.
    pub host: Arc<str>,
    /// How it wants the called number written, in Request-URI and To.
    pub number_format: NumberFormat,
    /// By which name it knows us, where it asks.
    pub account: Option<Arc<Account>>,
    /// Further places, reached by the same transport from the same address of ours: tried in order where the one before fails
    /// (RFC 3263 4.3).
    pub others: Vec<Hop>,
    /// How long a place may say nothing at all before the next one is tried.
    pub patience: Duration,
    /// Where it may send us; none where its 3xx are refusals.
    pub redirects: Option<Arc<Redirects>>,
    /// The Route value of its outbound proxy, which all requests go to (RFC 3261 8.1.2); none where there is none.
    pub proxy: Option<Arc<str>>,
    /// By which proxies it wants our calls, the nearest first (RFC 3608 6.1).
    pub service_route: Arc<[Arc<str>]>,
}

impl CarrierTarget {
    /// A carrier at one place, by whose address its Request-URIs go.
    pub fn at(destination: Destination) -> CarrierTarget {
        CarrierTarget {
            destination,
            host: destination.addr.to_string().into(),
            number_format: NumberFormat::default(),
            account: None,
            others: Vec::new(),
            patience: Duration::ZERO,
            redirects: None,
            proxy: None,
            service_route: [].into(),
        }
    }
}

/// Where a PBX is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PbxTarget {
    /// Where its INVITEs are sent: where its own messages come from.
    pub destination: Destination,
    /// The URI that it registered, or `sip:` and its address.
    pub contact: Arc<str>,
    /// The user part of the Request-URI.
    pub user: CalledUser,
    /// The user part of To; none for the number that is called.
    pub to_user: Option<Arc<str>>,
    /// The proxies on the way to it, the nearest to us first (RFC 3327 5.4): the INVITE's Route.
    pub path: Arc<[Arc<str>]>,
}

/// Where a leg calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A carrier.
    Carrier(CarrierTarget),
    /// A company's own PBX.
    Pbx(PbxTarget),
}

impl Target {
    /// Where the INVITE is sent.
    pub fn destination(&self) -> Destination {
        match self {
            Target::Carrier(carrier) => carrier.destination,
            Target::Pbx(pbx) => pbx.destination,
        }
    }

    /// By which name we are known there, where that may be asked.
    pub fn account(&self) -> Option<&Arc<Account>> {
        match self {
            Target::Carrier(carrier) => carrier.account.as_ref(),
            Target::Pbx(_) => None,
        }
    }

    /// The Request-URI. A PBX gets its own Contact with the number without `+` (I1), an extension (I2) or nothing else (I3) instead of its
    /// user part; host, port and parameters stay. None where the Contact is no URI that could be called.
    pub fn request_uri(&self, callee: E164) -> Option<String> {
        match self {
            Target::Carrier(carrier) => Some(carrier.uri_at(callee, &carrier.host)),
            Target::Pbx(pbx) => match &pbx.user {
                CalledUser::Number => with_user(&pbx.contact, callee.digits().as_str()),
                // Of what an extension may hold, only this may not stand in a URI (RFC 3261 25.1).
                CalledUser::Extension(extension) => with_user(&pbx.contact, &extension.replace('#', "%23")),
                CalledUser::Own(user) => with_user(&pbx.contact, own_user(&pbx.contact).unwrap_or(user)),
            },
        }
    }

    /// The values of Route, in order.
    pub(crate) fn routes(&self) -> Vec<String> {
        match self {
            Target::Carrier(carrier) => {
                carrier.proxy.iter().chain(carrier.service_route.iter()).map(ToString::to_string).collect()
            }
            Target::Pbx(pbx) => pbx.path.iter().map(ToString::to_string).collect(),
        }
    }

    /// Whether it is called by a `sips:` URI: then we are reached by one too (RFC 3261 8.1.1.8).
    pub fn is_sips(&self) -> bool {
        match self {
            Target::Carrier(_) => false,
            Target::Pbx(pbx) => {
                Uri::parse(pbx.contact.as_bytes()).is_ok_and(|contact| contact.scheme() == sip::Scheme::Sips)
            }
        }
    }

    /// The value of To (I4): of a PBX the number without `+`, or its SIP user, at our domain.
    pub(crate) fn to(&self, callee: E164, identity: &Identity) -> String {
        match self {
            Target::Carrier(carrier) => format!("<sip:{}@{}>", dialled(carrier, callee), carrier.host),
            Target::Pbx(PbxTarget { to_user: Some(user), .. }) => format!("<sip:{user}@{}>", identity.host),
            Target::Pbx(PbxTarget { to_user: None, .. }) => {
                format!("<sip:{}@{}>", callee.digits().as_str(), identity.host)
            }
        }
    }

    /// The value of our Contact: towards a PBX with the number that calls (I5), and as the reference message has it with its transport
    /// (I6).
    pub(crate) fn our_contact(&self, caller_id: &CallerId, compat: Compat, identity: &Identity) -> String {
        let transport = match compat {
            Compat::Standard => String::new(),
            Compat::Classic => format!(";transport={}", self.destination().transport.as_str().to_ascii_lowercase()),
        };
        match (self, caller_id) {
            (Target::Pbx(_), CallerId::Number(number)) if compat == Compat::Classic => {
                format!("<sip:{number}@{}{transport}>", identity.contact)
            }
            (Target::Pbx(_), CallerId::Anonymous) if compat == Compat::Classic => {
                format!("<sip:{}{transport}>", identity.contact)
            }
            (Target::Pbx(_), CallerId::Number(number)) => identity.contact_of(&number.to_string()),
            (Target::Carrier(_), _) | (Target::Pbx(_), CallerId::Anonymous) => identity.contact_value(),
        }
    }
}

/// The user part of a Contact.
fn own_user(contact: &str) -> Option<&str> {
    let uri = Uri::parse(contact.as_bytes()).ok()?;
    uri.user().filter(|user| !user.is_empty())
}

impl CarrierTarget {
    /// The Request-URI at one of its places.
    pub(crate) fn uri_at(&self, callee: E164, host: &str) -> String {
        format!("sip:{}@{host}", dialled(self, callee))
    }
}

/// The called number as a user part; `#` may not stand in one unescaped (RFC 3261 25.1).
fn dialled(carrier: &CarrierTarget, callee: E164) -> String {
    carrier.number_format.write(callee).replace('#', "%23")
}

/// A URI with another user part. Its headers are left out: a Request-URI has none (RFC 3261 19.1.1).
fn with_user(uri: &str, user: &str) -> Option<String> {
    let uri = Uri::parse(uri.as_bytes()).ok().filter(|uri| uri.scheme().is_sip())?;
    let scheme = uri.as_str().split(':').next()?;
    let port = uri.port().map(|port| format!(":{port}")).unwrap_or_default();
    let params = uri.params_raw();
    let params = if params.is_empty() { String::new() } else { format!(";{params}") };
    Some(format!("{scheme}:{user}@{}{port}{params}", uri.host()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// I1, I7.
    #[test]
    fn only_the_user_of_a_contact_is_replaced() {
        for (contact, called) in [
            (
                "sip:99050000040027@86.145.0.9:5060;rinstance=459608bf8eeb29ef",
                "sip:441513240000@86.145.0.9:5060;rinstance=459608bf8eeb29ef",
            ),
            ("sip:pbx:secret@pbx.example.com;transport=tcp;ob", "sip:441513240000@pbx.example.com;transport=tcp;ob"),
            ("sip:192.0.2.7:5062", "sip:441513240000@192.0.2.7:5062"),
            ("sips:a@[2001:db8::7]:5061?Subject=x", "sips:441513240000@[2001:db8::7]:5061"),
            ("SIP:a?b@host.invalid", "SIP:441513240000@host.invalid"),
        ] {
            assert_eq!(with_user(contact, "441513240000").as_deref(), Some(called), "{contact}");
        }
        for contact in ["tel:+12025550123", "urn:service:sos", "", "sip:"] {
            assert_eq!(with_user(contact, "441513240000"), None, "{contact}");
        }
    }
}
