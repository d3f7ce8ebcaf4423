//! A new request at the door: proof of who sends it, then a call or a registration; strangers are answered without state.
//!
//! Whether a proven caller may call is the call's to decide.

use super::Shard;
use crate::call::{CallOutlet, CallShell};
use crate::desk::Desk;
use crate::shell::Shell;
use crate::ways::attempt;
use crate::ways::door::{Door, Proven, Received};
use crate::ways::register::transport_fact;
use actix::{Actor, AsyncContext, Context};
use domain::call_control::Proof;
use domain::call_record::CallDirection;
use domain::fact::AuthOutcome;
use domain::refusal::RefusalKind;
use domain::{Fact, Refusal};
use leg::refusal;
use sip::Method;
use sip::endpoint::{Pending, Reply};
use std::sync::Arc;
use switch::attempts::Attempt;
use switch::call::{Stranger, is_emergency};
use telemetry::labels::OverloadReason;

impl Shard {
    pub(super) fn on_request(&mut self, pending: &Pending, ctx: &mut Context<Self>) {
        match pending.message().method() {
            Some(Method::Invite) => self.on_invite(pending, ctx),
            Some(Method::Register) => self.on_register(pending),
            // BYE, UPDATE, INFO outside any dialog.
            _ => self.answer(pending, Reply::refusing(RefusalKind::NoSuchDialog)),
        }
    }

    fn on_invite(&mut self, pending: &Pending, ctx: &mut Context<Self>) {
        let desk = self.core.desk.load_full();
        let (outcome, proven) = self.door(&desk).prove_caller(pending);
        self.core.tell(&Fact::Authenticated(outcome));
        let is_sure = |known: &Proven| known.certificate.is_some() || matches!(known.proof, Proof::Credentials(_));
        self.heed(pending, outcome, proven.as_ref().is_ok_and(is_sure));
        match proven {
            Ok(proven) => self.open_call(pending, proven, ctx),
            Err(reply) => {
                self.note_unproven(pending, outcome, &desk, &reply);
                self.answer(pending, *reply);
            }
        }
    }

    /// Remembers a request of somebody who proved nothing.
    pub(super) fn note_unproven(&mut self, pending: &Pending, outcome: AuthOutcome, desk: &Desk, reply: &Reply) {
        let attempt = attempt::of_request(pending, CallDirection::Outbound, self.core.clock.now().wall);
        let directory = desk.directory();
        let refusal = match outcome {
            AuthOutcome::Challenged => {
                let shown = self.core.shown_by(pending.source());
                let challenged = attempt::challenged(attempt, pending.message(), directory, shown.as_deref());
                if let Some((named, attempt)) = challenged {
                    self.core.attempts.note_unproven(named, attempt);
                }
                return;
            }
            AuthOutcome::UnknownUser => RefusalKind::BadCredentials,
            AuthOutcome::BadPassword => reply.refusal().unwrap_or(RefusalKind::BadCredentials),
            // The PBX comes again by itself.
            AuthOutcome::Ok | AuthOutcome::StaleNonce | AuthOutcome::Replayed | AuthOutcome::IpNotAllowed => return,
        };
        let named = directory.profile_by_sip_user(&attempt.user).map(|profile| profile.id);
        let attempt = attempt::refused(attempt, &refusal.into(), refusal.status());
        self.core.attempts.note_unproven(named, attempt);
    }

    /// What a proof, or its failure, is to the guard.
    pub(super) fn heed(&mut self, pending: &Pending, outcome: AuthOutcome, is_proven: bool) {
        let peer = pending.source().peer.ip();
        if is_proven {
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
            certificates: &self.core.shelf,
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
        if is_emergency(desk.directory(), proof, &dialled) {
            return Ok(Some(refused));
        }
        Err(refused)
    }

    fn open_call(&mut self, pending: &Pending, proven: Proven, ctx: &mut Context<Self>) {
        let gate = match self.gate(&proven.proof, pending) {
            Ok(gate) => gate,
            Err(refused) => {
                self.core.telemetry.count_overload_rejection(crate::shard::figures::overload_reason(refused.kind));
                self.note_turned_away(pending, &proven, &refused);
                return self.answer(pending, refusal(&refused, &self.naming.identity.host));
            }
        };
        let was_let_in = gate.is_none();
        if !self.start_call(pending, proven, gate, ctx) && was_let_in {
            self.core.leave();
        }
    }

    /// Remembers a proven caller to whom the node shut its door.
    fn note_turned_away(&mut self, pending: &Pending, proven: &Proven, refused: &Refusal) {
        let mut attempt = attempt::of_request(pending, proven.proof.direction(), self.core.clock.now().wall);
        attempt::proven(&mut attempt, proven);
        let attempt = attempt::refused(attempt, refused, refused.kind.status());
        match attempt::owner(&proven.proof) {
            Some(profile) => self.core.attempts.note(profile, attempt),
            None => self.core.attempts.note_unproven(None, attempt),
        }
    }

    /// Remembers a call of nobody's.
    fn note_stranger(&mut self, pending: &Pending, direction: CallDirection, stranger: Stranger) {
        let attempt = attempt::of_request(pending, direction, self.core.clock.now().wall);
        let attempt = Attempt { trace: stranger.trace, ..attempt };
        let attempt = attempt::refused(attempt, &stranger.refusal, stranger.refusal.kind.status());
        self.core.attempts.note_unproven(None, attempt);
    }

    /// Accepts the INVITE and opens its actor. False where nothing was opened.
    fn start_call(
        &mut self,
        pending: &Pending,
        proven: Proven,
        gate: Option<Refusal>,
        ctx: &mut Context<Self>,
    ) -> bool {
        let Some(place) = self.places.next() else {
            self.core.telemetry.count_overload_rejection(OverloadReason::Load);
            let full = Refusal::new(RefusalKind::Overloaded).retry_after_s(5);
            self.answer(pending, refusal(&full, &self.naming.identity.host));
            return false;
        };
        let was_let_in = gate.is_none();
        let desk = self.core.desk.load_full();
        let direction = proven.proof.direction();
        let (house, effects) = match self.door(&desk).receive(pending, proven, gate, place) {
            Received::Opened(house, effects) => (*house, effects),
            Received::Answered => return false,
            Received::TurnedAway(stranger) => {
                self.note_stranger(pending, direction, stranger);
                return false;
            }
        };
        let from = (pending.source().peer, transport_fact(pending.source().transport));
        let id = house.id();
        let core = Arc::clone(&self.core);
        let shard = ctx.address();
        let address = CallShell::create(|ctx| {
            let clock = core.clock;
            let outlet = CallOutlet::new(id, place, was_let_in, from, ctx.address(), shard, core);
            Shell::new(house, effects, outlet, clock)
        });
        self.places.enter(place, address.clone());
        self.core.registry.enter_call(id, address);
        true
    }
}
