//! One payment as a machine: asked of the provider until its result is known, and booked once.
//!
//! | State | Leaves it by |
//! |---|---|
//! | opened | any answer but `unknown`, which is asked again under the same key |
//! | pending | `paid` or `declined`, told by a notice or asked for |
//! | paid | booked in the ledger, under an id that is the payment's own |
//! | declined, cancelled | `paid`: what a provider has taken is booked, whatever it said before |
//! | booked | nothing |
//!
//! Each [`Effect::Keep`] is to be on disk before the effect behind it is performed: then a crash between any two of them ends in the
//! same books. Nothing is charged or booked twice because provider and ledger know the payment by its id.

use domain::fact::RechargeOutcome;
use domain::payment::{Payment, PaymentAnswer, PaymentResult, PaymentState};
use domain::{Entropy, Fact, Machine, Monotonic, Now, Wall};
use std::time::Duration;

/// How often a provider is asked without an answer that can be relied on, before somebody is to look: some seventy minutes, with [`pause`].
pub const UNANSWERED_MAX: u32 = 12;
/// Pauses between two questions begin here and double.
const PAUSE_MIN: Duration = Duration::from_secs(2);
/// The longest pause. A payment that is pending is asked for at this pace until it is decided.
const PAUSE_MAX: Duration = Duration::from_hours(1);
/// A provider that says "later" is asked this much later at the earliest: its notice is usually sooner.
const PENDING_PAUSE_MIN: Duration = Duration::from_secs(10);
/// When the ledger did not answer.
const BOOK_AGAIN_AFTER: Duration = Duration::from_secs(5);
/// When the ledger refused: something is broken, and somebody is to look.
const BOOK_REFUSED_AGAIN_AFTER: Duration = Duration::from_hours(1);

/// What a payment hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// It was written down, or read after a restart.
    Resumed,
    /// The provider answered a question of ours, or did not in time.
    Answered(PaymentAnswer),
    /// The provider told by itself.
    Notified(PaymentAnswer),
    /// The provider answered our wish to cancel.
    CancelAnswered(PaymentAnswer),
    /// The ledger answered.
    Booked(Booking),
    /// Somebody wants it asked again now.
    RetryOrdered,
    /// Somebody wants it given up.
    CancelOrdered,
}

/// What became of the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Booking {
    /// It is in the books, now or already.
    Done,
    /// The ledger cannot say.
    Unavailable,
    /// The ledger will not.
    Refused,
}

/// What a payment orders, in this order.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Of the store: keep it as it is now.
    Keep(Payment),
    /// Of the provider: do it, once, under its id; or say what became of it. Answered by [`Event::Answered`].
    Ask(Payment),
    /// Of the provider: never do it, unless it is done. Answered by [`Event::CancelAnswered`].
    AskToCancel(Payment),
    /// Of the ledger: credit the company, under an id that is the payment's own. Answered by [`Event::Booked`].
    Book(Payment),
    /// Say what happened.
    Tell(Fact),
}

/// A payment on its way.
#[derive(Debug)]
pub struct Paying {
    payment: Payment,
    entropy: Entropy,
    /// Whether the provider has a question of ours.
    asking: bool,
    /// Whether the ledger has our batch.
    booking: bool,
    /// Questions since the last answer that could be relied on.
    unanswered: u32,
    /// "Later" in a row.
    pending: u32,
    /// Whether it is to be cancelled once the question is answered that the provider has.
    cancel_wanted: bool,
    /// When the next step is due.
    next_at: Option<Monotonic>,
}

impl Paying {
    /// The machine of a payment that lies in the store; begins with [`Event::Resumed`].
    pub fn new(payment: Payment, entropy: Entropy) -> Paying {
        Paying {
            payment,
            entropy,
            asking: false,
            booking: false,
            unanswered: 0,
            pending: 0,
            cancel_wanted: false,
            next_at: None,
        }
    }

    /// The payment as it is now.
    pub fn payment(&self) -> &Payment {
        &self.payment
    }

    /// Whether nothing is under way nor will be by itself: its result is not known, and somebody is to look.
    pub fn is_resting(&self) -> bool {
        self.payment.state.is_open() && !self.asking && !self.booking && self.next_at.is_none()
    }

    fn proceed(&mut self, effects: &mut Vec<Effect>) {
        self.next_at = None;
        match self.payment.state {
            PaymentState::Opened | PaymentState::Pending if !self.asking => {
                self.asking = true;
                self.payment.attempts += 1;
                effects.push(Effect::Ask(self.payment.clone()));
            }
            PaymentState::Paid if !self.booking => self.book(effects),
            _ => {}
        }
    }

    fn book(&mut self, effects: &mut Vec<Effect>) {
        (self.booking, self.next_at) = (true, None);
        effects.push(Effect::Book(self.payment.clone()));
    }

    fn on_cancel_ordered(&mut self, effects: &mut Vec<Effect>) {
        if !matches!(self.payment.state, PaymentState::Opened | PaymentState::Pending) {
            return;
        }
        // One question at a time.
        self.cancel_wanted = self.asking;
        if !self.asking {
            (self.asking, self.next_at) = (true, None);
            effects.push(Effect::AskToCancel(self.payment.clone()));
        }
    }

    fn on_retry_ordered(&mut self, effects: &mut Vec<Effect>) {
        (self.unanswered, self.pending) = (0, 0);
        self.proceed(effects);
    }

    /// Something was said of it. `declined_as` is what a refusal to pay makes of it.
    fn learn(&mut self, answer: PaymentAnswer, declined_as: PaymentState, now: Now, effects: &mut Vec<Effect>) {
        use PaymentResult::{Declined, Paid, Pending, Unknown};
        use PaymentState::{Booked, Cancelled, Opened};
        effects.push(Effect::Tell(Fact::PaymentAnswered {
            payment: self.payment.id,
            company: self.payment.company,
            result: answer.result,
            because: answer.because.clone(),
        }));
        match (self.payment.state, answer.result) {
            // The money is there: whatever else is said of it afterwards changes nothing here.
            (PaymentState::Paid | Booked, _) => {}
            (_, Paid) => {
                self.note(PaymentState::Paid, answer, now, effects);
                self.book(effects);
            }
            (PaymentState::Declined | Cancelled, Declined | Pending | Unknown) => {}
            (Opened | PaymentState::Pending, Declined) => {
                self.next_at = None;
                self.note(declined_as, answer, now, effects);
                if declined_as == PaymentState::Declined {
                    self.say(RechargeOutcome::PaymentDeclined, effects);
                }
            }
            (Opened | PaymentState::Pending, Pending) => self.on_pending(answer, now, effects),
            (Opened | PaymentState::Pending, Unknown) => self.on_unknown(answer, now, effects),
        }
    }

    fn on_pending(&mut self, answer: PaymentAnswer, now: Now, effects: &mut Vec<Effect>) {
        self.unanswered = 0;
        let pause = self.pause(self.pending).max(PENDING_PAUSE_MIN);
        self.pending += 1;
        self.next_at = (!self.asking).then(|| now.monotonic + pause);
        self.note(PaymentState::Pending, answer, now, effects);
    }

    fn on_unknown(&mut self, answer: PaymentAnswer, now: Now, effects: &mut Vec<Effect>) {
        self.unanswered += 1;
        self.note(self.payment.state, answer, now, effects);
        let may_ask = self.unanswered < UNANSWERED_MAX || self.payment.state == PaymentState::Pending;
        let pause = self.pause(self.unanswered - 1);
        self.next_at = (may_ask && !self.asking).then(|| now.monotonic + pause);
        if self.unanswered == UNANSWERED_MAX {
            self.say(RechargeOutcome::Failed, effects);
        }
    }

    fn on_booked(&mut self, booking: Booking, now: Now, effects: &mut Vec<Effect>) {
        if !std::mem::replace(&mut self.booking, false) {
            return;
        }
        match booking {
            Booking::Done => {
                self.next_at = None;
                self.keep(PaymentState::Booked, now.wall, effects);
                self.say(RechargeOutcome::Ok, effects);
            }
            Booking::Unavailable => self.next_at = Some(now.monotonic + BOOK_AGAIN_AFTER),
            Booking::Refused => {
                self.next_at = Some(now.monotonic + BOOK_REFUSED_AGAIN_AFTER);
                self.say(RechargeOutcome::Failed, effects);
            }
        }
    }

    fn note(&mut self, state: PaymentState, answer: PaymentAnswer, now: Now, effects: &mut Vec<Effect>) {
        self.payment.reference = answer.reference.or(self.payment.reference.take());
        self.payment.because = (!answer.because.is_empty()).then_some(answer.because);
        self.keep(state, now.wall, effects);
    }

    fn keep(&mut self, state: PaymentState, at: Wall, effects: &mut Vec<Effect>) {
        (self.payment.state, self.payment.changed_at) = (state, at);
        effects.push(Effect::Keep(self.payment.clone()));
    }

    /// Twice as long each time, a quarter more or less by chance, so that many payments do not ask as one.
    fn pause(&mut self, step: u32) -> Duration {
        let pause = PAUSE_MIN.saturating_mul(1 << step.min(16)).min(PAUSE_MAX);
        pause * 3 / 4 + Duration::from_millis(self.entropy.below(pause.as_millis() as u64 / 2 + 1))
    }

    fn say(&self, outcome: RechargeOutcome, effects: &mut Vec<Effect>) {
        if self.payment.automatic {
            let because = self.payment.because.clone().unwrap_or_default();
            let (company, amount) = (self.payment.company, self.payment.amount);
            effects.push(Effect::Tell(Fact::CompanyRecharged { company, outcome, amount, because }));
        }
    }
}

impl Machine for Paying {
    type Event = Event;
    type Effect = Effect;

    fn handle(&mut self, event: Event, now: Now, effects: &mut Vec<Effect>) {
        match event {
            Event::Resumed => self.proceed(effects),
            Event::Answered(answer) => {
                self.asking = false;
                self.learn(answer, PaymentState::Declined, now, effects);
                if std::mem::take(&mut self.cancel_wanted) {
                    self.on_cancel_ordered(effects);
                }
            }
            Event::CancelAnswered(answer) => {
                self.asking = false;
                self.learn(answer, PaymentState::Cancelled, now, effects);
            }
            Event::Notified(answer) => self.learn(answer, PaymentState::Declined, now, effects),
            Event::Booked(booking) => self.on_booked(booking, now, effects),
            Event::RetryOrdered => self.on_retry_ordered(effects),
            Event::CancelOrdered => self.on_cancel_ordered(effects),
        }
    }

    fn deadline(&self) -> Option<Monotonic> {
        self.next_at
    }

    fn expire(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if self.next_at.is_some_and(|at| at <= now.monotonic) {
            self.proceed(effects);
        }
    }

    fn is_finished(&self) -> bool {
        !self.payment.state.is_open() && !self.asking
    }
}

#[cfg(test)]
mod tests;
