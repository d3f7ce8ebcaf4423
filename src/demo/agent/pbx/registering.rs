//! The PBX's registration: REGISTER, the answer to the challenge, and the refresh at half of what was granted.
//!
//! Calls do not depend on it.

use super::PbxSettings;
use super::role::REGISTRATION;
use crate::demo::agent::line::Line;
use crate::demo::agent::proof;
use bytes::BytesMut;
use domain::Monotonic;
use sip::dialog::Calling as Caller;
use sip::{Message, Method, Name};
use std::sync::mpsc::SyncSender;
use std::time::Duration;

/// How often a challenge is answered in a row: the second time because the nonce was stale.
const ANSWERS_MAX: u8 = 2;

/// The registration of one PBX.
#[derive(Default)]
pub(super) struct Registering {
    /// Call-ID and CSeq stay the same for all REGISTERs of one PBX (RFC 3261 10.2).
    caller: Option<Caller>,
    expires_s: u32,
    answers: u8,
    told: Option<SyncSender<Result<u32, String>>>,
    refresh_at: Option<Monotonic>,
}

impl Registering {
    /// Registers because somebody ordered it.
    pub(super) fn begin(
        &mut self,
        expires_s: u32,
        told: SyncSender<Result<u32, String>>,
        settings: &PbxSettings,
        line: &mut Line,
    ) {
        self.expires_s = expires_s;
        self.told = Some(told);
        self.refresh(settings, line);
    }

    /// Registers because it is time.
    pub(super) fn refresh(&mut self, settings: &PbxSettings, line: &mut Line) {
        self.answers = 0;
        self.refresh_at = None;
        self.send(None, settings, line);
    }

    /// When to register again.
    pub(super) fn deadline(&self) -> Option<Monotonic> {
        self.refresh_at
    }

    fn send(&mut self, proof: Option<(Name, String)>, settings: &PbxSettings, line: &mut Line) {
        let address = format!("<sip:{}@{}>", settings.account.user, settings.switch);
        let caller = self.caller.get_or_insert_with(|| Caller {
            call_id: line.mint_call_id(),
            local_tag: line.mint_tag(),
            local: address.clone(),
            remote: address,
            target: target(settings),
            routes: Vec::new(),
            sequence: 0,
            max_forwards: 70,
        });
        let mut request = BytesMut::new();
        let mut lines = caller
            .request(&Method::Register, &mut request)
            .header(Name::Contact, format!("<sip:{}@{}>", settings.account.user, line.local()))
            .header(Name::Expires, self.expires_s.to_string());
        if let Some((name, value)) = proof {
            lines = lines.header(name, value);
        }
        lines.end();
        if let Err(refused) = line.request(REGISTRATION, &request, settings.switch) {
            self.tell(Err(refused.to_string()));
        }
    }

    pub(super) fn on_response(&mut self, response: &Message, settings: &PbxSettings, line: &mut Line) {
        match response.status() {
            Some(401 | 407) if self.answers < ANSWERS_MAX => {
                self.answers += 1;
                let cnonce = line.mint_tag();
                match proof::answer_to(response, &settings.account, &Method::Register, &target(settings), &cnonce) {
                    Ok(proof) => self.send(Some(proof), settings, line),
                    Err(why) => self.tell(Err(why)),
                }
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
                self.tell(Ok(granted_s));
            }
            Some(status @ 300..) => self.tell(Err(format!("REGISTER was answered {status}"))),
            Some(_) | None => {}
        }
    }

    pub(super) fn on_failure(&mut self) {
        self.tell(Err("REGISTER was not answered".to_owned()));
    }

    fn tell(&mut self, result: Result<u32, String>) {
        if let Some(told) = self.told.take() {
            // Whoever asked may have lost patience.
            let _ = told.try_send(result);
        }
    }
}

/// The Request-URI of REGISTER names the domain, without a user (RFC 3261 10.2).
fn target(settings: &PbxSettings) -> String {
    format!("sip:{}", settings.switch)
}
