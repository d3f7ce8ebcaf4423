//! The actor of a call: its [`House`] in a shell, on the shard that its Call-ID names.
//!
//! | File | Holds |
//! |---|---|
//! | `byes` | how long our BYEs wait for their answer |
//! | `words` | what the house hears, and what leaves it |
//! | `house` | the call and its legs under one roof; pure |
//! | `inside` | how the second call of a call inside is born |
//! | `joint` | where the two calls of a call inside meet |
//! | `outlet` | the way of an effect to endpoint, profile, media, telemetry |

mod addresses;
mod byes;
mod house;
mod inside;
mod joint;
mod outlet;
mod words;

pub use addresses::{MediaAddress, MediaAddresses};
pub use house::{House, no_sound};
pub use outlet::CallOutlet;
pub use words::{Effect, Event, Naming};

use crate::shell::Shell;
use actix::{Handler, Message};
use domain::Machine as _;

/// A call as an actor.
pub type CallShell = Shell<House, CallOutlet>;

/// Asks a call what can be said of it now (R12).
#[derive(Message)]
#[rtype(result = "Option<switch::call::Live>")]
pub struct Look(pub domain::CallId);

/// Asks a call which rule saw what so far.
#[derive(Message)]
#[rtype(result = "Option<switch::call::LiveTrace>")]
pub struct LookTrace(pub domain::CallId);

impl Handler<LookTrace> for CallShell {
    type Result = Option<switch::call::LiveTrace>;

    fn handle(&mut self, look: LookTrace, _: &mut Self::Context) -> Self::Result {
        let call = self.machine().call_with(look.0)?;
        Some(switch::call::LiveTrace { company: call.record().company, trace: call.trace().clone() })
    }
}

impl Handler<Look> for CallShell {
    type Result = Option<switch::call::Live>;

    fn handle(&mut self, look: Look, _: &mut Self::Context) -> Self::Result {
        let house = self.machine();
        if house.is_finished() { None } else { house.call_with(look.0)?.live(self.clock().now()) }
    }
}
