//! Server-sent events of the switch's own API, read line by line as they come.
//!
//! What they mean is not known here.

use super::{Client, Failed, Problem};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// How long a stream may be silent: the switch shows every 15 s that it lives.
const SILENCE_MAX: Duration = Duration::from_secs(60);
/// Bytes of the head of an answer at most.
const HEAD_MAX: u64 = 64 << 10;

/// One event.
#[derive(Debug, Default)]
pub(crate) struct Happened {
    /// Its name, where it has one.
    pub(crate) id: String,
    /// Its type.
    pub(crate) topic: String,
    /// Its document.
    pub(crate) data: String,
}

/// The pieces of a body without a length (RFC 9112 7.1), as one.
struct Pieces<R> {
    reader: R,
    left: u64,
}

impl<R: BufRead> Read for Pieces<R> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        if self.left == 0 {
            let mut line = String::new();
            // The end of the piece before is an empty line.
            while line.trim().is_empty() {
                line.clear();
                if (&mut self.reader).take(HEAD_MAX).read_line(&mut line)? == 0 {
                    return Ok(0);
                }
            }
            let length = u64::from_str_radix(line.trim().split(';').next().unwrap_or_default(), 16);
            self.left = length.map_err(|error| std::io::Error::other(format!("no length of a piece: {error}")))?;
            if self.left == 0 {
                return Ok(0);
            }
        }
        let at_most = into.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let read = self.reader.read(&mut into[..at_most])?;
        self.left -= read as u64;
        Ok(read)
    }
}

impl Client {
    /// Hears events until `hear` has had enough, or the stream ends. `last` is the event behind which it goes on.
    pub(crate) fn events(
        &self,
        path: &str,
        last: Option<&str>,
        mut hear: impl FnMut(&Happened) -> std::io::Result<bool>,
    ) -> Result<(), Failed> {
        let failed = |error: std::io::Error| Failed::Unreachable(format!("GET http://{}{path}: {error}", self.address));
        let mut stream = TcpStream::connect_timeout(&self.address, super::CONNECT_PATIENCE).map_err(failed)?;
        stream.set_read_timeout(Some(SILENCE_MAX)).map_err(failed)?;
        let last = last.map(|last| format!("Last-Event-ID: {last}\r\n")).unwrap_or_default();
        let head = format!(
            "GET /api/v1{path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nAccept: text/event-stream\r\n{last}\r\n",
            self.address, self.token
        );
        stream.write_all(head.as_bytes()).map_err(failed)?;
        let mut reader = BufReader::new(stream);
        let (mut status, mut is_chunked, mut length) = (0, false, None);
        loop {
            let mut line = String::new();
            if (&mut reader).take(HEAD_MAX).read_line(&mut line).map_err(failed)? == 0 || line.trim().is_empty() {
                break;
            }
            let lower = line.to_ascii_lowercase();
            if lower.starts_with("http/") {
                status = lower.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or(0);
            }
            is_chunked |= lower.starts_with("transfer-encoding:");
            length = length.or_else(|| lower.strip_prefix("content-length:")?.trim().parse::<u64>().ok());
        }
        if status != 200 {
            let mut text = String::new();
            reader.take(length.unwrap_or(HEAD_MAX)).read_to_string(&mut text).map_err(failed)?;
            let problem = serde_json::from_str(&text).unwrap_or_else(|_| Problem { title: text, ..Problem::default() });
            return Err(Failed::Refused { asked: format!("GET {path}"), status, problem: Box::new(problem) });
        }
        let body: Box<dyn Read> = if is_chunked { Box::new(Pieces { reader, left: 0 }) } else { Box::new(reader) };
        events_of(BufReader::new(body), &mut hear).map_err(failed)
    }
}

fn events_of(body: impl BufRead, hear: &mut impl FnMut(&Happened) -> std::io::Result<bool>) -> std::io::Result<()> {
    let mut now = Happened::default();
    for line in body.lines() {
        let line = line?;
        if line.is_empty() {
            let is_whole = !now.data.is_empty();
            if is_whole && !hear(&std::mem::take(&mut now))? {
                return Ok(());
            }
        }
        match line.split_once(": ") {
            Some(("id", value)) => now.id = value.to_owned(),
            Some(("event", value)) => now.topic = value.to_owned(),
            Some(("data", value)) => now.data = value.to_owned(),
            // A comment, or a field that says nothing here.
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_from_pieces_wherever_these_are_cut() {
        let text =
            "retry: 2000\n\nid: evt_1\nevent: call.ended\ndata: {\"a\": 1}\n\n: alive\n\nevent: gap\ndata: {}\n\n";
        for size in [1, 7, 1_000] {
            let pieces: Vec<String> = text
                .as_bytes()
                .chunks(size)
                .map(|piece| format!("{:x}\r\n{}\r\n", piece.len(), String::from_utf8_lossy(piece)))
                .collect();
            let body = format!("{}0\r\n\r\n", pieces.concat());
            let mut heard = Vec::new();
            let pieces = Pieces { reader: BufReader::new(body.as_bytes()), left: 0 };
            events_of(BufReader::new(pieces), &mut |event: &Happened| {
                heard.push(format!("{}|{}|{}", event.id, event.topic, event.data));
                Ok(true)
            })
            .unwrap();
            assert_eq!(heard, ["evt_1|call.ended|{\"a\": 1}", "|gap|{}"], "pieces of {size}");
        }
    }
}
