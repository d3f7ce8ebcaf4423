//! A switch by hand: its calls and bindings are what the story says; its directory is what the store says.
//!
//! It obeys the laws of the real one: a call that it does not have cannot be hung up, and a change is in force after a reload only.

use crate::world::NOON;
use backoffice::{Future, Switchboard};
use domain::credit::Outcome;
use domain::fact::Transport;
use domain::{CallId, CarrierId, CompanyId, Entropy, Monotonic, Now, ProfileId, Wall};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use store::Store;
use switch::Directory;
use switch::attempts::Attempt;
use switch::call::{Live, LiveTrace, Opening};
use switch::carrier::Standing;
use switch::directory::Company;
use switch::guard::{Ban, Source};
use switch::registration::Binding;
use switch::rehearsal::{Hypothesis, Rehearsal, Want};

pub(crate) struct HandSwitchboard {
    pub(crate) store: Arc<Store>,
    pub(crate) live: Mutex<Vec<Live>>,
    pub(crate) bindings: Mutex<BTreeMap<ProfileId, Arc<Binding>>>,
    pub(crate) traces: Mutex<BTreeMap<CallId, LiveTrace>>,
    /// Of profiles, and of strangers.
    pub(crate) attempts: Mutex<BTreeMap<Option<ProfileId>, Vec<Attempt>>>,
    pub(crate) topped_up: Mutex<Vec<CompanyId>>,
    pub(crate) credited: Mutex<Vec<ProfileId>>,
    pub(crate) reloads: AtomicU32,
    pub(crate) is_ready: AtomicBool,
    pub(crate) is_draining: AtomicBool,
    pub(crate) reload_fails: AtomicBool,
    pub(crate) bans: Mutex<Vec<Ban>>,
    directory: Mutex<Arc<Directory>>,
}

impl HandSwitchboard {
    pub(crate) fn new(store: Arc<Store>) -> HandSwitchboard {
        HandSwitchboard {
            store,
            live: Mutex::default(),
            bindings: Mutex::default(),
            traces: Mutex::default(),
            attempts: Mutex::default(),
            topped_up: Mutex::default(),
            credited: Mutex::default(),
            reloads: AtomicU32::new(0),
            is_ready: AtomicBool::new(true),
            is_draining: AtomicBool::new(false),
            reload_fails: AtomicBool::new(false),
            bans: Mutex::default(),
            directory: Mutex::default(),
        }
    }

    fn read_directory(&self) -> Directory {
        let everything = self.store.snapshot(NOON).unwrap();
        let mut builder = Directory::builder().echo_code("+17605550100");
        for company in &everything.companies {
            let versions = everything.decks_of(company).into_iter().map(|(from, deck)| {
                let rows = everything.decks.iter().find(|(_, other, _)| other.id == deck.id);
                (from, Arc::new(deck.with_rows(&rows.unwrap().2).unwrap()))
            });
            let deck = rating::Schedule::new(versions.collect());
            builder = builder.company(Company {
                id: company.id,
                country: company.country.as_str().parse().unwrap(),
                currency: company.currency,
                suspended: company.suspended,
                deck,
                zone: Default::default(),
            });
        }
        let (directory, faults) = builder.build();
        assert!(faults.is_empty(), "{faults:?}");
        directory
    }
}

impl Switchboard for HandSwitchboard {
    /// No machine of a profile is behind it.
    fn fraud_standing(&self, _: ProfileId) -> Future<'_, Option<switch::fraud::Standing>> {
        Box::pin(async { None })
    }

    fn live_calls(&self) -> Future<'_, Vec<Live>> {
        Box::pin(async { self.live.lock().unwrap().clone() })
    }

    fn live_call(&self, call: CallId) -> Future<'_, Option<Live>> {
        Box::pin(async move { self.live.lock().unwrap().iter().find(|live| live.id == call).cloned() })
    }

    fn live_trace(&self, call: CallId) -> Future<'_, Option<LiveTrace>> {
        Box::pin(async move { self.traces.lock().unwrap().get(&call).cloned() })
    }

    fn attempts(&self, profile: ProfileId) -> Vec<Attempt> {
        self.attempts.lock().unwrap().get(&Some(profile)).cloned().unwrap_or_default()
    }

    fn attempts_of_strangers(&self) -> Vec<Attempt> {
        self.attempts.lock().unwrap().get(&None).cloned().unwrap_or_default()
    }

    fn node_name(&self) -> String {
        "main".to_owned()
    }

    /// There is no node behind it: the machines of nobody's calls are new, and the ledger grants everything.
    fn rehearse(&self, hypothesis: Hypothesis) -> Future<'_, Rehearsal> {
        Box::pin(async move {
            let directory = self.directory();
            let now = Now { monotonic: Monotonic::from_micros(1), wall: Wall::from_unix_seconds(1_795_262_400) };
            let own = "192.0.2.10:5060".parse().unwrap();
            let invitation = match hypothesis.invitation(&directory) {
                Ok(invitation) => invitation,
                Err(stranger) => return Rehearsal::of_stranger(stranger.0, stranger.1, own, now),
            };
            let entropy = Entropy::from_seed([1; 16]);
            let id = CallId::from_bits(1);
            let opening = Opening {
                id,
                invitation,
                directory: Arc::clone(&directory),
                binding: None,
                partner: None,
                gate: None,
                breaker: None,
            };
            let mut rehearsal = Rehearsal::open(opening, own, entropy, now);
            while let Some(want) = rehearsal.wants() {
                match want {
                    Want::Profile(id) => {
                        rehearsal.lend_profile(switch::Profile::new(id, Arc::clone(&directory)));
                    }
                    Want::Carrier(id) => {
                        rehearsal.lend_carrier(switch::Carrier::new(id, Arc::clone(&directory), now));
                    }
                    Want::Post(_) => rehearsal.ledger_says(Outcome::Applied(Vec::new())),
                    Want::Sound(_) => rehearsal.sound_opens(Ok(())),
                    Want::Reach(_) => rehearsal.reaches(Ok(())),
                }
            }
            rehearsal
        })
    }

    fn hang_up(&self, call: CallId) -> bool {
        let mut live = self.live.lock().unwrap();
        let before = live.len();
        live.retain(|live| live.id != call);
        live.len() < before
    }

    fn binding(&self, profile: ProfileId) -> Option<Arc<Binding>> {
        self.bindings.lock().unwrap().get(&profile).cloned()
    }

    fn reload(&self) -> Result<Vec<String>, store::Error> {
        if self.reload_fails.load(Ordering::Relaxed) {
            return Err(store::Error::NotFound { what: "disk", id: "at all".to_owned() });
        }
        *self.directory.lock().unwrap() = Arc::new(self.read_directory());
        self.reloads.fetch_add(1, Ordering::Relaxed);
        Ok(Vec::new())
    }

    fn company_topped_up(&self, company: CompanyId) {
        self.topped_up.lock().unwrap().push(company);
    }

    fn profile_credited(&self, profile: ProfileId) {
        self.credited.lock().unwrap().push(profile);
    }

    fn listeners(&self) -> Vec<(Transport, SocketAddr)> {
        let address = "192.0.2.10:5060".parse().unwrap();
        vec![(Transport::Udp, address), (Transport::Tcp, address)]
    }

    fn is_ready(&self) -> bool {
        self.is_ready.load(Ordering::Relaxed)
    }

    fn is_draining(&self) -> bool {
        self.is_draining.load(Ordering::Relaxed)
    }

    fn carrier_enrolled(&self, _: CarrierId) -> Option<switch::enrolment::Standing> {
        None
    }

    fn carrier_standing(&self, _: CarrierId) -> Option<Standing> {
        None
    }

    fn bans(&self) -> Vec<Ban> {
        self.bans.lock().unwrap().clone()
    }

    fn lift_ban(&self, source: Source) -> Option<Ban> {
        let mut bans = self.bans.lock().unwrap();
        let place = bans.iter().position(|ban| ban.source == source)?;
        Some(bans.remove(place))
    }

    fn directory(&self) -> Arc<Directory> {
        Arc::clone(&self.directory.lock().unwrap())
    }
}
