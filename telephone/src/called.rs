//! One call that is taken: ringing, talking, leaving.
//!
//! Which number is answered, and what is said, is the owner's.

use crate::sdp::{self, Spoken};
use crate::{Line, address_of};
use bytes::{Bytes, BytesMut};
use sip::dialog::Dialog;
use sip::endpoint::{Owner, Reply, ServerTransactionId};
use sip::{Message, Method, Name};

/// How far a call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// 180 was sent.
    Ringing,
    /// 200 was sent.
    Talking,
    /// Our BYE waits for its answer.
    Leaving,
}

/// One call that was accepted at the door. Methods that end it say so; then it is [left](Called::leave) and forgotten.
pub struct Called {
    owner: Owner,
    phase: Phase,
    invite: ServerTransactionId,
    dialog: Dialog,
    spoken: Spoken,
}

impl Called {
    /// Rings (180), if the INVITE has sound that G.711 could speak to and makes a dialog; otherwise it is refused and gone.
    pub fn ring(invite: ServerTransactionId, request: &Message, owner: Owner, line: &mut Line) -> Option<Called> {
        let Some(spoken) = sdp::read(request.body()) else {
            line.respond(invite, Reply::new(488, "Not Acceptable Here"));
            return None;
        };
        let tag = line.mint_tag();
        let Ok(dialog) = Dialog::as_uas(request, &tag) else {
            line.respond(invite, Reply::new(400, "Bad Request"));
            return None;
        };
        line.bind(dialog.call_id(), &tag, owner);
        line.respond(invite, Reply::new(180, "Ringing").tag(&tag).header(Name::Contact, contact(line)));
        Some(Called { owner, phase: Phase::Ringing, invite, dialog, spoken })
    }

    /// What the caller said about his sound.
    pub fn spoken(&self) -> Spoken {
        self.spoken
    }

    /// Whether nobody answered yet.
    pub fn is_ringing(&self) -> bool {
        self.phase == Phase::Ringing
    }

    /// Answers (200) with this session description.
    pub fn answer(&mut self, description: String, line: &mut Line) {
        let reply = Reply::new(200, "OK")
            .tag(self.dialog.local_tag())
            .header(Name::Contact, contact(line))
            .header(Name::Allow, "INVITE, ACK, BYE, CANCEL, OPTIONS")
            .body(sdp::SDP, Bytes::from(description));
        line.respond(self.invite, reply);
        self.dialog.confirm();
        self.phase = Phase::Talking;
    }

    /// Refuses; it is over then.
    pub fn refuse(&mut self, reply: Reply, line: &mut Line) {
        line.respond(self.invite, reply);
    }

    /// A request inside the dialog; whether it ended the call.
    pub fn on_request(&mut self, transaction: ServerTransactionId, request: &Message, line: &mut Line) -> bool {
        if let Err(untimely) = self.dialog.take_request(request) {
            line.respond(transaction, Reply::new(untimely.status(), untimely.phrase()));
            return false;
        }
        match request.method() {
            Some(Method::Bye) => {
                line.respond(transaction, Reply::new(200, "OK"));
                // A BYE may come before the answer too (RFC 3261 15): the INVITE needs its final response.
                if self.is_ringing() {
                    self.refuse(Reply::new(487, "Request Terminated"), line);
                }
                return true;
            }
            Some(Method::Invite) => line.respond(transaction, Reply::new(488, "Not Acceptable Here")),
            Some(_) | None => line.respond(transaction, Reply::new(200, "OK")),
        }
        false
    }

    /// The INVITE was cancelled; it is over then.
    pub fn on_cancelled(&mut self, line: &mut Line) {
        self.refuse(Reply::new(487, "Request Terminated"), line);
    }

    /// The ACK never came: nobody may be there any more (RFC 3261 13.3.1.4), so it is hung up. Whether that ended the call at once.
    pub fn on_ack_missed(&mut self, line: &mut Line) -> bool {
        let mut request = BytesMut::new();
        self.dialog.request(&Method::Bye, &mut request).end();
        let to = address_of(self.dialog.next_hop());
        match to.map(|to| line.request(self.owner, &request, to)) {
            Some(Ok(_)) => {
                self.phase = Phase::Leaving;
                false
            }
            Some(Err(_)) | None => true,
        }
    }

    /// Gives back what the call had of the line.
    pub fn leave(&self, line: &mut Line) {
        line.unbind(self.dialog.call_id(), self.dialog.local_tag());
    }
}

fn contact(line: &Line) -> String {
    format!("<sip:{}>", line.local())
}
