//! A registration: REGISTER, the answer to the challenge, and the refresh at half of what was granted.
//!
//! Calls do not depend on it.

use crate::account::answer_to;
use crate::{ANSWERS_MAX, Line, Subscriber};
use bytes::BytesMut;
use domain::Monotonic;
use sip::dialog::Calling as Caller;
use sip::endpoint::Owner;
use sip::{Message, Method, Name};
use std::time::Duration;

/// The registration of one subscriber.
pub struct Registering {
    owner: Owner,
    /// Call-ID and CSeq stay the same for all REGISTERs of one agent (RFC 3261 10.2).
    caller: Option<Caller>,
    expires_s: u32,
    answers: u8,
    refresh_at: Option<Monotonic>,
}

impl Registering {
    /// A registration that has not begun; its transactions are `owner`'s.
    pub fn new(owner: Owner) -> Registering {
        Registering { owner, caller: None, expires_s: 0, answers: 0, refresh_at: None }
    }

    /// Registers for so many seconds (0: unregisters) because somebody ordered it.
    ///
    /// # Errors
    /// Why the request could not be sent.
    pub fn begin(&mut self, expires_s: u32, subscriber: &Subscriber, line: &mut Line) -> Result<(), String> {
        self.expires_s = expires_s;
        self.refresh(subscriber, line)
    }

    /// Registers because it is time.
    ///
    /// # Errors
    /// Why the request could not be sent.
    pub fn refresh(&mut self, subscriber: &Subscriber, line: &mut Line) -> Result<(), String> {
        self.answers = 0;
        self.refresh_at = None;
        self.send(None, subscriber, line)
    }

    /// When to register again.
    pub fn deadline(&self) -> Option<Monotonic> {
        self.refresh_at
    }

    fn send(&mut self, proof: Option<(Name, String)>, subscriber: &Subscriber, line: &mut Line) -> Result<(), String> {
        let address = subscriber.address();
        let caller = self.caller.get_or_insert_with(|| Caller {
            call_id: line.mint_call_id(),
            local_tag: line.mint_tag(),
            local: address.clone(),
            remote: address,
            target: target(subscriber),
            routes: Vec::new(),
            sequence: 0,
            max_forwards: 70,
        });
        let mut request = BytesMut::new();
        let mut lines = caller
            .request(&Method::Register, &mut request)
            .header(Name::Contact, subscriber.contact(line.local()))
            .header(Name::Expires, self.expires_s.to_string());
        if let Some((name, value)) = proof {
            lines = lines.header(name, value);
        }
        lines.end();
        line.request(self.owner, &request, subscriber.server).map(drop).map_err(|refused| refused.to_string())
    }

    /// A response to a REGISTER: the seconds that were granted, or why there is no registration; nothing while it goes on.
    pub fn on_response(
        &mut self,
        response: &Message,
        subscriber: &Subscriber,
        line: &mut Line,
    ) -> Option<Result<u32, String>> {
        match response.status() {
            Some(401 | 407) if self.answers < ANSWERS_MAX => {
                self.answers += 1;
                let cnonce = line.mint_tag();
                answer_to(response, &subscriber.account, &Method::Register, &target(subscriber), &cnonce)
                    .and_then(|proof| self.send(Some(proof), subscriber, line))
                    .err()
                    .map(Err)
            }
            Some(200..=299) => {
                let in_contact = response.contacts().filter_map(Result::ok).find_map(|contact| match contact {
                    sip::message::Contact::Address(address) => address.expires_s(),
                    sip::message::Contact::Any => None,
                });
                let granted_s = in_contact.or_else(|| response.expires_s()).unwrap_or(self.expires_s);
                if self.expires_s > 0 && granted_s > 0 {
                    let half = Duration::from_secs(u64::from(granted_s)) / 2;
                    self.refresh_at = Some(line.now().monotonic + half);
                }
                Some(Ok(granted_s))
            }
            Some(status @ 300..) => Some(Err(format!("REGISTER was answered {status}"))),
            Some(_) | None => None,
        }
    }
}

/// The Request-URI of REGISTER names the domain, without a user (RFC 3261 10.2).
fn target(subscriber: &Subscriber) -> String {
    format!("sip:{}", subscriber.domain)
}
