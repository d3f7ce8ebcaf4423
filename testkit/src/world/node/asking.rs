//! What profiles ask of the ledger, and how its answers reach them: at once, late, or as none.
//!
//! What an answer means is the profile's to say; what the ledger did, its witness has seen.

use super::{Answer, Node, Work};
use crate::world::Seen;
use actors::ways;
use domain::credit::{Batch, Durability, Outcome};
use domain::{Machine, Now, ProfileId};
use std::sync::mpsc::sync_channel;
use std::time::Duration;
use switch::profile;

impl Node {
    pub(super) fn submit(&mut self, id: ProfileId, posting: profile::Posting, now: Now) {
        let (batch, durability) = ways::papers::batch_of(posting);
        let chance = self.entropy.below(1_000);
        let is_away = self.mood.is_gone || chance < self.mood.away_permille;
        let is_cut = chance < self.mood.away_permille + self.mood.cut_permille;
        let done = if is_away { Outcome::Unavailable } else { self.post(batch.clone(), durability) };
        let answer = match if is_cut { Outcome::Unavailable } else { done } {
            Outcome::Unavailable => Work::Unanswered(id, Box::new(batch)),
            outcome => Work::Profile(id, profile::Event::LedgerAnswered { batch: batch.id, outcome }),
        };
        let late_us = self.mood.late.as_micros() as u64;
        if late_us == 0 {
            self.work.push_back(answer);
        } else {
            let at = now.monotonic + Duration::from_micros(self.entropy.below(late_us));
            self.answers.push((at, Answer(answer)));
        }
    }

    /// A profile hears that the ledger cannot answer.
    pub(super) fn hear_nothing(&mut self, id: ProfileId, batch: Box<Batch>, now: Now) {
        let event = profile::Event::LedgerAnswered { batch: batch.id, outcome: Outcome::Unavailable };
        self.witness.see(|| Seen::Unanswered(batch));
        self.at_profile(id, now, |profile, effects| profile.handle(event, now, effects));
    }

    /// Posts a batch. On a virtual clock the disk takes no time: what waits for it is waited for.
    fn post(&mut self, batch: Batch, durability: Durability) -> Outcome {
        let (told, heard) = sync_channel(1);
        let reply = Box::new(move |outcome| told.send(outcome).expect("the node hears its ledger"));
        self.ledger.submit(batch, durability, reply);
        let first = heard.try_recv().or_else(|_| {
            self.ledger.flush().expect("the ledger is up");
            heard.recv()
        });
        first.expect("the ledger answers")
    }
}
