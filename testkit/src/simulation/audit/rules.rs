//! The invariants. Each is said in words where it is broken.
//!
//! What they are held against is in `books`.

use super::books::CallBooks;
use super::{Audit, Invariant, Violation, terms};
use crate::reckoning;
use crate::simulation::sharing::is_elsewhere;
use crate::world::{CallSeen, Complaint, World, carrier_ip};
use domain::call_record::CallRecord;
use domain::credit::{Batch, Code, Holder, Kind, Memo, Outcome, Unit};
use domain::{CompanyId, Now, ReleaseCause};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;
use switch::call::PhaseName;

/// The window in which calls a second are counted.
const SECOND: Duration = Duration::from_secs(1);

pub(super) type Checked = Result<(), Violation>;

pub(super) fn wrong(invariant: Invariant, what: String) -> Checked {
    Err(Violation::of(invariant, what))
}

impl Audit {
    /// The ledger answered a batch.
    pub(super) fn on_posted(&mut self, batch: &Batch, outcome: &Outcome, world: &World) -> Checked {
        self.note_credit(batch, outcome);
        if !matches!(outcome, Outcome::Applied(_)) {
            return Ok(());
        }
        self.is_posted = true;
        self.check_counting(batch, world)?;
        let record = match &batch.memo {
            Some(Memo::CallEnded(text)) => Some(store::record_json::from_json(text).unwrap()),
            _ => None,
        };
        let mut moved = 0;
        for transfer in &batch.transfers {
            moved += self.transfer(batch, transfer.kind, transfer.code);
        }
        if moved > 0 && record.is_none() {
            self.check_not_over(batch)?;
        }
        match record {
            Some(record) => self.on_record(record, world),
            None => Ok(()),
        }
    }

    /// Keeps the books of a transfer. Gives what it charged.
    fn transfer(&mut self, batch: &Batch, kind: Kind, code: Code) -> i64 {
        let call = match kind {
            Kind::Hold { hold, .. } | Kind::Capture { hold, .. } | Kind::Release { hold } => hold.subject,
            Kind::Post { .. } if code == Code::CallCharge => batch.id.subject,
            Kind::Post { .. } | Kind::PostIfAvailableAtMost { .. } if code == Code::DailyCap => batch.id.subject,
            Kind::Post { .. } | Kind::PostIfAvailableAtMost { .. } | Kind::Extend { .. } => return 0,
        };
        let books = match is_elsewhere(call) {
            true => self.elsewhere.entry(call).or_default(),
            false => {
                self.touched.insert(call);
                self.calls.entry(call).or_default()
            }
        };
        match kind {
            Kind::Hold { hold, debit, amount, .. } => books.hold(hold.number, debit, amount),
            Kind::Release { hold } => books.release(hold.number),
            Kind::Capture { hold, amount } => {
                books.capture(hold.number, amount);
                return amount;
            }
            Kind::Post { debit, credit, amount } | Kind::PostIfAvailableAtMost { debit, credit, amount, .. }
                if code == Code::DailyCap =>
            {
                books.count(debit, credit, amount);
            }
            Kind::Post { amount, .. } => {
                books.captured += amount;
                return amount;
            }
            Kind::PostIfAvailableAtMost { .. } | Kind::Extend { .. } => {}
        }
        0
    }

    /// Money moved that is no settlement: its call may not be over when that was decided.
    fn check_not_over(&self, batch: &Batch) -> Checked {
        let call = batch.id.subject;
        let Some(books) = self.calls.get(&call).filter(|books| !books.had_slow_ledger) else { return Ok(()) };
        let ended = self.wires.ended(books).map(|ended| ended.wall);
        match ended {
            Some(ended) if batch.at > ended => wrong(
                Invariant::NothingAfterTheBye,
                format!("{} is charged at {}, its BYE was at {ended}", Audit::name(call), batch.at),
            ),
            _ => Ok(()),
        }
    }

    /// A call has its record.
    fn on_record(&mut self, record: CallRecord, world: &World) -> Checked {
        let call = record.id.bits();
        let life = self.wires.life();
        let books = self.calls.entry(call).or_default();
        books.records += 1;
        books.wire.get_or_insert_with(|| (life, record.sip_call_id.clone()));
        books.record = Some(record.clone());
        let books = self.calls[&call].clone();
        if books.records > 1 {
            return wrong(Invariant::OneRecordACall, format!("{} has {} records", Audit::name(call), books.records));
        }
        check_holds_nothing(call, &books)?;
        check_amount(call, &books)?;
        if let Err(what) = reckoning::check(&record, world.lateness_max) {
            return wrong(Invariant::ChargesAreTheBill, what);
        }
        self.check_written_off(&record, world)?;
        self.check_talk_time(&books, &record, world)
    }

    /// The record's talk time is what was seen on the wire.
    fn check_talk_time(&self, books: &CallBooks, record: &CallRecord, world: &World) -> Checked {
        let Some(wire) = books.wire.as_ref().filter(|wire| self.wires.is_of_life(wire)) else { return Ok(()) };
        if record.cause == ReleaseCause::SwitchRestarted {
            return Ok(());
        }
        let answered = self.wires.answered(wire);
        if answered.is_some() != record.answered_at.is_some() {
            return wrong(Invariant::ChargesAreTheBill, format!("answered on the wire: {answered:?}: {record:#?}"));
        }
        let Some(answered) = answered else { return Ok(()) };
        let ended = self.wires.ended(books).unwrap_or(world.now);
        let seen = ended.monotonic.since(answered.monotonic);
        // Credit and the longest call end at their second, however late the machine is; so does who does not wait for the ledger.
        let is_given_up = record.cause == ReleaseCause::Overload && books.ends_s.is_some();
        let is_by_clock =
            is_given_up || matches!(record.cause, ReleaseCause::CreditExhausted | ReleaseCause::MaxDuration);
        let late = if is_by_clock { world.lateness_max } else { Duration::ZERO };
        // Rounded up to the millisecond (decision 108).
        let told = Duration::from_millis(record.talked_ms);
        let grain = Duration::from_millis(1);
        // The BYE to a caller who has not acknowledged yet waits for the ACK.
        let is_held_back =
            self.wires.acknowledged(wire).is_none_or(|at| at.monotonic + grain > answered.monotonic + told);
        if told >= seen + grain || !is_held_back && told + late < seen {
            return wrong(
                Invariant::ChargesAreTheBill,
                format!("{seen:?} between 200 and BYE on the wire: {record:#?}"),
            );
        }
        Ok(())
    }

    /// A carrier hears of a new call: in any second of no more than it takes.
    pub(super) fn on_handed(&mut self, carrier: IpAddr, world: &World) -> Checked {
        let now = world.now.monotonic;
        let handed = self.handed.entry(carrier).or_default();
        handed.retain(|at| now.since(*at) < SECOND);
        handed.push(now);
        match world.beginning().carrier_limits.1 {
            Some(most) if handed.len() > most as usize => {
                let what = format!("{} calls were handed to {carrier} within a second, it takes {most}", handed.len());
                wrong(Invariant::CarriersAreWithinLimits, what)
            }
            _ => Ok(()),
        }
    }

    /// Carriers that hear of a call for the first time.
    pub(super) fn check_invitations(&mut self, world: &World, calls: &[CallSeen]) -> Checked {
        for (call_id, holders) in std::mem::take(&mut self.invitations) {
            let Some(call) = calls.iter().find(|call| call.carrier_call_ids.contains(&call_id)) else {
                return wrong(Invariant::NothingBeforeTheHolds, format!("the INVITE {call_id} belongs to no call"));
            };
            if !holders.contains(&call.id.bits()) {
                let what = format!("a carrier is invited for {}, and not all is held", Audit::name(call.id.bits()));
                return wrong(Invariant::NothingBeforeTheHolds, what);
            }
            terms::check_rate(world, call)?;
        }
        Ok(())
    }

    /// Channels held are live calls; who is over has its record.
    pub(super) fn check_live(&mut self, world: &World, calls: &[CallSeen]) -> Checked {
        let mut may_hold = BTreeSet::new();
        for call in calls {
            let id = call.id.bits();
            let books = &self.calls[&id];
            check_sound(call)?;
            match call.phase {
                PhaseName::Hunting | PhaseName::Talking if books.channels.len() != 1 => {
                    let what =
                        format!("{} is {:?} and holds {} channels", Audit::name(id), call.phase, books.channels.len());
                    return wrong(Invariant::ChannelsAreLiveCalls, what);
                }
                PhaseName::Clearing if call.is_settled => check_over(id, books)?,
                PhaseName::Hunting | PhaseName::Talking | PhaseName::Reserving | PhaseName::Clearing => {
                    may_hold.insert(id);
                    if books.channels.len() > 1 || books.money.len() > 1 {
                        let what = format!("{} holds {:?} and {:?}", Audit::name(id), books.channels, books.money);
                        return wrong(Invariant::ChannelsAreLiveCalls, what);
                    }
                }
            }
        }
        let now_live: BTreeSet<u128> = calls.iter().map(|call| call.id.bits()).collect();
        for gone in self.live.difference(&now_live) {
            check_over(*gone, &self.calls[gone])?;
        }
        self.live = now_live;
        let holders = self.calls.iter().filter(|(_, books)| !books.holds_nothing());
        for (call, books) in holders {
            if !may_hold.contains(call) {
                check_holds_nothing(*call, books)?;
            }
        }
        self.check_channels(world, calls)
    }

    /// Per profile: what the ledger holds is what live calls hold.
    fn check_channels(&self, world: &World, calls: &[CallSeen]) -> Checked {
        let is_up = |call: &&CallSeen| matches!(call.phase, PhaseName::Hunting | PhaseName::Talking);
        for customer in &world.customers {
            let of_profile = || calls.iter().filter(|call| call.profile == customer.profile);
            let live = of_profile().filter(is_up).count() as i64;
            let under_way = of_profile().filter(|call| !is_up(call) && !call.is_settled).count() as i64;
            let held = world.node.ledger().balance(crate::company::channels(customer.company, customer.profile)).held;
            if !(live..=live + under_way).contains(&held) {
                let what =
                    format!("{held} channels of {} held, {live} calls live, {under_way} under way", customer.user);
                return wrong(Invariant::ChannelsAreLiveCalls, what);
            }
        }
        Ok(())
    }

    /// Nothing is charged that has not begun.
    pub(super) fn check_charges(&self, world: &World) -> Checked {
        for call in &self.touched {
            let books = &self.calls[call];
            let (Some(wire), true) = (&books.wire, books.captured > 0) else { continue };
            if !self.wires.is_of_life(wire) {
                continue;
            }
            let Some(answered) = self.wires.answered(wire) else {
                return wrong(
                    Invariant::ChargesAreTheBill,
                    format!("{} was not answered and pays", Audit::name(*call)),
                );
            };
            let until: Now = self.wires.ended(books).unwrap_or(world.now);
            let talked_us = until.monotonic.since(answered.monotonic).as_micros() as i64;
            // At a boundary the next increment begins.
            let most = reckoning::price(reckoning::begun_s(talked_us + 1), world.rate_per_minute());
            if books.captured > most {
                let what = format!(
                    "{} is charged {} micros after {talked_us} us of talk, which cost {most}",
                    Audit::name(*call),
                    books.captured
                );
                return wrong(Invariant::ChargesAreTheBill, what);
            }
        }
        Ok(())
    }

    /// Balances, sums and holds of every company.
    pub(super) fn check_accounts(&self, world: &World) -> Checked {
        let mut companies: Vec<CompanyId> = world.customers.iter().map(|customer| customer.company).collect();
        companies.dedup();
        let (mut revenue, mut held) = (0, 0);
        for company in companies {
            let mut sums: BTreeMap<Unit, i64> = BTreeMap::new();
            for (account, balance) in world.node.ledger().balances(company) {
                *sums.entry(account.unit).or_default() += balance.posted;
                // C11: a subscription may shrink below the calls that are up.
                let has_shrunk = account.unit == Unit::Channels && balance.posted >= 0;
                if account.holder.is_customer() && balance.available() < 0 && !has_shrunk {
                    return wrong(Invariant::NoAccountBelowZero, format!("{account:?} has {balance:?}"));
                }
                if matches!(account.unit, Unit::Money(_)) {
                    held += balance.held;
                    revenue += if account.holder == Holder::Revenue { balance.posted } else { 0 };
                }
            }
            if let Some((unit, sum)) = sums.iter().find(|(_, sum)| **sum != 0) {
                return wrong(Invariant::BooksBalance, format!("{unit:?} of {company} sums to {sum}"));
            }
        }
        self.check_days(world)?;
        let all = || self.calls.values().chain(self.elsewhere.values());
        let open: i64 = all().flat_map(|books| books.money.values()).sum();
        if held != open {
            return wrong(Invariant::BooksBalance, format!("{held} micros are held, the open holds say {open}"));
        }
        let captured: i64 = all().map(|books| books.captured).sum();
        if revenue != captured {
            return wrong(Invariant::ChargesAreTheBill, format!("revenue {revenue}, charges of calls {captured}"));
        }
        Ok(())
    }

    /// After a restart: whatever is known of a former call is one record, and nothing held.
    pub(super) fn check_recovered(&self) -> Checked {
        for (call, books) in &self.calls {
            if books.is_known() {
                check_over(*call, books)?;
                check_amount(*call, books)?;
            } else if books.is_safe {
                let what = format!("{} was on the disk, and the restart knows nothing of it", Audit::name(*call));
                return wrong(Invariant::OneRecordACall, what);
            }
        }
        Ok(())
    }

    /// All traffic has stopped and all timers have run out.
    ///
    /// # Errors
    /// What is left.
    pub(crate) fn after_the_dust(&self, world: &World) -> Checked {
        let node = &world.node;
        let left = [
            ("calls", node.live_calls()),
            ("open ports", node.open_sounds()),
            ("open books", node.open_books()),
            ("waiting REGISTERs", node.waiting_registers()),
            ("holds", node.ledger().totals().open_holds as usize),
            ("bindings", world.customers.iter().filter(|customer| node.binding(customer.profile).is_some()).count()),
        ];
        if let Some((what, count)) = left.iter().find(|(_, count)| *count > 0) {
            return wrong(Invariant::NothingIsLeft, format!("{count} {what} are left"));
        }
        if node.load() != sip::endpoint::Load::default() {
            return wrong(Invariant::NothingIsLeft, format!("SIP has {:?} left", node.load()));
        }
        for (call, books) in &self.calls {
            if books.is_known() {
                check_over(*call, books)?;
            }
        }
        let recorded: i64 = self.records().map(|record| record.amount.get()).sum();
        let captured: i64 = self.calls.values().map(|books| books.captured).sum();
        if recorded != captured {
            return wrong(Invariant::ChargesAreTheBill, format!("records say {recorded}, charges are {captured}"));
        }
        let verified = node.ledger().verify().unwrap();
        if !verified.is_clean() {
            return wrong(Invariant::BooksBalance, verified.to_string());
        }
        Ok(())
    }
}

/// What the network loses is no fault of the switch's: only what it says is judged.
pub(super) fn nobody_complains(world: &World) -> Checked {
    let mut complaints = world.agents.iter().flat_map(|agent| &agent.complaints);
    let is_judged = |complaint: &&Complaint| matches!(complaint, Complaint::StaleCseq(_) | Complaint::WrongAnswer(_));
    match complaints.find(is_judged) {
        Some(complaint) => wrong(Invariant::NobodyComplains, format!("{complaint:?}")),
        None => Ok(()),
    }
}

/// The channels of each carrier are taken by calls that are there, and all of them.
pub(super) fn check_carriers(world: &World, calls: &[CallSeen]) -> Checked {
    let is_up = |call: &&CallSeen| matches!(call.phase, PhaseName::Hunting | PhaseName::Talking);
    for (name, taken) in world.node.carrier_channels() {
        let here = calls.iter().filter(is_up).filter(|call| call.carrier.as_deref() == Some(&*name)).count();
        let most = world.beginning().carrier_limits.0.unwrap_or(u32::MAX);
        if taken as usize != here || taken > most {
            let what = format!("{taken} channels of carrier {name} are taken, {here} calls are there, it takes {most}");
            return wrong(Invariant::CarriersAreWithinLimits, what);
        }
    }
    Ok(())
}

fn check_sound(call: &CallSeen) -> Checked {
    let (Some(sound), Some(name), PhaseName::Talking) = (call.called_sound, &call.carrier, call.phase) else {
        return Ok(());
    };
    if Some(sound.ip()) == carrier_ip(name) {
        return Ok(());
    }
    let what = format!("{} talks with carrier {name}, its sound goes to {sound}", Audit::name(call.id.bits()));
    wrong(Invariant::SoundGoesToWhoAnswered, what)
}

fn check_holds_nothing(call: u128, books: &CallBooks) -> Checked {
    if books.holds_nothing() {
        return Ok(());
    }
    let what =
        format!("{} is over and holds channels {:?}, money {:?}", Audit::name(call), books.channels, books.money);
    wrong(Invariant::EveryHoldEnds, what)
}

fn check_over(call: u128, books: &CallBooks) -> Checked {
    check_holds_nothing(call, books)?;
    match books.records {
        1 => Ok(()),
        count => wrong(Invariant::OneRecordACall, format!("{} is over and has {count} records", Audit::name(call))),
    }
}

fn check_amount(call: u128, books: &CallBooks) -> Checked {
    let Some(record) = &books.record else { return Ok(()) };
    if record.amount.get() == books.captured {
        return Ok(());
    }
    let what = format!("{} was charged {} micros: {record:#?}", Audit::name(call), books.captured);
    wrong(Invariant::ChargesAreTheBill, what)
}
