//! Requests of ours that the network could not deliver, as ICMP tells it (RFC 3261 18.4).
//!
//! How a socket hears of it is not known here.

use super::outgoing::ClientMachine;
use super::requesting::to_tag_of;
use super::via::printed_lines;
use super::{Effect, Endpoint, Transport};
use crate::Method;
use crate::message::Via;
use crate::transaction::{client_invite, client_other};
use domain::Now;
use std::net::SocketAddr;

/// What branches of ours begin with; the shard's number and a hyphen follow.
const BRANCH: &str = "z9hG4bKt";

/// How often a request inside a dialog must come back before it has failed: its peer may just have been starting anew, and with the
/// request the call would end. It is repeated after T1 in any case.
const BOUNCES_IN_DIALOG: u8 = 2;

/// The shard whose request a bounce quotes; none where it quotes no whole Via of ours.
pub fn shard_of_bounce(quote: &[u8]) -> Option<u16> {
    let via = via_of(quote)?;
    let (shard, _) = via.branch()?.strip_prefix(BRANCH)?.split_once('-')?;
    u16::from_str_radix(shard, 16).ok()
}

/// The Via of a request that was printed by us, where the quote has all of it.
fn via_of(quote: &[u8]) -> Option<Via<'_>> {
    let whole = &quote[..memchr::memrchr(b'\n', quote)?];
    let line = printed_lines(whole).find_map(|line| line.strip_prefix(b"Via: "))?;
    Via::parse(line).ok()
}

impl Endpoint {
    pub(super) fn on_bounced(&mut self, addr: SocketAddr, quote: &[u8], now: Now, effects: &mut Vec<Effect>) {
        let method = memchr::memchr(b' ', quote).and_then(|end| Method::parse(&quote[..end]));
        let (Some(method), Some(via)) = (method, via_of(quote)) else { return };
        let Some(branch) = via.branch() else { return };
        let Some(id) = self.clients.find(self.keys.client(branch, via.host(), via.port(), &method)) else { return };
        let Some(client) = self.clients.get_mut(id) else { return };
        let unheard = match &client.machine {
            ClientMachine::Invite(machine) if machine.phase() == client_invite::Phase::Calling => machine.request(),
            ClientMachine::Other(machine) if machine.phase() == client_other::Phase::Trying => machine.request(),
            ClientMachine::Invite(_) | ClientMachine::Other(_) => None,
        };
        let Some(request) = unheard.filter(|request| request.starts_with(quote)) else { return };
        if client.destination.transport != Transport::Udp || client.destination.addr != addr {
            return;
        }
        client.bounces = client.bounces.saturating_add(1);
        if to_tag_of(request).is_none() || client.bounces >= BOUNCES_IN_DIALOG {
            self.fail_client(id, now, effects);
        }
    }
}
