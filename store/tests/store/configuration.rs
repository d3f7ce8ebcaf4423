//! Companies, carriers, numbers, decks, tokens: the rest of what is configured, its version and its audit.
//!
//! Profiles are in `profiles.rs`.

use crate::world::{BY_OPERATOR, NOON, World, a_company, cpu_of_this_thread, deck_row};
use domain::fact::Transport;
use domain::{CarrierId, CompanyId, Currency, Entropy, NumberId};
use std::collections::BTreeMap;
use store::{
    Address, AuditEntry, Carrier, CarrierPatch, CompanyPatch, Error, Failover, NewDeck, Scope, Signed, Terms,
    TermsPatch,
};

fn a_carrier(name: &str, entropy: &mut Entropy) -> Carrier {
    Carrier {
        id: CarrierId::mint(NOON, entropy),
        name: name.to_owned(),
        addresses: vec!["sip.north.example:5060".parse().unwrap(), "[2001:db8::1]:5062".parse().unwrap()],
        transport: Transport::Tcp,
        priority: 10,
        prefixes: vec!["1".parse().unwrap(), "372".parse().unwrap()],
        progress_timeout_s: Some(6),
        failover: BTreeMap::from([(404, Failover::Next), (503, Failover::Stop)]),
        inbound_sources: vec!["203.0.113.9".parse().unwrap(), "203.0.113.8:5080".parse().unwrap()],
        certificates: vec!["sbc.example.net".parse().unwrap()],
        terms: Terms {
            weight: 70,
            channels: Some(30),
            calls_per_second: Some(5),
            number_format: "national:44:0,99#".parse().unwrap(),
            response_timeout_s: Some(3),
            options_interval_s: Some(0),
            buy_deck: None,
            redirects: store::Redirects::Follow,
            redirect_networks: vec!["203.0.113.0/24".parse().unwrap()],
            outbound_proxy: Some("sip:sbc.example.net:5080;transport=tcp".parse().unwrap()),
        },
        srtp: domain::srtp::SrtpPolicy::Preferred,
        t38: domain::fax::FaxPolicy::Refuse,
        dtmf: domain::dtmf::DtmfPolicy::Info,
        media_networks: vec!["203.0.113.0/24".parse().unwrap(), "2001:db8:5::/48".parse().unwrap()],
        enabled: true,
        created_at: NOON,
    }
}

fn usd(name: &str) -> NewDeck {
    NewDeck { name: name.to_owned(), currency: Currency::USD }
}

#[test]
fn a_company_comes_back_as_it_was_created_and_changes_only_where_told_a1_a4() {
    let world = World::new().restart();
    let company = world.store.company(world.company).unwrap();
    assert_eq!(company, a_company(world.company));
    let patch = CompanyPatch { country: Some("FI".parse().unwrap()), suspended: Some(true), ..CompanyPatch::default() };
    let changed = world.store.update_company(world.company, &patch, BY_OPERATOR).unwrap();
    assert_eq!((changed.country.as_str(), changed.suspended, &changed.name), ("FI", true, &company.name));
    assert_eq!(world.store.companies().unwrap(), [changed]);

    for wrong in ["Tallinn", "europe/tallinn", "Europe/Tall inn", ""] {
        let patch = CompanyPatch { timezone: Some(wrong.to_owned()), ..CompanyPatch::default() };
        let refused = world.store.update_company(world.company, &patch, BY_OPERATOR).unwrap_err().to_string();
        assert!(refused.contains("is not a time zone: expected a name such as Europe/Tallinn or UTC"), "{refused}");
    }
    assert!(matches!(world.store.create_company(&company, BY_OPERATOR), Err(Error::Conflict { what: "id", .. })));
}

#[test]
fn a_carrier_comes_back_as_it_was_created_and_its_name_is_its_own() {
    let mut world = World::new();
    let north = a_carrier("north", &mut world.entropy);
    world.store.create_carrier(&north, BY_OPERATOR).unwrap();
    let mut world = world.restart();
    assert_eq!(world.store.carrier(north.id).unwrap(), north);

    let twin = a_carrier("north", &mut world.entropy);
    let refused = world.store.create_carrier(&twin, BY_OPERATOR).unwrap_err().to_string();
    assert_eq!(refused, format!("certificate name sbc.example.net is taken by {}", north.id));
    let twin = Carrier { certificates: vec![], ..twin };
    let refused = world.store.create_carrier(&twin, BY_OPERATOR).unwrap_err().to_string();
    assert_eq!(refused, format!("carrier name north is taken by {}", north.id));

    let south = Carrier { name: "south".to_owned(), priority: 5, prefixes: vec![], progress_timeout_s: None, ..twin };
    world.store.create_carrier(&south, BY_OPERATOR).unwrap();
    assert_eq!(world.store.carriers().unwrap(), [south.clone(), north.clone()]);
    let terms = TermsPatch { channels: Some(None), weight: Some(1), ..TermsPatch::default() };
    let patch = CarrierPatch { priority: Some(20), enabled: Some(false), terms, ..CarrierPatch::default() };
    let south = world.store.update_carrier(south.id, &patch, BY_OPERATOR).unwrap();
    assert_eq!(south.terms, Terms { channels: None, weight: 1, ..north.terms.clone() });
    assert_eq!(world.store.snapshot(NOON).unwrap().carriers, [north.clone(), south]);
    world.store.delete_carrier(north.id, BY_OPERATOR).unwrap();
    assert!(matches!(world.store.delete_carrier(north.id, BY_OPERATOR), Err(Error::NotFound { what: "carrier", .. })));
}

#[test]
fn what_a_carrier_may_not_have_is_refused_with_what_would_be_right() {
    let mut world = World::new();
    let good = a_carrier("north", &mut world.entropy);
    let host = Address { host: "bad host".to_owned(), port: Some(5060), via: store::carrier::Via::Carrier };
    let with = |terms: Terms| Carrier { terms, ..good.clone() };
    let cases = [
        (Carrier { addresses: vec![], ..good.clone() }, "addresses: 0 is out of range: expected 1 to 16"),
        (
            Carrier { failover: BTreeMap::from([(486, Failover::Next)]), ..good.clone() },
            "failover: 486 is what the called person says: nobody else is rung after it; leave it out",
        ),
        (with(Terms { channels: Some(0), ..Terms::default() }), "channels: 0 is out of range: expected 1 to 1000000"),
        (
            with(Terms { calls_per_second: Some(0), ..Terms::default() }),
            "calls_per_second: 0 is out of range: expected 1 to 10000",
        ),
        (
            with(Terms { options_interval_s: Some(4), ..Terms::default() }),
            "options_interval_s: 4 is out of range: expected 5 to 3600",
        ),
        (
            with(Terms { buy_deck: Some("north".to_owned()), ..Terms::default() }),
            "buy_deck: there is no deck \"north\": import it first",
        ),
        (
            Carrier { progress_timeout_s: Some(0), ..good.clone() },
            "progress_timeout_s: 0 is out of range: expected 1 to 60",
        ),
        (
            Carrier { failover: BTreeMap::from([(200, Failover::Next)]), ..good.clone() },
            "failover: 200 is out of range: expected 300 to 699",
        ),
        (
            Carrier { addresses: vec![host], ..good.clone() },
            "addresses: \"bad host:5060\" is not an address: expected a host, with a port where it is not to be found by DNS, \
             such as sip.example.net:5060, [2001:db8::1]:5060 or example.net; or a URI such as sip:example.net;transport=tls",
        ),
    ];
    for (carrier, sentence) in cases {
        assert_eq!(world.store.create_carrier(&carrier, BY_OPERATOR).unwrap_err().to_string(), sentence);
    }
    for wrong in ["sip.example.net:0", ":5060", "2001:db8::1:5060", "[::1]5060", "a..b:1", "h:+5", "-a:1"] {
        assert!(wrong.parse::<Address>().is_err(), "{wrong}");
    }
}

#[test]
fn a_number_belongs_to_one_company_and_rings_at_a_profile_of_it() {
    let mut world = World::new();
    let (profile, _) = world.profile();
    let number = world.number("+3726001234", Some(profile.id));
    world.store.create_number(&number, BY_OPERATOR).unwrap();
    assert_eq!(world.store.number(number.id).unwrap(), number);

    let twin = world.number("+3726001234", None);
    let refused = world.store.create_number(&twin, BY_OPERATOR).unwrap_err().to_string();
    assert_eq!(refused, format!("number +3726001234 is taken by {} of {}", number.id, world.company));

    let stranger = CompanyId::mint(NOON, &mut world.entropy);
    world.store.create_company(&a_company(stranger), BY_OPERATOR).unwrap();
    let foreign = store::Number { company: stranger, ..world.number("+3726001235", Some(profile.id)) };
    let refused = world.store.create_number(&foreign, BY_OPERATOR).unwrap_err().to_string();
    assert_eq!(
        refused,
        format!("profile: {} belongs to {}: expected a profile of {stranger}", profile.id, world.company)
    );

    assert_eq!(world.store.assign_number(number.id, None, BY_OPERATOR).unwrap().profile, None);
    assert_eq!(world.store.numbers(Some(world.company)).unwrap()[0].profile, None);
    assert_eq!(world.store.numbers(Some(stranger)).unwrap(), []);
    world.store.delete_number(number.id, BY_OPERATOR).unwrap();
    assert!(world.store.number(number.id).is_err() && world.store.number(NumberId::from_bits(1)).is_err());
}

#[test]
fn a_deck_of_a_hundred_thousand_rows_is_imported_with_progress_and_comes_back_digit_by_digit() {
    let world = World::new();
    let rows: Vec<_> = (0..100_000u32).map(|row| deck_row(&(100_000 + row).to_string(), "0.0080")).collect();
    let mut told = Vec::new();
    let began = cpu_of_this_thread();
    let deck =
        world.store.import_deck(&usd("retail"), rows.iter().cloned(), |done| told.push(done), BY_OPERATOR).unwrap();
    let cpu = cpu_of_this_thread() - began;
    println!("100,000 rows: {cpu:?} of CPU");
    assert_eq!((deck.row_count, deck.version), (100_000, 1));
    assert_eq!(world.store.deck_content(deck.id).unwrap(), deck.content);
    assert_eq!((told.len(), told.last()), (20, Some(&100_000)));
    assert!(cpu < std::time::Duration::from_secs(5), "{cpu:?}");
    let kept = world.store.deck_rows(deck.id).unwrap();
    assert_eq!(kept, rows);
    // Equal decimals may print differently; a deck keeps what it wrote.
    assert_eq!((kept[0].rate.to_string().as_str(), kept[0].fee.to_string().as_str()), ("0.0080", "0.0390"));
}

#[test]
fn one_version_of_a_deck_is_in_force_and_companies_find_theirs() {
    let world = World::new();
    let import = |name: &str, rate: &str| {
        world.store.import_deck(&usd(name), [deck_row("1", rate)], |_| {}, BY_OPERATOR).unwrap()
    };
    let (first, second, other) = (import("retail", "0.01"), import("retail", "0.02"), import("friends", "0.005"));
    assert_eq!((first.version, second.version, other.version), (1, 2, 1));
    assert_eq!(world.store.snapshot(NOON).unwrap().decks, []);
    for deck in [&first, &second, &other] {
        world.store.activate_deck(deck.id, None, BY_OPERATOR).unwrap();
    }
    let known = world.store.decks(NOON).unwrap();
    let active: Vec<_> = known.into_iter().filter(|known| known.is_in_force).map(|known| known.deck.id).collect();
    assert_eq!(active, [other.id, second.id]);
    let delete = |deck: &store::Deck| world.store.delete_deck(deck.id, BY_OPERATOR).unwrap_err().to_string();
    let in_use = format!("deck {} is in use: it is in force; activate another version of it first", second.id);
    assert_eq!(delete(&second), in_use);
    let proof = format!("deck {} is in use: it was in force, and proves what calls were charged", first.id);
    assert_eq!(delete(&first), proof);
    let never = import("retail", "0.09");
    world.store.delete_deck(never.id, BY_OPERATOR).unwrap();
    assert!(matches!(world.store.deck_rows(never.id), Err(Error::NotFound { .. })));

    let deck_of_company = |everything: &store::Everything| {
        everything.decks_of(&everything.companies[0]).iter().map(|(_, deck)| deck.id).collect::<Vec<_>>()
    };
    let everything = world.store.snapshot(NOON).unwrap();
    assert_eq!(deck_of_company(&everything), [other.id]);
    let patch = CompanyPatch { deck: Some(Some("retail".to_owned())), ..CompanyPatch::default() };
    world.store.update_company(world.company, &patch, BY_OPERATOR).unwrap();
    let everything = world.store.snapshot(NOON).unwrap();
    assert_eq!(deck_of_company(&everything), [second.id]);
}

#[test]
fn a_version_comes_into_force_at_its_instant_and_another_may_be_withdrawn() {
    let world = World::new();
    let import = |name: &str, rate: &str| {
        world.store.import_deck(&usd(name), [deck_row("1", rate)], |_| {}, BY_OPERATOR).unwrap()
    };
    let [first, second, third, other] = [("retail", "0.01"), ("retail", "0.02"), ("retail", "0.03"), ("a", "0.04")]
        .map(|(name, rate)| import(name, rate));
    let hour = |hours: u64| NOON + std::time::Duration::from_secs(3_600 * hours);
    let activate = |deck: &store::Deck, from| world.store.activate_deck(deck.id, from, BY_OPERATOR);
    activate(&first, None).unwrap();
    let coming = activate(&second, Some(hour(2))).unwrap();
    assert_eq!((coming.is_in_force, coming.turns[0].from), (false, hour(2)));
    activate(&third, Some(hour(3))).unwrap();
    // Ordered anew: what was to come is forgotten.
    activate(&third, Some(hour(4))).unwrap();
    activate(&other, Some(hour(5))).unwrap();
    let passed = activate(&second, Some(NOON - std::time::Duration::from_secs(1))).unwrap_err().to_string();
    assert!(passed.contains("has passed"), "{passed}");

    let schedule = |at| {
        let everything = world.store.snapshot(at).unwrap();
        let decks = everything.decks_of(&everything.companies[0]);
        decks.into_iter().map(|(from, deck)| (from, deck.id)).collect::<Vec<_>>()
    };
    let whole = [(NOON, first.id), (hour(2), second.id), (hour(4), third.id), (hour(5), other.id)];
    assert_eq!(schedule(NOON), whole);
    assert_eq!(schedule(hour(2)), whole[1..], "its first instant is its own");
    assert_eq!(schedule(hour(9)).last(), Some(&(hour(5), other.id)), "of several names the first in order counts");
    let in_force = |at| world.store.deck(second.id, at).unwrap().is_in_force;
    assert_eq!([1, 2, 3, 4].map(|hours| in_force(hour(hours))), [false, true, true, false]);

    world.store.withdraw_deck(third.id, BY_OPERATOR).unwrap();
    assert_eq!(schedule(hour(2)), [whole[1], whole[3]]);
    let nothing = world.store.withdraw_deck(first.id, BY_OPERATOR).unwrap_err().to_string();
    assert!(nothing.contains("still to come into force"), "{nothing}");
    let labelled = world.store.deck_labelled("retail 2").unwrap().map(|deck| deck.id);
    assert_eq!((labelled, world.store.deck_labelled("retail 9").unwrap()), (Some(second.id), None));
}

#[test]
fn a_row_that_somebody_changed_in_the_database_is_no_longer_what_was_imported() {
    let world = World::new();
    let deck = world.store.import_deck(&usd("retail"), [deck_row("1", "0.01")], |_| {}, BY_OPERATOR).unwrap();
    assert_eq!(world.store.deck_content(deck.id).unwrap(), deck.content);
    let raw = rusqlite::Connection::open(world.store.path()).unwrap();
    raw.execute("UPDATE deck_rows SET rate = '0.010'", []).unwrap();
    assert_ne!(world.store.deck_content(deck.id).unwrap(), deck.content, "not even a digit that changes no price");
}

#[test]
fn a_deck_that_contradicts_itself_or_its_name_is_refused_and_nothing_of_it_is_kept() {
    let world = World::new();
    let import = |new: &NewDeck, rows: Vec<store::DeckRow>| {
        world.store.import_deck(new, rows, |_| {}, BY_OPERATOR).unwrap_err().to_string()
    };
    let twice = import(&usd("retail"), vec![deck_row("44", "0.01"), deck_row("1", "0.01"), deck_row("44", "0.02")]);
    assert_eq!(twice, "prefix 44 is taken by an earlier row (destination 44)");
    let negative = import(&usd("retail"), vec![deck_row("44", "-0.01")]);
    assert_eq!(negative, "rows: prefix 44: a price is below zero: expected 0 or more");
    let endless = store::DeckRow { increment_s: 0, ..deck_row("44", "0.01") };
    assert_eq!(import(&usd("retail"), vec![endless]), "rows: prefix 44: increment 0: expected at least 1 second");
    assert_eq!(world.store.decks(NOON).unwrap(), []);

    let kept = world.store.import_deck(&usd("retail"), [deck_row("1", "0.01")], |_| {}, BY_OPERATOR).unwrap();
    let euros = NewDeck { name: "retail".to_owned(), currency: Currency::EUR };
    assert_eq!(import(&euros, vec![]), format!("deck name retail is taken by {} (retail, in USD)", kept.id));

    let euros = NewDeck { name: "euros".to_owned(), ..euros };
    world.store.import_deck(&euros, [deck_row("1", "0.01")], |_| {}, BY_OPERATOR).unwrap();
    let patch = |deck: &str| CompanyPatch { deck: Some(Some(deck.to_owned())), ..CompanyPatch::default() };
    let refused = |deck| world.store.update_company(world.company, &patch(deck), BY_OPERATOR).unwrap_err().to_string();
    assert_eq!(refused("euros"), "deck: euros is in EUR: expected a deck in the company's currency, USD");
    assert_eq!(refused("nothing"), "there is no deck named nothing");
}

#[test]
fn a_token_is_found_by_its_hash_until_it_is_revoked_and_no_secret_is_kept() {
    let world = World::new();
    let operator = world.store.create_token("console", Scope::Operator, [1; 32], BY_OPERATOR).unwrap();
    let company = world.store.create_token("billing", Scope::Company(world.company), [2; 32], BY_OPERATOR).unwrap();
    assert_eq!(world.store.find_token([1; 32]).unwrap(), Some(operator.clone()));
    assert_eq!(world.store.find_token([2; 32]).unwrap().unwrap().scope, Scope::Company(world.company));
    assert_eq!(world.store.find_token([3; 32]).unwrap(), None);

    let second = |second: i64| domain::Wall::from_unix_micros(NOON.as_unix_micros() + second * 1_000_000);
    world.store.note_token_used(&company, second(5)).unwrap();
    let used = world.store.find_token([2; 32]).unwrap().unwrap();
    assert_eq!(used.last_used_at, Some(second(5)));
    world.store.note_token_used(&used, second(64)).unwrap();
    assert_eq!(world.store.find_token([2; 32]).unwrap().unwrap().last_used_at, Some(second(5)));
    world.store.note_token_used(&used, second(65)).unwrap();
    assert_eq!(world.store.find_token([2; 32]).unwrap().unwrap().last_used_at, Some(second(65)));

    world.store.revoke_token(company.id, BY_OPERATOR).unwrap();
    assert_eq!(world.store.find_token([2; 32]).unwrap(), None);
    assert_eq!(world.store.tokens().unwrap().len(), 2);
    let refused = world.store.create_token("again", Scope::Operator, [1; 32], BY_OPERATOR).unwrap_err().to_string();
    assert_eq!(refused, format!("token secret (hidden) is taken by {}", operator.id));
    let nobody = Scope::Company(CompanyId::from_bits(1));
    assert!(matches!(world.store.create_token("x", nobody, [9; 32], BY_OPERATOR), Err(Error::NotFound { .. })));
}

#[test]
fn every_change_raises_the_version_and_stands_in_the_audit_and_a_refused_one_does_neither() {
    let mut world = World::new();
    let mut version = world.store.config_version().unwrap();
    let mut rises = |world: &World| {
        let now = world.store.config_version().unwrap();
        std::mem::replace(&mut version, now) < now
    };
    let (profile, _) = world.profile();
    assert!(rises(&world));
    let number = world.number("+3726001234", None);
    world.store.create_number(&number, BY_OPERATOR).unwrap();
    assert!(rises(&world));
    let carrier = a_carrier("north", &mut world.entropy);
    world.store.create_carrier(&carrier, Signed { by: "billing", at: NOON }).unwrap();
    assert!(rises(&world));

    assert!(world.store.create_number(&number, BY_OPERATOR).is_err());
    world.store.reveal_password(profile.id, BY_OPERATOR).unwrap();
    let entry = AuditEntry { action: "emergency_refused", subject: "call_1", details: "112" };
    world.store.note(entry, BY_OPERATOR).unwrap();
    assert!(!rises(&world));

    let audit = world.store.audit(None, None, 100).unwrap();
    let actions: Vec<&str> = audit.iter().map(|row| row.action.as_str()).collect();
    let expected = [
        "emergency_refused",
        "password_revealed",
        "carrier_created",
        "number_created",
        "profile_created",
        "company_created",
    ];
    assert_eq!(actions, expected);
    assert_eq!((audit[2].by.as_str(), audit[2].at, &audit[2].subject), ("billing", NOON, &carrier.id.to_string()));
    let older = world.store.audit(None, Some(audit[3].id), 1).unwrap();
    assert_eq!(older, [audit[4].clone()]);
    assert_eq!(world.store.audit(Some("call_1"), None, 5).unwrap(), [audit[0].clone()]);
}
