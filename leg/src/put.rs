//! Numbers and addresses put into text digit by digit: they stand in every message that sets up a call, and the formatting machinery
//! costs several times as much.
//!
//! What is printed around them is not known here.

use std::net::{IpAddr, SocketAddr};

/// Adds a number in decimal digits.
pub(crate) fn number(text: &mut String, number: u64) {
    if number >= 10 {
        self::number(text, number / 10);
    }
    text.push(char::from(b'0' + (number % 10) as u8));
}

/// Adds an address, IPv6 without brackets.
pub(crate) fn ip(text: &mut String, address: IpAddr) {
    let IpAddr::V4(address) = address else { return text.push_str(&address.to_string()) };
    for (index, octet) in address.octets().into_iter().enumerate() {
        text.push_str(if index == 0 { "" } else { "." });
        number(text, octet.into());
    }
}

/// Adds an address and its port, IPv6 in brackets.
pub(crate) fn socket(text: &mut String, address: SocketAddr) {
    let SocketAddr::V4(address) = address else { return text.push_str(&address.to_string()) };
    ip(text, (*address.ip()).into());
    text.push(':');
    number(text, address.port().into());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_reads_as_the_standard_library_prints_it() {
        for expected in ["0.0.0.0:0", "192.0.2.10:5060", "255.255.255.255:65535", "[2001:db8::1]:5060"] {
            let address: SocketAddr = expected.parse().unwrap();
            let mut text = String::new();
            socket(&mut text, address);
            assert_eq!(text, expected);
            text.clear();
            ip(&mut text, address.ip());
            assert_eq!(text, address.ip().to_string());
        }
    }

    #[test]
    fn a_number_has_all_its_digits() {
        for expected in [0, 9, 10, 101, u64::MAX] {
            let mut text = String::new();
            number(&mut text, expected);
            assert_eq!(text, expected.to_string());
        }
    }
}
