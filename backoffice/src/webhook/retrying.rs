//! When a delivery is tried again, when it is given up, and when its webhook is switched off: from numbers alone.
//!
//! Who tries is the postman.

use domain::Wall;
use std::time::Duration;
use store::Attempted;

/// The first pause after a failure; each is four times as long as the one before.
const PAUSE: Duration = Duration::from_secs(5);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(86_400);
/// A delivery that has failed for this long is given up: nine attempts.
pub const GIVEN_UP_AFTER: Duration = Duration::from_secs(3 * 86_400);
/// A webhook at which every attempt has failed for this long is switched off.
pub const OFF_AFTER: Duration = Duration::from_secs(3 * 86_400);
/// The answer that says that nobody wants deliveries there any more (RFC 9110 15.5.11).
const GONE: u16 = 410;

/// What an attempt came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The HTTP status; none where there was no answer.
    pub status: Option<u16>,
    /// Why it failed, in words; none where it was taken.
    pub because: Option<String>,
}

/// What follows from the `number`-th attempt, from 1, at a delivery that was put in line at `since`.
pub fn next(attempt: &Attempt, number: u32, since: Wall, now: Wall) -> Attempted {
    if attempt.because.is_none() {
        return Attempted::Delivered;
    }
    let pause = PAUSE.saturating_mul(4_u32.saturating_pow(number.saturating_sub(1).min(15))).min(PAUSE_MAX);
    let again = now + pause;
    if attempt.status == Some(GONE) || again.since(since) > GIVEN_UP_AFTER {
        return Attempted::Dropped;
    }
    Attempted::Again(again)
}

/// Why a webhook is to be switched off after this attempt, where it is.
pub fn off_because(attempt: &Attempt, failing_since: Option<Wall>, now: Wall) -> Option<String> {
    let because = attempt.because.as_ref()?;
    if attempt.status == Some(GONE) {
        return Some("it answers 410 Gone: nobody wants deliveries there any more".to_owned());
    }
    let long = failing_since.is_some_and(|since| now.since(since) >= OFF_AFTER);
    long.then(|| format!("every attempt has failed for {} days; the last: {because}", OFF_AFTER.as_secs() / 86_400))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Wall = Wall::from_unix_seconds(1_795_262_400);

    fn failed(status: Option<u16>) -> Attempt {
        Attempt { status, because: Some("it failed".to_owned()) }
    }

    #[test]
    fn pauses_grow_fourfold_to_a_day_and_after_three_days_a_delivery_is_given_up() {
        let (mut now, mut pauses) = (NOON, Vec::new());
        for number in 1.. {
            match next(&failed(Some(500)), number, NOON, now) {
                Attempted::Again(at) => {
                    pauses.push(at.since(now).as_secs());
                    now = at;
                }
                other => {
                    assert_eq!(other, Attempted::Dropped);
                    break;
                }
            }
        }
        assert_eq!(pauses, [5, 20, 80, 320, 1_280, 5_120, 20_480, 81_920, 86_400]);
        assert!(now.since(NOON) <= GIVEN_UP_AFTER);
    }

    #[test]
    fn what_is_taken_is_delivered_and_who_is_gone_is_not_asked_again() {
        let taken = Attempt { status: Some(204), because: None };
        assert_eq!(next(&taken, 4, NOON, NOON), Attempted::Delivered);
        assert_eq!(next(&failed(Some(410)), 1, NOON, NOON), Attempted::Dropped);
        assert!(off_because(&failed(Some(410)), None, NOON).is_some());
    }

    #[test]
    fn a_webhook_is_switched_off_when_nothing_but_failure_came_for_three_days() {
        let later = NOON + OFF_AFTER;
        assert_eq!(off_because(&failed(None), Some(NOON), later - Duration::from_secs(1)), None);
        assert!(off_because(&failed(None), Some(NOON), later).is_some_and(|because| because.contains("3 days")));
        assert_eq!(off_because(&failed(None), None, later), None);
        assert_eq!(off_because(&Attempt { status: Some(200), because: None }, Some(NOON), later), None);
    }
}
