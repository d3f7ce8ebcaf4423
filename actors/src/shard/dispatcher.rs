//! A new request at the door: proof of who sends it, then a call or a registration; strangers are answered without state.
//!
//! Whether a proven caller may call is the call's to decide.

use super::Shard;
use crate::call::{CallOutlet, CallShell};
use crate::desk::Desk;
use crate::shell::Shell;
use crate::ways::door::{Door, Received};
use actix::{Actor, AsyncContext, Context};
use domain::call_control::Proof;
use domain::fact::AuthOutcome;
use domain::refusal::RefusalKind;
use domain::{Fact, Refusal};
use leg::refusal;
use sip::Method;
use sip::endpoint::{Pending, Reply};
use std::sync::Arc;
use telemetry::labels::OverloadReason;

impl Shard {
    pub(super) fn on_request(&mut self, pending: &Pending, ctx: &mut Context<Self>) {
        match pending.message().method() {
            Some(Method::Invite) => self.on_invite(pending, ctx),
            Some(Method::Register) => self.on_register(pending),
            // BYE, UPDATE, INFO outside any dialog.
            _ => self.answer(pending, Reply::new(481, "Call/Transaction Does Not Exist")),
        }
    }

    fn on_invite(&mut self, pending: &Pending, ctx: &mut Context<Self>) {
        let desk = self.core.desk.load_full();
        let (outcome, proof) = self.door(&desk).prove_caller(pending);
        self.core.tell(&Fact::Authenticated(outcome));
        self.heed(pending, outcome, matches!(proof, Ok(Proof::Credentials(_))));
        match proof {
            Ok(proof) => self.open_call(pending, proof, ctx),
            Err(reply) => self.answer(pending, *reply),
        }
    }

    /// What a proof, or its failure, is to the guard.
    pub(super) fn heed(&mut self, pending: &Pending, outcome: AuthOutcome, has_password: bool) {
        let peer = pending.source().peer.ip();
        if has_password {
            return self.core.guarding.prove(peer);
        }
        if outcome == AuthOutcome::Ok {
            return;
        }
        let desk = self.core.desk.load_full();
        if let Some((offence, evidence)) = self.door(&desk).offence(pending, outcome) {
            self.core.guarding.fail(peer, offence, evidence);
        }
    }

    pub(super) fn door<'a>(&'a mut self, desk: &'a Arc<Desk>) -> Door<'a> {
        Door {
            endpoint: &mut self.endpoint,
            challenger: &mut self.challenger,
            entropy: &mut self.entropy,
            naming: &self.naming,
            former_secrets: &*self.core,
            bindings: &*self.core,
            desk,
            now: self.core.clock.now(),
            orders: &mut self.effects,
        }
    }

    pub(super) fn answer(&mut self, pending: &Pending, reply: Reply) {
        self.endpoint.answer_statelessly(pending, reply, &mut self.effects);
    }

    /// Refuses new work without state, except to somebody in need (O3): whatever the load, an emergency call gets its answer.
    fn gate(&mut self, proof: &Proof, pending: &Pending) -> Result<Option<Refusal>, Refusal> {
        let now = self.core.clock.now();
        let Err(refused) = self.core.enter(now) else { return Ok(None) };
        let desk = self.core.desk.load();
        let dialled = leg::invitation::dialled_in(pending.message());
        let candidates = match proof {
            Proof::Credentials(profile) => std::slice::from_ref(profile),
            Proof::Source(profiles) => profiles,
            // Nobody in need calls from outside.
            Proof::Carrier(_) | Proof::Inside(_) => &[],
        };
        if candidates.iter().any(|profile| desk.directory().is_emergency(*profile, &dialled)) {
            return Ok(Some(refused));
        }
        Err(refused)
    }

    fn open_call(&mut self, pending: &Pending, proof: Proof, ctx: &mut Context<Self>) {
        let gate = match self.gate(&proof, pending) {
            Ok(gate) => gate,
            Err(refused) => {
                self.core.telemetry.count_overload_rejection(crate::shard::figures::overload_reason(refused.kind));
                return self.answer(pending, refusal(&refused, &self.naming.identity.host));
            }
        };
        let was_let_in = gate.is_none();
        if !self.start_call(pending, proof, gate, ctx) && was_let_in {
            self.core.leave();
        }
    }

    /// Accepts the INVITE and opens its actor. False where nothing was opened.
    fn start_call(&mut self, pending: &Pending, proof: Proof, gate: Option<Refusal>, ctx: &mut Context<Self>) -> bool {
        let Some(place) = self.places.next() else {
            self.core.telemetry.count_overload_rejection(OverloadReason::Load);
            let full = Refusal::new(RefusalKind::Overloaded).retry_after_s(5);
            self.answer(pending, refusal(&full, &self.naming.identity.host));
            return false;
        };
        let was_let_in = gate.is_none();
        let desk = self.core.desk.load_full();
        let (house, effects) = match self.door(&desk).receive(pending, proof, gate, place) {
            Received::Opened(house, effects) => (*house, effects),
            Received::Answered => return false,
        };
        let id = house.id();
        let core = Arc::clone(&self.core);
        let shard = ctx.address();
        let address = CallShell::create(|ctx| {
            let clock = core.clock;
            let outlet = CallOutlet::new(id, place, was_let_in, ctx.address(), shard, core);
            Shell::new(house, effects, outlet, clock)
        });
        self.places.enter(place, address.clone());
        self.core.registry.enter_call(id, address);
        true
    }
}
