//! What an UAC knows before there is a dialog (RFC 3261 8.1.1): it prints the INVITE, prints it again with credentials, and makes
//! the dialogs that the responses establish. It serves for REGISTER and OPTIONS as well.
//!
//! Via is not printed here: the endpoint adds it.

use super::established::{Dialog, print_request};
use crate::{Lines, Message, Method, Wrong};
use bytes::BytesMut;

/// A caller before the first response that has a tag.
#[derive(Clone, Debug)]
pub struct Calling {
    /// Unique in space and time ([`crate::endpoint::steering::mint_call_id`]).
    pub call_id: String,
    /// Our tag ([`crate::endpoint::Endpoint::mint_tag`]).
    pub local_tag: String,
    /// The From value without tag: `"Display" <sip:user@host>`.
    pub local: String,
    /// The To value.
    pub remote: String,
    /// The Request-URI.
    pub target: String,
    /// Preloaded Route values, each `<sip:host;lr>`; empty without an outbound proxy.
    pub routes: Vec<String>,
    /// The CSeq number of the last request that was printed; the first one gets one more.
    pub sequence: u32,
    /// Max-Forwards of what is printed: 70, or one less than that of the request that is passed on.
    pub max_forwards: u8,
}

impl Calling {
    /// Prints the request line, Route, Max-Forwards, From, To, Call-ID and the next CSeq; the rest is added to what is returned.
    pub fn request<'b>(&mut self, method: &Method, out: &'b mut BytesMut) -> Lines<'b> {
        self.sequence = (self.sequence + 1) & crate::limits::CSEQ_MAX;
        let routes: Vec<&[u8]> = self.routes.iter().map(|route| route.as_bytes()).collect();
        let local = format!("{};tag={}", self.local, self.local_tag);
        print_request(method, &self.target, &routes, self.max_forwards, out)
            .header(crate::Name::From, local)
            .header(crate::Name::To, &self.remote)
            .header(crate::Name::CallId, &self.call_id)
            .cseq(self.sequence, method)
    }

    /// The dialog that a response with a To tag establishes: early by a 1xx, confirmed by a 2xx (RFC 3261 12.1.2). A fork
    /// makes several.
    ///
    /// # Errors
    /// [`Wrong`] where To or a Record-Route of the response cannot be read.
    pub fn established_by(&self, response: &Message) -> Result<Dialog, Wrong> {
        Dialog::as_uac(self, response)
    }
}
