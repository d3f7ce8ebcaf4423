//! The story of the demo: several real calls, each with what must be true of it afterwards.
//!
//! | File | Holds |
//! |---|---|
//! | [`steps`] | the steps, in the order in which they are told |
//! | [`watching`] | waiting for news of a call while the live table goes on, and for its record |
//!
//! The world is made in `world`; what remains in the books is compared in `books`.

mod steps;
mod watching;

pub(super) use steps::{ANSWERS, BUSY, DEAR, ECHO, EMERGENCY};

use super::screen::Screen;
use super::world::{Office, World};
use domain::Micros;
use serde::Serialize;
use std::collections::BTreeSet;

/// A step that was told.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Step {
    /// What it is about.
    pub(super) name: &'static str,
    /// Whether everything was as it must be.
    pub(super) ok: bool,
    /// What happened; where not all was as told, what was otherwise.
    pub(super) told: String,
}

/// What the story expects of the books.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Expected {
    /// Calls.
    pub(super) calls: u64,
    /// Of these, answered.
    pub(super) answered: u64,
    /// What they cost, in millionths of a dollar.
    #[serde(skip)]
    pub(super) charged: Micros,
}

/// The story while it is being told.
pub(super) struct Story<'a> {
    world: &'a World,
    screen: &'a mut Screen,
    steps: Vec<Step>,
    expected: Expected,
    /// Records that belong to a step already.
    seen: BTreeSet<String>,
}

/// Tells all of it. A step that fails does not keep the next from being told.
pub(super) fn tell(world: &World, screen: &mut Screen) -> (Vec<Step>, Expected) {
    let mut story = Story { world, screen, steps: Vec::new(), expected: Expected::default(), seen: BTreeSet::new() };
    story.step("registration", Story::both_register);
    story.step("answered", Story::a_call_is_answered_and_hung_up);
    story.step("busy", Story::a_call_is_refused_by_who_is_busy);
    story.step("emergency", Story::an_emergency_call_is_refused_at_once);
    story.step("cut_off", Story::credit_runs_out_while_another_profile_is_recharged);
    story.step("no_credit", Story::without_credit_no_carrier_hears_of_it);
    story.step("echo", Story::the_echo_test_is_free);
    story.step("unregistration", Story::both_make_room_for_a_phone);
    (story.steps, story.expected)
}

impl Story<'_> {
    fn step(&mut self, name: &'static str, deed: impl FnOnce(&mut Self) -> Result<String, String>) {
        let result = deed(self);
        let ok = result.is_ok();
        let told = result.unwrap_or_else(|fault| fault);
        self.screen.line(format!("  {} {told}", if ok { "ok  " } else { "FAIL" }));
        self.steps.push(Step { name, ok, told });
    }
}

/// Fails where something is not as it must be.
fn must(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}

/// An amount as the API writes it.
fn amount(text: &str) -> Result<Micros, String> {
    text.parse().map_err(|error| format!("{text} is no amount: {error}"))
}

/// What a profile has must be this, with nothing held.
fn must_have(world: &World, office: &Office, expected: Micros) -> Result<(), String> {
    let profile: super::api::Profile = world.api.get(&format!("/profiles/{}", office.profile))?;
    let (balance, held) = (amount(&profile.credit.balance)?, amount(&profile.credit.held)?);
    must(balance == expected && held.is_zero(), || {
        format!("{} has {balance} with {held} held; {expected} with nothing held was expected", office.name)
    })
}
