//! One actor for every machine: a [`Shell`] feeds events in, arms one timer, and hands effects to an [`Outlet`].
//!
//! Nothing is decided here; what an effect means to the world is the outlet's business.

use crate::clock::Clock;
use actix::{Actor, ActorContext, AsyncContext, Context, Handler, Message, SpawnHandle};
use domain::{Machine, Monotonic, Now};
use std::time::Duration;
use telemetry::Telemetry;
use telemetry::labels::{Actor as Kind, ActorOutcome, Label as _};

/// Performs the effects of one kind of machine.
pub trait Outlet<M: Machine>: 'static {
    /// As what its actor is counted.
    const KIND: Kind;
    /// What is due within so long of each other is done together, up to so much late. Zero: each at its own time.
    const GRAIN: Duration = Duration::ZERO;

    /// Where its actor is counted.
    fn telemetry(&self) -> &Telemetry;

    /// Messages at most that may wait for this actor before an offer is refused.
    fn mailbox_max(&self) -> usize;

    /// Performs one effect. Effects come in the order in which the machine gave them. Where the world answered on the spot, gives what the
    /// machine is to hear of it, once the other effects of the step are performed: that spares the actor a message to itself.
    fn perform(&mut self, effect: M::Effect) -> Option<M::Event>;

    /// Called after the effects of one step were performed, with the machine as it stands.
    fn settle(&mut self, _machine: &M) {}

    /// Called once, when the machine is finished or its actor dies.
    fn finished(&mut self) {}
}

/// An event for the machine in a shell.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Tell<E>(pub E);

/// A machine whose actor stays when there is nothing left to do: an address that others hold must not go stale.
#[derive(Clone)]
pub struct Enduring<M>(pub M);

impl<M: Machine> Machine for Enduring<M> {
    type Event = M::Event;
    type Effect = M::Effect;

    fn handle(&mut self, event: M::Event, now: Now, effects: &mut Vec<M::Effect>) {
        self.0.handle(event, now, effects);
    }

    fn deadline(&self) -> Option<Monotonic> {
        self.0.deadline()
    }

    fn expire(&mut self, now: Now, effects: &mut Vec<M::Effect>) {
        self.0.expire(now, effects);
    }

    fn is_finished(&self) -> bool {
        false
    }
}

/// A machine as an actor.
pub struct Shell<M: Machine, O: Outlet<M>> {
    machine: M,
    outlet: O,
    clock: Clock,
    effects: Vec<M::Effect>,
    /// What was answered on the spot; empty between steps.
    answers: Vec<M::Event>,
    armed: Option<(Monotonic, SpawnHandle)>,
}

impl<M, O> Shell<M, O>
where
    M: Machine<Event: Unpin, Effect: Unpin> + Unpin + 'static,
    O: Outlet<M> + Unpin,
{
    /// A shell around `machine`, whose birth gave `effects`.
    pub fn new(machine: M, effects: Vec<M::Effect>, outlet: O, clock: Clock) -> Self {
        Self { machine, outlet, clock, effects, answers: Vec::new(), armed: None }
    }

    /// The machine as it stands, for those who look at it.
    pub fn machine(&self) -> &M {
        &self.machine
    }

    /// The clock that it runs by.
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// Performs what the machine ordered, and what it orders when it hears an answer at once; then sees to its timer and its end.
    fn follow_up(&mut self, now: Now, ctx: &mut Context<Self>) {
        while !self.effects.is_empty() {
            for effect in self.effects.drain(..) {
                self.answers.extend(self.outlet.perform(effect));
            }
            for answer in self.answers.drain(..) {
                self.machine.handle(answer, now, &mut self.effects);
            }
        }
        self.outlet.settle(&self.machine);
        if self.machine.is_finished() {
            ctx.stop();
        } else {
            self.arm(ctx);
        }
    }

    /// Re-arms only where the deadline moved earlier; a timer that fires too early finds nothing due and re-arms.
    fn arm(&mut self, ctx: &mut Context<Self>) {
        let Some(deadline) = self.machine.deadline() else { return };
        let deadline = deadline.rounded_up_to(O::GRAIN);
        if let Some((armed_for, handle)) = self.armed {
            if armed_for <= deadline {
                return;
            }
            ctx.cancel_future(handle);
        }
        let handle = ctx.run_later(self.clock.until(deadline), |shell, ctx| shell.on_timer(ctx));
        self.armed = Some((deadline, handle));
    }

    fn on_timer(&mut self, ctx: &mut Context<Self>) {
        self.armed = None;
        let now = self.clock.now();
        // The runtime's timer has a grain of a millisecond and may fire a hair early: then nothing is due yet.
        self.machine.expire(now, &mut self.effects);
        self.follow_up(now, ctx);
    }
}

impl<M, O> Actor for Shell<M, O>
where
    M: Machine<Event: Unpin, Effect: Unpin> + Unpin + 'static,
    O: Outlet<M> + Unpin,
{
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.set_mailbox_capacity(self.outlet.mailbox_max());
        self.follow_up(self.clock.now(), ctx);
    }
}

impl<M, O> Handler<Tell<M::Event>> for Shell<M, O>
where
    M: Machine<Event: Send + Unpin, Effect: Unpin> + Unpin + 'static,
    O: Outlet<M> + Unpin,
{
    type Result = ();

    fn handle(&mut self, Tell(event): Tell<M::Event>, ctx: &mut Context<Self>) {
        let now = self.clock.now();
        self.machine.handle(event, now, &mut self.effects);
        self.outlet.telemetry().count_actor_messages(O::KIND, ActorOutcome::Ok, 1);
        self.follow_up(now, ctx);
    }
}

/// The end is told from here so that it is told even where the machine panicked: the actor dies alone, is counted, and its
/// outlet still frees what it held.
impl<M: Machine, O: Outlet<M>> Drop for Shell<M, O> {
    fn drop(&mut self) {
        // The future of an actor is dropped while its panic unwinds; one that ends by itself is dropped in peace.
        if std::thread::panicking() {
            self.outlet.telemetry().count_actor_lost(O::KIND);
            tracing::error!(
                actor = Kind::VALUES[O::KIND.index()],
                "an actor was lost to a panic, which is a bug; what it held is freed"
            );
        }
        self.outlet.finished();
    }
}

#[cfg(test)]
mod tests;
