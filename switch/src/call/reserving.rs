//! Phase two: the profile is asked for a channel and, where the call costs, the first block, before the called side hears of the
//! call (K2, R8, C1).
//!
//! How they are held is `profile`'s; what is done with them, `hunting`'s.

use super::admitting::Errand;
use super::ending::Ending;
use super::{Call, Effect, Phase, Timer};
use crate::profile::{Ask, Held};
use domain::call_control::{LegEvent, LegId};
use domain::call_record::CallDirection;
use domain::refusal::RefusalKind;
use domain::trace::{Rule, Value};
use domain::{Now, Refusal};
use std::sync::Arc;

impl Call {
    /// Asks for everything at once, so that nothing is ever held in part.
    pub(super) fn reserve(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let first = match &self.errand {
            Some(Errand::Dial(dial)) => dial.first_block(),
            Some(Errand::Echo) | None => None,
        };
        self.phase = Phase::Reserving;
        self.timers.arm(Timer::Reservation, now.monotonic + self.directory.settings().reservation_timeout);
        let opened = Arc::new(self.record.clone());
        self.ask(Ask::Reserve { first, opened, source: self.source }, effects);
    }

    /// The profile holds what was asked for.
    pub(super) fn on_reserved(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if !matches!(self.phase, Phase::Reserving) {
            return;
        }
        self.timers.disarm(Timer::Reservation);
        self.trace.passed(Rule::Channel, "a free one", Value::None);
        self.timers.arm(Timer::Lease, now.monotonic + self.directory.settings().lease_extension_interval());
        match self.errand.take() {
            Some(Errand::Dial(dial)) => {
                let block = dial.first_block();
                if let Some(block) = block {
                    let held = Value::Money(block.amount, self.record.currency);
                    self.trace.passed(Rule::Credit, held.clone(), held);
                }
                self.held = Held { channel: true, block, ..Held::default() };
                self.hunt(*dial, now, effects);
            }
            Some(Errand::Echo) | None => {
                self.held = Held { channel: true, ..Held::default() };
                self.echo(now, effects);
            }
        }
    }

    /// The profile holds nothing; or what it held is gone while it rings, and the call cannot start any more.
    pub(super) fn on_reservation_refused(&mut self, refusal: Refusal, now: Now, effects: &mut Vec<Effect>) {
        if matches!(self.phase, Phase::Reserving | Phase::Hunting(_)) {
            let wanted = match Rule::of(refusal.kind) {
                Rule::Channel => self.channels(),
                Rule::Credit => match &self.errand {
                    Some(Errand::Dial(dial)) => {
                        self.trace.passed(Rule::Channel, "a free one", Value::None);
                        let first = dial.first_block().map(|block| block.amount);
                        first.map_or(Value::None, |amount| Value::Money(amount, self.record.currency))
                    }
                    Some(Errand::Echo) | None => Value::None,
                },
                _ => Value::None,
            };
            self.trace.refused(&refusal, wanted);
            let ending = match self.record.direction {
                CallDirection::Outbound => Ending::refused(refusal),
                CallDirection::Inbound => Ending::refused_to_carrier(refusal),
            };
            self.clear(ending, now, effects);
        }
    }

    /// The ledger took too long. What it may hold meanwhile is given back when it answers.
    pub(super) fn on_reservation_overdue(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let refusal = Refusal::new(RefusalKind::LedgerUnavailable);
        let refusal = refusal.retry_after_s(self.directory.settings().retry_after_s);
        self.clear(Ending::refused(refusal), now, effects);
    }

    /// How many channels the profile has, for the trace.
    fn channels(&self) -> Value {
        let profile = self.directory.profile(self.record.profile);
        profile.map_or(Value::None, |profile| Value::Count(profile.channels.into()))
    }

    /// Only the caller's leg is there.
    pub(super) fn on_leg_while_reserving(&mut self, leg: LegId, event: LegEvent, now: Now, effects: &mut Vec<Effect>) {
        if leg == LegId::CALLER {
            self.on_unanswered_caller(event, now, effects);
        }
    }
}
