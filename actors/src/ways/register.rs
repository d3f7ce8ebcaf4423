//! REGISTER as words for the registration's machine, and the machine's answer as a response.
//!
//! How long a binding is granted is decided in `switch::registration`.

use domain::refusal::RefusalKind;
use domain::{Refusal, fact};
use leg::refusal;
use sip::endpoint::{Flow, HeaderLines, Reply, Source, Transport};
use sip::message::Contact as SipContact;
use sip::{Host, Message, Name, Scheme};
use std::net::IpAddr;
use std::sync::Arc;
use switch::registration::{Answer, Asked, Contact, FlowTag, Register};

/// A machine's answer as a response; `host` is ours.
pub fn reply_of(answer: Answer, host: &str) -> Reply {
    match answer {
        Answer::Ok(bound) => {
            let reply = Reply::new(200, "OK");
            match bound {
                Some(bound) => reply.header(Name::Contact, format!("<{}>;expires={}", bound.contact, bound.expires_s)),
                None => reply,
            }
        }
        Answer::TooBrief { refusal: refused, min_expires_s } => {
            refusal(&refused, host).header(Name::MinExpires, min_expires_s.to_string())
        }
        Answer::BadRequest(sentence) => {
            Reply::refusing(RefusalKind::MalformedRequest).because(RefusalKind::MalformedRequest, sentence)
        }
        Answer::OutOfOrder => Reply::refusing(RefusalKind::OutOfOrder),
    }
}

/// What an answer refuses with; none of a 200.
pub fn refusal_of(answer: &Answer) -> Option<Refusal> {
    match answer {
        Answer::Ok(_) => None,
        Answer::TooBrief { refusal, .. } => Some(refusal.clone()),
        Answer::BadRequest(sentence) => Some(Refusal::saying(RefusalKind::MalformedRequest, sentence)),
        Answer::OutOfOrder => Some(RefusalKind::OutOfOrder.into()),
    }
}

/// A PBX registers its own address of record only.
///
/// # Errors
/// What the REGISTER is refused with.
pub fn own_address(message: &Message, user: &str) -> Result<(), Refusal> {
    let to =
        message.to().map(|to| String::from_utf8_lossy(&to.uri().user_unescaped()).into_owned()).unwrap_or_default();
    if to == user {
        return Ok(());
    }
    let shown: String = to.chars().take(32).collect();
    Err(Refusal::saying(RefusalKind::FromMismatch, format!("To says {shown}; this profile must register {user}")))
}

/// A REGISTER in words; `transaction` is the asker's own mark.
///
/// # Errors
/// A sentence on what cannot be read.
pub fn read(message: &Message, source: &Source, transaction: u64) -> Result<Register, String> {
    let mut contacts = Vec::new();
    let mut asked = Asked::Query;
    for contact in message.contacts() {
        match contact.map_err(|wrong| wrong.to_string())? {
            SipContact::Any => asked = Asked::RemoveAll,
            SipContact::Address(address) => {
                if address.uri().scheme() == Scheme::Sips && !source.transport.is_secure() {
                    return Err("A sips: Contact is reached over TLS: register it over TLS".to_owned());
                }
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
        local: source.local,
        transport: transport_fact(source.transport),
        flow: source.flow.map(flow_tag).unwrap_or_default(),
        path: path_of(message)?,
        behind_nat: is_behind_nat(message, source.peer.ip()),
        credentials_generation: 0,
        user_agent: String::from_utf8_lossy(&user_agent[..user_agent.len().min(128)]).into(),
    })
}

/// Proxies at most between a PBX and us.
const PATH_MAX: usize = 8;

/// The Path of a REGISTER (RFC 3327 5.3).
fn path_of(message: &Message) -> Result<Arc<[Arc<str>]>, String> {
    let mut path = Vec::new();
    for hop in message.addresses(Name::Path) {
        let hop = hop.map_err(|wrong| wrong.to_string())?;
        if path.len() == PATH_MAX || !hop.uri().scheme().is_sip() {
            return Err(format!("Path names at most {PATH_MAX} proxies, each by a SIP URI"));
        }
        path.push(Arc::from(format!("<{}>", hop.uri().as_str())));
    }
    Ok(path.into())
}

/// What the 200 to a REGISTER says besides its bindings: the Path, to who understands it (RFC 3327 5.3), and that the connection is kept
/// as the way back (RFC 5626 6), to who asks for that.
///
/// # Errors
/// The 439 to who asks for it through a proxy that does not keep the connection.
pub fn agreed(message: &Message) -> Result<HeaderLines, Box<Reply>> {
    let mut lines = HeaderLines::new();
    if message.supports("path") {
        message.headers(Name::Path).for_each(|path| lines.push(Name::Path, path));
    }
    // Without an instance a reg-id means nothing (RFC 5626 4.2).
    let is_asked = message.supports("outbound")
        && message.contact().is_some_and(|contact| {
            contact.params().get("reg-id").is_some() && contact.params().get("+sip.instance").is_some()
        });
    if !is_asked {
        return Ok(lines);
    }
    let is_direct = message.vias().count() == 1;
    let keeps_flow =
        || message.addresses(Name::Path).last().is_some_and(|hop| hop.is_ok_and(|hop| hop.uri().param("ob").is_some()));
    if !is_direct && !keeps_flow() {
        return Err(Box::new(Reply::refusing(RefusalKind::OutboundUnsupported)));
    }
    lines.push(Name::Require, "outbound");
    if is_direct {
        lines.push_named("Flow-Timer", FLOW_TIMER_S);
    }
    Ok(lines)
}

/// Seconds between the keep-alives of a PBX, at most (RFC 5626 4.4.1): what it says in between is not missed.
const FLOW_TIMER_S: &str = "120";

/// A transport in the words of facts and bindings.
pub const fn transport_fact(transport: Transport) -> fact::Transport {
    match transport {
        Transport::Udp => fact::Transport::Udp,
        Transport::Tcp => fact::Transport::Tcp,
        Transport::Tls => fact::Transport::Tls,
        Transport::Ws => fact::Transport::Ws,
        Transport::Wss => fact::Transport::Wss,
    }
}

/// The transport that a fact or a binding names.
pub const fn transport_of(transport: fact::Transport) -> Transport {
    match transport {
        fact::Transport::Udp => Transport::Udp,
        fact::Transport::Tcp => Transport::Tcp,
        fact::Transport::Tls => Transport::Tls,
        fact::Transport::Ws => Transport::Ws,
        fact::Transport::Wss => Transport::Wss,
    }
}

/// The name of a connection in bindings.
pub fn flow_tag(flow: Flow) -> FlowTag {
    FlowTag(1 << 127 | u128::from(flow.shard) << 64 | u128::from(flow.slot) << 32 | u128::from(flow.generation))
}

/// The connection of this name; none where a message came over none.
pub fn flow_of(tag: FlowTag) -> Option<Flow> {
    let FlowTag(bits) = tag;
    let is_flow = bits >> 127 == 1;
    is_flow.then_some(Flow { shard: (bits >> 64) as u16, slot: (bits >> 32) as u32, generation: bits as u32 })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_found_again_by_its_name() {
        for flow in [
            Flow { shard: 0, slot: 0, generation: 0 },
            Flow { shard: u16::MAX, slot: u32::MAX, generation: u32::MAX },
            Flow { shard: 3, slot: 1 << 20, generation: 7 },
        ] {
            assert_eq!(flow_of(flow_tag(flow)), Some(flow));
        }
        assert_eq!(flow_of(FlowTag::default()), None);
    }
}
