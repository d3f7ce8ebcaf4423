//! The nodes that share a store: their names, their journals, their parts.

use crate::world::{NOON, World};
use domain::CompanyId;
use std::path::Path;

const ONE: &str = "0123456789abcdef0123456789abcdef";
const TWO: &str = "f123456789abcdef0123456789abcdef";

#[test]
fn a_name_is_one_journals_and_a_retired_node_never_comes_back() {
    let world = World::new();
    let store = &world.store;
    store.register_node(ONE, "main", Path::new("/data/ledger.db"), NOON).unwrap();
    store.register_node(ONE, "main", Path::new("/moved/ledger.db"), NOON).unwrap();
    let told = store.register_node(TWO, "main", Path::new("/data/b.db"), NOON).unwrap_err().to_string();
    assert!(told.contains("there is a node main with the journal /moved/ledger.db"), "{told}");
    store.register_node(TWO, "b", Path::new("/data/b.db"), NOON).unwrap();
    assert!(store.retire_node(TWO, NOON).unwrap());
    assert!(!store.retire_node(TWO, NOON).unwrap());
    let told = store.register_node(TWO, "b", Path::new("/data/b.db"), NOON).unwrap_err().to_string();
    assert!(told.contains("node b was retired"), "{told}");
    assert_eq!(store.nodes().unwrap().len(), 2, "its journal stays part of the record");
    assert_eq!(store.house().unwrap().len(), 32);
}

#[test]
fn a_company_has_the_nodes_that_have_a_part_in_it() {
    let world = World::new();
    let store = &world.store;
    store.register_node(ONE, "main", Path::new("/data/ledger.db"), NOON).unwrap();
    store.register_node(TWO, "b", Path::new("/data/b.db"), NOON).unwrap();
    let (first, second) = (CompanyId::from_bits(1), CompanyId::from_bits(2));
    store.enrol_node(ONE, &[first, second]).unwrap();
    store.enrol_node(TWO, &[second]).unwrap();
    store.enrol_node(TWO, &[second]).unwrap();
    let names = |company| -> Vec<String> {
        store.nodes_of_company(company).unwrap().into_iter().map(|node| node.name).collect()
    };
    assert_eq!(names(first), ["main"]);
    let mut both = names(second);
    both.sort();
    assert_eq!(both, ["b", "main"]);
    assert_eq!(store.companies_of_node(ONE).unwrap(), [first, second]);
}

#[test]
fn records_of_two_journals_leave_in_the_order_in_which_they_came() {
    let mut world = World::new();
    let (profile, _) = world.profile();
    let texts: Vec<String> =
        (1..=3).map(|second| store::record_json::to_json(&world.call(profile.id, second))).collect();
    let read = |place: usize| store::record_json::Finished::read(&texts[place]).unwrap();
    world.store.insert_finished("ledger.db", &[(900, read(0))]).unwrap();
    world.store.insert_finished("b.db", &[(5, read(1))]).unwrap();
    world.store.insert_finished("ledger.db", &[(901, read(2))]).unwrap();
    let drained = |journal| world.store.drained_to(journal).unwrap();
    assert_eq!((drained("ledger.db"), drained("b.db")), (901, 5));
    let left = world.store.leaving_records(&store::CallFilter::default(), 900, 10).unwrap();
    assert_eq!(left.len(), 2, "who has read up to 900 misses neither");
}
