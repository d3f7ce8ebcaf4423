//! A simulated SIP end, PBX or carrier: it says what its manner tells it to, and repeats what the network loses.
//!
//! It is written from RFC 3261 alone and shares no code with the switch.

use super::text::{body, branch, cseq, header, headers, method, parameter, phrase, response, sdp, status, tag, uri};
use super::{REALM, SWITCH};
use domain::{Entropy, Monotonic, Now};
use sip::digest::{Credentials, Secret, answer};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

const T1: Duration = Duration::from_millis(500);
const T2: Duration = Duration::from_secs(4);
const PATIENCE: Duration = Duration::from_secs(32);

/// What an end does by itself.
#[derive(Clone, Debug)]
pub(crate) struct Manner {
    /// As who is called: what is answered, and how long after the INVITE.
    pub(crate) answers: Vec<(Duration, u16)>,
    /// Whether it acknowledges a 2xx.
    pub(crate) acknowledges: bool,
    /// How long after the answer it hangs up.
    pub(crate) hangs_up_after: Option<Duration>,
    /// As who calls: how long after the first INVITE with credentials it gives up.
    pub(crate) cancels_after: Option<Duration>,
    /// How often it refreshes the session, and by which requests in turn.
    pub(crate) refreshes: Option<(Duration, Vec<Refresh>)>,
    /// Whether a 200 to INVITE is sent although a CANCEL has come: the two cross.
    pub(crate) answers_after_cancel: bool,
    /// Whether it is there at all.
    pub(crate) is_deaf: bool,
}

impl Default for Manner {
    fn default() -> Self {
        Manner {
            answers: Vec::new(),
            acknowledges: true,
            hangs_up_after: None,
            cancels_after: None,
            refreshes: None,
            answers_after_cancel: false,
            is_deaf: false,
        }
    }
}

/// A request inside a dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refresh {
    /// re-INVITE with the description as it was.
    Invite,
    /// UPDATE without description.
    Update,
    /// UPDATE with the description as it was.
    UpdateWithSdp,
    /// re-INVITE with another port.
    ChangedInvite,
}

/// A call as an end sees it.
#[derive(Clone, Debug)]
pub(crate) struct Talk {
    pub(crate) call_id: String,
    is_caller: bool,
    local: String,
    remote: String,
    target: String,
    cseq: u32,
    invite: String,
    invited: Monotonic,
    proven: bool,
    heard_provisional: bool,
    cancelled: bool,
    cancel_sent: bool,
    pub(crate) acked: bool,
    pub(crate) is_up: bool,
    pub(crate) is_over: bool,
    /// The final status of the INVITE, sent or heard.
    pub(crate) status: Option<u16>,
    pub(crate) answered_at: Option<Monotonic>,
    /// When BYE came from the switch.
    pub(crate) bye_heard_at: Option<Monotonic>,
    /// What its Reason said.
    pub(crate) bye_reason: String,
    pub(crate) cancel_heard_at: Option<Monotonic>,
    /// How refreshes were answered.
    pub(crate) refreshed: Vec<(Refresh, u16, String)>,
    refreshing: Option<Refresh>,
    refresh_count: usize,
    /// The whole final answer.
    pub(crate) answer: String,
}

/// A request that waits for its final response.
#[derive(Debug)]
struct Asked {
    call_id: String,
    branch: String,
    method: String,
    text: String,
    again: Option<Monotonic>,
    wait: Duration,
    until: Monotonic,
}

/// A final answer to INVITE that waits for its ACK.
#[derive(Debug)]
struct Said {
    call_id: String,
    text: String,
    again: Monotonic,
    wait: Duration,
    until: Monotonic,
}

#[derive(Clone, Debug)]
enum Act {
    Answer(u16),
    HangUp,
    GiveUp,
    Refresh,
}

/// A simulated end.
pub(crate) struct Agent {
    pub(crate) address: SocketAddr,
    pub(crate) manner: Manner,
    /// What is shown in Via and Contact, where that is not the address (NAT).
    pub(crate) shown: SocketAddr,
    account: Option<(String, String)>,
    entropy: Entropy,
    pub(crate) talks: BTreeMap<String, Talk>,
    asked: Vec<Asked>,
    said: Vec<Said>,
    answered: BTreeMap<(String, String), String>,
    agenda: BTreeMap<(Monotonic, u64), (String, Act)>,
    acts: u64,
    calls: u64,
    register_cseq: u32,
    /// Final answers to REGISTER, the challenge not counted.
    pub(crate) registered: Vec<String>,
    register_lines: String,
    /// Everything heard, by arrival.
    pub(crate) heard: Vec<(Monotonic, String)>,
    out: Vec<String>,
}

impl Agent {
    pub(crate) fn new(address: SocketAddr, account: Option<(&str, &str)>, entropy: Entropy) -> Agent {
        Agent {
            address,
            manner: Manner::default(),
            shown: address,
            account: account.map(|(user, password)| (user.to_owned(), password.to_owned())),
            entropy,
            talks: BTreeMap::new(),
            asked: Vec::new(),
            said: Vec::new(),
            answered: BTreeMap::new(),
            agenda: BTreeMap::new(),
            acts: 0,
            calls: 0,
            register_cseq: 0,
            registered: Vec::new(),
            register_lines: String::new(),
            heard: Vec::new(),
            out: Vec::new(),
        }
    }

    /// What it has to send.
    pub(crate) fn take_out(&mut self) -> Vec<String> {
        std::mem::take(&mut self.out)
    }

    fn token(&mut self) -> String {
        format!("{:016x}", self.entropy.next_u64())
    }

    fn at(&mut self, when: Monotonic, call_id: &str, act: Act) {
        self.acts += 1;
        self.agenda.insert((when, self.acts), (call_id.to_owned(), act));
    }

    /// Calls a number; gives the Call-ID.
    pub(crate) fn call(&mut self, dialled: &str, now: Now) -> String {
        self.calls += 1;
        let token = self.token();
        let call_id = format!("call-{}-{token}@pbx", self.calls);
        let (user, local_tag) =
            (self.account.as_ref().map_or("pbx".to_owned(), |(user, _)| user.clone()), self.token());
        let talk = Talk {
            call_id: call_id.clone(),
            is_caller: true,
            local: format!("<sip:{user}@{REALM}>;tag={local_tag}"),
            remote: format!("<sip:{dialled}@{REALM}>"),
            target: format!("sip:{dialled}@{SWITCH}"),
            cseq: 0,
            invite: String::new(),
            invited: now.monotonic,
            proven: false,
            heard_provisional: false,
            cancelled: false,
            cancel_sent: false,
            acked: false,
            is_up: false,
            is_over: false,
            status: None,
            answered_at: None,
            bye_heard_at: None,
            bye_reason: String::new(),
            cancel_heard_at: None,
            refreshed: Vec::new(),
            refreshing: None,
            refresh_count: 0,
            answer: String::new(),
        };
        self.talks.insert(call_id.clone(), talk);
        self.invite(&call_id, "", now.monotonic);
        call_id
    }

    /// Registers; `lines` are Contact and Expires.
    pub(crate) fn register(&mut self, lines: &str, now: Now) {
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

    fn ask(&mut self, call_id: &str, branch: String, method: &str, text: String, now: Monotonic) {
        self.out.push(text.clone());
        self.asked.push(Asked {
            call_id: call_id.to_owned(),
            branch,
            method: method.to_owned(),
            text,
            again: Some(now + T1),
            wait: T1,
            until: now + PATIENCE,
        });
    }

    /// The text of a request of a call.
    fn request(&mut self, call_id: &str, method: &str, branch: &str, more: &str, body: &str) -> String {
        let shown = self.shown;
        let talk = self.talks.get_mut(call_id).expect("a call of ours");
        if method != "ACK" && method != "CANCEL" {
            talk.cseq += 1;
        }
        let content = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        format!(
            "{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP {shown};branch={branch};rport\r\nMax-Forwards: 70\r\n\
             From: {local}\r\nTo: {remote}\r\nCall-ID: {call_id}\r\nCSeq: {cseq} {method}\r\n\
             Contact: <sip:end@{shown}>\r\n{more}{content}Content-Length: {length}\r\n\r\n{body}",
            target = talk.target,
            local = talk.local,
            remote = talk.remote,
            cseq = talk.cseq,
            length = body.len(),
        )
    }

    fn invite(&mut self, call_id: &str, credentials: &str, now: Monotonic) {
        let branch = format!("z9hG4bK{}", self.token());
        let timer = match &self.manner.refreshes {
            Some(_) => "Supported: timer\r\nSession-Expires: 1800;refresher=uac\r\n",
            None => "",
        };
        let offer = sdp(self.address, 40_000, 1);
        let text = self.request(call_id, "INVITE", &branch, &format!("{timer}{credentials}"), &offer);
        if let Some(talk) = self.talks.get_mut(call_id) {
            talk.invite.clone_from(&text);
            talk.invited = now;
            talk.heard_provisional = false;
        }
        self.ask(call_id, branch, "INVITE", text, now);
    }

    /// A datagram arrived.
    pub(crate) fn hear(&mut self, text: &str, now: Now) {
        let now = now.monotonic;
        if self.manner.is_deaf {
            return;
        }
        self.heard.push((now, text.to_owned()));
        match status(text) {
            Some(status) => self.on_response(status, text, now),
            None => self.on_request(text, now),
        }
    }

    fn on_response(&mut self, status: u16, text: &str, now: Monotonic) {
        let (number, method) = cseq(text);
        let call_id = header(text, "Call-ID").unwrap_or_default().to_owned();
        let known = self.asked.iter().position(|asked| asked.branch == branch(text) && asked.method == method);
        if status < 200 {
            if let Some(index) = known {
                self.asked[index].again = None;
                // With a provisional answer timer B is off.
                self.asked[index].until = now + Duration::from_secs(400);
            }
            self.on_provisional(&call_id, method, now);
            return;
        }
        let first = known.map(|index| self.asked.remove(index));
        match method {
            "INVITE" => self.on_invite_answered(&call_id, number, status, text, first, now),
            "REGISTER" if first.is_some() => self.on_register_answered(status, text, now),
            "BYE" => self.end(&call_id),
            "UPDATE" if first.is_some() => self.on_refreshed(&call_id, status, text),
            _ => {}
        }
    }

    fn on_provisional(&mut self, call_id: &str, method: &str, now: Monotonic) {
        if method != "INVITE" {
            return;
        }
        let Some(talk) = self.talks.get_mut(call_id) else { return };
        talk.heard_provisional = true;
        if talk.cancelled && !talk.cancel_sent {
            self.cancel(call_id, now);
        }
    }

    fn cancel(&mut self, call_id: &str, now: Monotonic) {
        let Some(talk) = self.talks.get_mut(call_id) else { return };
        talk.cancel_sent = true;
        let invite = talk.invite.clone();
        let line = |name| format!("{name}: {}\r\n", header(&invite, name).unwrap_or_default());
        let target = talk.target.clone();
        let (number, _) = cseq(&invite);
        let text = format!(
            "CANCEL {target} SIP/2.0\r\n{}Max-Forwards: 70\r\n{}{}{}CSeq: {number} CANCEL\r\nContent-Length: 0\r\n\r\n",
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
            return self.on_refreshed(call_id, status, text);
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
            return self.on_refreshed(call_id, status, text);
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
        self.out.push(format!(
            "ACK {target} SIP/2.0\r\n{via}Max-Forwards: 70\r\n{}{}Call-ID: {call_id}\r\nCSeq: {number} ACK\r\n\
             Content-Length: 0\r\n\r\n",
            line("From"),
            line("To"),
        ));
    }

    fn on_refreshed(&mut self, call_id: &str, status: u16, text: &str) {
        let Some(talk) = self.talks.get_mut(call_id) else { return };
        if let Some(refresh) = talk.refreshing.take() {
            talk.refreshed.push((refresh, status, text.to_owned()));
        }
    }

    fn on_request(&mut self, text: &str, now: Monotonic) {
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
        let talk = Talk {
            call_id: call_id.clone(),
            is_caller: false,
            local: format!("{};tag={tag_of_ours}", header(text, "To").unwrap_or_default()),
            remote: header(text, "From").unwrap_or_default().to_owned(),
            target: uri(header(text, "Contact").unwrap_or_default()).to_owned(),
            cseq: 100,
            invite: text.to_owned(),
            invited: now,
            proven: true,
            heard_provisional: true,
            cancelled: false,
            cancel_sent: false,
            acked: false,
            is_up: false,
            is_over: false,
            status: None,
            answered_at: None,
            bye_heard_at: None,
            bye_reason: String::new(),
            cancel_heard_at: None,
            refreshed: Vec::new(),
            refreshing: None,
            refresh_count: 0,
            answer: String::new(),
        };
        self.talks.insert(call_id.clone(), talk);
        for (after, status) in self.manner.answers.clone() {
            if after.is_zero() {
                self.answer(&call_id, status, now);
            } else {
                self.at(now + after, &call_id, Act::Answer(status));
            }
        }
    }

    fn answer(&mut self, call_id: &str, status: u16, now: Monotonic) {
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
        if let (Some(after), true) = (hangs_up_after, status < 300) {
            self.at(now + after, call_id, Act::HangUp);
        }
    }

    fn on_ack(&mut self, text: &str, _: Monotonic) {
        let call_id = header(text, "Call-ID").unwrap_or_default();
        self.said.retain(|said| said.call_id != call_id);
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
        talk.bye_heard_at.get_or_insert(now);
        talk.bye_reason = header(text, "Reason").unwrap_or_default().to_owned();
        self.reply(text, 200, "");
        self.end(&call_id);
        self.said.retain(|said| said.call_id != call_id);
    }

    fn end(&mut self, call_id: &str) {
        if let Some(talk) = self.talks.get_mut(call_id) {
            talk.is_up = false;
            talk.is_over = true;
        }
    }

    /// Hangs up an answered call.
    pub(crate) fn bye(&mut self, call_id: &str, now: Monotonic) {
        if !self.talks.get(call_id).is_some_and(|talk| talk.is_up) {
            return;
        }
        let branch = format!("z9hG4bK{}", self.token());
        let text = self.request(call_id, "BYE", &branch, "", "");
        if let Some(talk) = self.talks.get_mut(call_id) {
            talk.is_up = false;
        }
        self.ask(call_id, branch, "BYE", text, now);
    }

    /// Hangs up, whether it was answered or not: CANCEL or BYE.
    pub(crate) fn give_up(&mut self, call_id: &str, now: Monotonic) {
        let Some(talk) = self.talks.get_mut(call_id) else { return };
        if talk.is_up {
            return self.bye(call_id, now);
        }
        if talk.status.is_some() || talk.is_over || !talk.is_caller {
            return;
        }
        talk.cancelled = true;
        if talk.heard_provisional && !talk.cancel_sent {
            self.cancel(call_id, now);
        }
    }

    /// Sends a request that refreshes (or changes) the session.
    pub(crate) fn refresh(&mut self, call_id: &str, refresh: Refresh, now: Monotonic) {
        // One at a time (RFC 3261 14.1).
        if !self.talks.get(call_id).is_some_and(|talk| talk.is_up && talk.refreshing.is_none()) {
            return;
        }
        let branch = format!("z9hG4bK{}", self.token());
        let is_caller = self.talks.get(call_id).is_some_and(|talk| talk.is_caller);
        let same = sdp(self.address, if is_caller { 40_000 } else { 50_000 }, 1);
        let timer = "Supported: timer\r\nSession-Expires: 1800;refresher=uac\r\n";
        let (method, offer) = match refresh {
            Refresh::Invite => ("INVITE", same),
            Refresh::Update => ("UPDATE", String::new()),
            Refresh::UpdateWithSdp => ("UPDATE", same),
            Refresh::ChangedInvite => ("INVITE", sdp(self.address, 41_000, 2)),
        };
        if let Some(talk) = self.talks.get_mut(call_id) {
            talk.refreshing = Some(refresh);
        }
        let text = self.request(call_id, method, &branch, timer, &offer);
        self.ask(call_id, branch, method, text, now);
    }

    fn refresh_by_turn(&mut self, call_id: &str, now: Monotonic) {
        let Some((every, turns)) = self.manner.refreshes.clone() else { return };
        let Some(talk) = self.talks.get_mut(call_id) else { return };
        if !talk.is_up || turns.is_empty() {
            return;
        }
        let turn = turns[talk.refresh_count % turns.len()];
        talk.refresh_count += 1;
        self.refresh(call_id, turn, now);
        self.at(now + every, call_id, Act::Refresh);
    }

    /// When it has something to do.
    pub(crate) fn deadline(&self) -> Option<Monotonic> {
        let asked = self.asked.iter().flat_map(|asked| asked.again.into_iter().chain([asked.until]));
        let said = self.said.iter().map(|said| said.again.min(said.until));
        asked.chain(said).chain(self.agenda.keys().map(|(at, _)| *at)).min()
    }

    pub(crate) fn expire(&mut self, now: Now) {
        let now = now.monotonic;
        while let Some(entry) = self.agenda.first_entry().filter(|entry| entry.key().0 <= now) {
            let (call_id, act) = entry.remove();
            match act {
                Act::Answer(status) => self.answer(&call_id, status, now),
                Act::HangUp => self.hang_up_in_time(&call_id, now),
                Act::GiveUp => self.give_up(&call_id, now),
                Act::Refresh => self.refresh_by_turn(&call_id, now),
            }
        }
        self.repeat_requests(now);
        self.repeat_answers(now);
    }

    /// Who was called may not hang up before the ACK (RFC 3261 15).
    fn hang_up_in_time(&mut self, call_id: &str, now: Monotonic) {
        let Some(talk) = self.talks.get(call_id) else { return };
        if talk.is_up && !talk.is_caller && !talk.acked {
            return self.at(now + T1, call_id, Act::HangUp);
        }
        self.bye(call_id, now);
    }

    fn repeat_requests(&mut self, now: Monotonic) {
        let mut given_up = Vec::new();
        for asked in &mut self.asked {
            if asked.until <= now {
                given_up.push((asked.call_id.clone(), asked.method.clone(), asked.branch.clone()));
            } else if asked.again.is_some_and(|at| at <= now) {
                asked.wait = if asked.method == "INVITE" { asked.wait * 2 } else { (asked.wait * 2).min(T2) };
                asked.again = Some(now + asked.wait);
                self.out.push(asked.text.clone());
            }
        }
        for (call_id, method, branch) in given_up {
            self.asked.retain(|asked| (&asked.branch, &asked.method) != (&branch, &method));
            match method.as_str() {
                // A refresh that nobody answered does not end the call here; its session timer would.
                "INVITE" | "UPDATE" if self.talks.get(&call_id).is_some_and(|talk| talk.refreshing.is_some()) => {
                    self.on_refreshed(&call_id, 408, "");
                }
                "INVITE" | "BYE" => self.end(&call_id),
                _ => {}
            }
        }
    }

    fn repeat_answers(&mut self, now: Monotonic) {
        let mut unheard = Vec::new();
        for said in &mut self.said {
            if said.until <= now {
                unheard.push(said.call_id.clone());
            } else if said.again <= now {
                said.wait = (said.wait * 2).min(T2);
                said.again = now + said.wait;
                self.out.push(said.text.clone());
            }
        }
        for call_id in unheard {
            self.said.retain(|said| said.call_id != call_id);
            self.bye(&call_id, now);
        }
    }

    /// The only call.
    pub(crate) fn talk(&self) -> &Talk {
        assert_eq!(self.talks.len(), 1, "one call was expected");
        self.talks.values().next().expect("a call")
    }

    /// How many requests with this method were heard, repetitions not counted.
    pub(crate) fn heard_requests(&self, wanted: &str) -> usize {
        let branches: std::collections::BTreeSet<&str> =
            self.heard.iter().filter(|(_, text)| method(text) == Some(wanted)).map(|(_, text)| branch(text)).collect();
        branches.len()
    }

    /// When requests with this method were heard, repetitions too.
    pub(crate) fn heard_at(&self, wanted: &str) -> Vec<Monotonic> {
        self.heard.iter().filter(|(_, text)| method(text) == Some(wanted)).map(|(at, _)| *at).collect()
    }
}

impl Talk {
    /// Whether the echo test was dialled (O2).
    pub(crate) fn is_echo(&self) -> bool {
        self.remote.contains("*43")
    }

    /// The Q.850 cause of the Reason header in the final answer.
    pub(crate) fn answer_q850(&self) -> Option<&str> {
        header(&self.answer, "Reason").and_then(|reason| parameter(reason, "cause"))
    }

    /// The body of the final answer.
    pub(crate) fn answer_body(&self) -> &str {
        body(&self.answer)
    }

    /// When the last INVITE was sent or heard first.
    pub(crate) fn invited(&self) -> Monotonic {
        self.invited
    }
}
