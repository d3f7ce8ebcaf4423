//! The world that the stories stand on: a server with a store and a ledger of its own, and an operator who asks.
//!
//! Expectations do not live here.

use crate::client::{Answer, send};
use crate::switchboard::HandSwitchboard;
use backoffice::{Office, Parts, Settings, StartToken};
use domain::call_record::{Attempt, AttemptOutcome, CallDirection, CallRecord, CarrierNamed};
use domain::credit::{Account, Batch, BatchId, Code, Durability, HoldId, Holder, Kind, Outcome, Transfer, Unit};
use domain::{CallId, CarrierId, CompanyId, Currency, Entropy, Micros, Monotonic, Now, ProfileId, ReleaseCause, Wall};
use ledger::Ledger;
use ledger::memory::MemoryLedger;
use ledger::sqlite::SqliteLedger;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;
use store::{Opening, SipUserPrefix, Store};
use telemetry::{Build, Telemetry};
use tempfile::TempDir;
use web::{Services, WebSettings};

pub(crate) const NOON: Wall = Wall::from_unix_seconds(1_795_262_400);
pub(crate) const OPERATOR: &str = "an-operator-token-of-some-length-0123456789";
/// Bytes of a body at most in these stories.
pub(crate) const BODY_BYTES_MAX: usize = 16 * 1024;

pub(crate) enum Engine {
    Memory,
    Sqlite,
}

pub(crate) struct World {
    pub(crate) addr: SocketAddr,
    pub(crate) store: Arc<Store>,
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) switchboard: Arc<HandSwitchboard>,
    pub(crate) office: Office,
    pub(crate) scrapes: Arc<AtomicU32>,
    keys: AtomicU64,
    system: actix_web::rt::System,
    server: Option<JoinHandle<()>>,
    _directory: TempDir,
}

/// Chance that is the same in every run.
fn chance() -> backoffice::Random {
    let mut entropy = Entropy::from_seed([7; 16]);
    Box::new(move |bytes| {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&entropy.next_u64().to_be_bytes()[..chunk.len()]);
        }
    })
}

/// Each reading is a millisecond later.
fn clock() -> backoffice::Clock {
    let readings = AtomicI64::new(0);
    Arc::new(move || {
        let millis = readings.fetch_add(1, Ordering::Relaxed);
        let micros = millis * 1_000;
        Now {
            monotonic: Monotonic::from_micros(micros.unsigned_abs()),
            wall: Wall::from_unix_micros(NOON.as_unix_micros() + micros),
        }
    })
}

impl World {
    /// A world with the embedded ledger.
    pub(crate) fn new() -> World {
        World::with(Engine::Sqlite)
    }

    pub(crate) fn with(engine: Engine) -> World {
        let directory = TempDir::new().unwrap();
        let opening = Opening {
            directory: directory.path(),
            sip_user_prefix: SipUserPrefix::default(),
            now: NOON,
            random: chance(),
        };
        let store = Arc::new(Store::open(opening).unwrap());
        let ledger: Arc<dyn Ledger> = match engine {
            Engine::Memory => Arc::new(MemoryLedger::new()),
            Engine::Sqlite => {
                let mut settings = ledger::sqlite::Settings::new(directory.path().join("ledger.db"));
                settings.group_after = Duration::from_millis(1);
                settings.archive = Some(Arc::new(ledger::MemoryArchive::default()));
                Arc::new(SqliteLedger::open(settings).unwrap())
            }
        };
        let switchboard = Arc::new(HandSwitchboard::new(Arc::clone(&store)));
        let office = Office::open(Parts {
            store: Arc::clone(&store),
            ledger: Arc::clone(&ledger),
            switchboard: Arc::clone(&switchboard) as Arc<dyn backoffice::Switchboard>,
            clock: clock(),
            random: chance(),
            settings: Settings { domain: Some("sip.tandem.example".to_owned()), ..Settings::default() },
        });
        let token = StartToken { name: "operator".to_owned(), secret: OPERATOR.to_owned() };
        assert!(office.take_start_tokens(&[token]).unwrap().is_empty());
        let scrapes = Arc::new(AtomicU32::new(0));
        let (addr, system, server) = serve(office.clone(), Arc::clone(&scrapes));
        World {
            addr,
            store,
            ledger,
            switchboard,
            office,
            scrapes,
            keys: AtomicU64::new(0),
            system,
            server: Some(server),
            _directory: directory,
        }
    }

    // --- asking ---

    pub(crate) fn ask_as(&self, token: &str, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let bearer = format!("Bearer {token}");
        let key = format!("key-{}", self.keys.fetch_add(1, Ordering::Relaxed));
        let mut headers = vec![("Authorization", bearer.as_str())];
        if method == "POST" {
            headers.push(("Idempotency-Key", &key));
        }
        let text = body.map(Value::to_string).unwrap_or_default();
        if body.is_some() {
            headers.push(("Content-Type", "application/json"));
        }
        send(self.addr, method, &format!("/api/v1{path}"), &headers, text.as_bytes())
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask_as(OPERATOR, "GET", path, None)
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        self.ask_as(OPERATOR, "POST", path, Some(body))
    }

    pub(crate) fn patch(&self, path: &str, body: &Value) -> Answer {
        self.ask_as(OPERATOR, "PATCH", path, Some(body))
    }

    pub(crate) fn put(&self, path: &str, body: &Value) -> Answer {
        self.ask_as(OPERATOR, "PUT", path, Some(body))
    }

    pub(crate) fn delete(&self, path: &str) -> Answer {
        self.ask_as(OPERATOR, "DELETE", path, None)
    }

    /// An order under a key of the story's choice.
    pub(crate) fn order(&self, path: &str, key: &str, body: &Value) -> Answer {
        let bearer = format!("Bearer {OPERATOR}");
        let headers =
            [("Authorization", bearer.as_str()), ("Idempotency-Key", key), ("Content-Type", "application/json")];
        send(self.addr, "POST", &format!("/api/v1{path}"), &headers, body.to_string().as_bytes())
    }

    // --- what stories begin with ---

    /// A company; its identity.
    pub(crate) fn company(&self) -> String {
        let body = json!({"name": "Aperture Bakery", "country": "US", "currency": "USD"});
        text(&self.post("/companies", &body).ok(201)["id"])
    }

    /// A company with credit.
    pub(crate) fn funded(&self, amount: &str) -> String {
        let company = self.company();
        self.post(&format!("/companies/{company}/credit"), &json!({"amount": amount})).ok(200);
        company
    }

    /// A profile; its identity.
    pub(crate) fn profile(&self, company: &str, channels: i64) -> String {
        let body = json!({"company": company, "name": "Main office", "channels": channels});
        text(&self.post("/profiles", &body).ok(201)["id"])
    }

    /// A profile with credit.
    pub(crate) fn paid_profile(&self, company: &str, amount: &str) -> String {
        let profile = self.profile(company, 10);
        self.post(&format!("/profiles/{profile}/credit"), &json!({"amount": amount})).ok(200);
        profile
    }

    /// A token that is bound to a company; its secret.
    pub(crate) fn company_token(&self, company: &str) -> String {
        text(&self.post("/tokens", &json!({"name": "billing", "company": company})).ok(201)["secret"])
    }

    /// Holds a channel and money of a profile, as a call does.
    pub(crate) fn hold(&self, company: &str, profile: &str, money: Micros) {
        let (company, profile): (CompanyId, ProfileId) = (id(company), id(profile));
        let account = |holder, unit| Account { company, holder, unit };
        let subject = u128::from(self.keys.fetch_add(1, Ordering::Relaxed)) + 1;
        let hold = |number, unit, amount| Transfer {
            kind: Kind::Hold {
                hold: HoldId { subject, number },
                debit: account(Holder::Profile(profile), unit),
                credit: account(Holder::Revenue, unit),
                amount,
                until: NOON,
            },
            code: Code::CallCharge,
        };
        let transfers = vec![hold(0, Unit::Channels, 1), hold(1, Unit::Money(Currency::USD), money.get())];
        let batch = Batch { id: BatchId { subject, sequence: 0 }, company, at: NOON, transfers, memo: None };
        assert!(matches!(self.submit(batch), Outcome::Applied(_)));
    }

    pub(crate) fn submit(&self, batch: Batch) -> Outcome {
        let (sender, receiver) = mpsc::sync_channel(1);
        self.ledger.submit(batch, Durability::BeforeAnswer, Box::new(move |outcome| sender.send(outcome).unwrap()));
        receiver.recv_timeout(Duration::from_secs(20)).unwrap()
    }

    /// A record of a call of 61 s, lying in the store.
    pub(crate) fn record(&self, company: &str, profile: &str, change: impl FnOnce(&mut CallRecord)) -> CallId {
        let number = self.keys.fetch_add(1, Ordering::Relaxed);
        let invited_at = NOON + Duration::from_secs(number);
        let call = CallId::from_bits(0x7000_0000 + u128::from(number));
        let mut record = CallRecord {
            id: call,
            company: id(company),
            profile: id(profile),
            direction: CallDirection::Outbound,
            came_from: None,
            dialled: "+37255501234".to_owned(),
            callee: Some(id("+37255501234")),
            caller_id: Some(id("+12025550199")),
            destination: "Estonia".to_owned(),
            invited_at,
            rang_at: Some(invited_at + Duration::from_secs(1)),
            answered_at: Some(invited_at + Duration::from_secs(2)),
            ended_at: invited_at + Duration::from_secs(63),
            talked_ms: 61_000,
            billed_s: 66,
            rate_per_minute: Micros::from_cents(2),
            connection_fee: Micros::ZERO,
            priced: None,
            amount: Micros::from_cents(3),
            written_off: Micros::ZERO,
            currency: Currency::USD,
            cause: ReleaseCause::Normal,
            refusal: None,
            sentence: None,
            status: 200,
            sip_call_id: format!("caller-{number}"),
            attempts: vec![Attempt {
                carrier: Some(CarrierNamed { carrier: CarrierId::from_bits(9), carrier_name: "north".to_owned() }),
                sip_call_id: format!("carrier-{number}"),
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
        };
        change(&mut record);
        self.store.insert_records(&[(number + 1, record)]).unwrap();
        call
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.system.stop();
        if let Some(server) = self.server.take() {
            let ended = server.join();
            if !std::thread::panicking() {
                ended.unwrap();
            }
        }
    }
}

fn serve(office: Office, scrapes: Arc<AtomicU32>) -> (SocketAddr, actix_web::rt::System, JoinHandle<()>) {
    let (sender, receiver) = mpsc::sync_channel(1);
    let server = std::thread::spawn(move || {
        let build = Build { version: "test", revision: "test", rustc: "test" };
        let services = Services {
            office,
            telemetry: Arc::new(Telemetry::install(build).unwrap()),
            before_scrape: Arc::new(move || _ = scrapes.fetch_add(1, Ordering::Relaxed)),
        };
        let system = actix_web::rt::System::new();
        let settings =
            WebSettings { listen: SocketAddr::from(([127, 0, 0, 1], 0)), workers: 1, body_bytes_max: BODY_BYTES_MAX };
        let running = system.block_on(async { web::serve(settings, services).unwrap() });
        sender.send((running.addr, actix_web::rt::System::current())).unwrap();
        system.run().unwrap();
    });
    let (addr, system) = receiver.recv().unwrap();
    (addr, system, server)
}

/// Anything by its text.
pub(crate) fn id<T: FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

/// A text of an answer.
#[track_caller]
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}
