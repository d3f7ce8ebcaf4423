//! The PBX's thread: which call or registration an order or a message is for.
//!
//! What a call does with it is in [`super::call`], the registration in [`super::registering`].

use super::call::Calling;
use super::registering::Registering;
use super::{News, Order, PbxSettings};
use crate::demo::agent::line::{Line, Role};
use crate::demo::agent::sound::Sound;
use domain::Monotonic;
use sip::Method;
use sip::endpoint::{Effect, Owner, Reply};
use std::collections::BTreeMap;

/// Calls of one PBX at one time.
const CALLS_MAX: usize = 32;

/// The owner of REGISTER transactions; calls count from 1.
pub(super) const REGISTRATION: Owner = Owner(0);

pub(super) struct PbxRole {
    settings: PbxSettings,
    sound: Sound,
    registering: Registering,
    calls: BTreeMap<u64, Calling>,
}

impl PbxRole {
    pub(super) fn new(settings: PbxSettings, sound: Sound) -> PbxRole {
        PbxRole { registering: Registering::default(), settings, sound, calls: BTreeMap::new() }
    }

    fn on_call(&mut self, call: Calling, line: &mut Line) {
        if self.calls.len() >= CALLS_MAX {
            return call.tell(News::Failed(format!("the PBX has {CALLS_MAX} calls already")), line);
        }
        let id = call.id();
        self.calls.insert(id, call);
        self.with_call(id, line, |call, settings, _, line| call.dial(settings, line));
    }

    /// Does something with a call, and forgets it where it is over.
    fn with_call(
        &mut self,
        id: u64,
        line: &mut Line,
        deed: impl FnOnce(&mut Calling, &PbxSettings, &Sound, &mut Line),
    ) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        deed(call, &self.settings, &self.sound, line);
        if call.is_over() {
            call.leave(&self.sound, line);
            self.calls.remove(&id);
        }
    }
}

impl Role for PbxRole {
    type Order = Order;

    fn on_order(&mut self, order: Order, line: &mut Line) {
        match order {
            Order::Register { expires_s, told } => self.registering.begin(expires_s, told, &self.settings, line),
            Order::Call { id, number, news, heard } => self.on_call(Calling::new(id, number, news, heard), line),
            Order::HangUp { id } => self.with_call(id, line, |call, _, _, line| call.hang_up(line)),
        }
    }

    fn on_effect(&mut self, effect: Effect, line: &mut Line) {
        match effect {
            Effect::ResponseArrived { owner: REGISTRATION, message, .. } => {
                self.registering.on_response(&message, &self.settings, line);
            }
            Effect::ResponseArrived { owner, transaction, message, .. } => {
                self.with_call(owner.0, line, |call, settings, sound, line| {
                    call.on_response(transaction, &message, settings, sound, line);
                });
            }
            Effect::TransactionFailed { owner: REGISTRATION, .. } => self.registering.on_failure(),
            Effect::TransactionFailed { owner, .. } => {
                self.with_call(owner.0, line, |call, _, _, line| call.on_failure(line))
            }
            Effect::DialogRequestArrived { owner, transaction, message, .. } => {
                self.with_call(owner.0, line, |call, _, _, line| call.on_request(transaction, &message, line));
            }
            // Nobody sits at this PBX's telephones.
            Effect::RequestArrived { pending } => {
                let is_invite = pending.message().method() == Some(&Method::Invite);
                let reply = if is_invite {
                    Reply::new(480, "Temporarily Unavailable")
                } else {
                    Reply::new(501, "Not Implemented")
                };
                line.refuse(&pending, reply);
            }
            // It accepts no INVITE, so it waits for no ACK and nobody cancels; sending was done by the line.
            Effect::AckArrived { .. }
            | Effect::AckMissed { .. }
            | Effect::Cancelled { .. }
            | Effect::Transmit { .. } => {}
        }
    }

    fn deadline(&self) -> Option<Monotonic> {
        self.registering.deadline()
    }

    fn on_deadline(&mut self, line: &mut Line) {
        self.registering.refresh(&self.settings, line);
    }
}
