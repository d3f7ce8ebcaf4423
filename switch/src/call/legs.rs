//! Which legs a call has and how far each has come, so that every one is released exactly as its state asks for.
//!
//! What the legs say to each other is decided by the phases.

use domain::call_control::LegId;

/// How far a leg has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// It lives.
    Up,
    /// Its release was ordered before the other side had answered: a 2xx may still cross the CANCEL.
    Abandoned,
    /// Nothing more is to come of it, or nothing that matters.
    Over,
}

/// The legs of one call: the caller's, and one for each attempt.
#[derive(Clone, Debug)]
pub(super) struct Legs(Vec<Standing>);

impl Legs {
    /// The caller's leg only.
    pub(super) fn of_caller() -> Self {
        Legs(vec![Standing::Up])
    }

    /// A new leg towards a carrier.
    pub(super) fn open(&mut self) -> LegId {
        self.0.push(Standing::Up);
        LegId((self.0.len() - 1) as u16)
    }

    /// Whether this leg lives.
    pub(super) fn is_up(&self, leg: LegId) -> bool {
        self.standing(leg) == Standing::Up
    }

    /// Whether this leg was abandoned and may still be answered.
    pub(super) fn is_abandoned(&self, leg: LegId) -> bool {
        self.standing(leg) == Standing::Abandoned
    }

    /// Its release was ordered before it was answered.
    pub(super) fn abandon(&mut self, leg: LegId) {
        self.set(leg, Standing::Abandoned);
    }

    /// Nothing more is to come of it.
    pub(super) fn close(&mut self, leg: LegId) {
        self.set(leg, Standing::Over);
    }

    /// Nothing more is to come of any.
    pub(super) fn close_all(&mut self) {
        self.0.fill(Standing::Over);
    }

    /// The legs that live, the caller's first.
    pub(super) fn up(&self) -> impl Iterator<Item = LegId> + '_ {
        self.0
            .iter()
            .enumerate()
            .filter(|(_, standing)| **standing == Standing::Up)
            .map(|(index, _)| LegId(index as u16))
    }

    /// Whether nothing more is to come of any.
    pub(super) fn all_over(&self) -> bool {
        self.0.iter().all(|standing| *standing == Standing::Over)
    }

    fn standing(&self, leg: LegId) -> Standing {
        self.0.get(usize::from(leg.0)).copied().unwrap_or(Standing::Over)
    }

    fn set(&mut self, leg: LegId, standing: Standing) {
        if let Some(place) = self.0.get_mut(usize::from(leg.0)) {
            *place = standing;
        }
    }
}
