//! Gauges that nobody tells as facts, read from the rooms before a scrape.
//!
//! Names and labels are `telemetry`'s; what a shard counts it hands over itself.

mod credit;

use crate::core::Core;
use crate::neighbours::Neighbours;
use domain::credit::{Account, Holder, Unit};
use domain::fact::{Flow, Side};
use domain::{CompanyId, Currency, Micros};
use media::Side as Leg;
use std::collections::BTreeMap;
use switch::carrier::State;
use switch::company::Liabilities;
use switch::directory::AutoRecharge;
use switch::enrolment;
use telemetry::labels::{Discarded, MediaMode, NodeState, ProfileKind};
use telemetry::{Capacity, CarrierStanding, Counts, CurrencyTotals, LedgerTotals, MediaTotals, ProcessFigures};

/// Reads everything once.
pub(crate) fn publish(core: &Core) {
    publish_calls(core);
    core.telemetry.set_runtime(&core.census.runtime());
    publish_media(core);
    publish_ledger(core);
    publish_liabilities(core);
    publish_fraud(core);
    publish_registrar(core);
    core.telemetry.set_guard(core.guarding.totals());
    if let Some(figures) = ProcessFigures::read() {
        core.telemetry.set_process(&figures);
    }
    core.telemetry.set_ready(core.ledger.is_healthy() && !core.is_draining.load(std::sync::atomic::Ordering::Relaxed));
}

fn side_of(leg: Leg) -> Side {
    match leg {
        Leg::A => Side::Access,
        Leg::B => Side::Peering,
    }
}

fn publish_calls(core: &Core) {
    core.telemetry.set_calls_active(&core.census.calls());
    let carriers = core.census.carriers();
    core.telemetry.set_carrier_channels(carriers.iter().map(|(carrier, calls)| (&**carrier, *calls)));
    let desk = core.desk.load();
    let standings: Vec<_> = desk.directory().carriers().filter(|carrier| carrier.enabled).collect();
    core.telemetry.set_carrier_standings(standings.iter().map(|carrier| {
        let is_up = core.registry.standing(carrier.id).is_none_or(|standing| standing.state == State::Up);
        let is_registered = carrier.enrolment.is_none()
            || core
                .registry
                .enrolled(carrier.id)
                .is_some_and(|enrolled| enrolled.state == enrolment::State::Registered);
        (&*carrier.name, CarrierStanding { is_up, is_registered, limit: carrier.channels })
    }));
}

fn publish_media(core: &Core) {
    let read = core.media.totals();
    let mut totals = MediaTotals { ports_in_use: read.ports_in_use, port_limit: read.port_limit, ..Default::default() };
    for leg in Leg::BOTH {
        let (side, of) = (side_of(leg), read.sides[leg]);
        totals.packets.set((side, Flow::Rx), of.packets_received);
        totals.packets.set((side, Flow::Tx), of.packets_sent);
        totals.bytes.set((side, Flow::Rx), of.bytes_received);
        totals.bytes.set((side, Flow::Tx), of.bytes_sent);
        totals.lost.set((side,), of.packets_lost);
        totals.timeouts.set((side,), of.timeouts);
        totals.one_way_calls.set((side,), of.one_way_calls);
    }
    for reason in media::DiscardReason::ALL {
        totals.discarded.set((discarded(reason),), read.discarded.of(reason));
    }
    totals.sessions.set((MediaMode::Relay,), read.sessions_relay);
    totals.sessions.set((MediaMode::Local,), read.sessions_echo);
    core.telemetry.set_media(&totals);
    let mut samples = Vec::new();
    core.media.drain_samples(&mut samples);
    for sample in samples {
        let jitter = std::time::Duration::from_micros(sample.jitter_us.into());
        core.telemetry.observe_stream(
            side_of(sample.side),
            jitter,
            sample.packets_expected.into(),
            sample.packets_lost.into(),
        );
    }
}

fn discarded(reason: media::DiscardReason) -> Discarded {
    match reason {
        media::DiscardReason::UnknownSource => Discarded::UnknownSource,
        media::DiscardReason::BadVersion => Discarded::BadVersion,
        media::DiscardReason::NotRtp => Discarded::NotRtp,
        media::DiscardReason::Late => Discarded::Late,
        media::DiscardReason::Duplicate => Discarded::Duplicate,
        media::DiscardReason::Held => Discarded::Held,
        media::DiscardReason::NoDestination => Discarded::NoDestination,
        media::DiscardReason::SendFailed => Discarded::SendFailed,
        media::DiscardReason::Flood => Discarded::Flood,
        media::DiscardReason::SrtpAuth => Discarded::SrtpAuth,
        media::DiscardReason::SrtpReplay => Discarded::SrtpReplay,
        media::DiscardReason::SrtpSpent => Discarded::SrtpSpent,
    }
}

/// Whether companies have what recharges of their profiles may take soon (K10).
fn publish_liabilities(core: &Core) {
    let desk = core.desk.load();
    let directory = desk.directory();
    let mut recharged = BTreeMap::<CompanyId, Vec<(AutoRecharge, Micros)>>::new();
    let available = |company, holder, currency| {
        let account = Account { company, holder, unit: Unit::Money(currency) };
        Micros::new(core.ledger.balance(account).available())
    };
    for profile in directory.profiles() {
        if let (Some(auto), Some(company)) = (profile.auto_recharge, directory.company(profile.company)) {
            let left = available(company.id, Holder::Profile(profile.id), company.currency);
            recharged.entry(company.id).or_default().push((auto, left));
        }
    }
    let is_short = |(id, profiles): (CompanyId, Vec<_>)| {
        let currency = directory.company(id)?.currency;
        Some(!Liabilities::of(available(id, Holder::Company, currency), profiles).are_covered())
    };
    let short = recharged.into_iter().filter_map(is_short).filter(|is_short| *is_short).count();
    core.telemetry.set_short_companies(short as u64);
}

/// Who is stopped, and which breakers are open.
fn publish_fraud(core: &Core) {
    let desk = core.desk.load();
    let suspended = desk.directory().profiles().filter(|profile| profile.fraud.suspension.is_some()).count();
    let (open, unanswered) = core.fraud.breakers();
    core.telemetry.set_fraud(suspended as u64, open, unanswered);
}

fn publish_ledger(core: &Core) {
    let read = core.ledger.totals();
    let of = |currency: Currency| {
        let sums = read.money(currency);
        let totals = CurrencyTotals {
            companies: sums.companies,
            profiles: sums.profiles,
            held: sums.held,
            imbalance: sums.imbalance,
            overdraft: sums.overdraft,
        };
        (currency, totals)
    };
    let currencies = read.units.keys().filter_map(|unit| match unit {
        domain::credit::Unit::Money(currency) => Some(of(*currency)),
        domain::credit::Unit::BundleSeconds | domain::credit::Unit::Channels | domain::credit::Unit::Day(_) => None,
    });
    core.telemetry.set_ledger(&LedgerTotals {
        currencies: currencies.collect(),
        money_holds: read.open_money_holds,
        queued_batches: read.queued,
        is_up: core.ledger.is_healthy(),
    });
    let limited = read.units.iter().filter(|(unit, _)| !unit.may_fall_short());
    credit::publish(core, limited.map(|(_, sums)| sums.below_zero).sum());
    let channels = read.units.get(&domain::credit::Unit::Channels).copied().unwrap_or_default();
    let limits = core.gate.lock().limits();
    core.telemetry.set_capacity(Capacity {
        channels_in_use: u64::try_from(channels.held).unwrap_or_default(),
        channels_subscribed: u64::try_from(channels.profiles).unwrap_or_default(),
        channel_capacity: limits.calls_max.into(),
        calls_per_second_max: limits.calls_per_second.into(),
    });
}

fn publish_registrar(core: &Core) {
    let desk = core.desk.load();
    let mut kinds = Counts::default();
    for profile in desk.directory().profiles() {
        let kind = if profile.channels == 0 {
            ProfileKind::NoSubscription
        } else if !profile.active {
            ProfileKind::Suspended
        } else if core.registry.binding(profile.id).is_some() {
            ProfileKind::Registered
        } else if profile.sources.is_empty() {
            ProfileKind::Unregistered
        } else {
            ProfileKind::IpAuthenticated
        };
        kinds.add((kind,), 1);
    }
    core.telemetry.set_profiles(&kinds);
    let mut bindings = Counts::default();
    for (_, binding) in core.registry.own_bindings() {
        bindings.add((binding.transport,), 1);
    }
    core.telemetry.set_registrations_active(&bindings);
    let (living, lost) = core.neighbours.get().map(Neighbours::counted).unwrap_or_default();
    let mut nodes = Counts::default();
    nodes.set((NodeState::Living,), living);
    nodes.set((NodeState::Lost,), lost);
    core.telemetry
        .set_nodes(&nodes, if lost == 0 { 0 } else { core.registry.bindings_that(|binding| core.is_lost(binding)) });
}
