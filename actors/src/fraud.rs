//! What a node keeps of fraud beside its profiles: what they had spent when it started, whom they knew, the breakers, and the thread that
//! writes down what is to outlive the process.
//!
//! What is suspicious is `switch::fraud`'s to say; what a release is, `backoffice`'s.

mod days;

pub(crate) use days::close_past;

use crate::core::Core;
use crate::desk::Desk;
use crate::mailbox::tell;
use crate::profile::Profile;
use crate::shell::Tell;
use dashmap::DashMap;
use domain::call_control::Proof;
use domain::credit::{Account, Code, Holder, Unit};
use domain::{CompanyId, Fact, Micros, Now, ProfileId, Refusal, Wall};
use ledger::{Ledger, LineKind, Lines, StatementQuery};
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;
use store::{Acquaintance, Signed, Store};
use switch::Directory;
use switch::fraud::{BreakerLimits, Breakers, Circuit, Memo, Memory, OpenBreaker};

/// Notes that wait for the disk at most; what comes beyond is told to the log alone.
const NOTES_MAX: usize = 4_096;
/// Lines of a statement that are read at once.
const LINES_AT_ONCE: usize = 1_000;
/// Lines of one profile's day that are read at most when the node starts: a hundred channels that tick every six seconds all day.
const LINES_MAX: usize = 1_500_000;
/// How often it is looked what is usual.
const USUAL_EVERY: Duration = Duration::from_hours(1);
/// How often it is seen whether it is time for that.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// So far back.
const USUAL_FROM: Duration = Duration::from_hours(7 * 24);
/// What is usual is known where the first call is at least this old.
const USUAL_AFTER: Duration = Duration::from_hours(24);
/// Who signs what the guard writes down.
const SIGNED: &str = "fraud";

/// Something for the thread.
enum Note {
    /// To be kept.
    Remember(ProfileId, Memo),
    /// A machine was born that nothing was read for: an earlier one was lost, or its profile is new.
    Recall(ProfileId),
    /// A breaker has opened.
    Opened(OpenBreaker),
    /// A profile has a cap that it had not: what was spent today counts too.
    Capped(ProfileId),
}

/// What the actors of one node share.
pub(crate) struct Fraud {
    /// What was read at the start, for machines that are not born yet.
    memories: DashMap<ProfileId, Memory>,
    breakers: Mutex<Breakers>,
    notes: SyncSender<Note>,
    waiting: Mutex<Option<Receiver<Note>>>,
}

impl Fraud {
    /// Reads what there is to know of every profile. Blocks.
    pub(crate) fn read(
        limits: (BreakerLimits, BreakerLimits),
        desk: &Desk,
        store: &Store,
        ledger: &Arc<dyn Ledger>,
        now: Now,
    ) -> Result<Fraud, store::Error> {
        let (notes, waiting) = sync_channel(NOTES_MAX);
        let memories = DashMap::new();
        close_past(ledger, companies(desk.directory()), now);
        for profile in desk.directory().profiles() {
            if profile.fraud.rules.daily_cap.is_some() {
                days::count_spent(profile.id, desk.directory(), ledger, now);
            }
            memories.insert(profile.id, memory(profile.id, desk.directory(), store, &**ledger, now)?);
        }
        let mut breakers = Breakers::new(limits.0, limits.1);
        breakers.set_own(store.breaker_limits()?);
        breakers.set_open(open_breakers(&store.breakers()?));
        learn_usual(&mut breakers, store, now)?;
        Ok(Fraud { memories, breakers: Mutex::new(breakers), notes, waiting: Mutex::new(Some(waiting)) })
    }

    /// Starts the thread. `reload` puts in force what was written.
    pub(crate) fn start(
        core: &Arc<Core>,
        store: Arc<Store>,
        reload: impl Fn() + Send + 'static,
    ) -> std::io::Result<()> {
        let Some(waiting) = core.fraud.waiting.lock().take() else { return Ok(()) };
        let core = Arc::downgrade(core);
        std::thread::Builder::new().name("fraud".to_owned()).spawn(move || {
            let mut looked_at = None;
            loop {
                let note = waiting.recv_timeout(LOOK_EVERY);
                let Some(core) = core.upgrade() else { return };
                let now = core.clock.now();
                match note {
                    Ok(note) => write(note, &core, &store, &reload),
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => return,
                }
                let looked = *looked_at.get_or_insert(now.monotonic);
                if now.monotonic.since(looked) >= USUAL_EVERY {
                    looked_at = Some(now.monotonic);
                    look_what_is_usual(&core, &store);
                    close_past(&core.ledger, companies(core.desk.load().directory()), now);
                }
            }
        })?;
        Ok(())
    }

    /// The machine of a profile is born.
    pub(crate) fn machine(&self, id: ProfileId, directory: Arc<Directory>, now: Now) -> switch::Profile {
        let machine = switch::Profile::new(id, directory);
        match self.memories.remove(&id) {
            Some((_, memory)) => machine.remembering(&memory, now),
            None => {
                self.note(Note::Recall(id));
                machine
            }
        }
    }

    /// The directory is another one: who has a cap that he had not is to count what he has spent.
    pub(crate) fn swapped(&self, before: &Directory, after: &Directory) {
        let has_cap = |entry: &Arc<switch::directory::Profile>| entry.fraud.rules.daily_cap.is_some();
        for profile in after.profiles().filter(|profile| has_cap(profile)) {
            if before.profile(profile.id).is_some_and(|before| !has_cap(before)) {
                self.note(Note::Capped(profile.id));
            }
        }
    }

    /// What counts today against the cap of a profile, where it has one. May ask Redis, and wait for it.
    pub(crate) fn counted(&self, id: ProfileId, core: &Core) -> Option<(u16, Micros)> {
        days::counted(id, core.desk.load().directory(), &*core.ledger, core.clock.now())
    }

    /// A machine wants something to be kept.
    pub(crate) fn remember(&self, id: ProfileId, memo: Memo) {
        self.note(Note::Remember(id, memo));
    }

    /// So much was captured for a call of this profile.
    pub(crate) fn spend(&self, id: ProfileId, amount: Micros, core: &Core) {
        let desk = core.desk.load();
        let directory = desk.directory();
        let Some(company) = directory.profile(id).and_then(|profile| directory.company(profile.company)) else {
            return;
        };
        let opened = self.breakers.lock().spend(company.id, company.currency, amount, core.clock.now());
        for breaker in opened {
            let circuit = breaker.circuit.to_string().into();
            core.tell(&Fact::BreakerOpened { circuit, because: Arc::clone(&breaker.because) });
            self.note(Note::Opened(breaker));
        }
    }

    /// Why a caller's paid calls are not placed, where they are not.
    pub(crate) fn check(&self, directory: &Directory, proof: &Proof) -> Option<Refusal> {
        let profile = match proof {
            Proof::Credentials(profile) => profile,
            Proof::Source(profiles) => profiles.first()?,
            Proof::Carrier(_) | Proof::Inside(_) => return None,
        };
        let company = directory.company(directory.profile(*profile)?.company)?;
        self.breakers.lock().check(company.id, company.currency).err()
    }

    /// The store's rows are in force.
    pub(crate) fn take_over(&self, rows: &[store::Breaker], own: BTreeMap<CompanyId, BreakerLimits>) {
        let mut breakers = self.breakers.lock();
        breakers.set_own(own);
        breakers.set_open(open_breakers(rows));
    }

    /// How many breakers are open, and how many of them nobody has answered.
    pub(crate) fn breakers(&self) -> (u64, u64) {
        let breakers = self.breakers.lock();
        let unanswered = breakers.open().filter(|breaker| !breaker.is_kept).count();
        (breakers.open().count() as u64, unanswered as u64)
    }

    fn note(&self, note: Note) {
        // What is left out holds in this process all the same.
        if self.notes.try_send(note).is_err() {
            tracing::error!("a note about fraud cannot be written down: the disk lags behind, or the node stops");
        }
    }
}

/// Those that have profiles.
fn companies(directory: &Directory) -> BTreeSet<CompanyId> {
    directory.profiles().map(|profile| profile.company).collect()
}

fn open_breakers(rows: &[store::Breaker]) -> Vec<OpenBreaker> {
    let open = rows.iter().filter_map(|row| {
        let circuit: Circuit = row.circuit.parse().ok()?;
        let because = row.because.as_str().into();
        Some(OpenBreaker { circuit, at: row.opened_at, because, is_kept: row.kept_by.is_some() })
    });
    open.collect()
}

/// What is known of a profile: whom it knew, by the store, and what it has spent today, by the ledger's lines of its account.
fn memory(
    id: ProfileId,
    directory: &Directory,
    store: &Store,
    ledger: &dyn Ledger,
    now: Now,
) -> Result<Memory, store::Error> {
    let spent = spent_today(id, directory, ledger, now);
    let mut memory = Memory { spent, counted: days::counted(id, directory, ledger, now), ..Memory::default() };
    for (known, at) in store.acquaintances(id)? {
        match known {
            Acquaintance::Destination(destination) => memory.called.push((destination, at)),
            Acquaintance::Network(network) => memory.came_from.push((network, at)),
        }
    }
    Ok(memory)
}

fn spent_today(id: ProfileId, directory: &Directory, ledger: &dyn Ledger, now: Now) -> Option<(Micros, Wall)> {
    let company = directory.company(directory.profile(id)?.company)?;
    let (day, unit) = (company.zone.day(now.wall), Unit::Money(company.currency));
    let account = Account { company: company.id, holder: Holder::Profile(id), unit };
    let (mut spent, mut before, mut read) = (Micros::ZERO, None, 0);
    loop {
        let query = StatementQuery {
            company: company.id,
            account: Some(account),
            lines: Lines::Posted,
            before,
            after: 0,
            limit: LINES_AT_ONCE,
        };
        let page = match ledger.statement(&query) {
            Ok(page) => page,
            Err(error) => {
                tracing::error!(profile.id = %id, %error, "what the profile has spent today cannot be read; its cap begins empty");
                return None;
            }
        };
        read += page.lines.len();
        let is_charge = |line: &&ledger::StatementLine| {
            line.at >= day.from
                && line.debit == account
                && line.code == Code::CallCharge
                && matches!(line.kind, LineKind::Post | LineKind::Capture)
        };
        spent += page.lines.iter().filter(is_charge).map(|line| Micros::new(line.amount)).sum();
        let is_older = page.lines.last().is_none_or(|line| line.at < day.from);
        before = page.next;
        if read >= LINES_MAX {
            tracing::error!(profile.id = %id, read, "the profile has more lines today than are read; its cap begins emptier than it is");
            break;
        }
        if is_older || before.is_none() {
            break;
        }
    }
    Some((spent, now.wall))
}

fn learn_usual(breakers: &mut Breakers, store: &Store, now: Now) -> Result<(), store::Error> {
    let mut house = BTreeMap::<_, Micros>::new();
    let known = store.dearest_hours(now.wall - USUAL_FROM)?;
    for (company, currency, dearest, first) in known.into_iter().filter(|(.., first)| *first + USUAL_AFTER <= now.wall)
    {
        let _: Wall = first;
        let company: CompanyId = company;
        breakers.set_usual(Circuit::Company(company), dearest);
        *house.entry(currency).or_default() += dearest;
    }
    for (currency, dearest) in house {
        breakers.set_usual(Circuit::House(currency), dearest);
    }
    Ok(())
}

fn look_what_is_usual(core: &Core, store: &Store) {
    if let Err(error) = learn_usual(&mut core.fraud.breakers.lock(), store, core.clock.now()) {
        tracing::error!(%error, "what is usual cannot be read; breakers go by what was known");
    }
}

fn write(note: Note, core: &Arc<Core>, store: &Store, reload: &impl Fn()) {
    let signed = Signed { by: SIGNED, at: core.clock.now().wall };
    let written = match note {
        Note::Remember(id, Memo::Called(destination, at)) => store.saw(id, Acquaintance::Destination(destination), at),
        Note::Remember(id, Memo::CameFrom(network, at)) => store.saw(id, Acquaintance::Network(network), at),
        Note::Remember(id, Memo::Suspended(suspension)) => {
            store.suspend_for_fraud(id, &suspension, signed).map(|()| reload())
        }
        Note::Opened(breaker) => {
            let signed = Signed { at: breaker.at, ..signed };
            store.open_breaker(&breaker.circuit.to_string(), &breaker.because, signed).map(|()| reload())
        }
        Note::Recall(id) => recall(id, core, store),
        Note::Capped(id) => {
            days::count_spent(id, core.desk.load().directory(), &core.ledger, core.clock.now());
            Ok(())
        }
    };
    if let Err(error) = written {
        tracing::error!(%error, "a note about fraud cannot be written down; it holds until the node stops");
    }
}

fn recall(id: ProfileId, core: &Arc<Core>, store: &Store) -> Result<(), store::Error> {
    let desk = core.desk.load_full();
    let memory = Box::new(memory(id, desk.directory(), store, &*core.ledger, core.clock.now())?);
    let event = switch::profile::Event::Recalled(memory);
    let _ = core.with_resident::<Profile, _>(id, |itself| tell(itself, Tell(event)));
    Ok(())
}
