//! What goes wrong around the switch: crashes and restarts, weather, a slow or absent ledger, a stuck disk, a frozen machine, a clock
//! that is set.
//!
//! What people do is in `story`.

use super::story::{RESTART, SYNC};
use super::{Invariant, Simulation, Violation, wrapped};
use crate::world::{Mood, Seen, Weather};
use actors::recover;
use domain::Wall;
use ledger::Ledger;
use ledger::memory::MemoryLedger;
use std::sync::Arc;
use std::time::Duration;

/// How late timers may be: a machine that stood still.
pub(super) const LATENESS_MAX: Duration = Duration::from_millis(2_500);
/// A group of batches reaches the disk this long after its first.
const GROUP_AFTER: Duration = Duration::from_millis(20);

const fn weather(lost_permille: u64, doubled_permille: u64, delay_ms: u64, jitter_ms: u64) -> Weather {
    Weather {
        lost_permille,
        doubled_permille,
        delay: Duration::from_millis(delay_ms),
        jitter: Duration::from_millis(jitter_ms),
    }
}

/// Fair twice, overtaking without loss, three of ten lost, seconds of jitter, nothing arrives.
const WEATHERS: [Weather; 7] = [
    Weather::FAIR,
    Weather::FAIR,
    weather(0, 100, 5, 80),
    weather(50, 20, 20, 30),
    weather(300, 100, 5, 80),
    weather(100, 200, 5, 3_000),
    weather(1_000, 0, 1, 0),
];

const fn mood(late_ms: u64, away_permille: u64, cut_permille: u64) -> Mood {
    Mood { late: Duration::from_millis(late_ms), away_permille, cut_permille, is_gone: false, is_shaky: false }
}

/// The embedded ledger; one that is slow, very slow, away, cut off; all of it.
const MOODS: [Mood; 8] = [
    mood(0, 0, 0),
    mood(0, 0, 0),
    mood(0, 0, 0),
    mood(200, 0, 0),
    mood(5_000, 0, 0),
    mood(0, 200, 0),
    mood(0, 0, 200),
    mood(5_000, 100, 100),
];

/// By how many seconds the clock on the wall is set: by a time server that corrects, and by a person.
const STEPS_S: [i64; 8] = [-30, -1, 1, 30, -3_600, 3_600, -90_000, 90_000];

impl Simulation {
    /// The clock on the wall is set, forward or back; timers run on.
    pub(super) fn set_the_clock(&mut self) {
        let step_s = *self.pick(&STEPS_S);
        let wall = self.world.now.wall.as_unix_micros() + step_s * 1_000_000;
        self.world.set_wall(Wall::from_unix_micros(wall));
        self.audit.on_clock_set();
        self.say(&format!("the clock is set by {step_s} s"));
    }

    pub(super) fn change_weather(&mut self) {
        self.world.network.weather = *self.pick(&WEATHERS);
        self.say(&format!("weather: {:?}", self.world.network.weather));
    }

    pub(super) fn change_ledger(&mut self) {
        let Mood { is_gone, is_shaky, .. } = self.world.node.mood;
        self.world.node.mood = Mood { is_gone, is_shaky, ..*self.pick(&MOODS) };
        self.say(&format!("ledger: {:?}", self.world.node.mood));
    }

    pub(super) fn change_lateness(&mut self) {
        let ms = *self.pick(&[0, 0, 3, 150, 2_500]);
        self.world.lateness = Duration::from_millis(ms).min(LATENESS_MAX);
        self.say(&format!("timers are {ms} ms late"));
    }

    pub(super) fn change_disk(&mut self) {
        self.is_stuck = !self.is_stuck;
        self.say(if self.is_stuck { "the disk is stuck" } else { "the disk answers again" });
        if !self.is_stuck {
            self.on_sync();
        }
    }

    /// Whatever was posted reaches the disk with its group.
    pub(super) fn sync_soon(&mut self, seen: &[Seen]) {
        let is_posted = seen.iter().any(|seen| matches!(seen, Seen::Posted(..)));
        if is_posted && !self.is_syncing && !self.world.is_down {
            self.is_syncing = true;
            self.world.cue(GROUP_AFTER, SYNC);
        }
    }

    pub(super) fn on_sync(&mut self) {
        self.is_syncing = false;
        if !self.is_stuck && !self.world.is_down {
            self.disk.sync();
            self.audit.on_synced();
        }
    }

    /// The process is killed: what is not on the disk is lost, and what is on its way to it too.
    pub(super) fn crash(&mut self) {
        if self.world.is_down {
            return;
        }
        self.crashes += 1;
        self.say("the switch is killed");
        self.world.is_down = true;
        self.world.replace_node(Arc::new(MemoryLedger::new()));
        self.disk.crash();
        self.forget_payments();
        let down_for = Duration::from_millis(self.chance.below(20_000));
        self.world.cue(down_for, RESTART);
    }

    /// The next process: the real journal is read, and the real recovery closes what was open.
    pub(super) fn restart(&mut self) -> Result<(), Violation> {
        if !self.world.is_down {
            return Ok(());
        }
        self.mend_redis();
        if let Some((house, _)) = self.disk.house() {
            house.redis.do_what_is_late();
        }
        self.disk.reopen();
        if let Some((house, _)) = self.disk.house() {
            house.settle();
        }
        let ledger: Arc<dyn Ledger> = wrapped(&self.disk, &self.world.witness, self.bug, &mut self.chance);
        let recovered = recover(&ledger, self.world.now);
        self.say(&format!("the switch is started: {recovered:?}"));
        recovered.map_err(|what| Violation { invariant: Invariant::EveryHoldEnds, what })?;
        let at = self.world.now.monotonic;
        for seen in self.world.witness.take() {
            self.trace.saw(at, &seen);
        }
        self.world.replace_node(ledger);
        (self.world.is_down, self.is_stuck) = (false, false);
        self.audit.on_restarted(&self.world)?;
        self.resume_payments();
        self.on_sync();
        Ok(())
    }

    /// Everything that was wrong is right again, and nothing more is to happen.
    pub(super) fn all_is_well_again(&mut self) -> Result<(), Violation> {
        self.say("the dust settles");
        self.restart()?;
        self.mend_redis();
        self.everybody_elsewhere_hangs_up();
        self.acts = 0;
        self.is_stuck = false;
        self.world.network.weather = Weather::FAIR;
        self.world.node.mood = Mood::default();
        self.world.node.has_ports = true;
        self.world.lateness = Duration::ZERO;
        self.settle_payments();
        for agent in &mut self.world.agents {
            agent.is_silent = false;
            agent.manner.acknowledges = true;
        }
        Ok(())
    }
}
