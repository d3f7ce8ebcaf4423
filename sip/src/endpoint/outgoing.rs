//! Client transactions and what belongs to them, and the responses that arrive.
//!
//! How a request of ours leaves lives in `requesting`.

use super::table::{Id, Timed};
use super::{ClientTransactionId, Destination, Effect, Endpoint, HeaderLines, Owner, Source, TransactionId};
use crate::transaction::{self, ClientInvite, ClientOther, Expiry, Failure, client_invite, client_other};
use crate::{Message, Method, Name};
use bytes::Bytes;
use domain::{Machine, Monotonic, Now};
use smallvec::SmallVec;

/// 2xx responses with different To tags (forks) to one INVITE; further ones are dropped as strays.
const FORKS_MAX: usize = 8;

/// A client transaction and what belongs to it.
pub(super) struct Client {
    pub(super) machine: ClientMachine,
    /// Nobody hears of a CANCEL's transaction.
    pub(super) owner: Option<Owner>,
    pub(super) destination: Destination,
    pub(super) cancelling: Cancelling,
    /// Of an INVITE: under which key the CANCEL's transaction will be found; it shares the INVITE's branch.
    pub(super) cancel_key: Option<u64>,
    /// When the request was sent, and which of the timed methods it has; `None` once the final response was timed.
    pub(super) since: Option<Monotonic>,
    pub(super) timed_method: u8,
    /// The request as a datagram, and where to, where it went over TCP for its size and nothing has come back.
    pub(super) datagram: Option<(Bytes, Destination)>,
    /// The 2xx responses that came.
    pub(super) answers: SmallVec<[Answer; 1]>,
    /// How often the network sent it back.
    pub(super) bounces: u8,
}

/// The transaction itself.
pub(super) enum ClientMachine {
    Invite(ClientInvite),
    Other(ClientOther),
}

/// How far the cancelling of an INVITE is.
pub(super) enum Cancelling {
    /// Nobody asked.
    Unasked,
    /// Asked before any response came (RFC 3261 9.1): these lines wait to be sent with the CANCEL.
    Waiting(HeaderLines),
    /// Sent.
    Sent,
}

/// One 2xx to an INVITE of ours.
pub(super) struct Answer {
    /// The To tag, as a number.
    pub(super) tag: u64,
    /// The ACK, once it was ordered.
    pub(super) ack: Option<(Bytes, Destination)>,
}

impl Timed for Client {
    fn deadline(&self) -> Option<Monotonic> {
        match &self.machine {
            ClientMachine::Invite(machine) => machine.deadline(),
            ClientMachine::Other(machine) => machine.deadline(),
        }
    }
}

impl Client {
    fn is_finished(&self) -> bool {
        match &self.machine {
            ClientMachine::Invite(machine) => machine.is_finished(),
            ClientMachine::Other(machine) => machine.is_finished(),
        }
    }

    /// The INVITE while it waits for its final response.
    pub(super) fn open_invite(&self) -> Option<(&ClientInvite, &Bytes)> {
        match &self.machine {
            ClientMachine::Invite(machine) => Some((machine, machine.request()?)),
            ClientMachine::Other(_) => None,
        }
    }
}

impl Endpoint {
    /// A response: of a transaction whose branch, `sent-by` and method it bears, or a stray.
    pub(super) fn on_response(&mut self, message: Message, source: Source, now: Now, effects: &mut Vec<Effect>) {
        let Some((id, status)) = self.client_of(&message) else {
            self.counters.stray_responses += 1;
            return;
        };
        let is_invite = self.clients.get(id).is_some_and(|client| matches!(client.machine, ClientMachine::Invite(_)));
        if is_invite && (200..300).contains(&status) && !self.is_new_answer(id, &message, effects) {
            return;
        }
        if status >= 200 {
            self.time_client(id, now);
        }
        if let Some(client) = self.clients.get_mut(id) {
            client.datagram = None;
        }
        let delivered = effects.len();
        let to = match (is_invite, status) {
            // Only an ACK to a refusal needs it.
            (true, 300..) => Bytes::copy_from_slice(message.header(Name::To).unwrap_or_default()),
            _ => Bytes::new(),
        };
        let response = Some((message, source));
        self.drive_client(id, response, effects, |machine, out| match machine {
            ClientMachine::Invite(machine) => {
                machine.handle(client_invite::Event::ResponseReceived { status, to }, now, out);
            }
            ClientMachine::Other(machine) => {
                machine.handle(client_other::Event::ResponseReceived { status }, now, out);
            }
        });
        match effects[delivered..].iter().any(|effect| matches!(effect, Effect::ResponseArrived { .. })) {
            true => self.counters.responses_received.add(status),
            false => self.count_unreported(id, status),
        }
        if status < 200 {
            self.send_waiting_cancel(id, now, effects);
        }
    }

    fn time_client(&mut self, id: Id, now: Now) {
        let Some(client) = self.clients.get_mut(id) else { return };
        if let Some(since) = client.since.take() {
            self.counters.client_durations[usize::from(client.timed_method)].add(now.monotonic.since(since));
        }
    }

    /// What was absorbed is a retransmission, except the response to a CANCEL, which nobody waits for.
    fn count_unreported(&mut self, id: Id, status: u16) {
        match self.clients.get(id).is_some_and(|client| client.owner.is_none()) {
            true => self.counters.responses_received.add(status),
            false => self.counters.retransmissions_received += 1,
        }
    }

    fn client_of(&self, response: &Message) -> Option<(Id, u16)> {
        let status = response.status()?;
        // Ours is the only one: `check` has dropped what has more (RFC 3261 8.1.3.3).
        let via = response.top_via().ok()?;
        let method = response.cseq().ok()?.method;
        let id = self.clients.find(self.keys.client(via.branch()?, via.host(), via.port(), &method))?;
        Some((id, status))
    }

    /// Whether a 2xx to an INVITE is to be reported; a repeated one is answered with its ACK, if that was ordered already.
    fn is_new_answer(&mut self, id: Id, response: &Message, effects: &mut Vec<Effect>) -> bool {
        let tag = self.keys.tag(response.to_tag().unwrap_or_default());
        let Some(client) = self.clients.get_mut(id) else { return false };
        match client.answers.iter().find(|answer| answer.tag == tag) {
            Some(answer) => {
                let ack = answer.ack.clone();
                self.counters.retransmissions_received += 1;
                if let Some((ack, destination)) = ack {
                    self.counters.retransmissions_sent += 1;
                    self.transmit(ack, destination, effects);
                }
                false
            }
            None if client.answers.len() < FORKS_MAX => {
                client.answers.push(Answer { tag, ack: None });
                true
            }
            None => {
                self.counters.stray_responses += 1;
                false
            }
        }
    }

    /// Gives a client transaction an event, carries out what it orders, and drops it when it is finished.
    pub(super) fn drive_client(
        &mut self,
        id: Id,
        response: Option<(Message, Source)>,
        effects: &mut Vec<Effect>,
        event: impl FnOnce(&mut ClientMachine, &mut Vec<transaction::Effect>),
    ) {
        let mut out = std::mem::take(&mut self.scratch);
        if let Some(client) = self.clients.get_mut(id) {
            event(&mut client.machine, &mut out);
        }
        self.translate_client(id, &mut out, response, effects);
        self.scratch = out;
        if self.clients.get(id).is_some_and(Client::is_finished) {
            if let Some(client) = self.clients.remove(id) {
                self.release_flow(client.destination.flow);
            }
        } else {
            self.clients.requeue(id);
        }
    }

    pub(super) fn translate_client(
        &mut self,
        id: Id,
        out: &mut Vec<transaction::Effect>,
        mut response: Option<(Message, Source)>,
        effects: &mut Vec<Effect>,
    ) {
        let Some(client) = self.clients.get(id) else { return out.clear() };
        let (owner, destination) = (client.owner, client.destination);
        let transaction = ClientTransactionId(id);
        for effect in out.drain(..) {
            match effect {
                transaction::Effect::Transmit(bytes) => {
                    if bytes.starts_with(b"ACK ") {
                        self.counters.requests_sent.add(&Method::Ack);
                    }
                    self.transmit(bytes, destination, effects);
                }
                transaction::Effect::Retransmit(bytes) => {
                    self.counters.retransmissions_sent += 1;
                    self.transmit(bytes, destination, effects);
                }
                transaction::Effect::DeliverResponse => {
                    if let (Some(owner), Some((message, source))) = (owner, response.take()) {
                        effects.push(Effect::ResponseArrived { owner, transaction, message, source });
                    }
                }
                transaction::Effect::ReportFailure(because) => {
                    match because {
                        Failure::Timeout(Expiry::B) => self.counters.timeouts_b += 1,
                        Failure::Timeout(Expiry::F) => self.counters.timeouts_f += 1,
                        Failure::Timeout(Expiry::H) | Failure::Transport => {}
                    }
                    if let Some(owner) = owner {
                        let transaction = TransactionId::Client(transaction);
                        effects.push(Effect::TransactionFailed { owner, transaction, because });
                    }
                }
                // A client transaction has no ACK to deliver.
                transaction::Effect::DeliverAck => {}
            }
        }
    }

    pub(super) fn wake_client(&mut self, id: Id, now: Now, effects: &mut Vec<Effect>) {
        self.drive_client(id, None, effects, |machine, out| match machine {
            ClientMachine::Invite(machine) => machine.expire(now, out),
            ClientMachine::Other(machine) => machine.expire(now, out),
        });
    }

    pub(super) fn fail_client(&mut self, id: Id, now: Now, effects: &mut Vec<Effect>) {
        if self.send_as_datagram(id, now, effects).is_some() {
            return;
        }
        self.drive_client(id, None, effects, |machine, out| match machine {
            ClientMachine::Invite(machine) => machine.handle(client_invite::Event::TransportFailed, now, out),
            ClientMachine::Other(machine) => machine.handle(client_other::Event::TransportFailed, now, out),
        });
    }
}
