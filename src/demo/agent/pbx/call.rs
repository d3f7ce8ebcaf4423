//! One call of the PBX: a [`telephone::Calling`] with its sound, and whoever wants to know what becomes of it.
//!
//! Which call a message is for is looked up in [`super::role`].

use super::{News, PbxSettings, Told};
use crate::demo::agent::line::Line;
use crate::demo::agent::sound::{self, Heard, Program, Sound, Stream};
use sip::Message;
use sip::endpoint::{ClientTransactionId, Owner, ServerTransactionId};
use std::net::UdpSocket;
use std::sync::mpsc::SyncSender;
use telephone::g711::Law;
use telephone::sdp;

/// One call.
pub(super) struct Calling {
    id: u64,
    call: telephone::Calling,
    news: SyncSender<Told>,
    heard: Heard,
    /// Open from the offer on, the stream's from the answer on.
    socket: Option<UdpSocket>,
}

impl Calling {
    pub(super) fn new(id: u64, number: String, news: SyncSender<Told>, heard: Heard) -> Calling {
        Calling { id, call: telephone::Calling::new(Owner(id), number), news, heard, socket: None }
    }

    pub(super) fn id(&self) -> u64 {
        self.id
    }

    pub(super) fn is_over(&self) -> bool {
        self.call.is_over()
    }

    /// Tells whoever ordered the call. He may have gone, and he has room for all there is to tell.
    pub(super) fn tell(&self, news: News, line: &Line) {
        let _ = self.news.try_send((line.now().monotonic, news));
    }

    fn tell_all(&self, news: Vec<News>, line: &Line) {
        news.into_iter().for_each(|news| self.tell(news, line));
    }

    /// Opens a socket for sound and sends the first INVITE.
    pub(super) fn dial(&mut self, settings: &PbxSettings, line: &mut Line) {
        let mut news = Vec::new();
        match sound::socket(settings.ip).and_then(|socket| Ok((socket.local_addr()?, socket))) {
            Ok((local, socket)) => {
                self.socket = Some(socket);
                let offer = sdp::print(local, &[Law::Mu, Law::A], line.mint_number() >> 1);
                self.call.dial(offer, &settings.subscriber, line, &mut news);
            }
            Err(why) => self.call.fail(format!("no socket for sound: {why}"), &mut news),
        }
        self.tell_all(news, line);
    }

    /// Hangs up, or gives up.
    pub(super) fn hang_up(&mut self, line: &mut Line) {
        let mut news = Vec::new();
        self.call.hang_up(line, &mut news);
        self.tell_all(news, line);
    }

    pub(super) fn on_response(
        &mut self,
        transaction: ClientTransactionId,
        response: &Message,
        settings: &PbxSettings,
        sound: &Sound,
        line: &mut Line,
    ) {
        let mut news = Vec::new();
        self.call.on_response(transaction, response, &settings.subscriber, line, &mut news);
        if news.contains(&News::Answered)
            && let (Some(spoken), Some(socket)) = (self.call.spoken(), self.socket.take())
        {
            let program = Program::Play(settings.melody);
            let heard = self.heard.clone();
            sound.begin(Stream { id: self.id, socket, peer: spoken.address, law: spoken.law, program, heard });
        }
        self.tell_all(news, line);
    }

    /// A transaction of this call had no answer.
    pub(super) fn on_failure(&mut self, line: &Line) {
        let mut news = Vec::new();
        self.call.on_failure(&mut news);
        self.tell_all(news, line);
    }

    pub(super) fn on_request(&mut self, transaction: ServerTransactionId, request: &Message, line: &mut Line) {
        let mut news = Vec::new();
        self.call.on_request(transaction, request, line, &mut news);
        self.tell_all(news, line);
    }

    /// Gives back what the call had.
    pub(super) fn leave(&self, sound: &Sound, line: &mut Line) {
        sound.end(self.id);
        self.call.leave(line);
    }
}
