//! Where this node receives sound: an address of each version of IP, and what session descriptions name in its place.
//!
//! Which of them a leg of a call takes, its house decides; ports are `media`'s.

use domain::media::{Families, Family};
use media::Opened;
use std::net::{IpAddr, SocketAddr};

/// One address of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MediaAddress {
    /// Where sound is received.
    pub local: IpAddr,
    /// What session descriptions name, where that is another one of its family (one-to-one NAT).
    pub advertised: Option<IpAddr>,
}

/// At most one of each family.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MediaAddresses {
    v4: Option<MediaAddress>,
    v6: Option<MediaAddress>,
}

impl MediaAddresses {
    /// Of several of one family the first counts.
    pub fn new(addresses: impl IntoIterator<Item = MediaAddress>) -> MediaAddresses {
        let mut known = MediaAddresses::default();
        for address in addresses {
            let place = match Family::of(address.local) {
                Family::V4 => &mut known.v4,
                Family::V6 => &mut known.v6,
            };
            place.get_or_insert(address);
        }
        known
    }

    /// Which families there are.
    pub const fn families(&self) -> Families {
        Families { v4: self.v4.is_some(), v6: self.v6.is_some() }
    }

    /// Where sound of this family is received; none where the media room shall choose.
    pub fn local(&self, family: Family) -> Option<IpAddr> {
        self.of(family).map(|address| address.local)
    }

    /// The ports that were opened, under the addresses that peers shall send to.
    pub fn shown(&self, opened: Opened) -> Opened {
        let shown = |address: SocketAddr| {
            let advertised = self.of(Family::of(address.ip())).and_then(|known| known.advertised);
            SocketAddr::new(advertised.unwrap_or(address.ip()), address.port())
        };
        Opened { a: shown(opened.a), b: opened.b.map(shown) }
    }

    fn of(&self, family: Family) -> Option<MediaAddress> {
        match family {
            Family::V4 => self.v4,
            Family::V6 => self.v6,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_family_is_received_at_its_own_address_and_shown_as_its_own() {
        let at = |local: &str, advertised: Option<&str>| MediaAddress {
            local: local.parse().unwrap(),
            advertised: advertised.map(|address| address.parse().unwrap()),
        };
        let known = MediaAddresses::new([at("10.0.0.1", Some("192.0.2.1")), at("::1", None), at("10.0.0.2", None)]);
        assert_eq!(known.families(), Families::BOTH);
        assert_eq!(known.local(Family::V4), Some("10.0.0.1".parse().unwrap()), "the first");
        assert_eq!(known.local(Family::V6), Some("::1".parse().unwrap()));
        let opened = Opened { a: "10.0.0.1:4000".parse().unwrap(), b: Some("[::1]:5000".parse().unwrap()) };
        let shown = known.shown(opened);
        assert_eq!((shown.a.to_string(), shown.b.unwrap().to_string()), ("192.0.2.1:4000".into(), "[::1]:5000".into()));
        assert_eq!(MediaAddresses::default().shown(opened), opened);
        assert!(!MediaAddresses::default().families().has(Family::V4));
    }
}
