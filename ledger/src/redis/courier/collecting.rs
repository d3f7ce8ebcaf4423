//! The courier's rounds: what there is to do is taken, done and answered, again and again; in a thread of its own, or step by step where
//! somebody else says when. What is done with it is [`super`]'s.

use super::Courier;
use crate::redis::audit::Audited;
use crate::redis::queue::{Query, Queue, Stop};
use crate::redis::settings::LISTEN_EVERY;
use domain::credit::Outcome;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

/// Who says when the courier works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::redis) enum Pace {
    /// It has a thread, waits for work, and calls a Redis that is away until it answers.
    Threaded,
    /// Each step is ordered, and does all that can be done at that moment; time is the orderer's. A Redis that is away is called once
    /// each time that its answer matters.
    Stepped,
}

/// What there is to do, beside what is asked.
struct Collected {
    stop: Stop,
    written: VecDeque<(u64, bool)>,
    audits: Vec<SyncSender<Result<Audited, String>>>,
    queries: Vec<Query>,
}

impl Courier {
    /// Until the ledger is closed or abandoned.
    pub(in crate::redis) fn run(mut self) {
        while self.turn() {}
    }

    /// All that can be done now; false where there is nothing more to do for ever.
    pub(in crate::redis) fn step(&mut self) -> bool {
        loop {
            if !self.turn() {
                return false;
            }
            if !self.awaiting.is_empty() {
                self.wait_for_intents();
            } else if !self.has_more && self.shared.queue.lock().is_empty() {
                self.shared.queue.lock().in_all -= std::mem::take(&mut self.answered);
                return true;
            }
        }
    }

    /// What is asked, once: to the journal and to Redis. False where the ledger is closed or abandoned.
    fn turn(&mut self) -> bool {
        let Collected { stop, written, audits, queries } = self.collect();
        if stop == Stop::Abandoned {
            self.abandon();
            return false;
        }
        let round = self.form_round(written);
        if stop == Stop::Closed && round.is_empty() && self.waiting.is_empty() && self.awaiting.is_empty() {
            return false;
        }
        self.play(round);
        for query in queries {
            let found = self.look_up(&query);
            // Who asked may have gone.
            let _ = query.tell.send(found);
        }
        for audit in audits {
            // Who asked may be gone.
            let _ = audit.send(self.audit());
        }
        true
    }

    /// Waits for something to do, and takes it.
    fn collect(&mut self) -> Collected {
        let shared = Arc::clone(&self.shared);
        let is_held_up = !self.awaiting.is_empty();
        let mut queue = shared.queue.lock();
        queue.in_all -= std::mem::take(&mut self.answered);
        if is_held_up && queue.stop == Stop::Closed {
            shared.journal.hurry();
        }
        let is_idle =
            |queue: &Queue| queue.is_empty() && (queue.stop == Stop::No || is_held_up && queue.stop == Stop::Closed);
        let mut is_quiet = false;
        while !self.has_more && is_idle(&queue) {
            is_quiet = self.pace == Pace::Stepped || shared.work.wait_for(&mut queue, LISTEN_EVERY).timed_out();
            if is_quiet {
                break;
            }
        }
        self.waiting.append(&mut queue.asked);
        let written = std::mem::take(&mut queue.written);
        let audits = std::mem::take(&mut queue.audits);
        let queries = std::mem::take(&mut queue.queries);
        let (stop, dialled) = (queue.stop, queue.dialled.take());
        drop(queue);
        if let Some(link) = dialled {
            self.take_up(link, &BTreeMap::new());
        }
        if is_quiet && let Err(lost) = self.listen() {
            self.lose(&lost);
        }
        // However it was lost, now or in the round before: where it does not come back soon, everybody is to know that it is away.
        if self.link.is_none() {
            self.wait_for_link(&BTreeMap::new());
        }
        Collected { stop, written, audits, queries }
    }

    /// Waits for the disk, which is the one thing that a step cannot do without.
    fn wait_for_intents(&self) {
        self.shared.journal.hurry();
        let mut queue = self.shared.queue.lock();
        while queue.written.len() < self.awaiting.len() {
            self.shared.work.wait(&mut queue);
        }
    }

    fn abandon(&mut self) {
        let asked = std::mem::take(&mut self.waiting).into_iter();
        let awaiting = std::mem::take(&mut self.awaiting).into_iter().map(|sent| sent.asked);
        asked.chain(awaiting).for_each(|asked| (asked.reply)(Outcome::Unavailable));
    }
}
