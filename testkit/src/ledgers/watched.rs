//! A ledger that tells a witness every batch that reached the engine, and what the engine answered.
//!
//! It changes nothing.

use super::pass_questions_on;
use crate::world::{Seen, Witness};
use domain::credit::{Batch, Durability};
use ledger::{Ledger, Reply};
use std::sync::Arc;

/// The ledger behind it, seen by a witness.
pub struct Watched {
    engine: Arc<dyn Ledger>,
    witness: Witness,
}

impl Watched {
    /// Lets a witness see what this engine does.
    pub fn new(engine: Arc<dyn Ledger>, witness: Witness) -> Watched {
        Watched { engine, witness }
    }
}

impl Ledger for Watched {
    fn submit(&self, batch: Batch, durability: Durability, reply: Reply) {
        let (witness, seen) = (self.witness.clone(), Box::new(batch.clone()));
        let reply = Box::new(move |outcome: domain::credit::Outcome| {
            let told = outcome.clone();
            witness.see(move || Seen::Posted(seen, told));
            reply(outcome);
        });
        self.engine.submit(batch, durability, reply);
    }

    fn flush(&self) -> Result<(), ledger::Error> {
        self.engine.flush()
    }

    pass_questions_on!(engine);
}
