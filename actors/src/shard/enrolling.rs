//! REGISTERs of this shard to carriers: correspondences, and what came of them.
//!
//! Their words are `ways::enrolling`'s; when to register is decided in `switch::enrolment`.

use super::Shard;
use super::errands::Errand;
use crate::ways::enrolling::{Correspondence, Heard, UnderWay};
use crate::ways::errands::Unanswered;
use bytes::Bytes;
use domain::CarrierId;
use sip::{Message, Method};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use switch::{Enrolment, enrolment::Event};

/// Correspondences with carriers: the newest with each, and older ones while a REGISTER of theirs is under way.
#[derive(Default)]
pub(super) struct Enrolments {
    last: u64,
    newest: BTreeMap<CarrierId, u64>,
    open: BTreeMap<u64, Correspondence>,
}

impl Shard {
    pub(super) fn on_register_ordered(&mut self, carrier: CarrierId, number: u64, expires_s: u32) {
        let correspondence =
            if expires_s == 0 { self.enrolments.newest.remove(&carrier) } else { self.correspondence(carrier) };
        let printed = correspondence.and_then(|id| {
            let correspondence = self.enrolments.open.get_mut(&id)?;
            Some((id, correspondence.register(number, expires_s, &self.naming.identity.user_agent)))
        });
        match printed {
            Some((id, (request, under_way))) => self.send_register(id, request, under_way),
            None => {
                let because = "its address is not known, or who we are to it".into();
                self.end_register(carrier, Event::Failed { number, because });
            }
        }
    }

    /// The correspondence with a carrier as it is configured now.
    fn correspondence(&mut self, carrier: CarrierId) -> Option<u64> {
        let desk = self.core.desk.load_full();
        let version = desk.directory().carrier(carrier)?.enrolment?.version;
        let newest = self.enrolments.newest.get(&carrier).copied();
        let is_current = |id: &u64| self.enrolments.open.get(id).is_some_and(|known| known.is_of(version));
        if let Some(id) = newest.filter(is_current) {
            return Some(id);
        }
        let target = desk.carrier(carrier, &mut self.entropy, self.core.clock.monotonic())?;
        let account = target.account.as_ref()?;
        let opened = Correspondence::open(carrier, version, &target, account, &self.naming, &mut self.entropy);
        self.enrolments.last += 1;
        let id = self.enrolments.last;
        self.enrolments.open.insert(id, opened);
        if let Some(former) = self.enrolments.newest.insert(carrier, id) {
            self.enrolments.open.remove(&former);
        }
        Some(id)
    }

    fn send_register(&mut self, id: u64, request: Bytes, under_way: UnderWay) {
        let Some(correspondence) = self.enrolments.open.get(&id) else { return };
        let (carrier, destination) = (correspondence.carrier, correspondence.destination());
        let number = under_way.number();
        let errand = Errand::Register { correspondence: id, under_way };
        if !self.send_errand(errand, &request, destination) {
            self.close_correspondence(id);
            let because = "this node has no room for the REGISTER".into();
            self.end_register(carrier, Event::Failed { number, because });
        }
    }

    /// A REGISTER is over, or was challenged.
    pub(super) fn on_register_news(&mut self, id: u64, under_way: UnderWay, outcome: Result<&Message, Unanswered>) {
        let Some(correspondence) = self.enrolments.open.get_mut(&id) else { return };
        let (carrier, number) = (correspondence.carrier, under_way.number());
        let heard = match outcome {
            Ok(answer) => correspondence.hear(answer, under_way, &self.naming.identity.user_agent),
            Err(unanswered) => Heard::Over(Event::Failed { number, because: unanswered.because(&Method::Register) }),
        };
        match heard {
            Heard::Again(request, under_way) => self.send_register(id, request, under_way),
            Heard::Over(event) => {
                self.close_correspondence(id);
                self.end_register(carrier, event);
            }
        }
    }

    /// A correspondence that is no carrier's newest is over with its last REGISTER.
    fn close_correspondence(&mut self, id: u64) {
        if !self.enrolments.newest.values().any(|newest| *newest == id) {
            self.enrolments.open.remove(&id);
        }
    }

    fn end_register(&self, carrier: CarrierId, event: Event) {
        self.core.registers_open.fetch_sub(1, Ordering::Relaxed);
        self.inform::<Enrolment>(carrier, event);
    }
}
