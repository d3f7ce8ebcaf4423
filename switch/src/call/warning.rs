//! The caller is warned before the credit ends: once for each time before the end, and again only where credit came between.
//!
//! When the end is, the profile foresees; what is heard is the relay's.

use super::metering::Meter;
use super::{Call, Effect, Phase, Timer, offering};
use domain::media::MediaDescription;
use domain::trace::{Rule, Step, Value, Verdict};
use domain::{Monotonic, Now, WarnBefore};
use std::time::Duration;

/// A warning that is learnt of so much too late is given all the same: as late as a busy node is with its charges.
const LATE_MAX: Duration = Duration::from_secs(2);

/// Which warnings a talking call has had, and what is yet to come.
#[derive(Clone, Debug, Default)]
pub(super) struct Warnings {
    /// When the credit ends, where that is near.
    end: Option<Monotonic>,
    /// The warning that was given last, in seconds before the end: only later ones follow.
    given: Option<u16>,
    /// Whether a tone can be written in the codec of the call; otherwise the codec's name.
    mute: Option<Value>,
}

impl Warnings {
    /// The next warning, and when it is due.
    fn next(&self, wanted: WarnBefore, now: Now) -> Option<(u16, Monotonic)> {
        let end = self.end?;
        let left = end.since(now.monotonic);
        let is_due = |before_s: u16| left + LATE_MAX >= Duration::from_secs(before_s.into());
        let next =
            wanted.seconds().find(|before_s| self.given.is_none_or(|given| *before_s < given) && is_due(*before_s))?;
        let ahead = left.saturating_sub(Duration::from_secs(next.into()));
        Some((next, now.monotonic + ahead))
    }
}

impl Call {
    /// The profile foresees the end of this call, at this billed second; or none. What the call may cost ends it as well.
    pub(super) fn on_end_foreseen(&mut self, until_s: Option<u32>, now: Now) {
        let Phase::Talking(talking) = &mut self.phase else { return };
        let answered = talking.answered;
        let capped_at = talking.meter.as_ref().and_then(Meter::capped_at);
        let credit_ends = until_s.map(|until_s| Duration::from_secs(until_s.into()));
        talking.warnings.end = capped_at.into_iter().chain(credit_ends).min().map(|end| answered + end);
        self.arm_warning(now);
    }

    /// Whoever was warned of an end that was put off may be warned anew.
    pub(super) fn on_credit_added(&mut self) {
        if let Phase::Talking(talking) = &mut self.phase {
            talking.warnings.given = None;
        }
    }

    /// The answer says what is spoken: a tone is written in G.711 and in nothing else.
    pub(super) fn note_codec(&mut self, answer: &MediaDescription) {
        if let Phase::Talking(talking) = &mut self.phase {
            let sound = answer.audio();
            let first = sound.and_then(|sound| sound.formats.first()).map(|format| format.payload_type);
            talking.warnings.mute = match first {
                Some(0 | 8) => None,
                _ => Some(sound.map_or(Value::None, offering::codec)),
            };
        }
    }

    fn arm_warning(&mut self, now: Now) {
        let wanted = self.warn_before();
        let Phase::Talking(talking) = &self.phase else { return };
        match talking.warnings.next(wanted, now) {
            Some((_, at)) => self.timers.arm(Timer::Warning, at),
            None => self.timers.disarm(Timer::Warning),
        }
    }

    /// So many seconds are left.
    pub(super) fn on_warning_due(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let wanted = self.warn_before();
        let Phase::Talking(talking) = &mut self.phase else { return };
        if let Some((before_s, _)) = talking.warnings.next(wanted, now).filter(|(_, at)| *at <= now.monotonic) {
            talking.warnings.given = Some(before_s);
            let (rule, verdict, wanted) = (Rule::Credit, Verdict::Warned, Value::Seconds(before_s.into()));
            let seen = match talking.warnings.mute.clone() {
                None => {
                    effects.push(Effect::WarnCaller);
                    "a warning tone to the caller".into()
                }
                Some(codec) => format!("no warning tone: it cannot be written in {codec}").into(),
            };
            self.on_noted(Step { rule, verdict, seen, wanted, refusal: None });
        }
        self.arm_warning(now);
    }

    fn warn_before(&self) -> WarnBefore {
        self.directory.warn_before(self.record.profile)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Wall;

    fn at(seconds: u64) -> Now {
        Now { monotonic: Monotonic::from_micros(seconds * 1_000_000), wall: Wall::from_unix_seconds(seconds as i64) }
    }

    #[test]
    fn each_warning_is_due_at_its_time_before_the_end_and_one_that_is_missed_is_not_made_up_for() {
        let mut warnings = Warnings { end: Some(at(150).monotonic), ..Warnings::default() };
        assert_eq!(warnings.next(WarnBefore::USUAL, at(100)), Some((10, at(140).monotonic)));
        assert_eq!(warnings.next(WarnBefore::USUAL, at(20)), Some((60, at(90).monotonic)));
        assert_eq!(warnings.next(WarnBefore::USUAL, at(91)), Some((60, at(91).monotonic)), "a little late");
        warnings.given = Some(60);
        assert_eq!(warnings.next(WarnBefore::USUAL, at(20)), Some((10, at(140).monotonic)));
        warnings.given = Some(10);
        assert_eq!(warnings.next(WarnBefore::USUAL, at(20)), None);
        assert_eq!(warnings.next(WarnBefore::NEVER, at(20)), None);
    }
}
