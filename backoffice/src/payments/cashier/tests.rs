//! Stories of the cashier on a virtual clock, over a real store and a real ledger, with a provider that keeps its own books: whatever
//! gets lost, and wherever the process ends, as much is booked as was paid, once.
//!
//! What an answer means is told in `switch`.

use super::*;
use crate::Office;
use crate::office::{Parts, Settings};
use crate::payments::NewCompanyRecharge;
use crate::posting::{post, world_money};
use crate::switchboard::{Future, Switchboard};
use crate::text::Text;
use domain::credit::{Batch, BatchId, Code, Outcome};
use domain::payment::PaymentResult;
use domain::{Currency, PaymentId};
use ledger::Ledger;
use ledger::memory::MemoryLedger;
use parking_lot::Mutex;
use store::{Opening, SipUserPrefix, Store};
use tempfile::TempDir;

const NOON: Wall = Wall::from_unix_seconds(1_800_000_000);
const COOL_DOWN: Duration = Duration::from_hours(6);

/// A switch where nothing happens but that companies are topped up.
#[derive(Default)]
struct Quiet {
    topped_up: Mutex<Vec<CompanyId>>,
}

impl Switchboard for Quiet {
    fn fraud_standing(&self, _: domain::ProfileId) -> Future<'_, Option<switch::fraud::Standing>> {
        unreachable!()
    }

    fn live_calls(&self) -> Future<'_, Vec<switch::call::Live>> {
        Box::pin(async { Vec::new() })
    }
    fn live_call(&self, _: domain::CallId) -> Future<'_, Option<switch::call::Live>> {
        Box::pin(async { None })
    }
    fn live_trace(&self, _: domain::CallId) -> Future<'_, Option<switch::call::LiveTrace>> {
        Box::pin(async { None })
    }
    fn attempts(&self, _: domain::ProfileId) -> Vec<switch::attempts::Attempt> {
        Vec::new()
    }
    fn attempts_of_strangers(&self) -> Vec<switch::attempts::Attempt> {
        Vec::new()
    }
    fn rehearse(&self, _: switch::rehearsal::Hypothesis) -> Future<'_, switch::rehearsal::Rehearsal> {
        Box::pin(std::future::pending())
    }
    fn hang_up(&self, _: domain::CallId) -> bool {
        false
    }
    fn binding(&self, _: domain::ProfileId) -> Option<Arc<switch::registration::Binding>> {
        None
    }
    fn node_name(&self) -> String {
        "quiet".to_owned()
    }
    fn reload(&self) -> std::result::Result<Vec<String>, store::Error> {
        Ok(Vec::new())
    }
    fn profile_credited(&self, _: domain::ProfileId) {}

    fn company_topped_up(&self, company: CompanyId) {
        self.topped_up.lock().push(company);
    }
    fn listeners(&self) -> Vec<(domain::fact::Transport, std::net::SocketAddr)> {
        Vec::new()
    }
    fn is_ready(&self) -> bool {
        true
    }
    fn is_draining(&self) -> bool {
        false
    }
    fn carrier_standing(&self, _: domain::CarrierId) -> Option<switch::carrier::Standing> {
        None
    }
    fn carrier_enrolled(&self, _: domain::CarrierId) -> Option<switch::enrolment::Standing> {
        None
    }
    fn bans(&self) -> Vec<switch::guard::Ban> {
        Vec::new()
    }
    fn lift_ban(&self, _: switch::guard::Source) -> Option<switch::guard::Ban> {
        None
    }
    fn directory(&self) -> Arc<switch::Directory> {
        Arc::default()
    }
}

/// What the provider does with the next payment that it has not heard of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    Pays,
    Declines,
    SaysLater,
    /// Takes the money, and its answer is lost so many times.
    LosesAnswers(u32),
}

/// A provider with books of its own: what it took it took once.
struct Shop {
    mood: Mood,
    decided: BTreeMap<PaymentId, PaymentResult>,
    lost: u32,
    taken: Vec<PaymentId>,
}

impl Shop {
    fn ask(&mut self, payment: &Payment) -> PaymentAnswer {
        let is_new = !self.decided.contains_key(&payment.id);
        let result = match self.mood {
            Mood::Pays | Mood::LosesAnswers(_) => PaymentResult::Paid,
            Mood::Declines => PaymentResult::Declined,
            Mood::SaysLater => PaymentResult::Pending,
        };
        let decided = *self.decided.entry(payment.id).or_insert(result);
        if is_new && decided == PaymentResult::Paid {
            self.taken.push(payment.id);
        }
        if let Mood::LosesAnswers(times) = self.mood
            && self.lost < times
        {
            self.lost += 1;
            return PaymentAnswer::of(PaymentResult::Unknown, "lost");
        }
        PaymentAnswer::of(decided, "")
    }
}

struct World {
    office: Office,
    company: CompanyId,
    store: Arc<Store>,
    ledger: Arc<MemoryLedger>,
    clock: Arc<Mutex<Now>>,
    quiet: Arc<Quiet>,
    jobs: Arc<Mutex<VecDeque<Job>>>,
    facts: Arc<Mutex<Vec<String>>>,
    shop: Shop,
    cashier: Cashier,
    life: u8,
    _directory: TempDir,
}

fn cents(cents: i64) -> Text<Micros> {
    Text(Micros::from_cents(cents))
}

impl World {
    /// A company that pays 50.00 at 20.00 or less, and has this many cents.
    fn new(mood: Mood, balance: i64) -> World {
        let directory = tempfile::tempdir().unwrap();
        let store = Arc::new(
            Store::open(Opening {
                directory: directory.path(),
                sip_user_prefix: SipUserPrefix::default(),
                now: NOON,
                random: Box::new(|bytes| bytes.fill(7)),
            })
            .unwrap(),
        );
        let ledger = Arc::new(MemoryLedger::new());
        let clock = Arc::new(Mutex::new(Now { monotonic: Monotonic::from_micros(1_000), wall: NOON }));
        let quiet = Arc::new(Quiet::default());
        let reads = Arc::clone(&clock);
        let office = Office::open(Parts {
            store: Arc::clone(&store),
            ledger: Arc::clone(&ledger) as Arc<dyn Ledger>,
            switchboard: Arc::clone(&quiet) as Arc<dyn Switchboard>,
            clock: Arc::new(move || *reads.lock()),
            random: Box::new(|bytes| bytes.fill(7)),
            settings: Settings::default(),
        });
        let company = CompanyId::from_bits(5);
        let row = store::Company {
            id: company,
            name: "Aperture Bakery".to_owned(),
            country: "US".parse().unwrap(),
            currency: Currency::USD,
            timezone: "UTC".to_owned(),
            suspended: false,
            deck: None,
            created_at: NOON,
        };
        store.create_company(&row, Signed { by: "test", at: NOON }).unwrap();
        let agreed = store::CompanyRecharge {
            company,
            amount: cents(5_000).0,
            threshold: cents(2_000).0,
            day_max: cents(15_000).0,
            month_max: cents(100_000).0,
            method: Some("card-1".to_owned()),
            set_at: NOON,
        };
        store.set_company_recharge(company, Some(&agreed), Signed { by: "test", at: NOON }).unwrap();
        let jobs = Arc::<Mutex<VecDeque<Job>>>::default();
        let facts = Arc::<Mutex<Vec<String>>>::default();
        let shop = Shop { mood, decided: BTreeMap::new(), lost: 0, taken: Vec::new() };
        let cashier = cashier(&office, &jobs, &facts, 1);
        let life = 1;
        let mut world = World {
            office,
            company,
            store,
            ledger,
            clock,
            quiet,
            jobs,
            facts,
            shop,
            cashier,
            life,
            _directory: directory,
        };
        world.spend(-balance);
        world
    }

    /// The process ends, and another one begins on the same store and ledger. What was at the provider is not heard of.
    fn restart(&mut self) {
        self.life += 1;
        self.jobs.lock().clear();
        self.cashier = cashier(&self.office, &self.jobs, &self.facts, self.life);
    }

    /// Takes credit from the company, or gives it some.
    fn spend(&mut self, amount: i64) {
        let (company, world) = (company_money(self.company, Currency::USD), world_money(self.company, Currency::USD));
        let (debit, credit) = if amount > 0 { (company, world) } else { (world, company) };
        let transfers = vec![post(debit, credit, amount.abs() * 10_000, Code::Adjustment)];
        let sequence =
            u64::try_from(self.office.wall().as_unix_micros()).unwrap() + u64::from(self.life) + amount.unsigned_abs();
        let batch =
            Batch { id: BatchId { subject: 99, sequence }, company: self.company, at: NOON, transfers, memo: None };
        assert!(matches!(self.office.submit(batch), Outcome::Applied(_)));
    }

    fn balance(&self) -> i64 {
        self.ledger.balance(company_money(self.company, Currency::USD)).posted / 10_000
    }

    fn pass(&mut self, duration: Duration) {
        let now = &mut *self.clock.lock();
        *now = now.after(duration);
    }

    /// The provider's answers to all that it was asked until now reach the cashier.
    fn answer(&mut self) {
        let jobs: Vec<Job> = self.jobs.lock().drain(..).collect();
        for job in jobs {
            let (Job::Ask(payment) | Job::Cancel(payment)) = &job;
            let answer = self.shop.ask(payment);
            self.cashier.hear(payment.id, Event::Answered(answer));
        }
    }

    /// So many seconds in which everybody does what is to be done.
    fn run(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.cashier.look();
            self.answer();
            self.pass(Duration::from_secs(1));
        }
    }

    fn payments(&self) -> Vec<Payment> {
        self.store.payments(self.company, Wall::from_unix_micros(0)).unwrap()
    }

    fn states(&self) -> Vec<&'static str> {
        self.payments().iter().map(|payment| payment.state.as_str()).collect()
    }

    fn said(&self, what: &str) -> usize {
        self.facts.lock().iter().filter(|fact| *fact == what).count()
    }

    /// As much is booked as the provider took, once.
    #[track_caller]
    fn assert_booked_what_was_taken(&self, before: i64) {
        let taken = 5_000 * self.shop.taken.len() as i64;
        assert_eq!(self.balance(), before + taken, "{:?}", self.payments());
        assert!(self.ledger.verify().unwrap().is_clean());
    }
}

fn cashier(office: &Office, jobs: &Arc<Mutex<VecDeque<Job>>>, facts: &Arc<Mutex<Vec<String>>>, life: u8) -> Cashier {
    let (jobs, facts) = (Arc::clone(jobs), Arc::clone(facts));
    let tell = move |fact: &Fact| {
        if let Fact::CompanyRecharged { outcome, .. } = fact {
            facts.lock().push(format!("{outcome:?}"));
        }
    };
    let means = Means {
        hand_out: Box::new(move |job| {
            jobs.lock().push_back(job);
            true
        }),
        tell: Arc::new(tell),
        show_open: Arc::new(|_| {}),
        provider: "http",
        cool_down: COOL_DOWN,
    };
    Cashier::new(office.clone(), means, Entropy::from_seed([life; 16]))
}

/// A3, D-08.
#[test]
fn a_company_at_its_threshold_is_recharged_once_and_its_profiles_are_told() {
    let mut world = World::new(Mood::Pays, 2_001);
    world.run(3);
    assert!(world.payments().is_empty());
    world.spend(1);
    world.run(10);
    assert_eq!((world.states(), world.balance()), (vec!["booked"], 7_000));
    assert_eq!((world.said("Ok"), world.quiet.topped_up.lock().len()), (1, 1));
    world.assert_booked_what_was_taken(2_000);
}

/// A hundred looks while the provider thinks: one payment.
#[test]
fn while_a_payment_is_under_way_no_other_one_is_opened_by_itself() {
    let mut world = World::new(Mood::Pays, 0);
    for _ in 0..100 {
        world.cashier.look();
        world.pass(LOOK_EVERY);
    }
    assert_eq!((world.states(), world.jobs.lock().len()), (vec!["opened"], 1));
    world.answer();
    world.answer();
    assert_eq!((world.states(), world.balance()), (vec!["booked"], 5_000));
}

#[test]
fn two_nodes_with_the_same_thought_open_one_payment_and_book_it_once() {
    let mut world = World::new(Mood::Pays, 0);
    let mut other = cashier(&world.office, &world.jobs, &world.facts, 77);
    world.cashier.look();
    other.look();
    assert_eq!(world.states(), ["opened"]);
    world.pass(TAKE_UP_EVERY);
    other.look();
    let asked: Vec<Job> = world.jobs.lock().drain(..).collect();
    assert!(asked.len() >= 2, "both ask, under one key");
    for job in asked {
        let Job::Ask(payment) = &job else { continue };
        let answer = world.shop.ask(payment);
        other.hear(payment.id, Event::Answered(answer.clone()));
        world.cashier.hear(payment.id, Event::Answered(answer));
    }
    assert_eq!((world.states(), world.shop.taken.len()), (vec!["booked"], 1));
    world.assert_booked_what_was_taken(0);
}

#[test]
fn a_declined_company_is_left_alone_until_it_has_cooled_down_or_agrees_anew() {
    let mut world = World::new(Mood::Declines, 0);
    world.run(60);
    assert_eq!((world.states(), world.said("PaymentDeclined")), (vec!["declined"], 1));
    world.pass(COOL_DOWN);
    world.shop.mood = Mood::Pays;
    world.run(5);
    assert_eq!((world.states(), world.balance()), (vec!["declined", "booked"], 5_000));
    // Declined again, and then another card is given.
    world.shop.mood = Mood::Declines;
    world.spend(5_000);
    world.run(5);
    world.shop.mood = Mood::Pays;
    let anew = NewCompanyRecharge {
        enabled: true,
        amount: Some(cents(5_000)),
        threshold: Some(cents(2_000)),
        day_max: Some(cents(15_000)),
        month_max: None,
        method: Some("card-2".to_owned()),
    };
    let agreed = anew.checked(world.company, world.office.wall()).unwrap();
    world.store.set_company_recharge(world.company, Some(&agreed), Signed { by: "test", at: NOON }).unwrap();
    world.run(5);
    assert_eq!(world.states(), ["declined", "booked", "declined", "booked"]);
}

#[test]
fn answers_that_are_lost_are_asked_for_again_and_the_money_is_taken_and_booked_once() {
    let mut world = World::new(Mood::LosesAnswers(5), 0);
    world.run(150);
    assert_eq!((world.states(), world.shop.taken.len()), (vec!["booked"], 1));
    assert_eq!(world.payments()[0].attempts, 6);
    world.assert_booked_what_was_taken(0);
}

#[test]
fn a_notice_before_the_answer_and_an_answer_twice_book_once() {
    let mut world = World::new(Mood::Pays, 0);
    world.cashier.look();
    let Some(Job::Ask(payment)) = world.jobs.lock().pop_front() else { panic!("the provider is asked") };
    let paid = world.shop.ask(&payment);
    world.cashier.hear(payment.id, Event::Notified(paid.clone()));
    assert_eq!((world.states(), world.balance()), (vec!["booked"], 5_000));
    for event in [Event::Answered(paid.clone()), Event::Answered(paid.clone()), Event::Notified(paid)] {
        world.cashier.hear(payment.id, event);
    }
    world.run(5);
    world.assert_booked_what_was_taken(0);
}

#[test]
fn what_comes_later_comes_by_a_notice_or_is_asked_for() {
    let mut world = World::new(Mood::SaysLater, 0);
    world.run(40);
    assert_eq!(world.states(), ["pending"]);
    let id = world.payments()[0].id;
    world.shop.decided.insert(id, PaymentResult::Paid);
    world.shop.taken.push(id);
    world.run(60);
    assert_eq!(world.states(), ["booked"]);
    world.assert_booked_what_was_taken(0);
}

#[test]
fn no_more_is_paid_in_a_day_than_was_agreed_to_and_that_is_told_once() {
    let mut world = World::new(Mood::Pays, 0);
    for _ in 0..3 {
        world.run(5);
        world.spend(world.balance());
    }
    world.run(100);
    assert_eq!((world.states().len(), world.said("Failed")), (3, 1));
    world.pass(Duration::from_hours(24));
    world.run(5);
    assert_eq!(world.states().len(), 4);
}

/// Wherever the process ends, and however often: as much is booked as was taken.
#[test]
fn the_process_may_end_between_any_two_steps() {
    for mood in [Mood::Pays, Mood::LosesAnswers(1), Mood::SaysLater, Mood::Declines] {
        for steps in 0..14 {
            let mut world = World::new(mood, 0);
            world.cashier.fuse = Some(steps);
            world.run(20);
            world.restart();
            world.cashier.fuse = Some(steps / 2);
            world.run(20);
            world.restart();
            if mood == Mood::SaysLater {
                let open: Vec<PaymentId> = world.payments().iter().map(|payment| payment.id).collect();
                for id in open {
                    world.shop.decided.insert(id, PaymentResult::Paid);
                    world.shop.taken.push(id);
                }
            }
            world.run(90);
            let ended = if mood == Mood::Declines { "declined" } else { "booked" };
            if mood != Mood::SaysLater {
                assert_eq!(world.states(), [ended], "{mood:?}, after {steps} steps");
            }
            world.assert_booked_what_was_taken(0);
        }
    }
}
