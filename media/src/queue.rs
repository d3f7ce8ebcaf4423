//! Commands on their way to a media thread: bounded, with a rule for each class of command when the queue is full.
//!
//! What a command does is `worker`'s.
//!
//! The rule: a new session is refused first ([`OPENS_MAX`]), a change of a session later ([`CHANGES_MAX`]), and a close always
//! passes as long as no more wait than sessions can be open, because a call that ends must end.

use crate::warm::{Ticket, Warm};
use crate::words::{BySide, Mode, OpenRefused, OpenRequest, Opened, Remote, SessionId, SessionReport, Side};
use domain::media::KeyPress;
use domain::{Entropy, Monotonic};
use parking_lot::Mutex;
use std::collections::{HashSet, VecDeque};
use std::net::IpAddr;

/// Commands that may wait for a thread before it refuses to open sessions. At 30 us for each opening the last of them waits
/// 31 ms, which no caller hears.
pub const OPENS_MAX: usize = 1_024;

/// Commands that may wait for a thread before it refuses changes of sessions.
pub const CHANGES_MAX: usize = 4_096;

/// Commands for which nobody waits may gather up to this many before the thread is woken: at 2 us each they hold up packets for
/// less than a millisecond.
const GATHERED_MAX: usize = 256;

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
    /// Open the ports of one side anew at another address.
    Reopen {
        session: SessionId,
        side: Side,
        ip: IpAddr,
        reply: OpenReply,
    },
    /// Opened already, on ports whose sockets this thread watches: the caller has been answered.
    Attach {
        session: SessionId,
        mode: Mode,
        slots: BySide<Option<usize>>,
    },
    /// Ordered `at` this instant, which counts, however long it waited.
    SetRemote {
        session: SessionId,
        side: Side,
        /// Boxed: with its keys it is far larger than every other command.
        remote: Box<Remote>,
        at: Monotonic,
    },
    /// Ordered `at` this instant, likewise.
    Answered {
        session: SessionId,
        at: Monotonic,
    },
    /// Put a key press into the sound that a side hears.
    Press {
        session: SessionId,
        side: Side,
        key: KeyPress,
    },
    /// Sound a warning tone for a side.
    Tone {
        session: SessionId,
        side: Side,
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

/// How soon the thread must find a command. Whichever it is, the thread obeys it before it looks at a packet that comes later.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Haste {
    /// Somebody waits for it now.
    Now,
    /// It may wait for the thread's next look, which is at hand unless the thread rests.
    Soon,
    /// It changes only what becomes of later packets and of silence: it may wait for a packet, the sweep or another command.
    Sometime,
}

impl Command {
    fn haste(&self) -> Haste {
        match self {
            Command::Open { .. } | Command::Reopen { .. } | Command::Report { .. } => Haste::Now,
            Command::Attach { .. } | Command::Press { .. } | Command::Tone { .. } | Command::Close { .. } => {
                Haste::Soon
            }
            Command::SetRemote { .. } | Command::Answered { .. } => Haste::Sometime,
        }
    }

    /// Whom it concerns.
    pub(crate) fn session(&self) -> SessionId {
        match self {
            Command::Open { session, .. }
            | Command::Reopen { session, .. }
            | Command::Attach { session, .. }
            | Command::SetRemote { session, .. }
            | Command::Answered { session, .. }
            | Command::Press { session, .. }
            | Command::Tone { session, .. }
            | Command::Report { session, .. }
            | Command::Close { session, .. } => *session,
        }
    }

    /// Whether its reply tells of packets that have come.
    pub(crate) fn counts_packets(&self) -> bool {
        matches!(self, Command::Report { .. } | Command::Close { .. })
    }
}

/// Commands that wait for one thread, in order, and the ports that it keeps warm.
pub(crate) struct Queue {
    waiting: Mutex<Waiting>,
    closes_max: usize,
}

struct Waiting {
    commands: VecDeque<Command>,
    closes: usize,
    /// The thread was woken and has not come yet.
    is_awaited: bool,
    /// The thread does not look by itself for what may wait.
    is_resting: bool,
    stopped: bool,
    warm: Warm,
    /// Sessions that are open or ordered: a name among them is not given warm ports, for the thread alone can tell whether it is
    /// free.
    names: HashSet<SessionId>,
}

impl Queue {
    /// An empty queue of a thread that holds at most `sessions_max` sessions and draws its warm ports with `entropy`.
    pub(crate) fn new(sessions_max: usize, entropy: Entropy) -> Self {
        let waiting = Waiting {
            commands: VecDeque::new(),
            closes: 0,
            is_awaited: false,
            is_resting: true,
            stopped: false,
            warm: Warm::new(entropy),
            names: HashSet::new(),
        };
        Self { waiting: Mutex::new(waiting), closes_max: sessions_max.saturating_add(OPENS_MAX) }
    }

    /// Appends a command; whether the thread must be woken for it. Gives the command back where it is
    /// refused.
    pub(crate) fn push(&self, command: Command) -> Result<bool, Command> {
        let mut waiting = self.waiting.lock();
        let others = waiting.others();
        let has_room = match &command {
            Command::Open { .. } | Command::Attach { .. } => others < OPENS_MAX,
            Command::Reopen { .. }
            | Command::SetRemote { .. }
            | Command::Answered { .. }
            | Command::Press { .. }
            | Command::Tone { .. }
            | Command::Report { .. } => others < CHANGES_MAX,
            Command::Close { .. } => waiting.closes < self.closes_max,
        };
        if waiting.stopped || !has_room {
            return Err(command);
        }
        if let Command::Open { session, .. } = &command {
            waiting.names.insert(*session);
        }
        Ok(waiting.append(command))
    }

    /// Whether a session that is to be opened would be refused.
    pub(crate) fn is_full(&self) -> bool {
        let waiting = self.waiting.lock();
        waiting.stopped || waiting.others() >= OPENS_MAX
    }

    /// Opens a session on warm ports with these local addresses: which, and whether the thread must be woken. None where that
    /// is not possible, or where `admit` says no; the thread may know another way, or why not.
    pub(crate) fn attach(
        &self,
        session: SessionId,
        mode: Mode,
        a: IpAddr,
        b: Option<IpAddr>,
        admit: impl FnOnce() -> bool,
    ) -> Option<(Opened, bool)> {
        let mut waiting = self.waiting.lock();
        if waiting.stopped || waiting.others() >= OPENS_MAX || waiting.names.contains(&session) {
            return None;
        }
        let (a, b) = waiting.warm.give(a, b)?;
        if !admit() {
            waiting.warm.add(a);
            b.into_iter().for_each(|b| waiting.warm.add(b));
            return None;
        }
        waiting.names.insert(session);
        let slots = BySide { a: Some(a.slot), b: b.map(|ticket| ticket.slot) };
        let wakes = waiting.append(Command::Attach { session, mode, slots });
        Some((Opened { a: a.address, b: b.map(|ticket| ticket.address) }, wakes))
    }

    /// Moves all waiting commands to the end of `taken`; whether the thread shall go on. Where nothing waited, a thread that
    /// `may_rest` is woken for what comes next; one that may not will look again by itself.
    pub(crate) fn take(&self, taken: &mut VecDeque<Command>, may_rest: bool) -> bool {
        let mut waiting = self.waiting.lock();
        waiting.closes = 0;
        waiting.is_awaited = false;
        waiting.is_resting = may_rest && waiting.commands.is_empty();
        taken.append(&mut waiting.commands);
        !waiting.stopped
    }

    /// Tells which names are free again, and which pairs are ready for another session.
    pub(crate) fn hand_back(&self, names: &mut Vec<SessionId>, ready: &mut Vec<Ticket>) {
        let mut waiting = self.waiting.lock();
        for name in names.drain(..) {
            waiting.names.remove(&name);
        }
        for ticket in ready.drain(..) {
            waiting.warm.add(ticket);
        }
    }

    /// Asks something of the warm ports.
    pub(crate) fn warm<T>(&self, ask: impl FnOnce(&mut Warm) -> T) -> T {
        ask(&mut self.waiting.lock().warm)
    }

    /// Refuses everything from now on.
    pub(crate) fn stop(&self) {
        self.waiting.lock().stopped = true;
    }
}

impl Waiting {
    /// Commands that are no closes.
    fn others(&self) -> usize {
        self.commands.len() - self.closes
    }

    /// Appends a command for which there is room; whether the thread must be woken for it.
    fn append(&mut self, command: Command) -> bool {
        self.closes += usize::from(matches!(command, Command::Close { .. }));
        let is_due = match command.haste() {
            Haste::Now => true,
            Haste::Soon => self.is_resting || self.commands.len() >= GATHERED_MAX,
            Haste::Sometime => self.commands.len() >= GATHERED_MAX,
        };
        let wakes = is_due && !self.is_awaited;
        self.is_awaited |= wakes;
        self.commands.push_back(command);
        wakes
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

    fn queue() -> Queue {
        Queue::new(10, Entropy::from_seed([3; 16]))
    }

    fn close(session: u64) -> Command {
        Command::Close { session: SessionId(session), reply: Box::new(|_| ()) }
    }

    fn is_woken(queue: &Queue, command: Command) -> bool {
        queue.push(command).is_ok_and(|wakes| wakes)
    }

    #[test]
    fn the_thread_is_woken_once_and_only_for_what_somebody_waits_for() {
        let queue = queue();
        assert!(!is_woken(&queue, answered()));
        assert!(is_woken(&queue, open(1)));
        assert!(!is_woken(&queue, open(2)));
        let mut taken = VecDeque::new();
        queue.take(&mut taken, false);
        assert!(!is_woken(&queue, answered()));
        assert!(is_woken(&queue, open(3)));
    }

    #[test]
    fn a_close_waits_for_the_next_look_of_a_thread_that_is_about_and_wakes_one_that_rests() {
        let queue = queue();
        assert!(is_woken(&queue, close(1)));
        let mut taken = VecDeque::new();
        queue.take(&mut taken, true);
        assert!(!is_woken(&queue, close(2)), "it had something to do and looks again soon");
        queue.take(&mut taken, true);
        queue.take(&mut taken, false);
        assert!(!is_woken(&queue, close(3)), "it may not rest yet");
        queue.take(&mut taken, true);
        queue.take(&mut taken, true);
        assert!(is_woken(&queue, close(4)), "nothing came for a while: it rests");
    }

    #[test]
    fn a_thread_is_woken_where_much_has_gathered() {
        let queue = Queue::new(1_000, Entropy::from_seed([3; 16]));
        queue.take(&mut VecDeque::new(), false);
        let woken: Vec<u64> = (0..1_000).filter(|session| is_woken(&queue, close(*session))).collect();
        assert_eq!(woken, [GATHERED_MAX as u64]);
    }

    #[test]
    fn warm_ports_are_given_at_once_but_never_to_a_name_that_is_taken() {
        let queue = queue();
        let ip: IpAddr = [127, 0, 0, 1].into();
        let mut ready: Vec<Ticket> =
            (0..300).map(|slot| Ticket { slot, address: (ip, 10_000 + 2 * slot as u16).into() }).collect();
        queue.hand_back(&mut Vec::new(), &mut ready);
        let attach = |session| queue.attach(SessionId(session), Mode::Relay, ip, Some(ip), || session < 9);
        let (opened, wakes) = attach(1).unwrap();
        assert_eq!(attach(9), None, "the house is full");
        assert!(wakes && opened.b.is_some_and(|b| b != opened.a));
        assert_eq!(attach(1), None, "its name is taken");
        let mut taken = VecDeque::new();
        queue.take(&mut taken, false);
        assert!(matches!(
            taken.pop_front(),
            Some(Command::Attach { session: SessionId(1), slots: BySide { a: Some(_), b: Some(_) }, .. })
        ));
        assert!(queue.push(open(2)).is_ok());
        assert_eq!(attach(2), None, "so is this");
        queue.hand_back(&mut vec![SessionId(1)], &mut Vec::new());
        assert!(attach(1).is_some_and(|(_, wakes)| !wakes), "the thread was woken for the other");
        queue.stop();
        assert_eq!(attach(3), None);
    }

    #[test]
    fn a_full_queue_refuses_new_sessions_first_then_changes_and_lets_every_close_pass() {
        let queue = queue();
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
        assert!(queue.take(&mut taken, true));
        assert_eq!(taken.len(), CHANGES_MAX + 10 + OPENS_MAX);
        assert!(queue.push(open(1)).is_ok_and(|wake| wake));
        assert!(queue.push(open(2)).is_ok_and(|wake| !wake));
        queue.stop();
        assert!(queue.push(open(3)).is_err());
    }
}
