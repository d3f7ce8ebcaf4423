//! A new request at the door: proof of who sends it, then a call or a registration; strangers are answered without state.
//!
//! Whether a proven caller may call is the call's to decide.

use super::Shard;
use super::places::owner_of;
use crate::call::{self, CallOutlet, CallShell, House};
use crate::shell::Shell;
use actix::{Actor, AsyncContext, Context};
use domain::call_control::{LegId, Proof};
use domain::fact::AuthOutcome;
use domain::refusal::RefusalKind;
use domain::{CallId, Fact, Refusal};
use leg::{CallerLeg, refusal};
use sip::digest::{Freshness, Gate, Verdict};
use sip::endpoint::{HeaderLines, Pending, Reply};
use sip::{Kind, Method};
use std::sync::Arc;
use switch::call::Opening;

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
        match self.prove(pending) {
            Ok(proof) => self.open_call(pending, proof, ctx),
            Err(reply) => self.answer(pending, *reply),
        }
    }

    /// Who sends an INVITE: digest credentials (S2), or else the address that it comes from (S3). Otherwise what is answered.
    fn prove(&mut self, pending: &Pending) -> Result<Proof, Box<Reply>> {
        let verdict = self.judge(pending, Gate::Proxy);
        let desk = self.core.desk.load();
        let at_source = desk.directory().profiles_at(pending.source().peer);
        let (outcome, proof) = match verdict {
            Verdict::Ok { user } => match desk.secret(&user) {
                Some((profile, _)) => (AuthOutcome::Ok, Ok(Proof::Credentials(profile))),
                None => (AuthOutcome::UnknownUser, Err(self.forbidden())),
            },
            _ if !at_source.is_empty() => (AuthOutcome::Ok, Ok(Proof::Source(at_source.to_vec()))),
            refused => self.refused(refused, Gate::Proxy),
        };
        self.core.tell(&Fact::Authenticated(outcome));
        proof
    }

    /// What the digest credentials of a request prove.
    pub(super) fn judge(&mut self, pending: &Pending, gate: Gate) -> Verdict {
        let message = pending.message();
        let Kind::Request { method, uri } = message.kind() else { return Verdict::Missing };
        // Some PBXs answer a 407 in `Authorization` and a 401 in `Proxy-Authorization`.
        let values: Vec<&[u8]> = match gate {
            Gate::Proxy => message.proxy_authorizations().chain(message.authorizations()).collect(),
            Gate::Registrar => message.authorizations().chain(message.proxy_authorizations()).collect(),
        };
        let desk = self.core.desk.load();
        let lookup = |user: &str| desk.secret(user).map(|(_, ha1)| ha1);
        self.challenger.verify(values, method.as_str(), uri, self.core.clock.now().wall, lookup)
    }

    /// What is answered to who has not proven who he is. The same to unknown users as to wrong passwords.
    pub(super) fn refused<T>(&mut self, verdict: Verdict, gate: Gate) -> (AuthOutcome, Result<T, Box<Reply>>) {
        match verdict {
            Verdict::Malformed(sentence) => (
                AuthOutcome::BadPassword,
                Err(Box::new(Reply::new(400, "Bad Request").warning(&self.naming.identity.host, sentence))),
            ),
            Verdict::UnknownUser => (AuthOutcome::UnknownUser, Err(self.forbidden())),
            Verdict::BadPassword => (AuthOutcome::BadPassword, Err(self.forbidden())),
            Verdict::Stale => (AuthOutcome::StaleNonce, Err(self.challenge(gate, Freshness::Stale))),
            Verdict::Replayed => (AuthOutcome::Replayed, Err(self.challenge(gate, Freshness::Stale))),
            Verdict::Missing | Verdict::Ok { .. } => {
                (AuthOutcome::Challenged, Err(self.challenge(gate, Freshness::New)))
            }
        }
    }

    fn forbidden(&self) -> Box<Reply> {
        Box::new(refusal(&RefusalKind::BadCredentials.into(), &self.naming.identity.host))
    }

    fn challenge(&mut self, gate: Gate, freshness: Freshness) -> Box<Reply> {
        let mut lines = Vec::with_capacity(512);
        self.challenger.challenge(gate, freshness, self.core.clock.now().wall, &mut lines);
        Box::new(Reply::new(gate.status(), gate.phrase()).lines(HeaderLines::from_printed(lines).as_bytes()))
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
        let now = self.core.clock.now();
        let Some(place) = self.places.next() else {
            let full = Refusal::new(RefusalKind::Overloaded).retry_after_s(5);
            self.answer(pending, refusal(&full, &self.naming.identity.host));
            return false;
        };
        let owner = owner_of(place, LegId::CALLER);
        let Ok(transaction) = self.endpoint.accept(pending, owner, now, &mut self.effects) else {
            // A retransmission that was reported before the first was accepted.
            return false;
        };
        let source = *pending.source();
        let identity = self.naming.identity_towards(source.local);
        let tag = self.endpoint.mint_tag();
        let mut orders = Vec::new();
        let invited =
            CallerLeg::invited(pending.message().clone(), transaction, source, proof, &tag, identity, &mut orders);
        let (caller, invitation) = match invited {
            Ok(invited) => invited,
            Err(wrong) => {
                let reply = Reply::new(400, "Bad Request").warning(&self.naming.identity.host, &wrong.to_string());
                let _ = self.endpoint.respond(transaction, reply, now, &mut self.effects);
                return false;
            }
        };
        let desk = self.core.desk.load_full();
        let id = CallId::mint(now.wall, &mut self.entropy);
        let was_let_in = gate.is_none();
        let opening = Opening { id, invitation, directory: Arc::clone(desk.directory()), gate };
        let mut effects = orders.into_iter().map(|order| call::Effect::Leg(LegId::CALLER, order)).collect();
        let entropy = self.entropy.fork();
        let house = match House::open(opening, caller, desk, self.naming.clone(), entropy, now, &mut effects) {
            Ok(house) => house,
            Err(stranger) => {
                let (_, why) = *stranger;
                let reply = refusal(&why, &self.naming.identity.host);
                let _ = self.endpoint.respond(transaction, reply, now, &mut self.effects);
                return false;
            }
        };
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
