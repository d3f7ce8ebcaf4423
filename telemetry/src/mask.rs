//! Telephone numbers as they may stand in a log above DEBUG.
//!
//! Which lines have numbers does not live here.

/// Characters up to which a text is no subscriber's number: emergency and service codes stay readable.
const SHORT: usize = 4;

/// A number with its middle hidden: `+12025550123` becomes `+1202*****23`. Up to four characters are left as they are.
pub fn mask(number: &str) -> String {
    let characters: Vec<char> = number.chars().collect();
    let digits = characters.iter().filter(|character| **character != '+').count();
    if digits <= SHORT {
        return number.to_owned();
    }
    let plus = characters.len() - digits;
    // Country and area stay where the number is long enough for it; never more than half of it is shown.
    let head = if digits >= 10 { 4 } else { 1 } + plus;
    let tail = characters.len() - if digits >= 8 { 2 } else { 1 };
    let hidden = |(index, character)| if (head..tail).contains(&index) { '*' } else { character };
    characters.into_iter().enumerate().map(hidden).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscriber_cannot_be_read_from_a_masked_number_but_an_emergency_code_can() {
        assert_eq!(mask("+12025550123"), "+1202*****23");
        assert_eq!(mask("12025550123"), "1202*****23");
        assert_eq!(mask("+3725012345"), "+3725****45");
        assert_eq!(mask("12345"), "1***5");
        assert_eq!(mask("112"), "112");
        assert_eq!(mask(""), "");
    }
}
