//! Which header lines of one side of a call may go to the other, and which a trunk always gets: the header policy of a trunk
//! (allow, strip, add).
//!
//! Reading and printing them is `leg`'s. What identifies a caller is no part of this: it has rules of its own.

use std::sync::Arc;

/// Names in a list of a policy at most.
pub const NAMES_MAX: usize = 32;
/// Lines that a policy adds at most.
pub const ADDED_MAX: usize = 16;
/// Characters of a header name at most.
pub const NAME_CHARS_MAX: usize = 64;
/// Bytes of a value that is added or passed at most.
pub const VALUE_BYTES_MAX: usize = 512;
/// Lines that are passed with one message at most; what is beyond stays behind.
pub const PASSED_MAX: usize = 16;

/// What passes where nothing is configured: User-to-User information (RFC 7433) is between the two ends.
pub const PASSED_USUALLY: &[&str] = &["User-to-User"];

/// What never passes nor is added, whatever is configured: the headers that make transactions, dialogs and routes, that prove or assert
/// who somebody is, that describe the body, or that this switch says itself.
pub const NEVER: &[&str] = &[
    "Accept",
    "Accept-Encoding",
    "Accept-Language",
    "Allow",
    "Allow-Events",
    "Authentication-Info",
    "Authorization",
    "CSeq",
    "Call-ID",
    "Contact",
    "Content-Disposition",
    "Content-Encoding",
    "Content-Length",
    "Content-Type",
    "Event",
    "Expires",
    "Flow-Timer",
    "From",
    "Identity",
    "Info-Package",
    "Join",
    "MIME-Version",
    "Max-Breadth",
    "Max-Forwards",
    "Min-Expires",
    "Min-SE",
    "P-Access-Network-Info",
    "P-Asserted-Identity",
    "P-Preferred-Identity",
    "Path",
    "Privacy",
    "Proxy-Authenticate",
    "Proxy-Authentication-Info",
    "Proxy-Authorization",
    "Proxy-Require",
    "RAck",
    "RSeq",
    "Reason",
    "Record-Route",
    "Recv-Info",
    "Refer-To",
    "Referred-By",
    "Remote-Party-ID",
    "Replaces",
    "Require",
    "Retry-After",
    "Route",
    "SIP-ETag",
    "SIP-If-Match",
    "Security-Client",
    "Security-Server",
    "Security-Verify",
    "Server",
    "Service-Route",
    "Session-Expires",
    "Subscription-State",
    "Supported",
    "Target-Dialog",
    "Timestamp",
    "To",
    "Unsupported",
    "User-Agent",
    "Via",
    "WWW-Authenticate",
    "Warning",
];

/// One-letter names and what they stand for, as far as they are in [`NEVER`] or may be passed (the registry of SIP header fields).
const COMPACT: &[(&str, &str)] = &[
    ("a", "Accept-Contact"),
    ("b", "Referred-By"),
    ("c", "Content-Type"),
    ("d", "Request-Disposition"),
    ("e", "Content-Encoding"),
    ("f", "From"),
    ("i", "Call-ID"),
    ("j", "Reject-Contact"),
    ("k", "Supported"),
    ("l", "Content-Length"),
    ("m", "Contact"),
    ("n", "Identity-Info"),
    ("o", "Event"),
    ("r", "Refer-To"),
    ("s", "Subject"),
    ("t", "To"),
    ("u", "Allow-Events"),
    ("v", "Via"),
    ("x", "Session-Expires"),
    ("y", "Identity"),
];

/// A header line: `name: value`, as it is printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderLine {
    /// A token, as it was written.
    pub name: Arc<str>,
    /// One line of text.
    pub value: Arc<str>,
}

/// What a trunk, of a PBX or a carrier, gets of headers and gives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeaderPolicy {
    /// Names that may be sent to this trunk besides [`PASSED_USUALLY`]; a name that ends in `*` stands for all that begin so.
    pub allow: Vec<Arc<str>>,
    /// Names that are neither taken from this trunk nor sent to it, whatever is allowed.
    pub strip: Vec<Arc<str>>,
    /// Lines that every INVITE to this trunk, every answer above 100 to one, and every BYE, UPDATE and INFO carries.
    pub add: Vec<HeaderLine>,
}

/// What is wrong with a policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAPolicy {
    /// Too many entries.
    #[error("{found} entries in \"{list}\": expected at most {max}")]
    TooMany {
        /// Which list.
        list: &'static str,
        /// How many there are.
        found: usize,
        /// How many there may be.
        max: usize,
    },
    /// Not the name of a header.
    #[error("\"{0}\" is not the name of a header: expected letters, digits and hyphens such as X-Tenant")]
    Name(String),
    /// A header that is never passed.
    #[error("\"{0}\" is never passed or added: it belongs to each leg by itself")]
    Never(String),
    /// Not a value of a header.
    #[error("the value of \"{0}\" cannot be sent: expected one line of 1 to 512 printable characters")]
    Value(String),
}

impl HeaderPolicy {
    /// Checks every entry.
    ///
    /// # Errors
    /// The first that cannot stand.
    pub fn check(&self) -> Result<(), NotAPolicy> {
        for (list, found, max) in [
            ("allow", self.allow.len(), NAMES_MAX),
            ("strip", self.strip.len(), NAMES_MAX),
            ("add", self.add.len(), ADDED_MAX),
        ] {
            if found > max {
                return Err(NotAPolicy::TooMany { list, found, max });
            }
        }
        for name in self.allow.iter().chain(&self.strip) {
            check_name(name.strip_suffix('*').unwrap_or(name))?;
        }
        for name in &self.allow {
            refuse_never(name)?;
        }
        for line in &self.add {
            check_name(&line.name)?;
            refuse_never(&line.name)?;
            let printable = |byte: u8| byte == b'\t' || (b' '..=b'~').contains(&byte) || byte >= 0x80;
            if line.value.trim().is_empty()
                || line.value.len() > VALUE_BYTES_MAX
                || !line.value.bytes().all(printable)
                || line.value.chars().any(char::is_control)
            {
                return Err(NotAPolicy::Value(line.name.to_string()));
            }
        }
        Ok(())
    }

    /// Whether a header that this trunk sent is taken from it.
    pub fn takes(&self, name: &str) -> bool {
        may_pass(name) && !named_in(&self.strip, name)
    }

    /// Whether a header of the other trunk is sent to this one.
    pub fn sends(&self, name: &str) -> bool {
        let usual = PASSED_USUALLY.iter().any(|usual| usual.eq_ignore_ascii_case(full(name)));
        self.takes(name) && (usual || named_in(&self.allow, name))
    }

    /// The lines of a message to this trunk: what passes of `taken`, which is what the other trunk's [`HeaderPolicy::takes`] left, and
    /// what is added. A name that is added is not passed as well.
    pub fn towards(&self, taken: &[HeaderLine]) -> Vec<HeaderLine> {
        let added = |name: &str| self.add.iter().any(|line| line.name.eq_ignore_ascii_case(full(name)));
        let passed = taken.iter().filter(|line| self.sends(&line.name) && !added(&line.name));
        passed.take(PASSED_MAX).chain(&self.add).cloned().collect()
    }
}

/// Whether a header may pass at all.
pub fn may_pass(name: &str) -> bool {
    let full = full(name);
    full.len() <= NAME_CHARS_MAX && !NEVER.iter().any(|never| never.eq_ignore_ascii_case(full))
}

/// The full name of a header that was written in its compact form.
fn full(name: &str) -> &str {
    if name.len() != 1 {
        return name;
    }
    COMPACT.iter().find(|(compact, _)| compact.eq_ignore_ascii_case(name)).map_or(name, |(_, full)| full)
}

fn named_in(list: &[Arc<str>], name: &str) -> bool {
    let name = full(name);
    list.iter().any(|entry| match entry.strip_suffix('*') {
        Some(start) => name.get(..start.len()).is_some_and(|begins| begins.eq_ignore_ascii_case(start)),
        None => full(entry).eq_ignore_ascii_case(name),
    })
}

fn check_name(name: &str) -> Result<(), NotAPolicy> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-.!%_`'~+".contains(&byte);
    if name.is_empty() || name.len() > NAME_CHARS_MAX || !name.bytes().all(is_token) {
        return Err(NotAPolicy::Name(name.chars().take(NAME_CHARS_MAX).collect()));
    }
    Ok(())
}

fn refuse_never(name: &str) -> Result<(), NotAPolicy> {
    // `P-*` is allowed although P-Asserted-Identity is not: what never passes does not pass by a pattern either.
    if name.ends_with('*') || may_pass(name) { Ok(()) } else { Err(NotAPolicy::Never(name.to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(name: &str, value: &str) -> HeaderLine {
        HeaderLine { name: name.into(), value: value.into() }
    }

    fn policy(allow: &[&str], strip: &[&str]) -> HeaderPolicy {
        let list = |names: &[&str]| names.iter().map(|name| Arc::from(*name)).collect();
        HeaderPolicy { allow: list(allow), strip: list(strip), add: Vec::new() }
    }

    #[test]
    fn only_user_to_user_passes_where_nothing_is_allowed() {
        let policy = HeaderPolicy::default();
        assert!(policy.sends("User-to-User") && policy.sends("user-to-user"));
        for name in ["Diversion", "History-Info", "X-Tenant", "Subject", "P-Charging-Vector"] {
            assert!(!policy.sends(name) && policy.takes(name), "{name}");
        }
    }

    /// Lesson 31: what passes is on a list, and what makes a dialog is never on it.
    #[test]
    fn what_makes_a_dialog_or_proves_an_identity_passes_by_no_list_and_no_pattern() {
        let everything = policy(&["*", "Route"], &[]);
        for name in NEVER {
            assert!(!everything.sends(name), "{name}");
        }
        for compact in ["v", "f", "t", "i", "m", "l", "c", "r", "b", "x", "k"] {
            assert!(!everything.sends(compact), "{compact}");
        }
        assert!(everything.sends("Diversion") && everything.sends("s"));
        assert_eq!(everything.check(), Err(NotAPolicy::Name(String::new())));
        assert_eq!(policy(&["Via"], &[]).check(), Err(NotAPolicy::Never("Via".to_owned())));
        assert_eq!(policy(&["m"], &[]).check(), Err(NotAPolicy::Never("m".to_owned())));
    }

    #[test]
    fn what_is_stripped_neither_comes_from_a_trunk_nor_goes_to_it() {
        let policy = policy(&["X-*"], &["x-secret", "User-to-User"]);
        assert_eq!(policy.check(), Ok(()));
        assert!(policy.sends("X-Tenant") && !policy.sends("X-Secret") && !policy.takes("X-SECRET"));
        assert!(!policy.sends("User-to-User"));
    }

    #[test]
    fn what_is_added_replaces_what_would_pass() {
        let mut policy = policy(&["X-Tenant"], &[]);
        policy.add.push(line("X-Tenant", "7"));
        let towards = policy.towards(&[line("x-tenant", "9"), line("User-to-User", "00"), line("Route", "<sip:evil>")]);
        assert_eq!(towards, [line("User-to-User", "00"), line("X-Tenant", "7")]);
    }

    #[test]
    fn a_policy_that_could_break_out_of_its_line_is_refused() {
        let adding = |name: &str, value: &str| HeaderPolicy { add: vec![line(name, value)], ..HeaderPolicy::default() };
        assert_eq!(adding("X-Tenant", "7").check(), Ok(()));
        for value in ["", " ", "7\r\nContact: <sip:evil>", "7\0"] {
            assert_eq!(adding("X-Tenant", value).check(), Err(NotAPolicy::Value("X-Tenant".to_owned())));
        }
        assert!(adding("X-Tenant", &"7".repeat(VALUE_BYTES_MAX + 1)).check().is_err());
        assert!(matches!(adding("X Tenant", "7").check(), Err(NotAPolicy::Name(_))));
        let many = vec![Arc::from("X-A"); NAMES_MAX + 1];
        assert!(HeaderPolicy { allow: many, ..HeaderPolicy::default() }.check().is_err());
    }
}
