//! The guard at the door: whose failures are counted, who is answered seldom, who is banned and for how long.
//!
//! Plain values, for all shards of a node together; who drops what a banned source sends, and before which byte of it is read, lives
//! elsewhere. Who may call whom is not asked here.
//!
//! | A source | is answered | is banned |
//! |---|---|---|
//! | that is known: of a carrier, of a PBX with IP authentication, of a trusted network, or that has proven a password lately | always | never |
//! | of which nobody knows anything | so often a second | after so many failures |
//! | that has half as many failures | once a second | |
//!
//! **Only what a source has certainly done counts against it.** A datagram can bear anybody's address, so failures over UDP count only
//! where they answer a challenge that was sent to that very source; otherwise a stranger could have a PBX banned by sending in its
//! name. What cannot be told from that only makes answers rarer, for as long as it lasts.

mod source;
mod table;

pub use domain::fact::Offence;
pub use source::{NotASource, Source};

use domain::network::Network;
use domain::{Monotonic, Now, Wall};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;
use table::Table;

/// Sources at most that are remembered for having proven a password; one more, and whose proof ends first is forgotten. As many as PBXs
/// can be registered by default.
const PROVEN_MAX: usize = 100_000;
/// Sources at most that are remembered for failures (some 100 bytes each); one more, and who failed longest ago is forgotten. Strangers
/// cannot push each other out by forged addresses: only what is certain is written here.
const SUSPECTS_MAX: usize = 65_536;
/// Sources at most whose answers are counted; one more, and who was answered longest ago is counted anew.
const ANSWERED_MAX: usize = 65_536;
/// Sources at most that are banned; one more, and whose ban ends first goes free.
const BANS_MAX: usize = 10_000;
/// After so long without another one a source's failures and former bans are forgotten.
const FORGIVEN_AFTER: Duration = Duration::from_secs(86_400);
/// In so many parts failures are counted: looking around counts for one of them, a wrong password for all.
const PARTS: u64 = 10;
/// Answers that a source with half as many failures as lead to a ban gets in a second.
const SLOWED_TO: u32 = 1;
/// A busy PBX proves itself with each call: what is known of it is written anew so seldom.
const RENEWED_AFTER: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);

/// When a source is slowed, banned, and trusted.
#[derive(Clone, Debug)]
pub struct Rules {
    /// So many failures in [`Rules::window`] lead to a ban; 0 for no bans.
    pub failures_max: u32,
    /// The time in which failures are counted; more than zero.
    pub window: Duration,
    /// How long a source is banned for the first time; each time after that twice as long.
    pub ban: Duration,
    /// The longest ban.
    pub ban_max: Duration,
    /// Answers in any second at most that a source gets of which nothing is known.
    pub answers_per_second: u32,
    /// How long a source is known that has proven a password: longer than a registration lasts.
    pub proven_for: Duration,
    /// Networks whose sources are never slowed nor banned.
    pub trusted: Vec<Network>,
}

impl Default for Rules {
    fn default() -> Self {
        Rules {
            failures_max: 10,
            window: Duration::from_secs(60),
            ban: Duration::from_secs(300),
            ban_max: Duration::from_secs(86_400),
            answers_per_second: 100,
            proven_for: Duration::from_secs(2 * 3_600),
            trusted: Vec::new(),
        }
    }
}

/// How much a failure counts.
const fn parts(offence: Offence) -> u64 {
    match offence {
        Offence::BadPassword | Offence::UnknownUser | Offence::Replayed => PARTS,
        Offence::Probing => 1,
    }
}

/// Whether it was the source that did it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// It hears what is sent to its address: it has a connection, or answers a challenge that was sent there.
    Certain,
    /// A datagram, which anybody can send in its name.
    Forgeable,
}

/// A ban.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ban {
    /// Who.
    pub source: Source,
    /// What the last failure was.
    pub offence: Offence,
    /// Since when.
    pub since: Wall,
    /// Until when.
    pub until: Wall,
    /// Which ban of this source it is, from 1.
    pub number: u32,
}

#[derive(Clone, Copy, Debug)]
struct Suspect {
    /// Millionths of parts of failures, at `at`.
    level: u64,
    at: Monotonic,
    bans: u32,
}

#[derive(Clone, Copy, Debug)]
struct Answered {
    second: Monotonic,
    answers: u32,
}

/// Counts failures, and bans.
#[derive(Clone, Debug)]
pub struct Guard {
    rules: Rules,
    /// Addresses of carriers, and of PBXs with IP authentication.
    acquainted: BTreeSet<IpAddr>,
    /// Who has proven a password, until then.
    proven: Table<()>,
    suspects: Table<Suspect>,
    answered: Table<Answered>,
    /// Until then.
    bans: Table<Ban>,
}

impl Guard {
    /// A guard who has seen nobody yet.
    pub fn new(rules: Rules) -> Guard {
        Guard {
            rules,
            acquainted: BTreeSet::new(),
            proven: Table::new(PROVEN_MAX),
            suspects: Table::new(SUSPECTS_MAX),
            answered: Table::new(ANSWERED_MAX),
            bans: Table::new(BANS_MAX),
        }
    }

    /// From now on these are the addresses of carriers and of PBXs with IP authentication; a ban of one of them ends. Gives those bans.
    pub fn acquaint(&mut self, addresses: BTreeSet<IpAddr>) -> Vec<Ban> {
        self.acquainted = addresses;
        let ended: Vec<Ban> =
            self.bans.iter().map(|(_, _, ban)| *ban).filter(|ban| self.is_acquainted(ban.source)).collect();
        for ban in &ended {
            self.bans.take(ban.source);
        }
        ended
    }

    /// Somebody at this source has proven a password: whatever was counted is forgotten.
    pub fn prove(&mut self, source: Source, now: Now) {
        let until = now.monotonic + self.rules.proven_for;
        let is_fresh = |known: Monotonic| known > now.monotonic && until.since(known) < RENEWED_AFTER;
        if self.proven.get(source).is_some_and(|(known, ())| is_fresh(known)) {
            return;
        }
        self.suspects.take(source);
        self.proven.put(source, until, ());
    }

    /// A source failed, or looked around. Gives the ban that this led to.
    pub fn fail(&mut self, source: Source, offence: Offence, evidence: Evidence, now: Now) -> Option<Ban> {
        self.forget(now.monotonic);
        if evidence == Evidence::Forgeable || self.rules.failures_max == 0 || self.is_known(source, now.monotonic) {
            return None;
        }
        if self.bans.get(source).is_some() {
            // What was under way when it was banned.
            return None;
        }
        let (drained, bans) = self.level(source, now.monotonic);
        let level = drained + parts(offence) * MILLION;
        if level < self.limit() {
            self.suspects.put(source, now.monotonic, Suspect { level, at: now.monotonic, bans });
            return None;
        }
        let number = bans.saturating_add(1);
        let length = self.length(number);
        let ban = Ban { source, offence, since: now.wall, until: now.wall + length, number };
        let until = now.monotonic + length;
        // Remembered from the end of the ban on.
        self.suspects.put(source, until, Suspect { level: 0, at: until, bans: number });
        self.bans.put(source, until, ban);
        Some(ban)
    }

    /// Whether a source gets an answer for which nothing was proven; it is counted then.
    pub fn answers(&mut self, source: Source, now: Now) -> bool {
        if self.bans.get(source).is_some_and(|(until, _)| until > now.monotonic) {
            return false;
        }
        if self.is_known(source, now.monotonic) {
            return true;
        }
        let limit = match self.level(source, now.monotonic).0 >= self.limit() / 2 && self.rules.failures_max > 0 {
            true => SLOWED_TO,
            false => self.rules.answers_per_second,
        };
        let lately = self.answered.get(source).map(|(_, answered)| *answered);
        let mut answered = lately
            .filter(|answered| now.monotonic.since(answered.second) < SECOND)
            .unwrap_or(Answered { second: now.monotonic, answers: 0 });
        if answered.answers >= limit {
            return false;
        }
        answered.answers += 1;
        self.answered.put(source, now.monotonic, answered);
        true
    }

    /// Ends a ban and forgets what led to it; none where there is none.
    pub fn lift(&mut self, source: Source, now: Now) -> Option<Ban> {
        self.forget(now.monotonic);
        self.suspects.take(source);
        self.bans.take(source)
    }

    /// Every ban that stands, in order of the sources, each with the instant of its end.
    pub fn bans(&self, now: Monotonic) -> Vec<(Ban, Monotonic)> {
        self.bans.iter().filter(|(_, until, _)| *until > now).map(|(_, until, ban)| (*ban, until)).collect()
    }

    /// Whether a source is neither slowed nor banned, whatever comes from it: a forged datagram, or a neighbour behind the same NAT,
    /// must not cut off a customer or a carrier.
    fn is_known(&self, source: Source, now: Monotonic) -> bool {
        self.is_acquainted(source) || self.proven.get(source).is_some_and(|(until, ())| until > now)
    }

    /// Of an IPv6 source one address that is known is enough.
    fn is_acquainted(&self, source: Source) -> bool {
        let is_of = |address: &IpAddr| Source::of(*address) == source;
        let is_trusted =
            |network: &Network| network.contains(source.address()) || Source::of(network.address()) == source;
        self.rules.trusted.iter().any(is_trusted) || self.acquainted.range(source.address()..).next().is_some_and(is_of)
    }

    /// What is left of a source's failures, and how often it was banned.
    fn level(&self, source: Source, now: Monotonic) -> (u64, u32) {
        let Some((_, suspect)) = self.suspects.get(source) else { return (0, 0) };
        let elapsed_us = u64::try_from(now.since(suspect.at).as_micros()).unwrap_or(u64::MAX);
        let window_us = u64::try_from(self.rules.window.as_micros()).unwrap_or(u64::MAX).max(1);
        // The limit drains once in each window.
        let drained = u128::from(elapsed_us) * u128::from(self.limit()) / u128::from(window_us);
        (suspect.level.saturating_sub(u64::try_from(drained).unwrap_or(u64::MAX)), suspect.bans)
    }

    fn limit(&self) -> u64 {
        u64::from(self.rules.failures_max) * PARTS * MILLION
    }

    fn length(&self, number: u32) -> Duration {
        let doubled = 1u32.checked_shl(number - 1).unwrap_or(u32::MAX);
        self.rules.ban.saturating_mul(doubled).min(self.rules.ban_max)
    }

    fn forget(&mut self, now: Monotonic) {
        self.proven.forget_until(now);
        self.bans.forget_until(now);
        let forgiven_us = u64::try_from(FORGIVEN_AFTER.as_micros()).unwrap_or(u64::MAX);
        if let Some(before) = now.as_micros().checked_sub(forgiven_us) {
            self.suspects.forget_until(Monotonic::from_micros(before));
        }
    }
}

const MILLION: u64 = 1_000_000;

#[cfg(test)]
mod tests;
