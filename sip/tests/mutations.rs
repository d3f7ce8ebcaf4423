//! Mutated messages and streams: whatever chance makes of them, nothing panics, hangs or grows.
//!
//! `MUTATIONS` sets how many (200,000 if unset, 10,000,000 in the long form), `MUTATION_SEED` which; the seed is printed.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "what cannot go on here says so and fails")]

mod exercise;

use domain::Entropy;
use std::path::Path;
use std::time::Duration;

/// Mutations of a plain test run.
const MUTATIONS_DEFAULT: u64 = 200_000;

/// What reading and answering one message may hold at once: the answer's buffer grows by doubling, a fold copies the message, and the
/// header index of the largest message is small.
const PEAK_BYTES_PER_BYTE: u64 = 8;
const PEAK_BYTES_FIXED: u64 = 32 * 1024;

/// The longest that one message or stream may take, whoever else uses the machine: tens of microseconds, and tens of milliseconds where
/// the core was taken away meanwhile. What is quadratic takes seconds at 64 KiB.
const LONGEST: Duration = Duration::from_secs(2);

/// Runs it and says how long it took.
#[expect(clippy::disallowed_methods, reason = "that nothing hangs is about real time")]
fn timed<T>(run: impl FnOnce() -> T) -> (T, Duration) {
    let start = std::time::Instant::now();
    let outcome = run();
    (outcome, start.elapsed())
}

/// What is put in where it hurts.
const SPLINTERS: &[&[u8]] = &[
    b"\r\n",
    b"\r\n ",
    b"\n",
    b"\r",
    b"\0",
    b"\"",
    b"\\",
    b"\\\"",
    b"<",
    b">",
    b";",
    b";;",
    b",",
    b",,",
    b"=",
    b":",
    b"@",
    b"%",
    b"%00",
    b"%zz",
    b"[",
    b"]",
    b"[::1]",
    b"?",
    b"&",
    b" ",
    b"\t",
    b"*",
    b"/",
    b"\xff",
    b"\xc3\x28",
    b"\xef\xbb\xbf",
    b"sip:",
    b"tel:",
    b"SIP/2.0",
    b"4294967296",
    b"-1",
    b"18446744073709551616",
    b"Content-Length: 7\r\n",
    b"l:99999999999999999999\r\n",
    b"Via: ",
    b"v: SIP/2.0/UDP a,",
    b"\r\n\r\n",
    b"\r\n\r\n\r\n\r\n",
    b";tag=",
    b";rport=",
    b";received=[",
    b";lr",
    b"Contact: *\r\n",
];

/// The committed seeds of one kind, by name.
fn corpus(kind: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(kind);
    let mut paths: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let seeds: Vec<_> = paths.iter().map(|path| std::fs::read(path).unwrap()).collect();
    assert!(seeds.len() >= 5, "{} is the corpus", folder.display());
    seeds
}

fn number_of(variable: &str) -> Option<u64> {
    std::env::var(variable)
        .ok()
        .map(|text| text.replace('_', "").parse().unwrap_or_else(|_| panic!("{variable}={text} is a number")))
}

/// Where a mutation strikes: anywhere, one past the end too.
fn place(chance: &mut Entropy, bytes: &[u8]) -> usize {
    chance.below(bytes.len() as u64 + 1) as usize
}

/// A stretch of bytes, mostly short.
fn stretch(chance: &mut Entropy, bytes: &[u8]) -> std::ops::Range<usize> {
    let start = place(chance, bytes);
    let longest = if chance.below(4) == 0 { bytes.len() } else { 24 };
    let length = chance.below(longest as u64 + 1) as usize;
    start..(start + length).min(bytes.len())
}

fn mutate(chance: &mut Entropy, bytes: &mut Vec<u8>, seeds: &[Vec<u8>]) {
    let at = place(chance, bytes);
    match chance.below(9) {
        0 if at < bytes.len() => bytes[at] ^= 1 << chance.below(8),
        1 if at < bytes.len() => bytes[at] = chance.below(256) as u8,
        2 => bytes.truncate(at),
        3 => drop(bytes.drain(stretch(chance, bytes))),
        4 => {
            let copy = bytes[stretch(chance, bytes)].to_vec();
            bytes.splice(at..at, copy);
        }
        5 => {
            let other = &seeds[chance.below(seeds.len() as u64) as usize];
            let copy = other[stretch(chance, other)].to_vec();
            bytes.splice(at..at, copy);
        }
        6 => {
            // The same again and again: what is quadratic shows here.
            let splinter = SPLINTERS[chance.below(SPLINTERS.len() as u64) as usize];
            let most = if chance.below(64) == 0 { 12 } else { 6 };
            let times = 1 << chance.below(most);
            bytes.splice(at..at, splinter.repeat(times));
        }
        _ => {
            let splinter = SPLINTERS[chance.below(SPLINTERS.len() as u64) as usize];
            bytes.splice(at..at, splinter.iter().copied());
        }
    }
    bytes.truncate(80 * 1024);
}

#[test]
fn mutated_messages_and_streams_never_panic_hang_or_grow() {
    let runs = number_of("MUTATIONS").unwrap_or(MUTATIONS_DEFAULT);
    let seed = number_of("MUTATION_SEED").unwrap_or(20_261_121);
    println!("{runs} mutations, MUTATION_SEED={seed}");
    let mut chance = Entropy::from_seed(u128::from(seed).to_le_bytes());
    let messages = corpus("message");
    let streams = corpus("framing");
    let mut peak = 0;
    let mut longest = Duration::ZERO;
    for run in 0..runs {
        let is_stream = chance.below(8) == 0;
        let seeds = if is_stream { &streams } else { &messages };
        let mut bytes = seeds[chance.below(seeds.len() as u64) as usize].clone();
        for _ in 0..=chance.below(6) {
            mutate(&mut chance, &mut bytes, &messages);
        }
        let (outcome, took) = timed(|| {
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                allocation_counter::measure(|| match is_stream {
                    true => exercise::framing(&bytes, || chance.below(97) as usize),
                    false => exercise::message(&bytes),
                })
            }))
        });
        let Ok(allocations) = outcome else {
            panic!("run {run} of MUTATION_SEED={seed} failed on {}", bytes.escape_ascii());
        };
        // Frames of a stream are kept until its end: they, and what cuts them, are within the same bound.
        let most = bytes.len() as u64 * PEAK_BYTES_PER_BYTE + PEAK_BYTES_FIXED;
        assert!(allocations.bytes_max <= most, "run {run} held {} bytes for {}", allocations.bytes_max, bytes.len());
        assert!(took < LONGEST, "run {run} took {took:?} for {} bytes: {}", bytes.len(), bytes.escape_ascii());
        peak = peak.max(allocations.bytes_max);
        longest = longest.max(took);
    }
    println!(
        "{runs} mutations without panic, hang or growth; at most {peak} bytes held at once, {longest:?} at the longest"
    );
}

#[test]
fn the_committed_corpus_is_replayed() {
    for seed in corpus("message") {
        exercise::message(&seed);
    }
    for seed in corpus("framing") {
        for size in [1, 2, 3, 7, 64, 4096] {
            exercise::framing(&seed, || size);
        }
    }
}

/// The worst that is allowed in each direction: read in time that grows with its length, not with its square.
#[test]
fn messages_at_every_limit_are_read_or_refused_at_once() {
    let head = "INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:b@b>\r\nCall-ID: x\r\n\
                CSeq: 1 INVITE\r\n";
    let monsters = [
        "Contact: <sip:a@b>,".repeat(3000),
        format!("Contact: {}", "\"".repeat(8000)),
        format!("Contact: {}", "\"\\".repeat(4000)),
        format!("Contact: {}", "<".repeat(8000)),
        format!("Contact: <sip:a@b>{}", ";a".repeat(4000)),
        format!("Route: <sip:a@b{}>", ";a=b".repeat(400)),
        "Via: SIP/2.0/UDP h;branch=z9hG4bK1\r\n".repeat(1000),
        "A: b\r\n".repeat(8000),
        format!("A: b{}", "\r\n c".repeat(9000)),
        format!("{}: b", "A".repeat(9000)),
        ",".repeat(60_000),
        format!("Via: {}", "SIP/2.0/UDP h,".repeat(500)),
        format!("Supported: {}", "a,".repeat(4000)),
        format!("Require: {}", ",".repeat(8000)),
        " ".repeat(40_000),
        "\r\n ".repeat(20_000),
    ];
    for monster in monsters {
        let bytes = format!("{head}{monster}\r\n\r\n").into_bytes();
        let ((), took) = timed(|| {
            (0..20).for_each(|_| exercise::message(&bytes));
            exercise::framing(&bytes, || 1);
        });
        assert!(took < LONGEST, "{took:?} for twenty times {} bytes: {:.60}...", bytes.len(), monster);
    }
}
