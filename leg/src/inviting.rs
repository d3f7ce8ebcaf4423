//! The INVITE that opens a leg, printed: as this switch speaks, or exactly as requirements 1.11 print it (I6).
//!
//! Who is shown is in `presenting`; which headers pass, the call has decided.

use crate::capabilities::{ALLOW, ALLOW_CLASSIC, HOPS_CLASSIC, SUPPORTED};
use crate::presenting;
use crate::sdp::CONTENT_TYPE;
use crate::session_timer::SessionTimer;
use crate::words::Identity;
use bytes::{Bytes, BytesMut};
use domain::call_control::{CallerId, Compat, Manner};
use domain::header::may_pass;
use sip::dialog::Calling;
use sip::{Lines, Method, Name, Request};

/// What stands in an INVITE besides what [`Calling`] knows.
pub(crate) struct Inviting<'a> {
    /// Our Contact.
    pub(crate) contact: &'a str,
    /// Who is shown.
    pub(crate) caller_id: &'a CallerId,
    /// What else is said.
    pub(crate) manner: &'a Manner,
    /// How long the session is to last; the reference message does not ask.
    pub(crate) timer: &'a SessionTimer,
    /// The offer.
    pub(crate) body: &'a Bytes,
}

impl Inviting<'_> {
    /// The whole message without Via.
    pub(crate) fn print(&self, calling: &mut Calling, identity: &Identity) -> Bytes {
        let mut out = BytesMut::with_capacity(1_024);
        match self.manner.compat {
            Compat::Standard => self.standard(calling, identity, &mut out),
            Compat::Classic => self.classic(calling, identity, &mut out),
        }
        out.freeze()
    }

    fn standard(&self, calling: &mut Calling, identity: &Identity, out: &mut BytesMut) {
        let lines = calling
            .request(&Method::Invite, out)
            .header(Name::Contact, self.contact)
            .header(Name::Allow, ALLOW)
            .header(Name::Supported, SUPPORTED);
        let lines = user_agent(self.timer.ask(lines), identity);
        let lines = presenting::identify(lines, self.caller_id, self.manner.asserted, identity);
        self.passed(lines).body(CONTENT_TYPE, self.body);
    }

    /// Header by header as the reference message has them; Call-ID, which its print left out, behind To, and the Via of the endpoint
    /// before Max-Forwards. It is sent to PBXs only, and says of who calls what From says.
    fn classic(&self, calling: &mut Calling, identity: &Identity, out: &mut BytesMut) {
        calling.sequence += 1;
        let lines = Request::new(&Method::Invite, &calling.target)
            .print(out)
            .header_fmt(Name::From, format_args!("{};tag={}", calling.local, calling.local_tag))
            .header(Name::To, &calling.remote)
            .header(Name::CallId, &calling.call_id)
            .cseq(calling.sequence, &Method::Invite)
            .max_forwards(calling.max_forwards.min(HOPS_CLASSIC));
        let lines = user_agent(lines, identity).header(Name::Allow, ALLOW_CLASSIC).header(Name::Contact, self.contact);
        self.passed(lines).body(CONTENT_TYPE, self.body);
    }

    /// The lines that pass. What never does is looked at again: it would make two dialogs one.
    fn passed<'b>(&self, lines: Lines<'b>) -> Lines<'b> {
        self.manner
            .headers
            .iter()
            .filter(|line| may_pass(&line.name))
            .fold(lines, |lines, line| lines.header_named(&line.name, line.value.as_bytes()))
    }
}

fn user_agent<'b>(lines: Lines<'b>, identity: &Identity) -> Lines<'b> {
    if identity.user_agent.is_empty() { lines } else { lines.header(Name::UserAgent, &*identity.user_agent) }
}
