//! What the house of a call hears and what leaves it: the whole list.
//!
//! How an effect is performed is the outlet's business.

use domain::call_control::LegId;
use domain::network::Network;
use domain::{CarrierId, Fact, ProfileId, Refusal};
use leg::{Identity, SoundOrder};
use media::{Mode, Opened, Side};
use sip::endpoint::steering::SteeringKey;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// What a call and its legs hear.
#[derive(Debug)]
pub enum Event {
    /// For one of the legs, from the shard's endpoint.
    Leg(LegId, leg::Event),
    /// For the call: from its profile, the media room or an operator.
    Call(switch::call::Event),
    /// The ports that were ordered are open, or cannot be.
    SoundOpened(Result<Opened, Refusal>),
}

/// What leaves the house.
#[derive(Debug)]
pub enum Effect {
    /// For the shard's endpoint, on behalf of a leg. Never `Tell` or `Sound`: those stay in the house.
    Leg(LegId, leg::Effect),
    /// For a carrier.
    AskCarrier(CarrierId, switch::carrier::Ask),
    /// For the profile.
    AskProfile(ProfileId, Box<switch::profile::Request>),
    /// Open ports; answered by [`Event::SoundOpened`].
    OpenSound(Mode),
    /// Tell the relay where one side is, and the only networks that its sound may come from, where there are such.
    SetSound(Side, SoundOrder, Option<Arc<[Network]>>),
    /// The call is answered: silence counts from now on.
    WatchForSilence,
    /// Close the ports and tell the packet counts; answered by a call event.
    CloseSoundAndReport,
    /// Close the ports.
    CloseSound,
    /// Say what happened.
    Tell(Fact),
}

/// How a shard names what it makes.
#[derive(Clone, Debug)]
pub struct Naming {
    /// The shard's number, in Call-IDs.
    pub shard: u16,
    /// Signs the shard's number in Call-IDs.
    pub steering: SteeringKey,
    /// How we show ourselves, without an address of ours.
    pub identity: Arc<Identity>,
    /// Whether `identity.contact` is advertised whatever the local address (one-to-one NAT).
    pub is_advertised: bool,
    /// The address that session descriptions name, where it is not the one that sound is received at.
    pub media_advertised: Option<IpAddr>,
}

impl Naming {
    /// The ports that were opened, under the address that peers shall send to.
    pub fn shown(&self, opened: Opened) -> Opened {
        let shown =
            |address: SocketAddr| SocketAddr::new(self.media_advertised.unwrap_or(address.ip()), address.port());
        Opened { a: shown(opened.a), b: opened.b.map(shown) }
    }

    /// How we show ourselves to who is reached from `local`.
    pub fn identity_towards(&self, local: SocketAddr) -> Arc<Identity> {
        if self.is_advertised || local == self.identity.contact || local.ip().is_unspecified() {
            return Arc::clone(&self.identity);
        }
        Arc::new(Identity { contact: local, ..Identity::clone(&self.identity) })
    }
}
