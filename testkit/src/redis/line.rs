//! Connections to the pretended server, and how they break: before what was sent is done, amid it, after it, or with a part of it done much
//! later, when nobody thinks of it any more.
//!
//! What is done is in `commands`.

use super::PretendedRedis;
use super::resp::{Words, commands};
use ledger::redis::Line;
use std::collections::VecDeque;
use std::io;

/// How a connection breaks while something is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// How many of the commands are done before; their answers are lost.
    pub done: usize,
    /// What becomes of the others.
    pub rest: Rest,
    /// Whether the server dies with it.
    pub dies: bool,
}

/// What becomes of commands whose connection broke before they were done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// They are never done.
    Lost,
    /// They lie in the server's buffer, and are done after so many commands over later connections.
    Late(usize),
}

/// All connections.
pub(super) struct Lines {
    is_up: bool,
    /// Grows when all connections break.
    life: u64,
    /// How the next sending breaks.
    pub(super) cut: Option<Cut>,
    /// What is done late, and after how many commands.
    late: Vec<(usize, Words)>,
}

impl Default for Lines {
    fn default() -> Self {
        Lines { is_up: true, life: 0, cut: None, late: Vec::new() }
    }
}

impl Lines {
    pub(super) fn is_up(&self) -> bool {
        self.is_up
    }

    /// Every connection breaks, and nothing of them is done later; the server is there then or not.
    pub(super) fn go(&mut self, is_up: bool) {
        self.is_up = is_up;
        self.life += 1;
        self.late.clear();
    }

    pub(super) fn connect(&self) -> io::Result<u64> {
        if self.is_up { Ok(self.life) } else { Err(io::Error::from(io::ErrorKind::ConnectionRefused)) }
    }

    /// Everything that is to be done late.
    pub(super) fn all_late(&mut self) -> Vec<Words> {
        self.late.drain(..).map(|(_, words)| words).collect()
    }

    /// What is due now that one more command is done.
    fn due(&mut self) -> Vec<Words> {
        let mut due = Vec::new();
        self.late.retain_mut(|(after, words)| {
            let is_due = *after == 0;
            if is_due {
                due.push(std::mem::take(words));
            }
            *after = after.saturating_sub(1);
            !is_due
        });
        due
    }
}

/// One connection.
pub(super) struct Connected {
    redis: PretendedRedis,
    life: u64,
    is_cut: bool,
    answers: VecDeque<Vec<u8>>,
    queued: Option<Vec<Words>>,
}

impl Connected {
    pub(super) fn new(redis: PretendedRedis, life: u64) -> Connected {
        Connected { redis, life, is_cut: false, answers: VecDeque::new(), queued: None }
    }

    fn is_broken(&self) -> bool {
        self.is_cut || self.redis.with(|inner| !inner.lines.is_up || inner.lines.life != self.life)
    }
}

fn broken() -> io::Error {
    io::Error::from(io::ErrorKind::ConnectionReset)
}

impl Line for Connected {
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.is_broken() {
            return Err(broken());
        }
        let redis = self.redis.clone();
        redis.with(|inner| {
            let cut = inner.lines.cut.take();
            let done = cut.map_or(usize::MAX, |cut| cut.done);
            for (place, words) in commands(bytes).into_iter().enumerate() {
                if place >= done {
                    if let Some(Cut { rest: Rest::Late(after), .. }) = cut {
                        inner.lines.late.push((after, words));
                    }
                    continue;
                }
                let mut said = Vec::new();
                inner.served.run(words, &mut self.queued).write(&mut said);
                self.answers.push_back(said);
                for words in inner.lines.due() {
                    // Nobody hears the answer.
                    inner.served.run(words, &mut None);
                }
            }
            self.is_cut = cut.is_some();
            if cut.is_some_and(|cut| cut.dies) {
                inner.lines.go(false);
            }
        });
        Ok(())
    }

    fn hear(&mut self) -> io::Result<Vec<u8>> {
        if self.is_broken() {
            return Err(broken());
        }
        self.answers.pop_front().ok_or_else(|| io::Error::from(io::ErrorKind::TimedOut))
    }
}
