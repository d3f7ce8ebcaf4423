//! Who calls, as headers say it: From, P-Asserted-Identity and Privacy of what we send, and everything that others say of
//! themselves (RFC 3323, RFC 3325, RFC 5806, RFC 7044, and Remote-Party-ID from before them).
//!
//! Whom the called side may see, and what of this is believed, is `switch`'s to decide.

use crate::invitation::user_of;
use crate::words::Identity;
use domain::E164;
use domain::call_control::CallerId;
use domain::header::{HeaderLine, PASSED_MAX, VALUE_BYTES_MAX, may_pass};
use sip::message::NameAddr;
use sip::{Lines, Message, Name};
use std::sync::{Arc, LazyLock};

/// Entries of Diversion and History-Info that are looked at.
const DIVERSIONS_MAX: usize = 10;

/// From of an INVITE of ours, without tag (I5, L6; RFC 3323 4.1.1.3).
pub(crate) fn from(caller_id: &CallerId, identity: &Identity) -> String {
    match caller_id {
        CallerId::Number(number) => format!("<sip:{number}@{}>", identity.host),
        CallerId::Anonymous => "\"Anonymous\" <sip:anonymous@anonymous.invalid>".to_owned(),
    }
}

/// Adds the asserted number, and what the caller asks to hide. Who is outside our trust domain is told no asserted number (L6).
pub(crate) fn identify<'b>(
    lines: Lines<'b>,
    caller_id: &CallerId,
    asserted: Option<E164>,
    identity: &Identity,
) -> Lines<'b> {
    let lines = match asserted {
        Some(number) => lines.header_fmt(Name::PAssertedIdentity, format_args!("<sip:{number}@{}>", identity.host)),
        None => lines,
    };
    match caller_id {
        CallerId::Number(_) => lines,
        CallerId::Anonymous => lines.header(Name::Privacy, "id"),
    }
}

/// Whether the caller wants to stay unknown: by Privacy (`id`, and `user` or `header`, which ask for more), or by the `privacy` of
/// Remote-Party-ID. `none` asks for the contrary and wins.
pub(crate) fn is_anonymous(invite: &Message) -> bool {
    let privacy = invite.privacy();
    let hidden_before = || remote_party(invite).is_some_and(|(_, hidden)| hidden);
    !privacy.none && (privacy.id || privacy.user || privacy.header || hidden_before())
}

/// The user part of Remote-Party-ID, and whether it is to be hidden.
pub(crate) fn remote_party(invite: &Message) -> Option<(String, bool)> {
    let address = NameAddr::parse(invite.header_named("Remote-Party-ID")?).ok()?;
    let privacy = address.params().text("privacy").unwrap_or_default();
    let hidden = privacy.split('-').any(|word| word.eq_ignore_ascii_case("full") || word.eq_ignore_ascii_case("uri"));
    Some((user_of(address.uri()), hidden))
}

/// Whom the call was diverted from: what Diversion says, newest first, then every entry of History-Info but the last, which is the
/// present target.
pub(crate) fn diverted_from(invite: &Message) -> Vec<String> {
    let users = |name: Name| -> Vec<String> {
        invite
            .addresses(name)
            .filter_map(Result::ok)
            .take(DIVERSIONS_MAX)
            .map(|address| user_of(address.uri()))
            .collect()
    };
    let mut history = users(Name::HistoryInfo);
    history.pop();
    users(Name::Diversion).into_iter().chain(history.into_iter().rev()).filter(|user| !user.is_empty()).collect()
}

/// Which names of the list may pass at all, by their number. Nearly every line of a message may not, and its name need not be read.
static PASSING: LazyLock<Vec<bool>> = LazyLock::new(|| Name::known().map(|name| may_pass(name.as_str())).collect());

/// The lines that a header policy may pass on, of those that are taken.
pub(crate) fn passable(message: &Message, takes: impl Fn(&str) -> bool) -> Vec<HeaderLine> {
    let known =
        message.lines_where(|name| name == Name::Other || PASSING.get(name as usize).is_some_and(|passes| *passes));
    let lines = known.filter(|(_, name, _)| takes(name)).filter_map(|(_, name, value)| {
        let value = std::str::from_utf8(value).ok().filter(|value| value.len() <= VALUE_BYTES_MAX)?;
        let plain = !value.is_empty() && !value.chars().any(char::is_control);
        plain.then(|| HeaderLine { name: Arc::from(name), value: Arc::from(value) })
    });
    lines.take(PASSED_MAX).collect()
}
