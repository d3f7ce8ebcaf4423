//! What `[media]` can get wrong by itself: addresses, and ports.
//!
//! What only several sections together can get wrong is the check's.

use super::{Checks, Key};
use crate::settings::Media;
use std::net::IpAddr;

impl Checks {
    pub(super) fn media(&mut self, media: &Media) {
        self.advertisable(("media", "advertised_address"), media.advertised_address);
        if media.address.is_unspecified() && media.advertised_address.is_none() {
            self.complain(
                &[("media", "address")],
                format!("{} means every address of this machine, and nobody can send sound to that", media.address),
                "name the address to receive RTP at, or set media.advertised_address to the one that SDP shall name",
            );
        }
        self.media_family(("media", "advertised_address"), media.address, media.advertised_address);
        self.second_address(media);
        let range = [("media", "port_min"), ("media", "port_max")];
        if media.port_min < 1_024 || !media.port_min.is_multiple_of(2) {
            let message = format!("{} cannot be the first RTP port", media.port_min);
            self.complain(
                &range[..1],
                message,
                "expected an even port from 1024 on: RTP has even ports, RTCP the next odd ones",
            );
        }
        if media.port_max.is_multiple_of(2) {
            let message = format!("{} cannot be the last RTP port", media.port_max);
            self.complain(&range[1..], message, "expected an odd port: the last one is for RTCP");
        }
        let ports = media.ports_of_range();
        if ports < Media::PORTS_MIN {
            let message = format!("{} to {} are {ports} ports", media.port_min, media.port_max);
            let help = format!("expected {} or more, so that they cannot be guessed", Media::PORTS_MIN);
            self.complain(&range, message, help);
        } else if media.ports_max != 0 {
            let unit = " ports (those of the range), or 0 for all of them";
            self.range(("media", "ports_max"), media.ports_max, Media::PORTS_PER_CALL, ports, unit);
        }
        self.range(("media", "threads"), media.threads, 0, 64, " threads, 0 for one for every two cores");
        if media.silence_timeout_s != 0 {
            let unit = " seconds, or 0 for never";
            self.range(("media", "silence_timeout_s"), media.silence_timeout_s, 5, 86_400, unit);
        }
    }

    /// The addresses of the other version of IP.
    fn second_address(&mut self, media: &Media) {
        let (second, advertised) = (("media", "second_address"), ("media", "second_advertised_address"));
        self.advertisable(advertised, media.second_advertised_address);
        let Some(address) = media.second_address else {
            if media.second_advertised_address.is_some() {
                self.complain(&[advertised, second], "set, and media.second_address is not", "set both or neither");
            }
            return;
        };
        if address.is_ipv4() == media.address.is_ipv4() {
            let message = format!("{address} is of the same version of IP as media.address, {}", media.address);
            self.complain(&[second, ("media", "address")], message, "expected one of IPv4 and one of IPv6");
        }
        if address.is_unspecified() && media.second_advertised_address.is_none() {
            let message = format!("{address} means every address of this machine, and nobody can send sound to that");
            let help = "name the address to receive RTP at, or set media.second_advertised_address";
            self.complain(&[second], message, help);
        }
        self.media_family(advertised, address, media.second_advertised_address);
    }

    /// SDP names an address by which the port behind it is reached.
    fn media_family(&mut self, key: Key, address: IpAddr, advertised: Option<IpAddr>) {
        if let Some(advertised) = advertised.filter(|advertised| advertised.is_ipv4() != address.is_ipv4()) {
            let message = format!("{advertised} is of another version of IP than {address}, where sound is received");
            self.complain(&[key], message, "expected an address of the same version of IP");
        }
    }
}
