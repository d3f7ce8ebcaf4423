//! One live binding per profile over all nodes of a house: the newest stands, wherever it was made (P2; RFC 3261 10.3; RFC 3327).

use crate::world::profile_id;
use domain::fact::Transport;
use domain::{Entropy, Fact, Machine, Monotonic, Now, Wall};
use std::sync::Arc;
use std::time::Duration;
use switch::Registration;
use switch::registration::{Answer, Asked, Binding, Contact, Effect, Elsewhere, Event, Expiries, FlowTag, Register};

const PHONE: &str = "sip:pbx@192.0.2.7:5060";

/// What one node has told: when that became so, and who it was.
type Told = (Option<Arc<Binding>>, Wall, usize);

/// Two nodes, and the board on which the last word stands; how much of it each has read.
struct House {
    nodes: [Registration; 2],
    board: Vec<Told>,
    read: [usize; 2],
    conflicts: usize,
    now: Now,
}

fn register(cseq: u32, call_id: &str, uri: &str, expires_s: u32) -> Register {
    Register {
        transaction: 1,
        asked: Asked::Contacts(vec![Contact { uri: uri.into(), expires_s: None }]),
        expires_s: Some(expires_s),
        sip_call_id: call_id.into(),
        cseq,
        source: uri.trim_start_matches("sip:pbx@").parse().unwrap(),
        local: "192.0.2.1:5060".parse().unwrap(),
        transport: Transport::Udp,
        flow: FlowTag::default(),
        path: Arc::default(),
        behind_nat: false,
        credentials_generation: 0,
        user_agent: "pbx".into(),
    }
}

/// A binding as the other node has it.
fn elsewhere(binding: &Binding) -> Arc<Binding> {
    let there =
        Elsewhere { node: "there".into(), source: binding.source, transport: binding.transport, is_lost: false };
    let source = "192.0.2.1:5060".parse().unwrap();
    Arc::new(Binding { source, elsewhere: Some(Arc::new(there)), ..binding.clone() })
}

impl House {
    fn new() -> House {
        let node = || Registration::new(profile_id(), Expiries::default());
        let now = Now { monotonic: Monotonic::from_micros(9), wall: Wall::from_unix_seconds(1_800_000_000) };
        House { nodes: [node(), node()], board: Vec::new(), read: [0; 2], conflicts: 0, now }
    }

    fn act(&mut self, node: usize, act: impl FnOnce(&mut Registration, Now, &mut Vec<Effect>)) -> Vec<Answer> {
        let mut effects = Vec::new();
        act(&mut self.nodes[node], self.now, &mut effects);
        let mut answers = Vec::new();
        for effect in effects {
            match effect {
                Effect::Share { binding, at } if self.board.last().is_none_or(|(_, known, _)| *known <= at) => {
                    self.board.push((binding, at, node));
                }
                Effect::Share { .. } => {}
                Effect::Answer { answer, .. } => answers.push(answer),
                Effect::Tell(Fact::RegistrationConflicted { .. }) => self.conflicts += 1,
                Effect::Publish(binding) => assert_eq!(binding.as_ref(), self.nodes[node].binding()),
                Effect::Tell(_) | Effect::Probe(_) => {}
            }
        }
        answers
    }

    fn register(&mut self, node: usize, register: Register) -> Answer {
        self.wait(Duration::from_millis(10));
        let event = Event::RegisterReceived(Box::new(register));
        self.act(node, |registration, now, effects| registration.handle(event, now, effects)).remove(0)
    }

    fn wait(&mut self, time: Duration) {
        self.now = self.now.after(time);
        for node in 0..2 {
            self.act(node, |registration, now, effects| registration.expire(now, effects));
        }
    }

    /// A node reads the next change of the board; of its own words it needs only what it has removed.
    fn hear(&mut self, node: usize) {
        let (binding, at, by) = self.board[self.read[node]].clone();
        self.read[node] += 1;
        if by == node && binding.is_some() {
            return;
        }
        let event = Event::Heard { binding: binding.as_deref().map(elsewhere), at };
        self.act(node, |registration, now, effects| registration.handle(event, now, effects));
    }

    fn hear_all(&mut self) {
        while let Some(node) = (0..2).find(|node| self.read[*node] < self.board.len()) {
            self.hear(node);
        }
    }

    /// At how many nodes the binding is held, and as what contact each knows it.
    fn seen(&self) -> (usize, [Option<&str>; 2]) {
        let holds = |node: &Registration| node.binding().is_some_and(|binding| binding.is_ours());
        let contact = |node: usize| self.nodes[node].binding().map(|binding| &*binding.contact);
        (self.nodes.iter().filter(|node| holds(node)).count(), [contact(0), contact(1)])
    }
}

#[test]
fn a_pbx_that_registers_at_another_node_is_there_and_no_longer_here() {
    let mut house = House::new();
    assert!(matches!(house.register(0, register(1, "a", PHONE, 60)), Answer::Ok(Some(_))));
    house.hear_all();
    assert_eq!(house.seen(), (1, [Some(PHONE); 2]));
    let seen = house.nodes[1].binding().unwrap();
    assert!(!seen.is_ours() && seen.seen_from() == "192.0.2.7:5060".parse().unwrap());
    // The order of RFC 3261 10.3, 7 holds over all nodes.
    assert_eq!(house.register(1, register(1, "a", PHONE, 60)), Answer::OutOfOrder);
    assert!(matches!(house.register(1, register(2, "a", PHONE, 60)), Answer::Ok(Some(_))));
    house.hear_all();
    assert_eq!((house.seen(), house.conflicts), ((1, [Some(PHONE); 2]), 0));
    assert!(house.nodes[1].binding().unwrap().is_ours());
    // Removed at the one, it is removed at both.
    house.register(0, register(3, "a", PHONE, 0));
    house.hear_all();
    assert_eq!(house.seen(), (0, [None; 2]));
}

#[test]
fn a_binding_of_another_node_ends_with_its_time_and_what_was_recalled_too() {
    let mut house = House::new();
    house.register(0, register(1, "a", PHONE, 60));
    house.hear_all();
    let kept = Arc::clone(house.nodes[0].binding().unwrap());
    house.nodes[0] = Registration::new(profile_id(), Expiries::default());
    house.wait(Duration::from_secs(59));
    house.act(0, |registration, now, effects| registration.handle(Event::Recalled(kept), now, effects));
    assert_eq!(house.seen(), (1, [Some(PHONE); 2]));
    house.wait(Duration::from_secs(1));
    assert_eq!(house.seen(), (0, [None; 2]));
}

/// Whatever is said at whichever node, in whatever order it is heard: at the end both know the same, and one holds it.
#[test]
fn nodes_come_to_the_same_whatever_they_hear_first() {
    for seed in 0..500u16 {
        let mut chance = Entropy::from_seed([
            seed.to_le_bytes()[0],
            seed.to_le_bytes()[1],
            3,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
        ]);
        let mut house = House::new();
        for cseq in 1..20 {
            let node = (chance.next_u64() % 2) as usize;
            match chance.next_u64() % 5 {
                0 | 1 if house.read[node] < house.board.len() => house.hear(node),
                2 => drop(house.register(node, register(cseq, "b", "sip:pbx@198.51.100.9:5060", 600))),
                3 => drop(house.register(node, register(cseq, "a", PHONE, 0))),
                _ => drop(house.register(node, register(cseq, "a", PHONE, 600))),
            }
        }
        house.hear_all();
        let (held, [first, second]) = house.seen();
        assert_eq!(first, second, "seed {seed}");
        assert_eq!(held, usize::from(first.is_some()), "seed {seed}");
    }
}
