//! REGISTER as words for the registration's machine, and the machine's answer as a response.
//!
//! How long a binding is granted is decided in `switch::registration`.

use super::Shard;
use crate::mailbox::offer;
use crate::registrar::mark;
use crate::shell::Tell;
use domain::fact;
use domain::refusal::RefusalKind;
use domain::{Fact, Refusal};
use leg::refusal;
use sip::digest::{Gate, Verdict};
use sip::endpoint::{Flow, Owner, Pending, Reply, ServerTransactionId, Source, Transport};
use sip::message::Contact as SipContact;
use sip::{Host, Message, Name};
use slab::Slab;
use std::net::IpAddr;
use switch::registration::{Answer, Asked, Contact, Event, FlowTag, Register};

/// REGISTERs at most that wait for their registration's answer on one shard.
const WAITING_MAX: usize = 16_384;

/// REGISTERs that were accepted and wait for the answer of their registration.
#[derive(Default)]
pub(super) struct Registers {
    waiting: Slab<ServerTransactionId>,
}

/// The owner of REGISTER transactions: no leg.
const NOBODY: Owner = Owner(u64::MAX);

impl Shard {
    pub(super) fn on_register(&mut self, pending: &Pending) {
        let verdict = self.judge(pending, Gate::Registrar);
        let desk = self.core.desk.load();
        let proven = match &verdict {
            Verdict::Ok { user } => desk.secret(user).map(|(profile, _)| (profile, user.clone())),
            _ => None,
        };
        let Some((profile, user)) = proven else {
            let (outcome, answer) = self.refused::<()>(verdict, Gate::Registrar);
            self.core.tell(&Fact::Authenticated(outcome));
            if let Err(reply) = answer {
                self.answer(pending, *reply);
            }
            return;
        };
        self.core.tell(&Fact::Authenticated(fact::AuthOutcome::Ok));
        if let Err(refused) = own_address(pending.message(), &user) {
            return self.answer(pending, refusal(&refused, &self.naming.identity.host));
        }
        if self.registers.waiting.len() >= WAITING_MAX {
            let full = Refusal::new(RefusalKind::Overloaded).retry_after_s(5);
            return self.answer(pending, refusal(&full, &self.naming.identity.host));
        }
        let now = self.core.clock.now();
        let Ok(transaction) = self.endpoint.accept(pending, NOBODY, now, &mut self.effects) else { return };
        let place = self.registers.waiting.insert(transaction) as u32;
        let register = read(pending.message(), pending.source(), mark(self.naming.shard, place));
        let taken = register.map(|register| {
            let event = Tell(Event::RegisterReceived(Box::new(register)));
            self.core.registration(profile).is_some_and(|address| offer(&address, event))
        });
        match taken {
            Ok(true) => {}
            Ok(false) => {
                let full = Refusal::new(RefusalKind::Overloaded).retry_after_s(5);
                self.finish_register(place, refusal(&full, &self.naming.identity.host));
            }
            Err(sentence) => {
                let reply = Reply::new(400, "Bad Request").warning(&self.naming.identity.host, &sentence);
                self.finish_register(place, reply);
            }
        }
    }

    pub(super) fn on_register_answered(&mut self, place: u32, answer: Answer) {
        let host = &self.naming.identity.host;
        let reply = match answer {
            Answer::Ok(bound) => {
                let reply = Reply::new(200, "OK");
                match bound {
                    Some(bound) => {
                        reply.header(Name::Contact, format!("<{}>;expires={}", bound.contact, bound.expires_s))
                    }
                    None => reply,
                }
            }
            Answer::TooBrief { refusal: refused, min_expires_s } => {
                refusal(&refused, host).header(Name::MinExpires, min_expires_s.to_string())
            }
            Answer::BadRequest(sentence) => Reply::new(400, "Bad Request").warning(host, sentence),
            Answer::OutOfOrder => Reply::new(500, "Server Internal Error")
                .warning(host, "The CSeq number is not above that of an earlier REGISTER with this Call-ID"),
        };
        self.finish_register(place, reply);
    }

    fn finish_register(&mut self, place: u32, reply: Reply) {
        let Some(transaction) = self.registers.waiting.try_remove(place as usize) else { return };
        // The time lets a PBX with a wrong clock notice it (RFC 3261 10.3, step 8).
        let now = self.core.clock.now();
        let _ = self.endpoint.respond(transaction, reply, now, &mut self.effects);
    }
}

/// A PBX registers its own address of record only.
fn own_address(message: &Message, user: &str) -> Result<(), Refusal> {
    let to =
        message.to().map(|to| String::from_utf8_lossy(&to.uri().user_unescaped()).into_owned()).unwrap_or_default();
    if to == user {
        return Ok(());
    }
    let shown: String = to.chars().take(32).collect();
    Err(Refusal::saying(RefusalKind::FromMismatch, format!("To says {shown}; this profile must register {user}")))
}

fn read(message: &Message, source: &Source, transaction: u64) -> Result<Register, String> {
    let mut contacts = Vec::new();
    let mut asked = Asked::Query;
    for contact in message.contacts() {
        match contact.map_err(|wrong| wrong.to_string())? {
            SipContact::Any => asked = Asked::RemoveAll,
            SipContact::Address(address) => {
                contacts.push(Contact { uri: address.uri().as_str().into(), expires_s: address.expires_s() })
            }
        }
    }
    if !contacts.is_empty() {
        if matches!(asked, Asked::RemoveAll) {
            return Err("Contact: * must stand alone".to_owned());
        }
        asked = Asked::Contacts(contacts);
    }
    let cseq = message.cseq().map_err(|wrong| wrong.to_string())?;
    let user_agent = message.header(Name::UserAgent).unwrap_or_default();
    Ok(Register {
        transaction,
        asked,
        expires_s: message.expires_s(),
        sip_call_id: message.call_id().map_err(|wrong| wrong.to_string())?.into(),
        cseq: cseq.number,
        source: source.peer,
        transport: match source.transport {
            Transport::Udp => fact::Transport::Udp,
            Transport::Tcp => fact::Transport::Tcp,
        },
        flow: source.flow.map(flow_tag).unwrap_or_default(),
        behind_nat: is_behind_nat(message, source.peer.ip()),
        credentials_generation: 0,
        user_agent: String::from_utf8_lossy(&user_agent[..user_agent.len().min(128)]).into(),
    })
}

pub(super) fn flow_tag(flow: Flow) -> FlowTag {
    FlowTag(1 << 127 | u128::from(flow.shard) << 64 | u128::from(flow.slot) << 32 | u128::from(flow.generation))
}

/// Whether the PBX thinks that it has another address than we see (S9): its Via or its Contact names another one.
fn is_behind_nat(message: &Message, seen: IpAddr) -> bool {
    let differs = |host: Option<Host<'_>>| match host {
        Some(Host::V4(ip)) => IpAddr::V4(ip) != seen,
        Some(Host::V6(ip)) => IpAddr::V6(ip) != seen,
        // A name says nothing about NAT.
        Some(Host::Name(_)) | None => false,
    };
    differs(message.top_via().ok().map(|via| via.host()))
        || differs(message.contact().and_then(|contact| contact.uri().host()))
}
