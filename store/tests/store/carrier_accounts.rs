//! Who we are to carriers: kept, sealed, changed, and gone with the carrier.

use crate::world::{BY_OPERATOR, NOON, World};
use domain::CarrierId;
use store::{Carrier, CarrierManners, CarrierPatch, Error, NewCarrierAccount, Password, Terms};

fn carrier(world: &mut World) -> Carrier {
    let carrier = Carrier {
        id: CarrierId::mint(NOON, &mut world.entropy),
        name: "north".to_owned(),
        addresses: vec!["sip:north.example".parse().unwrap()],
        transport: domain::fact::Transport::Udp,
        priority: 1,
        prefixes: Vec::new(),
        progress_timeout_s: None,
        failover: Default::default(),
        inbound_sources: Vec::new(),
        certificates: Vec::new(),
        terms: Terms::default(),
        srtp: Default::default(),
        t38: Default::default(),
        dtmf: Default::default(),
        media_networks: Vec::new(),
        enabled: true,
        created_at: NOON,
    };
    world.store.create_carrier(&carrier, BY_OPERATOR).unwrap();
    carrier
}

fn account(password: Option<&str>, expires_s: u32) -> NewCarrierAccount {
    let password = password.map(|text| Password::told(text.to_owned()));
    let (auth_user, realm) = (Some("line 7".to_owned()), Some("north.example".to_owned()));
    NewCarrierAccount { user: "acme".to_owned(), auth_user, realm, password, register: true, expires_s }
}

#[test]
fn the_password_of_a_carrier_is_sealed_and_comes_back_after_a_restart() {
    let mut world = World::new();
    let north = carrier(&mut world);
    assert_eq!(world.store.carrier_account(north.id).unwrap(), None);
    let refused = world.store.set_carrier_account(north.id, &account(None, 600), BY_OPERATOR).unwrap_err();
    assert!(refused.to_string().starts_with("password: there is none yet"), "{refused}");
    world.store.set_carrier_account(north.id, &account(Some("Circle of Life"), 600), BY_OPERATOR).unwrap();
    let world = world.restart();
    let kept = world.store.set_carrier_account(north.id, &account(None, 900), BY_OPERATOR).unwrap();
    assert_eq!((kept.version, kept.expires_s, kept.register), (2, 900, true));
    assert_eq!((kept.auth_user.as_deref(), kept.realm.as_deref()), (Some("line 7"), Some("north.example")));
    let accounts = world.store.snapshot(NOON).unwrap().carrier_accounts;
    let (account, password) = &accounts[&north.id];
    assert_eq!((account, password.reveal()), (&kept, "Circle of Life"), "kept where none is given");
    let file = std::fs::read(world.directory.path().join(store::FILE_NAME)).unwrap();
    assert!(!file.windows(14).any(|bytes| bytes == b"Circle of Life"), "it lies open in the file");
}

#[test]
fn a_change_of_a_carrier_keeps_what_belongs_to_it_and_its_end_takes_it_along() {
    let mut world = World::new();
    let north = carrier(&mut world);
    world.store.set_carrier_account(north.id, &account(Some("s3cret"), 600), BY_OPERATOR).unwrap();
    let manners = CarrierManners { trusted: true, ..CarrierManners::default() };
    world.store.set_carrier_manners(north.id, &manners, BY_OPERATOR).unwrap();
    let patch = CarrierPatch { priority: Some(7), ..CarrierPatch::default() };
    world.store.update_carrier(north.id, &patch, BY_OPERATOR).unwrap();
    assert_eq!(world.store.carrier_manners(north.id).unwrap(), manners);
    assert!(world.store.carrier_account(north.id).unwrap().is_some());
    world.store.delete_carrier_account(north.id, BY_OPERATOR).unwrap();
    assert_eq!(world.store.carrier_account(north.id).unwrap(), None);
    world.store.set_carrier_account(north.id, &account(Some("s3cret"), 600), BY_OPERATOR).unwrap();
    world.store.delete_carrier(north.id, BY_OPERATOR).unwrap();
    assert!(world.store.snapshot(NOON).unwrap().carrier_accounts.is_empty());
    assert!(matches!(world.store.carrier_account(north.id), Err(Error::NotFound { .. })));
}

#[test]
fn what_is_no_account_is_refused_and_no_password_is_ever_told() {
    let mut world = World::new();
    let north = carrier(&mut world);
    for (new, sentence) in [
        (
            NewCarrierAccount { user: "a b".to_owned(), ..account(Some("x"), 600) },
            "username: \"a b\" cannot be the user",
        ),
        (
            NewCarrierAccount { auth_user: Some(String::new()), ..account(Some("x"), 600) },
            "auth_username: expected 1 to 128 bytes",
        ),
        (
            NewCarrierAccount { realm: Some("a\nb".to_owned()), ..account(Some("x"), 600) },
            "realm: expected 1 to 128 bytes",
        ),
        (account(Some(""), 600), "password: expected 1 to 128 bytes"),
        (account(Some("line\r\nbreak"), 600), "password: expected 1 to 128 bytes"),
        (account(Some("x"), 59), "expires_s: 59 is out of range: expected 60 to 86400"),
    ] {
        let refused = world.store.set_carrier_account(north.id, &new, BY_OPERATOR).unwrap_err().to_string();
        assert!(refused.starts_with(sentence), "{refused}");
    }
    assert!(!format!("{:?}", account(Some("s3cret"), 600)).contains("s3cret"));
}
