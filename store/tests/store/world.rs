//! The world that the store's tests stand on: a data directory, one company, and chance by a printed seed.
//!
//! Expectations do not live here.

use domain::call_record::{Attempt, AttemptOutcome, CallDirection, CallRecord, CarrierNamed};
use domain::{
    CallId, CarrierId, CompanyId, Currency, E164, Entropy, Micros, NumberId, Prefix, ProfileId, ReleaseCause, Wall,
};
use rust_decimal::Decimal;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::time::Duration;
use store::{
    Company, DeckRow, Ha1, NewProfile, Number, Opening, Password, Profile, ProfileAuth, Signed, SipUserPrefix, Store,
};
use tempfile::TempDir;

pub(crate) const NOON: Wall = Wall::from_unix_seconds(1_795_262_400);
pub(crate) const BY_OPERATOR: Signed<'static> = Signed { by: "operator", at: NOON };

pub(crate) fn seeded(seed: u8) -> store::Random {
    let mut entropy = Entropy::from_seed([seed; 16]);
    Box::new(move |bytes| bytes.iter_mut().for_each(|byte| *byte = entropy.next_u64() as u8))
}

pub(crate) fn opening(directory: &Path, seed: u8) -> Opening<'_> {
    Opening { directory, sip_user_prefix: SipUserPrefix::default(), now: NOON, random: seeded(seed) }
}

pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) directory: TempDir,
    pub(crate) entropy: Entropy,
    pub(crate) company: CompanyId,
}

impl World {
    /// A new store with one company.
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(opening(directory.path(), 1)).unwrap();
        let mut entropy = Entropy::from_seed([2; 16]);
        let company = CompanyId::mint(NOON, &mut entropy);
        store.create_company(&a_company(company), BY_OPERATOR).unwrap();
        World { store, directory, entropy, company }
    }

    /// Stops the switch and starts it again on the same directory.
    pub(crate) fn restart(self) -> Self {
        let World { store, directory, entropy, company } = self;
        drop(store);
        let store = Store::open(opening(directory.path(), 3)).unwrap();
        World { store, directory, entropy, company }
    }

    pub(crate) fn profile(&mut self) -> (Profile, Password) {
        let new = self.new_profile();
        self.store.create_profile(&new, &ha1, BY_OPERATOR).unwrap()
    }

    pub(crate) fn new_profile(&mut self) -> NewProfile {
        NewProfile {
            id: ProfileId::mint(NOON, &mut self.entropy),
            company: self.company,
            name: "Tallinn office".to_owned(),
            sip_user: None,
            channels: 2,
            calls_per_second: None,
            auth: ProfileAuth { registration: true, sources: vec![], certificates: vec![] },
            contact: None,
            caller_id: None,
            auto_recharge: None,
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

    pub(crate) fn number(&mut self, number: &str, profile: Option<ProfileId>) -> Number {
        let id = NumberId::mint(NOON, &mut self.entropy);
        let number = number.parse().unwrap();
        Number { id, number, company: self.company, profile, account: None, caller_id_allowed: true, created_at: NOON }
    }

    /// An answered call that began so many seconds after noon.
    pub(crate) fn call(&mut self, profile: ProfileId, after_s: i64) -> CallRecord {
        let invited_at = Wall::from_unix_micros(NOON.as_unix_micros() + after_s * 1_000_000 + 7);
        let id = CallId::mint(invited_at, &mut self.entropy);
        CallRecord {
            id,
            company: self.company,
            profile,
            direction: CallDirection::Outbound,
            came_from: None,
            dialled: "+12025550123".to_owned(),
            callee: Some("+12025550123".parse::<E164>().unwrap()),
            caller_id: None,
            destination: "United States".to_owned(),
            invited_at,
            rang_at: Some(invited_at),
            answered_at: Some(invited_at),
            ended_at: invited_at,
            talked_ms: 61_000,
            billed_s: 66,
            rate_per_minute: Micros::new(8_000),
            connection_fee: Micros::ZERO,
            priced: None,
            amount: Micros::from_cents(1),
            written_off: Micros::ZERO,
            currency: Currency::USD,
            cause: ReleaseCause::Normal,
            refusal: None,
            sentence: None,
            status: 200,
            sip_call_id: format!("caller-{id}"),
            attempts: vec![Attempt {
                carrier: Some(CarrierNamed {
                    carrier: CarrierId::mint(invited_at, &mut self.entropy),
                    carrier_name: "north".to_owned(),
                }),
                sip_call_id: format!("carrier-{id}"),
                invited_at,
                post_dial_delay_ms: Some(800),
                status: 200,
                outcome: Some(AttemptOutcome::Answered),
                ended_after_ms: Some(2_000),
                cost: None,
            }],
            packets: (3_050, 3_049),
            trace: String::new(),
            partner: None,
            q850: None,
            packets_lost: (0, 1),
        }
    }
}

pub(crate) fn a_company(id: CompanyId) -> Company {
    Company {
        id,
        name: "Architects".to_owned(),
        country: "EE".parse().unwrap(),
        currency: Currency::USD,
        timezone: "Europe/Tallinn".to_owned(),
        suspended: false,
        deck: None,
        created_at: NOON,
    }
}

/// Stands in for the digest of `sip`: different for every user and password.
pub(crate) fn ha1(user: &str, password: &Password) -> Ha1 {
    let mut hashes = Ha1 { md5: [0; 16], sha256: [0; 32] };
    for (index, byte) in hashes.md5.iter_mut().chain(&mut hashes.sha256).enumerate() {
        let mut hasher = DefaultHasher::new();
        (index, user, password.reveal()).hash(&mut hasher);
        *byte = hasher.finish() as u8;
    }
    hashes
}

pub(crate) fn deck_row(prefix: &str, rate: &str) -> DeckRow {
    DeckRow {
        prefix: prefix.parse::<Prefix>().unwrap(),
        destination: format!("destination {prefix}"),
        rate: Decimal::from_str_exact(rate).unwrap(),
        fee: Decimal::from_str_exact("0.0390").unwrap(),
        minimum_s: 30,
        increment_s: 6,
        rounding: "up".to_owned(),
        scale: 2,
    }
}

/// CPU time of this thread, to the tick of 10 ms: what work costs, however busy the machine is (proc(5), utime and stime).
pub(crate) fn cpu_of_this_thread() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_ascii_whitespace().collect();
    Duration::from_millis([11, 12].iter().map(|field| fields[*field].parse::<u64>().unwrap() * 10).sum())
}
