//! A rehearsed call meets the fate of a real one, and leaves no mark: random worlds, the same question asked both ways.

use crate::world::*;
use domain::call_control::{Invitation, LegEvent, LegId, LegOrder, Proof, Whereto};
use domain::credit::Holder;
use domain::refusal::RefusalKind;
use domain::srtp::{CryptoLine, MasterKey, SrtpPolicy, Suite};
use domain::{CallId, Currency, Entropy, Micros, Now, ProfileId, Refusal, Trace};
use rating::Deck;
use std::sync::Arc;
use switch::call::{self, Opening};
use switch::directory::{AutoRecharge, CallerIdPolicy, Carrier, Company, Number, Profile, Spoofed};
use switch::overload::{Gate, Limits};
use switch::rehearsal::{Hypothesis, Rehearsal, Verdict, Want, Whom};

const OTHER: &str = "99050000040028";
const OTHERS_NUMBER: &str = "+12025550177";
const NOBODYS_NUMBER: &str = "+12025550178";
const OWN: &str = "192.0.2.10:5060";

fn other_id() -> ProfileId {
    ProfileId::from_bits(3)
}

/// One of these.
fn one<T: Clone>(chance: &mut Entropy, of: &[T]) -> T {
    of[chance.below(of.len() as u64) as usize].clone()
}

fn often(chance: &mut Entropy, percent: u64) -> bool {
    chance.below(100) < percent
}

/// A world of chance: who is active, who has credit, which carriers are there, what is busy.
fn any_world(chance: &mut Entropy) -> World {
    let buying = |price: &str| {
        let csv = format!("prefix,destination,rate_per_minute\n44,United Kingdom,{price}\n");
        Some(rating::Schedule::from(Deck::parse_csv(csv.as_bytes(), Currency::USD, "buy").unwrap()))
    };
    let mut carriers = Vec::new();
    for id in 1..=1 + chance.below(4) {
        let base = carrier(u128::from(id));
        carriers.push(Carrier {
            enabled: often(chance, 80),
            weight: chance.below(3) as u16 * 10,
            priority: chance.below(2) as u32,
            channels: one(chance, &[None, None, None, None, Some(0), Some(1)]),
            calls_per_second: one(chance, &[None, None, None, None, Some(1)]),
            prefixes: one(chance, &[vec![], vec![], vec![], vec!["44".parse().unwrap()]]),
            buy_deck: one(chance, &[None, None, None, buying("0.01"), buying("9.00")]).unwrap_or_default(),
            ..base
        });
    }
    let auto = AutoRecharge { amount: Micros::from_cents(50), threshold: Micros::from_cents(chance.below(3) as i64) };
    let manners = |chance: &mut Entropy| {
        let mut manners = switch::directory::Manners::default();
        manners.caller_ids.spoofed = one(chance, &[Spoofed::Replace, Spoofed::Refuse]);
        manners
    };
    let caller = Profile {
        active: often(chance, 90),
        channels: one(chance, &[0, 1, 2, 10, 10, 10]),
        require_plus: often(chance, 20),
        auto_recharge: often(chance, 40).then_some(auto),
        caller_id: one(chance, &[CallerIdPolicy::None, CallerIdPolicy::Number(CALLER_ID.parse().unwrap())]),
        manners: manners(chance),
        sources: one(chance, &[vec![], vec!["192.0.2.7:5060".parse().unwrap()]]),
        srtp: match chance.below(8) {
            0 => SrtpPolicy::Preferred,
            1 => SrtpPolicy::Required,
            _ => SrtpPolicy::Off,
        },
        ..profile(profile_id(), SIP_USER)
    };
    let called = Profile {
        active: often(chance, 80),
        channels: chance.below(2) as u32,
        sources: one(chance, &[vec![], vec!["192.0.2.8:5060".parse().unwrap()]]),
        ..profile(other_id(), OTHER)
    };
    let number = |number: &str, profile| Number {
        number: number.parse().unwrap(),
        company: company_id(),
        profile,
        caller_id_allowed: true,
    };
    let town = town_of(carriers)
        .company(Company { suspended: often(chance, 5), ..company() })
        .profile(caller)
        .profile(called)
        .number(number(OTHERS_NUMBER, Some(other_id())))
        .number(number(NOBODYS_NUMBER, None));
    let cents = one(chance, &[0, 1, 2, 3, 100, 1_000, 1_000, 1_000]);
    let mut world = World::of(town, cents, one(chance, &[0, 10, 1_000]));
    let others_money = money_of(Holder::Profile(other_id()));
    world.ledger.fund(money_of(Holder::World), others_money, 1_000_000);
    // Some calls are up already, on both profiles and on the carriers; some carriers have failed.
    for _ in 0..chance.below(4) {
        let dialled = one(chance, &[CALLEE, DEAR, "*43"]);
        let call = world.dial(dialled);
        if often(chance, 50) {
            world.leg(call, FIRST, refused(503));
        } else if often(chance, 30) {
            world.seconds(7);
        } else if often(chance, 50) {
            world.leg(call, FIRST, ringing());
            world.leg(call, FIRST, answered());
        }
    }
    // Some actors have more to do than they can take, and some nodes no ports.
    if often(chance, 4) {
        world.busy_profiles.insert(one(chance, &[profile_id(), other_id()]));
    }
    for id in 1..=4 {
        if often(chance, 8) {
            world.busy_carriers.insert(domain::CarrierId::from_bits(id));
        }
    }
    world.no_sound = often(chance, 6).then(|| Refusal::new(RefusalKind::MediaPortsExhausted).retry_after_s(5));
    world
}

/// The node's door: how many calls are in, and how many came in this second.
fn any_gate(chance: &mut Entropy, now: Now) -> Gate {
    let limits = Limits { calls_per_second: one(chance, &[0, 0, 0, 2]), calls_max: one(chance, &[0, 0, 0, 2]) };
    let mut gate = Gate::new(limits);
    for _ in 0..chance.below(3) {
        // Who does not come in is refused.
        let _ = gate.enter(now.monotonic);
    }
    gate
}

fn any_invitation(chance: &mut Entropy) -> Invitation {
    let dialled = one(
        chance,
        &[
            CALLEE,
            CALLEE,
            CALLEE,
            DEAR,
            "*43",
            "911",
            "2025550123",
            "00442079460123",
            "alice",
            "+3515550123",
            "442079460123",
            CALLER_ID,
            OTHERS_NUMBER,
            OTHERS_NUMBER,
            NOBODYS_NUMBER,
        ],
    );
    let mut offer = sound();
    match chance.below(8) {
        0 => {
            let mut key = Entropy::from_seed([1; 16]);
            let key = MasterKey::mint(Suite::AesCm128HmacSha1_80, &mut key);
            offer.streams[0].crypto = vec![CryptoLine { tag: 1, key }];
            offer.streams[0].transport = "RTP/SAVP".to_owned();
        }
        1 if often(chance, 30) => offer.streams.clear(),
        _ => {}
    }
    let carrier = domain::CarrierId::from_bits(1);
    let proof = match chance.below(12) {
        0 => Proof::Carrier(carrier),
        1 => Proof::Source(vec![profile_id(), other_id()]),
        2 if often(chance, 20) => Proof::Credentials(ProfileId::from_bits(77)),
        3..=5 => Proof::Credentials(other_id()),
        _ => Proof::Credentials(profile_id()),
    };
    let sip_user = if proof == Proof::Credentials(other_id()) { OTHER } else { SIP_USER };
    Invitation {
        proof,
        from_user: if often(chance, 90) { sip_user } else { "101" }.to_owned(),
        preferred_identity: one(chance, &[None, None, Some(CALLER_ID), Some("+442079460999")]).map(str::to_owned),
        anonymous: often(chance, 10),
        offer: often(chance, 95).then_some(offer),
        is_signalling_secret: often(chance, 50),
        ..invitation(dialled)
    }
}

/// Everything of a world that a rehearsal must leave as it is.
fn marks(world: &World) -> String {
    let calls = world.profiles.values().map(|profile| (profile.calls(), profile.channels_in_use())).collect::<Vec<_>>();
    let standings = world.carriers.values().map(switch::Carrier::standing).collect::<Vec<_>>();
    let books = (world.credit(), world.company_credit(), world.ledger.holds().len(), world.ledger.applied.len());
    format!("{calls:?} {standings:?} {books:?} {} {} {}", world.facts.len(), world.orders.len(), world.calls.len())
}

fn rehearse(world: &World, opening: Opening) -> Rehearsal {
    let mut ledger = world.ledger.clone();
    let mut rehearsal = Rehearsal::open(opening, OWN.parse().unwrap(), Entropy::from_seed([3; 16]), world.now);
    while let Some(want) = rehearsal.wants() {
        match want {
            Want::Profile(id) if world.busy_profiles.contains(&id) => rehearsal.too_busy(),
            Want::Carrier(id) if world.busy_carriers.contains(&id) => rehearsal.too_busy(),
            Want::Profile(id) => {
                let fresh = || switch::Profile::new(id, Arc::clone(&world.directory));
                rehearsal.lend_profile(world.profiles.get(&id).cloned().unwrap_or_else(fresh));
            }
            Want::Carrier(id) => {
                let fresh = || switch::Carrier::new(id, Arc::clone(&world.directory), world.now);
                rehearsal.lend_carrier(world.carriers.get(&id).cloned().unwrap_or_else(fresh));
            }
            Want::Post(posting) => rehearsal.ledger_says(ledger.post(*posting)),
            Want::Sound(_) => rehearsal.sound_opens(world.no_sound.clone().map_or(Ok(()), Err)),
            Want::Reach(_) => rehearsal.reaches(Ok(())),
        }
    }
    rehearsal
}

/// What a real call was told, or where it was placed.
fn fate(world: &mut World, call: CallId) -> Option<Verdict> {
    if let Some(refusal) = world.strangers.pop() {
        let (status, kind) = (refusal.kind.status(), refusal.kind);
        return Some(Verdict::Refused { status, kind, sentence: refusal.sentence });
    }
    if world.echoes.contains(&call) {
        return Some(Verdict::Echoed);
    }
    world.ordered(call).into_iter().find_map(|(leg, order)| match order {
        LegOrder::Refuse(refusal) if leg == LegId::CALLER => {
            let (status, kind) = (refusal.kind.status(), refusal.kind);
            Some(Verdict::Refused { status, kind, sentence: refusal.sentence })
        }
        LegOrder::RefuseAs { status, kind, sentence, .. } if leg == LegId::CALLER => {
            let sentence = sentence.unwrap_or(kind.sentence().into());
            Some(Verdict::Refused { status, kind, sentence })
        }
        LegOrder::Invite(order) if order.whereto == Whereto::Inside => Some(fate_inside(world, call, leg, *order)),
        LegOrder::Invite(order) => match world.no_sound.clone() {
            // The house opens ports before it invites.
            Some(refusal) => {
                world.tell_call(call, call::Event::SoundRefused(refusal));
                fate(world, call)
            }
            None => Some(Verdict::Placed(order)),
        },
        _ => None,
    })
}

/// What the house does where a number of ours is called: a second call, whose refusal the first hears.
fn fate_inside(
    world: &mut World,
    first: CallId,
    leg: LegId,
    order: domain::call_control::OutgoingInvitation,
) -> Verdict {
    let id = CallId::from_bits(first.bits() + 1);
    let opening = call::opening_inside(&world.calls[&first], &order, id, OWN.parse().unwrap(), None);
    world.open(opening);
    match fate(world, id).expect("the second call meets its fate") {
        Verdict::Refused { status, kind, sentence } => {
            let (cause, sentence) = (kind.cause(), Some(sentence));
            world.tell_call(first, call::Event::Leg(leg, LegEvent::RefusedInside { status, cause, kind, sentence }));
            fate(world, first).expect("the first call hears of it")
        }
        placed => placed,
    }
}

#[test]
fn what_a_rehearsal_says_is_what_becomes_of_the_call_and_it_leaves_no_mark() {
    let (mut kinds, mut placed, mut inside) = (std::collections::BTreeSet::new(), 0, 0);
    for seed in 0..4_000u64 {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let mut chance = Entropy::from_seed(bytes);
        let mut world = any_world(&mut chance);
        let invitation = any_invitation(&mut chance);
        let mut gate = any_gate(&mut chance, world.now);
        let id = CallId::from_bits(u128::from(seed) << 64 | 1 << 40);
        let opening = Opening {
            id,
            invitation: invitation.clone(),
            directory: Arc::clone(&world.directory),
            binding: None,
            partner: None,
            gate: gate.clone().enter(world.now.monotonic).err(),
            breaker: None,
        };
        let before = marks(&world);
        let rehearsal = rehearse(&world, opening.clone());
        assert_eq!(marks(&world), before, "seed {seed}: a rehearsal has left a mark");
        let said = rehearsal.verdict().expect("a rehearsal ends with a verdict").clone();
        // The door shuts before there is a call, unless somebody is in need (`actors::shard::dispatcher`).
        let is_shut = |_: &Refusal| !call::is_emergency(&world.directory, &invitation.proof, &invitation.dialled);
        let real = match gate.enter(world.now.monotonic).err().filter(is_shut) {
            Some(refusal) => {
                let (status, kind) = (refusal.kind.status(), refusal.kind);
                Verdict::Refused { status, kind, sentence: refusal.sentence }
            }
            None => {
                world.open(opening);
                fate(&mut world, id).unwrap_or_else(|| panic!("seed {seed}: the call met no fate"))
            }
        };
        assert_eq!(said, real, "seed {seed}: {invitation:?}");
        if let Some(call) = world.calls.get(&id) {
            assert_eq!(rehearsal.trace(), call.trace(), "seed {seed}");
        }
        match real {
            Verdict::Refused { kind, .. } => {
                kinds.insert(kind);
                assert!(ends_with(rehearsal.trace(), kind), "seed {seed}: {kind:?} {:?}", rehearsal.trace());
            }
            Verdict::Placed(_) => placed += 1,
            Verdict::Echoed => {}
        }
        inside += u32::from(rehearsal.second().is_some());
    }
    for kind in [
        RefusalKind::NoCredit,
        RefusalKind::BelowFirstBlock,
        RefusalKind::FromMismatch,
        RefusalKind::CliNotAllowed,
        RefusalKind::OrgSuspended,
        RefusalKind::NotE164,
        RefusalKind::NotANumber,
        RefusalKind::NoRoute,
        RefusalKind::NumberUnassigned,
        RefusalKind::PbxNotRegistered,
        RefusalKind::LoopDetected,
        RefusalKind::NumberIncomplete,
        RefusalKind::CalleeChannelsFull,
        RefusalKind::NoCommonCodec,
        RefusalKind::SrtpRequired,
        RefusalKind::SrtpOff,
        RefusalKind::ChannelsFull,
        RefusalKind::ProfileInactive,
        RefusalKind::EmergencyNotCarried,
        RefusalKind::Overloaded,
        RefusalKind::NodeFull,
        RefusalKind::CpsExceeded,
        RefusalKind::MediaPortsExhausted,
        RefusalKind::CarriersFailed,
        RefusalKind::CarriersFull,
        RefusalKind::RouteAtLoss,
        RefusalKind::BadCredentials,
    ] {
        assert!(kinds.contains(&kind), "no world had {kind:?}; there were {kinds:?}");
    }
    assert!(placed > 200 && inside > 100, "placed {placed}, inside {inside}");
}

/// The step that decided is in the trace, with the id that the caller is told.
fn ends_with(trace: &Trace, kind: RefusalKind) -> bool {
    trace.steps().iter().rev().any(|step| step.refusal == Some(kind))
}

#[test]
fn who_calls_is_found_as_the_front_door_finds_it() {
    let fixed = Profile { sources: vec!["192.0.2.8:5060".parse().unwrap()], ..profile(other_id(), OTHER) };
    let world = World::of(town().profile(profile(profile_id(), SIP_USER)).profile(fixed), 100, 0);
    let asked = |whom| {
        let hypothesis = Hypothesis {
            whom,
            dialled: CALLEE.to_owned(),
            from_user: None,
            caller_id: None,
            offer: Some(sound()),
            is_signalling_secret: false,
        };
        match hypothesis.invitation(&world.directory) {
            Ok(invitation) => Ok((invitation.proof, invitation.from_user)),
            Err(stranger) => Err((stranger.0, stranger.1.refusal.kind)),
        }
    };
    let source = |address: &str, user: Option<&str>| Whom::Source(address.parse().unwrap(), user.map(str::to_owned));
    assert_eq!(asked(source("192.0.2.8:5060", None)), Ok((Proof::Source(vec![other_id()]), OTHER.to_owned())));
    assert_eq!(
        asked(source("198.51.100.1:5060", Some(SIP_USER))),
        Ok((Proof::Credentials(profile_id()), SIP_USER.to_owned()))
    );
    assert_eq!(asked(source("198.51.100.1:5060", Some("101"))), Err((403, RefusalKind::BadCredentials)));
    assert_eq!(asked(source("198.51.100.1:5060", None)), Err((407, RefusalKind::IpNotAllowed)));
    assert!(matches!(asked(source("203.0.113.1:5060", None)), Ok((Proof::Carrier(_), _))));
}
