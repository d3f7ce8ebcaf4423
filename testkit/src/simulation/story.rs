//! What PBXs and carriers do, by chance: one act at a time, some seconds apart.
//!
//! What operators do is in `operating`, what goes wrong around them in `faults`.

use super::{Simulation, Violation};
use crate::world::{FIRST, Refresh, SECOND};
use domain::call_control::LegId;
use std::time::Duration;
use switch::call::PhaseName;

/// The next act.
pub(super) const ACT: u64 = 0;
/// The disk is reached.
pub(super) const SYNC: u64 = 1;
/// The dead switch is started.
pub(super) const RESTART: u64 = 2;
/// The Redis that was away is there again.
pub(super) const REDIS_IS_BACK: u64 = 3;
/// The nodes that share a Redis look whether another needs them.
pub(super) const LISTEN: u64 = 4;
/// The next step of a payment may be due.
pub(super) const PAYMENT_DUE: u64 = 5;
/// The ledger that was gone answers again.
pub(super) const LEDGER_IS_BACK: u64 = 6;
/// The media room has heard nothing of an end for too long; behind it the number of the end.
pub(super) const SILENT: u64 = 1_000;
/// An end is heard again.
pub(super) const HEARD: u64 = 2_000;

/// The payment provider has said something; behind it the number of what it said.
pub(super) const NOTICED: u64 = 1 << 32;

/// How long a silent end is waited for by the media room.
const SILENCE: Duration = Duration::from_secs(60);

/// Calls of a storm at most.
const STORM_MAX: u64 = 12;

/// What carriers do: how long after the INVITE they answer what.
const MANNERS: [&[(u64, u16)]; 10] = [
    &[(0, 100), (200, 180), (3_000, 200)],
    &[(0, 100), (200, 180), (3_000, 200)],
    &[(0, 183), (1_000, 200)],
    &[(0, 200)],
    // At the very moment at which it is given up (O1).
    &[(0, 100), (5_950, 200)],
    &[(0, 100), (500, 486)],
    &[(0, 100), (500, 503)],
    // Rings for ever, only tries, says nothing.
    &[(100, 180)],
    &[(0, 100)],
    &[],
];

/// A number of the deck, mostly; the echo test, a destination without a price, no number.
const DIALLED: [&str; 16] = [
    "12025550123",
    "+12025550199",
    "12025550124",
    "12025550125",
    "12025550126",
    "12025550127",
    "+12025550128",
    "12025550129",
    "12025550130",
    "12025550131",
    "12025550132",
    "12025550133",
    "*43",
    "*43",
    "4930123456",
    "x",
];

impl Simulation {
    pub(super) fn on_cue(&mut self, cue: u64) -> Result<(), Violation> {
        match cue {
            ACT => return self.on_act(),
            SYNC => self.on_sync(),
            RESTART => return self.restart(),
            REDIS_IS_BACK => self.mend_redis(),
            LISTEN => self.listen(),
            PAYMENT_DUE => self.on_payment_due(),
            LEDGER_IS_BACK => self.have_the_ledger_back(),
            NOTICED.. => self.on_noticed(cue - NOTICED),
            SILENT..HEARD => self.report_silence((cue - SILENT) as usize),
            _ => self.be_heard_again((cue - HEARD) as usize),
        }
        self.world.post();
        Ok(())
    }

    fn on_act(&mut self) -> Result<(), Violation> {
        self.acts = self.acts.saturating_sub(1);
        if self.acts == 0 {
            return Ok(());
        }
        // Ports are scarce for a while only.
        self.world.node.has_ports |= self.chance.below(3) == 0;
        self.act();
        self.pay_sometimes();
        self.lose_the_ledger_sometimes();
        self.world.post();
        // Mostly a few seconds, sometimes long enough for several ticks.
        let pause_ms = match self.chance.below(12) {
            0 => self.chance.below(60_000),
            1..4 => self.chance.below(300),
            _ => self.chance.below(6_000),
        };
        self.world.cue(Duration::from_millis(pause_ms), ACT);
        Ok(())
    }

    fn act(&mut self) {
        if self.act_of_the_house() {
            return;
        }
        match self.chance.below(100) {
            0..32 => self.dial(),
            32..34 => self.storm(),
            34..50 => self.hang_up(),
            50..64 => self.refresh(),
            64..70 => self.register(),
            70..73 => self.fall_silent(),
            73..76 => self.operate(),
            76..78 => self.top_up(),
            78 => self.take_back(),
            79..81 => self.lose_a_carrier(),
            81..83 => self.world.node.has_ports = false,
            83..89 => self.change_weather(),
            89..93 => self.change_ledger(),
            93..95 => self.change_lateness(),
            95 => self.change_subscription(),
            96 => self.change_disk(),
            97 => self.set_the_clock(),
            _ => self.crash(),
        }
    }

    pub(super) fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.chance.below(of.len() as u64) as usize]
    }

    pub(super) fn say(&mut self, what: &str) {
        self.trace.say(self.world.now.monotonic, &format!("-- {what}"));
    }

    /// One PBX dials many numbers at once: more than it has channels or credit for.
    fn storm(&mut self) {
        let customer = self.pick_customer();
        for _ in 0..2 + self.chance.below(STORM_MAX - 1) {
            self.dial_from(customer);
        }
    }

    /// A PBX calls; the carriers make up their minds.
    fn dial(&mut self) {
        let customer = self.pick_customer();
        self.dial_from(customer);
    }

    fn dial_from(&mut self, customer: usize) {
        for carrier in [FIRST, SECOND] {
            let answers = *self.pick(&MANNERS);
            self.world.carrier_answers(carrier, answers);
            let (crosses, forks) = (self.chance.below(4) == 0, self.chance.below(10) == 0);
            let hangs_up_ms = 1 + self.chance.below(90_000);
            let hangs_up = self.chance.below(4) == 0;
            let rings_reliably = self.chance.below(5) == 0;
            let answers_changes = *self.pick(&[200, 200, 200, 200, 488, 500]);
            let (knows_timer, allows_update) = (self.chance.below(2) == 0, self.chance.below(2) == 0);
            let formats = *self.pick(&["0", "0 8", "0 8 101"]);
            let manner = &mut self.world.agents[carrier].manner;
            (manner.answers_after_cancel, manner.forks) = (crosses, forks);
            manner.hangs_up_after = hangs_up.then_some(Duration::from_millis(hangs_up_ms));
            (manner.rings_reliably, manner.answers_changes) = (rings_reliably, answers_changes);
            (manner.knows_timer, manner.allows_update, manner.formats) = (knows_timer, allows_update, formats);
        }
        let requires_100rel = (self.chance.below(6) == 0).then_some(true);
        let offers_late = requires_100rel.is_none() && self.chance.below(8) == 0;
        let allows_update = self.chance.below(2) == 0;
        let asks_timer = *self.pick(&["", "", "Supported: timer\r\nSession-Expires: 90;refresher=uas\r\n"]);
        let formats = *self.pick(&["0", "0 8", "8 0 101"]);
        let acknowledges = self.chance.below(15) > 0;
        let gives_up_ms = self.chance.below(8_000);
        let gives_up = self.chance.below(6) == 0;
        let dialled = *self.pick(&DIALLED);
        let now = self.world.now;
        let pbx = &mut self.world.agents[customer];
        pbx.manner.acknowledges = acknowledges;
        (pbx.manner.requires_100rel, pbx.manner.offers_late) = (requires_100rel, offers_late);
        (pbx.manner.allows_update, pbx.manner.formats) = (allows_update, formats);
        pbx.manner.knows_timer = !asks_timer.is_empty();
        pbx.manner.invite_lines = asks_timer.to_owned();
        pbx.manner.cancels_after = gives_up.then_some(Duration::from_millis(gives_up_ms));
        let call = pbx.call(dialled, now);
        self.say(&format!("agent {customer} dials {dialled}: {call}"));
    }

    fn pick_customer(&mut self) -> usize {
        let which = self.chance.below(self.world.customers.len() as u64) as usize;
        self.world.customers[which].agent
    }

    /// A call of an end that is not over.
    fn pick_call(&mut self) -> Option<(usize, String)> {
        let agent = self.chance.below(self.world.agents.len() as u64) as usize;
        let talks = self.world.agents[agent].talks.values().filter(|talk| !talk.is_over);
        let calls: Vec<String> = talks.map(|talk| talk.call_id.clone()).collect();
        if calls.is_empty() {
            return None;
        }
        let call = self.pick(&calls).clone();
        Some((agent, call))
    }

    /// CANCEL or BYE.
    fn hang_up(&mut self) {
        if let Some((agent, call)) = self.pick_call() {
            self.say(&format!("agent {agent} hangs up {call}"));
            let now = self.world.now.monotonic;
            self.world.agents[agent].give_up(&call, now);
        }
    }

    fn refresh(&mut self) {
        const TURNS: [Refresh; 18] = [
            Refresh::Invite,
            Refresh::Update,
            Refresh::UpdateWithSdp,
            Refresh::ChangedInvite,
            Refresh::ChangedUpdate,
            Refresh::Hold,
            Refresh::Hold,
            Refresh::HoldInactive,
            Refresh::HoldZero,
            Refresh::HoldByUpdate,
            Refresh::Resume,
            Refresh::Resume,
            Refresh::Resume,
            Refresh::Late,
            Refresh::Codec,
            Refresh::Fax,
            Refresh::Fax,
            Refresh::Sound,
        ];
        let turn = *self.pick(&TURNS);
        if let Some((agent, call)) = self.pick_call() {
            self.say(&format!("agent {agent} sends {turn:?} in {call}"));
            let now = self.world.now.monotonic;
            self.world.agents[agent].refresh(&call, turn, now);
        }
    }

    fn register(&mut self) {
        let customer = self.pick_customer();
        let expires_s = *self.pick(&[0, 20, 30, 60, 3_600]);
        let now = self.world.now;
        let pbx = &mut self.world.agents[customer];
        let contact = format!("Contact: <sip:end@{}>\r\nExpires: {expires_s}\r\n", pbx.address);
        pbx.register(&contact, now);
        self.say(&format!("agent {customer} registers for {expires_s} s"));
    }

    /// An end is cut off; after a minute the media room notices, after two it is heard again.
    fn fall_silent(&mut self) {
        let agent = self.chance.below(self.world.agents.len() as u64) as usize;
        if !self.world.agents[agent].is_silent {
            self.say(&format!("agent {agent} falls silent"));
            self.world.agents[agent].is_silent = true;
            self.world.cue(SILENCE, SILENT + agent as u64);
            self.world.cue(2 * SILENCE, HEARD + agent as u64);
        }
    }

    fn be_heard_again(&mut self, agent: usize) {
        self.say(&format!("agent {agent} is heard again"));
        self.world.agents[agent].is_silent = false;
    }

    fn report_silence(&mut self, agent: usize) {
        let now = self.world.now;
        if self.world.is_down || !self.world.agents[agent].is_silent {
            return;
        }
        for call in self.world.node.calls(now).iter().filter(|call| call.phase == PhaseName::Talking) {
            let talks = &self.world.agents[agent].talks;
            let carrier = call.carrier_call_ids.iter().position(|call_id| talks.contains_key(call_id));
            let leg = if talks.contains_key(&call.sip_call_id) {
                LegId::CALLER
            } else if let Some(index) = carrier {
                LegId(index as u16 + 1)
            } else {
                continue;
            };
            self.world.node.tell_call(call.id, switch::call::Event::MediaSilent { leg }, now);
        }
    }

    /// The network says that a carrier cannot be reached.
    fn lose_a_carrier(&mut self) {
        if !self.world.is_down {
            let (carrier, now) = (self.world.agents[FIRST].address, self.world.now);
            self.say("the first carrier cannot be reached");
            self.world.node.unreachable(carrier, now);
        }
    }

    pub(super) fn everybody_hangs_up(&mut self) {
        let now = self.world.now.monotonic;
        for agent in &mut self.world.agents {
            let calls: Vec<String> = agent.talks.keys().cloned().collect();
            calls.iter().for_each(|call| agent.give_up(call, now));
        }
        self.world.post();
    }
}
