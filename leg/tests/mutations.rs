//! Mutated session descriptions: whatever chance makes of them, nothing panics, and what can be read prints and reads back.
//!
//! `MUTATIONS` sets how many (200,000 if unset), `MUTATION_SEED` which; the seed is printed.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "what cannot go on here says so and fails")]

use domain::Entropy;
use leg::negotiation::{answer_back, answer_ourselves, offer_onwards};
use leg::sdp::{Origin, print, read};
use std::path::Path;

const MUTATIONS_DEFAULT: u64 = 200_000;

/// What is put in where it hurts.
const SPLINTERS: &[&[u8]] = &[
    b"\r\n",
    b"\n",
    b"\r",
    b"\0",
    b"=",
    b":",
    b"/",
    b" ",
    b"  ",
    b"\xff",
    b"65536",
    b"-1",
    b"99999999999999999999",
    b"0",
    b"m=audio 1 RTP/AVP 0\r\n",
    b"a=rtpmap:0 \r\n",
    b"a=fmtp:0 x\r\n",
    b"a=rtcp:1\r\n",
    b"c=IN IP6 ::\r\n",
    b"v=0\r\n",
    b"a=sendonly\r\n",
    b"a=ptime:0\r\n",
    b"128",
    b"[",
    b"::ffff:1.2.3.4",
];

fn number_of(variable: &str) -> Option<u64> {
    std::env::var(variable)
        .ok()
        .map(|text| text.replace('_', "").parse().unwrap_or_else(|_| panic!("{variable}={text} is a number")))
}

/// The committed seeds, in order of name.
fn corpus() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

/// Everything that is done with a description from the wire.
fn exercise(text: &[u8], other: &[u8]) {
    let Ok(offer) = read(text) else { return };
    let ours = "203.0.113.1:20000".parse().unwrap();
    let origin = Origin { session: 1, version: 1, address: std::net::SocketAddr::ip(&ours) };
    let answers = [
        offer_onwards(&offer, ours),
        answer_ourselves(&offer, ours),
        read(other).ok().and_then(|other| answer_back(&offer, &other, ours)),
    ];
    for description in answers.into_iter().flatten() {
        let printed = print(&description, origin);
        let again = read(printed.as_bytes())
            .unwrap_or_else(|fault| panic!("what we print must be readable: {fault}\n{printed}"));
        assert_eq!(print(&again, origin), printed);
        assert!(again.streams.len() <= offer.streams.len());
    }
}

#[test]
fn the_corpus_is_read_or_refused_in_words() {
    for text in corpus() {
        exercise(&text, &text);
    }
}

#[test]
fn mutated_descriptions_never_panic_and_never_print_what_cannot_be_read() {
    let mutations = number_of("MUTATIONS").unwrap_or(MUTATIONS_DEFAULT);
    let seed = number_of("MUTATION_SEED").unwrap_or(20_261_121);
    println!("MUTATIONS={mutations} MUTATION_SEED={seed} of session descriptions");
    let mut chance = Entropy::from_seed(u128::from(seed).to_le_bytes());
    let seeds = corpus();
    for _ in 0..mutations {
        let pick = |chance: &mut Entropy| seeds[chance.below(seeds.len() as u64) as usize].clone();
        let mut text = pick(&mut chance);
        for _ in 0..=chance.below(4) {
            let at = chance.below(text.len() as u64 + 1) as usize;
            match chance.below(4) {
                0 if at < text.len() => text[at] = chance.below(256) as u8,
                1 => text.truncate(at),
                2 => {
                    let end = (at + chance.below(30) as usize).min(text.len());
                    text.drain(at..end);
                }
                _ => {
                    let splinter = SPLINTERS[chance.below(SPLINTERS.len() as u64) as usize];
                    text.splice(at..at, splinter.repeat(1 << chance.below(5)));
                }
            }
        }
        exercise(&text, &pick(&mut chance));
    }
}
