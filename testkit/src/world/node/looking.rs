//! A look at a node: how it shows itself, and what is there now. Nothing is changed here.

use super::{Node, Profile};
use crate::world::SWITCH;
use actors::SessionTimers;
use actors::call::Naming;
use domain::{CallId, Entropy, Now, ProfileId};
use ledger::Ledger;
use sip::endpoint::Load;
use sip::endpoint::steering::SteeringKey;
use std::net::SocketAddr;
use std::sync::Arc;
use switch::call::PhaseName;
use switch::registration;

/// How a node names what it makes.
pub(super) fn naming(timers: SessionTimers, entropy: &mut Entropy) -> Naming {
    let host = SWITCH.ip().to_string().into();
    let identity = leg::Identity {
        host,
        user_agent: "Tandem".into(),
        contact: SWITCH,
        transport: sip::endpoint::Transport::Udp,
        is_sips: false,
        timers,
    };
    Naming {
        shard: 0,
        steering: SteeringKey::new(entropy.next_u128().to_le_bytes()),
        identity: Arc::new(identity),
        advertised: None,
        media: Default::default(),
    }
}

/// A call as it stands in the node.
#[derive(Clone, Debug)]
pub struct CallSeen {
    /// Which.
    pub id: CallId,
    /// Whose.
    pub profile: ProfileId,
    /// Where in its life.
    pub phase: PhaseName,
    /// Whether its books are closed.
    pub is_settled: bool,
    /// The Call-ID of the caller's leg.
    pub sip_call_id: String,
    /// The Call-IDs of the legs to carriers, in order.
    pub carrier_call_ids: Vec<String>,
    /// The carrier of the last of them.
    pub carrier: Option<String>,
    /// Where the called side has its sound sent.
    pub called_sound: Option<SocketAddr>,
}

impl Node {
    /// Every call whose house stands, in order of birth.
    pub fn calls(&self, now: Now) -> Vec<CallSeen> {
        let seen = self.houses.iter().map(|(place, house)| {
            let (call, record) = (house.call(), house.call().record());
            CallSeen {
                id: house.id(),
                profile: record.profile,
                phase: call.phase(),
                is_settled: call.live(now).is_none(),
                sip_call_id: record.sip_call_id.clone(),
                carrier_call_ids: record.attempts.iter().map(|attempt| attempt.sip_call_id.clone()).collect(),
                carrier: record
                    .attempts
                    .last()
                    .and_then(|attempt| attempt.carrier.as_ref())
                    .map(|it| it.carrier_name.clone()),
                called_sound: self.called_sounds.get(place).copied(),
            }
        });
        seen.collect()
    }

    /// How full the endpoint's tables are.
    pub fn load(&self) -> Load {
        self.endpoint.load()
    }

    /// What the endpoint has counted.
    pub fn counters(&self) -> &sip::endpoint::Counters {
        self.endpoint.counters()
    }

    /// Calls whose houses stand.
    pub fn live_calls(&self) -> usize {
        self.houses.len()
    }

    /// How many channels of each carrier are taken.
    pub fn carrier_channels(&self) -> Vec<(Arc<str>, u32)> {
        let directory = self.desk.directory();
        let taken = |(id, machine): (&domain::CarrierId, &switch::Carrier)| {
            Some((Arc::clone(&directory.carrier(*id)?.name), machine.standing().channels_in_use))
        };
        self.carriers.iter().filter_map(taken).collect()
    }

    /// Calls whose ports are open.
    pub fn open_sounds(&self) -> usize {
        self.sounds.len()
    }

    /// Calls that the profiles have open books of.
    pub fn open_books(&self) -> usize {
        self.profiles.values().map(Profile::calls).sum()
    }

    /// REGISTERs that nobody has answered.
    pub fn waiting_registers(&self) -> usize {
        self.registers.len()
    }

    /// Where a PBX can be reached now.
    pub fn binding(&self, profile: ProfileId) -> Option<Arc<registration::Binding>> {
        self.registrations.get(&profile)?.binding().map(Arc::clone)
    }

    /// Credit.
    pub fn ledger(&self) -> &Arc<dyn Ledger> {
        &self.ledger
    }
}
