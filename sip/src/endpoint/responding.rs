//! Responses that leave, with a transaction and without, and the life of a server transaction until it is dropped.
//!
//! What is answered by the endpoint itself is decided in `front_door` and `incoming`.

use super::copied::{self, Copied, RecordRoute};
use super::incoming::{Server, ServerMachine};
use super::keys::Identity;
use super::table::Id;
use super::via::response_destination;
use super::{Effect, Endpoint, Owner, Pending, Refused, Reply, ServerTransactionId, Source, TransactionId};
use crate::dialog::{Repeating, repeating};
use crate::transaction::{self, Expiry, Failure, server_invite, server_other};
use crate::{Message, Method, Name};
use bytes::Bytes;
use domain::refusal::RefusalKind;
use domain::{Machine, Now};

impl Endpoint {
    /// Answers a pending request and forgets it. Where `reply` has no tag, To gets one that is the same for every retransmission of
    /// the request.
    pub fn answer_statelessly(&mut self, pending: &Pending, reply: Reply, effects: &mut Vec<Effect>) {
        self.answer(&pending.message, &pending.source, &pending.identity, reply, effects);
    }

    /// The same for a request that was not handed out.
    pub(super) fn answer(
        &mut self,
        request: &Message,
        source: &Source,
        identity: &Identity,
        reply: Reply,
        effects: &mut Vec<Effect>,
    ) {
        let mut reply = reply.explained(|| self.own_host(source.local));
        if reply.tag.is_none() && reply.status > 100 {
            reply = reply.tag(&identity.tag.text());
        }
        let bytes = copied::answer(request, source.peer, &reply);
        self.counters.responses_sent.add(reply.status);
        self.transmit_statelessly(request, bytes, identity.destination, effects);
    }

    /// Answers what is broken, where it can be answered at all: an ACK cannot, nor a request that says no way back.
    pub(super) fn complain(
        &mut self,
        request: &Message,
        reply: Reply,
        sentence: &str,
        source: Source,
        effects: &mut Vec<Effect>,
    ) {
        let (Some(method), Ok(via)) = (request.method(), request.top_via()) else { return };
        if *method == Method::Ack {
            return;
        }
        let tag = self.keys.tag_of_broken(request);
        let because = match reply.status {
            416 => RefusalKind::UriNotSupported,
            505 => RefusalKind::VersionNotSupported,
            513 => RefusalKind::MessageTooLarge,
            _ => RefusalKind::MalformedRequest,
        };
        let reply = reply.tag(&tag.text()).because(because, sentence.to_owned());
        let reply = reply.explained(|| self.own_host(source.local));
        let bytes = copied::answer(request, source.peer, &reply);
        self.counters.responses_sent.add(reply.status);
        self.transmit_statelessly(request, bytes, response_destination(&via, &source), effects);
    }

    pub(super) fn refuse_full(
        &mut self,
        request: &Message,
        source: &Source,
        identity: &Identity,
        effects: &mut Vec<Effect>,
    ) {
        self.counters.refused_full += 1;
        let retry_after = self.settings.retry_after_s.to_string();
        let reply = self.settings.front_door.refuse(RefusalKind::Overloaded).header(Name::RetryAfter, retry_after);
        self.answer(request, source, identity, reply, effects);
    }

    /// Responds to a request. Via, From, To, Call-ID, CSeq and (in responses that make a dialog) Record-Route are copied from it.
    /// A 2xx to an INVITE is repeated until its ACK.
    ///
    /// # Errors
    /// [`Refused::NoTransaction`], also where a final response was sent before.
    pub fn respond(
        &mut self,
        transaction: ServerTransactionId,
        reply: Reply,
        now: Now,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Refused> {
        let id = transaction.0;
        let local = self.servers.get(id).map(|server| server.destination.local).ok_or(Refused::NoTransaction)?;
        let mut reply = reply.explained(|| self.own_host(local));
        let server = self.servers.get_mut(id).filter(|server| server.is_open()).ok_or(Refused::NoTransaction)?;
        if reply.tag.is_none() && reply.status >= 200 {
            reply.tag = Some(server.default_tag.text().into());
        }
        if let (Some(tag), true) = (&reply.tag, server.copied.wants_tag()) {
            server.local_tag = Some(tag.clone());
        }
        let response = server.copied.compose(&reply, server.record_route(reply.status));
        let is_invite = matches!(server.machine, ServerMachine::Invite(_));
        if reply.status >= 200 {
            server.copied = Copied::default();
            let durations = &mut self.counters.server_durations[usize::from(server.timed_method)];
            durations.add(now.monotonic.since(server.since));
        }
        match reply.status {
            200..=299 if is_invite => self.await_ack(id, response.clone(), now),
            401 | 407 => self.forget_merged(id),
            _ => {}
        }
        self.counters.responses_sent.add(reply.status);
        let status = reply.status;
        self.drive_server(id, now, effects, |machine, now, out| match machine {
            ServerMachine::Invite(machine) => {
                machine.handle(server_invite::Event::ResponseOrdered { status, response }, now, out);
            }
            ServerMachine::Other(machine) => {
                machine.handle(server_other::Event::ResponseOrdered { status, response }, now, out);
            }
        });
        Ok(())
    }

    /// The 2xx is on its way: repeat it, and know its ACK.
    fn await_ack(&mut self, id: Id, response: Bytes, now: Now) {
        let Some(server) = self.servers.get_mut(id) else { return };
        server.repeating = Some(Repeating::new(response, self.settings.timing, now));
        let key = self.keys.ack(&server.call_id, server.local_tag.as_deref().unwrap_or_default(), server.cseq);
        server.ack_key = Some(key);
        self.acks.insert(key, id);
    }

    /// A client that was challenged may come again with the same CSeq number; that is no merged request (RFC 3261 8.2.2.2).
    fn forget_merged(&mut self, id: Id) {
        if let Some(key) = self.servers.get_mut(id).and_then(|server| server.merged_key.take()) {
            self.merged.remove(&key);
        }
    }

    /// Gives a server transaction an event, carries out what it orders, and drops it when it is finished.
    pub(super) fn drive_server(
        &mut self,
        id: Id,
        now: Now,
        effects: &mut Vec<Effect>,
        event: impl FnOnce(&mut ServerMachine, Now, &mut Vec<transaction::Effect>),
    ) {
        let mut out = std::mem::take(&mut self.scratch);
        if let Some(server) = self.servers.get_mut(id) {
            event(&mut server.machine, now, &mut out);
        }
        self.translate_server(id, &mut out, now, effects);
        self.scratch = out;
        self.settle_server(id);
    }

    pub(super) fn translate_server(
        &mut self,
        id: Id,
        out: &mut Vec<transaction::Effect>,
        _now: Now,
        effects: &mut Vec<Effect>,
    ) {
        let Some(server) = self.servers.get(id) else { return out.clear() };
        let (owner, destination) = (server.owner, server.destination);
        for effect in out.drain(..) {
            match effect {
                transaction::Effect::Transmit(bytes) => self.transmit(bytes, destination, effects),
                transaction::Effect::Retransmit(bytes) => {
                    self.counters.retransmissions_sent += 1;
                    self.transmit(bytes, destination, effects);
                }
                transaction::Effect::ReportFailure(because) => self.report_server(id, owner, because, effects),
                // The ACK is delivered by whoever holds the message; a server transaction has no responses to deliver.
                transaction::Effect::DeliverAck | transaction::Effect::DeliverResponse => {}
            }
        }
    }

    fn report_server(&mut self, id: Id, owner: Owner, because: Failure, effects: &mut Vec<Effect>) {
        if because == Failure::Timeout(Expiry::H) {
            self.counters.timeouts_h += 1;
        }
        let transaction = TransactionId::Server(ServerTransactionId(id));
        effects.push(Effect::TransactionFailed { owner, transaction, because });
    }

    /// Drops a finished server transaction, or queues the timers of a living one.
    fn settle_server(&mut self, id: Id) {
        if self.servers.get(id).is_some_and(Server::is_finished) {
            let Some(server) = self.servers.remove(id) else { return };
            self.release_flow(server.destination.flow);
            if let Some(key) = server.ack_key.filter(|key| self.acks.get(key) == Some(&id)) {
                self.acks.remove(&key);
            }
            if let Some(key) = server.merged_key.filter(|key| self.merged.get(key) == Some(&id)) {
                self.merged.remove(&key);
            }
        } else {
            self.servers.requeue(id);
        }
    }

    pub(super) fn wake_server(&mut self, id: Id, now: Now, effects: &mut Vec<Effect>) {
        self.repeat_success(id, now, effects);
        self.drive_server(id, now, effects, |machine, now, out| match machine {
            ServerMachine::Invite(machine) => machine.expire(now, out),
            ServerMachine::Other(machine) => machine.expire(now, out),
        });
    }

    fn repeat_success(&mut self, id: Id, now: Now, effects: &mut Vec<Effect>) {
        let Some(server) = self.servers.get_mut(id) else { return };
        let (owner, destination) = (server.owner, server.destination);
        let Some(repeating) = &mut server.repeating else { return };
        let mut out = Vec::new();
        repeating.expire(now, &mut out);
        if repeating.is_finished() {
            server.repeating = None;
        }
        for effect in out {
            match effect {
                repeating::Effect::Repeat(bytes) => {
                    self.counters.retransmissions_sent += 1;
                    self.transmit(bytes, destination, effects);
                }
                repeating::Effect::GiveUp => {
                    self.counters.acks_missing += 1;
                    effects.push(Effect::AckMissed { owner, transaction: ServerTransactionId(id) });
                }
            }
        }
    }

    pub(super) fn fail_server(&mut self, id: Id, now: Now, effects: &mut Vec<Effect>) {
        self.drive_server(id, now, effects, |machine, now, out| match machine {
            ServerMachine::Invite(machine) => machine.handle(server_invite::Event::TransportFailed, now, out),
            ServerMachine::Other(machine) => machine.handle(server_other::Event::TransportFailed, now, out),
        });
    }
}

impl Server {
    /// Whether a response may still be ordered.
    pub(super) fn is_open(&self) -> bool {
        match &self.machine {
            ServerMachine::Invite(machine) => machine.phase() == server_invite::Phase::Proceeding,
            ServerMachine::Other(machine) => {
                matches!(machine.phase(), server_other::Phase::Trying | server_other::Phase::Proceeding)
            }
        }
    }

    fn is_finished(&self) -> bool {
        match &self.machine {
            ServerMachine::Invite(machine) => machine.is_finished(),
            ServerMachine::Other(machine) => machine.is_finished(),
        }
    }

    /// RFC 3261 12.1.1: a response to an INVITE that makes a dialog says the way back.
    fn record_route(&self, status: u16) -> RecordRoute {
        match (&self.machine, status) {
            (ServerMachine::Invite(_), 101..=299) => RecordRoute::Copied,
            _ => RecordRoute::LeftOut,
        }
    }
}
