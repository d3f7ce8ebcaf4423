//! The one pass over a message: start line, header index, body.
//!
//! No value of a header is read here but Content-Length.

use super::{Index, Malformed, Marks, Message, Method, Name, Reason, Slot, Span, Start, lex};
use crate::limits;
use bytes::{Bytes, BytesMut};
use smallvec::SmallVec;
use std::borrow::Cow;
use std::sync::Arc;

/// See [`Message::parse`].
///
/// The first thing that is wrong is remembered and the pass goes on, so that what remains of a request can be answered.
pub(super) fn split(bytes: Bytes) -> Result<Message, Malformed> {
    if bytes.len() > limits::MESSAGE_BYTES_MAX {
        let length = bytes.len();
        return Err(Malformed::new(
            Reason::TooLarge,
            format!("The message has {length} bytes; at most {} are taken.", limits::MESSAGE_BYTES_MAX),
        ));
    }
    let mut pass = Pass { bytes: &bytes, at: 0, slots: SmallVec::new(), flaw: None, is_folded: false };
    let start = pass.start_line()?;
    pass.headers();
    let body = pass.body();
    let Pass { slots, flaw, is_folded, .. } = pass;
    let mut index = Index { start, slots, body, marks: Marks::default() };
    let bytes = if is_folded { unfold(&bytes, &mut index.slots) } else { bytes };
    index.marks = Marks::read(&bytes, &index);
    let message = Message { bytes, index: Arc::new(index) };
    match flaw {
        None => Ok(message),
        Some(flaw) => Err(Malformed { remains: message.is_request().then(|| Box::new(message)), ..flaw }),
    }
}

struct Pass<'b> {
    bytes: &'b [u8],
    /// Where the next line begins.
    at: usize,
    slots: SmallVec<[Slot; 24]>,
    /// The first thing that was wrong.
    flaw: Option<Malformed>,
    is_folded: bool,
}

/// How a search for the end of a line ended.
enum LineEnd {
    /// At CRLF, which stands there.
    At(usize),
    /// At a CR without LF or an LF without CR.
    Bare(usize),
    /// The bytes are at an end.
    Missing,
}

impl Pass<'_> {
    fn note(&mut self, reason: Reason, sentence: impl Into<Cow<'static, str>>) {
        if self.flaw.is_none() {
            self.flaw = Some(Malformed::new(reason, sentence));
        }
    }

    fn line_end(&self, from: usize) -> LineEnd {
        let Some(offset) = self.bytes.get(from..).and_then(|rest| memchr::memchr2(b'\r', b'\n', rest)) else {
            return LineEnd::Missing;
        };
        let end = from + offset;
        if self.bytes[end..].starts_with(b"\r\n") { LineEnd::At(end) } else { LineEnd::Bare(end) }
    }

    /// Reads the start line. An error is what cannot be answered: there is no method, or it is a response.
    fn start_line(&mut self) -> Result<Start, Malformed> {
        // RFC 3261 7.5: empty lines before the start line are passed over.
        while self.at < limits::LEADING_CRLF_BYTES_MAX && self.bytes[self.at..].starts_with(b"\r\n") {
            self.at += 2;
        }
        let start = self.at;
        let end = match self.line_end(start) {
            LineEnd::At(end) => end,
            LineEnd::Bare(_) => {
                return Err(Malformed::new(
                    Reason::StartLine,
                    "The start line ends with a lone CR or LF; CRLF would be right.",
                ));
            }
            LineEnd::Missing => {
                return Err(Malformed::new(Reason::Truncated, "The message ends before its start line does."));
            }
        };
        if end - start > limits::START_LINE_BYTES_MAX {
            return Err(Malformed::new(Reason::TooLarge, "The start line has more than 4,096 bytes."));
        }
        self.at = end + 2;
        let line = &self.bytes[start..end];
        if line.get(..4).is_some_and(|word| word.eq_ignore_ascii_case(b"SIP/")) {
            status_line(line, start)
        } else {
            self.request_line(line, start)
        }
    }

    /// `METHOD uri SIP/2.0`, one blank between (RFC 3261 7.1).
    fn request_line(&mut self, line: &[u8], start: usize) -> Result<Start, Malformed> {
        let Some((method_end, method)) =
            memchr::memchr(b' ', line).and_then(|at| Some((at, Method::parse(&line[..at])?)))
        else {
            return Err(Malformed::new(
                if line.is_ascii() { Reason::StartLine } else { Reason::Utf8 },
                "The first line begins neither with a method and a blank nor with SIP/2.0; \"INVITE sip:... SIP/2.0\" would be right.",
            ));
        };
        // What stands between the first and the last word is the URI, wrong blanks and all: nobody acts on it but the answer.
        let words_end = lex::trim_end(line).len();
        let version_start = memchr::memrchr(b' ', &line[..words_end]).map_or(0, |at| at + 1);
        if version_start <= method_end + 1 || !is_version(&line[version_start..words_end]) {
            return Err(Malformed::new(
                Reason::StartLine,
                "The request line is not of the form \"METHOD uri SIP/2.0\".",
            ));
        }
        let uri = &line[method_end + 1..version_start - 1];
        if words_end < line.len() {
            self.note(Reason::StartLine, "The request line has blanks behind SIP/2.0; it must end there.");
        } else if uri.iter().any(|byte| lex::is_blank(*byte)) {
            self.note(
                Reason::StartLine,
                "The request line has more than one blank between its parts or a blank in its URI; escape it as %20.",
            );
        } else if !uri.is_ascii() {
            self.note(Reason::Utf8, "The Request-URI has bytes outside of ASCII; escape them with %.");
        }
        let at = |from: usize, to: usize| Span::new(start + from, start + to);
        Ok(Start::Request { method, uri: at(method_end + 1, version_start - 1), version: at(version_start, words_end) })
    }

    /// Indexes header lines up to the empty line.
    fn headers(&mut self) {
        loop {
            let line_start = self.at;
            if self.bytes[line_start..].starts_with(b"\r\n") {
                self.at += 2;
                return;
            }
            if !self.header(line_start) {
                self.at = self.bytes.len();
                return;
            }
            if self.at > limits::HEAD_BYTES_MAX {
                self.note(Reason::TooLarge, "Start line and headers have more than 49,152 bytes.");
                self.at = self.bytes.len();
                return;
            }
        }
    }

    /// Indexes the header that begins here with all its folds; `false` if nothing can follow it.
    fn header(&mut self, line_start: usize) -> bool {
        let mut folds = false;
        let mut is_broken = false;
        let mut search = line_start;
        let end = loop {
            match self.line_end(search) {
                LineEnd::At(end) if self.bytes.get(end + 2).is_some_and(|byte| lex::is_blank(*byte)) => {
                    folds = true;
                    search = end + 2;
                }
                LineEnd::At(end) => break end,
                LineEnd::Bare(at) => {
                    self.note(Reason::Header, "A header line has a lone CR or LF in it; lines end with CRLF.");
                    is_broken = true;
                    search = at + 1;
                }
                LineEnd::Missing => {
                    self.note(Reason::Truncated, "The message ends before the empty line that ends its headers.");
                    return false;
                }
            }
        };
        self.at = end + 2;
        let line = &self.bytes[line_start..end];
        if line.len() > limits::HEADER_LINE_BYTES_MAX {
            self.note(Reason::TooLarge, "A header line has more than 8,192 bytes.");
        } else if self.slots.len() == limits::HEADERS_MAX {
            self.note(Reason::TooLarge, "The message has more than 200 header lines.");
            return false;
        } else if !is_broken {
            self.index(line, line_start, folds);
        }
        true
    }

    fn index(&mut self, line: &[u8], line_start: usize, folds: bool) {
        let colon = lex::find_near(b':', line);
        let name = lex::trim_end(&line[..colon.unwrap_or(0)]);
        let (Some(colon), false) = (colon, name.is_empty()) else {
            return self.note(Reason::Header, "A header line has no name and colon in front of its value.");
        };
        if name.len() > limits::HEADER_NAME_BYTES_MAX {
            return self.note(Reason::TooLarge, "A header's name has more than 128 bytes.");
        }
        let known = Name::parse(name);
        if known == Name::Other && !lex::is_token(name) {
            let reason = if name.is_ascii() { Reason::Header } else { Reason::Utf8 };
            return self.note(reason, "A header's name has a byte that is not allowed in names.");
        }
        let value = lex::trim_end(&line[colon + 1..]);
        let value_end = line_start + colon + 1 + value.len();
        let value = lex::trim_start(value);
        self.is_folded |= folds;
        self.slots.push(Slot {
            name: known,
            name_length: name.len() as u8,
            line_start: line_start as u32,
            value: Span::new(value_end - value.len(), value_end),
        });
    }

    /// Cuts the body (RFC 3261 18.3).
    fn body(&mut self) -> Span {
        let rest = self.bytes.len() - self.at;
        let length = match self.content_length() {
            Ok(None) => rest,
            Ok(Some(length)) if length > rest => {
                self.note(Reason::Body, format!("Content-Length promises {length} bytes of body, but {rest} came."));
                rest
            }
            Ok(Some(length)) => length,
            Err(sentence) => {
                self.note(Reason::Body, sentence);
                rest
            }
        };
        Span::new(self.at, self.at + length)
    }

    /// What Content-Length says, in however many lines.
    fn content_length(&self) -> Result<Option<usize>, &'static str> {
        let mut length = None;
        for slot in self.slots.iter().filter(|slot| slot.name == Name::ContentLength) {
            let value = slot.value.of(self.bytes).trim_ascii();
            let value = lex::number_u64(value).ok_or("Content-Length is not a number of bytes.")?;
            if length.is_some_and(|other| other != value) {
                return Err("Two Content-Lengths contradict each other; one is right.");
            }
            length = Some(value);
        }
        Ok(length.map(|length| usize::try_from(length).unwrap_or(usize::MAX)))
    }
}

/// The Content-Length of a head that ends with its empty line, for the framer: read by the very pass that reads the message later, so
/// that the two cannot disagree about where a message ends.
///
/// # Errors
/// A sentence, if it is missing or cannot be read.
pub(crate) fn content_length_of(head: &[u8]) -> Result<usize, &'static str> {
    let start_line = memchr::memmem::find(head, b"\r\n").map_or(head.len(), |at| at + 2);
    let mut pass = Pass { bytes: head, at: start_line, slots: SmallVec::new(), flaw: None, is_folded: false };
    pass.headers();
    pass.content_length()?
        .ok_or("A message on a stream has no Content-Length, so its end cannot be known (RFC 3261 18.3).")
}

/// `SIP/2.0 200 OK` (RFC 3261 7.2). The blank in front of an empty reason phrase may be missing.
fn status_line(line: &[u8], start: usize) -> Result<Start, Malformed> {
    const SHAPE: &str = "The status line is not of the form \"SIP/2.0 200 OK\" with a status from 100 to 699.";
    let shape = || Malformed::new(Reason::StartLine, SHAPE);
    let version_end = memchr::memchr(b' ', line).ok_or_else(shape)?;
    let rest = &line[version_end + 1..];
    let digits_end = memchr::memchr(b' ', rest).unwrap_or(rest.len());
    let status = match rest[..digits_end] {
        [a @ b'1'..=b'6', b @ b'0'..=b'9', c @ b'0'..=b'9'] => {
            u16::from(a - b'0') * 100 + u16::from(b - b'0') * 10 + u16::from(c - b'0')
        }
        _ => return Err(shape()),
    };
    if !is_version(&line[..version_end]) {
        return Err(shape());
    }
    let reason = Span::new(start + line.len().min(version_end + 1 + digits_end + 1), start + line.len());
    Ok(Start::Response { status, reason, version: Span::new(start, start + version_end) })
}

/// `SIP/` and two numbers; which numbers is the matter of `check` (RFC 4475 3.1.2.16: 505).
fn is_version(word: &[u8]) -> bool {
    let Some((sip, digits)) = word.split_at_checked(4) else { return false };
    if !sip.eq_ignore_ascii_case(b"SIP/") {
        return false;
    }
    let mut numbers = digits.splitn(2, |byte| *byte == b'.');
    let mut is_next_number = || numbers.next().is_some_and(|part| lex::number(part).is_some());
    is_next_number() && is_next_number()
}

/// Turns every fold into blanks of the same length (RFC 3261 7.3.1), so that the index stays right. The one copy that parsing makes,
/// and only for messages that have folds.
fn unfold(bytes: &[u8], slots: &mut [Slot]) -> Bytes {
    let mut plain = BytesMut::from(bytes);
    for slot in slots {
        let Some(value) = plain.get_mut(slot.value.start as usize..slot.value.end as usize) else { continue };
        value.iter_mut().filter(|byte| matches!(byte, b'\r' | b'\n')).for_each(|byte| *byte = b' ');
        let trimmed = lex::trim(value).len();
        let cut = value.len() - lex::trim_start(value).len();
        slot.value = Span::new(slot.value.start as usize + cut, slot.value.start as usize + cut + trimmed);
    }
    plain.freeze()
}

impl Span {
    fn new(start: usize, end: usize) -> Span {
        // A message has at most 64 KiB: `split` begins with that.
        Span { start: start as u32, end: end as u32 }
    }

    /// Where `part` of these bytes stands in them. What is empty stands nowhere.
    pub(super) fn within(bytes: &[u8], part: &[u8]) -> Span {
        if part.is_empty() {
            return Span::default();
        }
        let start = part.as_ptr().addr() - bytes.as_ptr().addr();
        Span::new(start, start + part.len())
    }

    pub(super) fn length(self) -> usize {
        (self.end - self.start) as usize
    }

    pub(super) fn of(self, bytes: &[u8]) -> &[u8] {
        bytes.get(self.start as usize..self.end as usize).unwrap_or_default()
    }
}
