//! Payments of companies through a provider that answers late, twice, first by a notice, or never; as the switch's own machine makes them.
//!
//! Which payments a company should make is not decided here: one is ordered now and then. HTTP and threads are `backoffice`'s.

use super::story::{NOTICED, PAYMENT_DUE};
use super::{Invariant, Simulation, Violation};
use crate::company;
use crate::world::Seen;
use domain::credit::{Batch, BatchId, Code, Holder, Kind, Outcome, Transfer};
use domain::payment::{Payment, PaymentAnswer, PaymentResult, PaymentState};
use domain::{Currency, Entropy, Machine, Micros, Monotonic, PaymentId};
use ledger::{Lines, StatementQuery};
use std::collections::BTreeMap;
use std::time::Duration;
use switch::company::paying::{Booking, Effect, Event, Paying};
use switch::profile::Event as ProfileEvent;

/// At one of so many acts a payment is ordered.
const ONE_IN: u64 = 12;
/// What is paid in.
const AMOUNT: Micros = Micros::new(40_000);
/// Who asks waits this long for an answer.
const PATIENCE: Duration = Duration::from_secs(20);
/// A notice that finds nobody comes again.
const NOTICED_AGAIN: Duration = Duration::from_secs(5);

/// What the provider has done, under each key once.
type Decided = BTreeMap<PaymentId, PaymentResult>;

/// The company's side and the provider's.
pub(super) struct Till {
    chance: Entropy,
    /// What is written down: it survives every crash.
    kept: BTreeMap<PaymentId, Payment>,
    machines: BTreeMap<PaymentId, Paying>,
    decided: Decided,
    /// What is on its way to us, by the number of its mark.
    under_way: BTreeMap<u64, (PaymentId, Event)>,
    marks: u64,
    /// How often each was booked, as the ledger was seen to do it.
    booked: BTreeMap<PaymentId, u32>,
    /// When somebody looks next whether a payment is due: one cue for all, or each would make as many as there are payments.
    looks_at: Option<Monotonic>,
    /// Nobody pays any more, and the provider answers at once.
    is_well: bool,
}

impl Till {
    /// With a chance of its own, so that the rest of the story is what it would be without it.
    pub(super) fn new(seed: u64) -> Till {
        let chance = Entropy::from_seed((u128::from(seed) | 0x52_u128 << 64).to_le_bytes());
        let (kept, machines, decided, under_way, booked) = Default::default();
        Till { chance, kept, machines, decided, under_way, marks: 0, booked, looks_at: None, is_well: false }
    }

    /// What the provider says when it is asked: what it has decided under this key stands, but for "later".
    fn decide(&mut self, id: PaymentId) -> PaymentResult {
        let drawn = match self.chance.below(8) {
            0 => PaymentResult::Declined,
            1 | 2 if !self.is_well => PaymentResult::Pending,
            _ => PaymentResult::Paid,
        };
        let decided = self.decided.entry(id).or_insert(drawn);
        if *decided == PaymentResult::Pending {
            *decided = drawn;
        }
        *decided
    }

    fn send(&mut self, id: PaymentId, event: Event) -> u64 {
        self.marks += 1;
        self.under_way.insert(self.marks, (id, event));
        NOTICED + self.marks
    }
}

fn answer(result: PaymentResult) -> PaymentAnswer {
    PaymentAnswer::of(result, "")
}

impl Simulation {
    /// Now and then somebody pays.
    pub(super) fn pay_sometimes(&mut self) {
        if self.world.is_down || self.till.chance.below(ONE_IN) > 0 {
            return;
        }
        let which = self.till.chance.below(self.world.customers.len() as u64) as usize;
        let (company, now) = (self.world.customers[which].company, self.world.now.wall);
        let payment = Payment {
            id: PaymentId::mint(now, &mut self.till.chance),
            company,
            currency: Currency::USD,
            amount: AMOUNT,
            automatic: true,
            method: None,
            provider: "simulated".into(),
            state: PaymentState::Opened,
            reference: None,
            attempts: 0,
            because: None,
            opened_at: now,
            changed_at: now,
        };
        self.say(&format!("{company} pays {}", payment.id));
        self.till.kept.insert(payment.id, payment.clone());
        self.resume(payment);
    }

    fn resume(&mut self, payment: Payment) {
        let id = payment.id;
        let machine = Paying::new(payment, self.till.chance.fork());
        self.till.machines.insert(id, machine);
        self.tell_payment(id, Event::Resumed);
    }

    /// The process is dead: questions that it had asked are answered to nobody; notices come again.
    pub(super) fn forget_payments(&mut self) {
        self.till.machines.clear();
        self.till.under_way.retain(|_, (_, event)| matches!(event, Event::Notified(_)));
    }

    /// The next process reads what is open.
    pub(super) fn resume_payments(&mut self) {
        let open: Vec<Payment> = self.till.kept.values().filter(|payment| payment.state.is_open()).cloned().collect();
        open.into_iter().for_each(|payment| self.resume(payment));
    }

    /// All is well: whoever looks after payments has each asked again whose result is not known.
    pub(super) fn settle_payments(&mut self) {
        self.till.is_well = true;
        let open: Vec<PaymentId> = self.till.machines.keys().copied().collect();
        open.into_iter().for_each(|id| self.tell_payment(id, Event::RetryOrdered));
    }

    /// Something of the provider's has come.
    pub(super) fn on_noticed(&mut self, mark: u64) {
        let Some((id, event)) = self.till.under_way.remove(&mark) else { return };
        if self.world.is_down {
            let mark = self.till.send(id, event);
            return self.world.cue(NOTICED_AGAIN, mark);
        }
        self.tell_payment(id, event);
    }

    /// The next step of some payment may be due.
    pub(super) fn on_payment_due(&mut self) {
        if self.till.looks_at.is_none_or(|at| at > self.world.now.monotonic) {
            // Somebody had to look earlier, and did.
            return;
        }
        self.till.looks_at = None;
        let ids: Vec<PaymentId> = self.till.machines.keys().copied().collect();
        for id in ids {
            let mut effects = Vec::new();
            if let Some(machine) = self.till.machines.get_mut(&id) {
                machine.expire(self.world.now, &mut effects);
            }
            self.follow_payment(id, effects);
        }
        self.look_at_next_deadline();
    }

    fn look_at_next_deadline(&mut self) {
        let Some(at) = self.till.machines.values().filter_map(Paying::deadline).min() else { return };
        if self.till.looks_at.is_none_or(|looks_at| at < looks_at) {
            self.till.looks_at = Some(at);
            self.world.cue(at.since(self.world.now.monotonic), PAYMENT_DUE);
        }
    }

    fn tell_payment(&mut self, id: PaymentId, event: Event) {
        // A notice of what is closed is known already.
        let Some(machine) = self.till.machines.get_mut(&id) else { return };
        let mut effects = Vec::new();
        machine.handle(event, self.world.now, &mut effects);
        self.follow_payment(id, effects);
        self.look_at_next_deadline();
    }

    fn follow_payment(&mut self, id: PaymentId, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Keep(payment) => _ = self.till.kept.insert(payment.id, payment),
                Effect::Ask(_) => self.ask_provider(id),
                Effect::AskToCancel(_) => {
                    let result = *self.till.decided.entry(id).or_insert(PaymentResult::Declined);
                    self.provider_says(Duration::from_millis(500), id, Event::CancelAnswered(answer(result)));
                }
                Effect::Book(payment) => {
                    let booking = self.book(&payment);
                    self.tell_payment(id, Event::Booked(booking));
                }
                Effect::Tell(_) => {}
            }
        }
    }

    fn provider_says(&mut self, after: Duration, id: PaymentId, event: Event) {
        let mark = self.till.send(id, event);
        self.world.cue(after, mark);
    }

    /// It answers soon, late, twice, by a notice before the answer, or never; whatever it says, it has done.
    fn ask_provider(&mut self, id: PaymentId) {
        let result = self.till.decide(id);
        let soon = Duration::from_millis(self.till.chance.below(3_000));
        let late = Duration::from_millis(self.till.chance.below(90_000));
        let manner = if self.till.is_well { 0 } else { self.till.chance.below(6) };
        let (answered, noticed) = (|result| Event::Answered(answer(result)), Event::Notified(answer(result)));
        match manner {
            0 | 1 => self.provider_says(soon, id, answered(result)),
            2 => {
                self.provider_says(soon, id, answered(result));
                self.provider_says(late, id, noticed);
            }
            3 => {
                self.provider_says(soon / 2, id, noticed);
                self.provider_says(soon, id, answered(result));
            }
            4 => {
                self.provider_says(PATIENCE, id, answered(PaymentResult::Unknown));
                self.provider_says(late, id, noticed);
            }
            _ => self.provider_says(PATIENCE, id, answered(PaymentResult::Unknown)),
        }
        // What it had put off it decides by itself.
        if result == PaymentResult::Pending && self.till.chance.below(2) == 0 {
            let decided = self.till.decide(id);
            self.provider_says(late, id, Event::Notified(answer(decided)));
        }
    }

    /// The batch is named after the payment. Its answer may get lost, and then nobody knows that it is booked.
    fn book(&mut self, payment: &Payment) -> Booking {
        let credit = company::money(payment.company, Holder::Company);
        let debit = domain::credit::Account { holder: Holder::World, ..credit };
        let kind = Kind::Post { debit, credit, amount: payment.amount.get() };
        let batch = Batch {
            id: BatchId { subject: payment.id.bits(), sequence: 0 },
            company: payment.company,
            at: payment.opened_at,
            transfers: vec![Transfer { kind, code: Code::TopUp }],
            memo: None,
        };
        let outcome = company::post(&**self.world.node.ledger(), batch);
        self.audit.on_ordered(&outcome);
        match outcome {
            Outcome::Unavailable => return Booking::Unavailable,
            Outcome::Refused(_) => return Booking::Refused,
            Outcome::Applied(_) | Outcome::Replayed(_) => {}
        }
        if !self.till.is_well && self.till.chance.below(4) == 0 {
            return Booking::Unavailable;
        }
        let now = self.world.now;
        let customers = self.world.customers.iter().filter(|customer| customer.company == payment.company);
        let profiles: Vec<_> = customers.map(|customer| customer.profile).collect();
        profiles.into_iter().for_each(|id| self.world.node.tell_profile(id, ProfileEvent::CompanyToppedUp, now));
        Booking::Done
    }

    /// What the provider has taken is booked once, and nothing else is; looked at after every step.
    ///
    /// # Errors
    /// A payment that was booked twice, or that nobody has paid.
    pub(super) fn check_payments(&mut self, seen: &[Seen]) -> Result<(), Violation> {
        for seen in seen {
            let Seen::Posted(batch, Outcome::Applied(_)) = seen else { continue };
            let id = PaymentId::from_bits(batch.id.subject);
            if !self.till.kept.contains_key(&id) {
                continue;
            }
            let booked = self.till.booked.entry(id).or_default();
            *booked += 1;
            let (times, is_paid) = (*booked, self.till.decided.get(&id) == Some(&PaymentResult::Paid));
            if times > 1 || !is_paid {
                let what = format!("{id} is booked {times} times, paid: {is_paid}");
                return Err(Violation::of(Invariant::PaymentsAreBookedOnce, what));
            }
        }
        Ok(())
    }

    /// After the dust: every payment has come to an end, and it is the provider's.
    ///
    /// # Errors
    /// A payment that is still open, or that ended otherwise than the provider says.
    pub(super) fn check_payments_at_the_end(&self) -> Result<(), Violation> {
        for payment in self.till.kept.values() {
            let is_paid = self.till.decided.get(&payment.id) == Some(&PaymentResult::Paid);
            let wanted = if is_paid { PaymentState::Booked } else { PaymentState::Declined };
            let query = StatementQuery {
                company: payment.company,
                account: None,
                lines: Lines::All,
                before: None,
                after: 0,
                limit: usize::MAX,
            };
            let lines = self.world.node.ledger().statement(&query).unwrap().lines;
            let times = lines.iter().filter(|line| line.batch.subject == payment.id.bits()).count();
            if payment.state != wanted || times != usize::from(is_paid) {
                let what = format!("paid: {is_paid}, {times} times in the books: {payment:?}");
                return Err(Violation::of(Invariant::PaymentsAreBookedOnce, what));
            }
        }
        Ok(())
    }
}
