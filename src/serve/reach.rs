//! Whether a node that listens on every address of its machine tells its peers one that they can send to.
//!
//! Listeners on one address are judged by `config`, which needs no machine for it.

use config::Settings;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// What is wrong with the advertised addresses, as a sentence; nothing where they are in order.
pub(super) fn fault(settings: &Settings) -> Option<String> {
    let listeners = settings.sip.listen.iter().chain(&settings.tls.listen);
    let wildcards = listeners.map(SocketAddr::ip).filter(IpAddr::is_unspecified);
    wildcards.filter_map(outward).find_map(|machine| fault_at(settings, machine))
}

/// The same for a machine whose address on the way out is `machine`.
fn fault_at(settings: &Settings, machine: IpAddr) -> Option<String> {
    let sip = settings.sip.advertised_address.map(|address| ("sip.advertised_address", address));
    let Settings { media, .. } = settings;
    let first = ("media.advertised_address", media.advertised_address.unwrap_or(media.address));
    let second = media.second_advertised_address.or(media.second_address);
    let second = second.map(|address| ("media.second_advertised_address", address));
    let media = std::iter::once(first).chain(second).filter(|(_, address)| !address.is_unspecified());
    let of_family = |(_, address): &(&str, IpAddr)| address.is_ipv4() == machine.is_ipv4();
    sip.into_iter().chain(media).filter(of_family).find_map(|(key, address)| {
        let why = config::unreachable(machine, address)?;
        Some(format!("{key}: {why}; name the public address of this machine, {machine}, or listen on a private one"))
    })
}

/// The address that the routing table chooses for the way out of this machine, if there is one.
fn outward(wildcard: IpAddr) -> Option<IpAddr> {
    // Connecting a datagram socket sends nothing. Both are for documentation and nobody's.
    let (any, far): (IpAddr, IpAddr) = match wildcard {
        IpAddr::V4(_) => (Ipv4Addr::UNSPECIFIED.into(), Ipv4Addr::new(192, 0, 2, 1).into()),
        IpAddr::V6(_) => (Ipv6Addr::UNSPECIFIED.into(), Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into()),
    };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect((far, 9)).ok()?;
    socket.local_addr().ok().map(|local| local.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(sip: &str, media: &str) -> Settings {
        let mut settings = Settings::default();
        settings.sip.listen = vec!["0.0.0.0:5060".parse().unwrap()];
        settings.sip.advertised_address = Some(sip.parse().unwrap());
        settings.media.advertised_address = Some(media.parse().unwrap());
        settings
    }

    #[test]
    fn a_public_machine_does_not_advertise_a_private_address() {
        let public = "8.8.8.8".parse().unwrap();
        let fault = fault_at(&settings("192.168.1.2", "8.8.8.8"), public).unwrap();
        assert!(fault.contains("sip.advertised_address: 192.168.1.2 is a private address"), "{fault}");
        let fault = fault_at(&settings("8.8.8.8", "127.0.0.1"), public).unwrap();
        assert!(fault.contains("media.advertised_address: 127.0.0.1 is the loopback"), "{fault}");
        assert_eq!(fault_at(&settings("8.8.8.8", "8.8.8.8"), public), None);
    }

    #[test]
    fn a_container_on_a_private_network_advertises_its_hosts_address() {
        assert_eq!(fault_at(&settings("192.168.1.2", "192.168.1.2"), "172.17.0.2".parse().unwrap()), None);
    }
}
