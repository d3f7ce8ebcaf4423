//! Orders of legs to the endpoint, and the endpoint's news to them.

use super::Shard;
use crate::call;
use crate::mailbox::tell;
use crate::shell::Tell;
use crate::ways;
use crate::ways::errands::errand_of;
use crate::ways::owners::{leg_of, owner_of};
use actix::{Context, Handler, Message};
use domain::call_control::LegId;
use leg::Effect as Order;
use leg::Event as News;
use media::{BySide, Side};
use sip::endpoint::{Effect, Owner};

/// A session of this shard heard nothing for too long.
#[derive(Message)]
#[rtype(result = "()")]
pub struct SoundSilent {
    /// Whose.
    pub place: u64,
    /// Which sides were silent.
    pub sides: BySide<bool>,
}

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

    fn on_silent(&self, place: u64, sides: BySide<bool>) {
        let Some(call) = self.places.get(place) else { return };
        // As in an outgoing call: the house knows better. The legs towards carriers are all one side to the relay; which of them was
        // silent does not matter to the call.
        let leg = if sides[Side::A] { LegId::CALLER } else { LegId(1) };
        let event = switch::call::Event::MediaSilent { leg };
        tell(call, Tell(call::Event::Call(event)));
    }
}

impl Handler<SoundSilent> for Shard {
    type Result = ();
    fn handle(&mut self, SoundSilent { place, sides }: SoundSilent, _: &mut Context<Self>) {
        let began = self.begin();
        self.on_silent(place, sides);
        self.end(began);
    }
}
