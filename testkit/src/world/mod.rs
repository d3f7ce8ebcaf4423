//! The simulated world: one node, one PBX, two carriers, a network between them, and one clock for all.
//!
//! What happens in it is told by the stories beside this folder.

pub mod agent;
mod beginning;
mod mood;
mod network;
mod node;
mod queue;
mod sabotage;
mod terms;
pub mod text;
mod witness;

pub use crate::company::{REALM, Recharge};
pub use agent::{Agent, Complaint, FaxManner, Refresh};
pub use beginning::{Beginning, Customer, NUMBER_OF_SECOND, NUMBERS};
pub use network::{Datagram, Weather};
pub use sabotage::WireBug;
pub use terms::{Terms, TermsBug};
pub use witness::{Seen, Witness};

use crate::company::{self, channels, money};
use crate::reckoning;
use actors::desk::Desk;
use beginning::{customers, desk, top_up};
use domain::call_record::CallRecord;
use domain::credit::{Holder, Unit};
use domain::{CompanyId, Entropy, Micros, Monotonic, Now, ProfileId, Wall};
use ledger::memory::MemoryLedger;
use ledger::{Ledger, LineKind, Lines, StatementQuery};
pub use mood::Mood;
use network::Network;
pub use node::{CallSeen, Node};
use queue::{Happening, Queue};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

/// The SIP user of the first profile.
pub const USER: &str = "99050000040027";
const PASSWORD: &str = "correct horse battery staple";

const fn address(a: u8, b: u8, c: u8, d: u8) -> SocketAddr {
    SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::new(a, b, c, d), 5060))
}

/// The switch (addresses of RFC 5737).
pub const SWITCH: SocketAddr = address(192, 0, 2, 1);
const CARRIER_NAMES: [&str; 2] = ["first", "second"];
const CARRIERS: [SocketAddr; 2] = [address(203, 0, 113, 1), address(203, 0, 113, 2)];

/// Whether a carrier is at this address.
pub fn is_carrier(address: SocketAddr) -> bool {
    CARRIERS.contains(&address)
}

/// Where the carrier of this name is.
pub fn carrier_ip(name: &str) -> Option<std::net::IpAddr> {
    CARRIER_NAMES.iter().position(|known| *known == name).map(|index| CARRIERS[index].ip())
}

/// Who is where in [`World::agents`].
pub const OF_PBX: usize = 0;
/// When every world begins: 2026-11-21, 18:00 UTC.
pub const BEGINS_AT: Wall = Wall::from_unix_seconds(1_795_284_000);
/// The carrier that is tried first.
pub const FIRST: usize = 1;
/// The carrier that is tried next.
pub const SECOND: usize = 2;

/// The world.
pub struct World {
    /// The instant.
    pub now: Now,
    /// The switch.
    pub node: Node,
    /// Whether the switch is dead: what is sent to it is lost.
    pub is_down: bool,
    /// Between all of them.
    pub network: Network,
    /// The first PBX, the carriers, and the other PBXs.
    pub agents: Vec<Agent>,
    /// Every profile.
    pub customers: Vec<Customer>,
    /// The first company.
    pub company: CompanyId,
    /// Its first profile.
    pub profile: ProfileId,
    /// What the switch looks up.
    pub desk: Arc<Desk>,
    /// The chance of the world itself.
    pub entropy: Entropy,
    /// How late the node is woken by its timers: a machine under load.
    pub lateness: Duration,
    /// The most that `lateness` has been or will be.
    pub lateness_max: Duration,
    /// Who looks on.
    pub witness: Witness,
    /// What is wrong with what the switch says.
    pub bug: Option<WireBug>,
    queue: Queue,
    /// When the next timer of the node is queued.
    node_timer: Option<Monotonic>,
    /// The same of each end.
    agent_timers: Vec<Option<Monotonic>>,
    beginning: Beginning,
}

impl World {
    /// What it began with.
    pub fn beginning(&self) -> &Beginning {
        &self.beginning
    }

    /// With a ledger in memory.
    pub fn new(beginning: Beginning) -> World {
        World::with_ledger(beginning, Arc::new(MemoryLedger::new()))
    }

    /// With this ledger.
    pub fn with_ledger(beginning: Beginning, ledger: Arc<dyn Ledger>) -> World {
        World::watched(beginning, ledger, Witness::default())
    }

    /// With this ledger, while somebody looks on.
    pub fn watched(beginning: Beginning, ledger: Arc<dyn Ledger>, witness: Witness) -> World {
        let mut entropy = Entropy::from_seed(u128::from(beginning.seed).to_le_bytes());
        let now = Now { monotonic: Monotonic::from_micros(0), wall: beginning.at };
        let customers = customers(&beginning, now.wall, &mut entropy);
        let desk = Arc::new(desk(&beginning, &customers, now.wall, &mut entropy));
        top_up(&*ledger, &beginning, &customers, now.wall);
        let mut node = Node::new(Arc::clone(&desk), ledger, beginning.session, &mut entropy, now);
        node.witness = witness.clone();
        let mut ends: Vec<(SocketAddr, Option<&Customer>)> = CARRIERS.iter().map(|carrier| (*carrier, None)).collect();
        for (customer, host) in customers.iter().zip(10..) {
            ends.insert(customer.agent, (address(198, 51, 100, host), Some(customer)));
        }
        let mut agents = Vec::new();
        for (address, customer) in ends {
            let account = customer.map(|customer| (customer.user.as_str(), PASSWORD));
            agents.push(Agent::new(address, account, entropy.fork()));
        }
        World {
            now,
            node,
            is_down: false,
            network: Network::new(beginning.weather, entropy.fork()),
            agent_timers: vec![None; agents.len()],
            agents,
            company: customers[0].company,
            profile: customers[0].profile,
            customers,
            desk,
            entropy,
            lateness: Duration::ZERO,
            lateness_max: Duration::ZERO,
            witness,
            bug: None,
            queue: Queue::default(),
            node_timer: None,
            beginning,
        }
    }

    /// The PBX.
    pub fn pbx(&mut self) -> &mut Agent {
        &mut self.agents[OF_PBX]
    }

    /// Lets a carrier answer like this.
    pub fn carrier_answers(&mut self, carrier: usize, answers: &[(u64, u16)]) {
        self.agents[carrier].manner.answers =
            answers.iter().map(|(after_ms, status)| (Duration::from_millis(*after_ms), *status)).collect();
    }

    /// The PBX dials a number of the deck.
    pub fn dial(&mut self) -> String {
        self.dial_number("12025550123")
    }

    /// The PBX dials this.
    pub fn dial_number(&mut self, dialled: &str) -> String {
        let now = self.now;
        let call_id = self.pbx().call(dialled, now);
        self.post();
        call_id
    }

    /// A carrier calls a number for this caller.
    pub fn call_in(&mut self, carrier: usize, caller: &str, number: &str) -> String {
        let now = self.now;
        self.agents[carrier].calls_for(caller);
        let call_id = self.agents[carrier].call(number, now);
        self.post();
        call_id
    }

    /// Lets everybody send what they have, and queues whatever comes of it.
    pub fn post(&mut self) {
        let now = self.now.monotonic;
        for (to, bytes) in self.node.sent.drain(..) {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let Some(text) = (match self.bug {
                Some(bug) => bug.falsify(text),
                None => Some(text),
            }) else {
                continue;
            };
            self.network.send(now, Datagram { from: SWITCH, to, text }, &mut self.queue);
        }
        for (at, answer) in self.node.answers.drain(..) {
            self.queue.push(at, Happening::Answer(answer));
        }
        for agent in &mut self.agents {
            for text in agent.take_out().into_iter().filter(|_| !agent.is_silent) {
                self.network.send(now, Datagram { from: agent.address, to: SWITCH, text }, &mut self.queue);
            }
        }
        self.arm();
    }

    /// Queues the timers that are due sooner than those that are queued; what is queued in vain does nothing.
    fn arm(&mut self) {
        let mut arm = |armed: &mut Option<Monotonic>, at: Option<Monotonic>, timer: Happening| {
            if let Some(at) = at
                && armed.is_none_or(|armed| at < armed)
            {
                *armed = Some(at);
                self.queue.push(at.max(self.now.monotonic), timer);
            }
        };
        if !self.is_down {
            let wakes_at = self.node.deadline().map(|deadline| deadline + self.lateness);
            arm(&mut self.node_timer, wakes_at, Happening::NodeTimer);
        }
        for (index, (agent, armed)) in self.agents.iter().zip(&mut self.agent_timers).enumerate() {
            arm(armed, agent.deadline(), Happening::AgentTimer(index));
        }
    }

    /// A mark of the story's own, given back by [`World::step`] at its time.
    pub fn cue(&mut self, after: Duration, mark: u64) {
        self.queue.push(self.now.monotonic + after, Happening::Cue(mark));
    }

    /// When the next thing happens.
    pub fn next_at(&self) -> Option<Monotonic> {
        self.queue.next_at()
    }

    /// Lets the next thing happen, and whatever follows at once. Gives the mark, where it is one of the story's.
    pub fn step(&mut self) -> Option<u64> {
        let (at, happening) = self.queue.pop()?;
        self.now = self.now.after(at.since(self.now.monotonic));
        let mark = self.happen(happening);
        self.post();
        mark
    }

    fn happen(&mut self, happening: Happening) -> Option<u64> {
        let now = self.now;
        match happening {
            Happening::Arrival(datagram) if datagram.to == SWITCH => self.arrive_at_node(datagram),
            Happening::Arrival(datagram) => {
                let mut hearing = self.agents.iter_mut().filter(|agent| !agent.is_silent);
                if let Some(agent) = hearing.find(|agent| agent.address == datagram.to) {
                    agent.hear(&datagram.text, now);
                }
            }
            Happening::Answer(answer) => self.node.hear_ledger(answer, now),
            Happening::Cue(mark) => return Some(mark),
            Happening::NodeTimer => {
                self.node_timer = self.node_timer.filter(|at| *at > now.monotonic);
                let wakes_at = self.node.deadline().map(|deadline| deadline + self.lateness);
                if !self.is_down && wakes_at.is_some_and(|at| at <= now.monotonic) {
                    self.node.expire(now);
                }
            }
            Happening::AgentTimer(index) => {
                let armed = &mut self.agent_timers[index];
                *armed = armed.filter(|at| *at > now.monotonic);
                self.agents[index].expire(now);
            }
        }
        None
    }

    fn arrive_at_node(&mut self, datagram: Datagram) {
        if !self.is_down {
            self.witness.see(|| Seen::Received(datagram.clone()));
            self.node.receive(&datagram.text, datagram.from, self.now);
        }
    }

    /// The clock on the wall is set; timers run on.
    pub fn set_wall(&mut self, wall: Wall) {
        self.now.wall = wall;
    }

    /// Everything that happens up to this instant.
    pub fn run_until(&mut self, until: Now) {
        self.post();
        let mut stuck = 0;
        while let Some(next) = self.next_at().filter(|next| *next <= until.monotonic) {
            stuck = if next > self.now.monotonic { 0 } else { stuck + 1 };
            assert!(stuck < 10_000, "time stands still at {:?}", self.now);
            self.step();
        }
        self.now = until;
    }

    /// Everything that happens in this time.
    pub fn run_for(&mut self, duration: Duration) {
        self.run_until(self.now.after(duration));
    }

    /// Whole seconds of virtual time.
    pub fn run_s(&mut self, seconds: u64) {
        self.run_for(Duration::from_secs(seconds));
    }

    /// The node dies, and one with the same desk takes its place. What was on its way to it is lost.
    pub fn replace_node(&mut self, ledger: Arc<dyn Ledger>) {
        self.node = Node::new(Arc::clone(&self.desk), ledger, self.beginning.session, &mut self.entropy, self.now);
        self.node.witness = self.witness.clone();
        self.node_timer = None;
        self.queue.forget_node();
    }

    /// What a minute costs, in micros.
    pub fn rate_per_minute(&self) -> i64 {
        Micros::from_decimal(company::deck_row(self.beginning.rate).rate).unwrap().get()
    }

    /// What the profile may still spend.
    pub fn credit(&self) -> Micros {
        let account = money(self.company, Holder::Profile(self.profile));
        Micros::new(self.node.ledger().balance(account).available())
    }

    /// What the company may still spend.
    pub fn company_credit(&self) -> Micros {
        let account = money(self.company, Holder::Company);
        Micros::new(self.node.ledger().balance(account).available())
    }

    /// Channels that are free.
    pub fn channels_free(&self) -> i64 {
        self.node.ledger().balance(channels(self.company, self.profile)).available()
    }

    /// Channels of a customer that are free.
    pub fn channels_free_of(&self, customer: usize) -> i64 {
        let Customer { company, profile, .. } = self.customers[customer];
        self.node.ledger().balance(channels(company, profile)).available()
    }

    /// Every call record, in order.
    pub fn records(&self) -> Vec<CallRecord> {
        let ledger = self.node.ledger();
        ledger.flush().unwrap();
        let ended = ledger.ended_after(0, 1_000_000).unwrap();
        ended.iter().map(|(_, text)| store::record_json::from_json(text).unwrap()).collect()
    }

    /// The record of the only call.
    pub fn record(&self) -> CallRecord {
        let mut records = self.records();
        assert_eq!(records.len(), 1, "one record was expected: {records:#?}");
        records.remove(0)
    }

    /// What was captured of each call.
    pub fn captured(&self) -> BTreeMap<u128, i64> {
        let mut captured = BTreeMap::new();
        let mut before = None;
        loop {
            let query = StatementQuery {
                company: self.company,
                account: None,
                lines: Lines::Posted,
                before,
                after: 0,
                limit: 1_000,
            };
            let page = self.node.ledger().statement(&query).unwrap();
            for line in page.lines.iter().filter(|line| line.kind == LineKind::Capture) {
                if matches!(line.debit.unit, Unit::Money(_)) {
                    *captured.entry(line.hold.unwrap().subject).or_insert(0) += line.amount;
                }
            }
            before = page.next;
            if before.is_none() {
                return captured;
            }
        }
    }

    /// What must be true of the money at any time.
    pub fn assert_books_balance(&self) {
        let ledger = self.node.ledger();
        ledger.flush().unwrap();
        let verification = ledger.verify().unwrap();
        assert!(verification.is_clean(), "{verification}");
        for (unit, totals) in ledger.totals().units {
            assert_eq!(totals.imbalance, 0, "{unit:?} sums to zero");
        }
    }

    /// What must be true once everything is over and 5 minutes have passed: nothing is held, nothing is left, and every call has
    /// one record that says what was captured.
    pub fn assert_all_is_over(&self) {
        self.assert_money_is_settled();
        let node = &self.node;
        assert_eq!(node.live_calls(), 0, "no call is left");
        assert_eq!(node.open_sounds(), 0, "no port is left");
        assert_eq!(node.open_books(), 0, "no books are open");
        assert_eq!(node.waiting_registers(), 0, "no REGISTER waits");
        assert_eq!(node.load(), sip::endpoint::Load::default(), "no transaction and no dialog is left");
        let recorded: Vec<_> = self.records().iter().map(|record| record.id).collect();
        let unique: BTreeSet<_> = recorded.iter().copied().collect();
        assert_eq!(recorded.len(), unique.len(), "no call has two records");
        let opened: BTreeSet<_> = node.opened.iter().copied().collect();
        assert_eq!(unique, opened, "every call has its record");
    }

    /// Nothing is held; every record says what was captured.
    pub fn assert_money_is_settled(&self) {
        self.assert_books_balance();
        let totals = self.node.ledger().totals();
        assert_eq!(totals.open_holds, 0, "nothing is held");
        assert_eq!(self.channels_free(), i64::from(self.beginning.channels), "every channel is free");
        let mut captured = self.captured();
        for record in self.records() {
            let amount = captured.remove(&record.id.bits()).unwrap_or_default();
            assert_eq!(record.amount, Micros::new(amount), "the record says what was captured: {record:#?}");
            reckoning::check(&record, self.lateness).unwrap();
        }
        assert!(captured.values().all(|amount| *amount == 0), "nothing is charged without a record: {captured:?}");
        let spent: Micros = self.records().iter().map(|record| record.amount).sum();
        let had = self.beginning.credit + self.beginning.recharge.map_or(0, |recharge| recharge.company_credit);
        let has = self.credit().get() + self.company_credit().get();
        assert_eq!(has, had - spent.get(), "what is gone is what is recorded");
    }
}

/// So many seeds; `TANDEM_SEEDS=from..to` for others, or for one that failed.
pub fn seeds(count: u64) -> std::ops::Range<u64> {
    let wanted = std::env::var("TANDEM_SEEDS").ok();
    let range = wanted.as_deref().and_then(|text| text.split_once(".."));
    range.map_or(0..count, |(from, to)| from.parse().unwrap()..to.parse().unwrap())
}

/// From one instant to another, in milliseconds.
pub fn ms_between(from: Monotonic, to: Monotonic) -> i64 {
    (to.as_micros() as i64 - from.as_micros() as i64) / 1_000
}
