//! What must be true after every step, held against books of its own: the audit believes what it saw on the wire and at the
//! ledger, and nothing that the switch says of itself but which calls there are.
//!
//! | File | Holds |
//! |---|---|
//! | `advice` | what PBXs were told of the charge |
//! | `books` | each call as it was seen: its holds, its charges, its answer and its BYE |
//! | `rules` | the invariants |
//! | `terms` | those of what each profile may spend, a day and a call, and speak unpaid |

mod advice;
mod books;
mod rules;
mod terms;

use super::sharing::is_elsewhere;
use crate::world::{Customer, Mood, Seen, World};
use books::{CallBooks, Wires};
use domain::credit::{Code, Outcome};
use domain::{CallId, Monotonic, ProfileId};
use ledger::{Ledger, LineKind, Lines, StatementLine, StatementQuery};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;

/// What must be true.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Invariant {
    /// No customer account has less than nothing available.
    NoAccountBelowZero,
    /// Every unit of every company sums to zero, and what is held is what the open holds say.
    BooksBalance,
    /// Every call that hunts or talks holds one channel; who reserves or settles may hold one while its batch is under way;
    /// nobody else holds any.
    ChannelsAreLiveCalls,
    /// Every call that began ends in exactly one record.
    OneRecordACall,
    /// When a call has its record, nothing is held for it.
    EveryHoldEnds,
    /// What is charged is what its record says, what has begun, and what the deck makes of its talk time.
    ChargesAreTheBill,
    /// No INVITE goes to a carrier before a channel and the first block are held.
    NothingBeforeTheHolds,
    /// The sound of a call that is answered goes to the carrier that answered.
    SoundGoesToWhoAnswered,
    /// Every carrier has as many channels taken as there are calls that hunt or talk there, and never more calls in a second than it takes.
    CarriersAreWithinLimits,
    /// Nothing that is decided after the BYE moves money, save the settlement for what had begun. Where the ledger was slow, a
    /// charge that was asked before may be posted later; what it charges must have begun before the BYE all the same.
    NothingAfterTheBye,
    /// No PBX is told a sum that nobody has paid, and the last that it is told is what its record says.
    ToldIsCharged,
    /// Nobody speaks beyond what is held but by the risk of its profile; who does not wait for the ledger ends with what is paid.
    NobodySpeaksUnpaid,
    /// What the calls of a profile have captured and hold on one day counts to the micro, and is within its cap.
    DaysAreWithinTheCap,
    /// No call costs more than its profile permits, nor is a carrier asked for a dearer minute.
    CallsAreWithinTheCaps,
    /// What a payment provider has taken is booked once, and nothing else is.
    PaymentsAreBookedOnce,
    /// What Redis says follows from the journals of its nodes.
    RedisAgrees,
    /// Every offer is answered as RFC 3264 says, and every request in a dialog has a number of its own.
    NobodyComplains,
    /// After the dust has settled there is nothing left.
    NothingIsLeft,
    /// The switch does not panic.
    NoPanic,
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Invariant::NoAccountBelowZero => "no customer account is below zero",
            Invariant::BooksBalance => "units sum to zero and holds are what is held",
            Invariant::ChannelsAreLiveCalls => "channels held are live calls",
            Invariant::OneRecordACall => "every call ends in exactly one record",
            Invariant::EveryHoldEnds => "every hold ends with its call",
            Invariant::ChargesAreTheBill => "charges are the record's amount and what the deck makes of the talk time",
            Invariant::NothingBeforeTheHolds => "no INVITE to a carrier before channel and first block are held",
            Invariant::SoundGoesToWhoAnswered => "sound goes to the carrier that answered",
            Invariant::CarriersAreWithinLimits => {
                "a carrier's channels are its calls, and its calls a second within its limit"
            }
            Invariant::NothingAfterTheBye => "nothing is charged after the BYE",
            Invariant::ToldIsCharged => "a sum that a PBX is told is charged, and its last the record's amount",
            Invariant::NobodySpeaksUnpaid => "nobody speaks unpaid but within the risk of its profile",
            Invariant::DaysAreWithinTheCap => "what a profile spends in a day is counted, and within its cap",
            Invariant::CallsAreWithinTheCaps => "no call and no minute is dearer than its profile permits",
            Invariant::PaymentsAreBookedOnce => {
                "a payment is booked once where the provider has the money, and else never"
            }
            Invariant::RedisAgrees => "what Redis says follows from the journals",
            Invariant::NobodyComplains => {
                "every offer is answered as it must be, every request has a number of its own"
            }
            Invariant::NothingIsLeft => "nothing is left after the dust has settled",
            Invariant::NoPanic => "the switch does not panic",
        })
    }
}

/// Something is not true.
#[derive(Clone, Debug)]
pub struct Violation {
    /// What should have been.
    pub invariant: Invariant,
    /// What was.
    pub what: String,
}

impl Violation {
    pub(super) fn of(invariant: Invariant, what: impl Into<String>) -> Violation {
        Violation { invariant, what: what.into() }
    }
}

/// The audit.
#[derive(Default)]
pub(super) struct Audit {
    /// By the call's bits.
    calls: BTreeMap<u128, CallBooks>,
    wires: Wires,
    /// Calls of the other node that shares the Redis, as far as money goes.
    elsewhere: BTreeMap<u128, CallBooks>,
    /// How many of the present node's calls are known.
    opened: usize,
    /// Calls of the present node whose houses stand.
    live: BTreeSet<u128>,
    /// INVITEs to carriers of this step, and what was held when they were sent.
    invitations: Vec<(String, BTreeSet<u128>)>,
    /// When calls were handed to each carrier, not longer ago than a second.
    handed: BTreeMap<IpAddr, Vec<Monotonic>>,
    /// Calls of which something was posted in this step.
    touched: BTreeSet<u128>,
    /// Whether anything was posted in this step.
    is_posted: bool,
    /// What counts on a day of a profile without the ledger having been asked whether there is room.
    unasked: BTreeMap<(ProfileId, u16), i64>,
    /// Calls that came to a bound of their profile's terms, by which.
    reached: BTreeMap<&'static str, BTreeSet<u128>>,
    /// Sums that PBXs were told in this step.
    told: Vec<advice::Told>,
}

impl Audit {
    /// Looks at what was seen in a step, and at what stands after it.
    ///
    /// # Errors
    /// The first thing that is not true.
    pub(super) fn after_step(&mut self, world: &World, seen: &[Seen]) -> Result<(), Violation> {
        (self.is_posted, self.invitations) = (false, Vec::new());
        self.touched.clear();
        for seen in seen {
            self.look(world, seen)?;
        }
        rules::nobody_complains(world)?;
        self.check_told()?;
        if world.is_down { Ok(()) } else { self.look_at_node(world) }
    }

    fn look(&mut self, world: &World, seen: &Seen) -> Result<(), Violation> {
        match seen {
            Seen::Received(datagram) => {
                self.wires.saw_received(datagram, world.now);
                Ok(())
            }
            Seen::Sent(datagram) => {
                self.told.extend(advice::told(datagram));
                let is_invitation = self.wires.saw_sent(datagram, world.now);
                if let Some(call_id) = is_invitation {
                    let holders = self.calls.iter().filter(|(_, books)| books.has_all()).map(|(call, _)| *call);
                    self.invitations.push((call_id, holders.collect()));
                    return self.on_handed(datagram.to.ip(), world);
                }
                Ok(())
            }
            Seen::Posted(batch, outcome) => self.on_posted(batch, outcome, world),
            Seen::Unanswered(batch) => {
                self.on_unanswered(batch, world);
                Ok(())
            }
        }
    }

    fn look_at_node(&mut self, world: &World) -> Result<(), Violation> {
        let calls = world.node.calls(world.now);
        for id in &world.node.opened[self.opened..] {
            self.calls.entry(id.bits()).or_default();
        }
        self.opened = world.node.opened.len();
        for call in &calls {
            let life = self.wires.life();
            let books = self.calls.entry(call.id.bits()).or_default();
            books.wire.get_or_insert_with(|| (life, call.sip_call_id.clone()));
            books.had_slow_ledger |= world.node.mood != Mood::default();
            books.profile = Some(call.profile);
            books.carrier = call.carrier_call_ids.last().cloned();
        }
        self.check_invitations(world, &calls)?;
        self.check_live(world, &calls)?;
        rules::check_carriers(world, &calls)?;
        self.check_charges(world)?;
        self.check_unpaid(world, &calls)?;
        if self.is_posted { self.check_accounts(world) } else { Ok(()) }
    }

    /// Times on the wall do not compare over this instant: who is up now may be charged by the new clock for what ended by the old.
    pub(super) fn on_clock_set(&mut self) {
        self.calls.values_mut().for_each(|books| books.had_slow_ledger = true);
    }

    /// The ledger has trouble: who is up now may be charged late.
    pub(super) fn on_ledger_shaken(&mut self) {
        self.on_clock_set();
    }

    /// The other node was started again: its books are what its journal says.
    pub(super) fn read_elsewhere(&mut self, ledger: &dyn Ledger, customers: &[Customer]) {
        self.elsewhere.clear();
        for line in journal_of(ledger, customers) {
            let call = line.hold.map_or(line.batch.subject, |hold| hold.subject);
            if is_elsewhere(call) {
                keep(self.elsewhere.entry(call).or_default(), &line);
            }
        }
    }

    /// An order that was granted is on the disk, and all that was posted before it. One that was not says nothing of the disk.
    pub(super) fn on_ordered(&mut self, outcome: &Outcome) {
        if matches!(outcome, Outcome::Applied(_)) {
            self.on_synced();
        }
    }

    /// The disk was reached: what was posted before must survive.
    pub(super) fn on_synced(&mut self) {
        for books in self.calls.values_mut() {
            books.is_safe |= books.is_known();
        }
    }

    /// A new life has begun, and the calls of the old one were closed: the books are what the journal says.
    ///
    /// # Errors
    /// What the crash has lost that it may not, or left open.
    pub(super) fn on_restarted(&mut self, world: &World) -> Result<(), Violation> {
        self.wires.begin_life();
        (self.opened, self.live) = (0, BTreeSet::new());
        self.handed.clear();
        for books in self.calls.values_mut() {
            books.forget_ledger();
        }
        let ledger = world.node.ledger();
        self.read_journal(&**ledger, world);
        for (_, text) in ledger.ended_after(0, usize::MAX).unwrap_or_default() {
            let record = store::record_json::from_json(&text).unwrap();
            let books = self.calls.entry(record.id.bits()).or_default();
            books.records += 1;
            books.record = Some(record);
        }
        self.check_recovered()?;
        self.check_accounts(world)
    }

    fn read_journal(&mut self, ledger: &dyn Ledger, world: &World) {
        for line in journal_of(ledger, &world.customers) {
            let call = line.hold.map_or(line.batch.subject, |hold| hold.subject);
            if let Some(books) = self.calls.get_mut(&call) {
                keep(books, &line);
            }
        }
    }

    /// Every call that was ever opened.
    pub(super) fn count(&self) -> usize {
        self.calls.len()
    }

    /// The records of all calls, in order of birth.
    pub(super) fn records(&self) -> impl Iterator<Item = &domain::call_record::CallRecord> {
        self.calls.values().filter_map(|books| books.record.as_ref())
    }

    fn name(call: u128) -> String {
        format!("call {} ({})", super::trace::short(call), CallId::from_bits(call))
    }
}

/// Every line about these customers' companies, oldest first.
fn journal_of(ledger: &dyn Ledger, customers: &[Customer]) -> Vec<StatementLine> {
    let mut companies: Vec<_> = customers.iter().map(|customer| customer.company).collect();
    companies.dedup();
    let mut lines = Vec::new();
    for company in companies {
        let query =
            StatementQuery { company, account: None, lines: Lines::All, before: None, after: 0, limit: usize::MAX };
        lines.extend(ledger.statement(&query).unwrap().lines.into_iter().rev());
    }
    lines
}

fn keep(books: &mut CallBooks, line: &StatementLine) {
    match (line.kind, line.hold) {
        (LineKind::Hold, Some(hold)) => books.hold(hold.number, line.debit, line.amount),
        (LineKind::Capture, Some(hold)) => books.capture(hold.number, line.amount),
        (LineKind::Release, Some(hold)) => books.release(hold.number),
        (LineKind::Post, _) if line.code == Code::DailyCap => books.count(line.debit, line.credit, line.amount),
        (LineKind::Post, _) if line.code == Code::CallCharge => books.captured += line.amount,
        _ => {}
    }
}
