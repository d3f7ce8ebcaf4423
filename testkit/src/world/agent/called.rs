//! An end as who is asked: what it answers, and how often it says so.

use super::{Act, Agent, Complaint, FaxManner, PATIENCE, Said, T1, Talk};
use crate::world::text::{
    body, branch, cseq, fax, flow, formats, header, is_fax, method, parameter, phrase, response, sdp_flowing, tag, uri,
};
use domain::Monotonic;
use std::time::Duration;

/// The tag of the second phone of a fork.
const FORK: &str = "theotherphone";

/// Whether a request is for the second phone of a fork.
fn is_fork(text: &str) -> bool {
    header(text, "To").and_then(tag) == Some(FORK)
}

/// What is taken of an offer: what is known here, or all of it.
pub(super) fn chosen(offered: &str, known: &str) -> String {
    let common: Vec<&str> = offered.split(' ').filter(|format| known.split(' ').any(|one| one == *format)).collect();
    if common.is_empty() { offered.to_owned() } else { common.join(" ") }
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
            "UPDATE" => self.on_update(text, now),
            "PRACK" => self.on_prack(text, now),
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
        if let Some(talk) = self.talks.get(&call_id) {
            // Otherwise it is repeated before anything was answered.
            if talk.is_up && branch(&talk.invite) != branch(text) {
                self.on_change(text, now);
            }
            return;
        }
        let asked = header(text, "Session-Expires").and_then(|value| value.split(';').next()?.parse::<u32>().ok());
        if let (Some(least), Some(asked)) = (self.manner.min_se_s, asked)
            && asked < least
        {
            return self.reply(text, 422, &format!("Min-SE: {least}\r\n"));
        }
        let tag_of_ours = self.token();
        let local = format!("{};tag={tag_of_ours}", header(text, "To").unwrap_or_default());
        let remote = header(text, "From").unwrap_or_default().to_owned();
        let target = uri(header(text, "Contact").unwrap_or_default()).to_owned();
        let mut talk = Talk::new(&call_id, local, remote, target, now);
        talk.is_caller = false;
        talk.sketch.port = 50_000;
        talk.sketch.formats = chosen(formats(body(text)), self.manner.formats);
        talk.heard_cseq = cseq(text).0;
        talk.heard_sdp = body(text).to_owned();
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
        let (shown, hangs_up_after, reason) = (self.shown, self.manner.hangs_up_after, self.reason());
        let described = if matches!(status, 183 | 200) { self.described(call_id) } else { String::new() };
        let (rings_reliably, allow) = (self.manner.rings_reliably && (101..200).contains(&status), self.allow());
        let timer = if status == 200 { self.granted_timer(call_id, now) } else { String::new() };
        let Some(talk) = self.talks.get_mut(call_id) else { return };
        if talk.status.is_some() {
            return;
        }
        let our_tag = tag(&talk.local).unwrap_or_default().to_owned();
        let contact = format!("Contact: <sip:end@{shown}>\r\n");
        let reason = if status >= 300 { reason } else { String::new() };
        let mut lines =
            if status == 100 { String::new() } else { format!("{contact}{allow}{timer}{reason}{}", self.manner.lines) };
        if rings_reliably {
            talk.rseq += 1;
            lines.push_str(&format!("Require: 100rel\r\nRSeq: {}\r\n", talk.rseq));
        }
        let lines = lines.as_str();
        let invite = talk.invite.clone();
        let text = response(&invite, &format!("{status} {}", phrase(status)), &our_tag, lines, &described);
        self.answered.insert((branch(&invite).to_owned(), "INVITE".to_owned()), text.clone());
        self.out.push(text.clone());
        if rings_reliably {
            let call_id = format!("{call_id} {}", talk.rseq);
            self.said.push(Said { call_id, text, again: now + T1, wait: T1, until: now + PATIENCE });
            return;
        }
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

    fn allow(&self) -> &'static str {
        if self.manner.allows_update { "Allow: INVITE, ACK, BYE, CANCEL, UPDATE, INFO\r\n" } else { "" }
    }

    /// Who knows session timers grants what the INVITE asks for, and lets the switch refresh.
    fn granted_timer(&mut self, call_id: &str, now: Monotonic) -> String {
        let invite = self.talks.get(call_id).map(|talk| talk.invite.clone()).unwrap_or_default();
        self.granted_to(&invite, call_id, now)
    }

    fn granted_to(&mut self, request: &str, call_id: &str, now: Monotonic) -> String {
        let lasts = header(request, "Session-Expires").and_then(|value| value.split(';').next()?.parse().ok());
        if let (Some(seconds), true) = (lasts, self.manner.knows_timer) {
            self.begin_session(call_id, Duration::from_secs(seconds), now);
        }
        let asked = header(request, "Session-Expires").filter(|_| self.manner.knows_timer);
        asked.map_or(String::new(), |asked| {
            let refresher = parameter(asked, "refresher").unwrap_or("uac");
            let seconds = asked.split(';').next().unwrap_or_default();
            format!("Require: timer\r\nSession-Expires: {seconds};refresher={refresher}\r\n")
        })
    }

    /// A re-INVITE: answered as RFC 3264 6.1 says, or as the manner does; 491 where one of its own is on its way.
    fn on_change(&mut self, text: &str, now: Monotonic) {
        let call_id = header(text, "Call-ID").unwrap_or_default().to_owned();
        let text_of_answer = self.answer_to_change(text, &call_id, now);
        let key = (branch(text).to_owned(), "INVITE".to_owned());
        self.answered.insert(key, text_of_answer.clone());
        self.out.push(text_of_answer.clone());
        let said = Said { call_id, text: text_of_answer, again: now + T1, wait: T1, until: now + PATIENCE };
        self.said.push(said);
    }

    fn on_update(&mut self, text: &str, now: Monotonic) {
        let call_id = header(text, "Call-ID").unwrap_or_default().to_owned();
        if !self.talks.contains_key(&call_id) {
            return self.reply(text, 481, "");
        }
        let answer = self.answer_to_change(text, &call_id, now);
        self.answered.insert((branch(text).to_owned(), "UPDATE".to_owned()), answer.clone());
        self.out.push(answer);
    }

    fn answer_to_change(&mut self, text: &str, call_id: &str, now: Monotonic) -> String {
        let (shown, address, status) = (self.shown, self.address, self.manner.answers_changes);
        if !self.is_fresh(text, call_id) {
            return response(text, "500 Server Internal Error", "end", "", "");
        }
        let timer = self.granted_to(text, call_id, now);
        let Some(talk) = self.talks.get_mut(call_id) else { return response(text, "481 Gone", "end", "", "") };
        talk.changes.push((now, text.to_owned()));
        let offer = body(text);
        let is_glare = talk.refreshing.is_some_and(|own| own.is_invite() || !offer.is_empty());
        let status = if is_glare { 491 } else { status };
        if status != 200 {
            return response(text, &format!("{status} {}", phrase(status)), "end", "", "");
        }
        let lines = format!("Contact: <sip:end@{shown}>\r\n{timer}{}", self.manner.lines);
        let (is_offered, fax_manner) = (is_fax(offer), self.manner.fax);
        if is_offered && fax_manner == FaxManner::Refuses {
            return response(text, "488 Not Acceptable Here", "end", "", "");
        }
        let before = talk.sketch.clone();
        talk.sketch.is_fax =
            if offer.is_empty() { before.is_fax } else { is_offered && fax_manner == FaxManner::Takes };
        if talk.sketch != before {
            talk.sketch.version += 1;
        }
        let description = match offer {
            "" => String::new(),
            _ if is_offered => {
                let port = if fax_manner == FaxManner::Takes { talk.sketch.port } else { 0 };
                fax(address, port, talk.sketch.version)
            }
            offer => {
                let (port, version) = (talk.sketch.port, talk.sketch.version);
                talk.sketch.formats = chosen(formats(offer), &talk.sketch.formats);
                let flow = talk.sketch.answering(flow(offer));
                sdp_flowing(address, port, version, &talk.sketch.formats, flow, talk.sketch.is_zero)
            }
        };
        response(text, "200 OK", "end", &lines, &description)
    }

    /// Whether a request's number is above that of the last one. What the network overtook is no reason to complain.
    fn is_fresh(&mut self, text: &str, call_id: &str) -> bool {
        let number = cseq(text).0;
        let Some(talk) = self.talks.get_mut(call_id) else { return true };
        // The other phone's dialog has numbers of its own (RFC 3261 12.2.1.1): its 200 may be the one that was taken.
        let heard = if is_fork(text) { &mut talk.forked_cseq } else { &mut talk.heard_cseq };
        if number > *heard {
            *heard = number;
            return true;
        }
        if number == *heard {
            self.complaints.push(Complaint::StaleCseq(text.to_owned()));
        }
        false
    }

    fn on_prack(&mut self, text: &str, _: Monotonic) {
        let call_id = header(text, "Call-ID").unwrap_or_default().to_owned();
        let rseq = header(text, "RAck").and_then(|rack| rack.split(' ').next()).unwrap_or_default();
        let key = format!("{call_id} {rseq}");
        let _ = self.is_fresh(text, &call_id);
        let is_awaited = self.said.iter().any(|said| said.call_id == key);
        self.said.retain(|said| said.call_id != key);
        if let Some(talk) = self.talks.get_mut(&call_id) {
            talk.pracked += u32::from(is_awaited);
        }
        self.reply(text, if is_awaited { 200 } else { 481 }, "");
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
            talk.acks.push(text.to_owned());
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
        if !self.is_fresh(text, &call_id) {
            return self.reply(text, 500, "");
        }
        let Some(talk) = self.talks.get_mut(&call_id) else { return };
        talk.bye_heard_at.get_or_insert(now);
        talk.bye_reason = header(text, "Reason").unwrap_or_default().to_owned();
        self.reply(text, 200, "");
        self.end(&call_id);
        self.said.retain(|said| said.call_id != call_id);
    }
}
