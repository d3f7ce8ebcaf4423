//! How many there are now: calls by direction and state, calls at each carrier, what each profile spends, what has begun and is not granted, and
//! how long each shard's thread was busy.
//!
//! Who moves these numbers lives elsewhere (`call::outlet`, `shard::figures`), and so does who shows them (`figures`).

use dashmap::DashMap;
use domain::call_record::CallDirection;
use domain::{Currency, Micros, ProfileId};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;
use switch::Call;
use switch::call::PhaseName;
use telemetry::labels::{CallState, Label};
use telemetry::{CallsActive, RuntimeFigures};

const DIRECTIONS: [CallDirection; 2] = [CallDirection::Outbound, CallDirection::Inbound];
const STATES: [CallState; 4] = [CallState::Setup, CallState::Ringing, CallState::Established, CallState::Ending];

/// As what a call is counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    direction: CallDirection,
    state: CallState,
    /// Where it rings or is answered, or came from; changes with the state only, because no other carrier is tried after an 18x.
    carrier: Option<Arc<str>>,
    /// Who spends what a minute, while it is answered.
    pace: Option<(ProfileId, Micros)>,
}

impl Standing {
    /// As what this call is counted now.
    pub(crate) fn of(call: &Call) -> Standing {
        Standing {
            direction: call.record().direction,
            state: state_of(call),
            carrier: call.carrier().map(|carrier| Arc::clone(&carrier.name)),
            pace: pace_of(call),
        }
    }

    /// Whether the call is still where it was counted.
    pub(crate) fn still_holds(&self, call: &Call) -> bool {
        self.state == state_of(call)
    }
}

/// What an answered call spends a minute; its rate is known when it is answered, and stays.
fn pace_of(call: &Call) -> Option<(ProfileId, Micros)> {
    let record = call.record();
    let costs = call.phase() == PhaseName::Talking && record.rate_per_minute.is_positive();
    costs.then_some((record.profile, record.rate_per_minute))
}

fn state_of(call: &Call) -> CallState {
    match call.phase() {
        PhaseName::Reserving => CallState::Setup,
        PhaseName::Hunting if call.is_ringing() => CallState::Ringing,
        PhaseName::Hunting => CallState::Setup,
        PhaseName::Talking => CallState::Established,
        PhaseName::Clearing => CallState::Ending,
    }
}

#[derive(Debug, Default)]
struct Pace {
    calls: u64,
    per_minute: Micros,
}

/// The numbers of one node. Calls move them twice or so in their life; nobody waits for anybody.
#[derive(Debug)]
pub(crate) struct Census {
    calls: [[AtomicU64; STATES.len()]; DIRECTIONS.len()],
    /// As many entries as carriers have been called since the start.
    carriers: DashMap<Arc<str>, u64>,
    /// What the answered calls of a profile spend a minute; none where there are none.
    paces: DashMap<ProfileId, Pace>,
    /// Seconds that have begun and are not granted.
    ungranted_s: AtomicI64,
    /// What they cost; as many entries as currencies were charged in since the start.
    ungranted: DashMap<Currency, i64>,
    /// Busy microseconds of each shard's thread; none before it said so first.
    busy_us: Box<[AtomicU64]>,
}

impl Census {
    /// Nobody is there yet.
    pub(crate) fn new(shards: u16) -> Census {
        let busy_us = (0..shards).map(|_| AtomicU64::new(0)).collect();
        Census {
            calls: Default::default(),
            carriers: DashMap::new(),
            paces: DashMap::new(),
            ungranted_s: AtomicI64::new(0),
            ungranted: DashMap::new(),
            busy_us,
        }
    }

    /// A call stands here now.
    pub(crate) fn enter(&self, standing: &Standing) {
        self.calls[standing.direction.index()][standing.state.index()].fetch_add(1, Ordering::Relaxed);
        if let Some(carrier) = &standing.carrier {
            *self.carriers.entry(Arc::clone(carrier)).or_default() += 1;
        }
        if let Some((profile, per_minute)) = standing.pace {
            let mut pace = self.paces.entry(profile).or_default();
            pace.calls += 1;
            pace.per_minute += per_minute;
        }
    }

    /// A call that stood here does so no more.
    pub(crate) fn leave(&self, standing: &Standing) {
        self.calls[standing.direction.index()][standing.state.index()].fetch_sub(1, Ordering::Relaxed);
        if let Some(mut calls) = standing.carrier.as_ref().and_then(|carrier| self.carriers.get_mut(carrier)) {
            *calls -= 1;
        }
        if let Some((profile, per_minute)) = standing.pace
            && let Some(mut pace) = self.paces.get_mut(&profile)
        {
            pace.calls -= 1;
            pace.per_minute -= per_minute;
            drop(pace);
            self.paces.remove_if(&profile, |_, pace| pace.calls == 0);
        }
    }

    /// What of a call has begun and is not granted is another amount than before. Moved twice a tick, so nothing is looked up where it is the
    /// same.
    pub(crate) fn change_ungranted(&self, before: (u32, Micros), after: (u32, Micros), currency: Currency) {
        if before.0 != after.0 {
            self.ungranted_s.fetch_add(i64::from(after.0) - i64::from(before.0), Ordering::Relaxed);
        }
        if before.1 != after.1 {
            *self.ungranted.entry(currency).or_default() += (after.1 - before.1).get();
        }
    }

    /// Seconds that have begun and are not granted, and what they cost.
    pub(crate) fn ungranted(&self) -> (u64, BTreeMap<Currency, Micros>) {
        let amounts = self.ungranted.iter().map(|entry| (*entry.key(), Micros::new(*entry.value()))).collect();
        (u64::try_from(self.ungranted_s.load(Ordering::Relaxed)).unwrap_or(0), amounts)
    }

    /// What the answered calls of each profile spend a minute, in no order.
    pub(crate) fn paces(&self) -> Vec<(ProfileId, Micros)> {
        self.paces.iter().map(|entry| (*entry.key(), entry.value().per_minute)).collect()
    }

    /// The thread of this shard was busy for so long since it began.
    pub(crate) fn set_busy(&self, shard: u16, busy: Duration) {
        if let Some(number) = self.busy_us.get(usize::from(shard)) {
            number.store(u64::try_from(busy.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
        }
    }

    /// The shards' threads, and how long they were busy in all.
    pub(crate) fn runtime(&self) -> RuntimeFigures {
        let busy_us = self.busy_us.iter().map(|number| number.load(Ordering::Relaxed)).sum();
        RuntimeFigures { workers: self.busy_us.len() as u64, busy: Duration::from_micros(busy_us) }
    }

    /// Calls by direction and state.
    pub(crate) fn calls(&self) -> CallsActive {
        let mut calls = CallsActive::default();
        for direction in DIRECTIONS {
            for state in STATES {
                let number = &self.calls[direction.index()][state.index()];
                calls.set((direction, state), number.load(Ordering::Relaxed));
            }
        }
        calls
    }

    /// Calls that ring or are answered at each carrier, in no order.
    pub(crate) fn carriers(&self) -> Vec<(Arc<str>, u64)> {
        self.carriers.iter().map(|entry| (Arc::clone(entry.key()), *entry.value())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_counted_where_it_stands_and_at_its_carrier_until_it_leaves() {
        let census = Census::new(2);
        let at = |state, carrier: Option<&str>| Standing {
            direction: CallDirection::Outbound,
            state,
            carrier: carrier.map(Arc::from),
            pace: None,
        };
        let (setup, up) = (at(CallState::Setup, None), at(CallState::Established, Some("north")));
        census.enter(&setup);
        census.enter(&up);
        census.enter(&up);
        census.leave(&setup);
        census.leave(&up);
        let number = |state| census.calls().get((CallDirection::Outbound, state));
        assert_eq!((number(CallState::Setup), number(CallState::Established)), (0, 1));
        assert_eq!(census.carriers(), [(Arc::from("north"), 1)]);
        census.leave(&up);
        assert_eq!(census.carriers(), [(Arc::from("north"), 0)]);
    }

    /// Seconds at risk, time to empty.
    #[test]
    fn what_profiles_spend_and_what_is_not_granted_is_counted_while_it_is_so() {
        let census = Census::new(1);
        let profile = ProfileId::from_bits(1);
        let standing = Standing {
            direction: CallDirection::Outbound,
            state: CallState::Established,
            carrier: None,
            pace: Some((profile, Micros::from_cents(2))),
        };
        census.enter(&standing);
        census.enter(&standing);
        assert_eq!(census.paces(), [(profile, Micros::from_cents(4))]);
        let (nothing, begun) = ((0, Micros::ZERO), (30, Micros::CENT));
        census.change_ungranted(nothing, begun, Currency::USD);
        census.change_ungranted(nothing, begun, Currency::USD);
        census.change_ungranted(begun, nothing, Currency::USD);
        assert_eq!(census.ungranted(), (30, BTreeMap::from([(Currency::USD, Micros::CENT)])));
        census.leave(&standing);
        census.leave(&standing);
        assert_eq!(census.paces(), []);
    }

    #[test]
    fn the_busy_time_of_the_shards_is_summed_and_each_says_its_own_anew() {
        let census = Census::new(2);
        census.set_busy(0, Duration::from_millis(20));
        census.set_busy(1, Duration::from_millis(5));
        census.set_busy(0, Duration::from_millis(30));
        assert_eq!(census.runtime(), RuntimeFigures { workers: 2, busy: Duration::from_millis(35) });
    }
}
