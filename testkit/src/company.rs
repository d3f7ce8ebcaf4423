//! The company of every test: Contoso Estates with its profiles, its carriers, a deck with one row, and credit.
//!
//! Where it is kept (a store, or a snapshot without one) is its users' business.

use domain::credit::{Account, Batch, BatchId, Code, Durability, Holder, Kind, Outcome, Transfer, Unit};
use domain::{CarrierId, CompanyId, Currency, Micros, ProfileId, Wall};
use ledger::Ledger;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::mpsc::sync_channel;

/// The realm of every challenge.
pub const REALM: &str = "tandem.test";
/// What its profiles show to the called side.
pub const CALLER_ID: &str = "+12025550100";

/// Auto-recharge from the company (K6), in micros.
#[derive(Clone, Copy, Debug)]
pub struct Recharge {
    /// What is moved.
    pub amount: i64,
    /// At most this much is available when it is.
    pub threshold: i64,
    /// What the company has for it.
    pub company_credit: i64,
}

/// The company.
pub fn company(id: CompanyId, now: Wall) -> store::Company {
    store::Company {
        id,
        name: "Contoso Estates".to_owned(),
        country: "US".parse().unwrap(),
        currency: Currency::USD,
        timezone: "UTC".to_owned(),
        suspended: false,
        deck: None,
        created_at: now,
    }
}

/// One of its profiles, which registers with a password.
pub fn profile(id: ProfileId, company: CompanyId, channels: u16, recharge: Option<Recharge>) -> store::NewProfile {
    store::NewProfile {
        id,
        company,
        name: "Front desk".to_owned(),
        sip_user: None,
        channels,
        calls_per_second: None,
        auth: store::ProfileAuth { registration: true, ..store::ProfileAuth::default() },
        contact: None,
        caller_id: Some(CALLER_ID.parse().unwrap()),
        auto_recharge: recharge.map(|recharge| store::AutoRecharge {
            amount: Micros::new(recharge.amount),
            threshold: Micros::new(recharge.threshold),
        }),
        require_plus: false,
        incoming_to: store::IncomingTo::CalledNumber,
        srtp: domain::srtp::SrtpPolicy::Off,
        t38: domain::fax::FaxPolicy::Relay,
        dtmf: domain::dtmf::DtmfPolicy::Auto,
        advice: domain::AdviceOfCharge::Off,
        credit_failure: domain::credit_failure::CreditFailure::Retry,
        caps: Default::default(),
        fraud_rules: Default::default(),
        daily_cap_follows: false,
        warn_before: None,
    }
}

/// A carrier for every destination.
pub fn carrier(id: CarrierId, name: &str, priority: u16, address: SocketAddr, now: Wall) -> store::Carrier {
    store::Carrier {
        id,
        name: name.to_owned(),
        addresses: vec![address.to_string().parse().unwrap()],
        transport: domain::fact::Transport::Udp,
        priority,
        prefixes: Vec::new(),
        progress_timeout_s: None,
        failover: BTreeMap::new(),
        inbound_sources: Vec::new(),
        certificates: Vec::new(),
        // Who looks after health by OPTIONS says so.
        terms: store::Terms { options_interval_s: Some(0), ..store::Terms::default() },
        srtp: domain::srtp::SrtpPolicy::Off,
        t38: domain::fax::FaxPolicy::Relay,
        dtmf: domain::dtmf::DtmfPolicy::Auto,
        media_networks: Vec::new(),
        enabled: true,
        created_at: now,
    }
}

/// The row for +1: 30/6, rounded up to the cent.
pub fn deck_row(rate: &str) -> store::DeckRow {
    store::DeckRow {
        prefix: "1".parse().unwrap(),
        destination: "United States".to_owned(),
        rate: rate.parse().unwrap(),
        fee: Default::default(),
        minimum_s: 30,
        increment_s: 6,
        rounding: "up".to_owned(),
        scale: 2,
    }
}

/// An account of the company for its money.
pub fn money(company: CompanyId, holder: Holder) -> Account {
    Account { company, holder, unit: Unit::Money(Currency::USD) }
}

/// The channels of a profile.
pub fn channels(company: CompanyId, profile: ProfileId) -> Account {
    Account { company, holder: Holder::Profile(profile), unit: Unit::Channels }
}

/// What comes from outside into accounts of one company, as one batch; `number` tells it from others.
pub fn top_up(company: CompanyId, number: u64, at: Wall, accounts: &[(Account, i64)]) -> Batch {
    let post = |(credit, amount): &(Account, i64)| Transfer {
        kind: Kind::Post { debit: Account { holder: Holder::World, ..*credit }, credit: *credit, amount: *amount },
        code: Code::TopUp,
    };
    Batch {
        id: BatchId { subject: company.bits(), sequence: number },
        company,
        at,
        transfers: accounts.iter().map(post).collect(),
        memo: None,
    }
}

/// Posts what a person orders, and waits for the disk.
pub fn post(ledger: &dyn Ledger, batch: Batch) -> Outcome {
    let (told, heard) = sync_channel(1);
    ledger.submit(batch, Durability::BeforeAnswer, Box::new(move |outcome| drop(told.send(outcome))));
    heard.recv().unwrap()
}
