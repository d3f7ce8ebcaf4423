//! A Redis that fails, and another node of the house that charges the same profiles.
//!
//! How Redis is pretended is in `crate::redis`; what else goes wrong is in `faults`.

use super::story::{LISTEN, REDIS_IS_BACK};
use super::{Invariant, Simulation, Violation};
use crate::company;
use crate::ledgers::{House, Stepped, Watched};
use crate::redis::{Cut, Rest};
use crate::world::{Customer, Mood, Seen};
use actors::recover;
use domain::credit::{Account, Batch, BatchId, Code, Durability, HoldId, Holder, Kind, Outcome, Transfer, Unit};
use domain::fraud::{FraudAction, SpendLimit};
use domain::{Wall, Zone};
use ledger::Ledger;
use ledger::redis::LISTEN_EVERY;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

/// In the subjects of the other node's calls, and in no call of this one.
const ELSEWHERE: u128 = 0xe15e << 112;
/// Calls that the other node has at one time.
const CALLS: usize = 6;
/// What such a call pays for each block, in micros.
const CENT: i64 = 10_000;
/// The folder of its journal.
const THERE: &str = "there";
/// Answers with which a server that is there refuses to write: demoted, full, a disk that it cannot write.
const REFUSALS: [&str; 3] = [
    "READONLY You can't write against a read only replica.",
    "OOM command not allowed when used memory > 'maxmemory'.",
    "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.",
];

/// Whether a call is the other node's.
pub(super) fn is_elsewhere(call: u128) -> bool {
    call >> 112 == ELSEWHERE >> 112
}

/// The other node.
#[derive(Default)]
pub(super) struct Neighbour {
    ledger: Option<Arc<Stepped>>,
    calls: Vec<Call>,
    born: u128,
}

/// A call of the other node, as far as money goes.
struct Call {
    subject: u128,
    customer: Customer,
    sequence: u64,
    /// The cap of a day of its profile.
    cap: Option<SpendLimit>,
    /// What is held.
    held: Option<Held>,
    /// What was asked and not answered: it is asked again as it is.
    asked: Option<Batch>,
}

/// A hold that is open.
#[derive(Clone, Copy)]
struct Held {
    number: u32,
    amount: i64,
    /// The day on which it counts.
    day: u16,
}

impl Simulation {
    /// One of six acts, where the ledger is shared.
    pub(super) fn act_of_the_house(&mut self) -> bool {
        if self.disk.house().is_none() || self.chance.below(4) > 0 {
            return false;
        }
        match self.chance.below(16) {
            0..3 => self.cut(),
            3..5 => self.kill_redis(),
            5 => self.fail_over(),
            6 => self.flush_redis(),
            7 => self.refuse(),
            8 => self.crash_neighbour(),
            _ => (0..1 + self.chance.below(8)).for_each(|_| self.act_elsewhere()),
        }
        true
    }

    fn house(&self) -> House {
        self.disk.house().map(|(house, _)| house.clone()).unwrap()
    }

    fn trouble(&mut self, what: &'static str) {
        self.say(what);
        *self.troubles.entry(what).or_default() += 1;
        self.audit.on_ledger_shaken();
    }

    fn cut(&mut self) {
        let done = [0, 0, 1, 1, 2, 9][self.chance.below(6) as usize];
        let late = *self.pick(&[0, 1, 2, 5, 10, 40, 200]);
        let rest = if self.chance.below(2) == 0 { Rest::Lost } else { Rest::Late(late) };
        let dies = self.chance.below(4) == 0;
        self.trouble(match (done, rest, dies) {
            (_, _, true) => "redis dies amid a round",
            (0, Rest::Lost, _) => "a round is lost before redis hears it",
            (_, Rest::Lost, _) => "answers of redis are lost",
            (_, Rest::Late(_), _) => "a part of a round is done late",
        });
        if dies {
            self.shake();
            self.come_back();
        }
        self.house().redis.cut_next(Cut { done, rest, dies });
    }

    /// Until Redis is well: who is slow now was not slow by himself.
    fn shake(&mut self) {
        self.world.node.mood = Mood { is_shaky: true, ..self.world.node.mood };
    }

    fn come_back(&mut self) {
        let after = Duration::from_millis(self.chance.below(30_000));
        self.world.cue(after, REDIS_IS_BACK);
    }

    fn kill_redis(&mut self) {
        self.trouble("redis is killed");
        self.shake();
        self.house().redis.kill();
        self.come_back();
    }

    /// A replica without the last writes is the master now, and both nodes notice.
    fn fail_over(&mut self) {
        let writes = 1 + self.chance.below(60) as usize;
        self.trouble("a failover loses the last writes");
        let lost = self.house().redis.lose(writes);
        self.say(&format!("{lost} writes are lost"));
        self.house().step();
    }

    fn flush_redis(&mut self) {
        let house = self.house();
        match self.chance.below(3) {
            0 => {
                self.trouble("the functions are forgotten");
                house.redis.forget_functions();
            }
            _ => {
                self.trouble("redis is flushed");
                house.redis.flush();
                house.step();
            }
        }
    }

    fn refuse(&mut self) {
        self.trouble("redis refuses to write");
        self.shake();
        let error = *self.pick(&REFUSALS);
        self.house().redis.refuse(Some(error));
        self.come_back();
    }

    /// Redis is up, whole, and known to be.
    pub(super) fn mend_redis(&mut self) {
        let Some((house, _)) = self.disk.house() else { return };
        let house = house.clone();
        house.redis.refuse(None);
        house.redis.cut_nothing();
        if !house.redis.is_up() {
            house.redis.start();
        }
        house.step();
        self.world.node.mood.is_shaky = false;
        self.say("redis is well");
    }

    /// Who was not answered has told the others what is missing: they hear it when they look.
    pub(super) fn listen_soon(&mut self, seen: &[Seen]) {
        let is_refused = seen.iter().any(|seen| matches!(seen, Seen::Posted(_, Outcome::Unavailable)));
        if is_refused && !self.is_listening && self.disk.house().is_some() {
            self.is_listening = true;
            self.world.cue(LISTEN_EVERY, LISTEN);
        }
    }

    pub(super) fn listen(&mut self) {
        self.is_listening = false;
        self.house().step();
    }

    /// What Redis said must follow from the journals, ever.
    pub(super) fn check_house(&self) -> Result<(), Violation> {
        let Some((house, _)) = self.disk.house() else { return Ok(()) };
        match house.disagreements() {
            0 => Ok(()),
            count => {
                Err(Violation::of(Invariant::RedisAgrees, format!("{count} answers of Redis contradict a journal")))
            }
        }
    }

    /// Everything is well and nobody calls: parts, journals and totals are the same, and the other node holds nothing.
    pub(super) fn check_house_at_the_end(&mut self) -> Result<(), Violation> {
        let Some((house, _)) = self.disk.house() else { return Ok(()) };
        house.settle();
        let wrong = |what: String| Err(Violation::of(Invariant::RedisAgrees, what));
        let Some(there) = self.neighbour.ledger.clone() else { return Ok(()) };
        match there.engine().compare() {
            Ok(audited) if audited.fault_count == 0 && audited.busy == 0 => {}
            Ok(audited) => return wrong(format!("by the other node: {:?}", audited.faults)),
            Err(what) => return wrong(what),
        }
        match there.totals().open_holds {
            0 => self.check_house(),
            count => Err(Violation::of(Invariant::NothingIsLeft, format!("the other node holds {count}"))),
        }
    }

    /// Every call of the other node ends.
    pub(super) fn everybody_elsewhere_hangs_up(&mut self) {
        for _ in 0..100 * CALLS {
            if self.neighbour.calls.is_empty() {
                return;
            }
            self.end_elsewhere();
            self.house().step();
        }
    }

    fn neighbour(&mut self) -> Option<Arc<Stepped>> {
        if self.neighbour.ledger.is_none() {
            let house = self.house();
            self.neighbour.ledger = house.open(THERE).ok();
            house.step();
        }
        self.neighbour.ledger.clone()
    }

    /// The other node is killed with what was not on its disk, and started again.
    fn crash_neighbour(&mut self) {
        let house = self.house();
        if self.neighbour.ledger.is_none() || !house.redis.is_well() {
            return;
        }
        self.trouble("the other node is killed");
        house.redis.cut_nothing();
        let ledger = self.neighbour.ledger.take().unwrap();
        Arc::try_unwrap(ledger).unwrap_or_else(|_| panic!("somebody else has the ledger")).abandon();
        house.redis.do_what_is_late();
        self.neighbour.calls.clear();
        let Some(ledger) = self.neighbour() else { return };
        house.settle();
        // Who lives closes what the dead had open, by the switch's own code.
        let closing: Arc<dyn Ledger> = Arc::clone(&ledger) as Arc<dyn Ledger>;
        recover(&closing, self.world.now).expect("what a dead node held is released");
        ledger.flush().unwrap();
        let customers = self.world.customers.clone();
        self.audit.read_elsewhere(&*ledger, &customers);
    }

    /// Something that the other node does: a call begins, goes on or ends there.
    fn act_elsewhere(&mut self) {
        if self.neighbour().is_none() {
            return;
        }
        match self.chance.below(4) {
            0 if self.neighbour.calls.len() < CALLS => {
                let which = self.chance.below(self.world.customers.len() as u64) as usize;
                self.neighbour.born += 1;
                let subject = ELSEWHERE | self.neighbour.born;
                let customer = self.world.customers[which].clone();
                let cap = self.world.beginning().terms_of(which).daily_cap;
                self.neighbour.calls.push(Call { subject, customer, sequence: 0, cap, held: None, asked: None });
                self.go_on_elsewhere(self.neighbour.calls.len() - 1, false);
            }
            1 => self.end_elsewhere(),
            _ if !self.neighbour.calls.is_empty() => {
                let which = self.chance.below(self.neighbour.calls.len() as u64) as usize;
                self.go_on_elsewhere(which, false);
            }
            _ => {}
        }
    }

    fn end_elsewhere(&mut self) {
        if !self.neighbour.calls.is_empty() {
            let which = self.chance.below(self.neighbour.calls.len() as u64) as usize;
            self.go_on_elsewhere(which, true);
        }
    }

    /// Asks for a call what it has not been answered, or its next block, or its end.
    fn go_on_elsewhere(&mut self, which: usize, is_end: bool) {
        let Some(ledger) = self.neighbour.ledger.clone() else { return };
        let amount = CENT * (1 + self.chance.below(6) as i64);
        let at = self.world.now.wall;
        let call = &mut self.neighbour.calls[which];
        let batch = match call.asked.take() {
            Some(batch) => batch,
            None => call.next(is_end, amount, at),
        };
        if batch.transfers.is_empty() {
            self.neighbour.calls.remove(which);
            return;
        }
        let (told, heard) = sync_channel(1);
        let watched = Watched::new(ledger, self.world.witness.clone());
        watched.submit(batch.clone(), Durability::WithNextGroup, Box::new(move |outcome| drop(told.send(outcome))));
        let outcome = heard.recv().unwrap();
        let call = &mut self.neighbour.calls[which];
        match outcome {
            Outcome::Unavailable => call.asked = Some(batch),
            Outcome::Applied(_) => call.on_applied(&batch),
            Outcome::Replayed(first) if matches!(*first, Outcome::Applied(_)) => call.on_applied(&batch),
            // No credit is left: what is held is given back, and the call is over.
            _ => call.sequence = batch.id.sequence,
        }
    }
}

impl Call {
    /// Captures a cent of what is held and holds again; or gives it back. Each with what it counts against the cap of a day.
    fn next(&self, is_end: bool, amount: i64, at: Wall) -> Batch {
        let hold = |number| HoldId { subject: self.subject, number };
        let charge = |kind| Transfer { kind, code: Code::CallCharge };
        let mut transfers = Vec::new();
        if let Some(Held { number, amount, day }) = self.held {
            let paid = if is_end { 0 } else { CENT };
            transfers.push(charge(match is_end {
                true => Kind::Release { hold: hold(number) },
                false => Kind::Capture { hold: hold(number), amount: paid },
            }));
            transfers.extend(self.count(day, paid - amount));
        }
        if !is_end {
            transfers.extend(self.count(Zone::utc().day_number(at), amount));
            let (debit, credit) = (self.money(), company::money(self.customer.company, Holder::Revenue));
            let (number, until) = (self.held.map_or(1, |held| held.number + 1), at + Duration::from_secs(60));
            transfers.push(charge(Kind::Hold { hold: hold(number), debit, credit, amount, until }));
        }
        Batch {
            id: BatchId { subject: self.subject, sequence: self.sequence + 1 },
            company: self.customer.company,
            at,
            transfers,
            memo: None,
        }
    }

    fn money(&self) -> Account {
        company::money(self.customer.company, Holder::Profile(self.customer.profile))
    }

    /// So much more counts on a day, where there is room, or less; nothing where there is no cap.
    fn count(&self, day: u16, amount: i64) -> Option<Transfer> {
        let cap = self.cap?;
        let spent = Account { unit: Unit::Day(day), ..self.money() };
        let world = Account { holder: Holder::World, ..spent };
        let limit = cap.amount.get() - amount;
        let kind = match amount {
            0 => return None,
            ..0 => Kind::Post { debit: spent, credit: world, amount: -amount },
            _ if cap.action == FraudAction::Alert => Kind::Post { debit: world, credit: spent, amount },
            _ => Kind::PostIfAvailableAtMost { debit: world, credit: spent, amount, watched: spent, limit },
        };
        Some(Transfer { kind, code: Code::DailyCap })
    }

    fn on_applied(&mut self, batch: &Batch) {
        self.sequence = batch.id.sequence;
        self.held = batch.transfers.iter().find_map(|transfer| match transfer.kind {
            Kind::Hold { hold, amount, .. } => {
                Some(Held { number: hold.number, amount, day: Zone::utc().day_number(batch.at) })
            }
            _ => None,
        });
    }
}
