//! Commands on their way to a media thread: bounded, with a rule for each class of command when the queue is full.
//!
//! What a command does is `worker`'s.
//!
//! The rule: a new session is refused first ([`OPENS_MAX`]), a change of a session later ([`CHANGES_MAX`]), and a close always
//! passes as long as no more wait than sessions can be open, because a call that ends must end.

use crate::words::{OpenRefused, OpenRequest, Opened, Remote, SessionId, SessionReport, Side};
use domain::Monotonic;
use parking_lot::Mutex;
use std::collections::VecDeque;

/// Commands that may wait for a thread before it refuses to open sessions. At 30 us for each opening the last of them waits
/// 31 ms, which no caller hears.
pub const OPENS_MAX: usize = 1_024;

/// Commands that may wait for a thread before it refuses changes of sessions.
pub const CHANGES_MAX: usize = 4_096;

/// How an opening is answered.
pub(crate) type OpenReply = Box<dyn FnOnce(Result<Opened, OpenRefused>) + Send>;
/// How a report is answered; none where the session is not open.
pub(crate) type ReportReply = Box<dyn FnOnce(Option<SessionReport>) + Send>;

/// An order to a media thread.
pub(crate) enum Command {
    Open {
        session: SessionId,
        request: OpenRequest,
        reply: OpenReply,
    },
    /// Ordered `at` this instant, which counts, however long it waited.
    SetRemote {
        session: SessionId,
        side: Side,
        remote: Remote,
        at: Monotonic,
    },
    /// Ordered `at` this instant, likewise.
    Answered {
        session: SessionId,
        at: Monotonic,
    },
    Report {
        session: SessionId,
        reply: ReportReply,
    },
    Close {
        session: SessionId,
        reply: ReportReply,
    },
}

impl Command {
    /// Whether somebody waits for what it does. The others change only what becomes of later packets and of silence: the thread
    /// finds them when a packet, the sweep or another command wakes it, and obeys them before it looks at a packet.
    fn is_urgent(&self) -> bool {
        match self {
            Command::Open { .. } | Command::Report { .. } | Command::Close { .. } => true,
            Command::SetRemote { .. } | Command::Answered { .. } => false,
        }
    }

    /// Whether its reply tells of packets that have come.
    pub(crate) fn counts_packets(&self) -> bool {
        matches!(self, Command::Report { .. } | Command::Close { .. })
    }
}

/// Commands that wait for one thread, in order.
pub(crate) struct Queue {
    waiting: Mutex<Waiting>,
    closes_max: usize,
}

struct Waiting {
    commands: VecDeque<Command>,
    closes: usize,
    /// The thread was woken and has not come yet.
    is_awaited: bool,
    stopped: bool,
}

impl Queue {
    /// An empty queue of a thread that holds at most `sessions_max` sessions.
    pub(crate) fn new(sessions_max: usize) -> Self {
        let waiting = Waiting { commands: VecDeque::new(), closes: 0, is_awaited: false, stopped: false };
        Self { waiting: Mutex::new(waiting), closes_max: sessions_max.saturating_add(OPENS_MAX) }
    }

    /// Appends a command; whether the thread must be woken for it. Gives the command back where it is
    /// refused.
    pub(crate) fn push(&self, command: Command) -> Result<bool, Command> {
        let mut waiting = self.waiting.lock();
        let others = waiting.commands.len() - waiting.closes;
        let has_room = match &command {
            Command::Open { .. } => others < OPENS_MAX,
            Command::SetRemote { .. } | Command::Answered { .. } | Command::Report { .. } => others < CHANGES_MAX,
            Command::Close { .. } => waiting.closes < self.closes_max,
        };
        if waiting.stopped || !has_room {
            return Err(command);
        }
        waiting.closes += usize::from(matches!(command, Command::Close { .. }));
        let wakes = command.is_urgent() && !waiting.is_awaited;
        waiting.is_awaited |= wakes;
        waiting.commands.push_back(command);
        Ok(wakes)
    }

    /// Moves all waiting commands to the end of `taken`; whether the thread shall go on.
    pub(crate) fn take(&self, taken: &mut VecDeque<Command>) -> bool {
        let mut waiting = self.waiting.lock();
        waiting.closes = 0;
        waiting.is_awaited = false;
        taken.append(&mut waiting.commands);
        !waiting.stopped
    }

    /// Refuses everything from now on.
    pub(crate) fn stop(&self) {
        self.waiting.lock().stopped = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(session: u64) -> Command {
        Command::Open { session: SessionId(session), request: OpenRequest::relay(), reply: Box::new(|_| ()) }
    }

    fn answered() -> Command {
        Command::Answered { session: SessionId(1), at: Monotonic::from_micros(0) }
    }

    #[test]
    fn the_thread_is_woken_once_and_only_for_what_somebody_waits_for() {
        let queue = Queue::new(10);
        assert!(queue.push(answered()).is_ok_and(|wake| !wake));
        assert!(queue.push(open(1)).is_ok_and(|wake| wake));
        assert!(queue.push(open(2)).is_ok_and(|wake| !wake));
        let mut taken = VecDeque::new();
        queue.take(&mut taken);
        assert!(queue.push(answered()).is_ok_and(|wake| !wake));
        assert!(queue.push(open(3)).is_ok_and(|wake| wake));
    }

    #[test]
    fn a_full_queue_refuses_new_sessions_first_then_changes_and_lets_every_close_pass() {
        let queue = Queue::new(10);
        for session in 0..OPENS_MAX as u64 {
            assert!(queue.push(open(session)).is_ok());
        }
        assert!(queue.push(open(9_999)).is_err());
        for _ in OPENS_MAX..CHANGES_MAX {
            assert!(queue.push(answered()).is_ok());
        }
        assert!(queue.push(answered()).is_err());
        for session in 0..(10 + OPENS_MAX) as u64 {
            assert!(queue.push(Command::Close { session: SessionId(session), reply: Box::new(|_| ()) }).is_ok());
        }
        assert!(queue.push(Command::Close { session: SessionId(0), reply: Box::new(|_| ()) }).is_err());

        let mut taken = VecDeque::new();
        assert!(queue.take(&mut taken));
        assert_eq!(taken.len(), CHANGES_MAX + 10 + OPENS_MAX);
        assert!(queue.push(open(1)).is_ok_and(|wake| wake));
        assert!(queue.push(open(2)).is_ok_and(|wake| !wake));
        queue.stop();
        assert!(queue.push(open(3)).is_err());
    }
}
