//! The files that are shipped say the truth: `tandem.toml` about every key, the emergency numbers about their countries.
//!
//! How wrong files are refused is tested in `refused_files.rs`; the example deck is tested by `rating`, which reads decks.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "the helpers of tests are tests")]

use config::{Country, EmergencyNumbers, SHIPPED_SETTINGS, Settings};
use std::collections::{BTreeMap, BTreeSet};

fn parse(text: &str) -> Result<Settings, String> {
    Settings::parse("tandem.toml", text, []).map_err(|faults| faults.report())
}

/// Every key that the settings know, from the mouth of the deserializer: what it would have expected in place of a strange one.
fn known_keys() -> BTreeSet<String> {
    let expected = |text: &str| -> Vec<String> {
        let faults = Settings::parse("keys", text, []).unwrap_err();
        let message = &faults.faults[0].message;
        // Of a single key, and of two, the words are others.
        let listed = message.split_once("expected one of ").or_else(|| message.split_once("expected "));
        let (_, listed) = listed.expect("what is expected");
        listed.replace(" or ", ", ").split(", ").map(|key| key.trim_matches('`').to_owned()).collect()
    };
    let mut keys = BTreeSet::new();
    for section in expected("strange = 1\n") {
        for key in expected(&format!("[{section}]\nstrange = 1\n")) {
            keys.insert(format!("{section}.{key}"));
        }
    }
    keys
}

/// The keys of the shipped file with their lines, those that are commented out included.
fn shipped_keys() -> BTreeMap<String, usize> {
    let mut section = String::new();
    let mut keys = BTreeMap::new();
    for (index, line) in SHIPPED_SETTINGS.lines().enumerate() {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']').to_owned();
        }
        let text = line.strip_prefix("# ").unwrap_or(line);
        let key = text.split_once(" = ").map_or("", |(key, _)| key);
        if !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        {
            assert_eq!(keys.insert(format!("{section}.{key}"), index), None, "line {} repeats a key", index + 1);
        }
    }
    keys
}

#[test]
fn the_shipped_file_says_exactly_the_defaults() {
    assert_eq!(parse(SHIPPED_SETTINGS), Ok(Settings::default()));
    assert_eq!(parse(""), Ok(Settings::default()));
}

#[test]
fn the_shipped_file_mentions_every_key_and_no_other() {
    let known = known_keys();
    assert!(known.len() > 40, "{known:?}");
    let shipped: BTreeSet<String> = shipped_keys().into_keys().collect();
    assert_eq!(shipped, known);
}

#[test]
fn the_shipped_file_explains_each_key_in_the_lines_above_it() {
    let lines: Vec<&str> = SHIPPED_SETTINGS.lines().collect();
    for (key, line) in shipped_keys() {
        let above = lines[line - 1];
        assert!(above.starts_with("# ") && above.ends_with(['.', '}']), "{key}: {above}");
    }
}

#[test]
fn what_the_shipped_file_has_commented_out_is_right_once_it_is_not() {
    let open: String = SHIPPED_SETTINGS
        .lines()
        .map(|line| {
            if line.starts_with("# ") && line.contains(" = \"") && !line.contains("example:") {
                &line[2..]
            } else {
                line
            }
        })
        .flat_map(|line| [line, "\n"])
        .collect();
    let settings = parse(&open).unwrap();
    assert_eq!(settings.sip.domain.map(|host| host.to_string()).as_deref(), Some("sip.example.net"));
    assert!(settings.sip.advertised_address.is_some() && settings.media.advertised_address.is_some());
    assert!(settings.sip.nonce_key_file.is_some() && settings.http.tokens_file.is_some());
}

#[test]
fn the_effective_settings_can_be_loaded_again() {
    assert_eq!(parse(&Settings::default().effective()), Ok(Settings::default()));
    let changed = "[sip]\nlisten = [\"192.0.2.1:5070\"]\ndomain = \"sip.example.net\"\n[calls]\nemergency_numbers = { EE = [\"112\"] }\n";
    let settings = parse(changed).unwrap();
    assert_ne!(settings, Settings::default());
    assert_eq!(parse(&settings.effective()), Ok(settings));
}

#[test]
fn o2b_the_echo_test_has_a_code_and_a_fictional_number() {
    let echo: Vec<String> = Settings::default().calls.echo.iter().map(ToString::to_string).collect();
    assert_eq!(echo, ["*43", "+17605550100"]);
}

#[test]
fn failover_follows_the_rules_of_the_outgoing_call() {
    let failover = Settings::default().calls.failover_statuses;
    assert!([408, 500, 502, 503, 504, 599].into_iter().all(|status| failover.contains(status)));
    assert!([300, 403, 404, 480, 486, 487, 600, 603].into_iter().all(|status| !failover.contains(status)));
}

#[test]
fn o3_every_country_of_the_list_has_its_numbers() {
    let numbers = EmergencyNumbers::shipped().unwrap();
    assert!(numbers.countries().count() >= 60, "{}", numbers.countries().count());
    for (country, calling_code, expected) in [
        ("US", "1", &["911"][..]),
        ("CA", "1", &["911"]),
        ("GB", "44", &["999", "112"]),
        ("EE", "372", &["112", "110"]),
        ("DE", "49", &["112", "110"]),
        ("FR", "33", &["112", "15", "17", "18"]),
        ("AU", "61", &["000", "112"]),
        ("JP", "81", &["110", "118", "119"]),
        ("NZ", "64", &["111"]),
        ("IN", "91", &["112", "100", "101", "102"]),
        ("ZA", "27", &["112", "10111"]),
    ] {
        let listed = numbers.for_country(country);
        assert!(expected.iter().all(|number| listed.iter().any(|known| known == number)), "{country}: {listed:?}");
        assert_eq!(numbers.calling_code(country), Some(calling_code));
    }
    // A number of one country is an ordinary one in another.
    assert!(!numbers.for_country("US").contains(&"999".to_owned()));
    assert!(!numbers.for_country("EE").contains(&"911".to_owned()));
}

#[test]
fn o3_a_country_that_the_list_does_not_know_still_has_two_numbers() {
    let numbers = EmergencyNumbers::shipped().unwrap();
    for country in ["ZZ", "", "us", "Estonia"] {
        assert_eq!(numbers.for_country(country), ["112", "911"], "{country}");
        assert_eq!(numbers.calling_code(country), None);
    }
}

#[test]
fn o3_the_settings_replace_the_numbers_of_a_country() {
    let settings = parse("[calls]\nemergency_numbers = { EE = [\"112\"], ZZ = [\"999\"] }\n").unwrap();
    let numbers = EmergencyNumbers::shipped().unwrap().with_overrides(&settings.calls.emergency_numbers);
    assert_eq!(numbers.for_country("EE"), ["112"]);
    assert_eq!(numbers.calling_code("EE"), Some("372"), "the calling code stays");
    assert_eq!(numbers.for_country("ZZ"), ["999"]);
    assert_eq!(numbers.for_country("GB"), ["999", "112"], "other countries stay");
    assert!("EE".parse::<Country>().is_ok() && "ee".parse::<Country>().is_err());
}
