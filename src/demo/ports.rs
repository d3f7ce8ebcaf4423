//! Which addresses the demo serves: the usual ports where they are free, any other where they are taken.
//!
//! The sockets themselves are opened by the rooms that speak on them.

use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};

/// The ports that people know.
const SIP: u16 = 5_060;
const HTTP: u16 = 8_080;

/// Where SIP and HTTP shall listen; port 0 leaves it to the kernel.
pub(super) struct Ports {
    pub(super) sip: SocketAddr,
    pub(super) http: SocketAddr,
    /// What was replaced, for people.
    pub(super) replaced: Vec<String>,
}

/// Looks which of the usual ports of `ip` are free.
///
/// # Errors
/// Where nothing can listen at `ip` at all, with what would be right.
pub(super) fn choose(ip: IpAddr) -> Result<Ports, String> {
    if ip.is_unspecified() {
        return Err(format!(
            "--listen {ip} means every address, and no phone can dial that: name the one that it can reach"
        ));
    }
    UdpSocket::bind((ip, 0)).map_err(|error| {
        format!("--listen {ip}: {error}; name an address of this machine, such as `hostname -I` prints")
    })?;
    let mut replaced = Vec::new();
    let mut pick = |what: &str, port: u16, is_free: bool| {
        if is_free {
            return SocketAddr::new(ip, port);
        }
        replaced.push(format!("port {port} of {ip} is taken: {what} gets another"));
        SocketAddr::new(ip, 0)
    };
    let udp_is_free = UdpSocket::bind((ip, SIP)).is_ok();
    let sip = pick("SIP", SIP, udp_is_free && TcpListener::bind((ip, SIP)).is_ok());
    let http = pick("HTTP", HTTP, TcpListener::bind((ip, HTTP)).is_ok());
    Ok(Ports { sip, http, replaced })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn a_taken_port_is_replaced_and_said() {
        // An address of 127/8 that no other test uses, so that both ports are free before.
        let ip = IpAddr::V4(Ipv4Addr::new(127, 77, 7, 7));
        let free = choose(ip).unwrap();
        assert_eq!((free.sip.port(), free.http.port(), free.replaced.len()), (SIP, HTTP, 0));
        let _taken = UdpSocket::bind((ip, SIP)).unwrap();
        let other = choose(ip).unwrap();
        assert_eq!((other.sip.port(), other.http.port()), (0, HTTP));
        assert_eq!(other.replaced, ["port 5060 of 127.77.7.7 is taken: SIP gets another"]);
    }

    #[test]
    fn an_address_that_is_not_ours_is_refused_with_what_would_be_right() {
        assert!(choose("0.0.0.0".parse().unwrap()).is_err());
        assert!(choose("198.51.100.1".parse().unwrap()).err().unwrap().contains("of this machine"));
    }
}
