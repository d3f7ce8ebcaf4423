//! Messages on their way to a connection of another shard, and the news that one did not go.
//!
//! Which connection it is, and whether another one is opened, is `connections`'.

use super::Shard;
use actix::{Context, Handler, Message};
use bytes::Bytes;
use domain::Machine;
use sip::endpoint::{Destination, Event, Flow};

/// Send something over a connection of this shard.
#[derive(Message)]
#[rtype(result = "()")]
pub struct SendOver {
    /// What is sent, and for whom.
    pub sending: Sending,
    /// The connection of this shard that it is to take.
    pub flow: Flow,
}

/// A message on its way to a connection.
#[derive(Clone, Debug)]
pub struct Sending {
    /// One whole message.
    pub bytes: Bytes,
    /// Where to, as the endpoint said it.
    pub destination: Destination,
    /// The shard whose endpoint that was: it hears where it fails.
    pub from: u16,
    /// Whether another connection may be opened where the one that is meant is gone. Not for who has proven nothing.
    pub may_open: bool,
}

/// What this shard's endpoint sent over a connection of another shard did not go.
#[derive(Message)]
#[rtype(result = "()")]
pub struct SendingFailed(pub Destination);

/// A connection of another shard is gone.
#[derive(Message)]
#[rtype(result = "()")]
pub struct FlowEnded(pub Flow);

impl Handler<SendOver> for Shard {
    type Result = ();
    fn handle(&mut self, SendOver { sending, flow }: SendOver, ctx: &mut Context<Self>) {
        let began = self.begin();
        self.transmit_over(flow, sending, ctx);
        self.follow_up(ctx);
        self.end(began);
    }
}

impl Handler<SendingFailed> for Shard {
    type Result = ();
    fn handle(&mut self, SendingFailed(destination): SendingFailed, ctx: &mut Context<Self>) {
        let began = self.begin();
        self.fail(destination, self.naming.shard);
        self.follow_up(ctx);
        self.flush(ctx);
        self.end(began);
    }
}

impl Handler<FlowEnded> for Shard {
    type Result = ();
    fn handle(&mut self, FlowEnded(flow): FlowEnded, ctx: &mut Context<Self>) {
        let began = self.begin();
        let now = self.core.clock.now();
        self.endpoint.handle(Event::FlowClosed { flow }, now, &mut self.effects);
        self.follow_up(ctx);
        self.flush(ctx);
        self.end(began);
    }
}
