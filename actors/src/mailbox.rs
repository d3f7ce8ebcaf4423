//! The admission rule of mailboxes: new work may be refused when a mailbox is full; what finishes work always passes.
//!
//! The limits themselves are settings (`NodeLimits`). `Addr::do_send` ignores the mailbox limit, so it stands here and nowhere else.

use actix::dev::ToEnvelope;
use actix::{Actor, Addr, Handler, Message};

/// New work: refused (and given back as `false`) where the mailbox is full or its actor is gone.
#[must_use]
pub fn offer<A, M>(address: &Addr<A>, message: M) -> bool
where
    A: Actor + Handler<M>,
    A::Context: ToEnvelope<A, M>,
    M: Message + Send + 'static,
    M::Result: Send,
{
    address.try_send(message).is_ok()
}

/// What finishes or answers work that was let in: always passes. Lost only where the actor is gone.
///
/// Bounded by what was let in: each admitted call has a fixed number of such messages under way.
#[allow(
    clippy::disallowed_methods,
    reason = "the one place where the mailbox limit is passed over, by the admission rule"
)]
pub fn tell<A, M>(address: &Addr<A>, message: M)
where
    A: Actor + Handler<M>,
    A::Context: ToEnvelope<A, M>,
    M: Message + Send + 'static,
    M::Result: Send,
{
    address.do_send(message);
}
