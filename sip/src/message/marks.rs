//! What everybody asks of every message: the topmost Via, Call-ID, CSeq, and the tags of From and To, read once with the pass.
//!
//! Whether a message may go without them is the matter of `check`.

use super::values::CSeq;
use super::via::Layout;
use super::{Index, Name, NameAddr, Param, Span, Via, Wrong, lex};
use crate::limits;

/// Each as it was read, or why it could not be.
#[derive(Debug, Clone)]
pub(super) struct Marks {
    pub(super) via: Result<Layout, Wrong>,
    pub(super) call_id: Result<Span, Wrong>,
    pub(super) cseq: Result<CSeq, Wrong>,
    pub(super) from_tag: Result<Tag, Wrong>,
    pub(super) to_tag: Result<Tag, Wrong>,
}

/// The tag of an address that can be read.
#[derive(Debug, Clone, Copy)]
pub(super) enum Tag {
    Missing,
    /// ASCII, not empty.
    Text(Span),
    /// It is there, but empty or not ASCII.
    Unreadable,
}

impl Default for Marks {
    /// Of a message without headers.
    fn default() -> Marks {
        Marks {
            via: Err(Wrong::missing(Name::Via)),
            call_id: Err(Wrong::missing(Name::CallId)),
            cseq: Err(Wrong::missing(Name::CSeq)),
            from_tag: Err(Wrong::missing(Name::From)),
            to_tag: Err(Wrong::missing(Name::To)),
        }
    }
}

impl Marks {
    /// Of several lines of one name, the first counts, as everywhere.
    pub(super) fn read(bytes: &[u8], index: &Index) -> Marks {
        let mut marks = Marks::default();
        let mut top = None;
        for slot in index.slots.iter().rev() {
            match slot.name {
                // An empty line has no values.
                Name::Via if slot.value.length() > 0 => top = Some(slot.value),
                Name::CallId => marks.call_id = call_id(bytes, slot.value),
                Name::CSeq => marks.cseq = named(Name::CSeq, CSeq::parse(slot.value.of(bytes))),
                Name::From => marks.from_tag = named(Name::From, tag(bytes, slot.value)),
                Name::To => marks.to_tag = named(Name::To, tag(bytes, slot.value)),
                _ => {}
            }
        }
        if let Some(line) = top {
            marks.via = named(Name::Via, via(bytes, line.of(bytes)));
        }
        marks
    }
}

impl Tag {
    /// Whether it may be a key of our tables: if it is there, it can be read and is not too long.
    pub(super) fn is_key(self) -> bool {
        match self {
            Tag::Missing => true,
            Tag::Text(span) => span.length() <= limits::TOKEN_BYTES_MAX,
            Tag::Unreadable => false,
        }
    }
}

/// Whether a parameter may be a key of our tables: if it is there, it can be read and is not too long.
pub(super) fn is_key(param: Option<Param<'_>>) -> bool {
    param.is_none_or(|param| readable(param).is_some_and(|value| value.len() <= limits::TOKEN_BYTES_MAX))
}

fn readable(param: Param<'_>) -> Option<&[u8]> {
    param.value.filter(|value| !value.is_empty() && value.is_ascii())
}

fn named<T>(name: Name, read: Result<T, &'static str>) -> Result<T, Wrong> {
    read.map_err(|clause| Wrong::new(name, clause))
}

fn call_id(bytes: &[u8], span: Span) -> Result<Span, Wrong> {
    let value = span.of(bytes);
    if value.len() > limits::CALL_ID_BYTES_MAX {
        return Err(Wrong::new(Name::CallId, "is longer than 512 bytes"));
    }
    match lex::is_call_id(value) {
        true => Ok(span),
        false => Err(Wrong::new(Name::CallId, "is not of the form word or word@word")),
    }
}

fn via(bytes: &[u8], line: &[u8]) -> Result<Layout, &'static str> {
    let end = lex::find_outside(line, b',').unwrap_or(line.len());
    Via::parse(&line[..end]).map(|via| Layout::of(&via, bytes))
}

fn tag(bytes: &[u8], address: Span) -> Result<Tag, &'static str> {
    let address = NameAddr::parse(address.of(bytes))?;
    Ok(match address.params().get("tag").map(readable) {
        None => Tag::Missing,
        Some(None) => Tag::Unreadable,
        Some(Some(text)) => Tag::Text(Span::within(bytes, text)),
    })
}
