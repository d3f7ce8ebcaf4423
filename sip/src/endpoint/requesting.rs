//! Requests of ours that leave: with our Via and a transaction, the CANCEL of an INVITE, and the ACK to a 2xx.
//!
//! What a request says is the user's matter; the responses to it arrive in `outgoing`.

use super::counters::timed_method;
use super::keys::put_hex;
use super::outgoing::{Cancelling, Client, ClientMachine};
use super::table::Id;
use super::via::{OwnVia, printed_lines};
use super::{ClientTransactionId, Destination, Effect, Endpoint, HeaderLines, Owner, Refused};
use crate::message::NameAddr;
use crate::transaction::{ClientInvite, ClientOther, ack, client_invite};
use crate::{Method, Name};
use bytes::Bytes;
use domain::{Machine, Now};
use smallvec::SmallVec;

/// A request of ours with its Via.
struct Stamped {
    bytes: Bytes,
    key: u64,
    /// Of an INVITE.
    cancel_key: Option<u64>,
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
        let branch = self.mint_branch();
        let stamped = self.stamp(request, &method, &destination, &branch)?;
        let most = self.settings.datagram_bytes_max;
        let Some(over_tcp) = self.streamless.instead(destination, stamped.bytes.len(), most, now) else {
            return Ok(ClientTransactionId(self.send(stamped, &method, Some(owner), destination, now, effects)));
        };
        let datagram = (stamped.bytes, destination);
        let stamped = self.stamp(request, &method, &over_tcp, &branch)?;
        let id = self.send(stamped, &method, Some(owner), over_tcp, now, effects);
        if let Some(client) = self.clients.get_mut(id) {
            client.datagram = Some(datagram);
        }
        Ok(ClientTransactionId(id))
    }

    /// No connection could be had for a request that is too large for a datagram: it is sent as one after all (RFC 3261 18.1.1), in the
    /// same transaction, of which nobody has seen anything.
    pub(super) fn send_as_datagram(&mut self, id: Id, now: Now, effects: &mut Vec<Effect>) -> Option<()> {
        let client = self.clients.get_mut(id)?;
        let (bytes, destination) = client.datagram.take()?;
        let (timing, reliability) = (self.settings.timing, destination.transport.reliability());
        let mut out = std::mem::take(&mut self.scratch);
        client.machine = match client.machine {
            ClientMachine::Invite(_) => {
                ClientMachine::Invite(ClientInvite::new(bytes, reliability, timing, now, &mut out))
            }
            ClientMachine::Other(_) => {
                ClientMachine::Other(ClientOther::new(bytes, reliability, timing, now, &mut out))
            }
        };
        client.destination = destination;
        self.streamless.learn(destination.addr, now);
        self.translate_client(id, &mut out, None, effects);
        self.scratch = out;
        self.clients.requeue(id);
        Some(())
    }

    /// A fresh branch: `z9hG4bKt<shard>-<random>`.
    fn mint_branch(&mut self) -> String {
        let mut branch = format!("z9hG4bKt{:x}-", self.settings.shard);
        put_hex(&mut branch, self.entropy.next_u64());
        branch
    }

    /// Adds our Via with this branch.
    fn stamp(
        &mut self,
        request: &[u8],
        method: &Method,
        destination: &Destination,
        branch: &str,
    ) -> Result<Stamped, Refused> {
        let own_via = match self.own_via.take() {
            Some(own_via) if own_via.fits(destination) => own_via,
            _ => OwnVia::new(destination.transport, destination.local, self.own_host(destination.local)),
        };
        let own_via = self.own_via.insert(own_via);
        let host = own_via.host().ok_or(Refused::Unsendable)?;
        let port = Some(own_via.port());
        Ok(Stamped {
            bytes: own_via.stamp(request, branch).ok_or(Refused::Unsendable)?,
            key: self.keys.client(branch, host, port, method),
            cancel_key: match method {
                Method::Invite => Some(self.keys.client(branch, host, port, &Method::Cancel)),
                _ => None,
            },
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
            datagram: None,
            answers: SmallVec::new(),
            bounces: 0,
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
        let branch = self.mint_branch();
        let bytes = self.stamp(ack, &Method::Ack, &destination, &branch)?.bytes;
        let tag = to_tag_of(ack).map(|tag| self.keys.tag(tag));
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
        let (Some((_, invite)), Some(key)) = (client.open_invite(), client.cancel_key) else { return };
        let stamped = Stamped { bytes: ack::cancel(invite, lines.as_bytes()), key, cancel_key: None };
        client.cancelling = Cancelling::Sent;
        let destination = client.destination;
        self.drive_client(id, None, effects, |machine, out| {
            if let ClientMachine::Invite(machine) = machine {
                machine.handle(client_invite::Event::CancelSent, now, out);
            }
        });
        self.send(stamped, &Method::Cancel, None, destination, now, effects);
    }

    /// The provisional response has come that an ordered CANCEL waited for.
    pub(super) fn send_waiting_cancel(&mut self, id: Id, now: Now, effects: &mut Vec<Effect>) {
        let Some(client) = self.clients.get_mut(id) else { return };
        if let Cancelling::Waiting(lines) = &mut client.cancelling {
            let lines = std::mem::take(lines);
            self.send_cancel(id, &lines, now, effects);
        }
    }
}

/// The To tag of a request that was printed by us.
pub(super) fn to_tag_of(request: &[u8]) -> Option<&str> {
    let to = printed_lines(request).find_map(|line| line.strip_prefix(Name::To.prefix()))?;
    NameAddr::parse(to).ok()?.tag()
}

/// The method of a request that was printed by us.
fn method_of(request: &[u8]) -> Result<Method, Refused> {
    let end = memchr::memchr(b' ', request).ok_or(Refused::Unsendable)?;
    Method::parse(&request[..end]).ok_or(Refused::Unsendable)
}
