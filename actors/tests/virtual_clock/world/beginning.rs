//! What a world begins with: one company, its profile, two carriers, a deck, and credit.
//!
//! What happens then is not here.

use super::{CARRIERS, PASSWORD, REALM, SWITCH, USER, Weather};
use actors::desk::{Desk, NodeRules};
use domain::credit::{Account, Batch, BatchId, Code, Durability, Holder, Kind, Outcome, Transfer, Unit};
use domain::{CarrierId, CompanyId, Currency, Entropy, Micros, NumberId, ProfileId, Wall};
use ledger::Ledger;
use sip::digest::Ha1;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::mpsc::sync_channel;
use switch::directory::CallSettings;

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
    /// I4: whom the To of incoming calls names.
    pub(crate) incoming_to: store::IncomingTo,
    /// I7: where the PBX needs no password.
    pub(crate) sources: Vec<SocketAddr>,
}

/// The numbers that ring at the profile.
pub(crate) const NUMBERS: [&str; 2] = ["+12025550100", "+442079460123"];

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
            incoming_to: store::IncomingTo::CalledNumber,
            sources: Vec::new(),
        }
    }
}

pub(super) fn desk(
    beginning: &Beginning,
    company: CompanyId,
    profile: ProfileId,
    now: Wall,
    entropy: &mut Entropy,
) -> Desk {
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
        auth: store::ProfileAuth { registration: true, sources: beginning.sources.clone() },
        caller_id: Some("+12025550100".parse().unwrap()),
        auto_recharge: beginning.recharge.map(|recharge| store::AutoRecharge {
            amount: Micros::new(recharge.amount),
            threshold: Micros::new(recharge.threshold),
        }),
        require_plus: false,
        incoming_to: beginning.incoming_to,
        created_at: now,
    };
    let numbers = NUMBERS.map(|number| store::Number {
        id: NumberId::mint(now, entropy),
        number: number.parse().unwrap(),
        company,
        profile: Some(profile),
        caller_id_allowed: true,
        created_at: now,
    });
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
            inbound_sources: Vec::new(),
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
        numbers: numbers.to_vec(),
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

pub(super) fn top_up(ledger: &dyn Ledger, beginning: &Beginning, company: CompanyId, profile: ProfileId, at: Wall) {
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
