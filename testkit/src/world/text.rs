//! SIP as plain text: a scanner and templates of the simulated ends, so that they share no mistake with the switch.
//!
//! Nothing of the `sip` crate is used here, save the arithmetic of digest.

use std::net::SocketAddr;

/// The value of the first header with this name, as the switch prints it.
pub fn header<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    headers(text, name).next()
}

/// The values of every header with this name.
pub fn headers<'t>(text: &'t str, name: &str) -> impl Iterator<Item = &'t str> {
    let head = text.split("\r\n\r\n").next().unwrap_or_default();
    head.lines().filter_map(move |line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then_some(value.trim())
    })
}

/// The first word of a request; none of a response.
pub fn method(text: &str) -> Option<&str> {
    if text.starts_with("SIP/2.0 ") { None } else { text.split(' ').next() }
}

/// The status of a response; none of a request.
pub fn status(text: &str) -> Option<u16> {
    text.strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()
}

/// A parameter of a header value.
pub fn parameter<'t>(value: &'t str, name: &str) -> Option<&'t str> {
    value.split(';').skip(1).find_map(|one| {
        let (found, value) = one.split_once('=')?;
        (found.trim() == name).then_some(value.trim())
    })
}

/// The tag of From or To: behind the closing bracket.
pub fn tag(value: &str) -> Option<&str> {
    parameter(value, "tag")
}

/// The URI between angle brackets.
pub fn uri(value: &str) -> &str {
    value.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map_or(value, |(uri, _)| uri)
}

/// The branch of the topmost Via.
pub fn branch(text: &str) -> &str {
    header(text, "Via").and_then(|via| parameter(via, "branch")).unwrap_or_default()
}

/// Number and method of CSeq.
pub fn cseq(text: &str) -> (u32, &str) {
    let value = header(text, "CSeq").unwrap_or_default();
    let (number, method) = value.split_once(' ').unwrap_or((value, ""));
    (number.parse().unwrap_or_default(), method)
}

/// What stands behind the head.
pub fn body(text: &str) -> &str {
    text.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}

/// A description with one G.711 stream.
pub fn sdp(local: SocketAddr, port: u16, version: u32) -> String {
    let ip = local.ip();
    format!(
        "v=0\r\no=- 1 {version} IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0\r\n\
         a=rtpmap:0 PCMU/8000\r\na=sendrecv\r\n"
    )
}

/// A description with one stream as it is told: which formats, which way; at an address of zeros where that is asked for.
pub fn sdp_flowing(local: SocketAddr, port: u16, version: u32, formats: &str, flow: &str, is_zero: bool) -> String {
    let ip = if is_zero { "0.0.0.0".to_owned() } else { local.ip().to_string() };
    let maps = formats.split(' ').map(|format| match format {
        "8" => "a=rtpmap:8 PCMA/8000\r\n".to_owned(),
        "0" => "a=rtpmap:0 PCMU/8000\r\n".to_owned(),
        other => format!("a=rtpmap:{other} telephone-event/8000\r\n"),
    });
    let maps: String = maps.collect();
    format!(
        "v=0\r\no=- 1 {version} IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP {formats}\r\n\
         {maps}a={flow}\r\n"
    )
}

/// A description of fax over T.38 in the place of sound.
pub fn fax(local: SocketAddr, port: u16, version: u32) -> String {
    let ip = local.ip();
    format!(
        "v=0\r\no=- 1 {version} IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=image {port} udptl t38\r\n\
         a=T38FaxVersion:0\r\na=T38MaxBitRate:14400\r\na=T38FaxRateManagement:transferredTCF\r\n\
         a=T38FaxMaxDatagram:400\r\na=T38FaxUdpEC:t38UDPRedundancy\r\n"
    )
}

/// Whether a description has fax that is not refused.
pub fn is_fax(description: &str) -> bool {
    description.lines().any(|line| line.starts_with("m=image ") && !line.starts_with("m=image 0 "))
}

/// Which way the sound of a description flows.
pub fn flow(description: &str) -> &str {
    let flows = ["sendonly", "recvonly", "inactive"];
    flows.into_iter().find(|flow| description.contains(&format!("a={flow}"))).unwrap_or("sendrecv")
}

/// The version of a description: the third word of its `o=` line.
pub fn version(description: &str) -> Option<u64> {
    description.lines().find_map(|line| line.strip_prefix("o="))?.split(' ').nth(2)?.parse().ok()
}

/// The payload formats of its first stream.
pub fn formats(description: &str) -> &str {
    let media = description.lines().find_map(|line| line.strip_prefix("m=audio ")).unwrap_or_default();
    media.splitn(3, ' ').nth(2).unwrap_or_default()
}

/// What stands before a sum of money in advice of charge.
pub const AMOUNT: &str = "<currency-amount>";

/// The last sum of a document of advice of charge, as it is written: prices stand before it.
pub fn amount_of(text: &str) -> Option<&str> {
    let (_, sums) = text.split_once("<recorded-charges>")?;
    sums.split_once(AMOUNT)?.1.split('<').next()
}

/// The sum that somebody is told in a message, in micros; none where it tells none.
pub fn told_sum(text: &str) -> Option<i64> {
    if !text.contains("<recorded-charges>") {
        return None;
    }
    let Some(amount) = amount_of(text) else { return Some(0) };
    let (whole, part) = amount.split_once('.').unwrap_or((amount, ""));
    let micros: i64 = format!("{part:0<6}").parse().ok()?;
    Some(whole.parse::<i64>().ok()? * 1_000_000 + micros)
}

/// A response to a request, with these lines added.
pub fn response(request: &str, status: &str, to_tag: &str, lines: &str, body: &str) -> String {
    let mut copied = String::new();
    for name in ["Via", "From", "Call-ID", "CSeq"] {
        for value in headers(request, name) {
            copied.push_str(&format!("{name}: {value}\r\n"));
        }
    }
    let to = header(request, "To").unwrap_or_default();
    let to = if tag(to).is_some() { to.to_owned() } else { format!("{to};tag={to_tag}") };
    let content = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    format!("SIP/2.0 {status}\r\n{copied}To: {to}\r\n{lines}{content}Content-Length: {}\r\n\r\n{body}", body.len())
}

/// The reason phrase of what the simulated ends say.
pub fn phrase(status: u16) -> &'static str {
    match status {
        100 => "Trying",
        180 => "Ringing",
        183 => "Session Progress",
        200 => "OK",
        488 => "Not Acceptable Here",
        491 => "Request Pending",
        481 => "Call/Transaction Does Not Exist",
        486 => "Busy Here",
        487 => "Request Terminated",
        500 => "Server Internal Error",
        503 => "Service Unavailable",
        _ => "Whatever",
    }
}
