//! A house that calls inside (R11): how its second call is born, and how the first hears of it.
//!
//! What the two say to each other is in `joint`; whether a number is ours, `switch` decides.

use super::house::House;
use super::joint::{self, Part, Second};
use super::words::Effect;
use domain::call_control::{LegId, LegOrder, OutgoingInvitation};
use domain::{CallId, Now};
use switch::Call;
use switch::call::{Stranger, opening_inside};

impl House {
    /// The first call calls a number of ours: a call of its own, to that number's profile (R11).
    pub(super) fn call_inside(&mut self, leg: LegId, order: &OutgoingInvitation, now: Now, effects: &mut Vec<Effect>) {
        let id = CallId::mint(now.wall, &mut self.entropy);
        let own = self.naming.identity.contact;
        let opening = opening_inside(&self.call, order, id, own, self.binding.clone());
        let mut orders = Vec::new();
        match Call::open(opening, now, &mut orders) {
            Ok(call) => {
                self.second = Some(Box::new(Second::new(call, leg)));
                effects.push(Effect::Joined(id));
                self.news.push_back((Part::First, switch::call::Event::Joined(id)));
                self.obey(Part::Second, &mut orders, now, effects);
            }
            Err(Stranger { refusal, .. }) => self.tell_call(leg, joint::refused(refusal)),
        }
    }

    /// The first call orders something of the second, which stands in the place of one of its legs.
    pub(super) fn tell_second(&mut self, leg: LegId, order: LegOrder) {
        let Some(second) = &mut self.second else { return };
        let (event, is_last) = second.heard_by_second(order);
        self.news.extend(event.map(|event| (Part::Second, switch::call::Event::Leg(LegId::CALLER, event))));
        if is_last {
            self.news.push_back((Part::First, switch::call::Event::LegClosed(leg)));
        }
    }

    /// The second call orders something of its caller.
    pub(super) fn tell_first(&mut self, order: LegOrder) {
        let Some(second) = &mut self.second else { return };
        let leg = second.leg();
        let (event, is_last) = second.heard_by_first(order);
        self.news.extend(event.map(|event| (Part::First, switch::call::Event::Leg(leg, event))));
        if is_last {
            self.news.push_back((Part::First, switch::call::Event::LegClosed(leg)));
        }
    }
}
