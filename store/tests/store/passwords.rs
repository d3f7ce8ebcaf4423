//! Passwords: made here, sealed, revealed with an audit row (P3, P5, S11).
//!
//! What digests do with their hashes is `sip`'s.

use crate::world::{BY_OPERATOR, NOON, World, ha1, opening};
use domain::ProfileId;
use std::os::unix::fs::PermissionsExt;
use store::{Error, KEY_NAME, Signed, Store};

#[test]
fn a_password_has_fourteen_letters_and_digits_and_no_two_are_alike_p3() {
    let mut world = World::new();
    let passwords: std::collections::BTreeSet<String> =
        (0..300).map(|_| world.profile().1.reveal().to_owned()).collect();
    assert_eq!(passwords.len(), 300);
    assert!(passwords.iter().all(|text| text.len() == 14 && text.bytes().all(|byte| byte.is_ascii_alphanumeric())));
    // 4,200 draws of 62 characters: each is expected 68 times, and one that never came would be a biased draw.
    let drawn: std::collections::BTreeMap<char, u32> =
        passwords.iter().flat_map(|text| text.chars()).fold(Default::default(), |mut counts, character| {
            *counts.entry(character).or_default() += 1;
            counts
        });
    assert_eq!(drawn.len(), 62);
    assert!(drawn.values().all(|count| (25..130).contains(count)), "{drawn:?}");
}

#[test]
fn a_password_can_be_read_at_any_time_and_each_reading_is_audited_p5() {
    let mut world = World::new();
    let (profile, password) = world.profile();
    let world = world.restart();
    let signed = Signed { by: "front desk", at: NOON };
    assert_eq!(world.store.reveal_password(profile.id, signed).unwrap().reveal(), password.reveal());
    world.store.reveal_password(profile.id, signed).unwrap();

    let audit = world.store.audit(Some(&profile.id.to_string()), None, 10).unwrap();
    let actions: Vec<_> = audit.iter().map(|row| (row.action.as_str(), row.by.as_str())).collect();
    let revealed = ("password_revealed", "front desk");
    assert_eq!(actions, [revealed, revealed, ("profile_created", "operator")]);
    assert!(world.store.reveal_password(ProfileId::from_bits(1), signed).is_err());
}

#[test]
fn a_new_password_replaces_the_old_one_and_its_hashes_s11() {
    let mut world = World::new();
    let (profile, old) = world.profile();
    let new = world.store.renew_password(profile.id, &ha1, BY_OPERATOR).unwrap();
    assert_ne!(new.reveal(), old.reveal());
    assert_eq!(world.store.reveal_password(profile.id, BY_OPERATOR).unwrap().reveal(), new.reveal());
    assert!(world.store.snapshot(NOON).unwrap().profiles[0].1 == ha1(&profile.sip_user, &new));
    assert!(world.store.renew_password(ProfileId::from_bits(1), &ha1, BY_OPERATOR).is_err());
}

#[test]
fn no_password_stands_in_the_database_files_and_none_is_printed() {
    let mut world = World::new();
    let (_, password) = world.profile();
    assert_eq!(format!("{password:?}"), "Password");
    for file in std::fs::read_dir(world.directory.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(14).any(|window| window == password.reveal().as_bytes()));
    }
}

#[test]
fn another_realm_gives_every_profile_new_hashes_of_the_same_password() {
    let mut world = World::new();
    let (profile, password) = world.profile();
    assert_eq!(world.store.ensure_realm("pbx.example", &ha1, BY_OPERATOR).unwrap(), 1);
    assert_eq!(world.store.ensure_realm("pbx.example", &ha1, BY_OPERATOR).unwrap(), 0);
    let version = world.store.config_version().unwrap();

    let other = |user: &str, password: &store::Password| ha1(&format!("other:{user}"), password);
    assert_eq!(world.store.ensure_realm("other.example", &other, BY_OPERATOR).unwrap(), 1);
    assert!(world.store.snapshot(NOON).unwrap().profiles[0].1 == other(&profile.sip_user, &password));
    assert!(world.store.config_version().unwrap() > version);
}

#[test]
fn the_key_file_is_readable_by_its_owner_only_and_a_wider_mode_is_refused() {
    let world = World::new();
    let key = world.directory.path().join(KEY_NAME);
    assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o640)).unwrap();
    let refused = Store::open(opening(world.directory.path(), 4)).unwrap_err().to_string();
    assert!(refused.ends_with("sealing.key: mode 0640 lets others read it: chmod 600 it"), "{refused}");
}

#[test]
fn a_key_that_is_missing_short_or_another_databases_is_refused_and_never_replaced() {
    let world = World::new();
    let key = world.directory.path().join(KEY_NAME);
    let kept = std::fs::read(&key).unwrap();
    let refused = || {
        let error = Store::open(opening(world.directory.path(), 4)).unwrap_err();
        assert!(matches!(error, Error::SealingKey { .. }));
        error.to_string()
    };

    std::fs::remove_file(&key).unwrap();
    assert!(refused().contains("the file is missing, and the passwords of this database are sealed with it"));
    assert!(!key.exists());
    let write = |bytes: &[u8]| {
        std::fs::write(&key, bytes).unwrap();
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    };
    write(b"short");
    assert!(refused().contains("expected 32 bytes, found 5"));
    write(&[7; 32]);
    assert!(refused().contains("it does not fit this database"));
    write(&kept);
    assert!(Store::open(opening(world.directory.path(), 4)).is_ok());
}
