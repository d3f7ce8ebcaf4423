//! The simulated world: one node, one PBX, two carriers, a network between them, and one clock for all.
//!
//! What happens in it is told by the stories beside this folder.

pub(crate) mod agent;
mod beginning;
mod network;
mod node;
pub(crate) mod text;

pub(crate) use agent::{Agent, Refresh};
pub(crate) use beginning::{Beginning, NUMBERS, Recharge};
pub(crate) use network::Weather;

use actors::desk::Desk;
use beginning::{desk, top_up};
use domain::call_record::CallRecord;
use domain::credit::{Account, Holder, Unit};
use domain::{CompanyId, Currency, Entropy, Micros, Monotonic, Now, ProfileId, ReleaseCause, Wall};
use ledger::memory::MemoryLedger;
use ledger::{Ledger, LineKind, Lines, StatementQuery};
use network::{Datagram, Network};
pub(crate) use node::{Mood, Node};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

pub(crate) const REALM: &str = "tandem.test";
pub(crate) const USER: &str = "99050000040027";
const PASSWORD: &str = "correct horse battery staple";

const fn address(a: u8, b: u8, c: u8, d: u8) -> SocketAddr {
    SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::new(a, b, c, d), 5060))
}

/// The switch (addresses of RFC 5737).
pub(crate) const SWITCH: SocketAddr = address(192, 0, 2, 1);
const PBX: SocketAddr = address(198, 51, 100, 10);
const CARRIERS: [SocketAddr; 2] = [address(203, 0, 113, 1), address(203, 0, 113, 2)];

/// Who is where in [`World::agents`].
pub(crate) const OF_PBX: usize = 0;
/// The carrier that is tried first.
pub(crate) const FIRST: usize = 1;
/// The carrier that is tried next.
pub(crate) const SECOND: usize = 2;

/// The world.
pub(crate) struct World {
    pub(crate) now: Now,
    pub(crate) node: Node,
    pub(crate) network: Network,
    pub(crate) agents: Vec<Agent>,
    pub(crate) company: CompanyId,
    pub(crate) profile: ProfileId,
    pub(crate) desk: Arc<Desk>,
    pub(crate) entropy: Entropy,
    /// How late the node is woken by its timers: a machine under load.
    pub(crate) lateness: Duration,
    beginning: Beginning,
}

impl World {
    /// With a ledger in memory.
    pub(crate) fn new(beginning: Beginning) -> World {
        World::with_ledger(beginning, Arc::new(MemoryLedger::new()))
    }

    pub(crate) fn with_ledger(beginning: Beginning, ledger: Arc<dyn Ledger>) -> World {
        let mut entropy = Entropy::from_seed(u128::from(beginning.seed).to_le_bytes());
        let now = Now { monotonic: Monotonic::from_micros(0), wall: Wall::from_unix_seconds(1_795_284_000) };
        let (company, profile) = (CompanyId::mint(now.wall, &mut entropy), ProfileId::mint(now.wall, &mut entropy));
        let desk = Arc::new(desk(&beginning, company, profile, now.wall, &mut entropy));
        top_up(&*ledger, &beginning, company, profile, now.wall);
        let node = Node::new(Arc::clone(&desk), ledger, &mut entropy, now);
        let mut agents = vec![Agent::new(PBX, Some((USER, PASSWORD)), entropy.fork())];
        for carrier in CARRIERS {
            agents.push(Agent::new(carrier, None, entropy.fork()));
        }
        let network = Network::new(beginning.weather, entropy.fork());
        World { now, node, network, agents, company, profile, desk, entropy, lateness: Duration::ZERO, beginning }
    }

    /// The PBX.
    pub(crate) fn pbx(&mut self) -> &mut Agent {
        &mut self.agents[OF_PBX]
    }

    /// Lets a carrier answer like this.
    pub(crate) fn carrier_answers(&mut self, carrier: usize, answers: &[(u64, u16)]) {
        self.agents[carrier].manner.answers =
            answers.iter().map(|(after_ms, status)| (Duration::from_millis(*after_ms), *status)).collect();
    }

    /// The PBX dials a number of the deck.
    pub(crate) fn dial(&mut self) -> String {
        self.dial_number("12025550123")
    }

    /// The PBX dials this.
    pub(crate) fn dial_number(&mut self, dialled: &str) -> String {
        let now = self.now;
        let call_id = self.pbx().call(dialled, now);
        self.post();
        call_id
    }

    /// A carrier calls a number for this caller.
    pub(crate) fn call_in(&mut self, carrier: usize, caller: &str, number: &str) -> String {
        let now = self.now;
        self.agents[carrier].calls_for(caller);
        let call_id = self.agents[carrier].call(number, now);
        self.post();
        call_id
    }

    /// Lets everybody send what they have.
    pub(crate) fn post(&mut self) {
        let now = self.now.monotonic;
        for (to, bytes) in self.node.sent.drain(..) {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            self.network.send(now, Datagram { from: SWITCH, to, text });
        }
        for agent in &mut self.agents {
            for text in agent.take_out() {
                self.network.send(now, Datagram { from: agent.address, to: SWITCH, text });
            }
        }
    }

    fn next_event(&self) -> Option<Monotonic> {
        let agents = self.agents.iter().filter_map(Agent::deadline);
        self.network.next_arrival().into_iter().chain(self.node_wakes_at()).chain(agents).min()
    }

    fn node_wakes_at(&self) -> Option<Monotonic> {
        self.node.deadline().map(|deadline| deadline + self.lateness)
    }

    /// The clock on the wall is set; timers run on.
    pub(crate) fn set_wall(&mut self, wall: Wall) {
        self.now.wall = wall;
    }

    /// Everything that happens up to this instant.
    pub(crate) fn run_until(&mut self, until: Now) {
        let mut stuck = 0;
        while let Some(next) = self.next_event().filter(|next| *next <= until.monotonic) {
            stuck = if next > self.now.monotonic { 0 } else { stuck + 1 };
            assert!(stuck < 10_000, "time stands still at {:?}", self.now);
            self.now = self.now.after(next.since(self.now.monotonic));
            self.step();
        }
        self.now = until;
    }

    fn step(&mut self) {
        let now = self.now;
        // At equal instants events come before timers.
        while let Some(datagram) = self.network.arrived(now.monotonic) {
            if datagram.to == SWITCH {
                self.node.receive(&datagram.text, datagram.from, now);
            } else if let Some(agent) = self.agents.iter_mut().find(|agent| agent.address == datagram.to) {
                agent.hear(&datagram.text, now);
            }
            self.post();
        }
        if self.node_wakes_at().is_some_and(|at| at <= now.monotonic) {
            self.node.expire(now);
        }
        for agent in &mut self.agents {
            agent.expire(now);
        }
        self.post();
    }

    pub(crate) fn run_for(&mut self, duration: Duration) {
        self.run_until(self.now.after(duration));
    }

    /// Whole seconds of virtual time.
    pub(crate) fn run_s(&mut self, seconds: u64) {
        self.run_for(Duration::from_secs(seconds));
    }

    /// The node dies, and one with the same desk takes its place. What was on its way to it is lost.
    pub(crate) fn replace_node(&mut self, ledger: Arc<dyn Ledger>) {
        self.node = Node::new(Arc::clone(&self.desk), ledger, &mut self.entropy, self.now);
        self.network.forget();
    }

    fn account(&self, unit: Unit) -> Account {
        Account { company: self.company, holder: Holder::Profile(self.profile), unit }
    }

    /// What the profile may still spend.
    pub(crate) fn credit(&self) -> Micros {
        Micros::new(self.node.ledger().balance(self.account(Unit::Money(Currency::USD))).available())
    }

    /// What the company may still spend.
    pub(crate) fn company_credit(&self) -> Micros {
        let account = Account { company: self.company, holder: Holder::Company, unit: Unit::Money(Currency::USD) };
        Micros::new(self.node.ledger().balance(account).available())
    }

    /// Channels that are free.
    pub(crate) fn channels_free(&self) -> i64 {
        self.node.ledger().balance(self.account(Unit::Channels)).available()
    }

    /// Every call record, in order.
    pub(crate) fn records(&self) -> Vec<CallRecord> {
        let ledger = self.node.ledger();
        ledger.flush().unwrap();
        let ended = ledger.ended_after(0, 1_000_000).unwrap();
        ended.iter().map(|(_, text)| store::record_json::from_json(text).unwrap()).collect()
    }

    /// The record of the only call.
    pub(crate) fn record(&self) -> CallRecord {
        let mut records = self.records();
        assert_eq!(records.len(), 1, "one record was expected: {records:#?}");
        records.remove(0)
    }

    /// What was captured of each call.
    pub(crate) fn captured(&self) -> BTreeMap<u128, i64> {
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
    pub(crate) fn assert_books_balance(&self) {
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
    pub(crate) fn assert_all_is_over(&self) {
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
    pub(crate) fn assert_money_is_settled(&self) {
        self.assert_books_balance();
        let totals = self.node.ledger().totals();
        assert_eq!(totals.open_holds, 0, "nothing is held");
        assert_eq!(self.channels_free(), i64::from(self.beginning.channels), "every channel is free");
        let mut captured = self.captured();
        for record in self.records() {
            let amount = captured.remove(&record.id.bits()).unwrap_or_default();
            assert_eq!(record.amount, Micros::new(amount), "the record says what was captured: {record:#?}");
            assert_priced_by_the_deck(&record, self.lateness);
        }
        assert!(captured.values().all(|amount| *amount == 0), "nothing is charged without a record: {captured:?}");
        let spent: Micros = self.records().iter().map(|record| record.amount).sum();
        let had = self.beginning.credit + self.beginning.recharge.map_or(0, |recharge| recharge.company_credit);
        let has = self.credit().get() + self.company_credit().get();
        assert_eq!(has, had - spent.get(), "what is gone is what is recorded");
    }
}

/// R1, R6: at least 30 s, then every 6 s that began, rounded up to the cent; reckoned here anew from the talk time.
fn assert_priced_by_the_deck(record: &CallRecord, lateness: Duration) {
    if record.amount.is_zero() {
        return;
    }
    assert!(record.answered_at.is_some(), "only what was answered costs: {record:#?}");
    let talked_us = record.talked_ms as i64 * 1_000;
    let billed_s = i64::from(record.billed_s);
    let begun = if talked_us <= 30_000_000 { 30 } else { 30 + (talked_us - 30_000_000 + 5_999_999) / 6_000_000 * 6 };
    match record.cause {
        // After a restart: what was captured, whenever it died.
        ReleaseCause::SwitchRestarted => {}
        // Billed to the last paid second, whatever the clock says (design 5).
        ReleaseCause::CreditExhausted => {
            assert!(billed_s <= begun, "{billed_s} s billed, {begun} s begun: {record:#?}")
        }
        _ if billed_s == begun => {}
        // Whoever hangs up after the last paid second, before a late timer has cut the call off, owes no more either.
        _ => {
            let unpaid_us = talked_us - billed_s * 1_000_000;
            let late_us = lateness.as_micros() as i64;
            assert!((1..=late_us).contains(&unpaid_us), "{billed_s} s billed, {begun} s begun: {record:#?}");
        }
    }
    let cents = (billed_s * record.rate_per_minute.get() + 599_999) / 600_000;
    assert_eq!(record.amount, Micros::from_cents(cents), "{record:#?}");
}

/// So many seeds; `TANDEM_SEEDS=from..to` for others, or for one that failed.
pub(crate) fn seeds(count: u64) -> std::ops::Range<u64> {
    let wanted = std::env::var("TANDEM_SEEDS").ok();
    let range = wanted.as_deref().and_then(|text| text.split_once(".."));
    range.map_or(0..count, |(from, to)| from.parse().unwrap()..to.parse().unwrap())
}

/// From one instant to another, in milliseconds.
pub(crate) fn ms_between(from: Monotonic, to: Monotonic) -> i64 {
    (to.as_micros() as i64 - from.as_micros() as i64) / 1_000
}
