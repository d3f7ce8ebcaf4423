//! How durations and addresses are written on the command line.
//!
//! Which options there are is in `options`.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// The port of SIP, where none is named.
const SIP_PORT: u16 = 5_060;

/// Reads `90`, `90s`, `1.5m`, `2h` or `250ms`.
///
/// # Errors
/// What would be right.
pub fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let factor = match &text[digits.len()..] {
        "" | "s" => 1.0,
        "ms" => 0.001,
        "m" => 60.0,
        "h" => 3_600.0,
        _ => return Err(format!("'{text}' has a unit that is none of ms, s, m, h")),
    };
    let wrong = || format!("'{text}' is no duration: expected a number such as 30s, 250ms, 1.5m or 2h");
    let number: f64 = digits.parse().map_err(|_| wrong())?;
    Duration::try_from_secs_f64(number * factor).map_err(|_| wrong())
}

/// Reads `192.0.2.1`, `192.0.2.1:5060` or `[2001:db8::1]:5060`.
///
/// # Errors
/// What would be right.
pub fn address(text: &str) -> Result<SocketAddr, String> {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Ok(address);
    }
    let ip: Result<IpAddr, _> = text.trim_start_matches('[').trim_end_matches(']').parse();
    ip.map(|ip| SocketAddr::new(ip, SIP_PORT))
        .map_err(|_| format!("'{text}' is no address: expected an IP, with a port or without, such as 192.0.2.1:5060"))
}

/// Reads calls a second: more than 0.
///
/// # Errors
/// What would be right.
pub fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate.is_finite() && rate > 0.0 => Ok(rate),
        _ => Err(format!("'{text}' is no rate: expected calls a second, such as 20 or 0.5")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units_and_seconds_without() {
        for (text, ms) in [("90", 90_000), ("1.5m", 90_000), ("250ms", 250), ("2h", 7_200_000), ("3.5s", 3_500)] {
            assert_eq!(duration(text).unwrap().as_millis(), ms, "{text}");
        }
        for text in ["", "s", "-1s", "5 s", "5d", "1e30h", "nan"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_address_without_a_port_has_that_of_sip() {
        assert_eq!(address("192.0.2.1").unwrap().to_string(), "192.0.2.1:5060");
        assert_eq!(address("[::1]:7").unwrap().to_string(), "[::1]:7");
        assert_eq!(address("::1").unwrap().to_string(), "[::1]:5060");
        assert!(address("sip.example.net").unwrap_err().contains("192.0.2.1:5060"));
    }

    #[test]
    fn a_rate_is_more_than_nothing() {
        assert_eq!(rate("0.5"), Ok(0.5));
        for text in ["0", "-3", "inf", "many"] {
            assert!(rate(text).is_err(), "{text}");
        }
    }
}
