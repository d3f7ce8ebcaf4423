//! Stories of one payment: asked, lost, told twice, forged never (that is the door's), booked once.
//!
//! What the store and the ledger do with the orders is told in `backoffice`.

use super::*;
use domain::{CompanyId, Currency, Micros, PaymentId};

const NOON: Wall = Wall::from_unix_seconds(1_800_000_000);

fn payment(state: PaymentState) -> Payment {
    Payment {
        id: PaymentId::from_bits(7),
        company: CompanyId::from_bits(1),
        currency: Currency::USD,
        amount: Micros::from_cents(5_000),
        automatic: true,
        method: None,
        provider: "http".into(),
        state,
        reference: None,
        attempts: 0,
        because: None,
        opened_at: NOON,
        changed_at: NOON,
    }
}

struct Story {
    paying: Paying,
    now: Now,
    /// The words of what was ordered and told, in order.
    seen: Vec<String>,
}

impl Story {
    fn of(state: PaymentState) -> Story {
        let paying = Paying::new(payment(state), Entropy::from_seed([9; 16]));
        let mut story =
            Story { paying, now: Now { monotonic: Monotonic::from_micros(1), wall: NOON }, seen: Vec::new() };
        story.hear(Event::Resumed);
        story
    }

    fn hear(&mut self, event: Event) -> &mut Story {
        let mut effects = Vec::new();
        self.paying.handle(event, self.now, &mut effects);
        self.note(effects);
        self
    }

    fn answered(&mut self, result: PaymentResult) -> &mut Story {
        self.hear(Event::Answered(PaymentAnswer::of(result, "")))
    }

    fn notified(&mut self, result: PaymentResult) -> &mut Story {
        self.hear(Event::Notified(PaymentAnswer::of(result, "")))
    }

    /// To the next timer; how long that took.
    fn wait(&mut self) -> Duration {
        let at = self.paying.deadline().expect("something to wait for");
        let waited = at.since(self.now.monotonic);
        self.now = self.now.after(waited);
        let mut effects = Vec::new();
        self.paying.expire(self.now, &mut effects);
        self.note(effects);
        waited
    }

    fn note(&mut self, effects: Vec<Effect>) {
        self.seen.extend(effects.into_iter().filter_map(|effect| match effect {
            Effect::Keep(payment) => Some(format!("keep {}", payment.state.as_str())),
            Effect::Ask(_) => Some("ask".to_owned()),
            Effect::AskToCancel(_) => Some("cancel".to_owned()),
            Effect::Book(_) => Some("book".to_owned()),
            Effect::Tell(Fact::CompanyRecharged { outcome, .. }) => Some(format!("{outcome:?}")),
            Effect::Tell(_) => None,
        }));
    }

    #[track_caller]
    fn saw(&mut self, expected: &[&str]) {
        assert_eq!(std::mem::take(&mut self.seen), expected);
    }
}

use PaymentResult::{Declined, Paid, Pending, Unknown};

/// A3.
#[test]
fn what_the_provider_says_is_paid_is_kept_and_then_booked_and_then_kept_as_booked() {
    let mut story = Story::of(PaymentState::Opened);
    story.answered(Paid).saw(&["ask", "keep paid", "book"]);
    story.hear(Event::Booked(Booking::Done)).saw(&["keep booked", "Ok"]);
    assert!(story.paying.is_finished());
}

#[test]
fn a_lost_answer_is_asked_for_again_and_never_taken_for_a_decline() {
    let mut story = Story::of(PaymentState::Opened);
    for step in 0..UNANSWERED_MAX - 1 {
        story.answered(Unknown).saw(&["ask", "keep opened"]);
        let waited = story.wait();
        let pause = PAUSE_MIN * (1 << step);
        let (least, most) = (pause.min(PAUSE_MAX) * 3 / 4, pause.min(PAUSE_MAX) * 5 / 4 + Duration::from_millis(1));
        assert!((least..=most).contains(&waited), "{waited:?} after {step} pauses");
    }
    story.answered(Unknown).saw(&["ask", "keep opened", "Failed"]);
    assert!(story.paying.is_resting() && !story.paying.is_finished());
    story.hear(Event::RetryOrdered).saw(&["ask"]);
    story.answered(Paid).saw(&["keep paid", "book"]);
}

#[test]
fn a_notice_before_the_answer_is_believed_and_the_answer_books_nothing_again() {
    let mut story = Story::of(PaymentState::Opened);
    story.notified(Paid).saw(&["ask", "keep paid", "book"]);
    story.answered(Paid).saw(&[]);
    story.hear(Event::Booked(Booking::Done)).saw(&["keep booked", "Ok"]);
    story.notified(Paid).notified(Declined).answered(Paid).saw(&[]);
    story.hear(Event::Booked(Booking::Done)).saw(&[]);
}

#[test]
fn a_provider_that_says_later_is_asked_at_leisure_until_it_has_decided() {
    let mut story = Story::of(PaymentState::Opened);
    story.answered(Pending).saw(&["ask", "keep pending"]);
    assert!(story.wait() >= PENDING_PAUSE_MIN);
    for _ in 0..50 {
        story.answered(Unknown);
        assert!(story.wait() <= PAUSE_MAX * 2);
    }
    story.seen.clear();
    story.answered(Declined).saw(&["keep declined", "PaymentDeclined"]);
    assert!(story.paying.is_finished());
}

#[test]
fn what_was_taken_after_a_decline_is_booked_all_the_same() {
    let mut story = Story::of(PaymentState::Opened);
    story.answered(Declined).saw(&["ask", "keep declined", "PaymentDeclined"]);
    story.notified(Pending).notified(Declined).saw(&[]);
    story.notified(Paid).saw(&["keep paid", "book"]);
}

#[test]
fn a_payment_is_cancelled_by_the_provider_only_and_one_that_was_faster_is_booked() {
    let mut story = Story::of(PaymentState::Pending);
    story.hear(Event::CancelOrdered).saw(&["ask"]);
    story.answered(Pending).saw(&["keep pending", "cancel"]);
    story.hear(Event::CancelAnswered(PaymentAnswer::of(Declined, ""))).saw(&["keep cancelled"]);
    assert!(story.paying.is_finished());
    let mut late = Story::of(PaymentState::Pending);
    late.answered(Pending).hear(Event::CancelOrdered);
    late.seen.clear();
    late.hear(Event::CancelAnswered(PaymentAnswer::of(Paid, ""))).saw(&["keep paid", "book"]);
}

#[test]
fn a_ledger_that_is_away_is_asked_again_with_the_same_batch() {
    let mut story = Story::of(PaymentState::Paid);
    story.saw(&["book"]);
    story.hear(Event::Booked(Booking::Unavailable)).saw(&[]);
    assert_eq!(story.wait(), BOOK_AGAIN_AFTER);
    story.saw(&["book"]);
    story.hear(Event::RetryOrdered).saw(&[]);
    story.hear(Event::Booked(Booking::Done)).saw(&["keep booked", "Ok"]);
}

#[test]
fn what_has_ended_does_nothing_after_a_restart() {
    for state in [PaymentState::Declined, PaymentState::Cancelled, PaymentState::Booked] {
        let mut story = Story::of(state);
        story.hear(Event::RetryOrdered).hear(Event::CancelOrdered).saw(&[]);
        assert!(story.paying.is_finished());
    }
}
