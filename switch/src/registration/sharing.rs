//! What other nodes of the house say of a registration: the binding that was made last stands, at whichever of them.
//!
//! How they say it, and what is kept of it meanwhile, is not decided here.

use super::{Binding, Effect, Registration};
use domain::{Fact, Now, Wall};
use std::sync::Arc;

/// What decides which of two bindings was made last; the rest only makes that every node comes to the same where two are of the same
/// instant.
fn age(binding: &Binding) -> (Wall, u32, &str, &str) {
    (binding.refreshed_at, binding.cseq, &binding.sip_call_id, &binding.contact)
}

impl Registration {
    /// Another node has bound the PBX. Its own bindings this node tells again where they are newer: somebody has forgotten them.
    pub(super) fn on_heard(&mut self, heard: Arc<Binding>, now: Now, effects: &mut Vec<Effect>) {
        match self.binding.take() {
            Some(ours) if ours.is_ours() && age(&ours) >= age(&heard) => {
                effects.push(Effect::Share { binding: Some(Arc::clone(&ours)), at: ours.refreshed_at });
                self.binding = Some(ours);
            }
            former => {
                if let Some(ours) = former.filter(|ours| ours.is_ours())
                    && ours.sip_call_id != heard.sip_call_id
                    && ours.source != heard.seen_from()
                {
                    let (profile, replaced, by) = (self.profile, ours.source, heard.seen_from());
                    effects.push(Effect::Tell(Fact::RegistrationConflicted { profile, replaced, by }));
                }
                self.take(heard, now, effects);
            }
        }
    }

    /// Another node has removed what was bound, or says that nothing is any more.
    pub(super) fn on_heard_none(&mut self, at: Wall, effects: &mut Vec<Effect>) {
        let Some(known) = &self.binding else { return };
        if known.refreshed_at <= at {
            self.forget(effects);
        } else if known.is_ours() {
            effects.push(Effect::Share { binding: Some(Arc::clone(known)), at: known.refreshed_at });
        }
    }

    /// This node was restarted: what it bound before holds, where the way to the PBX needs no connection.
    pub(super) fn on_recalled(&mut self, binding: Arc<Binding>, now: Now, effects: &mut Vec<Effect>) {
        if self.binding.is_none() {
            self.take(binding, now, effects);
        }
    }

    fn take(&mut self, binding: Arc<Binding>, now: Now, effects: &mut Vec<Effect>) {
        let left = binding.expires_at.since(now.wall);
        if left.is_zero() {
            return self.forget(effects);
        }
        self.expires = Some(now.monotonic + left);
        self.has_answered = false;
        self.probe = None;
        if binding.is_ours() {
            self.arm_probe(&binding, now);
        }
        self.binding = Some(Arc::clone(&binding));
        effects.push(Effect::Publish(Some(binding)));
    }

    /// Nothing is bound any more; nobody is told but this node.
    pub(super) fn forget(&mut self, effects: &mut Vec<Effect>) {
        self.binding = None;
        self.expires = None;
        self.probe = None;
        self.has_answered = false;
        effects.push(Effect::Publish(None));
    }
}
