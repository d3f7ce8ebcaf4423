//! The demo from the first call to the last look into the books, as one value.
//!
//! The calls are `story`'s, the comparisons `books`'; printing it for machines is the parent's.

use super::books::{self, Books, Moved, Statement};
use super::guide::Reachable;
use super::screen::Screen;
use super::story::{self, Expected, Step};
use super::world::World;
use ledger::Ledger;
use serde::Serialize;

/// Everything that was found out, for machines.
#[derive(Serialize)]
pub(super) struct Summary {
    /// Whether everything was as told, in the calls and in the books.
    pub(super) ok: bool,
    /// The steps.
    pub(super) steps: Vec<Step>,
    /// Calls that the story placed.
    pub(super) expected_calls: u64,
    /// Of these, answered.
    pub(super) expected_answered: u64,
    /// What they were to cost, in dollars.
    pub(super) expected_charged: String,
    /// What each source says that they came to.
    pub(super) books: Books,
    /// The statements of both profiles.
    pub(super) statements: Vec<Statement>,
    /// Where these differ.
    pub(super) faults: Vec<String>,
    /// What moved.
    pub(super) metrics: Vec<Moved>,
    /// From the start to here.
    pub(super) seconds: f32,
    /// Where the demo is.
    pub(super) reachable: Reachable,
}

/// Tells the story and looks into the books.
pub(super) fn tell(
    world: &World,
    ledger: &dyn Ledger,
    reachable: &mut dyn FnMut() -> Reachable,
    screen: &mut Screen,
) -> Result<Summary, String> {
    screen.heading("The story");
    let before = world.api.metrics()?;
    let (steps, expected) = story::tell(world, screen);
    let statements = books::show_statements(world, screen)?;
    books::show_records(world, screen)?;
    let after = world.api.metrics()?;
    let metrics = books::show_metrics(&before, &after, screen);
    screen.heading("The books");
    let books = Books::ask(world, ledger)?;
    books.show(screen);
    let mut faults = books.faults(&expected);
    faults.extend(books::metrics_faults(&before, &after, &expected));
    faults.iter().for_each(|fault| screen.line(format!("  FAIL {fault}")));
    let ok = faults.is_empty() && steps.iter().all(|step| step.ok);
    let seconds = world.clock.monotonic().as_micros() as f32 / 1e6;
    let verdict = if ok { "every step was as told, and all books agree" } else { "not everything was as told" };
    screen.line(format!("  {verdict} ({seconds:.1} s)"));
    let Expected { calls, answered, charged } = expected;
    Ok(Summary {
        ok,
        steps,
        expected_calls: calls,
        expected_answered: answered,
        expected_charged: charged.to_string(),
        books,
        statements,
        faults,
        metrics,
        seconds,
        reachable: reachable(),
    })
}
