//! From one place of a carrier to the next, within one attempt: where a place is not there, says nothing at all, or 503 (RFC 3263 4.3),
//! and where the carrier sends us elsewhere (3xx, RFC 3261 8.1.3.4).
//!
//! Which places there are, and in which order, is the user's of this crate to know.

use super::{CalledLeg, Phase};
use crate::invitation::user_of;
use crate::target::{Hop, Redirects, Target};
use crate::words::{Effect, Sent};
use bytes::BytesMut;
use domain::{E164, Monotonic, Now};
use sip::endpoint::{ClientTransactionId, Destination, HeaderLines, Source};
use sip::message::{Contact, NameAddr};
use sip::{Host, Message, Method, Scheme, Uri};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Redirections that are followed in one attempt: two are common (a proxy, then a gateway), more are a loop.
const REDIRECTS_MAX: u8 = 3;
/// Contacts of one redirection that are looked at.
const CONTACTS_MAX: usize = 8;
/// The port of a URI without one (RFC 3261 19.1.2).
const PORT: u16 = 5060;
/// The same over TLS.
const PORT_TLS: u16 = 5061;

/// The places of one attempt.
#[derive(Debug, Default)]
pub(super) struct Hops {
    /// Those not tried yet: where, and the Request-URI.
    left: VecDeque<(Destination, String)>,
    patience: Duration,
    /// When the present one has been silent for too long.
    overdue: Option<Monotonic>,
    /// INVITEs to places that were left: one may still be answered.
    former: Vec<ClientTransactionId>,
    redirects: Option<Arc<Redirects>>,
    redirected: u8,
    /// Whether anybody keeps book of places that do not answer.
    is_of_carrier: bool,
}

impl Hops {
    pub(super) fn of(target: &Target, callee: E164) -> Hops {
        let Target::Carrier(carrier) = target else { return Hops::default() };
        let left = carrier.others.iter().map(|hop| (hop.destination, carrier.uri_at(callee, &hop.host)));
        Hops {
            left: left.collect(),
            patience: carrier.patience,
            redirects: carrier.redirects.clone(),
            is_of_carrier: true,
            ..Hops::default()
        }
    }

    /// The INVITE is on its way: where there is another place, this one has so long to say anything.
    pub(super) fn invited(&mut self, now: Now) {
        self.overdue = (!self.left.is_empty()).then(|| now.monotonic + self.patience);
    }

    /// It said something.
    pub(super) fn heard(&mut self) {
        self.overdue = None;
    }

    pub(super) fn deadline(&self) -> Option<Monotonic> {
        self.overdue
    }

    /// Whether an INVITE that was left may still be answered.
    pub(super) fn is_open(&self) -> bool {
        !self.former.is_empty()
    }

    pub(super) fn is_former(&self, transaction: ClientTransactionId) -> bool {
        self.former.contains(&transaction)
    }

    /// An INVITE that was left has ended.
    pub(super) fn forget(&mut self, transaction: ClientTransactionId) {
        self.former.retain(|former| *former != transaction);
    }
}

impl CalledLeg {
    /// Goes on to the next place, where there is one and nobody has said anything yet.
    pub(super) fn hop_on(&mut self, effects: &mut Vec<Effect>) -> bool {
        if !matches!(self.phase, Phase::Calling) {
            return false;
        }
        let Some((destination, uri)) = self.hops.left.pop_front() else { return false };
        // Who is elsewhere is not behind the carrier's own proxies.
        let is_of = |redirects: &Arc<Redirects>| redirects.own.iter().any(|hop| hop.destination == destination);
        if self.hops.redirected > 0 && !self.hops.redirects.as_ref().is_some_and(is_of) {
            self.calling.routes.clear();
        }
        self.destination = destination;
        self.calling.target = uri;
        self.early = Default::default();
        self.send_invite_again(effects).is_some()
    }

    /// This place does not answer, as the network or its silence says.
    pub(super) fn avoid(&self, effects: &mut Vec<Effect>) {
        if self.hops.is_of_carrier {
            effects.push(Effect::Avoid(self.destination.addr));
        }
    }

    /// It has said nothing at all: its INVITE is given up, and the next place tried.
    pub(super) fn on_hop_due(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if self.hops.overdue.is_none_or(|at| at > now.monotonic) {
            return;
        }
        self.hops.overdue = None;
        self.avoid(effects);
        if let Some(transaction) = self.invite {
            self.hops.former.push(transaction);
            effects.push(Effect::Cancel { transaction, lines: HeaderLines::new() });
        }
        self.hop_on(effects);
    }

    /// The answer to an INVITE that was left: who picked up there is hung up on (RFC 3261 13.2.2.4).
    pub(super) fn on_former_response(
        &mut self,
        transaction: ClientTransactionId,
        response: &Message,
        source: Source,
        effects: &mut Vec<Effect>,
    ) {
        let status = response.status().unwrap_or_default();
        if status < 200 {
            return;
        }
        self.hops.forget(transaction);
        if status >= 300 {
            return;
        }
        let Ok(mut dialog) = self.calling.established_by(response) else { return };
        self.acknowledge(transaction, &dialog, &source, effects);
        let mut out = BytesMut::with_capacity(512);
        dialog.request(&Method::Bye, &mut out).end();
        let destination = crate::reach::next_hop(&dialog, &source);
        effects.push(Effect::Request { sent: Sent::Bye, request: out.freeze(), destination });
    }

    /// Whether the carrier has sent us to another place where the same number is to be called, and that is tried now.
    pub(super) fn is_redirected(&mut self, response: &Message, effects: &mut Vec<Effect>) -> bool {
        let Some(redirects) = self.hops.redirects.clone() else { return false };
        if !matches!(self.phase, Phase::Calling) || self.hops.redirected >= REDIRECTS_MAX {
            return false;
        }
        let mut contacts: Vec<NameAddr<'_>> = response
            .contacts()
            .take(CONTACTS_MAX)
            .filter_map(|contact| match contact {
                Ok(Contact::Address(address)) => Some(address),
                _ => None,
            })
            .collect();
        // Stable: of those that are equally good the first (RFC 3261 20.10).
        contacts.sort_by_key(|contact| std::cmp::Reverse(contact.params().text("q").map_or(1_000, thousandths)));
        let places: VecDeque<_> =
            contacts.iter().filter_map(|contact| self.permitted(contact.uri(), &redirects)).collect();
        if places.is_empty() {
            return false;
        }
        self.hops.redirected += 1;
        self.hops.left = places;
        self.hop_on(effects)
    }

    /// Where a Contact of a 3xx leads: the number that was called, at a place of the carrier's or one that it may name, as safely as now.
    /// Another number would be another call, at another price, that nobody has asked for.
    fn permitted(&self, uri: &Uri<'_>, redirects: &Redirects) -> Option<(Destination, String)> {
        let called = Uri::parse(self.calling.target.as_bytes()).ok()?;
        let is_same_number = user_of(&called).trim_start_matches('+') == user_of(uri).trim_start_matches('+');
        let transport = self.destination.transport;
        let is_same_way = match (uri.scheme(), uri.transport()) {
            (Scheme::Sip, None) => true,
            (Scheme::Sip, Some(named)) => named.eq_ignore_ascii_case(transport.as_str()),
            (Scheme::Sips, _) => transport.is_secure(),
            _ => false,
        };
        if !is_same_number || !is_same_way {
            return None;
        }
        let port = uri.port();
        let own = |hop: &&Hop| is_host_of(&hop.host, uri.host(), port);
        let usual = if transport.is_secure() { PORT_TLS } else { PORT };
        let destination = match uri.host()? {
            Host::Name(_) => redirects.own.iter().find(own)?.destination,
            host => {
                let ip = host.ip()?;
                let is_own = redirects.own.iter().any(|hop| hop.destination.addr.ip() == ip);
                let is_named = redirects.networks.iter().any(|network| network.contains(ip));
                let is_reachable = ip.is_ipv4() == self.destination.addr.is_ipv4();
                let addr = SocketAddr::new(ip, port.unwrap_or(usual));
                ((is_own || is_named) && is_reachable).then_some(Destination {
                    addr,
                    flow: None,
                    ..self.destination
                })?
            }
        };
        // A Request-URI has no headers (RFC 3261 19.1.1).
        let uri = uri.as_str().split('?').next().unwrap_or_default();
        Some((destination, uri.to_owned()))
    }
}

/// Whether `host`, with or without port, is this one.
fn is_host_of(own: &str, host: Option<Host<'_>>, port: Option<u16>) -> bool {
    let Some(Host::Name(name)) = host else { return false };
    let (own, own_port) = match own.rsplit_once(':') {
        Some((own, digits)) => (own, digits.parse().ok()),
        None => (own, None),
    };
    own.eq_ignore_ascii_case(name) && (port.is_none() || port == own_port)
}

/// A q value (RFC 3261 25.1) without a float: 0 to 1000.
fn thousandths(text: &str) -> u16 {
    let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
    let digits = rest.bytes().chain(std::iter::repeat(b'0')).take(3);
    let part = digits.fold(0, |sum, digit| sum * 10 + u16::from(digit.wrapping_sub(b'0').min(9)));
    if whole == "0" { part } else { 1_000 }
}
