//! What the house of a call hears and what leaves it: the whole list.
//!
//! How an effect is performed is the outlet's business.

use super::addresses::MediaAddresses;
use domain::call_control::LegId;
use domain::media::KeyPress;
use domain::network::Network;
use domain::{CallId, CarrierId, Fact, ProfileId, Refusal};
use leg::{Identity, SoundOrder};
use media::{OpenRequest, Opened, Side};
use sip::endpoint::Transport;
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
    /// For the call with this identity, where the house may have two.
    CallOf(CallId, switch::call::Event),
    /// The ports that were ordered are open, or cannot be.
    SoundOpened(Result<Opened, Refusal>),
    /// A key was pressed in the sound, for this side to hear by INFO.
    KeyHeard(Side, KeyPress),
}

/// What leaves the house.
#[derive(Debug)]
pub enum Effect {
    /// For the shard's endpoint, on behalf of a leg. Never `Tell` or `Sound`: those stay in the house.
    Leg(LegId, leg::Effect),
    /// A second call lives in this house from now on: what is for it comes here.
    Joined(CallId),
    /// For a carrier.
    AskCarrier(CarrierId, switch::carrier::Ask),
    /// For the profile.
    AskProfile(ProfileId, Box<switch::profile::Request>),
    /// Open ports; answered by [`Event::SoundOpened`].
    OpenSound(OpenRequest),
    /// Open ports of one side anew, at this address; answered by [`Event::SoundOpened`].
    MoveSound(Side, IpAddr),
    /// Tell the relay where one side is, and the only networks that its sound may come from, where there are such.
    SetSound(Side, SoundOrder, Option<Arc<[Network]>>),
    /// Put a key press into the sound that one side hears (RFC 4733).
    Press(Side, KeyPress),
    /// Sound a warning tone for one side, in the place of what it hears.
    SoundTone(Side),
    /// The call is answered: silence counts from now on.
    WatchForSilence,
    /// Close the ports and tell the packet counts; answered by a call event.
    CloseSoundAndReport,
    /// Close the ports.
    CloseSound,
    /// Nobody answers there: calls to its carrier are to try other places first for a while.
    Avoid(SocketAddr),
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
    /// The address that peers shall answer to whatever the local one of its family (one-to-one NAT).
    pub advertised: Option<IpAddr>,
    /// Where sound is received, and what session descriptions name.
    pub media: MediaAddresses,
}

impl Naming {
    /// How we show ourselves to who is reached over `transport` from `local`.
    pub fn identity_towards(&self, transport: Transport, local: SocketAddr, is_sips: bool) -> Arc<Identity> {
        let ours = &self.identity;
        if local.ip().is_unspecified() && transport == ours.transport && !is_sips {
            return Arc::clone(ours);
        }
        let ip = self.advertised.filter(|ip| ip.is_ipv4() == local.is_ipv4()).unwrap_or(local.ip());
        let contact = SocketAddr::new(ip, local.port());
        if contact == ours.contact && transport == ours.transport && !is_sips {
            return Arc::clone(ours);
        }
        Arc::new(Identity { contact, transport, is_sips, ..Identity::clone(ours) })
    }
}
