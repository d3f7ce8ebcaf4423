//! Decks: what is read, what is complained of and in which words, and the longest prefix (rules R2, R13).
//!
//! What the tariffs then cost is tested in `charging_reference.rs`.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

use domain::{Currency, E164, Entropy, Micros};
use rating::{Deck, DeckFaults, Rounding};
use std::time::Duration;

const HEADER: &str = "prefix,destination,rate_per_minute\n";

fn read(text: impl AsRef<[u8]>) -> Result<Deck, DeckFaults> {
    Deck::parse_csv(text.as_ref(), Currency::USD, "2026-11")
}

fn deck(rows: &str) -> Deck {
    read(format!("{HEADER}{rows}")).unwrap()
}

fn complaints(text: impl AsRef<[u8]>) -> Vec<String> {
    let faults = read(text).unwrap_err();
    assert_eq!(faults.total, faults.complaints.len() as u64);
    faults.complaints.iter().map(ToString::to_string).collect()
}

fn number(text: &str) -> E164 {
    text.parse().unwrap()
}

fn destination(deck: &Deck, dialled: &str) -> Option<String> {
    deck.lookup(number(dialled)).map(|rate| rate.destination.to_string())
}

#[test]
fn r2_the_longest_prefix_names_the_price() {
    let deck =
        deck("1,USA,0.008\n1604,Vancouver,0.01\n372,Estonia,0.02\n3725,Estonia mobile,0.15\n37251,One of them,0.2\n");
    for (dialled, expected) in [
        ("+12025550123", Some("USA")),
        ("+16045550123", Some("Vancouver")),
        ("+16035550123", Some("USA")),
        ("+3726123456", Some("Estonia")),
        ("+37250123456", Some("Estonia mobile")),
        ("+37251123456", Some("One of them")),
        ("+37252123456", Some("Estonia mobile")),
        ("+37190123456", None),
        ("+999999999999999", None),
    ] {
        assert_eq!(destination(&deck, dialled).as_deref(), expected, "{dialled}");
    }
}

#[test]
fn a_prefix_that_is_longer_than_the_number_does_not_cover_it() {
    let deck = deck("1234567,Short,1\n12345670,Longer,2\n123456700000000,A whole number,3\n");
    assert_eq!(destination(&deck, "+1234567").as_deref(), Some("Short"));
    assert_eq!(destination(&deck, "+12345670").as_deref(), Some("Longer"));
    assert_eq!(destination(&deck, "+123456700000000").as_deref(), Some("A whole number"));
    assert_eq!(destination(&deck, "+123456700000001").as_deref(), Some("Longer"));
}

#[test]
fn the_longest_prefix_is_the_one_that_trying_every_prefix_finds() {
    for seed in 0..40u8 {
        let mut entropy = Entropy::from_seed([seed; 16]);
        let mut prefixes = std::collections::BTreeSet::new();
        for _ in 0..200 {
            // Few digits, so that prefixes nest.
            let length = 1 + entropy.below(9);
            let text =
                (1..length).fold(String::from("1"), |text, _| text + if entropy.below(2) == 0 { "0" } else { "7" });
            prefixes.insert(text);
        }
        let rows: String = prefixes.iter().map(|prefix| format!("{prefix},to {prefix},1\n")).collect();
        let deck = deck(&rows);
        assert!(
            deck.rates().iter().map(|rate| rate.prefix.to_string()).eq(prefixes.iter().cloned()),
            "in prefix order"
        );
        for _ in 0..2_000 {
            let length = 7 + entropy.below(9);
            let dialled =
                (1..length).fold(String::from("1"), |text, _| text + ["0", "7", "3"][entropy.below(3) as usize]);
            let expected = (1..=dialled.len()).rev().map(|end| &dialled[..end]).find(|begin| prefixes.contains(*begin));
            let found = deck.lookup(number(&dialled)).map(|rate| rate.prefix.to_string());
            assert_eq!(found.as_deref(), expected, "seed {seed}, {dialled}");
        }
    }
}

#[test]
fn columns_stand_in_any_order_and_what_is_not_said_has_its_default() {
    let deck = read(
        "Rounding,rate_per_minute,prefix,destination,minimum_s\nhalf_up,0.023,+372,\"Estonia, all\",\n,1.5,44,UK,1\n",
    )
    .unwrap();
    let estonia = deck.lookup(number("+3726123456")).unwrap();
    assert_eq!(&*estonia.destination, "Estonia, all");
    let terms = estonia.tariff.terms();
    assert_eq!((terms.rounding, terms.minimum_s, terms.increment_s, terms.scale), (Rounding::HalfUp, 30, 6, 2));
    assert_eq!(estonia.tariff.connection_fee(), Micros::ZERO);
    let uk = deck.lookup(number("+442079460123")).unwrap().tariff.terms();
    assert_eq!((uk.rounding, uk.minimum_s, uk.currency), (Rounding::Up, 1, Currency::USD));
    assert_eq!((deck.len(), &**deck.version()), (2, "2026-11"));
}

#[test]
fn files_as_spreadsheets_save_them_are_read() {
    let windows = "\u{feff}prefix,destination,rate_per_minute\r\n# a remark\r\n1 , USA ,0.008\r\n\r\n44,UK,0.01\r\n";
    let deck = read(windows).unwrap();
    assert_eq!(destination(&deck, "+12025550123").as_deref(), Some("USA"));
    assert_eq!(destination(&deck, "+442079460123").as_deref(), Some("UK"));
    assert_eq!(read(format!("{HEADER}1,USA,0.008")).unwrap().len(), 1, "without a line break at the end");
}

#[test]
fn every_fault_of_a_deck_is_named_with_its_line_and_what_would_be_right() {
    let file = "prefix,destination,rate_per_minute,connection_fee,minimum_s,increment_s,rounding,scale\n\
        1,USA,abc,,,,,\n\
        # a remark is a line too\n\
        1604,Canada,-0.01,,,,,\n\
        44,UK,0.0000001,0.1,,,,\n\
        0044,UK,0.01,,,,,\n\
        372,Estonia,\"0,02\",,,,,\n\
        49,,0.01,$1,x,0,down,9\n\
        33,France,,,,,,\n\
        34,Spain,0.01\n\
        39,Italy,1000001,,3601,,,\n\
        1,USA again,0.008,,,,,\n\
        44,UK again,0.008,,,,,\n";
    assert_eq!(
        complaints(file),
        [
            "line 2, column rate_per_minute: \"abc\" is not a number: expected digits with a point before the decimals, such as 0.02",
            "line 4, column rate_per_minute: -0.01 is negative: expected 0 or more, such as 0.02",
            "line 5, column rate_per_minute: 0.0000001 has more than six decimals: prices are kept in millionths, round it to 6 decimals",
            "line 6, column prefix: \"0044\" is not a prefix: expected an optional + and 1 to 15 digits that begin with a country code, such as 1604",
            "line 7, column rate_per_minute: \"0,02\" is not a number: expected digits with a point before the decimals, such as 0.02",
            "line 8, column destination: the cell is empty: expected what reports shall call these numbers, such as Estonia mobile",
            "line 8, column connection_fee: \"$1\" is not a number: expected digits with a point before the decimals, such as 0.02",
            "line 8, column minimum_s: \"x\" is out of range: expected a whole number from 0 to 3600",
            "line 8, column increment_s: \"0\" is out of range: expected a whole number from 1 to 3600",
            "line 8, column rounding: \"down\" is not a rounding: expected up or half_up",
            "line 8, column scale: \"9\" is out of range: expected a whole number from 0 to 6",
            "line 9, column rate_per_minute: the cell is empty: expected a price, such as 0.02",
            "line 10: the row has 3 cells and the header 8: put texts that contain a comma in double quotes",
            "line 11, column rate_per_minute: 1000001 is too large: at most 1000000",
            "line 11, column minimum_s: \"3601\" is out of range: expected a whole number from 0 to 3600",
            "line 12, column prefix: prefix 1 stands in line 2 already: keep one of the two",
            "line 13, column prefix: prefix 44 stands in line 5 already: keep one of the two",
        ]
    );
}

#[test]
fn a_prefix_that_stands_twice_in_a_deck_without_other_faults_is_complained_of() {
    assert_eq!(
        complaints(format!("{HEADER}1,USA,0.008\n44,UK,0.01\n+1,USA,0.009\n1,USA,0.01\n")),
        [
            "line 4, column prefix: prefix 1 stands in line 2 already: keep one of the two",
            "line 5, column prefix: prefix 1 stands in line 4 already: keep one of the two",
        ]
    );
}

#[test]
fn a_header_that_is_not_a_decks_is_refused_before_any_row() {
    let expected =
        "expected prefix, destination, rate_per_minute, connection_fee, minimum_s, increment_s, rounding, scale";
    assert_eq!(
        complaints("prefix,rate,destination,prefix\n1,0.008,USA,1\n"),
        [
            format!("line 1: \"rate\" is not a column of a deck: {expected}"),
            "line 1, column prefix: the column stands twice in the header: keep one".to_owned(),
            "line 1: the header lacks the column rate_per_minute: every deck has prefix, destination and rate_per_minute".to_owned(),
        ]
    );
    for (text, name) in
        [("prefix;destination;rate_per_minute\n1;USA;0,008\n", "semicolons"), ("prefix\tdestination\n", "tabs")]
    {
        assert_eq!(
            complaints(text),
            [format!(
                "line 1: the columns are separated by {name}: save the file with commas between them, and with points in numbers"
            )]
        );
    }
}

#[test]
fn an_empty_file_is_refused() {
    for text in ["", "\n\n", "# only a remark\n", "\u{feff}"] {
        let found = complaints(text);
        assert_eq!(found, ["line 1: the file is empty: expected a header row and one row for each prefix"], "{text:?}");
    }
    assert_eq!(complaints(HEADER), ["line 1: there is no row below the header: expected one for each prefix"]);
}

#[test]
fn text_that_is_not_utf8_is_refused_in_its_cell() {
    let mut file = format!("{HEADER}1,USA,0.008\n225,").into_bytes();
    file.extend(b"C\xf4te d'Ivoire,0.2\n");
    assert_eq!(complaints(&file), ["line 3, column destination: not UTF-8: save the file with that encoding"]);
    assert_eq!(
        complaints(b"prefix,destination,rate_per_minute,caf\xe9\n"),
        ["line 1: not UTF-8: save the file with that encoding"]
    );
}

#[test]
fn a_quote_that_is_not_closed_is_named_where_it_opens() {
    let rows: String = (200..260).map(|prefix| format!("{prefix},Somewhere,0.01\n")).collect();
    let sentence =
        "a double quote is opened in this row and never closed: close it, and write a double quote itself as two";
    for end in ["", "\n", "\n\n"] {
        assert_eq!(
            complaints(format!("{HEADER}# remark\n1,\"USA,0.008\n{rows}{end}")),
            [format!("line 3: {sentence}")]
        );
        assert_eq!(complaints(format!("\"prefix,destination{end}")), [format!("line 1: {sentence}")]);
    }
    assert_eq!(
        complaints(format!("{HEADER}1,\"USA\nwest\",0.008\n")),
        [
            "line 2, column destination: the text contains a control character: expected one line of plain text; if a double quote was opened before, close it"
        ]
    );
    assert_eq!(
        complaints(format!("{HEADER}1,{},0.008\n", "x".repeat(101))),
        [
            "line 2, column destination: 101 characters are too many: at most 100; if a double quote was opened before, close it"
        ]
    );
}

#[test]
fn a_hundred_complaints_are_kept_and_the_others_counted() {
    let bad: String = (1..=250).map(|row| format!("{row},Somewhere,free\n")).collect();
    // The prefixes 7 and 300 stand twice: the first pair is among the first hundred complaints by line, but not the second.
    let file = format!("{HEADER}7,Somewhere,1\n{bad}300,Somewhere,1\n300,Somewhere,1\n");
    let faults = read(&file).unwrap_err();
    assert_eq!((faults.complaints.len(), faults.total), (100, 252));
    let lines: Vec<u64> = faults.complaints.iter().map(|complaint| complaint.line).collect();
    assert!(lines.is_sorted());
    assert_eq!(lines.iter().filter(|line| **line == 9).count(), 2, "the bad price and the second 7");
    assert!(faults.to_string().ends_with("\nand 152 more"));
    assert_eq!(faults.to_string().lines().count(), 101);
}

#[test]
fn a_reader_that_breaks_off_is_named() {
    struct Broken;
    impl std::io::Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("the disk is gone"))
        }
    }
    let faults = Deck::parse_csv(Broken, Currency::USD, "v").unwrap_err();
    assert_eq!(faults.to_string(), "line 1: reading failed here: the disk is gone");
}

#[test]
fn r13_a_quote_states_what_the_next_call_is_charged() {
    let deck = read("prefix,destination,rate_per_minute,connection_fee\n372,Estonia,0.02,0.039\n").unwrap();
    let quote = deck.quote(number("+3726123456")).unwrap();
    assert_eq!(
        quote.to_string(),
        "+3726123456 Estonia: USD 0.02 a minute, connection fee 0.039, 30/6 s, rounded up to 2 decimals (prefix 372, deck 2026-11)"
    );
    let charged = deck.lookup(number("+3726123456")).unwrap().tariff;
    assert_eq!(quote.tariff.price(quote.tariff.billed_seconds(Duration::from_secs(10))), charged.price(30));
    assert_eq!(charged.price(30), Micros::from_cents(5));
    assert_eq!(deck.quote(number("+442079460123")), None);
}

#[test]
fn the_example_deck_that_is_shipped_can_be_loaded() {
    let deck = read(include_str!("../../config/deck_example.csv")).unwrap();
    let bill = |dialled: &str, talked_s| {
        let tariff = deck.lookup(number(dialled)).unwrap().tariff;
        tariff.price(tariff.billed_seconds(Duration::from_secs(talked_s))).to_string()
    };
    assert_eq!(bill("+3726123456", 64), "0.03");
    assert_eq!(bill("+12025550123", 3_600), "0.48");
    // R7: prefixes that no bundle covers have a price of their own.
    assert_eq!(bill("+16412135555", 60), "0.04");
    // Ten dollars of credit last ten seconds.
    assert_eq!(bill("+441632960123", 10), "10.00");
}
