//! An end as who asks: calls, registrations, and what their answers lead to.

use super::{Act, Agent, Asked, PATIENCE, Talk};
use crate::world::text::{body, branch, cseq, fax, header, headers, is_fax, sdp_flowing, uri};
use crate::world::{REALM, SWITCH};
use domain::{Monotonic, Now};
use sip::digest::{Credentials, Secret, answer};
use std::time::Duration;

impl Agent {
    /// Calls a number; gives the Call-ID.
    pub fn call(&mut self, dialled: &str, now: Now) -> String {
        self.calls += 1;
        let token = self.token();
        let call_id = format!("call-{}-{token}@pbx", self.calls);
        let (user, local_tag) =
            (self.account.as_ref().map_or("pbx".to_owned(), |(user, _)| user.clone()), self.token());
        let local = format!("<sip:{user}@{REALM}>;tag={local_tag}");
        let (remote, target) = (format!("<sip:{dialled}@{REALM}>"), format!("sip:{dialled}@{SWITCH}"));
        let talk = Talk::new(&call_id, local, remote, target, now.monotonic);
        self.talks.insert(call_id.clone(), talk);
        self.invite(&call_id, "", now.monotonic);
        call_id
    }

    /// Registers; `lines` are Contact and Expires.
    pub fn register(&mut self, lines: &str, now: Now) {
        self.register_lines = lines.to_owned();
        self.send_register("", now.monotonic);
    }

    fn send_register(&mut self, more: &str, now: Monotonic) {
        self.register_cseq += 1;
        let branch = format!("z9hG4bK{}", self.token());
        let (user, _) = self.account.clone().expect("who registers has an account");
        let text = format!(
            "REGISTER sip:{REALM} SIP/2.0\r\nVia: SIP/2.0/UDP {via};branch={branch};rport\r\nMax-Forwards: 70\r\n\
             From: <sip:{user}@{REALM}>;tag=reg\r\nTo: <sip:{user}@{REALM}>\r\nCall-ID: register@{via}\r\n\
             CSeq: {cseq} REGISTER\r\n{lines}{more}Content-Length: 0\r\n\r\n",
            via = self.shown,
            cseq = self.register_cseq,
            lines = self.register_lines,
        );
        self.ask("register", branch, "REGISTER", text, now);
    }

    pub(super) fn invite(&mut self, call_id: &str, credentials: &str, now: Monotonic) {
        let branch = format!("z9hG4bK{}", self.token());
        let timer = match &self.manner.refreshes {
            Some(_) => "Supported: timer\r\nSession-Expires: 1800;refresher=uac\r\n",
            None => "",
        };
        if let Some(talk) = self.talks.get_mut(call_id) {
            talk.sketch.formats = self.manner.formats.to_owned();
        }
        let offer = if self.manner.offers_late { String::new() } else { self.described(call_id) };
        let reliable = self.manner.requires_100rel.map_or("", |_| "Require: 100rel\r\n");
        let allow = if self.manner.allows_update { "Allow: INVITE, ACK, BYE, CANCEL, UPDATE, INFO\r\n" } else { "" };
        let lines = format!("{timer}{reliable}{allow}{}{credentials}", self.manner.invite_lines);
        let text = self.request(call_id, "INVITE", &branch, &lines, &offer);
        if let Some(talk) = self.talks.get_mut(call_id) {
            talk.invite.clone_from(&text);
            talk.invited = now;
            talk.heard_provisional = false;
        }
        self.ask(call_id, branch, "INVITE", text, now);
    }

    pub(super) fn on_response(&mut self, status: u16, text: &str, now: Monotonic) {
        let (number, method) = cseq(text);
        let call_id = header(text, "Call-ID").unwrap_or_default().to_owned();
        let known = self.asked.iter().position(|asked| asked.branch == branch(text) && asked.method == method);
        if status < 200 {
            if let Some(index) = known {
                self.asked[index].again = None;
                // With a provisional answer timer B is off.
                self.asked[index].until = now + Duration::from_secs(400);
            }
            self.on_provisional(&call_id, method, text, now);
            return;
        }
        let first = known.map(|index| self.asked.remove(index));
        match method {
            "INVITE" => self.on_invite_answered(&call_id, number, status, text, first, now),
            "REGISTER" if first.is_some() => self.on_register_answered(status, text, now),
            "BYE" => self.end(&call_id),
            "UPDATE" if first.is_some() => self.on_refreshed(&call_id, status, text, now),
            _ => {}
        }
    }

    fn on_provisional(&mut self, call_id: &str, method: &str, text: &str, now: Monotonic) {
        if method != "INVITE" {
            return;
        }
        self.acknowledge_reliable(call_id, text, now);
        let Some(talk) = self.talks.get_mut(call_id) else { return };
        talk.heard_provisional = true;
        talk.provisional.push(text.to_owned());
        if talk.cancelled && !talk.cancel_sent {
            self.cancel(call_id, now);
        }
    }

    /// PRACK to what rings reliably (RFC 3262), each number once.
    fn acknowledge_reliable(&mut self, call_id: &str, text: &str, now: Monotonic) {
        let (Some(rseq), Some(true)) = (header(text, "RSeq"), self.manner.requires_100rel) else { return };
        let rseq: u32 = rseq.parse().unwrap_or_default();
        let number = cseq(text).0;
        let Some(talk) = self.talks.get_mut(call_id) else { return };
        if talk.pracked >= rseq {
            return;
        }
        talk.pracked = rseq;
        talk.remote = header(text, "To").unwrap_or_default().to_owned();
        let branch = format!("z9hG4bK{}", self.token());
        let request = self.request(call_id, "PRACK", &branch, &format!("RAck: {rseq} {number} INVITE\r\n"), "");
        self.ask(call_id, branch, "PRACK", request, now);
    }

    pub(super) fn cancel(&mut self, call_id: &str, now: Monotonic) {
        let Some(talk) = self.talks.get_mut(call_id) else { return };
        talk.cancel_sent = true;
        let invite = talk.invite.clone();
        let line = |name| format!("{name}: {}\r\n", header(&invite, name).unwrap_or_default());
        let target = talk.target.clone();
        let ((number, _), reason) = (cseq(&invite), self.reason());
        let text = format!(
            "CANCEL {target} SIP/2.0\r\n{}Max-Forwards: 70\r\n{}{}{}{reason}CSeq: {number} CANCEL\r\nContent-Length: 0\r\n\r\n",
            line("Via"),
            line("From"),
            line("To"),
            line("Call-ID"),
        );
        // The INVITE is given up 64*T1 after its CANCEL (RFC 3261 9.1).
        if let Some(asked) = self.asked.iter_mut().find(|asked| asked.call_id == call_id && asked.method == "INVITE") {
            asked.until = now + PATIENCE;
        }
        self.ask(call_id, branch(&invite).to_owned(), "CANCEL", text, now);
    }

    fn on_invite_answered(
        &mut self,
        call_id: &str,
        number: u32,
        status: u16,
        text: &str,
        first: Option<Asked>,
        now: Monotonic,
    ) {
        if !self.talks.contains_key(call_id) {
            return;
        }
        if status >= 300 {
            self.acknowledge_refusal(call_id, text);
            if let Some(asked) = first {
                self.on_invite_refused(call_id, status, text, &asked, now);
            }
            return;
        }
        if self.manner.acknowledges {
            self.acknowledge(call_id, number, text);
        }
        // A 2xx to an INVITE that was given up already: acknowledged, then ended by BYE (RFC 3261 13.2.2.4).
        let is_late = self.talks.get(call_id).is_some_and(|talk| talk.is_over && talk.status.is_none());
        if is_late && let Some(talk) = self.talks.get_mut(call_id) {
            talk.cancelled = true;
        }
        if first.is_some() || is_late {
            self.on_invite_accepted(call_id, status, text, now);
        }
    }

    fn on_invite_accepted(&mut self, call_id: &str, status: u16, text: &str, now: Monotonic) {
        let (hangs_up_after, refreshes) = (self.manner.hangs_up_after, self.manner.refreshes.clone());
        let Some(talk) = self.talks.get_mut(call_id) else { return };
        if talk.refreshing.is_some() {
            return self.on_refreshed(call_id, status, text, now);
        }
        talk.status = Some(status);
        talk.answer = text.to_owned();
        talk.answered_at = Some(now);
        talk.is_up = true;
        talk.acked = self.manner.acknowledges;
        talk.remote = header(text, "To").unwrap_or_default().to_owned();
        talk.target = uri(header(text, "Contact").unwrap_or_default()).to_owned();
        if talk.cancelled {
            return self.bye(call_id, now);
        }
        if let Some(after) = hangs_up_after {
            self.at(now + after, call_id, Act::HangUp);
        }
        if let Some((every, _)) = refreshes {
            self.at(now + every, call_id, Act::Refresh);
        }
    }

    fn on_invite_refused(&mut self, call_id: &str, status: u16, text: &str, asked: &Asked, now: Monotonic) {
        let cancels_after = self.manner.cancels_after;
        let Some(talk) = self.talks.get_mut(call_id) else { return };
        if talk.refreshing.is_some() {
            return self.on_refreshed(call_id, status, text, now);
        }
        if status == 407 && !std::mem::replace(&mut talk.proven, true) {
            let credentials = self.credentials(text, "INVITE", &asked.text, "Proxy-Auth");
            self.invite(call_id, &credentials, now);
            if let Some(after) = cancels_after {
                self.at(now + after, call_id, Act::GiveUp);
            }
            return;
        }
        talk.status = Some(status);
        talk.answer = text.to_owned();
        talk.is_over = true;
    }

    fn credentials(&mut self, challenge: &str, method: &str, request: &str, name: &str) -> String {
        let uri = request.split(' ').nth(1).unwrap_or_default();
        let cnonce = self.token();
        let (user, password) = self.account.as_ref().expect("who is challenged has an account");
        let challenges: Vec<&str> =
            headers(challenge, &format!("{}enticate", if name == "Proxy-Auth" { name } else { "WWW-Auth" })).collect();
        let credentials = Credentials { user, secret: Secret::Password(password) };
        let challenges = challenges.into_iter().map(str::as_bytes);
        let value = answer(challenges, credentials, method, uri, 1, &cnonce).expect("a challenge that can be answered");
        format!("{name}orization: {value}\r\n")
    }

    fn on_register_answered(&mut self, status: u16, text: &str, now: Monotonic) {
        if status == 401 && self.register_lines != "refused" {
            let request = format!("REGISTER sip:{REALM} SIP/2.0");
            let credentials = self.credentials(text, "REGISTER", &request, "Auth");
            self.send_register(&credentials, now);
        } else {
            self.registered.push(text.to_owned());
        }
    }

    /// The ACK to a refusal belongs to the transaction (RFC 3261 17.1.1.3).
    fn acknowledge_refusal(&mut self, call_id: &str, text: &str) {
        let target = self.talks[call_id].target.clone();
        let line = |name| format!("{name}: {}\r\n", header(text, name).unwrap_or_default());
        let via = format!("Via: SIP/2.0/UDP {};branch={};rport\r\n", self.shown, branch(text));
        let number = cseq(text).0;
        self.out.push(format!(
            "ACK {target} SIP/2.0\r\n{via}Max-Forwards: 70\r\n{}{}{}CSeq: {number} ACK\r\nContent-Length: 0\r\n\r\n",
            line("From"),
            line("To"),
            line("Call-ID"),
        ));
    }

    fn acknowledge(&mut self, call_id: &str, number: u32, text: &str) {
        let target = uri(header(text, "Contact").unwrap_or_default()).to_owned();
        let line = |name| format!("{name}: {}\r\n", header(text, name).unwrap_or_default());
        let token = self.token();
        let via = format!("Via: SIP/2.0/UDP {};branch=z9hG4bK{token};rport\r\n", self.shown);
        let answer = self.late_answer(call_id, text);
        let content = if answer.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        self.out.push(format!(
            "ACK {target} SIP/2.0\r\n{via}Max-Forwards: 70\r\n{}{}Call-ID: {call_id}\r\nCSeq: {number} ACK\r\n\
             {content}Content-Length: {}\r\n\r\n{answer}",
            line("From"),
            line("To"),
            answer.len(),
        ));
    }

    /// The answer to an offer that a 2xx brought, where the INVITE brought none.
    fn late_answer(&self, call_id: &str, text: &str) -> String {
        let Some(talk) = self.talks.get(call_id) else { return String::new() };
        let is_first = talk.status.is_none() && self.manner.offers_late;
        if !is_first && talk.refreshing != Some(super::Refresh::Late) {
            return String::new();
        }
        let offered = body(text);
        if is_fax(offered) {
            return fax(self.address, talk.sketch.port, talk.sketch.version);
        }
        let flow = talk.sketch.answering(crate::world::text::flow(offered));
        let formats = super::called::chosen(crate::world::text::formats(offered), &talk.sketch.formats);
        sdp_flowing(self.address, talk.sketch.port, talk.sketch.version, &formats, flow, false)
    }

    pub(super) fn on_refreshed(&mut self, call_id: &str, status: u16, text: &str, now: Monotonic) {
        let drawn = self.entropy.below(191);
        let Some(talk) = self.talks.get_mut(call_id) else { return };
        let Some(refresh) = talk.refreshing.take() else { return };
        let answer = body(text);
        if status == 200 && !answer.is_empty() && refresh != super::Refresh::Late {
            let (offered, answered) = (talk.sketch.flow, crate::world::text::flow(answer));
            let fits = match (offered, talk.sketch.is_zero) {
                ("sendonly", _) | (_, true) => matches!(answered, "recvonly" | "inactive"),
                ("inactive", _) => answered == "inactive",
                _ => true,
            };
            let formats = crate::world::text::formats(answer);
            let is_chosen = formats.split(' ').all(|one| talk.sketch.formats.split(' ').any(|known| known == one));
            let is_right = if talk.sketch.is_fax { is_fax(answer) } else { fits && is_chosen };
            if !is_right {
                self.complaints.push(super::Complaint::WrongAnswer(format!("to {refresh:?}: {answer}")));
            }
        }
        if let Some(former) = talk.former.take().filter(|_| status >= 300) {
            talk.sketch = former;
        }
        talk.refreshed.push((refresh, status, text.to_owned()));
        if status == 491 {
            // RFC 3261 14.1: by who minted the Call-ID.
            let least_ms = if talk.is_caller { 2_100 } else { 0 };
            let pause = Duration::from_millis(least_ms + 10 * drawn);
            self.at(now + pause, call_id, super::Act::Again(refresh));
        }
    }
}
