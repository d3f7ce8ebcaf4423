//! The simulated world: one node, one PBX, two carriers, a network between them, and one clock for all.
//!
//! What happens in it is told by the stories beside this folder.

pub(crate) mod agent;
mod network;
mod node;
pub(crate) mod text;

pub(crate) use agent::{Agent, Refresh};
pub(crate) use network::Weather;

use actors::desk::{Desk, NodeRules};
use domain::call_record::CallRecord;
use domain::credit::{Account, Batch, BatchId, Code, Durability, Holder, Kind, Outcome, Transfer, Unit};
use domain::{CarrierId, CompanyId, Currency, Entropy, Micros, Monotonic, Now, ProfileId, Wall};
use ledger::memory::MemoryLedger;
use ledger::{Ledger, LineKind, Lines, StatementQuery};
use network::{Datagram, Network};
pub(crate) use node::{Mood, Node};
use sip::digest::Ha1;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::Duration;
use switch::directory::CallSettings;

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

/// What the company begins with.
pub(crate) struct Beginning {
    pub(crate) seed: u64,
    pub(crate) channels: u16,
    /// In micros.
    pub(crate) credit: i64,
    pub(crate) rate: &'static str,
    /// K6: how much, when at most this much is available, and what the company has for it.
    pub(crate) recharge: Option<Recharge>,
    pub(crate) settings: CallSettings,
    pub(crate) weather: Weather,
}

/// Auto-recharge from the company (K6), in micros.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Recharge {
    pub(crate) amount: i64,
    pub(crate) threshold: i64,
    pub(crate) company_credit: i64,
}

impl Default for Beginning {
    fn default() -> Self {
        Beginning {
            seed: 1,
            channels: 30,
            credit: 10_000_000,
            rate: "0.02",
            recharge: None,
            settings: CallSettings::default(),
            weather: Weather::FAIR,
        }
    }
}

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
        World { now, node, network, agents, company, profile, desk, entropy, beginning }
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
        self.network.next_arrival().into_iter().chain(self.node.deadline()).chain(agents).min()
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
        self.node.expire(now);
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
            assert_priced_by_the_deck(&record);
        }
        assert!(captured.values().all(|amount| *amount == 0), "nothing is charged without a record: {captured:?}");
        let spent: Micros = self.records().iter().map(|record| record.amount).sum();
        let had = self.beginning.credit + self.beginning.recharge.map_or(0, |recharge| recharge.company_credit);
        let has = self.credit().get() + self.company_credit().get();
        assert_eq!(has, had - spent.get(), "what is gone is what is recorded");
    }
}

/// R1, R6: at least 30 s, then every 6 s that began, rounded up to the cent; reckoned here anew from the talk time.
fn assert_priced_by_the_deck(record: &CallRecord) {
    let Some(answered) = record.answered_at.filter(|_| record.amount > Micros::ZERO) else {
        assert!(record.amount.is_zero(), "only what was answered costs: {record:#?}");
        return;
    };
    let talked_us = record.ended_at.since(answered).as_micros() as i64;
    let billed_s = i64::from(record.billed_s);
    let begun = if talked_us <= 30_000_000 { 30 } else { 30 + (talked_us - 30_000_000 + 5_999_999) / 6_000_000 * 6 };
    // A call that is ended after a restart is billed for what was captured, whenever it died.
    if record.cause != domain::ReleaseCause::SwitchRestarted {
        assert!(billed_s == begun, "{billed_s} s billed, {begun} s begun: {record:#?}");
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

fn desk(beginning: &Beginning, company: CompanyId, profile: ProfileId, now: Wall, entropy: &mut Entropy) -> Desk {
    let secret = Ha1::new(USER, REALM, PASSWORD);
    let company_entry = store::Company {
        id: company,
        name: "Contoso Estates".to_owned(),
        country: "US".parse().unwrap(),
        currency: Currency::USD,
        timezone: "UTC".to_owned(),
        suspended: false,
        deck: None,
        created_at: now,
    };
    let profile_entry = store::Profile {
        id: profile,
        company,
        currency: Currency::USD,
        name: "Front desk".to_owned(),
        sip_user: USER.to_owned(),
        state: store::ProfileState::Active,
        channels: beginning.channels,
        auth: store::ProfileAuth { registration: true, sources: Vec::new() },
        caller_id: Some("+12025550100".parse().unwrap()),
        auto_recharge: beginning.recharge.map(|recharge| store::AutoRecharge {
            amount: Micros::new(recharge.amount),
            threshold: Micros::new(recharge.threshold),
        }),
        require_plus: false,
        created_at: now,
    };
    let carriers =
        CARRIERS.iter().zip(["first", "second"]).zip(1..).map(|((address, name), priority)| store::Carrier {
            id: CarrierId::mint(now, entropy),
            name: name.to_owned(),
            addresses: vec![store::HostPort { host: address.ip().to_string(), port: address.port() }],
            transport: domain::fact::Transport::Udp,
            priority,
            prefixes: Vec::new(),
            progress_timeout_s: None,
            failover: BTreeMap::new(),
            enabled: true,
            created_at: now,
        });
    let deck = store::Deck {
        id: "deck_1".parse().unwrap(),
        name: "standard".to_owned(),
        currency: Currency::USD,
        version: 1,
        active: true,
        row_count: 1,
        created_at: now,
    };
    let row = store::DeckRow {
        prefix: "1".parse().unwrap(),
        destination: "United States".to_owned(),
        rate: beginning.rate.parse().unwrap(),
        fee: Default::default(),
        minimum_s: 30,
        increment_s: 6,
        rounding: "up".to_owned(),
    };
    let everything = store::Everything {
        config_version: 1,
        companies: vec![company_entry],
        profiles: vec![(profile_entry, store::Ha1 { md5: secret.md5, sha256: secret.sha256 })],
        carriers: carriers.collect(),
        numbers: Vec::new(),
        decks: vec![(deck, vec![row])],
    };
    let rules = NodeRules {
        calls: beginning.settings,
        echo_codes: vec!["*43".to_owned()],
        countries: Vec::new(),
        listeners: vec![SWITCH],
    };
    let (desk, faults) = Desk::build(everything, &rules);
    assert!(faults.is_empty(), "{faults:?}");
    desk
}

fn top_up(ledger: &dyn Ledger, beginning: &Beginning, company: CompanyId, profile: ProfileId, at: Wall) {
    let post = |holder, unit, amount| Transfer {
        kind: Kind::Post {
            debit: Account { company, holder: Holder::World, unit },
            credit: Account { company, holder, unit },
            amount,
        },
        code: Code::TopUp,
    };
    let company_credit = beginning.recharge.map_or(0, |recharge| recharge.company_credit);
    let batch = Batch {
        id: BatchId { subject: company.bits(), sequence: 0 },
        company,
        at,
        transfers: vec![
            post(Holder::Profile(profile), Unit::Money(Currency::USD), beginning.credit),
            post(Holder::Profile(profile), Unit::Channels, beginning.channels.into()),
            post(Holder::Company, Unit::Money(Currency::USD), company_credit),
        ],
        memo: None,
    };
    let (told, heard) = sync_channel(1);
    ledger.submit(batch, Durability::BeforeAnswer, Box::new(move |outcome| told.send(outcome).unwrap()));
    ledger.flush().unwrap();
    assert!(matches!(heard.recv().unwrap(), Outcome::Applied(_)));
}
