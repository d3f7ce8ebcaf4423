//! An end as who is asked: what it answers, and how often it says so.

use super::{Act, Agent, PATIENCE, Said, T1, Talk};
use crate::world::text::{branch, header, method, phrase, response, sdp, tag, uri};
use domain::Monotonic;
use std::time::Duration;

/// The tag of the second phone of a fork.
const FORK: &str = "theotherphone";

/// Whether a request is for the second phone of a fork.
fn is_fork(text: &str) -> bool {
    header(text, "To").and_then(tag) == Some(FORK)
}

impl Agent {
    pub(super) fn on_request(&mut self, text: &str, now: Monotonic) {
        let called = method(text).unwrap_or_default().to_owned();
        let key = (branch(text).to_owned(), called.clone());
        if called == "ACK" {
            return self.on_ack(text, now);
        }
        if let Some(answer) = self.answered.get(&key) {
            let answer = answer.clone();
            self.out.push(answer);
            return;
        }
        match called.as_str() {
            "INVITE" => self.on_invite(text, now),
            "CANCEL" => self.on_cancel(text, now),
            "BYE" => self.on_bye(text, now),
            _ => self.reply(text, 200, ""),
        }
    }

    fn reply(&mut self, request: &str, status: u16, lines: &str) {
        let text = response(request, &format!("{status} {}", phrase(status)), "end", lines, "");
        self.answered
            .insert((branch(request).to_owned(), method(request).unwrap_or_default().to_owned()), text.clone());
        self.out.push(text);
    }

    fn on_invite(&mut self, text: &str, now: Monotonic) {
        let call_id = header(text, "Call-ID").unwrap_or_default().to_owned();
        if self.talks.contains_key(&call_id) {
            // Repeated before anything was answered.
            return;
        }
        let tag_of_ours = self.token();
        let local = format!("{};tag={tag_of_ours}", header(text, "To").unwrap_or_default());
        let remote = header(text, "From").unwrap_or_default().to_owned();
        let target = uri(header(text, "Contact").unwrap_or_default()).to_owned();
        let mut talk = Talk::new(&call_id, local, remote, target, now);
        talk.is_caller = false;
        talk.cseq = 100;
        talk.invite = text.to_owned();
        self.talks.insert(call_id.clone(), talk);
        for (after, status) in self.manner.answers.clone() {
            if after.is_zero() {
                self.answer(&call_id, status, now);
            } else {
                self.at(now + after, &call_id, Act::Answer(status));
            }
        }
    }

    pub(super) fn answer(&mut self, call_id: &str, status: u16, now: Monotonic) {
        let (shown, hangs_up_after) = (self.shown, self.manner.hangs_up_after);
        let described = if matches!(status, 183 | 200) { sdp(self.address, 50_000, 1) } else { String::new() };
        let Some(talk) = self.talks.get_mut(call_id) else { return };
        if talk.status.is_some() {
            return;
        }
        let our_tag = tag(&talk.local).unwrap_or_default().to_owned();
        let contact = format!("Contact: <sip:end@{shown}>\r\n");
        let lines = if status == 100 { "" } else { contact.as_str() };
        let invite = talk.invite.clone();
        let text = response(&invite, &format!("{status} {}", phrase(status)), &our_tag, lines, &described);
        self.answered.insert((branch(&invite).to_owned(), "INVITE".to_owned()), text.clone());
        self.out.push(text.clone());
        if status < 200 {
            return;
        }
        talk.status = Some(status);
        talk.is_up = status < 300;
        talk.is_over = status >= 300;
        talk.answered_at = (status < 300).then_some(now);
        self.said.push(Said { call_id: call_id.to_owned(), text, again: now + T1, wait: T1, until: now + PATIENCE });
        if self.manner.forks && status < 300 {
            let text = response(&invite, "200 OK", FORK, lines, &described);
            let again = now + Duration::from_millis(300);
            self.said.push(Said { call_id: call_id.to_owned(), text, again, wait: T1, until: now + PATIENCE });
        }
        if let (Some(after), true) = (hangs_up_after, status < 300) {
            self.at(now + after, call_id, Act::HangUp);
        }
        if let (Some((every, _)), true) = (self.manner.refreshes.clone(), status < 300) {
            self.at(now + every, call_id, Act::Refresh);
        }
    }

    fn on_ack(&mut self, text: &str, _: Monotonic) {
        let call_id = header(text, "Call-ID").unwrap_or_default();
        let is_fork = is_fork(text);
        self.said.retain(|said| said.call_id != call_id || said.text.contains(FORK) != is_fork);
        if is_fork {
            return;
        }
        if let Some(talk) = self.talks.get_mut(call_id) {
            talk.acked = true;
        }
    }

    fn on_cancel(&mut self, text: &str, now: Monotonic) {
        let call_id = header(text, "Call-ID").unwrap_or_default().to_owned();
        self.reply(text, if self.talks.contains_key(&call_id) { 200 } else { 481 }, "");
        let Some(talk) = self.talks.get_mut(&call_id) else { return };
        talk.cancel_heard_at.get_or_insert(now);
        if talk.status.is_none() {
            self.answer(&call_id, if self.manner.answers_after_cancel { 200 } else { 487 }, now);
        }
    }

    fn on_bye(&mut self, text: &str, now: Monotonic) {
        let call_id = header(text, "Call-ID").unwrap_or_default().to_owned();
        let Some(talk) = self.talks.get_mut(&call_id) else { return self.reply(text, 481, "") };
        if is_fork(text) {
            talk.forked_bye = true;
            self.said.retain(|said| !said.text.contains(FORK));
            return self.reply(text, 200, "");
        }
        talk.bye_heard_at.get_or_insert(now);
        talk.bye_reason = header(text, "Reason").unwrap_or_default().to_owned();
        self.reply(text, 200, "");
        self.end(&call_id);
        self.said.retain(|said| said.call_id != call_id);
    }
}
