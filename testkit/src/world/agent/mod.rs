//! A simulated SIP end, PBX or carrier: it says what its manner tells it to, and repeats what the network loses.
//!
//! It is written from RFC 3261 alone and shares no code with the switch.
//!
//! | File | Holds |
//! |---|---|
//! | `talk` | what it does by itself; a call as it sees it |
//! | `calling` | requests of its own, and their answers |
//! | `called` | requests of the switch |

mod called;
mod calling;
mod talk;

pub use talk::{Complaint, FaxManner, Manner, Refresh, Sketch, Talk};

use super::text::{branch, fax, method, sdp_flowing, status};
use domain::{Entropy, Monotonic, Now};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

const T1: Duration = Duration::from_millis(500);
const T2: Duration = Duration::from_secs(4);
const PATIENCE: Duration = Duration::from_secs(32);

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
    /// The session is over, unless somebody has refreshed it.
    SessionDue,
    /// What crossed is asked for again.
    Again(Refresh),
}

/// A simulated end.
pub struct Agent {
    /// Where it is.
    pub address: SocketAddr,
    /// Whether it is cut off: nothing reaches it, and nothing that it says is heard.
    pub is_silent: bool,
    /// What it does by itself.
    pub manner: Manner,
    /// What is shown in Via and Contact, where that is not the address (NAT).
    pub shown: SocketAddr,
    account: Option<(String, String)>,
    entropy: Entropy,
    /// Its calls, by Call-ID.
    pub talks: BTreeMap<String, Talk>,
    asked: Vec<Asked>,
    said: Vec<Said>,
    answered: BTreeMap<(String, String), String>,
    agenda: BTreeMap<(Monotonic, u64), (String, Act)>,
    acts: u64,
    calls: u64,
    register_cseq: u32,
    /// Final answers to REGISTER, the challenge not counted.
    pub registered: Vec<String>,
    register_lines: String,
    /// What it has to complain of.
    pub complaints: Vec<Complaint>,
    /// Everything heard, by arrival.
    pub heard: Vec<(Monotonic, String)>,
    out: Vec<String>,
}

impl Agent {
    /// An end at this address; who calls or registers has a user and a password.
    pub fn new(address: SocketAddr, account: Option<(&str, &str)>, entropy: Entropy) -> Agent {
        Agent {
            address,
            is_silent: false,
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
            complaints: Vec::new(),
            heard: Vec::new(),
            out: Vec::new(),
        }
    }

    /// From now on From names this caller, who has no password.
    pub(crate) fn calls_for(&mut self, caller: &str) {
        self.account = Some((caller.to_owned(), String::new()));
    }

    /// What it has to send.
    pub fn take_out(&mut self) -> Vec<String> {
        std::mem::take(&mut self.out)
    }

    fn token(&mut self) -> String {
        format!("{:016x}", self.entropy.next_u64())
    }

    fn at(&mut self, when: Monotonic, call_id: &str, act: Act) {
        self.acts += 1;
        self.agenda.insert((when, self.acts), (call_id.to_owned(), act));
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

    /// The description of a call as this end stands to it.
    fn described(&self, call_id: &str) -> String {
        let Some(Talk { sketch, .. }) = self.talks.get(call_id) else { return String::new() };
        if sketch.is_fax {
            return fax(self.address, sketch.port, sketch.version);
        }
        sdp_flowing(self.address, sketch.port, sketch.version, &sketch.formats, sketch.flow, sketch.is_zero)
    }

    /// The session of a call lasts for this long from now.
    fn begin_session(&mut self, call_id: &str, lasts: Duration, now: Monotonic) {
        if let Some(talk) = self.talks.get_mut(call_id) {
            talk.session = Some((lasts, now));
            self.at(now + lasts, call_id, Act::SessionDue);
        }
    }

    fn on_session_due(&mut self, call_id: &str, now: Monotonic) {
        let Some(talk) = self.talks.get(call_id).filter(|talk| talk.is_up) else { return };
        let Some((lasts, refreshed)) = talk.session else { return };
        if now.since(refreshed) >= lasts {
            self.complaints.push(Complaint::NotRefreshed);
            self.bye(call_id, now);
        }
    }

    /// The text of a request of a call.
    fn request(&mut self, call_id: &str, method: &str, branch: &str, more: &str, body: &str) -> String {
        let shown = self.shown;
        let talk = self.talks.get_mut(call_id).expect("a call of ours");
        if method != "ACK" && method != "CANCEL" {
            talk.cseq += 1;
        }
        let content = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        let lines = if matches!(method, "ACK" | "PRACK") { "" } else { self.manner.lines.as_str() };
        format!(
            "{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP {shown};branch={branch};rport\r\nMax-Forwards: 70\r\n\
             From: {local}\r\nTo: {remote}\r\nCall-ID: {call_id}\r\nCSeq: {cseq} {method}\r\n\
             Contact: <sip:end@{shown}>\r\n{more}{lines}{content}Content-Length: {length}\r\n\r\n{body}",
            target = talk.target,
            local = talk.local,
            remote = talk.remote,
            cseq = talk.cseq,
            length = body.len(),
        )
    }

    /// A datagram arrived.
    pub fn hear(&mut self, text: &str, now: Now) {
        let now = now.monotonic;
        self.heard.push((now, text.to_owned()));
        match status(text) {
            Some(status) => self.on_response(status, text, now),
            None => self.on_request(text, now),
        }
    }

    fn end(&mut self, call_id: &str) {
        if let Some(talk) = self.talks.get_mut(call_id) {
            talk.is_up = false;
            talk.is_over = true;
        }
    }

    /// Hangs up an answered call.
    pub fn bye(&mut self, call_id: &str, now: Monotonic) {
        if !self.talks.get(call_id).is_some_and(|talk| talk.is_up) {
            return;
        }
        let branch = format!("z9hG4bK{}", self.token());
        let reason = self.reason();
        let text = self.request(call_id, "BYE", &branch, &reason, "");
        if let Some(talk) = self.talks.get_mut(call_id) {
            talk.is_up = false;
        }
        self.ask(call_id, branch, "BYE", text, now);
    }

    /// Why something ends, where it gives a cause.
    fn reason(&self) -> String {
        let q850 = self.manner.q850.map(|cause| format!("Reason: Q.850;cause={cause}\r\n"));
        let sip = self.manner.sip_reason.map(|reason| format!("Reason: SIP;{reason}\r\n"));
        [q850, sip].into_iter().flatten().collect()
    }

    /// Hangs up, whether it was answered or not: CANCEL or BYE.
    pub fn give_up(&mut self, call_id: &str, now: Monotonic) {
        let Some(talk) = self.talks.get_mut(call_id) else { return };
        if talk.is_up {
            return self.hang_up_in_time(call_id, now);
        }
        if talk.status.is_some() || talk.is_over || !talk.is_caller {
            return;
        }
        talk.cancelled = true;
        if talk.heard_provisional && !talk.cancel_sent {
            self.cancel(call_id, now);
        }
    }

    /// Presses a key, told by INFO (`application/dtmf-relay`).
    pub fn press(&mut self, call_id: &str, key: char, now: Monotonic) {
        let branch = format!("z9hG4bK{}", self.token());
        let body = format!("Signal={key}\r\nDuration=160\r\n");
        let text = self.request(call_id, "INFO", &branch, "Content-Type: application/dtmf-relay\r\n", "");
        let text = text.replace("Content-Length: 0\r\n\r\n", &format!("Content-Length: {}\r\n\r\n{body}", body.len()));
        self.ask(call_id, branch, "INFO", text, now);
    }

    /// Sends some request inside a call, with these lines and without body.
    pub fn say(&mut self, call_id: &str, method: &'static str, lines: &str, now: Monotonic) {
        let branch = format!("z9hG4bK{}", self.token());
        let text = self.request(call_id, method, &branch, lines, "");
        self.ask(call_id, branch, method, text, now);
    }

    /// Sends a request that refreshes (or changes) the session.
    pub fn refresh(&mut self, call_id: &str, refresh: Refresh, now: Monotonic) {
        // One at a time (RFC 3261 14.1).
        if !self.talks.get(call_id).is_some_and(|talk| talk.is_up && talk.refreshing.is_none()) {
            return;
        }
        let branch = format!("z9hG4bK{}", self.token());
        let timer = "Supported: timer\r\nSession-Expires: 1800;refresher=uac\r\n";
        let method = if refresh.is_invite() { "INVITE" } else { "UPDATE" };
        if let Some(talk) = self.talks.get_mut(call_id) {
            talk.refreshing = Some(refresh);
            talk.former = Some(talk.sketch.clone());
            talk.sketch.change(refresh);
        }
        let offer = match refresh {
            Refresh::Update | Refresh::Late => String::new(),
            _ => self.described(call_id),
        };
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
    pub fn deadline(&self) -> Option<Monotonic> {
        let asked = self.asked.iter().flat_map(|asked| asked.again.into_iter().chain([asked.until]));
        let said = self.said.iter().map(|said| said.again.min(said.until));
        asked.chain(said).chain(self.agenda.keys().map(|(at, _)| *at)).min()
    }

    /// Does what is due.
    pub fn expire(&mut self, now: Now) {
        let now = now.monotonic;
        while let Some(entry) = self.agenda.first_entry().filter(|entry| entry.key().0 <= now) {
            let (call_id, act) = entry.remove();
            match act {
                Act::Answer(status) => self.answer(&call_id, status, now),
                Act::HangUp => self.hang_up_in_time(&call_id, now),
                Act::GiveUp => self.give_up(&call_id, now),
                Act::SessionDue => self.on_session_due(&call_id, now),
                Act::Again(refresh) => self.refresh(&call_id, refresh, now),
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
                    self.on_refreshed(&call_id, 408, "", now);
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
            if self.talks.get(&call_id).is_some_and(|talk| talk.is_up) {
                self.complaints.push(Complaint::NoAck);
            }
            self.bye(&call_id, now);
        }
    }

    /// The 200 to INVITE that it said last.
    pub fn said_200(&self) -> String {
        let mut said =
            self.answered.iter().filter(|((_, method), text)| method == "INVITE" && text.contains(" 200 OK"));
        said.next_back().map(|(_, text)| text.clone()).unwrap_or_default()
    }

    /// The only call.
    pub fn talk(&self) -> &Talk {
        assert_eq!(self.talks.len(), 1, "one call was expected");
        self.talks.values().next().expect("a call")
    }

    /// How many requests with this method were heard, repetitions not counted.
    pub fn heard_requests(&self, wanted: &str) -> usize {
        let branches: std::collections::BTreeSet<&str> =
            self.heard.iter().filter(|(_, text)| method(text) == Some(wanted)).map(|(_, text)| branch(text)).collect();
        branches.len()
    }

    /// When requests with this method were heard, repetitions too.
    pub fn heard_at(&self, wanted: &str) -> Vec<Monotonic> {
        self.heard.iter().filter(|(_, text)| method(text) == Some(wanted)).map(|(at, _)| *at).collect()
    }
}
