//! A pretended Redis: the ledger's own functions in an embedded Lua, over keys that can be lost.
//!
//! | File | Holds |
//! |---|---|
//! | `keys` | what is kept, and how it is undone |
//! | `commands` | what can be asked of it |
//! | `functions` | the functions, in Lua 5.1 as Redis has it |
//! | `resp` | how it is said |
//! | `line` | connections, and how they break |
//!
//! It knows the commands that the ledger uses and no others; a differential test holds it against a real server. What the ledger does with it
//! is the ledger's own code, step by step.

mod commands;
mod functions;
mod keys;
mod line;
mod resp;

pub use functions::FunctionBug;
pub use line::{Cut, Rest};
pub use resp::{Answer, command};

use commands::Served;
use ledger::redis::{Line, Pretence, Pretended, Server, Servers};
use line::Lines;
use std::io;
use std::sync::{Arc, Mutex};

/// A server. All copies are the same one.
#[derive(Clone)]
pub struct PretendedRedis(Arc<Mutex<Inner>>);

/// The server and its connections.
struct Inner {
    served: Served,
    lines: Lines,
}

impl PretendedRedis {
    /// An empty server, that is up.
    pub fn new() -> PretendedRedis {
        PretendedRedis::with_bug(None)
    }

    /// The same, with one thing falsified in the functions that it is given.
    pub fn with_bug(bug: Option<FunctionBug>) -> PretendedRedis {
        PretendedRedis(Arc::new(Mutex::new(Inner { served: Served::new(bug), lines: Lines::default() })))
    }

    /// Where the ledger finds it.
    pub fn server(&self) -> Server {
        let pretence = Pretence(Arc::new(self.clone()));
        Server { servers: Servers::Pretended(pretence), ..Server::single("", 0) }
    }

    fn with<T>(&self, act: impl FnOnce(&mut Inner) -> T) -> T {
        act(&mut self.0.lock().unwrap())
    }

    /// One command by somebody's own hand, as its words.
    pub fn run(&self, words: &[&str]) -> Answer {
        let words = words.iter().map(|word| word.as_bytes().to_vec()).collect();
        self.with(|inner| inner.served.run(words, &mut None))
    }

    /// The process dies: connections break, and none can be made.
    pub fn kill(&self) {
        self.with(|inner| inner.lines.go(false));
    }

    /// It is there again, with all that it had, but the functions.
    pub fn start(&self) {
        self.with(|inner| {
            inner.served.forget_functions();
            inner.lines.go(true);
        });
    }

    /// Whether it is there.
    pub fn is_up(&self) -> bool {
        self.with(|inner| inner.lines.is_up())
    }

    /// Whether it is there and writes.
    pub fn is_well(&self) -> bool {
        self.with(|inner| inner.lines.is_up() && inner.served.refuses.is_none())
    }

    /// A replica is promoted that had not heard of the last writes; or the file ends before them. Gives how many are lost.
    pub fn lose(&self, writes: usize) -> usize {
        self.with(|inner| {
            inner.served.forget_functions();
            inner.lines.go(true);
            inner.served.undo(writes)
        })
    }

    /// How many commands have written something, as far back as they can be lost.
    pub fn writes(&self) -> usize {
        self.with(|inner| inner.served.writes())
    }

    /// Everything is forgotten.
    pub fn flush(&self) {
        self.run(&["FLUSHALL"]);
    }

    /// The functions are forgotten.
    pub fn forget_functions(&self) {
        self.with(|inner| inner.served.forget_functions());
    }

    /// The next commands that are sent lose their connection.
    pub fn cut_next(&self, cut: Cut) {
        self.with(|inner| inner.lines.cut = Some(cut));
    }

    /// What lies in the server's buffers is done now: a process that is started again asks several times before it writes, and by then all that
    /// its former life had sent is read.
    pub fn do_what_is_late(&self) {
        self.with(|inner| {
            for words in inner.lines.all_late() {
                inner.served.run(words, &mut None);
            }
        });
    }

    /// Nothing is cut any more that was to be.
    pub fn cut_nothing(&self) {
        self.with(|inner| inner.lines.cut = None);
    }

    /// Writes are refused with this error from now on: `READONLY`, `OOM`, `MISCONF`; none for a server that is well.
    pub fn refuse(&self, error: Option<&'static str>) {
        self.with(|inner| inner.served.refuses = error);
    }

    /// Time passes: keys with a deadline go.
    pub fn pass(&self, seconds: u64) {
        self.with(|inner| inner.served.pass(seconds));
    }
}

impl Default for PretendedRedis {
    fn default() -> Self {
        PretendedRedis::new()
    }
}

impl Pretended for PretendedRedis {
    fn connect(&self) -> io::Result<Box<dyn Line>> {
        let life = self.with(|inner| inner.lines.connect())?;
        Ok(Box::new(line::Connected::new(self.clone(), life)))
    }
}
