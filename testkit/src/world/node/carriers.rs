//! Carriers' machines of the node, and their OPTIONS.

use super::{Node, Work};
use actors::{call, ways};
use domain::{CarrierId, Machine, Now};
use std::sync::Arc;
use switch::{Carrier, carrier};

impl Node {
    /// Does what is due.
    pub(super) fn expire_carriers(&mut self, now: Now) {
        let is_due = |machine: &Carrier| machine.deadline().is_some_and(|at| at <= now.monotonic);
        let due: Vec<CarrierId> =
            self.carriers.iter().filter(|(_, machine)| is_due(machine)).map(|(id, _)| *id).collect();
        for id in due {
            self.at_carrier(id, now, |carrier, effects| carrier.expire(now, effects));
            self.settle(now);
        }
    }

    pub(super) fn at_carrier(
        &mut self,
        id: CarrierId,
        now: Now,
        act: impl FnOnce(&mut Carrier, &mut Vec<carrier::Effect>),
    ) {
        let desk = &self.desk;
        let machine = self.carriers.entry(id).or_insert_with(|| Carrier::new(id, Arc::clone(desk.directory()), now));
        let mut effects = Vec::new();
        act(machine, &mut effects);
        for effect in effects {
            match effect {
                carrier::Effect::TellCall(call, event) => {
                    if let Some(place) = self.places.get(&call) {
                        self.work.push_back(Work::Call(*place, call::Event::Call(event)));
                    }
                }
                carrier::Effect::Probe { number } => self.probe(id, number, now),
                carrier::Effect::Publish(_) => {}
                carrier::Effect::Tell(fact) => self.facts.push((now, fact)),
            }
        }
    }

    fn probe(&mut self, id: CarrierId, number: u64, now: Now) {
        let desk = Arc::clone(&self.desk);
        let target = desk.carrier(id, &mut self.entropy, now.monotonic).expect("a carrier of this world");
        let request = ways::errands::options(&target, &self.naming, &mut self.entropy);
        let errand = self.errands.last_key_value().map_or(1, |(last, _)| last + 1);
        self.errands.insert(errand, (id, number));
        let owner = ways::errands::owner_of_errand(errand);
        self.at_endpoint(now, |endpoint, effects| {
            endpoint.request(owner, &request, target.destination, now, effects).expect("there is room for an OPTIONS");
        });
    }

    /// Something came of an OPTIONS.
    pub(super) fn hear_errand(&mut self, errand: u64, news: &leg::Event) {
        let Some(outcome) = ways::errands::outcome(news) else { return };
        if let Some((id, number)) = self.errands.remove(&errand) {
            self.work.push_back(Work::Carrier(id, ways::errands::probe_heard(number, outcome)));
        }
    }
}
