//! The courier: one thread that takes what is asked, in rounds, to the journal (is it new? is it written down?), to Redis, and back
//! to the journal, which answers. Nobody else asks Redis, so journal and Redis see one order.
//!
//! Two batches about one subject never travel together: the later one waits until the earlier is answered. So a call's batches keep
//! their order, and what the journal says of a name stays true on the way.
//!
//! Where the connection breaks, a round waits a little for the next one and is sent again: an outcome that was lost on the way is
//! told again under its id. Given up, it is answered [`Outcome::Unavailable`], and what Redis may have done of it is undone when the
//! connection is back: what the journal does not have has not happened.

mod collecting;
mod laying;
mod reconnecting;

pub(super) use collecting::Pace;

use super::asking::{self, Answer};
use super::laying as parts;
use super::link::{self, Link, Lost};
use super::queue::{Asked, Shared};
use super::seen::{Failure, Op, Seen};
use super::settings::{LOOKED_AT, ROUND, Settings};
use super::start::{self, Begun, Part};
use crate::api::{Ledger, Reply};
use crate::sqlite::Look;
use domain::CompanyId;
use domain::credit::{Batch, BatchRefusal, Durability, Kind, Outcome, RefusedBecause};
use redis::Value;
use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How often a round may lose its connection, and a batch be sent again for another reason, before it is given up.
const TRIES: u32 = 3;

/// A batch on its way, with what the journal said of it.
struct Sent {
    asked: Asked,
    ended_names: u32,
    intent: Option<u64>,
    tries: u32,
}

/// What became of a decision.
enum Followed {
    /// It stands in the journal.
    Well,
    /// The journal says otherwise: Redis is to be made what it says.
    Otherwise,
    /// It contradicts what this node has open, and was not followed: it is to be asked again.
    Not(Asked),
}

/// What the thread works with.
pub(super) struct Courier {
    shared: Arc<Shared>,
    link: Option<Link>,
    /// The mark of this connection in every company's keys. What an earlier one sent and Redis had not read yet when it broke is
    /// refused by it: nothing is done behind our back.
    life: String,
    connections: u64,
    /// For whose parts this node cares too, where they are dead.
    settings: Settings,
    /// Of each company in which this life has laid its part.
    parts: BTreeMap<CompanyId, Part>,
    /// Layings of this life.
    layings: u64,
    /// Taken from the queue, and behind an earlier batch of the same subject.
    waiting: VecDeque<Asked>,
    /// Their intents are being written.
    awaiting: VecDeque<Sent>,
    next_intent: u64,
    /// The last round made way for others: there may be more that may go.
    has_more: bool,
    /// The companies in which others need this node's part.
    called: BTreeSet<CompanyId>,
    /// Whose parts were missing since this node laid its own: each is told of once.
    missed: BTreeSet<(CompanyId, String)>,
    /// Answered since the queue was told last.
    answered: usize,
    patience: Duration,
    /// Whether it waits for what comes, or is called when something has come.
    pace: Pace,
    /// A later process has this node's journal, or a copy of it: this one may charge nobody any more.
    is_fenced_off: bool,
}

impl Courier {
    pub(super) fn new(shared: Arc<Shared>, begun: Begun, settings: Settings, pace: Pace) -> Self {
        let patience = settings.away_patience;
        Self {
            shared,
            link: Some(begun.link),
            life: begun.life,
            connections: 0,
            settings,
            parts: begun.parts,
            layings: 0,
            waiting: VecDeque::new(),
            awaiting: VecDeque::new(),
            next_intent: begun.next_intent,
            has_more: false,
            called: BTreeSet::new(),
            missed: BTreeSet::new(),
            answered: 0,
            patience,
            pace,
            is_fenced_off: false,
        }
    }

    /// What may go now: the batches whose intents are written, and of the others those that need none and are first of their
    /// subjects.
    fn form_round(&mut self, written: VecDeque<(u64, bool)>) -> Vec<Sent> {
        let mut round = Vec::new();
        let mut busy: HashSet<u128> = HashSet::new();
        let makes_way = !written.is_empty();
        for (_, is_written) in written {
            // They are written in the order in which they were intended.
            let Some(sent) = self.awaiting.pop_front() else { break };
            busy.extend(subjects(&sent.asked.batch));
            match is_written {
                true => round.push(sent),
                false => self.answer(sent.asked.reply, Outcome::Unavailable),
            }
        }
        self.awaiting.iter().for_each(|sent| busy.extend(subjects(&sent.asked.batch)));
        let mut behind = VecDeque::new();
        for _ in 0..LOOKED_AT {
            if round.len() >= ROUND {
                break;
            }
            let Some(asked) = self.waiting.pop_front() else { break };
            let about = subjects(&asked.batch);
            let is_first = !about.iter().any(|subject| busy.contains(subject));
            if !is_first {
                busy.extend(about);
                behind.push_back(asked);
                continue;
            }
            if let Some(sent) = self.look(asked, &mut busy, about) {
                round.push(sent);
            }
        }
        while let Some(asked) = behind.pop_back() {
            self.waiting.push_front(asked);
        }
        self.has_more = !self.waiting.is_empty() && (makes_way || !round.is_empty());
        round
    }

    /// Answers what needs nobody else, has an intent written where money moves, and gives back what may go at once.
    fn look(&mut self, asked: Asked, busy: &mut HashSet<u128>, about: Vec<u128>) -> Option<Sent> {
        let ended_names = match self.shared.journal.look(&asked.batch) {
            Look::Own => {
                let Asked { batch, durability, reply } = asked;
                self.answered += 1;
                self.shared.journal.submit(batch, durability, reply);
                return None;
            }
            Look::NoRoom => {
                self.answer(asked.reply, Outcome::Unavailable);
                return None;
            }
            Look::New { ended_names } => ended_names,
        };
        if self.link.is_none() {
            self.answer(asked.reply, Outcome::Unavailable);
            return None;
        }
        busy.extend(about);
        if !moves_money(&asked.batch) {
            return Some(Sent { asked, ended_names, intent: None, tries: 0 });
        }
        let number = self.next_intent;
        self.next_intent += 1;
        let (batch, durability) = (asked.batch.clone(), asked.durability);
        self.awaiting.push_back(Sent { asked, ended_names, intent: Some(number), tries: 0 });
        let shared = Arc::clone(&self.shared);
        let on_written = move |outcome| {
            shared.queue.lock().written.push_back((number, outcome != Outcome::Unavailable));
            shared.work.notify_one();
        };
        self.shared.journal.intend(number, batch, durability, Box::new(on_written));
        None
    }

    /// Sends a round until each of it is answered or given up.
    fn play(&mut self, mut round: Vec<Sent>) {
        let last_intent = round.iter().filter_map(|sent| sent.intent).max();
        let mut losses = 0;
        while !round.is_empty() {
            let in_flight = in_flight(&round);
            if self.link.is_none() && !self.wait_for_link(&in_flight) {
                break;
            }
            round = match self.send(&round) {
                Ok(answers) => self.on_answers(round, answers),
                Err(lost) => {
                    self.lose(&lost);
                    losses += 1;
                    if losses >= TRIES {
                        break;
                    }
                    round
                }
            };
        }
        if !round.is_empty() {
            self.shared.set_up(false);
            tracing::warn!(batches = round.len(), "Redis is away: these batches are answered as unavailable");
        }
        for sent in round {
            self.answer(sent.asked.reply, Outcome::Unavailable);
        }
        if let Some(number) = last_intent {
            self.shared.journal.settle_intents(number);
        }
    }

    fn send(&mut self, round: &[Sent]) -> Result<Vec<Value>, Lost> {
        let strangers: BTreeSet<CompanyId> = round.iter().map(|sent| sent.asked.batch.company).collect();
        for company in strangers {
            if !self.parts.contains_key(&company) {
                self.lay(company)?;
            }
        }
        let node = &self.shared.identity.node;
        let Some(link) = &mut self.link else { return Err(Lost("there is no connection".to_owned())) };
        let ask = |sent: &Sent| {
            asking::ask(&link.sha, node, &self.life, &sent.asked.batch, sent.asked.durability, sent.ended_names)
        };
        let mut commands: Vec<_> = round.iter().map(ask).collect();
        // Whoever waits for a part of this node's waits no longer than a round.
        commands.push(parts::listen(node));
        let mut said = link.run(Op::Script, &commands)?;
        self.called.extend(said.pop().iter().flat_map(parts::heard));
        Ok(said)
    }

    /// Hands each answer to the journal; gives back what must be sent again.
    fn on_answers(&mut self, round: Vec<Sent>, answers: Vec<Value>) -> Vec<Sent> {
        let mut again = Vec::new();
        let mut dirty: BTreeSet<CompanyId> = BTreeSet::new();
        let mut needy: BTreeMap<CompanyId, Vec<String>> = BTreeMap::new();
        let mut held_up = Vec::new();
        let mut must_reload = false;
        for (mut sent, said) in round.into_iter().zip(answers) {
            let company = sent.asked.batch.company;
            if link::is_no_script(&said) {
                must_reload = true;
            } else {
                match asking::answer(company, &said) {
                    Answer::Decided { outcome, is_shared } => match self.follow(sent.asked, outcome, is_shared) {
                        Followed::Well => continue,
                        Followed::Otherwise => {
                            dirty.insert(company);
                            continue;
                        }
                        Followed::Not(asked) => {
                            sent.asked = asked;
                            dirty.insert(company);
                        }
                    },
                    Answer::Elsewhere(first) => {
                        let outcome = first.map_or(OF_ANOTHER_BODY, |first| Outcome::Replayed(Box::new(first)));
                        self.answer(sent.asked.reply, outcome);
                        continue;
                    }
                    Answer::Missing(nodes) => {
                        needy.insert(company, nodes);
                        held_up.push(sent);
                        continue;
                    }
                    Answer::Recovering => {
                        dirty.insert(company);
                    }
                    Answer::Different => {
                        self.disagree(company, "it knows the batch's id with another body");
                        dirty.insert(company);
                    }
                    // An earlier connection of ours.
                    Answer::Taken(life) if life.starts_with(&start::life_of_process(&self.shared.identity)) => {
                        dirty.insert(company);
                    }
                    Answer::Taken(life) if life.starts_with(&self.shared.identity.node) => {
                        self.fence_off();
                    }
                    Answer::Taken(life) => {
                        // The next connection finds out whose it is, and says so.
                        self.lose(&Lost(format!("{life} writes {company}")));
                    }
                    Answer::Broken(what) if is_full(&said) => {
                        self.shared.watch.failed(Failure::Refused);
                        tracing::error!(%what, "Redis has no memory left: raise maxmemory; nothing is granted until then");
                        self.answer(sent.asked.reply, Outcome::Unavailable);
                        continue;
                    }
                    Answer::Broken(what) => {
                        self.shared.watch.failed(Failure::Script);
                        self.disagree(company, &what);
                        dirty.insert(company);
                    }
                }
            }
            sent.tries += 1;
            match sent.tries < TRIES {
                true => again.push(sent),
                false => self.answer(sent.asked.reply, Outcome::Unavailable),
            }
        }
        let repaired = dirty.into_iter().try_for_each(|company| self.lay(company));
        let gathered = needy.into_iter().try_fold(BTreeSet::new(), |mut whole, (company, nodes)| {
            if self.gather(company, &nodes)? {
                whole.insert(company);
            }
            Ok(whole)
        });
        let repaired = repaired.and(gathered).map(|whole| {
            for mut sent in held_up {
                sent.tries += 1;
                match whole.contains(&sent.asked.batch.company) && sent.tries < TRIES {
                    true => again.push(sent),
                    false => self.answer(sent.asked.reply, Outcome::Unavailable),
                }
            }
        });
        let called = std::mem::take(&mut self.called);
        let repaired = repaired.and_then(|()| called.into_iter().try_for_each(|company| self.lay(company)));
        let reloaded = match (&mut self.link, must_reload) {
            (Some(link), true) => link.reload(),
            _ => Ok(()),
        };
        if let Err(lost) = repaired.and(reloaded) {
            self.lose(&lost);
        }
        again
    }

    /// Lets the journal do what Redis has decided. Where nobody else has part in the company it decides by itself, and must agree; otherwise
    /// it takes what was decided by the totals, unless that contradicts the holds that are open here.
    fn follow(&mut self, asked: Asked, decided: Outcome, is_shared: bool) -> Followed {
        let Asked { batch, durability, reply } = asked;
        let (company, id) = (batch.company, batch.id);
        let changes = u64::from(matches!(decided, Outcome::Applied(_)) || durability == Durability::BeforeAnswer);
        let followed = match is_shared {
            false => self.shared.journal.follow(batch, durability, reply),
            true => match self.shared.journal.follow_shared(batch, durability, reply, &decided) {
                Ok(followed) => followed,
                Err(given_back) => {
                    let (batch, reply) = *given_back;
                    self.disagree(company, &format!("{}: it said {decided:?}, which is not so here", asking::id(id)));
                    return Followed::Not(Asked { batch, durability, reply });
                }
            },
        };
        if let Some(part) = self.parts.get_mut(&company) {
            part.changes += changes;
        }
        self.answered += 1;
        if followed == decided || followed == Outcome::Unavailable {
            if let (true, Outcome::Applied(totals)) = (is_shared, decided) {
                self.shared.last_known.lock().extend(totals);
            }
            return Followed::Well;
        }
        self.disagree(company, &format!("{}: it said {decided:?}, the journal {followed:?}", asking::id(id)));
        Followed::Otherwise
    }

    fn disagree(&self, company: CompanyId, what: &str) {
        self.shared.disagreements.fetch_add(1, Ordering::Relaxed);
        self.shared.watch.tell(Seen::Disagreed);
        tracing::error!(company = %company, what, "Redis is not what the journal says; it is made so");
    }

    fn answer(&mut self, reply: Reply, outcome: Outcome) {
        self.answered += 1;
        reply(outcome);
    }
}

/// The answer to an id under which another node was asked for something else.
const OF_ANOTHER_BODY: Outcome = Outcome::Refused(BatchRefusal { transfer: 0, because: RefusedBecause::DifferentBody });

/// What a batch is about: its own subject and those of the holds that it names.
fn subjects(batch: &Batch) -> Vec<u128> {
    let mut subjects = vec![batch.id.subject];
    for transfer in &batch.transfers {
        if let Kind::Hold { hold, .. } | Kind::Capture { hold, .. } | Kind::Release { hold } | Kind::Extend { hold, .. } =
            transfer.kind
            && !subjects.contains(&hold.subject)
        {
            subjects.push(hold.subject);
        }
    }
    subjects
}

/// Whether a batch captures or posts: then it is written down before it is sent.
fn moves_money(batch: &Batch) -> bool {
    batch.transfers.iter().any(|transfer| {
        matches!(transfer.kind, Kind::Post { .. } | Kind::PostIfAvailableAtMost { .. } | Kind::Capture { .. })
    })
}

/// How many batches of each company a round has.
fn in_flight(round: &[Sent]) -> BTreeMap<CompanyId, u64> {
    let mut companies = BTreeMap::new();
    round.iter().for_each(|sent| *companies.entry(sent.asked.batch.company).or_default() += 1);
    companies
}

fn is_full(said: &Value) -> bool {
    matches!(said, Value::ServerError(error) if error.code() == "OOM")
}
