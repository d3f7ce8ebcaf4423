//! Who he says he is: challenges, verdicts, replays, and the client's side (RFC 7616, RFC 8760, RFC 3261 22).
#![allow(clippy::unwrap_used)]

use domain::{Entropy, Monotonic, Now, Wall};
use sip::digest::nonce::Issuer;
use sip::digest::{Challenger, Credentials, Freshness, Gate, Ha1, Secret, Settings, Unanswerable, Verdict, answer};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

const REALM: &str = "tandem.example";
const USER: &str = "99050000040027";
const PASSWORD: &str = "correct horse";
const URI: &str = "sip:+12025550123@tandem.example";
const KEY: [u8; 32] = [3; 32];
const ASKER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));
const ANOTHER: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 9));

/// A gate with a clock.
struct Door {
    challenger: Challenger,
    now: Now,
    asker: IpAddr,
}

impl Door {
    fn new() -> Door {
        Door::with(Settings::new(REALM, Issuer(1)))
    }

    fn with(settings: Settings) -> Door {
        let now = Now { monotonic: Monotonic::from_micros(0), wall: Wall::from_unix_seconds(1_700_000_000) };
        Door { challenger: Challenger::new(settings, &KEY, Entropy::from_seed([4; 16]), now), now, asker: ASKER }
    }

    fn wait(&mut self, seconds: u64) {
        self.now = self.now.after(Duration::from_secs(seconds));
    }

    /// The values of a new challenge, SHA-256 first.
    fn challenge(&mut self) -> [String; 2] {
        let mut lines = Vec::new();
        self.challenger.challenge(Gate::Proxy, Freshness::New, self.asker, self.now, &mut lines);
        let text = String::from_utf8(lines).unwrap();
        let values: Vec<_> =
            text.lines().map(|line| line.strip_prefix("Proxy-Authenticate: ").unwrap().to_owned()).collect();
        values.try_into().unwrap()
    }

    fn verify(&mut self, credentials: &str) -> Verdict {
        self.verify_call(credentials, "INVITE", URI)
    }

    fn verify_call(&mut self, credentials: &str, method: &str, uri: &str) -> Verdict {
        let lookup = |user: &str| (user == USER).then(|| Ha1::new(USER, REALM, PASSWORD));
        self.challenger.verify([credentials.as_bytes()], method, uri.as_bytes(), self.asker, self.now, lookup)
    }
}

fn credentials<'a>(user: &'a str, password: &'a str) -> Credentials<'a> {
    Credentials { user, secret: Secret::Password(password) }
}

/// What a phone answers to one challenge.
fn answered(challenge: &str, password: &str, count: u32) -> String {
    answer([challenge.as_bytes()], credentials(USER, password), "INVITE", URI, count, "c0ffee").unwrap()
}

fn ok() -> Verdict {
    Verdict::Ok { user: USER.to_owned() }
}

#[test]
fn both_algorithms_are_offered_in_lines_of_their_own_md5_last() {
    let mut door = Door::new();
    let [first, second] = door.challenge();
    assert!(first.starts_with("Digest realm=\"tandem.example\", nonce=\"") && first.ends_with("algorithm=SHA-256"));
    assert!(second.ends_with("qop=\"auth\", algorithm=MD5"), "RFC 8760 2.1: {second}");
    let mut lines = Vec::new();
    door.challenger.challenge(Gate::Registrar, Freshness::Stale, door.asker, door.now, &mut lines);
    let text = String::from_utf8(lines).unwrap();
    assert_eq!(text.matches("WWW-Authenticate: Digest ").count(), 2);
    assert_eq!(text.matches(", stale=TRUE\r\n").count(), 2);
    assert_eq!((Gate::Registrar.status(), Gate::Proxy.status()), (401, 407));
}

#[test]
fn who_knows_his_password_is_let_in_under_either_algorithm() {
    for which in [0, 1] {
        let mut door = Door::new();
        let challenge = &door.challenge()[which];
        assert_eq!(door.verify(&answered(challenge, PASSWORD, 1)), ok());
    }
}

#[test]
fn a_client_takes_the_first_challenge_that_it_can_answer() {
    let mut door = Door::new();
    let [sha256, md5] = door.challenge();
    let future = sha256.replace("SHA-256", "SHA-512-256");
    let values = [future.as_bytes(), sha256.as_bytes(), md5.as_bytes()];
    let text = answer(values, credentials(USER, PASSWORD), "INVITE", URI, 1, "c").unwrap();
    assert!(text.contains("algorithm=SHA-256"), "{text}");
    assert_eq!(door.verify(&text), ok());
}

#[test]
fn a_kept_hash_serves_instead_of_the_password() {
    let mut door = Door::new();
    let [sha256, _] = door.challenge();
    let ha1 = Ha1::new(USER, REALM, PASSWORD);
    let kept = Credentials { user: USER, secret: Secret::Ha1(&ha1) };
    let text = answer([sha256.as_bytes()], kept, "INVITE", URI, 1, "c").unwrap();
    assert_eq!(door.verify(&text), ok());
}

#[test]
fn a_wrong_password_and_an_unknown_user_are_told_apart_to_us_only() {
    let mut door = Door::new();
    let [sha256, _] = door.challenge();
    assert_eq!(door.verify(&answered(&sha256, "wrong", 1)), Verdict::BadPassword);
    let stranger = answer([sha256.as_bytes()], credentials("nobody", PASSWORD), "INVITE", URI, 1, "c").unwrap();
    assert_eq!(door.verify(&stranger), Verdict::UnknownUser);
    assert_eq!(door.challenger.nonces(), 0, "strangers cannot fill the table");
    assert_eq!(door.verify(&answered(&sha256, PASSWORD, 1)), ok(), "nor use up a nonce count");
}

#[test]
fn no_credentials_or_those_for_another_realm_are_missing() {
    let mut door = Door::new();
    let lookup = |_: &str| None;
    let now = door.now;
    assert_eq!(door.challenger.verify([], "INVITE", URI.as_bytes(), ASKER, now, lookup), Verdict::Missing);
    assert_eq!(door.verify("Basic dTpw"), Verdict::Missing);
    let [sha256, _] = door.challenge();
    let elsewhere = sha256.replace(REALM, "other.example");
    assert_eq!(door.verify(&answered(&elsewhere, PASSWORD, 1)), Verdict::Missing);
    // The one for our realm is found among others.
    let (other, ours) = (answered(&elsewhere, PASSWORD, 1), answered(&sha256, PASSWORD, 1));
    let known = |_: &str| Some(Ha1::new(USER, REALM, PASSWORD));
    let verdict =
        door.challenger.verify([other.as_bytes(), ours.as_bytes()], "INVITE", URI.as_bytes(), ASKER, now, known);
    assert_eq!(verdict, ok());
}

#[test]
fn a_nonce_count_passes_once() {
    let mut door = Door::new();
    let [sha256, _] = door.challenge();
    let first = answered(&sha256, PASSWORD, 1);
    assert_eq!(door.verify(&first), ok());
    assert_eq!(door.verify(&first), Verdict::Replayed);
    assert_eq!(door.verify(&answered(&sha256, PASSWORD, 3)), ok());
    assert_eq!(door.verify(&answered(&sha256, PASSWORD, 2)), ok(), "overtaken on the way");
    assert_eq!(door.verify(&answered(&sha256, PASSWORD, 2)), Verdict::Replayed);
}

/// Who reads a digest on the wire and is faster, or drops the original, has to send from the same address.
#[test]
fn credentials_that_were_overheard_are_worth_nothing_from_another_address() {
    let mut door = Door::new();
    let [sha256, _] = door.challenge();
    let overheard = answered(&sha256, PASSWORD, 1);
    let hears = |door: &Door| door.challenger.has_heard_us([overheard.as_bytes()], door.asker, door.now);
    door.asker = ANOTHER;
    assert_eq!(door.verify(&overheard), Verdict::Stale);
    assert!(!hears(&door), "nor does it show that the challenge was heard there");
    door.asker = ASKER;
    assert!(hears(&door));
    assert_eq!(door.verify(&overheard), ok());
    let guess = answered(&sha256, "wrong", 2);
    assert!(door.challenger.has_heard_us([guess.as_bytes()], door.asker, door.now), "a guess shows it too");
    let other_shard = Door::with(Settings::new(REALM, Issuer(2)));
    assert!(hears(&other_shard), "whichever shard it comes to");
    door.wait(300);
    assert!(!hears(&door));
}

#[test]
fn a_nonce_is_stale_after_its_lifetime_even_in_use() {
    let mut door = Door::new();
    let [sha256, _] = door.challenge();
    door.wait(299);
    assert_eq!(door.verify(&answered(&sha256, PASSWORD, 1)), ok());
    door.wait(1);
    assert_eq!(door.verify(&answered(&sha256, PASSWORD, 2)), Verdict::Stale);
    assert_eq!(door.verify(&answered(&sha256, "wrong", 2)), Verdict::BadPassword, "stale is for those who know");
}

/// The simulation found it: after a clock was set back by an hour, every answer to a fresh challenge was stale for an hour.
#[test]
fn who_answers_a_challenge_is_let_in_whatever_happens_to_the_clock_on_the_wall() {
    let mut door = Door::new();
    let [before, _] = door.challenge();
    for (step_s, count) in [(-3_600, 1), (90_000, 2), (-90_000, 3)] {
        door.now.wall = Wall::from_unix_micros(door.now.wall.as_unix_micros() + step_s * 1_000_000);
        let [sha256, _] = door.challenge();
        assert_eq!(door.verify(&answered(&sha256, PASSWORD, 1)), ok(), "set by {step_s} s");
        assert_eq!(door.verify(&answered(&before, PASSWORD, count)), ok(), "nor is it older than it is: {step_s} s");
    }
    door.wait(300);
    assert_eq!(door.verify(&answered(&before, PASSWORD, 4)), Verdict::Stale);
}

#[test]
fn expired_nonces_leave_the_table() {
    let mut door = Door::new();
    for _ in 0..50 {
        let [sha256, _] = door.challenge();
        assert_eq!(door.verify(&answered(&sha256, PASSWORD, 1)), ok());
        door.wait(10);
    }
    assert!(door.challenger.nonces() <= 31, "{}", door.challenger.nonces());
}

#[test]
fn a_nonce_of_another_node_of_a_former_life_or_made_up_is_stale() {
    let mut here = Door::new();
    let mut there = Door::with(Settings::new(REALM, Issuer(2)));
    let [of_there, _] = there.challenge();
    assert_eq!(here.verify(&answered(&of_there, PASSWORD, 1)), Verdict::Stale);
    let [before, _] = here.challenge();
    let mut reborn = Door::new();
    reborn.challenger = Challenger::new(
        Settings::new(REALM, Issuer(1)),
        &KEY,
        Entropy::from_seed([4; 16]),
        here.now.after(Duration::from_secs(1)),
    );
    reborn.wait(2);
    assert_eq!(reborn.verify(&answered(&before, PASSWORD, 1)), Verdict::Stale);
    let made_up = "Digest realm=\"tandem.example\", nonce=\"abc\", qop=\"auth\"";
    assert_eq!(here.verify(&answered(made_up, PASSWORD, 1)), Verdict::Stale);
}

/// RFC 7616 3.3: what somebody has recorded is not played back to us after a restart, also where the clock on the wall was set back in between,
/// so that the nonces of before are of a time that is still to come.
#[test]
fn a_nonce_of_before_a_restart_stays_stale_where_the_clock_was_set_back() {
    let mut before = Door::new();
    let [old, _] = before.challenge();
    assert_eq!(before.verify(&answered(&old, PASSWORD, 1)), ok(), "somebody may have recorded this");
    let mut after = Door::new();
    let back = Now { wall: before.now.wall - Duration::from_secs(3_600), ..before.now };
    after.now = back;
    after.challenger = Challenger::new(Settings::new(REALM, Issuer(1)), &KEY, Entropy::from_seed([5; 16]), back);
    for _ in 0..3 {
        assert_eq!(after.verify(&answered(&old, PASSWORD, 1)), Verdict::Stale, "an hour before, in it, and after it");
        after.wait(3_600 + 1);
    }
    let [new, _] = after.challenge();
    assert_eq!(after.verify(&answered(&new, PASSWORD, 1)), ok());
}

#[test]
fn when_the_table_is_full_the_oldest_nonce_goes_stale_and_is_never_replayed() {
    let mut door = Door::with(Settings { nonces_max: 2, ..Settings::new(REALM, Issuer(1)) });
    let challenges: Vec<_> = (0..3)
        .map(|_| {
            door.wait(1);
            door.challenge()[0].clone()
        })
        .collect();
    for challenge in &challenges {
        assert_eq!(door.verify(&answered(challenge, PASSWORD, 1)), ok());
    }
    assert_eq!(door.challenger.nonces(), 2);
    assert_eq!(door.verify(&answered(&challenges[0], PASSWORD, 1)), Verdict::Stale);
    assert_eq!(door.verify(&answered(&challenges[1], PASSWORD, 1)), Verdict::Replayed);
}

/// RFC 2069.
#[test]
fn a_client_without_qop_is_served_for_md5_once_a_nonce() {
    let mut door = Door::new();
    let [sha256, md5] = door.challenge();
    let old = |challenge: &str| answered(&challenge.replace("qop=\"auth\", ", ""), PASSWORD, 1);
    assert!(!old(&md5).contains("nc="), "{}", old(&md5));
    assert_eq!(door.verify(&old(&md5)), ok());
    assert_eq!(door.verify(&old(&md5)), Verdict::Replayed);
    assert!(matches!(door.verify(&old(&sha256)), Verdict::Malformed(_)));
    // Nor after the nonce was used with a count.
    let [_, md5] = door.challenge();
    assert_eq!(door.verify(&answered(&md5, PASSWORD, 1)), ok());
    assert_eq!(door.verify(&old(&md5)), Verdict::Replayed);
}

#[test]
fn the_credentials_of_one_number_do_not_dial_another() {
    let mut door = Door::new();
    let [sha256, _] = door.challenge();
    let text = answered(&sha256, PASSWORD, 1);
    let dear = "sip:+8816000000@tandem.example";
    assert!(matches!(door.verify_call(&text, "INVITE", dear), Verdict::Malformed(_)));
    assert_eq!(door.verify_call(&text, "BYE", URI), Verdict::BadPassword, "the method is part of the proof");
    let moved = text.replace("+12025550123", "+8816000000");
    assert_eq!(door.verify_call(&moved, "INVITE", dear), Verdict::BadPassword, "and so is the number");
}

#[test]
fn the_uri_may_differ_in_everything_but_the_number() {
    let same = [
        "sip:+12025550123@10.0.0.1:5080;transport=udp",
        "sips:%2B12025550123@tandem.example",
        "tel:+12025550123",
        "sip:+12025550123;phone-context=x@tandem.example",
        "SIP:+12025550123:secret@tandem.example",
    ];
    for called in same {
        let mut door = Door::new();
        let [sha256, _] = door.challenge();
        assert_eq!(door.verify_call(&answered(&sha256, PASSWORD, 1), "INVITE", called), ok(), "{called}");
    }
    let other = ["sip:tandem.example", "tel:12025550123", "sip:+12025550123x@tandem.example"];
    for called in other {
        let mut door = Door::new();
        let [sha256, _] = door.challenge();
        let verdict = door.verify_call(&answered(&sha256, PASSWORD, 1), "INVITE", called);
        assert!(matches!(verdict, Verdict::Malformed(_)), "{called}: {verdict:?}");
    }
}

#[test]
fn a_registration_names_nobody_so_its_uri_is_not_compared() {
    let mut door = Door::new();
    let [sha256, _] = door.challenge();
    let credentials = credentials(USER, PASSWORD);
    let text = answer([sha256.as_bytes()], credentials, "REGISTER", "sip:u@tandem.example", 1, "c").unwrap();
    assert_eq!(door.verify_call(&text, "REGISTER", "sip:tandem.example"), ok());
}

#[test]
fn broken_credentials_are_refused_with_a_sentence() {
    let mut door = Door::new();
    let [sha256, _] = door.challenge();
    let good = answered(&sha256, PASSWORD, 1);
    for (from, to) in [
        ("username=\"99050000040027\", ", ""),
        ("qop=auth,", "qop=auth-int,"),
        ("nc=00000001", "nc=zz"),
        ("nc=00000001", "nc=000000001"),
        ("cnonce=\"c0ffee\"", "cnonce=\"\""),
        ("algorithm=SHA-256", "algorithm=SHA-256-sess"),
        ("realm=\"tandem.example\"", "realm=\"tandem.example"),
    ] {
        assert!(good.contains(from), "{good}");
        let verdict = door.verify(&good.replace(from, to));
        assert!(matches!(verdict, Verdict::Malformed(_)), "{to}: {verdict:?}");
    }
    assert_eq!(door.verify(&good.replace("response=\"", "response=\"00")), Verdict::BadPassword);
    let capitals = good.replacen(
        &good[good.find("response=").unwrap()..][..75],
        &good[good.find("response=").unwrap()..][..75].to_uppercase().replace("RESPONSE", "response"),
        1,
    );
    assert_ne!(capitals, good);
    assert_eq!(door.verify(&capitals), ok(), "some phones print capitals");
}

#[test]
fn user_names_may_hold_quotes() {
    let mut door = Door::new();
    let [sha256, _] = door.challenge();
    let odd = "o\"dd\\user";
    let text = answer([sha256.as_bytes()], credentials(odd, PASSWORD), "INVITE", URI, 1, "c").unwrap();
    let lookup = |user: &str| (user == odd).then(|| Ha1::new(odd, REALM, PASSWORD));
    let now = door.now;
    let verdict = door.challenger.verify([text.as_bytes()], "INVITE", URI.as_bytes(), ASKER, now, lookup);
    assert_eq!(verdict, Verdict::Ok { user: odd.to_owned() });
}

#[test]
fn challenges_that_we_cannot_answer_say_why() {
    let refuse = |challenge: &str| {
        answer([challenge.as_bytes()], credentials(USER, PASSWORD), "INVITE", URI, 1, "c").unwrap_err()
    };
    assert_eq!(refuse("Digest realm=\"x\", nonce=\"y\", qop=\"auth-int\""), Unanswerable::OnlyAuthInt);
    assert_eq!(refuse("Digest realm=\"x\", nonce=\"y\", algorithm=SHA-512-256"), Unanswerable::UnknownAlgorithm);
    assert_eq!(refuse("Basic realm=\"x\""), Unanswerable::NoDigest);
    assert!(matches!(refuse("Digest realm=\"x\""), Unanswerable::Malformed(_)));
    assert!(Unanswerable::OnlyAuthInt.to_string().contains("qop=auth"));
    let both = "Digest realm=\"x\", nonce=\"y\", opaque=\"o\", qop=\"auth-int, auth\"";
    let text = answer([both.as_bytes()], credentials(USER, PASSWORD), "INVITE", URI, 10, "c").unwrap();
    assert!(text.contains("qop=auth, nc=0000000a, cnonce=\"c\", opaque=\"o\""), "{text}");
    assert!(!text.contains("algorithm"), "not named, not echoed: {text}");
}

#[test]
fn a_client_learns_from_stale_that_its_password_was_right() {
    assert!(sip::digest::answer::is_stale(b"Digest realm=\"x\", nonce=\"y\", stale=TRUE"));
    assert!(sip::digest::answer::is_stale(b"Digest realm=\"x\", nonce=\"y\", stale=\"true\""));
    assert!(!sip::digest::answer::is_stale(b"Digest realm=\"x\", nonce=\"y\", stale=false"));
    assert!(!sip::digest::answer::is_stale(b"Digest realm=\"stale=true\", nonce=\"y\""));
}
