//! One profile as a guard against fraud sees it: what it spends, where it calls and from where, against its rules.
//!
//! The rules are [`domain::fraud`]'s; who keeps what is remembered is told by [`Memo`].

use super::acquaintance::{Acquaintance, DESTINATIONS_MAX, NETWORKS_MAX};
use super::tally::Tally;
use crate::profile::Effect;
use domain::fraud::{FraudAction, FraudRule, FraudTerms, SpendLimit, Suspension};
use domain::network::Network;
use domain::refusal::RefusalKind;
use domain::zone::Day;
use domain::{Currency, Destination, Fact, Micros, Monotonic, Now, ProfileId, Refusal, Wall, Zone};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

/// Countries, and networks, that wait for a release, at most: what comes beyond is refused and waits for the next time.
const WAITING_MAX: usize = 32;
/// Dear calls, and spending too fast, are told of at most so often.
const TOLD_AGAIN_AFTER: Duration = Duration::from_secs(60);

/// What is to be kept beyond the life of the process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Memo {
    /// The profile is stopped until it is released.
    Suspended(Suspension),
    /// This country was called.
    Called(Destination, Wall),
    /// It was called, or registered, from this network.
    CameFrom(Network, Wall),
}

/// What was kept, for a machine that is born.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// What was spent in the day of this instant.
    pub spent: Option<(Micros, Wall)>,
    /// The number of a day, and what the ledger counts on it against a cap.
    pub counted: Option<(u16, Micros)>,
    /// Countries, with when they were called last.
    pub called: Vec<(Destination, Wall)>,
    /// Networks, with when they were used last.
    pub came_from: Vec<(Network, Wall)>,
}

/// How a profile stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The day that is counted.
    pub day: Day,
    /// Spent in it.
    pub spent: Micros,
    /// Held by calls, and asked for.
    pub held: Micros,
    /// Spent in the last minute.
    pub last_minute: Micros,
    /// That it is stopped, where it is.
    pub suspension: Option<Suspension>,
    /// Countries that were refused and would be permitted by a release.
    pub waiting_destinations: Vec<Destination>,
    /// The same of networks.
    pub waiting_networks: Vec<Network>,
}

/// A call that is to be placed.
#[derive(Clone, Copy, Debug)]
pub struct Prospect<'a> {
    /// Where it leads; none for what is no number.
    pub destination: Option<Destination>,
    /// The country of its company, which it always may call.
    pub home: Option<Destination>,
    /// What the deck calls it.
    pub name: &'a str,
    /// What a minute costs; 0 for a free call.
    pub rate: Micros,
    /// What its first block costs; 0 for a free call.
    pub first: Micros,
    /// Of both.
    pub currency: Currency,
    /// Where it comes from.
    pub source: IpAddr,
}

/// What surrounds a profile when something is judged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Surroundings<'a> {
    pub(crate) profile: ProfileId,
    pub(crate) terms: &'a FraudTerms,
    pub(crate) zone: &'a Zone,
    /// What its calls hold, and have asked for.
    pub(crate) held: Micros,
    pub(crate) now: Now,
}

/// The guard of one profile.
#[derive(Clone, Debug)]
pub struct Watch {
    tally: Tally,
    called: Acquaintance<Destination>,
    came_from: Acquaintance<Network>,
    waiting_destinations: BTreeSet<Destination>,
    waiting_networks: BTreeSet<Network>,
    /// That it was stopped here; the directory may not know it yet.
    suspension: Option<Suspension>,
    /// The last release that was heeded.
    released_at: Option<Wall>,
    told: Told,
}

/// What somebody was told already.
#[derive(Clone, Copy, Debug, Default)]
struct Told {
    /// That the cap of the day that begins then is reached.
    capped: Option<u16>,
    /// That it spends too fast.
    fast: Option<Monotonic>,
    /// That a call is dear.
    dear: Option<Monotonic>,
}

impl Default for Watch {
    fn default() -> Watch {
        Watch {
            tally: Tally::default(),
            called: Acquaintance::new(DESTINATIONS_MAX),
            came_from: Acquaintance::new(NETWORKS_MAX),
            waiting_destinations: BTreeSet::new(),
            waiting_networks: BTreeSet::new(),
            suspension: None,
            released_at: None,
            told: Told::default(),
        }
    }
}

impl Watch {
    /// Takes over what was kept.
    pub fn recall(&mut self, memory: &Memory, zone: &Zone, now: Now) {
        memory.called.iter().for_each(|(what, at)| _ = self.called.see(*what, *at));
        memory.came_from.iter().for_each(|(what, at)| _ = self.came_from.see(*what, *at));
        if let Some((spent, at)) = memory.spent {
            self.tally.recall(spent, at, zone, now);
        }
    }

    /// How it stands.
    pub(crate) fn standing(&mut self, around: Surroundings<'_>) -> Standing {
        self.heed(around, &mut Vec::new());
        let spent = self.tally.today(around.zone, around.now);
        Standing {
            day: self.tally.day().unwrap_or_else(|| around.zone.day(around.now.wall)),
            spent,
            held: around.held,
            last_minute: self.tally.last_minute(around.now),
            suspension: self.suspended(around.terms).cloned(),
            waiting_destinations: self.waiting_destinations.iter().copied().collect(),
            waiting_networks: self.waiting_networks.iter().copied().collect(),
        }
    }

    /// Whether a call may be placed. Rules that only tell let it pass.
    pub(crate) fn judge(
        &mut self,
        prospect: &Prospect<'_>,
        around: Surroundings<'_>,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        self.heed(around, effects);
        if let Some(suspension) = self.suspended(around.terms) {
            let (rule, sentence) = (suspension.rule, format!("This profile was stopped: {}", suspension.because));
            effects.push(blocked(around.profile, rule));
            return Err(Refusal::saying(RefusalKind::ProfileSuspended, sentence));
        }
        if prospect.first.is_positive() {
            self.judge_pace(prospect, around, effects)?;
            self.judge_price(prospect, around, effects)?;
        }
        self.judge_destination(prospect, around, effects)?;
        self.judge_network(prospect.source, around, effects)
    }

    /// It was registered from there. A registration is never refused for that; calls may be.
    pub(crate) fn registered(&mut self, source: IpAddr, around: Surroundings<'_>, effects: &mut Vec<Effect>) {
        self.heed(around, effects);
        // What is to be refused is refused to the calls.
        let _ = self.judge_network(source, around, effects);
    }

    /// So much was captured for a call, and so much in all for it before.
    pub(crate) fn spend(
        &mut self,
        amount: Micros,
        before: Micros,
        around: Surroundings<'_>,
        effects: &mut Vec<Effect>,
    ) {
        self.tally.spend(amount, around.zone, around.now);
        let rules = &around.terms.rules;
        if let Some(limit) = rules.spend_per_minute {
            self.look_at_pace(limit, Micros::ZERO, around, effects);
        }
        if let Some((dear, most)) = rules.high_cost.and_then(|dear| Some((dear, dear.call?)))
            && before <= most
            && before + amount > most
        {
            let because = format!("a call has cost {} and is dear beyond {most}", before + amount);
            self.tell_dear(dear.action, because, around, effects);
        }
    }

    /// There is no room under the cap of the day for the first block of a call.
    pub(crate) fn cap_refuses(
        &mut self,
        first: Micros,
        currency: Currency,
        around: Surroundings<'_>,
        effects: &mut Vec<Effect>,
    ) -> Refusal {
        self.cap_reached(around, effects);
        let most = around.terms.rules.daily_cap.map_or(Micros::ZERO, |cap| cap.amount);
        let sentence = format!(
            "This profile may spend {most} {currency} a day, and less is left of it than the {first} that this call needs at once"
        );
        Refusal::saying(RefusalKind::DailyCap, sentence)
    }

    /// More counts than a cap that only tells has.
    pub(crate) fn cap_passed(&mut self, around: Surroundings<'_>, effects: &mut Vec<Effect>) {
        if let Some(cap) = around.terms.rules.daily_cap {
            self.tell_capped(cap, around, effects);
        }
    }

    /// A call that is up is kept from its next increment by the cap of the day.
    pub(crate) fn cap_reached(&mut self, around: Surroundings<'_>, effects: &mut Vec<Effect>) {
        if let Some(cap) = around.terms.rules.daily_cap {
            self.tell_capped(cap, around, effects);
            effects.push(blocked(around.profile, FraudRule::DailyCap));
        }
    }

    fn suspended<'a>(&'a self, terms: &'a FraudTerms) -> Option<&'a Suspension> {
        let is_new = |mine: &&Suspension| terms.released_at.is_none_or(|released_at| mine.at > released_at);
        terms.suspension.as_ref().or(self.suspension.as_ref().filter(is_new))
    }

    /// What was released since the last look is forgiven and known.
    fn heed(&mut self, around: Surroundings<'_>, effects: &mut Vec<Effect>) {
        if around.terms.released_at <= self.released_at {
            return;
        }
        self.released_at = around.terms.released_at;
        self.suspension = None;
        self.tally.forget_minute();
        self.told = Told::default();
        let at = around.now.wall;
        for destination in std::mem::take(&mut self.waiting_destinations) {
            self.called.see(destination, at);
            effects.push(Effect::Remember(Memo::Called(destination, at)));
        }
        for network in std::mem::take(&mut self.waiting_networks) {
            self.came_from.see(network, at);
            effects.push(Effect::Remember(Memo::CameFrom(network, at)));
        }
    }

    fn judge_pace(
        &mut self,
        prospect: &Prospect<'_>,
        around: Surroundings<'_>,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        let Some(limit) = around.terms.rules.spend_per_minute else { return Ok(()) };
        if !self.look_at_pace(limit, prospect.first, around, effects) {
            return Ok(());
        }
        let (most, currency) = (limit.amount, prospect.currency);
        let sentence = format!("This profile may spend {most} {currency} a minute, and more is spent or held");
        refuse(RefusalKind::SpendPerMinute, FraudRule::Velocity, limit.action, sentence, around, effects)
    }

    fn judge_price(
        &mut self,
        prospect: &Prospect<'_>,
        around: Surroundings<'_>,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        let Some(dear) = around.terms.rules.high_cost else { return Ok(()) };
        let Prospect { rate, first, currency, name, .. } = *prospect;
        let because = match (dear.rate.filter(|most| rate > *most), dear.call.filter(|most| first > *most)) {
            (Some(most), _) => format!("{name} costs {rate} {currency} a minute and is dear beyond {most}"),
            (None, Some(most)) => format!("a call to {name} begins with {first} {currency} and is dear beyond {most}"),
            (None, None) => return Ok(()),
        };
        let sentence = because.clone();
        self.tell_dear(dear.action, because, around, effects);
        refuse(RefusalKind::HighCost, FraudRule::HighCost, dear.action, sentence, around, effects)
    }

    fn judge_destination(
        &mut self,
        prospect: &Prospect<'_>,
        around: Surroundings<'_>,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        let Some(destination) = prospect.destination.filter(|_| prospect.first.is_positive()) else { return Ok(()) };
        let at = around.now.wall;
        if let Some(rule) = around.terms.rules.new_destination
            && prospect.home != Some(destination)
            && !self.called.knows(destination, rule.days, at)
        {
            let days = rule.days;
            let because = format!("{destination} was not called for {days} days");
            let is_told = self.waiting_destinations.contains(&destination);
            if !is_told {
                self.tell(FraudRule::NewDestination, rule.action, because, around, effects);
            }
            if rule.action != FraudAction::Alert {
                self.await_release_of_destination(rule.action, destination, at, effects);
                let sentence =
                    format!("This profile has not called {destination} for {days} days; release it to permit that");
                let kind = RefusalKind::NewDestination;
                return refuse(kind, FraudRule::NewDestination, rule.action, sentence, around, effects);
            }
        }
        if self.called.see(destination, at) {
            effects.push(Effect::Remember(Memo::Called(destination, at)));
        }
        Ok(())
    }

    fn judge_network(
        &mut self,
        source: IpAddr,
        around: Surroundings<'_>,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        let (network, at) = (Network::around(source), around.now.wall);
        if let Some(rule) = around.terms.rules.ip_change
            // The first network that anybody comes from is the usual one.
            && !self.came_from.is_empty()
            && !self.came_from.knows(network, rule.days, at)
        {
            let days = rule.days;
            let because = format!("it is used from {network}, which it was not for {days} days");
            let is_told = self.waiting_networks.contains(&network);
            if !is_told {
                self.tell(FraudRule::IpChange, rule.action, because, around, effects);
            }
            if rule.action != FraudAction::Alert {
                self.await_release_of_network(rule.action, network, at, effects);
                let sentence =
                    format!("This profile was not used from {network} for {days} days; release it to permit that");
                return refuse(RefusalKind::IpChange, FraudRule::IpChange, rule.action, sentence, around, effects);
            }
        }
        if self.came_from.see(network, at) {
            effects.push(Effect::Remember(Memo::CameFrom(network, at)));
        }
        Ok(())
    }

    /// What a stopped profile is released with is known then, also where the process ends before: it is written down at once.
    fn await_release_of_destination(
        &mut self,
        action: FraudAction,
        destination: Destination,
        at: Wall,
        effects: &mut Vec<Effect>,
    ) {
        if action == FraudAction::Suspend {
            self.called.see(destination, at);
            effects.push(Effect::Remember(Memo::Called(destination, at)));
        } else if self.waiting_destinations.len() < WAITING_MAX {
            self.waiting_destinations.insert(destination);
        }
    }

    /// The same of networks.
    fn await_release_of_network(&mut self, action: FraudAction, network: Network, at: Wall, effects: &mut Vec<Effect>) {
        if action == FraudAction::Suspend {
            self.came_from.see(network, at);
            effects.push(Effect::Remember(Memo::CameFrom(network, at)));
        } else if self.waiting_networks.len() < WAITING_MAX {
            self.waiting_networks.insert(network);
        }
    }

    /// Whether more is spent in a minute than may be, with so much more now.
    fn look_at_pace(
        &mut self,
        limit: SpendLimit,
        more: Micros,
        around: Surroundings<'_>,
        effects: &mut Vec<Effect>,
    ) -> bool {
        let pace = self.tally.last_minute(around.now) + around.held + more;
        let is_fast = pace > limit.amount;
        let is_due = is_due(self.told.fast, around.now.monotonic) && self.suspended(around.terms).is_none();
        if is_fast && is_due {
            self.told.fast = Some(around.now.monotonic);
            let because = format!("{pace} are spent or held in a minute, and {} are permitted", limit.amount);
            self.tell(FraudRule::Velocity, limit.action, because, around, effects);
        }
        is_fast
    }

    fn tell_capped(&mut self, cap: SpendLimit, around: Surroundings<'_>, effects: &mut Vec<Effect>) {
        let day = Some(around.zone.day_number(around.now.wall));
        if self.told.capped != day {
            self.told.capped = day;
            let because = format!("the {} of a day are spent or held", cap.amount);
            self.tell(FraudRule::DailyCap, cap.action, because, around, effects);
        }
    }

    fn tell_dear(&mut self, action: FraudAction, because: String, around: Surroundings<'_>, effects: &mut Vec<Effect>) {
        let now = around.now.monotonic;
        if is_due(self.told.dear, now) && self.suspended(around.terms).is_none() {
            self.told.dear = Some(now);
            self.tell(FraudRule::HighCost, action, because, around, effects);
        }
    }

    /// Tells somebody; and stops the profile where that follows, unless it is stopped already.
    fn tell(
        &mut self,
        rule: FraudRule,
        action: FraudAction,
        because: String,
        around: Surroundings<'_>,
        effects: &mut Vec<Effect>,
    ) {
        let (profile, because) = (around.profile, because.into());
        effects.push(Effect::Tell(Fact::FraudSeen { profile, rule, action, because: std::sync::Arc::clone(&because) }));
        if action == FraudAction::Suspend && self.suspended(around.terms).is_none() {
            let suspension = Suspension { at: around.now.wall, rule, because };
            self.suspension = Some(suspension.clone());
            effects.push(Effect::Remember(Memo::Suspended(suspension)));
        }
    }
}

fn is_due(told: Option<Monotonic>, now: Monotonic) -> bool {
    told.is_none_or(|told| now.since(told) >= TOLD_AGAIN_AFTER)
}

fn blocked(profile: ProfileId, rule: FraudRule) -> Effect {
    Effect::Tell(Fact::FraudBlocked { profile, rule })
}

fn refuse(
    kind: RefusalKind,
    rule: FraudRule,
    action: FraudAction,
    sentence: String,
    around: Surroundings<'_>,
    effects: &mut Vec<Effect>,
) -> Result<(), Refusal> {
    if action == FraudAction::Alert {
        return Ok(());
    }
    effects.push(blocked(around.profile, rule));
    Err(Refusal::saying(kind, sentence))
}
