//! The names of headers: those that the house knows, their compact forms, and which of them are lists.
//!
//! How a value is read does not live here.

/// How often a header may stand and whether a comma parts values.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// At most one line, one value.
    Single,
    /// Any number of lines, a comma parts values.
    List,
    /// Any number of lines, a comma is part of the value (challenges, credentials) or of free text.
    Lines,
}
use Shape::{List, Single};

macro_rules! names {
    ($($variant:ident $text:literal $compact:literal $shape:ident $source:literal;)*) => {
        /// The name of a header. Every name that is not on the list is `Other`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Name {
            $(#[doc = concat!("`", $text, "`: ", $source, ".")] $variant,)*
            /// A name that is not on the list: read it with `Message::header_named`.
            Other,
        }

        const KNOWN: &[(Name, &str, &str, Shape)] = &[$((Name::$variant, $text, $compact, Shape::$shape),)*];

        /// What a line begins with, in one piece, for the printer.
        const PREFIXES: &[&str] = &[$(concat!($text, ": "),)*];
    };
}

names! {
    Accept "Accept" "" List "RFC 3261 20.1";
    AcceptContact "Accept-Contact" "a" List "RFC 3841";
    AcceptEncoding "Accept-Encoding" "" List "RFC 3261 20.2";
    AcceptLanguage "Accept-Language" "" List "RFC 3261 20.3";
    AlertInfo "Alert-Info" "" List "RFC 3261 20.4";
    Allow "Allow" "" List "RFC 3261 20.5";
    AllowEvents "Allow-Events" "u" List "RFC 6665";
    AuthenticationInfo "Authentication-Info" "" Lines "RFC 3261 20.6";
    Authorization "Authorization" "" Lines "RFC 3261 20.7";
    CallId "Call-ID" "i" Single "RFC 3261 20.8";
    CallInfo "Call-Info" "" List "RFC 3261 20.9";
    Contact "Contact" "m" List "RFC 3261 20.10";
    ContentDisposition "Content-Disposition" "" Single "RFC 3261 20.11";
    ContentEncoding "Content-Encoding" "e" List "RFC 3261 20.12";
    ContentLanguage "Content-Language" "" List "RFC 3261 20.13";
    ContentLength "Content-Length" "l" Single "RFC 3261 20.14";
    ContentType "Content-Type" "c" Single "RFC 3261 20.15";
    CSeq "CSeq" "" Single "RFC 3261 20.16";
    Date "Date" "" Lines "RFC 3261 20.17: a second one is tolerated, as nothing hangs on it";
    Diversion "Diversion" "" List "RFC 5806";
    ErrorInfo "Error-Info" "" List "RFC 3261 20.18";
    Event "Event" "o" Single "RFC 6665";
    Expires "Expires" "" Single "RFC 3261 20.19";
    FlowTimer "Flow-Timer" "" Single "RFC 5626";
    From "From" "f" Single "RFC 3261 20.20";
    Geolocation "Geolocation" "" List "RFC 6442";
    HistoryInfo "History-Info" "" List "RFC 7044";
    Identity "Identity" "y" List "RFC 8224";
    InReplyTo "In-Reply-To" "" List "RFC 3261 20.21";
    MaxForwards "Max-Forwards" "" Single "RFC 3261 20.22";
    MimeVersion "MIME-Version" "" Single "RFC 3261 20.24";
    MinExpires "Min-Expires" "" Single "RFC 3261 20.23";
    MinSe "Min-SE" "" Single "RFC 4028";
    Organization "Organization" "" Lines "RFC 3261 20.25";
    PAccessNetworkInfo "P-Access-Network-Info" "" List "RFC 7315";
    PAssertedIdentity "P-Asserted-Identity" "" List "RFC 3325";
    PChargingVector "P-Charging-Vector" "" Lines "RFC 7315";
    PEarlyMedia "P-Early-Media" "" List "RFC 5009";
    PPreferredIdentity "P-Preferred-Identity" "" List "RFC 3325";
    Path "Path" "" List "RFC 3327";
    Priority "Priority" "" Lines "RFC 3261 20.26";
    Privacy "Privacy" "" Lines "RFC 3323: its values are parted by semicolons";
    ProxyAuthenticate "Proxy-Authenticate" "" Lines "RFC 3261 20.27";
    ProxyAuthenticationInfo "Proxy-Authentication-Info" "" Lines "RFC 7615";
    ProxyAuthorization "Proxy-Authorization" "" Lines "RFC 3261 20.28";
    ProxyRequire "Proxy-Require" "" List "RFC 3261 20.29";
    RAck "RAck" "" Single "RFC 3262";
    RSeq "RSeq" "" Single "RFC 3262";
    Reason "Reason" "" List "RFC 3326";
    RecordRoute "Record-Route" "" List "RFC 3261 20.30";
    ReferSub "Refer-Sub" "" Single "RFC 4488";
    ReferTo "Refer-To" "r" Single "RFC 3515";
    ReferredBy "Referred-By" "b" Single "RFC 3892";
    RejectContact "Reject-Contact" "j" List "RFC 3841";
    Replaces "Replaces" "" Single "RFC 3891";
    ReplyTo "Reply-To" "" Single "RFC 3261 20.31";
    RequestDisposition "Request-Disposition" "d" List "RFC 3841";
    Require "Require" "" List "RFC 3261 20.32";
    ResourcePriority "Resource-Priority" "" List "RFC 4412";
    RetryAfter "Retry-After" "" Single "RFC 3261 20.33";
    Route "Route" "" List "RFC 3261 20.34";
    Server "Server" "" Lines "RFC 3261 20.35";
    ServiceRoute "Service-Route" "" List "RFC 3608";
    SessionExpires "Session-Expires" "x" Single "RFC 4028";
    SipEtag "SIP-ETag" "" Single "RFC 3903";
    SipIfMatch "SIP-If-Match" "" Single "RFC 3903";
    Subject "Subject" "s" Lines "RFC 3261 20.36";
    SubscriptionState "Subscription-State" "" Single "RFC 6665";
    Supported "Supported" "k" List "RFC 3261 20.37";
    TargetDialog "Target-Dialog" "" Single "RFC 4538";
    Timestamp "Timestamp" "" Single "RFC 3261 20.38";
    To "To" "t" Single "RFC 3261 20.39";
    Unsupported "Unsupported" "" List "RFC 3261 20.40";
    UserAgent "User-Agent" "" Lines "RFC 3261 20.41";
    UserToUser "User-to-User" "" List "RFC 7433";
    Via "Via" "v" List "RFC 3261 20.42";
    Warning "Warning" "" List "RFC 3261 20.43";
    WwwAuthenticate "WWW-Authenticate" "" Lines "RFC 3261 20.44";
}

const SLOTS: usize = 512;
const EMPTY: u8 = u8::MAX;

const fn lower(byte: u8) -> usize {
    (byte | 0x20) as usize
}

const fn slot_of(name: &[u8]) -> usize {
    let length = name.len();
    (length * 67 + lower(name[0]) * 31 + lower(name[length - 1]) * 7 + lower(name[length / 2]) * 13) % SLOTS
}

/// Open addressing over full and compact names, built by the compiler.
const TABLE: [u8; SLOTS] = {
    let mut table = [EMPTY; SLOTS];
    let mut index = 0;
    while index < KNOWN.len() {
        let mut slot = slot_of(KNOWN[index].1.as_bytes());
        while table[slot] != EMPTY {
            slot = (slot + 1) % SLOTS;
        }
        table[slot] = index as u8;
        index += 1;
    }
    table
};

/// Compact names by their letter (RFC 3261 7.3.3 and the IANA registry).
const COMPACT: [u8; 26] = {
    let mut table = [EMPTY; 26];
    let mut index = 0;
    while index < KNOWN.len() {
        if let [letter] = KNOWN[index].2.as_bytes() {
            table[(*letter - b'a') as usize] = index as u8;
        }
        index += 1;
    }
    table
};

impl Name {
    /// The name that these bytes spell, full or compact, in any case.
    pub fn parse(name: &[u8]) -> Name {
        if let [letter] = name {
            let letter = letter.to_ascii_lowercase();
            if !letter.is_ascii_lowercase() {
                return Name::Other;
            }
            return KNOWN.get(usize::from(COMPACT[usize::from(letter - b'a')])).map_or(Name::Other, |known| known.0);
        }
        if name.is_empty() {
            return Name::Other;
        }
        let mut slot = slot_of(name);
        while let Some((known, text, ..)) = KNOWN.get(usize::from(TABLE[slot])) {
            if text.as_bytes() == name || text.as_bytes().eq_ignore_ascii_case(name) {
                return *known;
            }
            slot = (slot + 1) % SLOTS;
        }
        Name::Other
    }

    /// Every name on the list, without `Other`.
    pub fn known() -> impl Iterator<Item = Name> {
        KNOWN.iter().map(|known| known.0)
    }

    /// The name as we print it. `Other` prints as nothing.
    pub fn as_str(self) -> &'static str {
        KNOWN.get(self as usize).map_or("", |known| known.1)
    }

    /// The name with its colon and blank. `Other` is nothing.
    pub(crate) fn prefix(self) -> &'static [u8] {
        PREFIXES.get(self as usize).map_or(b"", |prefix| prefix.as_bytes())
    }

    /// Whether a comma parts values of this header.
    pub fn is_list(self) -> bool {
        KNOWN.get(self as usize).is_some_and(|known| known.3 == List)
    }

    /// Whether a message may have only one line of this header, because somebody would otherwise have to choose.
    pub fn is_single(self) -> bool {
        KNOWN.get(self as usize).is_some_and(|known| known.3 == Single)
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_in_any_case_and_by_its_letter() {
        for (name, text, compact, _) in KNOWN {
            assert_eq!(Name::parse(text.as_bytes()), *name);
            assert_eq!(Name::parse(text.to_ascii_uppercase().as_bytes()), *name);
            assert_eq!(Name::parse(text.to_ascii_lowercase().as_bytes()), *name);
            assert_eq!(name.as_str(), *text);
            if !compact.is_empty() {
                assert_eq!(Name::parse(compact.as_bytes()), *name);
                assert_eq!(Name::parse(compact.to_ascii_uppercase().as_bytes()), *name);
            }
        }
        for unknown in ["X-Foo", "Fro", "g", "1", "", "Viaa"] {
            assert_eq!(Name::parse(unknown.as_bytes()), Name::Other, "{unknown}");
        }
    }
}
