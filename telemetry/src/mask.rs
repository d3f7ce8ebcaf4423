//! Telephone numbers as they may stand in a log above DEBUG.
//!
//! Which lines have numbers does not live here.

use std::sync::atomic::{AtomicBool, Ordering};

/// Digits up to which a text is no subscriber's number: emergency and service codes stay readable.
const SHORT: usize = 4;

/// Whether numbers are masked at all: a setting of the process, as logs are.
static MASKED: AtomicBool = AtomicBool::new(true);

pub(crate) fn set_masked(masked: bool) {
    MASKED.store(masked, Ordering::Relaxed);
}

/// A number as it may stand in a line above DEBUG: `+12025550123` becomes `+1202*****23`, unless the settings of the logs say
/// otherwise. Up to four digits are left as they are: emergency and service codes.
pub fn mask(number: &str) -> String {
    if MASKED.load(Ordering::Relaxed) { hidden(number) } else { number.to_owned() }
}

fn hidden(number: &str) -> String {
    let characters: Vec<char> = number.chars().collect();
    let digits = characters.iter().filter(|character| **character != '+').count();
    if digits <= SHORT {
        return number.to_owned();
    }
    let plus = characters.len() - digits;
    // Country and area stay where the number is long enough for it; never more than half of it is shown.
    let head = if digits >= 10 { 4 } else { 1 } + plus;
    let tail = characters.len() - if digits >= 8 { 2 } else { 1 };
    let shown = |(index, character)| if (head..tail).contains(&index) { '*' } else { character };
    characters.into_iter().enumerate().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscriber_cannot_be_read_from_a_masked_number_but_an_emergency_code_can() {
        assert_eq!(hidden("+12025550123"), "+1202*****23");
        assert_eq!(hidden("12025550123"), "1202*****23");
        assert_eq!(hidden("+3725012345"), "+3725****45");
        assert_eq!(hidden("12345"), "1***5");
        assert_eq!(hidden("112"), "112");
        assert_eq!(hidden(""), "");
    }
}
