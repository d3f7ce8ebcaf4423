//! The PBX's thread: which call or registration an order or a message is for.
//!
//! What a call does with it is in [`super::call`]; the registration is a [`telephone::Registering`].

use super::call::Calling;
use super::{News, Order, PbxSettings};
use crate::demo::agent::line::{Line, Role};
use crate::demo::agent::sound::Sound;
use domain::Monotonic;
use sip::Method;
use sip::endpoint::{Effect, Owner, Reply};
use std::collections::BTreeMap;
use std::sync::mpsc::SyncSender;
use telephone::Registering;

/// Calls of one PBX at one time.
const CALLS_MAX: usize = 32;

/// The owner of REGISTER transactions; calls count from 1.
const REGISTRATION: Owner = Owner(0);

pub(super) struct PbxRole {
    settings: PbxSettings,
    sound: Sound,
    registering: Registering,
    /// Who waits to be told what becomes of the registration.
    told: Option<SyncSender<Result<u32, String>>>,
    calls: BTreeMap<u64, Calling>,
}

impl PbxRole {
    pub(super) fn new(settings: PbxSettings, sound: Sound) -> PbxRole {
        PbxRole { registering: Registering::new(REGISTRATION), told: None, settings, sound, calls: BTreeMap::new() }
    }

    fn on_register(&mut self, expires_s: u32, told: SyncSender<Result<u32, String>>, line: &mut Line) {
        self.told = Some(told);
        let begun = self.registering.begin(expires_s, &self.settings.subscriber, line);
        self.tell(begun.err().map(Err));
    }

    /// Tells whoever ordered the registration. He may have lost patience.
    fn tell(&mut self, result: Option<Result<u32, String>>) {
        if let (Some(result), Some(told)) = (&result, &self.told) {
            let _ = told.try_send(result.clone());
            self.told = None;
        }
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
            Order::Register { expires_s, told } => self.on_register(expires_s, told, line),
            Order::Call { id, number, news, heard } => self.on_call(Calling::new(id, number, news, heard), line),
            Order::HangUp { id } => self.with_call(id, line, |call, _, _, line| call.hang_up(line)),
        }
    }

    fn on_effect(&mut self, effect: Effect, line: &mut Line) {
        match effect {
            Effect::ResponseArrived { owner: REGISTRATION, message, .. } => {
                let result = self.registering.on_response(&message, &self.settings.subscriber, line);
                self.tell(result);
            }
            Effect::ResponseArrived { owner, transaction, message, .. } => {
                self.with_call(owner.0, line, |call, settings, sound, line| {
                    call.on_response(transaction, &message, settings, sound, line);
                });
            }
            Effect::TransactionFailed { owner: REGISTRATION, .. } => {
                self.tell(Some(Err("REGISTER was not answered".to_owned())));
            }
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
            | Effect::DialogRequestRefused { .. }
            | Effect::Transmit { .. } => {}
        }
    }

    fn deadline(&self) -> Option<Monotonic> {
        self.registering.deadline()
    }

    fn on_deadline(&mut self, line: &mut Line) {
        let begun = self.registering.refresh(&self.settings.subscriber, line);
        self.tell(begun.err().map(Err));
    }
}
