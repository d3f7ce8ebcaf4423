//! Orders of legs to the endpoint, and the endpoint's news to them.

use super::Shard;
use crate::call;
use crate::mailbox::{offer, tell};
use crate::shell::Tell;
use crate::ways;
use crate::ways::errands::errand_of;
use crate::ways::owners::{leg_of, owner_of};
use actix::{Context, Handler, Message};
use domain::call_control::LegId;
use domain::media::KeyPress;
use leg::Effect as Order;
use leg::Event as News;
use media::{BySide, MediaEvent, Side};
use sip::endpoint::{Effect, Owner};
use telemetry::labels::{Actor, ActorOutcome};

/// What the media room heard in a session of this shard.
#[derive(Message)]
#[rtype(result = "()")]
pub struct SoundHeard(pub MediaEvent);

impl Shard {
    pub(super) fn on_leg_order(&mut self, place: u64, leg: LegId, order: Order) {
        let now = self.core.clock.now();
        let owner = owner_of(place, leg);
        if let Some(news) = ways::legs::obey(&mut self.endpoint, owner, order, now, &mut self.effects) {
            self.tell(owner, news);
        }
    }

    pub(super) fn tell_leg(&mut self, news: Effect) {
        let Some((owner, news)) = ways::legs::news_of(news) else { return };
        match errand_of(owner) {
            Some(errand) => self.on_errand(errand, &news),
            None => self.tell(owner, news),
        }
    }

    /// What finishes a call always passes; a leg whose call is over is told nothing.
    fn tell(&self, owner: Owner, news: News) {
        let (place, leg) = leg_of(owner);
        if let Some(call) = self.places.get(place) {
            tell(call, Tell(call::Event::Leg(leg, news)));
        }
    }

    /// A key is as new as a call: where the call's mailbox is full, it is lost.
    fn on_key(&self, place: u64, side: Side, key: KeyPress) {
        let Some(call) = self.places.get(place) else { return };
        if !offer(call, Tell(call::Event::KeyHeard(side, key))) {
            self.core.telemetry.count_actor_messages(Actor::Call, ActorOutcome::Dropped, 1);
        }
    }

    fn on_silent(&self, place: u64, sides: BySide<bool>) {
        let Some(call) = self.places.get(place) else { return };
        // As in an outgoing call: the house knows better. The legs towards carriers are all one side to the relay; which of them was
        // silent does not matter to the call.
        let leg = if sides[Side::A] { LegId::CALLER } else { LegId(1) };
        let event = switch::call::Event::MediaSilent { leg };
        tell(call, Tell(call::Event::Call(event)));
    }
}

impl Handler<SoundHeard> for Shard {
    type Result = ();
    fn handle(&mut self, SoundHeard(event): SoundHeard, _: &mut Context<Self>) {
        let began = self.begin();
        match event {
            MediaEvent::Silent { session, sides } => self.on_silent(session.0, sides),
            MediaEvent::Key { session, side, key } => self.on_key(session.0, side, key),
        }
        self.end(began);
    }
}
