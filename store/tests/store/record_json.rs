//! The JSON of call records: complete, lossless, versioned, and small enough for the ledger's memo.
//!
//! Where it is kept is in `calls.rs`.

use crate::world::World;
use domain::call_record::{Attempt, AttemptCost, AttemptOutcome, CallDirection, CallRecord, CarrierNamed, Priced};
use domain::credit::Batch;
use domain::{CallId, CarrierId, CompanyId, Currency, E164, Micros, ProfileId, ReleaseCause, Rounding, Wall};
use proptest::prelude::*;
use store::record_json::{NotARecord, from_json, to_json};

fn any_wall() -> impl Strategy<Value = Wall> {
    any::<i64>().prop_map(Wall::from_unix_micros)
}

fn any_money() -> impl Strategy<Value = Micros> {
    // What a Micros can be read from; the ledger holds no more.
    (-9_000_000_000_000_000_000i64..=9_000_000_000_000_000_000).prop_map(Micros::new)
}

fn any_number() -> impl Strategy<Value = Option<E164>> {
    proptest::option::of((1_000_000u64..1_000_000_000_000_000).prop_map(|digits| digits.to_string().parse().unwrap()))
}

fn any_carrier() -> impl Strategy<Value = Option<CarrierNamed>> {
    any::<Option<(u128, String)>>().prop_map(|named| {
        named.map(|(bits, carrier_name)| CarrierNamed { carrier: CarrierId::from_bits(bits), carrier_name })
    })
}

fn any_cost() -> impl Strategy<Value = Option<AttemptCost>> {
    proptest::option::of((any_money(), any_money(), "[A-Z]{3}").prop_map(|(rate_per_minute, amount, currency)| {
        AttemptCost { rate_per_minute, amount, currency: currency.parse().unwrap() }
    }))
}

fn any_attempt() -> impl Strategy<Value = Attempt> {
    let outcome = proptest::option::of((0..AttemptOutcome::ALL.len()).prop_map(|index| AttemptOutcome::ALL[index]));
    let ended = (outcome, any::<Option<u32>>(), any_cost());
    (any_carrier(), any::<String>(), any_wall(), any::<Option<u32>>(), any::<u16>(), ended).prop_map(
        |(carrier, sip_call_id, invited_at, post_dial_delay_ms, status, (outcome, ended_after_ms, cost))| Attempt {
            sip_call_id,
            post_dial_delay_ms,
            status,
            outcome,
            ended_after_ms,
            cost,
            ..Attempt::begun(carrier, invited_at)
        },
    )
}

fn any_priced() -> impl Strategy<Value = Option<Priced>> {
    let steps = (any::<u32>(), any::<u32>(), any::<bool>(), any::<u32>());
    proptest::option::of((any::<String>(), 1u32..1_000_000, steps)).prop_map(|priced| {
        priced.map(|(deck, prefix, (minimum_s, increment_s, half_up, scale))| Priced {
            deck: deck.into(),
            prefix: prefix.to_string().parse().unwrap(),
            minimum_s,
            increment_s,
            rounding: if half_up { Rounding::HalfUp } else { Rounding::Up },
            scale,
        })
    })
}

prop_compose! {
    fn any_record()(
        ids in any::<(u128, u128, u128)>(),
        inbound in any::<bool>(),
        came_from in any_carrier(),
        texts in any::<(String, String, String, Option<String>, Option<String>, String)>(),
        numbers in (any_number(), any_number()),
        times in (any_wall(), proptest::option::of(any_wall()), proptest::option::of(any_wall()), any_wall()),
        lengths in any::<(u64, u32)>(),
        money in (any_money(), any_money(), any_money()),
        currency in "[A-Z]{3}",
        cause in 0..ReleaseCause::ALL.len(),
        status in any::<u16>(),
        attempts in proptest::collection::vec(any_attempt(), 0..5),
        packets in any::<((u64, u64), (u64, u64))>(),
        priced in any_priced(),
    ) -> CallRecord {
        CallRecord {
            id: CallId::from_bits(ids.0),
            company: CompanyId::from_bits(ids.1),
            profile: ProfileId::from_bits(ids.2),
            direction: if inbound { CallDirection::Inbound } else { CallDirection::Outbound },
            came_from,
            dialled: texts.0,
            callee: numbers.0,
            caller_id: numbers.1,
            destination: texts.1,
            invited_at: times.0,
            rang_at: times.1,
            answered_at: times.2,
            ended_at: times.3,
            talked_ms: lengths.0,
            billed_s: lengths.1,
            rate_per_minute: money.0,
            connection_fee: money.1,
            amount: money.2,
            written_off: if ids.0 % 4 == 0 { money.0 } else { Micros::ZERO },
            currency: currency.parse::<Currency>().unwrap(),
            cause: ReleaseCause::ALL[cause],
            refusal: texts.3,
            sentence: texts.4,
            status,
            sip_call_id: texts.2,
            attempts,
            trace: texts.5,
            partner: (ids.0 % 2 == 0).then(|| CallId::from_bits(ids.1)),
            q850: (ids.0 % 3 == 0).then_some(status as u8),
            packets: packets.0,
            packets_lost: packets.1,
            priced,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]
    #[test]
    fn whatever_a_record_holds_comes_back_as_it_was(record in any_record()) {
        let text = to_json(&record);
        prop_assert!(!text.contains('\n'));
        prop_assert_eq!(from_json(&text).unwrap(), record);
    }
}

#[test]
fn version_one_reads_what_it_has_always_written() {
    let text = r#"{"v":1,"id":"call_0000000000000000000000000000000a","company":"comp_0000000000000000000000000000000b","profile":"prof_0000000000000000000000000000000c","direction":"outbound","dialled":"+12025550123","callee":"+12025550123","caller_id":null,"destination":"United States","invited_us":1795262400000007,"rang_us":1795262401000000,"answered_us":1795262402000000,"ended_us":1795262463000000,"talked_ms":61000,"billed_s":66,"rate_per_minute":"0.008","connection_fee":"0.00","amount":"0.01","currency":"USD","cause":"normal","refusal":null,"sentence":null,"status":200,"sip_call_id":"a@b","attempts":[{"carrier":"carr_0000000000000000000000000000000d","carrier_name":"north","sip_call_id":"c@d","invited_us":1795262400100000,"post_dial_delay_ms":900,"status":200}],"packets":[3050,3049],"packets_lost":[0,1]}"#;
    let record = from_json(text).unwrap();
    assert_eq!((record.amount, record.packets_lost), (Micros::from_cents(1), (0, 1)));
    assert_eq!(record.came_from, None);
    let first = record.attempts[0].carrier.as_ref().map(|named| named.carrier_name.as_str());
    assert_eq!(first, Some("north"));
    assert_eq!(from_json(&to_json(&record)).unwrap(), record);
}

#[test]
fn version_two_reads_what_it_has_always_written() {
    let text = r#"{"v":2,"id":"call_0000000000000000000000000000000a","company":"comp_0000000000000000000000000000000b","profile":"prof_0000000000000000000000000000000c","direction":"inbound","came_from":{"carrier":"carr_0000000000000000000000000000000d","carrier_name":"north"},"dialled":"442079460123","callee":"+442079460123","caller_id":"+12025550123","destination":"","invited_us":1795262400000007,"rang_us":1795262401000000,"answered_us":1795262402000000,"ended_us":1795262463000000,"talked_ms":61000,"billed_s":0,"rate_per_minute":"0.00","connection_fee":"0.00","amount":"0.00","currency":"USD","cause":"normal","refusal":null,"sentence":null,"status":200,"sip_call_id":"a@b","attempts":[{"carrier":null,"carrier_name":null,"sip_call_id":"c@d","invited_us":1795262400100000,"post_dial_delay_ms":900,"status":200}],"packets":[3050,3049],"packets_lost":[0,1]}"#;
    let record = from_json(text).unwrap();
    assert_eq!(record.came_from.as_ref().map(|named| named.carrier_name.as_str()), Some("north"));
    assert_eq!(record.attempts[0].carrier, None);
    assert_eq!((record.partner, record.q850), (None, None));
    assert_eq!(from_json(&to_json(&record)).unwrap(), record);
}

#[test]
fn version_three_reads_what_it_has_always_written() {
    let text = r#"{"v":3,"id":"call_0000000000000000000000000000000a","company":"comp_0000000000000000000000000000000b","profile":"prof_0000000000000000000000000000000c","direction":"outbound","came_from":null,"dialled":"442079460123","callee":"+442079460123","caller_id":"+12025550123","destination":"United Kingdom","invited_us":1795262400000007,"rang_us":1795262401000000,"answered_us":1795262402000000,"ended_us":1795262463000000,"talked_ms":61000,"billed_s":66,"rate_per_minute":"0.02","connection_fee":"0.00","amount":"0.03","currency":"USD","cause":"normal","refusal":null,"sentence":null,"status":200,"sip_call_id":"a@b","attempts":[{"carrier":"carr_0000000000000000000000000000000d","carrier_name":"north","sip_call_id":"c@d","invited_us":1795262400000007,"post_dial_delay_ms":null,"status":503,"outcome":"refused","ended_after_ms":31,"cost":null},{"carrier":"carr_0000000000000000000000000000000e","carrier_name":"south","sip_call_id":"e@f","invited_us":1795262400100000,"post_dial_delay_ms":900,"status":200,"outcome":"answered","ended_after_ms":2000,"cost":{"rate_per_minute":"0.01","amount":"0.011","currency":"USD"}}],"packets":[3050,3049],"packets_lost":[0,1],"partner":"call_0000000000000000000000000000000b","q850":16}"#;
    let record = from_json(text).unwrap();
    assert_eq!((record.attempts[0].outcome, record.attempts[0].cost), (Some(AttemptOutcome::Refused), None));
    assert_eq!(record.attempts[1].cost.map(|cost| cost.amount), Some(Micros::new(11_000)));
    assert_eq!((record.partner, record.q850), (Some(CallId::from_bits(11)), Some(16)));
    assert_eq!(record.trace, "");
    assert_eq!(from_json(&to_json(&record)).unwrap(), record);
    let strange = from_json(&text.replace("\"answered\"", "\"sung\"")).unwrap_err().to_string();
    assert_eq!(strange, "this call record's attempts.outcome cannot be read: \"sung\" is not known here");
}

#[test]
fn version_four_reads_what_it_has_always_written() {
    let text = r#"{"v":4,"id":"call_0000000000000000000000000000000a","company":"comp_0000000000000000000000000000000b","profile":"prof_0000000000000000000000000000000c","direction":"outbound","came_from":null,"dialled":"+442079460123","callee":"+442079460123","caller_id":null,"destination":"United Kingdom","invited_us":1795262400000007,"rang_us":null,"answered_us":null,"ended_us":1795262463000000,"talked_ms":0,"billed_s":0,"rate_per_minute":"0.02","connection_fee":"0.00","amount":"0.00","currency":"USD","cause":"no_credit","refusal":"no_credit","sentence":"No credit","status":402,"sip_call_id":"a@b","attempts":[],"packets":[0,0],"packets_lost":[0,0],"partner":null,"q850":null,"trace":"company|passed|||~credit|failed|no_credit|0.00 USD|0.01 USD"}"#;
    let record = from_json(text).unwrap();
    assert_eq!((domain::trace::read(&record.trace).len(), &record.priced), (2, &None));
    assert_eq!(from_json(&to_json(&record)).unwrap(), record);
}

#[test]
fn version_five_reads_what_it_has_always_written() {
    let text = r#"{"v":5,"id":"call_0000000000000000000000000000000a","company":"comp_0000000000000000000000000000000b","profile":"prof_0000000000000000000000000000000c","direction":"outbound","came_from":null,"dialled":"+442079460123","callee":"+442079460123","caller_id":null,"destination":"United Kingdom","invited_us":1795262400000007,"rang_us":null,"answered_us":1795262402000000,"ended_us":1795262463000000,"talked_ms":61000,"billed_s":66,"rate_per_minute":"0.02","connection_fee":"0.00","amount":"0.03","currency":"USD","cause":"normal","refusal":null,"sentence":null,"status":200,"sip_call_id":"a@b","attempts":[],"packets":[0,0],"packets_lost":[0,0],"partner":null,"q850":null,"trace":"","priced":{"deck":"retail west 12","prefix":"44","minimum_s":30,"increment_s":6,"rounding":"half_up","scale":3}}"#;
    let record = from_json(text).unwrap();
    let priced = record.priced.as_ref().unwrap();
    assert_eq!((&*priced.deck, priced.rounding, priced.scale), ("retail west 12", Rounding::HalfUp, 3));
    assert_eq!(to_json(&record), text);
    let strange = from_json(&text.replace("half_up", "down")).unwrap_err().to_string();
    assert!(strange.starts_with("this call record's priced.rounding cannot be read: \"down\""), "{strange}");
}

#[test]
fn what_is_no_record_is_refused_with_the_field_that_is_wrong() {
    let mut world = World::new();
    let text = to_json(&world.call(ProfileId::from_bits(1), 0));
    let spoilt = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        from_json(&text.replace(from, to)).unwrap_err()
    };
    assert!(matches!(spoilt("\"v\":5", "\"v\":6,\"new\":0"), NotARecord::UnknownVersion(6)));
    assert_eq!(
        spoilt("\"cause\":\"normal\"", "\"cause\":\"bored\"").to_string(),
        "this call record's cause cannot be read: \"bored\" is not known here"
    );
    let amount = spoilt("\"amount\":\"0.01\"", "\"amount\":\"0.0000001\"").to_string();
    assert!(amount.starts_with("this call record's amount cannot be read: \"0.0000001\" is finer than a millionth"));
    assert!(matches!(spoilt("\"status\":200", "\"stats\":200"), NotARecord::NotJson(_)));
    assert!(matches!(from_json("").unwrap_err(), NotARecord::NotJson(_)));
}

proptest! {
    /// The tick stream of a call is its terms and its seconds: what the record says of it does not grow with the call.
    #[test]
    fn what_a_record_says_of_its_charges_is_small_however_long_the_call(
        record in any_record(), priced in any_priced(), billed_s in any::<u32>(), talked_ms in any::<u64>(),
    ) {
        let short = CallRecord { billed_s: 1, talked_ms: 1, priced: None, ..record };
        let without = to_json(&short).len();
        let name = priced.as_ref().map_or(0, |priced| 6 * priced.deck.len());
        let long = CallRecord { billed_s, talked_ms, priced, ..short };
        prop_assert!(to_json(&long).len() <= without + name + 200);
    }
}

#[test]
fn a_record_with_as_many_attempts_as_there_can_be_fits_the_memo() {
    let mut world = World::new();
    let mut record = world.call(ProfileId::from_bits(1), 0);
    record.sentence = Some("x".repeat(200));
    let long = CarrierNamed { carrier: CarrierId::from_bits(1), carrier_name: "n".repeat(100) };
    record.came_from = Some(long.clone());
    record.attempts[0].carrier = Some(long);
    let cost =
        AttemptCost { rate_per_minute: Micros::new(i64::MAX), amount: Micros::new(i64::MAX), currency: Currency::USD };
    record.attempts[0].outcome = Some(AttemptOutcome::SkippedChannels);
    record.attempts[0].ended_after_ms = Some(u32::MAX);
    record.attempts[0].cost = Some(cost);
    // Twenty, and four of last resort.
    record.attempts = vec![record.attempts[0].clone(); 24];
    let bytes = to_json(&record).len();
    assert!(bytes * 4 <= Batch::MEMO_BYTES_MAX * 3, "{bytes}");
    // A deck's name has 100 characters at most, of four bytes each; its version stands behind it.
    record.priced = Some(Priced {
        deck: format!("{} {}", "\u{1f98a}".repeat(100), u32::MAX).into(),
        prefix: "123456789012345".parse().unwrap(),
        minimum_s: u32::MAX,
        increment_s: u32::MAX,
        rounding: Rounding::HalfUp,
        scale: u32::MAX,
    });
    record.trace = "x".repeat(domain::trace::TEXT_BYTES_MAX);
    let bytes = to_json(&record).len();
    assert!(bytes < Batch::MEMO_BYTES_MAX, "{bytes}");
}
