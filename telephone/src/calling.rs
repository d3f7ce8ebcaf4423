//! One call that is placed: inviting, talking, leaving, over.
//!
//! Sound is the owner's: the offer is given to [`Calling::dial`], and where to send is [`Calling::spoken`] once it is answered.

use crate::account::answer_to;
use crate::sdp::{self, Spoken};
use crate::{ANSWERS_MAX, Line, Subscriber, address_of};
use bytes::BytesMut;
use sip::dialog::{Calling as Caller, Dialog};
use sip::endpoint::{ClientTransactionId, Owner, Reply, ServerTransactionId};
use sip::{Message, Method, Name};

/// What becomes of a call, in the order in which it happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// It rings, or something like it (18x).
    Ringing(u16),
    /// It was answered, and sound can flow.
    Answered,
    /// It was refused, or given up.
    Refused {
        /// The final status.
        status: u16,
        /// The Reason header, where there was one.
        reason: Option<String>,
        /// The Warning header, where there was one.
        warning: Option<String>,
    },
    /// The other side hung up.
    HungUp {
        /// The Reason header, where there was one.
        reason: Option<String>,
    },
    /// Our hang-up was answered.
    Ended,
    /// There is no call, and this is why.
    Failed(String),
}

/// How far a call is.
enum Phase {
    /// Nothing was sent yet.
    Fresh,
    /// The INVITE waits for its final response.
    Inviting(ClientTransactionId),
    /// It was answered.
    Talking(Box<Dialog>),
    /// Our BYE waits for its answer.
    Leaving(Box<Dialog>),
    /// Nothing more will happen.
    Over,
}

/// One call. What becomes of it is appended to the `news` of each method.
pub struct Calling {
    owner: Owner,
    number: String,
    phase: Phase,
    caller: Option<Caller>,
    offer: String,
    spoken: Option<Spoken>,
    /// The credentials of the INVITE, which its ACK repeats.
    proof: Option<(Name, String)>,
    answers: u8,
    is_given_up: bool,
}

impl Calling {
    /// A call to this number that was not dialled yet; its transactions and dialog are `owner`'s.
    pub fn new(owner: Owner, number: String) -> Calling {
        Calling {
            owner,
            number,
            phase: Phase::Fresh,
            caller: None,
            offer: String::new(),
            spoken: None,
            proof: None,
            answers: 0,
            is_given_up: false,
        }
    }

    /// Whether nothing more will happen.
    pub fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Over)
    }

    /// Whether it was answered and nobody hung up.
    pub fn is_talking(&self) -> bool {
        matches!(self.phase, Phase::Talking(_))
    }

    /// What the other side said about its sound; none before it answered.
    pub fn spoken(&self) -> Option<Spoken> {
        self.spoken
    }

    /// There is no call, and `why`.
    pub fn fail(&mut self, why: String, news: &mut Vec<News>) {
        self.end(News::Failed(why), news);
    }

    fn end(&mut self, what: News, news: &mut Vec<News>) {
        news.push(what);
        self.phase = Phase::Over;
    }

    /// Sends the first INVITE, with this session description.
    pub fn dial(&mut self, offer: String, subscriber: &Subscriber, line: &mut Line, news: &mut Vec<News>) {
        self.offer = offer;
        self.caller = Some(Caller {
            call_id: line.mint_call_id(),
            local_tag: line.mint_tag(),
            local: subscriber.address(),
            remote: format!("<{}>", self.target(subscriber)),
            target: self.target(subscriber),
            routes: Vec::new(),
            sequence: 0,
            max_forwards: 70,
        });
        self.invite(subscriber, line, news);
    }

    fn target(&self, subscriber: &Subscriber) -> String {
        format!("sip:{}@{}", self.number, subscriber.domain)
    }

    fn invite(&mut self, subscriber: &Subscriber, line: &mut Line, news: &mut Vec<News>) {
        let Some(caller) = &mut self.caller else { return };
        let mut request = BytesMut::new();
        let mut lines = caller
            .request(&Method::Invite, &mut request)
            .header(Name::Contact, subscriber.contact(line.local()))
            .header(Name::Allow, "INVITE, ACK, BYE, CANCEL, OPTIONS");
        if let Some((name, value)) = &self.proof {
            lines = lines.header(*name, value);
        }
        lines.body(sdp::SDP, self.offer.as_bytes());
        match line.request(self.owner, &request, subscriber.server) {
            Ok(transaction) => self.phase = Phase::Inviting(transaction),
            Err(refused) => self.fail(refused.to_string(), news),
        }
    }

    /// Hangs up, or gives up.
    pub fn hang_up(&mut self, line: &mut Line, news: &mut Vec<News>) {
        match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Inviting(transaction) => {
                self.is_given_up = true;
                self.phase = Phase::Inviting(transaction);
                line.cancel(transaction);
            }
            Phase::Talking(dialog) => self.bye(dialog, line, news),
            Phase::Leaving(dialog) => self.phase = Phase::Leaving(dialog),
            Phase::Fresh | Phase::Over => {}
        }
    }

    fn bye(&mut self, mut dialog: Box<Dialog>, line: &mut Line, news: &mut Vec<News>) {
        let mut request = BytesMut::new();
        dialog.request(&Method::Bye, &mut request).end();
        let sent = address_of(dialog.next_hop()).map(|to| line.request(self.owner, &request, to));
        match sent {
            Some(Ok(_)) => self.phase = Phase::Leaving(dialog),
            Some(Err(refused)) => self.fail(refused.to_string(), news),
            None => self.fail(format!("{} is no address to send BYE to", dialog.next_hop()), news),
        }
    }

    /// A response to a request of this call.
    pub fn on_response(
        &mut self,
        transaction: ClientTransactionId,
        response: &Message,
        subscriber: &Subscriber,
        line: &mut Line,
        news: &mut Vec<News>,
    ) {
        let status = response.status().unwrap_or_default();
        match (&self.phase, status) {
            (Phase::Inviting(_), 101..=199) => news.push(News::Ringing(status)),
            (Phase::Inviting(_), 200..=299) => self.on_answer(transaction, response, line, news),
            (Phase::Inviting(_), 401 | 407) if self.answers < ANSWERS_MAX && !self.is_given_up => {
                self.answers += 1;
                let (cnonce, target) = (line.mint_tag(), self.target(subscriber));
                match answer_to(response, &subscriber.account, &Method::Invite, &target, &cnonce) {
                    Ok(proof) => {
                        self.proof = Some(proof);
                        self.invite(subscriber, line, news);
                    }
                    Err(why) => self.fail(why, news),
                }
            }
            (Phase::Inviting(_), 300..) => {
                let (reason, warning) = (text_of(response, Name::Reason), text_of(response, Name::Warning));
                self.end(News::Refused { status, reason, warning }, news);
            }
            (Phase::Leaving(_), 200..) => self.end(News::Ended, news),
            _ => {}
        }
    }

    fn on_answer(
        &mut self,
        transaction: ClientTransactionId,
        response: &Message,
        line: &mut Line,
        news: &mut Vec<News>,
    ) {
        let Some(Ok(dialog)) = self.caller.as_ref().map(|caller| caller.established_by(response)) else {
            return self.fail("the 200 makes no dialog".to_owned(), news);
        };
        line.bind(dialog.call_id(), dialog.local_tag(), self.owner);
        let mut ack = BytesMut::new();
        let mut lines = dialog.ack(&mut ack);
        if let Some((name, value)) = &self.proof {
            lines = lines.header(*name, value);
        }
        lines.end();
        let acknowledged = address_of(dialog.next_hop()).map(|to| line.acknowledge(transaction, &ack, to));
        if !matches!(acknowledged, Some(Ok(()))) {
            return self.fail(format!("{} is no address to send ACK to", dialog.next_hop()), news);
        }
        let dialog = Box::new(dialog);
        self.spoken = sdp::read(response.body());
        if self.spoken.is_none() {
            news.push(News::Failed("the answer has no sound that G.711 could speak to".to_owned()));
            self.bye(dialog, line, news);
        } else if self.is_given_up {
            // The answer crossed our CANCEL (RFC 3261 9.1).
            self.bye(dialog, line, news);
        } else {
            self.phase = Phase::Talking(dialog);
            news.push(News::Answered);
        }
    }

    /// A transaction of this call had no answer.
    pub fn on_failure(&mut self, news: &mut Vec<News>) {
        self.fail("the switch did not answer".to_owned(), news);
    }

    /// A request inside the dialog.
    pub fn on_request(
        &mut self,
        transaction: ServerTransactionId,
        request: &Message,
        line: &mut Line,
        news: &mut Vec<News>,
    ) {
        let (Phase::Talking(dialog) | Phase::Leaving(dialog)) = &mut self.phase else { return };
        if let Err(untimely) = dialog.take_request(request) {
            return line.respond(transaction, Reply::new(untimely.status(), untimely.phrase()));
        }
        match request.method() {
            Some(Method::Bye) => {
                line.respond(transaction, Reply::new(200, "OK"));
                self.end(News::HungUp { reason: text_of(request, Name::Reason) }, news);
            }
            Some(Method::Invite) => line.respond(transaction, Reply::new(488, "Not Acceptable Here")),
            Some(_) | None => line.respond(transaction, Reply::new(200, "OK")),
        }
    }

    /// Gives back what the call had of the line.
    pub fn leave(&self, line: &mut Line) {
        if let Some(caller) = &self.caller {
            line.unbind(&caller.call_id, &caller.local_tag);
        }
    }
}

fn text_of(message: &Message, name: Name) -> Option<String> {
    message.header(name).map(|value| String::from_utf8_lossy(value).into_owned())
}
