//! How one side's sound is secured, as negotiated, and how that changes without a gap: the key before is believed a while longer,
//! and a description that repeats a key changes nothing.
//!
//! The transforms are `srtp`'s; who may send at all was decided before by `source`.

use crate::session::Kind;
use crate::srtp::{Fault, Inbound, Kept, Outbound};
use crate::words::DiscardReason;
use domain::Monotonic;
use domain::srtp::Keying;
use std::time::Duration;

/// How long packets under the key before are believed: who hears of a new key late still sends with the old one.
const FORMER_KEY: Duration = Duration::from_secs(5);

/// One side's sound.
pub(crate) enum Lock {
    /// Plain RTP.
    Open,
    Keyed(Box<Keyed>),
    /// Its keys cannot be used: nothing passes, least of all in the clear.
    Broken,
}

/// Secure RTP.
pub(crate) struct Keyed {
    keying: Keying,
    inbound: Inbound,
    outbound: Outbound,
    /// The key before, and until when it is believed.
    former: Option<(Inbound, Monotonic)>,
}

impl Lock {
    /// What becomes of `former` when a side is negotiated, again perhaps.
    pub(crate) fn negotiated(former: Lock, keying: Option<Keying>, now: Monotonic) -> Lock {
        let Some(keying) = keying else { return Lock::Open };
        let keyed = match former {
            Lock::Keyed(keyed) => Keyed::changed(*keyed, keying, now),
            Lock::Open | Lock::Broken => Keyed::new(keying),
        };
        keyed.map_or(Lock::Broken, |keyed| Lock::Keyed(Box::new(keyed)))
    }

    pub(crate) fn is_secure(&self) -> bool {
        !matches!(self, Lock::Open)
    }

    /// Checks and decrypts what the side sent, in place; the length of what is left.
    pub(crate) fn open(&mut self, kind: Kind, packet: &mut [u8], now: Monotonic) -> Result<usize, DiscardReason> {
        match self {
            Lock::Open => Ok(packet.len()),
            Lock::Keyed(keyed) => keyed.open(kind, packet, now).map_err(reason),
            Lock::Broken => Err(DiscardReason::SrtpAuth),
        }
    }

    /// Encrypts what the side is sent, in the first `length` bytes of `room`; the new length.
    pub(crate) fn seal(&mut self, kind: Kind, room: &mut [u8], length: usize) -> Result<usize, DiscardReason> {
        match self {
            Lock::Open => Ok(length),
            Lock::Keyed(keyed) => {
                let outbound = &mut keyed.outbound;
                let sealed = match kind {
                    Kind::Rtp => outbound.seal_rtp(room, length),
                    Kind::Rtcp => outbound.seal_rtcp(room, length),
                };
                sealed.map_err(reason)
            }
            Lock::Broken => Err(DiscardReason::SrtpAuth),
        }
    }
}

impl Keyed {
    fn new(keying: Keying) -> Option<Keyed> {
        let (inbound, outbound) = (Inbound::new(&keying.heard_with)?, Outbound::new(&keying.spoken_with)?);
        Some(Keyed { keying, inbound, outbound, former: None })
    }

    fn changed(self, keying: Keying, now: Monotonic) -> Option<Keyed> {
        let Keyed { keying: before, inbound, outbound, former } = self;
        let (inbound, former) = if keying.heard_with == before.heard_with {
            (inbound, former)
        } else {
            (Inbound::succeeding(&inbound, &keying.heard_with)?, Some((inbound, now + FORMER_KEY)))
        };
        // Never anew under the same key: its key stream would be used twice.
        let outbound = match keying.spoken_with == before.spoken_with {
            true => outbound,
            false => Outbound::new(&keying.spoken_with)?,
        };
        Some(Keyed { keying, inbound, outbound, former })
    }

    fn open(&mut self, kind: Kind, packet: &mut [u8], now: Monotonic) -> Result<usize, Fault> {
        if self.former.as_ref().is_some_and(|(_, until)| *until <= now) {
            self.former = None;
        }
        let Some((former, _)) = &mut self.former else { return open_with(&mut self.inbound, kind, packet) };
        let kept = Kept::of(packet);
        match open_with(&mut self.inbound, kind, packet) {
            Err(Fault::NotGenuine) => {
                kept.restore(packet);
                open_with(former, kind, packet)
            }
            outcome => outcome,
        }
    }
}

fn open_with(inbound: &mut Inbound, kind: Kind, packet: &mut [u8]) -> Result<usize, Fault> {
    match kind {
        Kind::Rtp => inbound.open_rtp(packet),
        Kind::Rtcp => inbound.open_rtcp(packet),
    }
}

const fn reason(fault: Fault) -> DiscardReason {
    match fault {
        Fault::NotGenuine => DiscardReason::SrtpAuth,
        Fault::Replayed => DiscardReason::SrtpReplay,
        Fault::Short | Fault::NoRoom => DiscardReason::NotRtp,
        Fault::Spent => DiscardReason::SrtpSpent,
    }
}
