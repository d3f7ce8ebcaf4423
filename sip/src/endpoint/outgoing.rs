//! Requests of ours: their transactions, the responses to them, CANCEL, and the ACK to a 2xx.
//!
//! What a request says is the user's matter; the Via is ours.

use super::counters::timed_method;
use super::table::{Id, Timed};
use super::via::OwnVia;
use super::{ClientTransactionId, Destination, Effect, Endpoint, HeaderLines, Owner, Refused, Source, TransactionId};
use crate::transaction::{self, ClientInvite, ClientOther, Expiry, Failure, ack, client_invite, client_other};
use crate::{Message, Method, Name};
use bytes::Bytes;
use domain::{Machine, Monotonic, Now};
use smallvec::SmallVec;

/// 2xx responses with different To tags (forks) to one INVITE; further ones are dropped as strays.
const FORKS_MAX: usize = 8;

/// A client transaction and what belongs to it.
pub(super) struct Client {
    machine: ClientMachine,
    /// Nobody hears of a CANCEL's transaction.
    owner: Option<Owner>,
    pub(super) destination: Destination,
    cancelling: Cancelling,
    /// Under which key the CANCEL's transaction will be found: it shares the INVITE's branch.
    cancel_key: u64,
    /// When the request was sent, and which of the timed methods it has; `None` once the final response was timed.
    since: Option<Monotonic>,
    timed_method: u8,
    /// The 2xx responses that came.
    answers: SmallVec<[Answer; 1]>,
}

/// The transaction itself.
enum ClientMachine {
    Invite(ClientInvite),
    Other(ClientOther),
}

/// How far the cancelling of an INVITE is.
enum Cancelling {
    /// Nobody asked.
    Unasked,
    /// Asked before any response came (RFC 3261 9.1): these lines wait to be sent with the CANCEL.
    Waiting(HeaderLines),
    /// Sent.
    Sent,
}

/// One 2xx to an INVITE of ours.
struct Answer {
    /// The To tag, as a number.
    tag: u64,
    /// The ACK, once it was ordered.
    ack: Option<(Bytes, Destination)>,
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
    fn open_invite(&self) -> Option<(&ClientInvite, &Bytes)> {
        match &self.machine {
            ClientMachine::Invite(machine) => Some((machine, machine.request()?)),
            ClientMachine::Other(_) => None,
        }
    }
}

/// A request of ours with its Via.
struct Stamped {
    bytes: Bytes,
    key: u64,
    cancel_key: u64,
}

impl Endpoint {
    /// Sends a request (any but ACK and CANCEL) in a client transaction of its own. `request` is the whole message without Via,
    /// as [`crate::dialog`] prints it.
    ///
    /// # Errors
    /// [`Refused::Full`] (BYE and the other requests inside dialogs may use the reserve), [`Refused::Unsendable`].
    pub fn request(
        &mut self,
        owner: Owner,
        request: &[u8],
        destination: Destination,
        now: Now,
        effects: &mut Vec<Effect>,
    ) -> Result<ClientTransactionId, Refused> {
        let method = method_of(request)?;
        let reserve = match method {
            Method::Ack | Method::Cancel => return Err(Refused::Unsendable),
            Method::Invite | Method::Register | Method::Options | Method::Subscribe | Method::Message => 0,
            _ => self.settings.dialog_reserve,
        };
        if Self::is_full(self.clients.len(), self.settings.client_transactions_max, reserve) {
            return Err(Refused::Full("client transactions"));
        }
        let stamped = self.stamp(request, &method, &destination)?;
        Ok(ClientTransactionId(self.send(stamped, &method, Some(owner), destination, now, effects)))
    }

    /// Adds our Via with a fresh branch: `z9hG4bKt<shard>-<random>`.
    fn stamp(&mut self, request: &[u8], method: &Method, destination: &Destination) -> Result<Stamped, Refused> {
        let branch = format!("z9hG4bKt{:x}-{:016x}", self.settings.shard, self.entropy.next_u64());
        let own_via = match self.own_via.take() {
            Some(own_via) if own_via.fits(destination) => own_via,
            _ => OwnVia::new(destination.transport, destination.local, self.own_host(destination.local)),
        };
        let own_via = self.own_via.insert(own_via);
        let host = own_via.host().ok_or(Refused::Unsendable)?;
        let port = Some(own_via.port());
        Ok(Stamped {
            bytes: own_via.stamp(request, &branch).ok_or(Refused::Unsendable)?,
            key: self.keys.client(&branch, host, port, method),
            cancel_key: self.keys.client(&branch, host, port, &Method::Cancel),
        })
    }

    fn send(
        &mut self,
        stamped: Stamped,
        method: &Method,
        owner: Option<Owner>,
        destination: Destination,
        now: Now,
        effects: &mut Vec<Effect>,
    ) -> Id {
        let (timing, reliability) = (self.settings.timing, destination.transport.reliability());
        let mut out = std::mem::take(&mut self.scratch);
        let machine = match method {
            Method::Invite => {
                ClientMachine::Invite(ClientInvite::new(stamped.bytes, reliability, timing, now, &mut out))
            }
            _ => ClientMachine::Other(ClientOther::new(stamped.bytes, reliability, timing, now, &mut out)),
        };
        self.counters.requests_sent.add(method);
        let client = Client {
            machine,
            owner,
            destination,
            cancelling: Cancelling::Unasked,
            cancel_key: stamped.cancel_key,
            since: Some(now.monotonic),
            timed_method: timed_method(method),
            answers: SmallVec::new(),
        };
        let id = self.clients.insert(stamped.key, client);
        self.hold_flow(destination.flow);
        self.translate_client(id, &mut out, None, effects);
        self.scratch = out;
        id
    }

    /// Sends the ACK to a 2xx (whole, without Via) and keeps it: every repetition of this 2xx is answered with it.
    ///
    /// # Errors
    /// [`Refused::Unsendable`]. Where the transaction has ended, the ACK is sent all the same, and not kept.
    pub fn acknowledge(
        &mut self,
        transaction: ClientTransactionId,
        ack: &[u8],
        destination: Destination,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Refused> {
        if method_of(ack)? != Method::Ack {
            return Err(Refused::Unsendable);
        }
        let bytes = self.stamp(ack, &Method::Ack, &destination)?.bytes;
        let tag = Message::parse(bytes.clone()).ok().and_then(|ack| Some(self.keys.tag(ack.to_tag()?)));
        if let Some(client) = self.clients.get_mut(transaction.0)
            && let Some(answer) = client.answers.iter_mut().find(|answer| Some(answer.tag) == tag)
        {
            answer.ack = Some((bytes.clone(), destination));
        }
        self.counters.requests_sent.add(&Method::Ack);
        self.transmit(bytes, destination, effects);
        Ok(())
    }

    /// Cancels an INVITE of ours (RFC 3261 9.1): at once where a provisional response came, as soon as one comes otherwise. The
    /// INVITE's transaction then ends with a response (487, or a 2xx that crossed: acknowledge it and send BYE) or fails after
    /// 64*T1. `lines` are added to the CANCEL (Reason). Asking twice cancels once.
    ///
    /// # Errors
    /// [`Refused::NoTransaction`], also where a final response came already.
    pub fn cancel(
        &mut self,
        transaction: ClientTransactionId,
        lines: HeaderLines,
        now: Now,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Refused> {
        let client = self.clients.get_mut(transaction.0).ok_or(Refused::NoTransaction)?;
        let phase = client.open_invite().ok_or(Refused::NoTransaction)?.0.phase();
        match (&client.cancelling, phase) {
            (Cancelling::Unasked, client_invite::Phase::Proceeding) => {
                self.send_cancel(transaction.0, &lines, now, effects);
            }
            (Cancelling::Unasked, _) => client.cancelling = Cancelling::Waiting(lines),
            (Cancelling::Waiting(_) | Cancelling::Sent, _) => {}
        }
        Ok(())
    }

    fn send_cancel(&mut self, id: Id, lines: &HeaderLines, now: Now, effects: &mut Vec<Effect>) {
        let Some(client) = self.clients.get_mut(id) else { return };
        let Some((_, invite)) = client.open_invite() else { return };
        let stamped = Stamped {
            bytes: ack::cancel(invite, lines.as_bytes()),
            key: client.cancel_key,
            cancel_key: client.cancel_key,
        };
        client.cancelling = Cancelling::Sent;
        let destination = client.destination;
        self.drive_client(id, None, effects, |machine, out| {
            if let ClientMachine::Invite(machine) = machine {
                machine.handle(client_invite::Event::CancelSent, now, out);
            }
        });
        self.send(stamped, &Method::Cancel, None, destination, now, effects);
    }

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

    fn send_waiting_cancel(&mut self, id: Id, now: Now, effects: &mut Vec<Effect>) {
        let Some(client) = self.clients.get_mut(id) else { return };
        if let Cancelling::Waiting(lines) = &mut client.cancelling {
            let lines = std::mem::take(lines);
            self.send_cancel(id, &lines, now, effects);
        }
    }

    /// Gives a client transaction an event, carries out what it orders, and drops it when it is finished.
    fn drive_client(
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

    fn translate_client(
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
        self.drive_client(id, None, effects, |machine, out| match machine {
            ClientMachine::Invite(machine) => machine.handle(client_invite::Event::TransportFailed, now, out),
            ClientMachine::Other(machine) => machine.handle(client_other::Event::TransportFailed, now, out),
        });
    }
}

/// The method of a request that was printed by us.
fn method_of(request: &[u8]) -> Result<Method, Refused> {
    let end = memchr::memchr(b' ', request).ok_or(Refused::Unsendable)?;
    Method::parse(&request[..end]).ok_or(Refused::Unsendable)
}
