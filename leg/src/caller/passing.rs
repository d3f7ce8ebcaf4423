//! Which headers pass the leg of who called, and what goes along with an order.
//!
//! The rules are the crate's `passing`.

use super::{CallerLeg, Phase};
use crate::passing::Passing;
use crate::words::Effect;
use domain::Now;
use domain::call_control::LegOrder;
use domain::header::{HeaderLine, HeaderPolicy};
use std::sync::Arc;

impl CallerLeg {
    /// Which headers its trunk gives and gets in what follows the INVITE, once it is known whose call it is. Before anything is answered.
    pub fn permit_headers(&mut self, policy: Arc<HeaderPolicy>) {
        self.passing = Passing::by(policy);
    }

    /// Does what is ordered, and says with it what the other side said.
    pub(super) fn on_accompanied(
        &mut self,
        lines: Vec<HeaderLine>,
        order: LegOrder,
        now: Now,
        effects: &mut Vec<Effect>,
    ) {
        // A BYE may have to wait for the ACK; nothing is said after it.
        let is_last = matches!(order, LegOrder::Release(_));
        self.bring(lines);
        self.on_ordered(order, now, effects);
        if !is_last {
            self.bring(Vec::new());
        }
    }

    fn bring(&mut self, lines: Vec<HeaderLine>) {
        match &mut self.phase {
            Phase::Answered { talk, .. } | Phase::Talking(talk) | Phase::Leaving(talk) => talk.bring(lines),
            Phase::Inviting(_) | Phase::Parting(_) | Phase::Over => self.passing.bring(lines),
        }
    }
}
