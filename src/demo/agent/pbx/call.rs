//! One call of the PBX: inviting, talking, leaving, over.
//!
//! Which call a message is for is looked up in [`super::role`].

use super::{News, PbxSettings, Told};
use crate::demo::agent::g711::Law;
use crate::demo::agent::line::{Line, address_of};
use crate::demo::agent::sound::{self, Heard, Program, Sound, Stream};
use crate::demo::agent::{proof, sdp};
use bytes::BytesMut;
use sip::dialog::{Calling as Caller, Dialog};
use sip::endpoint::{ClientTransactionId, Owner, Reply, ServerTransactionId};
use sip::{Message, Method, Name};
use std::net::UdpSocket;
use std::sync::mpsc::SyncSender;

/// How often a challenge is answered in a row: the second time because the nonce was stale.
const ANSWERS_MAX: u8 = 2;

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

/// One call.
pub(super) struct Calling {
    id: u64,
    number: String,
    news: SyncSender<Told>,
    heard: Heard,
    phase: Phase,
    caller: Option<Caller>,
    /// Open from the offer on, the stream's from the answer on.
    socket: Option<UdpSocket>,
    offer: String,
    /// The credentials of the INVITE, which its ACK repeats.
    proof: Option<(Name, String)>,
    answers: u8,
    is_given_up: bool,
}

impl Calling {
    pub(super) fn new(id: u64, number: String, news: SyncSender<Told>, heard: Heard) -> Calling {
        Calling {
            id,
            number,
            news,
            heard,
            phase: Phase::Fresh,
            caller: None,
            socket: None,
            offer: String::new(),
            proof: None,
            answers: 0,
            is_given_up: false,
        }
    }

    pub(super) fn id(&self) -> u64 {
        self.id
    }

    pub(super) fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Over)
    }

    /// Tells whoever ordered the call. He may have gone, and he has room for all there is to tell.
    pub(super) fn tell(&self, news: News, line: &Line) {
        let _ = self.news.try_send((line.now().monotonic, news));
    }

    fn end(&mut self, news: News, line: &Line) {
        self.tell(news, line);
        self.phase = Phase::Over;
    }

    /// Opens a socket for sound and sends the first INVITE.
    pub(super) fn dial(&mut self, settings: &PbxSettings, line: &mut Line) {
        let socket = match sound::socket(settings.ip) {
            Ok(socket) => socket,
            Err(why) => return self.end(News::Failed(format!("no socket for sound: {why}")), line),
        };
        let local = match socket.local_addr() {
            Ok(local) => local,
            Err(why) => return self.end(News::Failed(format!("no socket for sound: {why}")), line),
        };
        self.offer = sdp::print(local, &[Law::Mu, Law::A], line.mint_number() >> 1);
        self.socket = Some(socket);
        self.caller = Some(Caller {
            call_id: line.mint_call_id(),
            local_tag: line.mint_tag(),
            local: format!("<sip:{}@{}>", settings.account.user, settings.switch),
            remote: format!("<{}>", self.target(settings)),
            target: self.target(settings),
            routes: Vec::new(),
            sequence: 0,
            max_forwards: 70,
        });
        self.invite(settings, line);
    }

    fn target(&self, settings: &PbxSettings) -> String {
        format!("sip:{}@{}", self.number, settings.switch)
    }

    fn invite(&mut self, settings: &PbxSettings, line: &mut Line) {
        let Some(caller) = &mut self.caller else { return };
        let mut request = BytesMut::new();
        let mut lines = caller
            .request(&Method::Invite, &mut request)
            .header(Name::Contact, format!("<sip:{}@{}>", settings.account.user, line.local()))
            .header(Name::Allow, "INVITE, ACK, BYE, CANCEL, OPTIONS");
        if let Some((name, value)) = &self.proof {
            lines = lines.header(*name, value);
        }
        lines.body(sdp::SDP, self.offer.as_bytes());
        match line.request(Owner(self.id), &request, settings.switch) {
            Ok(transaction) => self.phase = Phase::Inviting(transaction),
            Err(refused) => self.end(News::Failed(refused.to_string()), line),
        }
    }

    /// Hangs up, or gives up.
    pub(super) fn hang_up(&mut self, line: &mut Line) {
        match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Inviting(transaction) => {
                self.is_given_up = true;
                self.phase = Phase::Inviting(transaction);
                line.cancel(transaction);
            }
            Phase::Talking(dialog) => self.bye(dialog, line),
            Phase::Leaving(dialog) => self.phase = Phase::Leaving(dialog),
            Phase::Fresh | Phase::Over => {}
        }
    }

    fn bye(&mut self, mut dialog: Box<Dialog>, line: &mut Line) {
        let mut request = BytesMut::new();
        dialog.request(&Method::Bye, &mut request).end();
        let sent = address_of(dialog.next_hop()).map(|to| line.request(Owner(self.id), &request, to));
        match sent {
            Some(Ok(_)) => self.phase = Phase::Leaving(dialog),
            Some(Err(refused)) => self.end(News::Failed(refused.to_string()), line),
            None => self.end(News::Failed(format!("{} is no address to send BYE to", dialog.next_hop())), line),
        }
    }

    pub(super) fn on_response(
        &mut self,
        transaction: ClientTransactionId,
        response: &Message,
        settings: &PbxSettings,
        sound: &Sound,
        line: &mut Line,
    ) {
        let status = response.status().unwrap_or_default();
        match (&self.phase, status) {
            (Phase::Inviting(_), 101..=199) => self.tell(News::Ringing(status), line),
            (Phase::Inviting(_), 200..=299) => self.on_answer(transaction, response, settings, sound, line),
            (Phase::Inviting(_), 401 | 407) if self.answers < ANSWERS_MAX && !self.is_given_up => {
                self.answers += 1;
                let (cnonce, target) = (line.mint_tag(), self.target(settings));
                match proof::answer_to(response, &settings.account, &Method::Invite, &target, &cnonce) {
                    Ok(proof) => {
                        self.proof = Some(proof);
                        self.invite(settings, line);
                    }
                    Err(why) => self.end(News::Failed(why), line),
                }
            }
            (Phase::Inviting(_), 300..) => self.end(
                News::Refused {
                    status,
                    reason: text_of(response, Name::Reason),
                    warning: text_of(response, Name::Warning),
                },
                line,
            ),
            (Phase::Leaving(_), 200..) => self.end(News::Ended, line),
            _ => {}
        }
    }

    fn on_answer(
        &mut self,
        transaction: ClientTransactionId,
        response: &Message,
        settings: &PbxSettings,
        sound: &Sound,
        line: &mut Line,
    ) {
        let Some(Ok(dialog)) = self.caller.as_ref().map(|caller| caller.established_by(response)) else {
            return self.end(News::Failed("the 200 makes no dialog".to_owned()), line);
        };
        line.bind(dialog.call_id(), dialog.local_tag(), Owner(self.id));
        let mut ack = BytesMut::new();
        let mut lines = dialog.ack(&mut ack);
        if let Some((name, value)) = &self.proof {
            lines = lines.header(*name, value);
        }
        lines.end();
        let acknowledged = address_of(dialog.next_hop()).map(|to| line.acknowledge(transaction, &ack, to));
        if !matches!(acknowledged, Some(Ok(()))) {
            return self.end(News::Failed(format!("{} is no address to send ACK to", dialog.next_hop())), line);
        }
        let dialog = Box::new(dialog);
        let spoken = sdp::read(response.body());
        match (spoken, self.socket.take()) {
            (Some(spoken), Some(socket)) if !self.is_given_up => {
                let program = Program::Play(settings.melody);
                let heard = self.heard.clone();
                let (peer, law) = (spoken.address, spoken.law);
                sound.begin(Stream { id: self.id, socket, peer, law, program, heard });
                self.phase = Phase::Talking(dialog);
                self.tell(News::Answered, line);
            }
            (None, _) => {
                self.tell(News::Failed("the answer has no sound that G.711 could speak to".to_owned()), line);
                self.bye(dialog, line);
            }
            // The answer crossed our CANCEL (RFC 3261 9.1).
            _ => self.bye(dialog, line),
        }
    }

    /// A transaction of this call had no answer.
    pub(super) fn on_failure(&mut self, line: &Line) {
        self.end(News::Failed("the switch did not answer".to_owned()), line);
    }

    pub(super) fn on_request(&mut self, transaction: ServerTransactionId, request: &Message, line: &mut Line) {
        let (Phase::Talking(dialog) | Phase::Leaving(dialog)) = &mut self.phase else { return };
        if let Err(untimely) = dialog.take_request(request) {
            return line.respond(transaction, Reply::new(untimely.status(), untimely.phrase()));
        }
        match request.method() {
            Some(Method::Bye) => {
                line.respond(transaction, Reply::new(200, "OK"));
                self.end(News::HungUp { reason: text_of(request, Name::Reason) }, line);
            }
            Some(Method::Invite) => line.respond(transaction, Reply::new(488, "Not Acceptable Here")),
            Some(_) | None => line.respond(transaction, Reply::new(200, "OK")),
        }
    }

    /// Gives back what the call had.
    pub(super) fn leave(&self, sound: &Sound, line: &mut Line) {
        sound.end(self.id);
        if let Some(caller) = &self.caller {
            line.unbind(&caller.call_id, &caller.local_tag);
        }
    }
}

fn text_of(message: &Message, name: Name) -> Option<String> {
    message.header(name).map(|value| String::from_utf8_lossy(value).into_owned())
}
