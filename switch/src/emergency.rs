//! Which dialled texts mean an emergency service (O3): exact whole numbers of the company's country, never a prefix.
//!
//! The numbers themselves are configuration; what is answered to them is decided in `call::admitting`.

use crate::directory::CountryPlan;
use crate::numbering;

/// The numbers of a country that is not known: ITU-T E.161.1 recommends these two for every country.
const ELSEWHERE: [&str; 2] = ["112", "911"];
/// What every emergency URN begins with (RFC 5031 4.2), in small letters.
const SOS: &str = "urn:service:sos";

/// Whether `dialled` (the user part of the Request-URI, or the whole URI where it has none) means an emergency service in a
/// country: one of its numbers `N` (112 and 911 where the country is not known) as `N`, `+N` or `+CC N`, with or without
/// visual separators, or any `urn:service:sos`.
pub fn is_emergency(dialled: &str, plan: Option<&CountryPlan>) -> bool {
    if dialled.get(..SOS.len()).is_some_and(|start| start.eq_ignore_ascii_case(SOS)) {
        return true;
    }
    let plain = numbering::plain(dialled);
    let local = plain.strip_prefix('+').unwrap_or(&plain);
    let Some(plan) = plan else { return ELSEWHERE.contains(&local) };
    // After `+` the calling code may stand before the number; where it does, what follows is compared as a whole too.
    let after_code = Some(&plan.calling_code)
        .filter(|code| plain.starts_with('+') && !code.is_empty())
        .and_then(|code| local.strip_prefix(code.as_str()));
    plan.emergency.iter().any(|number| number == local || after_code == Some(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(calling_code: &str, emergency: &[&str]) -> CountryPlan {
        let emergency = emergency.iter().map(|number| number.to_string()).collect();
        CountryPlan { calling_code: calling_code.to_string(), emergency }
    }

    /// O3: the 25 vectors.
    #[test]
    fn an_emergency_number_is_known_in_every_form_in_which_a_pbx_may_send_it() {
        let us = plan("1", &["911", "112"]);
        let gb = plan("44", &["999", "112", "18000"]);
        let de = plan("49", &["112", "110"]);
        let fr = plan("33", &["112", "15", "17", "18", "114"]);
        let au = plan("61", &["000", "112", "106"]);
        let jp = plan("81", &["110", "118", "119"]);
        let mx = plan("52", &["911", "08"]);
        let vectors: [(&CountryPlan, &str); 25] = [
            (&us, "911"),
            (&us, "+911"),
            (&us, "+1911"),
            (&us, "9-1-1"),
            (&us, "tel:911"),
            (&us, "+1 (911)"),
            (&us, "112"),
            (&us, "urn:service:sos"),
            (&us, "urn:service:sos.fire"),
            (&us, "URN:Service:SOS.police"),
            (&gb, "999"),
            (&gb, "+999"),
            (&gb, "+44999"),
            (&gb, "112"),
            (&gb, "+44112"),
            (&gb, "18000"),
            (&de, "110"),
            (&de, "+49110"),
            (&de, "+112"),
            (&fr, "15"),
            (&fr, "+3317"),
            (&au, "000"),
            (&au, "+61000"),
            (&jp, "119"),
            (&mx, "08"),
        ];
        for (plan, dialled) in vectors {
            assert!(is_emergency(dialled, Some(plan)), "{dialled} with +{}", plan.calling_code);
        }
    }

    /// O3: never a prefix match.
    #[test]
    fn a_number_that_merely_begins_like_an_emergency_number_is_ordinary() {
        let us = plan("1", &["911", "112"]);
        let de = plan("49", &["112", "110"]);
        for dialled in
            ["9112025550", "+19115550123", "+1911555", "11225550123", "1911", "91", "9111", "++911", "*911", ""]
        {
            assert!(!is_emergency(dialled, Some(&us)), "{dialled}");
        }
        for dialled in
            ["+4911255501", "+4911012345", "11055501", "911", "49112", "urn:service:counseling", "urn:service:so"]
        {
            assert!(!is_emergency(dialled, Some(&de)), "{dialled}");
        }
    }

    #[test]
    fn where_the_country_is_unknown_112_and_911_are_emergency_numbers() {
        assert!(is_emergency("112", None) && is_emergency("+911", None) && is_emergency("urn:service:sos", None));
        assert!(!is_emergency("999", None) && !is_emergency("+44112", None));
    }
}
