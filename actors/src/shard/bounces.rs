//! Datagrams that the network sent back, and those that the kernel would not take: the transactions that sent them hear of it.
//!
//! Which of them are believed is the endpoint's to decide.

use super::Shard;
use crate::mailbox::offer;
use actix::{Context, Handler, Message};
use domain::Machine as _;
use sip::endpoint::{Event, shard_of_bounce};
use wire::Bounce;

/// Datagrams of this node came back.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Bounced(pub(super) Vec<Bounce>);

impl Shard {
    /// Whatever came back belongs to the shard that its branch names; a socket of the port is as good as any other to the kernel.
    fn on_bounced(&mut self, bounces: Vec<Bounce>, ctx: &mut Context<Self>) {
        let mut mine = Vec::new();
        for bounce in bounces {
            match shard_of_bounce(&bounce.quote) {
                Some(shard) if shard == self.naming.shard => mine.push(bounce),
                Some(shard) => {
                    if let Some(shard) = self.core.shard(shard) {
                        // One that is lost is told again when the request is repeated.
                        let _ = offer(&shard.address, Bounced(vec![bounce]));
                    }
                }
                None => {}
            }
        }
        self.take_bounces(mine, ctx);
        self.flush(ctx);
    }

    pub(super) fn take_bounces(&mut self, bounces: Vec<Bounce>, ctx: &mut Context<Self>) {
        for Bounce { to, quote } in bounces {
            let now = self.core.clock.now();
            self.endpoint.handle(Event::Bounced { addr: to, quote: quote.into() }, now, &mut self.effects);
            self.follow_up(ctx);
        }
    }
}

impl Handler<Bounced> for Shard {
    type Result = ();
    fn handle(&mut self, Bounced(bounces): Bounced, ctx: &mut Context<Self>) {
        let began = self.begin();
        self.on_bounced(bounces, ctx);
        self.end(began);
    }
}
