//! Idempotent answers of the API.
//!
//! That money moves once is the ledger's to prove.

use crate::world::{BY_OPERATOR, NOON, World};
use store::{Error, KeptAnswer, Scope};

fn answer(body: &str) -> KeptAnswer {
    KeptAnswer { status: 201, body: body.to_owned() }
}

#[test]
fn the_same_request_with_the_same_key_gets_the_first_answer_also_after_a_restart() {
    let world = World::new();
    let token = world.store.create_token("billing", Scope::Operator, [1; 32], BY_OPERATOR).unwrap().id;
    assert_eq!(world.store.kept_answer(token, "top-up 7", [5; 32]).unwrap(), None);
    let first = world.store.keep_answer(token, "top-up 7", [5; 32], &answer("first"), NOON).unwrap();
    let raced = world.store.keep_answer(token, "top-up 7", [5; 32], &answer("second"), NOON).unwrap();
    assert_eq!((first, raced), (answer("first"), answer("first")));
    let world = world.restart();
    assert_eq!(world.store.kept_answer(token, "top-up 7", [5; 32]).unwrap(), Some(answer("first")));
}

#[test]
fn a_key_belongs_to_one_request_of_one_token() {
    let world = World::new();
    let token = world.store.create_token("billing", Scope::Operator, [1; 32], BY_OPERATOR).unwrap().id;
    let other = world.store.create_token("other", Scope::Operator, [2; 32], BY_OPERATOR).unwrap().id;
    world.store.keep_answer(token, "k", [5; 32], &answer("first"), NOON).unwrap();
    let reused = world.store.kept_answer(token, "k", [6; 32]).unwrap_err();
    assert_eq!(reused.to_string(), "Idempotency-Key k was used for another request: use a new key for a new request");
    let raced = world.store.keep_answer(token, "k", [6; 32], &answer("x"), NOON);
    assert!(matches!(raced, Err(Error::KeyReused { .. })));
    assert_eq!(world.store.kept_answer(other, "k", [6; 32]).unwrap(), None);
    for wrong in ["", "a\nb", &"x".repeat(256)] {
        assert!(matches!(world.store.kept_answer(token, wrong, [6; 32]), Err(Error::Invalid { .. })), "{wrong:?}");
    }
}

#[test]
fn old_answers_are_forgotten_and_young_ones_kept() {
    let world = World::new();
    let token = world.store.create_token("billing", Scope::Operator, [1; 32], BY_OPERATOR).unwrap().id;
    let day = std::time::Duration::from_secs(86_400);
    world.store.keep_answer(token, "old", [5; 32], &answer("a"), NOON).unwrap();
    world.store.keep_answer(token, "young", [5; 32], &answer("b"), NOON + day).unwrap();
    assert_eq!(world.store.forget_answers(NOON + day).unwrap(), 1);
    assert_eq!(world.store.kept_answer(token, "old", [5; 32]).unwrap(), None);
    assert!(world.store.kept_answer(token, "young", [5; 32]).unwrap().is_some());
}
