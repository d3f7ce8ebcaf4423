//! Reading headers by their meaning, each when it is asked for.
//!
//! Whether the message as a whole is acceptable is the matter of `check`.

use super::marks::Tag;
use super::values::{self, CSeq, Privacy, RAck, ReasonValue};
use super::{Contact, Message, Name, NameAddr, Slot, Start, Via, Wrong, lex};
use crate::{Uri, limits};

impl Message {
    /// The Request-URI.
    ///
    /// # Errors
    /// [`Wrong`] with [`Name::Other`] if it cannot be read; `is_missing` for a response.
    pub fn uri(&self) -> Result<Uri<'_>, Wrong> {
        match &self.index.start {
            Start::Request { uri, .. } => Uri::parse(self.part(*uri)).map_err(|bad| Wrong::new(Name::Other, bad.0)),
            Start::Response { .. } => Err(Wrong::missing(Name::Other)),
        }
    }

    /// The Via values of all lines, topmost first, at most [`VIAS_MAX`](limits::VIAS_MAX) + 1.
    pub fn vias(&self) -> impl Iterator<Item = Result<Via<'_>, Wrong>> {
        self.values(Name::Via, limits::VIAS_MAX + 1)
            .map(|value| Via::parse(value).map_err(|clause| Wrong::new(Name::Via, clause)))
    }

    /// The topmost Via.
    ///
    /// # Errors
    /// [`Wrong`] if it is missing or cannot be read.
    pub fn top_via(&self) -> Result<Via<'_>, Wrong> {
        self.index.marks.via.map(|via| via.in_bytes(&self.bytes))
    }

    /// From.
    ///
    /// # Errors
    /// [`Wrong`] if it is missing or cannot be read.
    pub fn from(&self) -> Result<NameAddr<'_>, Wrong> {
        self.address(Name::From)?.ok_or(Wrong::missing(Name::From))
    }

    /// To.
    ///
    /// # Errors
    /// [`Wrong`] if it is missing or cannot be read.
    pub fn to(&self) -> Result<NameAddr<'_>, Wrong> {
        self.address(Name::To)?.ok_or(Wrong::missing(Name::To))
    }

    /// The tag of From, if From can be read and has one.
    pub fn from_tag(&self) -> Option<&str> {
        self.tag(self.index.marks.from_tag)
    }

    /// The tag of To, if To can be read and has one.
    pub fn to_tag(&self) -> Option<&str> {
        self.tag(self.index.marks.to_tag)
    }

    fn tag(&self, tag: Result<Tag, Wrong>) -> Option<&str> {
        match tag {
            Ok(Tag::Text(span)) => Some(lex::text(self.part(span))),
            Ok(Tag::Missing | Tag::Unreadable) | Err(_) => None,
        }
    }

    /// The Call-ID, compared byte for byte (RFC 3261 8.1.1.4).
    ///
    /// # Errors
    /// [`Wrong`] if it is missing, longer than [`CALL_ID_BYTES_MAX`](limits::CALL_ID_BYTES_MAX), or no `word[@word]`.
    pub fn call_id(&self) -> Result<&str, Wrong> {
        self.index.marks.call_id.map(|span| lex::text(self.part(span)))
    }

    /// CSeq.
    ///
    /// # Errors
    /// [`Wrong`] if it is missing or cannot be read.
    pub fn cseq(&self) -> Result<CSeq, Wrong> {
        self.index.marks.cseq.clone()
    }

    /// RAck of a PRACK.
    ///
    /// # Errors
    /// [`Wrong`] if it cannot be read.
    pub fn rack(&self) -> Result<Option<RAck>, Wrong> {
        self.optional(Name::RAck, RAck::parse)
    }

    /// RSeq of a reliable provisional response.
    ///
    /// # Errors
    /// [`Wrong`] if it is not a number.
    pub fn rseq(&self) -> Result<Option<u32>, Wrong> {
        self.optional(Name::RSeq, |value| lex::number(value).ok_or("is not a number"))
    }

    /// The Contacts of all lines.
    pub fn contacts(&self) -> impl Iterator<Item = Result<Contact<'_>, Wrong>> {
        self.values(Name::Contact, limits::VALUES_MAX).map(|value| match value {
            b"*" => Ok(Contact::Any),
            value => NameAddr::parse(value).map(Contact::Address).map_err(|clause| Wrong::new(Name::Contact, clause)),
        })
    }

    /// The first Contact that is an address: the remote target of a dialog.
    pub fn contact(&self) -> Option<NameAddr<'_>> {
        match self.contacts().next()?.ok()? {
            Contact::Address(address) => Some(address),
            Contact::Any => None,
        }
    }

    /// Max-Forwards.
    ///
    /// # Errors
    /// [`Wrong`] if it is not a number from 0 to 255.
    pub fn max_forwards(&self) -> Result<Option<u8>, Wrong> {
        self.optional(Name::MaxForwards, |value| {
            lex::number(value).and_then(|hops| u8::try_from(hops).ok()).ok_or("is not a number from 0 to 255")
        })
    }

    /// Expires in seconds; what is larger than 32 bits is the largest, what is no number counts as 3600 (RFC 3261 20.10, 20.19).
    pub fn expires_s(&self) -> Option<u32> {
        self.header(Name::Expires).map(|value| values::seconds(value).unwrap_or(values::EXPIRES_UNREADABLE_S))
    }

    /// Min-Expires in seconds.
    pub fn min_expires_s(&self) -> Option<u32> {
        self.header(Name::MinExpires).and_then(values::seconds)
    }

    /// Min-SE in seconds, without its parameters (RFC 4028 5).
    pub fn min_se_s(&self) -> Option<u32> {
        let value = self.header(Name::MinSe)?;
        values::seconds(&value[..memchr::memchr(b';', value).unwrap_or(value.len())])
    }

    /// Session-Expires in seconds, and its `refresher` parameter as written (RFC 4028 4).
    pub fn session_expires_s(&self) -> Option<(u32, Option<&str>)> {
        let value = self.header(Name::SessionExpires)?;
        let end = memchr::memchr(b';', value).unwrap_or(value.len());
        let params = super::Params::read(&value[end..]).ok()?;
        Some((values::seconds(&value[..end])?, params.text("refresher")))
    }

    /// Retry-After in seconds, without comment and parameters.
    pub fn retry_after_s(&self) -> Option<u32> {
        let value = self.header(Name::RetryAfter)?;
        let end = value.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(value.len());
        values::seconds(&value[..end])
    }

    /// The Routes of all lines, topmost first.
    pub fn routes(&self) -> impl Iterator<Item = Result<NameAddr<'_>, Wrong>> {
        self.addresses(Name::Route)
    }

    /// The Record-Routes of all lines, topmost first.
    pub fn record_routes(&self) -> impl Iterator<Item = Result<NameAddr<'_>, Wrong>> {
        self.addresses(Name::RecordRoute)
    }

    /// The P-Asserted-Identity values of all lines (RFC 3325). Whom to believe is not decided here.
    pub fn asserted_identities(&self) -> impl Iterator<Item = Result<NameAddr<'_>, Wrong>> {
        self.addresses(Name::PAssertedIdentity)
    }

    /// The P-Preferred-Identity values of all lines (RFC 3325).
    pub fn preferred_identities(&self) -> impl Iterator<Item = Result<NameAddr<'_>, Wrong>> {
        self.addresses(Name::PPreferredIdentity)
    }

    /// The addresses of a list header: Path, Diversion, History-Info, ...
    pub fn addresses(&self, name: Name) -> impl Iterator<Item = Result<NameAddr<'_>, Wrong>> {
        self.values(name, limits::VALUES_MAX)
            .map(move |value| NameAddr::parse(value).map_err(|clause| Wrong::new(name, clause)))
    }

    /// The address of a single header: Refer-To, Referred-By, Reply-To, From, To.
    ///
    /// # Errors
    /// [`Wrong`] if it cannot be read.
    pub fn address(&self, name: Name) -> Result<Option<NameAddr<'_>>, Wrong> {
        self.header(name).map(|value| NameAddr::parse(value).map_err(|clause| Wrong::new(name, clause))).transpose()
    }

    /// The option tags of Require.
    pub fn require(&self) -> impl Iterator<Item = &str> {
        self.tokens(Name::Require)
    }

    /// The option tags of Supported.
    pub fn supported(&self) -> impl Iterator<Item = &str> {
        self.tokens(Name::Supported)
    }

    /// The option tags of Proxy-Require.
    pub fn proxy_require(&self) -> impl Iterator<Item = &str> {
        self.tokens(Name::ProxyRequire)
    }

    /// Whether Supported names that option tag, without case.
    pub fn supports(&self, option: &str) -> bool {
        self.supported().any(|tag| tag.eq_ignore_ascii_case(option))
    }

    /// The tokens of a list header such as Allow, over all lines. Values that are no tokens are passed over; in Require and
    /// Proxy-Require [`check`](Message::check) refuses them.
    pub fn tokens(&self, name: Name) -> impl Iterator<Item = &str> {
        self.values(name, limits::VALUES_MAX).filter_map(lex::token)
    }

    /// Content-Type as written.
    pub fn content_type(&self) -> Option<&[u8]> {
        self.header(Name::ContentType)
    }

    /// Whether Content-Type is that type and subtype (`application/sdp`), whatever its parameters.
    pub fn is_content(&self, media_type: &str) -> bool {
        self.content_type().is_some_and(|value| {
            let end = memchr::memchr(b';', value).unwrap_or(value.len());
            let mut ours = media_type.split('/').map(str::as_bytes);
            let mut theirs = value[..end].split(|byte| *byte == b'/').map(lex::trim);
            loop {
                match (ours.next(), theirs.next()) {
                    (None, None) => return true,
                    (Some(one), Some(other)) if one.eq_ignore_ascii_case(other) => {}
                    _ => return false,
                }
            }
        })
    }

    /// The Authorization values as written, one per line.
    pub fn authorizations(&self) -> impl Iterator<Item = &[u8]> {
        self.headers(Name::Authorization)
    }

    /// The Proxy-Authorization values as written, one per line.
    pub fn proxy_authorizations(&self) -> impl Iterator<Item = &[u8]> {
        self.headers(Name::ProxyAuthorization)
    }

    /// The Reason values of all lines (RFC 3326).
    pub fn reasons(&self) -> impl Iterator<Item = Result<ReasonValue<'_>, Wrong>> {
        self.values(Name::Reason, limits::VALUES_MAX)
            .map(|value| ReasonValue::parse(value).map_err(|clause| Wrong::new(Name::Reason, clause)))
    }

    /// What the caller asks to hide; nothing, if there is no Privacy header.
    pub fn privacy(&self) -> Privacy {
        let mut privacy = Privacy::default();
        self.headers(Name::Privacy).for_each(|value| privacy.add(value));
        privacy
    }

    /// The first line of that header, whole: of a list, with its commas.
    pub fn header(&self, name: Name) -> Option<&[u8]> {
        self.slot(name).map(|slot| self.part(slot.value))
    }

    /// The values of that header over all lines, in their order, at most [`VALUES_MAX`](limits::VALUES_MAX): parted at commas where
    /// the grammar makes it a list ([`Name::is_list`]), else one per line.
    pub fn headers(&self, name: Name) -> impl Iterator<Item = &[u8]> {
        self.values(name, limits::VALUES_MAX)
    }

    /// The lines of a header by its name without case, whole: for those that are not on our list.
    pub fn headers_named<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s [u8]> {
        let known = Name::parse(name.as_bytes());
        self.lines_where(move |listed| listed == known)
            .filter(move |(_, text, _)| known != Name::Other || text.eq_ignore_ascii_case(name))
            .map(|(_, _, value)| value)
    }

    /// The first line of a header by its name without case: for those that are not on our list.
    pub fn header_named<'s>(&'s self, name: &'s str) -> Option<&'s [u8]> {
        self.headers_named(name).next()
    }

    /// All header lines in their order: name, the name as written, the value.
    pub fn lines(&self) -> impl Iterator<Item = (Name, &str, &[u8])> {
        self.lines_where(|_| true)
    }

    /// As [`Message::lines`], of the names that are wanted: the others are not even looked at.
    pub fn lines_where(&self, is_wanted: impl Fn(Name) -> bool) -> impl Iterator<Item = (Name, &str, &[u8])> {
        self.index.slots.iter().filter(move |slot| is_wanted(slot.name)).map(|slot| {
            let start = slot.line_start as usize;
            let text = self.bytes.get(start..start + usize::from(slot.name_length)).unwrap_or_default();
            (slot.name, std::str::from_utf8(text).unwrap_or_default(), self.part(slot.value))
        })
    }

    /// The lines of one known header, whole.
    pub(crate) fn lines_of(&self, name: Name) -> impl Iterator<Item = &[u8]> {
        self.index.slots.iter().filter(move |slot| slot.name == name).map(|slot| self.part(slot.value))
    }

    fn slot(&self, name: Name) -> Option<&Slot> {
        self.index.slots.iter().find(|slot| slot.name == name)
    }

    fn optional<'s, T>(
        &'s self,
        name: Name,
        read: impl FnOnce(&'s [u8]) -> Result<T, &'static str>,
    ) -> Result<Option<T>, Wrong> {
        self.header(name).map(|value| read(value).map_err(|clause| Wrong::new(name, clause))).transpose()
    }

    /// The values of a header over all its lines, at most `max`. An empty line has no values; an empty value between commas is one.
    pub(super) fn values(&self, name: Name, max: usize) -> impl Iterator<Item = &[u8]> {
        let is_list = name.is_list();
        self.lines_of(name)
            .flat_map(move |line| {
                let mut rest = (!is_list || !line.is_empty()).then_some(line);
                std::iter::from_fn(move || {
                    let line = rest?;
                    let comma = if is_list { lex::find_outside(line, b',') } else { None };
                    rest = comma.map(|comma| &line[comma + 1..]);
                    Some(lex::trim(&line[..comma.unwrap_or(line.len())]))
                })
            })
            .take(max)
    }
}
