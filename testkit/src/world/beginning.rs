//! What a world begins with: one company or several, their profiles, two carriers, a deck, and credit.
//!
//! What happens then is not here.

use super::terms::{Terms, TermsBug};
use super::{BEGINS_AT, CARRIER_NAMES, CARRIERS, PASSWORD, SWITCH, USER, Weather};
use crate::company::{self, REALM, Recharge};
use actors::SessionTimers;
use actors::desk::{Desk, NodeRules};
use domain::credit::{Holder, Outcome};
use domain::{
    AdviceOfCharge, CarrierId, CompanyId, Currency, Entropy, HeaderPolicy, LandlineId, NumberId, ProfileId, Wall,
};
use ledger::Ledger;
use sip::digest::Ha1;
use std::net::SocketAddr;
use switch::directory::CallSettings;

/// What every company begins with.
#[derive(Clone, Debug)]
pub struct Beginning {
    /// Everything that is left to chance comes from it.
    pub seed: u64,
    /// How many companies there are.
    pub companies: u64,
    /// How many profiles each of them has, each with a PBX.
    pub profiles: u64,
    /// Of each profile.
    pub channels: u16,
    /// Of each profile, in micros.
    pub credit: i64,
    /// Price of a minute.
    pub rate: &'static str,
    /// Decks with the instants from which they are in force, instead of one row at that price.
    pub decks: Vec<(Wall, store::Deck, Vec<store::DeckRow>)>,
    /// K6: how much, when at most this much is available, and what the company has for it.
    pub recharge: Option<Recharge>,
    /// Of each profile in turn; where there are none, what a profile has that nobody has changed.
    pub terms: Vec<Terms>,
    /// How the switch misreads them.
    pub misread: Option<TermsBug>,
    /// When it is.
    pub at: Wall,
    /// Time limits of calls.
    pub settings: CallSettings,
    /// How long sessions last without a refresh.
    pub session: SessionTimers,
    /// How much the PBXs are told of what their calls cost.
    pub advice: AdviceOfCharge,
    /// How the network behaves.
    pub weather: Weather,
    /// I4: whom the To of incoming calls names.
    pub incoming_to: store::IncomingTo,
    /// Calls that each carrier takes at one time, and in any second, at most.
    pub carrier_limits: (Option<u32>, Option<u32>),
    /// I7: where the PBXs need no password.
    pub sources: Vec<SocketAddr>,
    /// Which headers go to each PBX and come from it.
    pub pbx_headers: HeaderPolicy,
    /// The same of each carrier.
    pub carrier_headers: HeaderPolicy,
}

/// The numbers that ring at the first profile.
pub const NUMBERS: [&str; 2] = ["+12025550100", "+442079460123"];
/// The number that rings at the second profile, where there is one.
pub const NUMBER_OF_SECOND: &str = "+12025550177";

impl Default for Beginning {
    fn default() -> Self {
        Beginning {
            seed: 1,
            companies: 1,
            profiles: 1,
            channels: 30,
            credit: 10_000_000,
            rate: "0.02",
            decks: Vec::new(),
            recharge: None,
            terms: Vec::new(),
            misread: None,
            at: BEGINS_AT,
            settings: CallSettings::default(),
            session: SessionTimers::default(),
            advice: AdviceOfCharge::Off,
            weather: Weather::FAIR,
            incoming_to: store::IncomingTo::CalledNumber,
            carrier_limits: (None, None),
            sources: Vec::new(),
            pbx_headers: HeaderPolicy::default(),
            carrier_headers: HeaderPolicy::default(),
        }
    }
}

impl Beginning {
    /// What is agreed with a profile, by its place among all.
    pub fn terms_of(&self, number: usize) -> Terms {
        self.terms.get(number % self.terms.len().max(1)).copied().unwrap_or_default()
    }
}

/// A profile, and who it belongs to.
#[derive(Clone, Debug)]
pub struct Customer {
    /// Whose.
    pub company: CompanyId,
    /// Which profile.
    pub profile: ProfileId,
    /// Its SIP user.
    pub user: String,
    /// Its PBX, in [`super::World::agents`].
    pub agent: usize,
}

/// Every profile of every company; the first one's PBX stands before the carriers, the others behind them.
pub(super) fn customers(beginning: &Beginning, now: Wall, entropy: &mut Entropy) -> Vec<Customer> {
    let first: u64 = USER.parse().unwrap();
    let mut customers: Vec<Customer> = Vec::new();
    for _ in 0..beginning.companies {
        let company = CompanyId::mint(now, entropy);
        for _ in 0..beginning.profiles {
            let number = customers.len();
            let agent = if number == 0 { 0 } else { number + CARRIERS.len() };
            let (profile, user) = (ProfileId::mint(now, entropy), (first + number as u64).to_string());
            customers.push(Customer { company, profile, user, agent });
        }
    }
    customers
}

pub(super) fn desk(beginning: &Beginning, customers: &[Customer], now: Wall, entropy: &mut Entropy) -> Desk {
    let mut companies: Vec<CompanyId> = customers.iter().map(|customer| customer.company).collect();
    companies.dedup();
    let profile = |(number, customer): (usize, &Customer)| {
        let terms = beginning.terms_of(number).as_read(beginning.misread);
        let new = company::profile(customer.profile, customer.company, beginning.channels, beginning.recharge);
        let secret = Ha1::new(&customer.user, REALM, PASSWORD);
        let profile = store::Profile {
            id: new.id,
            company: new.company,
            currency: Currency::USD,
            name: new.name,
            sip_user: customer.user.clone(),
            state: store::ProfileState::Active,
            channels: new.channels,
            calls_per_second: new.calls_per_second,
            auth: store::ProfileAuth { sources: beginning.sources.clone(), ..new.auth },
            contact: new.contact,
            caller_id: new.caller_id,
            auto_recharge: new.auto_recharge,
            require_plus: new.require_plus,
            incoming_to: beginning.incoming_to,
            srtp: new.srtp,
            t38: new.t38,
            dtmf: new.dtmf,
            advice: beginning.advice,
            credit_failure: terms.credit_failure,
            caps: terms.caps,
            fraud: terms.fraud(),
            daily_cap_follows: false,
            released_by: None,
            warn_before: new.warn_before,
            created_at: now,
        };
        (profile, store::Ha1 { md5: secret.md5, sha256: secret.sha256 })
    };
    let of_first = NUMBERS.map(|number| (number, &customers[0]));
    let of_second = customers.get(1).map(|customer| (NUMBER_OF_SECOND, customer));
    let numbers = of_first.into_iter().chain(of_second).map(|(number, customer)| store::Number {
        id: NumberId::mint(now, entropy),
        number: number.parse().unwrap(),
        company: customer.company,
        profile: Some(customer.profile),
        account: None,
        caller_id_allowed: true,
        created_at: now,
    });
    let numbers: Vec<_> = numbers.collect();
    let landlines = companies.iter().map(|company| store::Landline {
        id: LandlineId::mint(now, entropy),
        company: *company,
        number: company::CALLER_ID.parse().unwrap(),
        state: store::LandlineState::Vouched,
        pin: None,
        tries: 0,
        created_at: now,
    });
    let landlines = landlines.collect();
    let carriers = CARRIERS.iter().zip(CARRIER_NAMES).zip(1..).map(|((address, name), priority)| {
        let mut carrier = company::carrier(CarrierId::mint(now, entropy), name, priority, *address, now);
        (carrier.terms.channels, carrier.terms.calls_per_second) = beginning.carrier_limits;
        carrier
    });
    let carriers: Vec<store::Carrier> = carriers.collect();
    let of_pbx = store::ProfileManners { headers: beginning.pbx_headers.clone(), ..Default::default() };
    let of_carrier = store::CarrierManners { headers: beginning.carrier_headers.clone(), ..Default::default() };
    let deck = store::Deck {
        id: "deck_1".parse().unwrap(),
        name: "standard".to_owned(),
        currency: Currency::USD,
        version: 1,
        row_count: 1,
        created_at: now,
        imported_by: "test".to_owned(),
        content: String::new(),
    };
    let everything = store::Everything {
        config_version: 1,
        breakers: Vec::new(),
        breaker_limits: Default::default(),
        companies: companies.into_iter().map(|id| company::company(id, now)).collect(),
        profiles: customers.iter().enumerate().map(profile).collect(),
        profile_manners: customers.iter().map(|customer| (customer.profile, of_pbx.clone())).collect(),
        carrier_manners: carriers.iter().map(|carrier| (carrier.id, of_carrier.clone())).collect(),
        carriers,
        numbers,
        accounts: Vec::new(),
        landlines,
        verifications: Vec::new(),
        carrier_accounts: Default::default(),
        decks: match beginning.decks.is_empty() {
            true => vec![(now, deck, vec![company::deck_row(beginning.rate)])],
            false => beginning.decks.clone(),
        },
    };
    let rules = NodeRules {
        calls: beginning.settings,
        echo_codes: vec!["*43".to_owned()],
        countries: Vec::new(),
        options_every: None,
        listeners: vec![SWITCH],
        tls_listeners: Vec::new(),
        asks_for_certificates: false,
        whereabouts: Default::default(),
        profile_calls_per_second: None,
    };
    let (desk, faults) = Desk::build(everything, &rules);
    assert!(faults.is_empty(), "{faults:?}");
    desk
}

/// Credit and channels of every profile, and what the companies have for recharges.
pub(super) fn top_up(ledger: &dyn Ledger, beginning: &Beginning, customers: &[Customer], at: Wall) {
    let company_credit = beginning.recharge.map_or(0, |recharge| recharge.company_credit);
    for of_company in customers.chunk_by(|one, other| one.company == other.company) {
        let company = of_company[0].company;
        let mut accounts = Vec::new();
        for customer in of_company {
            accounts.push((company::money(company, Holder::Profile(customer.profile)), beginning.credit));
            accounts.push((company::channels(company, customer.profile), i64::from(beginning.channels)));
        }
        accounts.push((company::money(company, Holder::Company), company_credit));
        let outcome = company::post(ledger, company::top_up(company, 0, at, &accounts));
        assert!(matches!(outcome, Outcome::Applied(_)), "{outcome:?}");
    }
}
