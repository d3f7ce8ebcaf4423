//! Who we are to a carrier that asks (RFC 3261 22): its challenges are answered with digest, each request once; what was answered before
//! is proven unasked, with the next nonce count (RFC 7616 3.4).
//!
//! The arithmetic is `sip::digest`'s. Challenges are kept for one dialog and no longer: many carriers give each nonce once, and nothing
//! is shared between calls.

use crate::words::{Effect, Event, Sent};
use bytes::{Bytes, BytesMut};
use domain::{Entropy, Now};
use sip::digest::{Credentials, Secret, answer, realm_of};
use sip::endpoint::{ClientTransactionId, Destination};
use sip::{Lines, Message, Method, Name, Request};
use std::collections::VecDeque;
use std::sync::Arc;

/// Requests at most that wait for their answers; of one beyond it a challenge is not answered.
const WAITING_MAX: usize = 8;

/// By which name and password a carrier knows us. Never prints the password.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    /// The user of our address of record there.
    pub user: Arc<str>,
    /// The user of digest.
    pub auth_user: Arc<str>,
    /// The only realm whose challenges are answered; none for any. Who asks is otherwise given what a password can be guessed by, however
    /// little it was meant to know us.
    pub realm: Option<Arc<str>>,
    /// What proves it.
    pub password: Arc<str>,
}

impl Account {
    /// One whose name is that of digest too, in any realm.
    pub fn new(user: &str, password: &str) -> Account {
        Account { user: user.into(), auth_user: user.into(), realm: None, password: password.into() }
    }

    /// Whether a challenge comes from where our password is known.
    fn may_answer(&self, challenge: &[u8]) -> bool {
        self.realm.as_deref().is_none_or(|pinned| realm_of(challenge).is_some_and(|realm| realm == pinned))
    }
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Account({})", self.user)
    }
}

/// The proofs of one dialog, or of one line of REGISTERs.
#[derive(Debug)]
pub struct Prover {
    account: Arc<Account>,
    chance: Entropy,
    /// What is to be answered unasked: of a proxy and of the far end, one each.
    challenges: Vec<Challenge>,
}

#[derive(Debug)]
struct Challenge {
    /// In which header it is answered.
    answered_in: Name,
    /// Those that stood in one response, in their order.
    values: Vec<Box<[u8]>>,
    /// How often it was answered.
    count: u32,
}

impl Prover {
    /// Nobody has asked yet. Client nonces come from `chance`.
    pub fn new(account: Arc<Account>, chance: Entropy) -> Prover {
        Prover { account, chance, challenges: Vec::new() }
    }

    /// Takes the challenge of a 401 or 407; whether it can be answered.
    pub fn hear(&mut self, response: &Message) -> bool {
        let (asked_in, answered_in) = match response.status() {
            Some(401) => (Name::WwwAuthenticate, Name::Authorization),
            Some(407) => (Name::ProxyAuthenticate, Name::ProxyAuthorization),
            _ => return false,
        };
        let known = response.headers(asked_in).filter(|challenge| self.account.may_answer(challenge));
        let values: Vec<Box<[u8]>> = known.map(Into::into).collect();
        self.challenges.retain(|known| known.answered_in != answered_in);
        let challenge = Challenge { answered_in, values, count: 0 };
        let is_answerable = challenge.answer(&self.account, "OPTIONS", "sip:", "").is_some();
        if is_answerable {
            self.challenges.push(challenge);
        }
        is_answerable
    }

    /// The header lines that prove a request; empty where nobody has asked.
    fn answers(&mut self, method: &Method, uri: &str) -> Vec<u8> {
        let mut lines = Vec::new();
        for challenge in &mut self.challenges {
            challenge.count = challenge.count.wrapping_add(1);
            let cnonce = format!("{:016x}", self.chance.next_u64());
            let Some(value) = challenge.answer(&self.account, method.as_str(), uri, &cnonce) else { continue };
            for part in [challenge.answered_in.as_str(), ": ", &value, "\r\n"] {
                lines.extend_from_slice(part.as_bytes());
            }
        }
        lines
    }

    /// The same request with what proves it, where somebody has asked: behind the request line.
    pub fn prove(&mut self, request: &Bytes) -> Bytes {
        let Some((method, uri)) = start_of(request) else { return request.clone() };
        let lines = self.answers(&method, uri);
        with_lines(request, &lines)
    }
}

impl Challenge {
    /// The credentials that answer it, where we can.
    fn answer(&self, account: &Account, method: &str, uri: &str, cnonce: &str) -> Option<String> {
        let credentials = Credentials { user: &account.auth_user, secret: Secret::Password(&account.password) };
        let values = self.values.iter().map(|value| &**value);
        answer(values, credentials, method, uri, self.count, cnonce).ok()
    }
}

/// Method and URI of a request that was printed by us.
fn start_of(request: &[u8]) -> Option<(Method, &str)> {
    let line = &request[..request.iter().position(|byte| *byte == b'\r')?];
    let mut words = line.split(|byte| *byte == b' ');
    Some((Method::parse(words.next()?)?, std::str::from_utf8(words.next()?).ok()?))
}

fn with_lines(request: &Bytes, lines: &[u8]) -> Bytes {
    let Some(at) = request.iter().position(|byte| *byte == b'\n').filter(|_| !lines.is_empty()) else {
        return request.clone();
    };
    [&request[..=at], lines, &request[at + 1..]].concat().into()
}

/// The same request once more, by a head that has the next CSeq: what the dialog prints is left out of `former`.
pub(crate) fn reprinted(former: &Message, head: Lines<'_>) {
    let mut lines = head;
    for (name, text, value) in former.lines() {
        lines = match name {
            Name::Via | Name::Route | Name::MaxForwards | Name::From | Name::To | Name::CallId | Name::CSeq => lines,
            Name::ContentType | Name::ContentLength => lines,
            _ => lines.header_named(text, value),
        };
    }
    match former.content_type().and_then(|kind| std::str::from_utf8(kind).ok()) {
        Some(kind) => lines.body(kind, former.body()),
        None => lines.end(),
    }
}

/// What a leg towards a carrier proves: whatever it sends passes here.
#[derive(Debug)]
pub(crate) struct Proving {
    prover: Prover,
    /// Requests without final answer, oldest first.
    waiting: VecDeque<Waiting>,
    /// Whether what is sent next repeats a request that was challenged.
    is_repeating: bool,
    /// What proved the last INVITE: its ACK bears the same (RFC 3261 13.2.2.4).
    of_invite: Vec<u8>,
}

#[derive(Debug)]
struct Waiting {
    sent: Sent,
    transaction: Option<ClientTransactionId>,
    /// Without proof.
    request: Bytes,
    destination: Destination,
    is_repeated: bool,
}

/// A request of ours that was challenged, to be sent once more.
pub(crate) struct Challenged {
    pub(crate) sent: Sent,
    /// As it was sent, without proof.
    pub(crate) former: Message,
    pub(crate) destination: Destination,
}

impl Challenged {
    /// The same once more with the next CSeq, of a dialog that nobody keeps: another branch of a fork, which is hung up on.
    pub(crate) fn repeated(&self) -> Option<Effect> {
        let (method, uri) = (self.former.method()?, self.former.uri().ok()?);
        let mut out = BytesMut::with_capacity(1_024);
        let mut lines = Request::new(method, uri.as_str()).print(&mut out);
        for (name, text, value) in self.former.lines() {
            lines = match name {
                Name::CSeq => lines.cseq(self.former.cseq().ok()?.number.wrapping_add(1), method),
                Name::ContentLength => lines,
                _ => lines.header_named(text, value),
            };
        }
        lines.end();
        Some(Effect::Request { sent: self.sent, request: out.freeze(), destination: self.destination })
    }
}

/// A leg whose other side may ask who we are.
pub(crate) trait Asked {
    /// Its proofs, where it has any.
    fn proving(&mut self) -> Option<&mut Proving>;
    /// Sends a request once more; whether it did.
    fn send_again(&mut self, challenged: &Challenged, effects: &mut Vec<Effect>) -> bool;
    /// Hears what is no challenge, or one that cannot be answered.
    fn hear(&mut self, event: Event, now: Now, effects: &mut Vec<Effect>);
}

/// What every such leg does about an event: a challenge is answered, each request once (RFC 3261 22.2), and nobody hears of it then;
/// whatever leaves is proven.
pub(crate) fn handle(leg: &mut impl Asked, event: Event, now: Now, effects: &mut Vec<Effect>) {
    let first = effects.len();
    let challenged = leg.proving().and_then(|proving| proving.hear(&event));
    let is_answered = challenged.is_some_and(|challenged| leg.send_again(&challenged, effects));
    if !is_answered {
        leg.proving().into_iter().for_each(Proving::give_up);
        leg.hear(event, now, effects);
    }
    sign(leg, first, effects);
}

/// Proves what is about to leave, from this effect on, where the other side may ask.
pub(crate) fn sign(leg: &mut impl Asked, first: usize, effects: &mut [Effect]) {
    if let (Some(proving), Some(leaving)) = (leg.proving(), effects.get_mut(first..)) {
        proving.sign(leaving);
    }
}

impl Proving {
    pub(crate) fn new(account: Arc<Account>, chance: Entropy) -> Box<Proving> {
        let (waiting, of_invite) = (VecDeque::new(), Vec::new());
        Box::new(Proving { prover: Prover::new(account, chance), waiting, is_repeating: false, of_invite })
    }

    /// Proves what is about to leave.
    fn sign(&mut self, effects: &mut [Effect]) {
        for effect in effects {
            match effect {
                Effect::Request { sent, request, destination } => {
                    if self.waiting.len() == WAITING_MAX {
                        self.waiting.pop_front();
                    }
                    let is_repeated = std::mem::take(&mut self.is_repeating);
                    let (sent, plain) = (*sent, request.clone());
                    let (transaction, destination) = (None, *destination);
                    self.waiting.push_back(Waiting { sent, transaction, request: plain, destination, is_repeated });
                    let Some((method, uri)) = start_of(request) else { continue };
                    let lines = self.prover.answers(&method, uri);
                    *request = with_lines(request, &lines);
                    if method == Method::Invite {
                        self.of_invite = lines;
                    }
                }
                Effect::Acknowledge { ack, .. } => *ack = with_lines(ack, &self.of_invite),
                _ => {}
            }
        }
    }

    /// What a leg is about to hear: where it is a challenge to be answered, the request that it is about, to be sent once more.
    fn hear(&mut self, event: &Event) -> Option<Challenged> {
        match event {
            Event::RequestSent(sent, transaction) => {
                self.named(*sent, *transaction);
                None
            }
            Event::RequestRefused(sent) => {
                let unnamed = |waiting: &Waiting| waiting.sent == *sent && waiting.transaction.is_none();
                self.waiting.iter().position(unnamed).and_then(|place| self.waiting.remove(place));
                None
            }
            Event::ResponseArrived { transaction, message, .. } => self.challenged(*transaction, message),
            _ => None,
        }
    }

    /// A request is on its way under this name.
    fn named(&mut self, sent: Sent, transaction: ClientTransactionId) {
        let unnamed = |waiting: &&mut Waiting| waiting.sent == sent && waiting.transaction.is_none();
        if let Some(waiting) = self.waiting.iter_mut().find(unnamed) {
            waiting.transaction = Some(transaction);
        }
    }

    /// A response: where it challenges a request for the first time, that request, to be sent once more.
    fn challenged(&mut self, transaction: ClientTransactionId, response: &Message) -> Option<Challenged> {
        if response.status().is_none_or(|status| status < 200) {
            return None;
        }
        let place = self.waiting.iter().position(|waiting| waiting.transaction == Some(transaction))?;
        let Waiting { sent, request, destination, is_repeated, .. } = self.waiting.remove(place)?;
        if is_repeated || !self.prover.hear(response) {
            return None;
        }
        let former = Message::parse(request).ok()?;
        self.is_repeating = true;
        Some(Challenged { sent, former, destination })
    }

    /// What was to be sent once more is not.
    fn give_up(&mut self) {
        self.is_repeating = false;
    }
}
