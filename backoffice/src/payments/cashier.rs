//! The cashier: carries out what payments order, one order after the other, and looks which companies are to be recharged (A3).
//!
//! What follows from what is decided in `switch::company`; on which threads this runs is [`super::till`]'s. Whatever cannot be carried
//! out is let go, and taken up from the store again: nothing is known here that does not stand there.

use super::provider::PaymentProvider;
use crate::error::Error;
use crate::office::Office;
use crate::posting::company_money;
use domain::fact::RechargeOutcome;
use domain::payment::{Payment, PaymentAnswer, PaymentState};
use domain::{CompanyId, Entropy, Fact, Machine, Micros, Monotonic, Now, PaymentId, Wall};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use store::{CompanyRecharge, Signed};
use switch::company::paying::{Effect, Event};
use switch::company::{Decision, MONTH, Paying, Terms};

/// How often companies are looked at: a provider takes longer.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often payments that another node opened, or that were let go here, are taken up.
const TAKE_UP_EVERY: Duration = Duration::from_secs(15);
/// Payments that are on their way at one time at most; the others wait in the store.
const ON_THEIR_WAY_MAX: usize = 10_000;
/// Who signs in the audit.
const BY: &str = "cashier";

/// What is asked of a provider.
#[derive(Clone, Debug)]
pub(super) enum Job {
    /// Its money.
    Ask(Payment),
    /// Its end.
    Cancel(Payment),
}

impl Job {
    /// Does it; blocks. What comes of it, and of which payment.
    pub(super) fn run(&self, provider: &dyn PaymentProvider) -> (PaymentId, Event) {
        match self {
            Job::Ask(payment) => (payment.id, Event::Answered(provider.ask(payment))),
            Job::Cancel(payment) => (payment.id, Event::CancelAnswered(provider.cancel(payment))),
        }
    }

    /// What comes of it where nobody could do it now.
    fn refused(&self) -> (PaymentId, Event) {
        let answer = PaymentAnswer::of(domain::payment::PaymentResult::Unknown, "too many payments at once");
        match self {
            Job::Ask(payment) => (payment.id, Event::Answered(answer)),
            Job::Cancel(payment) => (payment.id, Event::CancelAnswered(answer)),
        }
    }
}

/// What the cashier leans on besides the office.
pub(super) struct Means {
    /// Hands a job to somebody who may block; false where too many wait.
    pub(super) hand_out: Box<dyn FnMut(Job) -> bool + Send>,
    /// Whom to say what happened.
    pub(super) tell: Arc<dyn Fn(&Fact) + Send + Sync>,
    /// Whom to say how many payments are open.
    pub(super) show_open: Arc<dyn Fn(u64) + Send + Sync>,
    /// The provider's word.
    pub(super) provider: &'static str,
    /// How long after a decline nothing is tried.
    pub(super) cool_down: Duration,
}

/// Why an order was not carried out.
#[derive(Debug)]
enum Undone {
    /// The store failed.
    Store(store::Error),
    /// For tests: the process ended here.
    #[cfg(test)]
    Killed,
}

/// The cashier of a node.
pub(super) struct Cashier {
    office: Office,
    means: Means,
    entropy: Entropy,
    on_their_way: BTreeMap<PaymentId, Paying>,
    /// Which companies need not be looked at before when, and the terms that this was decided by.
    waiting: BTreeMap<CompanyId, (Wall, Wall)>,
    take_up_at: Monotonic,
    looked_at: Monotonic,
    /// For tests: how many orders are carried out before the process ends.
    #[cfg(test)]
    pub(super) fuse: Option<u32>,
}

impl Cashier {
    pub(super) fn new(office: Office, means: Means, entropy: Entropy) -> Cashier {
        let take_up_at = office.now().monotonic;
        Cashier {
            office,
            means,
            entropy,
            on_their_way: BTreeMap::new(),
            waiting: BTreeMap::new(),
            take_up_at,
            looked_at: take_up_at,
            #[cfg(test)]
            fuse: None,
        }
    }

    /// Whether the last look is old.
    pub(super) fn is_to_look(&self) -> bool {
        self.looked_at + LOOK_EVERY <= self.office.now().monotonic
    }

    /// What the clock has brought: payments to ask again, companies to look at.
    pub(super) fn look(&mut self) {
        let now = self.office.now();
        self.looked_at = now.monotonic;
        if self.take_up_at <= now.monotonic {
            self.take_up_at = now.monotonic + TAKE_UP_EVERY;
            self.take_up();
        }
        let is_due = |paying: &Paying| paying.deadline().is_some_and(|at| at <= now.monotonic);
        let due: Vec<PaymentId> = self.on_their_way.iter().filter(|(_, it)| is_due(it)).map(|(id, _)| *id).collect();
        for id in due {
            let mut effects = Vec::new();
            if let Some(paying) = self.on_their_way.get_mut(&id) {
                paying.expire(now, &mut effects);
            }
            self.carry_out(id, effects);
        }
        if let Err(error) = self.look_at_companies(now) {
            tracing::warn!(%error, "companies cannot be looked at now");
        }
        (self.means.show_open)(self.on_their_way.len() as u64);
    }

    /// Something happened to a payment, which is taken up where it is not on its way.
    pub(super) fn hear(&mut self, id: PaymentId, event: Event) {
        if !self.on_their_way.contains_key(&id) {
            match self.office.store().payment(id) {
                Ok(payment) if self.is_ours(&payment) => self.begin(payment, &event),
                Ok(_) => {}
                Err(error) => tracing::warn!(payment.id = %id, %error, "a payment cannot be read"),
            }
        }
        self.handle(id, event);
    }

    /// Whether it can be brought further here: its provider is asked by us, or need not be asked any more.
    fn is_ours(&self, payment: &Payment) -> bool {
        *payment.provider == *self.means.provider || payment.state == PaymentState::Paid
    }

    /// Takes up what is open in the store and not on its way here.
    fn take_up(&mut self) {
        match self.office.store().open_payments(self.means.provider) {
            Ok(payments) => {
                let room = ON_THEIR_WAY_MAX.saturating_sub(self.on_their_way.len());
                let known = &self.on_their_way;
                let new = payments.into_iter().filter(|payment| !known.contains_key(&payment.id));
                for payment in new.take(room).collect::<Vec<_>>() {
                    self.hear(payment.id, Event::Resumed);
                }
            }
            Err(error) => tracing::warn!(%error, "open payments cannot be read"),
        }
    }

    /// A machine for a payment of the store. Unless it begins by resuming, it is resumed first, should it be open.
    fn begin(&mut self, payment: Payment, event: &Event) {
        let id = payment.id;
        let is_waiting = payment.state.is_open() && *event != Event::Resumed;
        self.on_their_way.insert(id, Paying::new(payment, self.entropy.fork()));
        if is_waiting {
            self.handle(id, Event::Resumed);
        }
    }

    fn handle(&mut self, id: PaymentId, event: Event) {
        let mut effects = Vec::new();
        if let Some(paying) = self.on_their_way.get_mut(&id) {
            paying.handle(event, self.office.now(), &mut effects);
        }
        self.carry_out(id, effects);
    }

    /// Carries orders out, in their order; where one cannot be, those behind it are not, and the payment is let go.
    fn carry_out(&mut self, id: PaymentId, effects: Vec<Effect>) {
        let mut waiting = VecDeque::from(effects);
        while let Some(effect) = waiting.pop_front() {
            match self.carry_out_one(effect) {
                Ok(None) => {}
                Ok(Some((id, event))) => {
                    let mut more = Vec::new();
                    if let Some(paying) = self.on_their_way.get_mut(&id) {
                        paying.handle(event, self.office.now(), &mut more);
                    }
                    waiting.extend(more);
                }
                Err(Undone::Store(error)) => {
                    tracing::warn!(payment.id = %id, %error, "a payment is let go for now: the store does not keep it");
                    self.on_their_way.remove(&id);
                    return;
                }
                #[cfg(test)]
                Err(Undone::Killed) => return,
            }
        }
        if self.on_their_way.get(&id).is_some_and(Paying::is_finished) {
            self.on_their_way.remove(&id);
        }
    }

    /// One order; what comes of it at once.
    fn carry_out_one(&mut self, effect: Effect) -> Result<Option<(PaymentId, Event)>, Undone> {
        #[cfg(test)]
        if let Some(left) = &mut self.fuse {
            *left = left.checked_sub(1).ok_or(Undone::Killed)?;
        }
        match effect {
            Effect::Keep(payment) => {
                let signed = Signed { by: BY, at: self.office.wall() };
                self.office.store().keep_payment(&payment, signed).map_err(Undone::Store)?;
                Ok(None)
            }
            Effect::Ask(payment) => Ok(self.hand_out(Job::Ask(payment))),
            Effect::AskToCancel(payment) => Ok(self.hand_out(Job::Cancel(payment))),
            Effect::Book(payment) => Ok(Some((payment.id, Event::Booked(self.office.book_payment(&payment))))),
            Effect::Tell(fact) => {
                (self.means.tell)(&fact);
                Ok(None)
            }
        }
    }

    fn hand_out(&mut self, job: Job) -> Option<(PaymentId, Event)> {
        let refused = job.refused();
        if (self.means.hand_out)(job) { None } else { Some(refused) }
    }

    fn look_at_companies(&mut self, now: Now) -> crate::Result<()> {
        for agreed in self.office.store().company_recharges()? {
            self.look_at(&agreed, now)?;
        }
        Ok(())
    }

    fn look_at(&mut self, agreed: &CompanyRecharge, now: Now) -> crate::Result<()> {
        let id = agreed.company;
        let is_waiting = |(until, by): &(Wall, Wall)| now.wall < *until && *by == agreed.set_at;
        if self.waiting.get(&id).is_some_and(is_waiting) {
            return Ok(());
        }
        let company = self.office.store().company(id)?;
        let available = Micros::new(self.office.balance(company_money(id, company.currency)).available());
        if available > agreed.threshold {
            self.waiting.remove(&id);
            return Ok(());
        }
        let terms = terms_of(agreed);
        let payments = self.office.store().payments(id, now.wall - MONTH)?;
        let told_before = self.waiting.remove(&id).is_some_and(|(_, by)| by == agreed.set_at);
        match terms.decide(available, &payments, self.means.cool_down, now.wall) {
            Decision::Enough | Decision::UnderWay => {}
            Decision::CoolingDown { until } => _ = self.waiting.insert(id, (until, agreed.set_at)),
            Decision::AtMaximum { until, of_day } => {
                self.waiting.insert(id, (until, agreed.set_at));
                if !told_before {
                    self.tell_maximum(agreed, of_day);
                }
            }
            Decision::Pay(amount) => self.pay(agreed, amount, company.currency, now)?,
        }
        Ok(())
    }

    fn tell_maximum(&self, agreed: &CompanyRecharge, of_day: bool) {
        let because = if of_day {
            "as much is paid as was agreed to in a day"
        } else {
            "as much is paid as was agreed to in 30 days"
        };
        (self.means.tell)(&Fact::CompanyRecharged {
            company: agreed.company,
            outcome: RechargeOutcome::Failed,
            amount: agreed.amount,
            because: because.into(),
        });
    }

    /// Opens an automatic payment: written down first, and only where no other one is open.
    fn pay(
        &mut self,
        agreed: &CompanyRecharge,
        amount: Micros,
        currency: domain::Currency,
        now: Now,
    ) -> crate::Result<()> {
        #[cfg(test)]
        if let Some(left) = &mut self.fuse {
            match left.checked_sub(1) {
                Some(less) => *left = less,
                None => return Ok(()),
            }
        }
        let payment = Payment {
            id: PaymentId::mint(now.wall, &mut self.entropy),
            company: agreed.company,
            currency,
            amount,
            automatic: true,
            method: agreed.method.as_deref().map(Arc::from),
            provider: self.means.provider.into(),
            state: PaymentState::Opened,
            reference: None,
            attempts: 0,
            because: None,
            opened_at: now.wall,
            changed_at: now.wall,
        };
        match self.office.store().open_payment(&payment, Signed { by: BY, at: now.wall }) {
            Ok(opened) => {
                self.hear(opened.id, Event::Resumed);
                Ok(())
            }
            // Another node was faster, or somebody has ordered too many: the next look sees what became of it.
            Err(store::Error::Conflict { .. }) => Ok(()),
            Err(error) => Err(Error::from(error)),
        }
    }
}

/// The terms in the words of decisions.
fn terms_of(agreed: &CompanyRecharge) -> Terms {
    let CompanyRecharge { amount, threshold, day_max, month_max, set_at, .. } = *agreed;
    Terms { amount, threshold, day_max, month_max, set_at }
}

#[cfg(test)]
mod tests;
