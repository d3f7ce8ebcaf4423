//! Requests that arrive: retransmissions, ACKs, CANCELs, requests inside dialogs, and new ones.
//!
//! How they are answered lives in `responding`; what a stranger may do is not decided here.

use super::copied::Copied;
use super::counters::timed_method;
use super::keys::{Identity, Tag};
use super::table::{Id, Timed};
use super::{Destination, Effect, Endpoint, Owner, Pending, Refused, Reply, ServerTransactionId, Source};
use crate::dialog::{Repeating, repeating};
use crate::transaction::{ServerInvite, ServerOther, server_invite, server_other};
use crate::{Message, Method};
use domain::refusal::RefusalKind;
use domain::{Machine, Monotonic, Now};
use std::net::IpAddr;

/// A server transaction and what belongs to it.
pub(super) struct Server {
    pub(super) machine: ServerMachine,
    pub(super) owner: Owner,
    /// Where its responses go.
    pub(super) destination: Destination,
    /// What its responses copy; empty once a final one is sent.
    pub(super) copied: Copied,
    /// The tag that a final response gets where the user gave none.
    pub(super) default_tag: Tag,
    /// When the request arrived, and which of the timed methods it has.
    pub(super) since: Monotonic,
    pub(super) timed_method: u8,
    /// The 2xx that waits for its ACK.
    pub(super) repeating: Option<Repeating>,
    pub(super) ack_key: Option<u64>,
    pub(super) merged_key: Option<u64>,
    pub(super) call_id: Box<str>,
    /// Our tag in the request's To, inside a dialog.
    pub(super) local_tag: Option<Box<str>>,
    pub(super) cseq: u32,
    /// Whether its CANCEL was reported.
    pub(super) is_cancelled: bool,
    /// Where besides its source the ACK to a late offer may come from: what Contact and Record-Route of the INVITE name.
    pub(super) ways: Box<[IpAddr]>,
}

/// The transaction itself.
pub(super) enum ServerMachine {
    Invite(ServerInvite),
    Other(ServerOther),
}

impl Timed for Server {
    fn deadline(&self) -> Option<Monotonic> {
        let machine = match &self.machine {
            ServerMachine::Invite(machine) => machine.deadline(),
            ServerMachine::Other(machine) => machine.deadline(),
        };
        machine.into_iter().chain(self.repeating.as_ref().and_then(Repeating::deadline)).min()
    }
}

impl Endpoint {
    pub(super) fn on_request(&mut self, message: Message, source: Source, now: Now, effects: &mut Vec<Effect>) {
        let Some(method) = message.method() else { return };
        let sought = if matches!(method, Method::Ack | Method::Cancel) { &Method::Invite } else { method };
        let Some(identity) = self.keys.identify(&message, sought, &source) else { return };
        match method {
            Method::Ack => return self.on_ack(identity, message, source, now, effects),
            Method::Cancel => return self.on_cancel(identity, message, source, effects),
            _ => {}
        }
        if let Some(id) = self.servers.find(identity.server) {
            return self.on_request_repeated(id, now, effects);
        }
        self.counters.requests_received.add(method);
        if let Some(reply) = self.settings.front_door.refuse_method(method) {
            self.tell_refused(&message, source, &reply, effects);
            return self.answer(&message, &source, &identity, reply, effects);
        }
        // A registration has no dialog, whatever its To says.
        match message.to_tag() {
            Some(tag) if *method != Method::Register => {
                let dialog = message.call_id().map(|call_id| self.keys.dialog(call_id, tag)).unwrap_or_default();
                self.on_dialog_request(identity, dialog, message, source, now, effects);
            }
            _ => self.on_new_request(identity, message, source, effects),
        }
    }

    fn on_request_repeated(&mut self, id: Id, now: Now, effects: &mut Vec<Effect>) {
        self.counters.retransmissions_received += 1;
        self.drive_server(id, now, effects, |machine, now, out| match machine {
            ServerMachine::Invite(machine) => machine.handle(server_invite::Event::RequestRepeated, now, out),
            ServerMachine::Other(machine) => machine.handle(server_other::Event::RequestRepeated, now, out),
        });
    }

    /// A request inside a dialog: the front door as far as it concerns dialogs, then the owner.
    fn on_dialog_request(
        &mut self,
        identity: Identity,
        dialog: u64,
        message: Message,
        source: Source,
        now: Now,
        effects: &mut Vec<Effect>,
    ) {
        let Some(owner) = self.dialogs.get(&dialog).copied() else {
            self.counters.stray_requests += 1;
            let reply = self.settings.front_door.refuse(RefusalKind::NoSuchDialog);
            return self.answer(&message, &source, &identity, reply, effects);
        };
        let front_door = &self.settings.front_door;
        if let Some(reply) = front_door.refuse_extensions(&message).or_else(|| front_door.refuse_interval(&message)) {
            self.tell_refused(&message, source, &reply, effects);
            return self.answer(&message, &source, &identity, reply, effects);
        }
        if Self::is_full(self.servers.len(), self.settings.server_transactions_max, self.settings.dialog_reserve) {
            return self.refuse_full(&message, &source, &identity, effects);
        }
        let id = self.open(&identity, &message, &source, owner, now, effects);
        let transaction = ServerTransactionId(id);
        effects.push(Effect::DialogRequestArrived { owner, transaction, message, source });
    }

    /// Whoever has a dialog hears what was refused inside it.
    fn tell_refused(&self, message: &Message, source: Source, reply: &Reply, effects: &mut Vec<Effect>) {
        let dialog = message.to_tag().zip(message.call_id().ok()).map(|(tag, call_id)| self.keys.dialog(call_id, tag));
        let owner = dialog.and_then(|dialog| self.dialogs.get(&dialog)).copied();
        if let (Some(owner), Some(because)) = (owner, reply.refusal()) {
            effects.push(Effect::DialogRequestRefused { owner, message: message.clone(), source, because });
        }
    }

    /// A request outside of dialogs: what the front door does not answer is reported, and nothing is stored.
    fn on_new_request(&mut self, identity: Identity, message: Message, source: Source, effects: &mut Vec<Effect>) {
        let merged = self.keys.merged(&message);
        match self.own_answer(merged, &message) {
            Some(reply) => self.answer(&message, &source, &identity, reply, effects),
            None if Self::is_full(self.servers.len(), self.settings.server_transactions_max, 0) => {
                self.refuse_full(&message, &source, &identity, effects);
            }
            None => effects.push(Effect::RequestArrived { pending: Pending { message, source, identity, merged } }),
        }
    }

    fn own_answer(&mut self, merged: u64, request: &Message) -> Option<Reply> {
        let method = request.method()?;
        let front_door = &self.settings.front_door;
        if let Some(reply) = front_door.refuse_dialogless(method) {
            self.counters.stray_requests += 1;
            return Some(reply);
        }
        if let Some(reply) = front_door.refuse_hops(request) {
            return Some(reply);
        }
        if self.merged.contains_key(&merged) {
            self.counters.merged += 1;
            return Some(front_door.refuse(RefusalKind::RequestMerged));
        }
        front_door
            .refuse_extensions(request)
            .or_else(|| front_door.refuse_interval(request))
            .or_else(|| front_door.answer_options(method))
    }

    /// Creates the server transaction of a pending request; an INVITE is answered 100 at once.
    ///
    /// # Errors
    /// [`Refused::AcceptedBefore`] where a retransmission was reported before the first was accepted: drop it.
    /// [`Refused::Full`] where the table filled up in between.
    pub fn accept(
        &mut self,
        pending: &Pending,
        owner: Owner,
        now: Now,
        effects: &mut Vec<Effect>,
    ) -> Result<ServerTransactionId, Refused> {
        let Pending { message, source, identity, merged } = pending;
        if self.servers.find(identity.server).is_some() {
            return Err(Refused::AcceptedBefore);
        }
        if Self::is_full(self.servers.len(), self.settings.server_transactions_max, 0) {
            return Err(Refused::Full("server transactions"));
        }
        let id = self.open(identity, message, source, owner, now, effects);
        self.merged.insert(*merged, id);
        if let Some(server) = self.servers.get_mut(id) {
            server.merged_key = Some(*merged);
        }
        Ok(ServerTransactionId(id))
    }

    /// Hands a server transaction to another owner (a call actor that was opened for it).
    ///
    /// # Errors
    /// [`Refused::NoTransaction`].
    pub fn hand_over(&mut self, transaction: ServerTransactionId, owner: Owner) -> Result<(), Refused> {
        self.servers.get_mut(transaction.0).ok_or(Refused::NoTransaction)?.owner = owner;
        Ok(())
    }

    fn open(
        &mut self,
        identity: &Identity,
        message: &Message,
        source: &Source,
        owner: Owner,
        now: Now,
        effects: &mut Vec<Effect>,
    ) -> Id {
        let local_tag: Option<Box<str>> = message.to_tag().map(Into::into);
        let copied = Copied::of(message, local_tag.is_some(), source.peer);
        let timing = self.settings.timing;
        let reliability = source.transport.reliability();
        let mut out = std::mem::take(&mut self.scratch);
        let machine = match message.method() {
            Some(Method::Invite) => {
                ServerMachine::Invite(ServerInvite::new(copied.trying(message), reliability, timing, &mut out))
            }
            _ => ServerMachine::Other(ServerOther::new(reliability, timing)),
        };
        let server = Server {
            machine,
            owner,
            destination: identity.destination,
            default_tag: identity.tag,
            since: now.monotonic,
            timed_method: message.method().map(timed_method).unwrap_or_default(),
            copied,
            repeating: None,
            ack_key: None,
            merged_key: None,
            call_id: message.call_id().unwrap_or_default().into(),
            local_tag,
            cseq: message.cseq().map(|cseq| cseq.number).unwrap_or_default(),
            is_cancelled: false,
            ways: ways_of(message),
        };
        let id = self.servers.insert(identity.server, server);
        self.hold_flow(source.flow);
        if !out.is_empty() {
            self.counters.responses_sent.add(100);
        }
        self.translate_server(id, &mut out, now, effects);
        self.scratch = out;
        id
    }

    /// RFC 3261 9.2: the CANCEL is answered without state; each of its retransmissions finds the INVITE again.
    fn on_cancel(&mut self, identity: Identity, message: Message, source: Source, effects: &mut Vec<Effect>) {
        let invite = self.servers.find(identity.server);
        let front_door = &self.settings.front_door;
        let invite = invite.and_then(|id| Some((id, self.servers.get_mut(id)?)));
        // Hop by hop: it comes from where the INVITE came from, or from somebody who has read that.
        let Some((id, server)) = invite.filter(|(_, server)| server.is_from(source)) else {
            self.counters.requests_received.add(&Method::Cancel);
            self.counters.stray_requests += 1;
            let reply = front_door.refuse(RefusalKind::NoSuchDialog);
            return self.answer(&message, &source, &identity, reply, effects);
        };
        let reply = front_door.reply(200, "OK").tag(&server.default_tag.text());
        let is_open = server.is_open();
        let is_first = !std::mem::replace(&mut server.is_cancelled, true);
        let owner = server.owner;
        match is_first {
            true => self.counters.requests_received.add(&Method::Cancel),
            false => self.counters.retransmissions_received += 1,
        }
        self.answer(&message, &source, &identity, reply, effects);
        if is_first && is_open {
            effects.push(Effect::Cancelled { owner, transaction: ServerTransactionId(id), message });
        }
    }

    /// The ACK to a refusal bears the INVITE's branch; the ACK to a 2xx bears its own, and is found by dialog and CSeq number.
    fn on_ack(&mut self, identity: Identity, message: Message, source: Source, now: Now, effects: &mut Vec<Effect>) {
        if let Some(id) = self.servers.find(identity.server) {
            let mut delivered = false;
            self.drive_server(id, now, effects, |machine, now, out| {
                if let ServerMachine::Invite(machine) = machine {
                    let before = machine.phase();
                    machine.handle(server_invite::Event::AckReceived, now, out);
                    delivered = before == server_invite::Phase::Accepted;
                }
            });
            return if delivered { self.on_success_acknowledged(id, message, now, effects) } else { self.count_ack() };
        }
        let by_dialog = match (message.call_id(), message.to_tag(), message.cseq()) {
            (Ok(call_id), Some(tag), Ok(cseq)) => self.acks.get(&self.keys.ack(call_id, tag, cseq.number)).copied(),
            _ => None,
        };
        // The answer to a late offer says where sound is sent: not to whom who has read the dialog's tags.
        let is_welcome = |server: &Server| {
            let peer = source.peer.ip().to_canonical();
            message.body().is_empty() || server.is_from(source) || server.ways.contains(&peer)
        };
        match by_dialog.filter(|id| self.servers.get(*id).is_none_or(is_welcome)) {
            Some(id) => self.on_success_acknowledged(id, message, now, effects),
            None => self.counters.stray_acks += 1,
        }
    }

    fn count_ack(&mut self) {
        self.counters.requests_received.add(&Method::Ack);
    }

    fn on_success_acknowledged(&mut self, id: Id, message: Message, now: Now, effects: &mut Vec<Effect>) {
        let Some(server) = self.servers.get_mut(id) else { return };
        let Some(mut repeating) = server.repeating.take() else {
            self.counters.retransmissions_received += 1;
            return;
        };
        repeating.handle(repeating::Event::Acknowledged, now, &mut Vec::new());
        let tag = server.local_tag.as_deref().unwrap_or_default();
        let dialog = self.keys.dialog(&server.call_id, tag);
        let owner = self.dialogs.get(&dialog).copied().unwrap_or(server.owner);
        self.count_ack();
        effects.push(Effect::AckArrived { owner, transaction: ServerTransactionId(id), message });
    }
}

impl Server {
    /// Whether a message comes from where the request came from; ports may differ (NAT, another connection).
    fn is_from(&self, source: Source) -> bool {
        self.destination.addr.ip().to_canonical() == source.peer.ip().to_canonical()
    }
}

/// The addresses that an INVITE without offer names as its sender's.
fn ways_of(request: &Message) -> Box<[IpAddr]> {
    if request.method() != Some(&Method::Invite) || !request.body().is_empty() {
        return Box::default();
    }
    let routes = request.record_routes().filter_map(|route| route.ok()?.uri().host()?.ip());
    let contact = request.contact().and_then(|contact| contact.uri().host()?.ip());
    routes.chain(contact).map(|ip| ip.to_canonical()).take(WAYS_MAX).collect()
}

/// Addresses at most that are remembered of one INVITE: proxies on its way, and who called.
const WAYS_MAX: usize = 8;
