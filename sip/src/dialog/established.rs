//! A dialog as a value (RFC 3261 12): who speaks with whom, over which route, and which numbers were used.
//!
//! Via is not printed here: the endpoint adds it.

use super::Calling;
use crate::{Lines, Message, Method, Name, Request, Uri, Wrong};
use bytes::BytesMut;

/// On which side of the INVITE we stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// We were invited.
    Uas,
    /// We invited.
    Uac,
}

/// How far the dialog is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// A provisional response with a tag made it.
    Early,
    /// A 2xx confirmed it.
    Confirmed,
}

/// Why a request inside the dialog is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Untimely {
    /// 500 (RFC 3261 12.2.2).
    #[error("the CSeq number is not above that of an earlier request in this dialog")]
    OutOfOrder,
    /// 481.
    #[error("the tags are not those of this dialog")]
    OtherDialog,
}

impl Untimely {
    /// The status to answer with.
    pub const fn status(self) -> u16 {
        match self {
            Untimely::OutOfOrder => 500,
            Untimely::OtherDialog => 481,
        }
    }

    /// The reason phrase.
    pub const fn phrase(self) -> &'static str {
        match self {
            Untimely::OutOfOrder => "Server Internal Error",
            Untimely::OtherDialog => "Call/Transaction Does Not Exist",
        }
    }
}

/// Max-Forwards of requests inside dialogs (RFC 3261 8.1.1.6).
const MAX_FORWARDS: u8 = 70;

/// One dialog. About 700 bytes with usual addresses.
#[derive(Clone, Debug)]
pub struct Dialog {
    role: Role,
    stage: Stage,
    call_id: Box<str>,
    local_tag: Box<str>,
    /// `None` for peers of RFC 2543.
    remote_tag: Option<Box<str>>,
    /// The whole value of our address, tag included: From in our requests.
    local: Box<[u8]>,
    /// The whole value of the peer's address, tag included where he has one: To in our requests.
    remote: Box<[u8]>,
    target: Box<str>,
    /// Route values, the next hop first.
    routes: Box<[Box<[u8]>]>,
    local_sequence: u32,
    remote_sequence: Option<u32>,
    /// The CSeq number of our last INVITE: its ACK bears it.
    invite_sequence: u32,
}

impl Dialog {
    /// The dialog that our response with `local_tag` makes (RFC 3261 12.1.1); early until [`Dialog::confirm`].
    ///
    /// # Errors
    /// [`Wrong`] where a header of the INVITE that is needed cannot be read.
    pub fn as_uas(invite: &Message, local_tag: &str) -> Result<Dialog, Wrong> {
        let to = invite.to()?;
        let from = invite.from()?;
        let routes = invite.record_routes().map(|route| Ok(route?.as_bytes().into())).collect::<Result<_, Wrong>>()?;
        let mut local = to.as_bytes().to_vec();
        local.extend_from_slice(b";tag=");
        local.extend_from_slice(local_tag.as_bytes());
        // A peer without Contact breaks RFC 3261 12.1.1; his From is the best guess, and calls go on.
        let target = invite.contact().map_or(from.uri().as_str(), |contact| contact.uri().as_str());
        Ok(Dialog {
            role: Role::Uas,
            stage: Stage::Early,
            call_id: invite.call_id()?.into(),
            local_tag: local_tag.into(),
            remote_tag: from.tag().map(Into::into),
            local: local.into(),
            remote: from.as_bytes().into(),
            target: target.into(),
            routes,
            local_sequence: 0,
            remote_sequence: Some(invite.cseq()?.number),
            invite_sequence: 0,
        })
    }

    pub(super) fn as_uac(calling: &Calling, response: &Message) -> Result<Dialog, Wrong> {
        let to = response.to()?;
        let mut dialog = Dialog {
            role: Role::Uac,
            stage: Stage::Early,
            call_id: calling.call_id.as_str().into(),
            local_tag: calling.local_tag.as_str().into(),
            remote_tag: to.tag().map(Into::into),
            local: format!("{};tag={}", calling.local, calling.local_tag).into_bytes().into(),
            remote: to.as_bytes().into(),
            target: calling.target.as_str().into(),
            routes: Box::default(),
            local_sequence: calling.sequence,
            remote_sequence: None,
            invite_sequence: response.cseq()?.number,
        };
        dialog.routes_from(response)?;
        dialog.refresh(response);
        if response.status().is_some_and(|status| status >= 200) {
            dialog.stage = Stage::Confirmed;
        }
        Ok(dialog)
    }

    /// Which side we are on.
    pub fn role(&self) -> Role {
        self.role
    }

    /// Early or confirmed.
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// The Call-ID.
    pub fn call_id(&self) -> &str {
        &self.call_id
    }

    /// Our tag.
    pub fn local_tag(&self) -> &str {
        &self.local_tag
    }

    /// The peer's tag.
    pub fn remote_tag(&self) -> Option<&str> {
        self.remote_tag.as_deref()
    }

    /// The CSeq number of our last request.
    pub fn sequence(&self) -> u32 {
        self.local_sequence
    }

    /// The remote target: where the peer wants requests to go in the end.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The URI of the next hop: the first route, or the target (RFC 3261 8.1.2, 12.2.1.1).
    pub fn next_hop(&self) -> &str {
        self.routes.first().and_then(|route| route_uri(route)).map_or(&self.target, |uri| uri.as_str())
    }

    /// Whether a message has the Call-ID and the tags of this dialog; for requests of the peer To is ours, for responses From.
    pub fn owns(&self, message: &Message) -> bool {
        let (local, remote) = match message.is_request() {
            true => (message.to_tag(), message.from_tag()),
            false => (message.from_tag(), message.to_tag()),
        };
        message.call_id().is_ok_and(|call_id| call_id == &*self.call_id)
            && local == Some(&*self.local_tag)
            && remote == self.remote_tag()
    }

    /// Confirms an early dialog of the invited side: our 2xx is sent.
    pub fn confirm(&mut self) {
        self.stage = Stage::Confirmed;
    }

    /// Takes a response to an INVITE of ours in this dialog: a 2xx confirms an early dialog and sets its route anew (RFC 3261
    /// 13.2.2.4), and any 1xx or 2xx with a Contact refreshes the target.
    ///
    /// # Errors
    /// [`Wrong`] where a Record-Route cannot be read; the dialog is unchanged.
    pub fn take_response(&mut self, response: &Message) -> Result<(), Wrong> {
        let status = response.status().unwrap_or_default();
        if (200..300).contains(&status) && self.stage == Stage::Early {
            if self.role == Role::Uac {
                self.routes_from(response)?;
            }
            self.stage = Stage::Confirmed;
        }
        if (101..300).contains(&status) {
            self.refresh(response);
        }
        Ok(())
    }

    /// Takes a request of the peer's: its number must be above the last one (RFC 3261 12.2.2), and one that refreshes the target
    /// (INVITE, UPDATE) does so. Not for ACK and CANCEL, which bear an old number.
    ///
    /// # Errors
    /// [`Untimely`]: answer with its status.
    pub fn take_request(&mut self, request: &Message) -> Result<(), Untimely> {
        if !self.owns(request) {
            return Err(Untimely::OtherDialog);
        }
        let number = request.cseq().map_err(|_| Untimely::OutOfOrder)?.number;
        if self.remote_sequence.is_some_and(|last| number <= last) {
            return Err(Untimely::OutOfOrder);
        }
        self.remote_sequence = Some(number);
        if matches!(request.method(), Some(Method::Invite | Method::Update)) {
            self.refresh(request);
        }
        Ok(())
    }

    /// Prints the request line, Route, Max-Forwards, From, To, Call-ID and the next CSeq of a request inside the dialog (any but
    /// ACK and CANCEL); the rest is added to what is returned.
    pub fn request<'b>(&mut self, method: &Method, out: &'b mut BytesMut) -> Lines<'b> {
        self.local_sequence = (self.local_sequence + 1) & crate::limits::CSEQ_MAX;
        if *method == Method::Invite {
            self.invite_sequence = self.local_sequence;
        }
        self.print(method, self.local_sequence, out)
    }

    /// Prints the head of the ACK to a 2xx of our last INVITE: its CSeq number (RFC 3261 13.2.2.4). Credentials of the INVITE are
    /// to be added, and the answer where the 2xx brought the offer.
    pub fn ack<'b>(&self, out: &'b mut BytesMut) -> Lines<'b> {
        self.print(&Method::Ack, self.invite_sequence, out)
    }

    fn print<'b>(&self, method: &Method, sequence: u32, out: &'b mut BytesMut) -> Lines<'b> {
        let routes: smallvec::SmallVec<[&[u8]; 4]> = self.routes.iter().map(|route| &**route).collect();
        print_request(method, &self.target, &routes, MAX_FORWARDS, out)
            .header(Name::From, &self.local)
            .header(Name::To, &self.remote)
            .header(Name::CallId, &*self.call_id)
            .cseq(sequence, method)
    }

    /// RFC 3261 12.1.2: the Record-Routes of the response, in reverse.
    fn routes_from(&mut self, response: &Message) -> Result<(), Wrong> {
        let mut routes =
            response.record_routes().map(|route| Ok(route?.as_bytes().into())).collect::<Result<Vec<_>, Wrong>>()?;
        routes.reverse();
        self.routes = routes.into();
        Ok(())
    }

    fn refresh(&mut self, message: &Message) {
        if let Some(contact) = message.contact() {
            self.target = contact.uri().as_str().into();
        }
    }
}

fn route_uri(route: &[u8]) -> Option<Uri<'_>> {
    crate::message::NameAddr::parse(route).ok().map(|address| *address.uri())
}

/// Prints request line, Route and Max-Forwards, by the first route: a loose one stands in Route, a strict one (RFC 2543) in the
/// request line, with the target at the end of Route (RFC 3261 12.2.1.1).
pub(super) fn print_request<'b>(
    method: &Method,
    target: &str,
    routes: &[&[u8]],
    max_forwards: u8,
    out: &'b mut BytesMut,
) -> Lines<'b> {
    let strict = routes.first().and_then(|route| route_uri(route)).filter(|uri| !uri.is_loose_route());
    let mut lines = match &strict {
        // Headers are not allowed in a Request-URI (RFC 3261 19.1.1, table 1).
        Some(uri) => {
            let uri = uri.as_str();
            Request::new(method, uri.split('?').next().unwrap_or(uri)).print(out)
        }
        None => Request::new(method, target).print(out),
    };
    for route in routes.iter().skip(usize::from(strict.is_some())) {
        lines = lines.header(Name::Route, route);
    }
    if strict.is_some() {
        lines = lines.header_fmt(Name::Route, format_args!("<{target}>"));
    }
    lines.max_forwards(max_forwards)
}
