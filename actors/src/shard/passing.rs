//! Messages that pass through this node between another one of the house and a PBX that is registered here.
//!
//! What may pass, and where to, is `sip::relaying`'s.

use super::Shard;
use super::sending::Sending;
use actix::Context;
use bytes::Bytes;
use sip::endpoint::{Event, Source};
use sip::relaying::{Passing, Way};
use telemetry::labels::Passed;

impl Shard {
    /// Sends on what is not this node's own; gives back what the endpoint is to hear.
    pub(super) fn passed_on(&mut self, bytes: Bytes, source: Source, ctx: &mut Context<Self>) -> Option<Event> {
        let passed = self.core.neighbours.get().and_then(|neighbours| neighbours.pass(&bytes, &source));
        let Some((message, passing)) = passed else { return Some(Event::BytesReceived { bytes, source }) };
        let (bytes, destination, way) = match passing {
            Passing::Own => return Some(Event::MessageReceived { message, source }),
            Passing::On { bytes, destination, way } => (bytes, destination, Some(way)),
            Passing::Refused { bytes, destination } => (bytes, destination, None),
            Passing::Dropped => {
                self.core.telemetry.count_passed(Passed::Refused);
                return None;
            }
        };
        self.core.telemetry.count_passed(match way {
            Some(Way::ToPbx) => Passed::ToPbx,
            Some(Way::ToNode) => Passed::ToNode,
            Some(Way::Back) => Passed::Back,
            None => Passed::Refused,
        });
        // A PBX that registered over a connection is reached over it and no other (RFC 5626 5.3).
        let may_open = matches!(way, Some(Way::ToNode | Way::Back));
        self.transmit(Sending { bytes, destination, from: self.naming.shard, may_open }, ctx);
        None
    }
}
