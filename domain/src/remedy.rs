//! What a PBX admin does about each refusal, with the names of settings in Asterisk and FreePBX; the page `docs/refusals.md` is made of it.
//!
//! What was wrong in one case is the refusal's own sentence ([`crate::refusal`]).

use crate::refusal::RefusalKind;

/// What to do, for every refusal of the catalogue.
const REMEDIES: &[(RefusalKind, &str)] = &[
    (
        RefusalKind::NoCredit,
        "Give the profile credit (`tandem profile credit`), or switch on auto-recharge. Incoming calls and the echo test work without.",
    ),
    (
        RefusalKind::BelowFirstBlock,
        "As `no_credit`: the first block (fee and minimum) must be there before the call is placed. `tandem simulate` says what it costs.",
    ),
    (
        RefusalKind::DailyCap,
        "Look whether the calls are yours; then raise `daily_cap` (`tandem profile fraud`), or wait for the next day of the company. Calls that reach it end with their last paid second.",
    ),
    (
        RefusalKind::SpendPerMinute,
        "Look whether the calls are yours; then raise `spend_per_minute` (`tandem profile fraud`), or wait until a minute has cost less.",
    ),
    (
        RefusalKind::HighCost,
        "Look whether the call is yours; then raise `high_cost` of the profile (`tandem profile fraud`), or leave the destination to another trunk.",
    ),
    (
        RefusalKind::NewDestination,
        "If the call is yours: `tandem profile release`, which permits the countries that were refused. Otherwise change the PBX's passwords.",
    ),
    (
        RefusalKind::IpChange,
        "If the PBX has moved: `tandem profile release`, which permits the networks that were refused. Otherwise renew the profile's password.",
    ),
    (
        RefusalKind::ProfileSuspended,
        "`tandem profile fraud` says which rule and what it saw. Find out who called, renew passwords where it was a stranger, then `tandem profile release`.",
    ),
    (
        RefusalKind::SpendBreaker,
        "Operator: `tandem breaker list` says what was spent; `tandem breaker release` lets calls through again, `tandem breaker keep` stops the asking. Calls that are up go on.",
    ),
    (RefusalKind::MaxRate, "Raise `max_rate` of the profile, or leave the destination to another trunk."),
    (
        RefusalKind::MaxCallCost,
        "Raise `max_call_cost` of the profile: it is less than the fee and the first block of this destination.",
    ),
    (
        RefusalKind::BadCredentials,
        "Compare user name and password with the profile's. Asterisk: `username` and `password` of `type=auth`, named by `outbound_auth` of endpoint *and* registration. FreePBX: Username, Secret, Authentication *Outbound*.",
    ),
    (
        RefusalKind::FromMismatch,
        "The user in From must be the SIP user; who is shown goes into P-Asserted-Identity. Asterisk: `from_user` of the endpoint, `send_pai=yes`. FreePBX: From User. FreeSWITCH: `from-user`, `caller-id-in-from=false`.",
    ),
    (
        RefusalKind::IpNotAllowed,
        "Add the address and port that the trace names to the profile, or let the PBX answer challenges. Behind NAT the address is the router's, and the port may change: register instead.",
    ),
    (
        RefusalKind::CertificateUnknown,
        "Add a name that the trace shows to the profile or the carrier (`--certificate`), or let the PBX answer challenges. DNS names and sip: URIs of the alternative names count, the common name (CN) and wildcards do not.",
    ),
    (
        RefusalKind::CliNotAllowed,
        "Send a number of the profile or a verified landline as caller ID, or let the profile replace others. FreePBX: Outbound CallerID of trunk and extension.",
    ),
    (RefusalKind::OrgSuspended, "Ask the operator of the switch."),
    (
        RefusalKind::NotE164,
        "Dial + and country code. Asterisk: `Dial(PJSIP/+${EXTEN}@trunk)`. FreePBX: Dialed Number Manipulation of the trunk, prepend `+`.",
    ),
    (
        RefusalKind::NotANumber,
        "Only numbers can be dialled: strip access digits such as 9 in the dial plan. FreePBX: Dial Patterns, prefix.",
    ),
    (RefusalKind::NoRoute, "Operator: import a deck with this prefix, or add a carrier that serves it."),
    (RefusalKind::NumberUnassigned, "Assign the number to a profile (`tandem number add`)."),
    (
        RefusalKind::IntervalTooBrief,
        "Register for longer. Asterisk: `expiration` of `type=registration`. FreePBX: Expiration.",
    ),
    (
        RefusalKind::PbxNotRegistered,
        "Let the PBX register, and look at the profile's attempts for why it does not. Asterisk: `pjsip show registrations`.",
    ),
    (
        RefusalKind::PbxChallengedUs,
        "Let the PBX take calls from our address without a password. Asterisk: `type=identify` with `match`, no `auth` at the endpoint. FreePBX: Authentication *Outbound*, not *Both*.",
    ),
    (
        RefusalKind::LoopDetected,
        "The PBX dials its own number: let its dial plan connect that inside (FreePBX: an inbound route and a Misc Destination).",
    ),
    (RefusalKind::NumberIncomplete, "Dial +1 and ten digits. FreePBX: Dial Patterns, prepend `+1` to `NXXNXXXXXX`."),
    (RefusalKind::CalleeChannelsFull, "Buy more channels for the called profile; every call takes one, in or out."),
    (
        RefusalKind::NoCommonCodec,
        "Offer G.711. Asterisk: `allow=alaw,ulaw`. FreePBX: Codecs. Browsers' DTLS-SRTP is not taken.",
    ),
    (
        RefusalKind::SrtpRequired,
        "Offer SRTP with keys in SDP, over TLS. Asterisk: `media_encryption=sdes`, `transport` of type tls. FreePBX: Media Encryption *SRTP via in-SDP*.",
    ),
    (
        RefusalKind::SrtpOff,
        "Set `srtp` of the profile to `preferred`, or offer plain RTP. Asterisk: `media_encryption=no`, or `media_encryption_optimistic=yes`.",
    ),
    (
        RefusalKind::MediaFamily,
        "Let the PBX offer its sound at the other version of IP. Asterisk: `rtp_ipv6`, `media_address`. Operator: set `media.second_address`.",
    ),
    (
        RefusalKind::ChannelsFull,
        "Hang up a call, or buy more channels. FreePBX: Maximum Channels of the trunk keeps the PBX below it.",
    ),
    (RefusalKind::ProfileInactive, "Buy channels for the profile, or make it active."),
    (RefusalKind::CpsExceeded, "Start calls more slowly; dialers: a lower rate. Retry-After says when there is room."),
    (
        RefusalKind::ProfileCpsExceeded,
        "Start calls more slowly, or raise `calls_per_second` of the profile. Retry-After says when there is room.",
    ),
    (RefusalKind::NodeFull, "Come back after Retry-After. Operator: raise `sip.calls_max`, or add a node."),
    (
        RefusalKind::EmergencyNotCarried,
        "Emergency calls must take a line of the PBX's own. FreePBX: an outbound route of type Emergency on another trunk.",
    ),
    (
        RefusalKind::Draining,
        "Nothing: the node is being stopped. The PBX should try another node or come back after Retry-After.",
    ),
    (RefusalKind::Overloaded, "Come back after Retry-After. Operator: the overview dashboard says what is full."),
    (
        RefusalKind::MediaPortsExhausted,
        "Come back after Retry-After. Operator: widen `media.ports_min` to `media.ports_max`.",
    ),
    (
        RefusalKind::CarriersFull,
        "Come back after Retry-After. Operator: more channels at a carrier, or another carrier.",
    ),
    (RefusalKind::RouteAtLoss, "Operator: raise the price, find a cheaper carrier, or set `carriers.loss_allowed`."),
    (RefusalKind::LedgerUnavailable, "Come back after Retry-After. Operator: see `docs/runbooks/RedisDown.md`."),
    (
        RefusalKind::CarriersFailed,
        "Operator: the trace says how each carrier failed. PBX: a second trunk takes over on 503 (FreePBX: Trunk Sequence).",
    ),
    (RefusalKind::NotAnswered, "Nothing is wrong: nobody picked up."),
    (
        RefusalKind::PbxSilent,
        "Is the PBX up, and does its firewall let us in? Behind NAT: `qualify_frequency` (Asterisk) keeps the way open.",
    ),
    (
        RefusalKind::PbxRefused,
        "Look into the PBX's log for the call. Often no inbound route has the number. FreePBX: Inbound Routes, DID; context `from-pstn`.",
    ),
    (
        RefusalKind::UnusableAnswer,
        "The called side answered with a codec nobody offered: its fault. Operator: tell the carrier, with the Call-ID.",
    ),
    (RefusalKind::EndedByOperator, "Somebody ended the call by API or console; the audit log says who."),
    (RefusalKind::CalledBusy, "Nothing is wrong: the called person is busy."),
    (RefusalKind::CalledUnavailable, "Nothing is wrong here: nobody can be reached there now."),
    (RefusalKind::CalledUnknown, "Check the number."),
    (RefusalKind::CalledIncompatible, "Offer G.711 besides other codecs. Asterisk: `allow=g722,alaw,ulaw`."),
    (RefusalKind::CalledDeclined, "The called side does not want the call, or not this caller ID."),
    (
        RefusalKind::MalformedRequest,
        "The Warning says which header. Switch off SIP ALG in the router: it breaks messages; or use TLS, which it cannot touch.",
    ),
    (RefusalKind::UriNotSupported, "Dial sip: or tel: URIs."),
    (RefusalKind::VersionNotSupported, "Update the PBX."),
    (RefusalKind::MessageTooLarge, "Let the PBX send fewer headers and codecs, and fewer proxies stand in between."),
    (
        RefusalKind::MethodNotAllowed,
        "Transfers (REFER): let the PBX join the two calls itself. Asterisk: `allow_transfer` concerns phones only, no change is needed.",
    ),
    (RefusalKind::MethodUnknown, "Nothing: the PBX tries an extension that is not there, and goes on without."),
    (
        RefusalKind::NoSuchDialog,
        "The call is over here. If that happens in a call: a session timer ran out, or the node was restarted; the call record says which.",
    ),
    (RefusalKind::HopsUsedUp, "Two systems send the call to each other: check forwardings and outbound routes."),
    (RefusalKind::RequestMerged, "Let the proxy in between send the request to one address only."),
    (RefusalKind::ExtensionUnknown, "Let the PBX support the extension instead of requiring it."),
    (RefusalKind::SessionIntervalTooSmall, "Asterisk: `timers_sess_expires` of at least 90, `timers_min_se=90`."),
    (RefusalKind::BodyNotUnderstood, "Let the PBX send SDP in INVITE, and keys in INFO as `application/dtmf-relay`."),
    (RefusalKind::RequestPending, "Nothing: the PBX tries again by itself."),
    (RefusalKind::AnswerPending, "Nothing: the PBX tries again by itself."),
    (
        RefusalKind::OutOfOrder,
        "Two PBXs with one Call-ID, or one that was restored from a copy: restart its registration.",
    ),
    (
        RefusalKind::ForeignAddress,
        "The PBX changed its address in a call (two uplinks, a VPN): pin its SIP to one. Its next call works.",
    ),
    (RefusalKind::OutboundUnsupported, "Switch RFC 5626 off, or register directly. Asterisk: `support_outbound=no`."),
    (RefusalKind::PrackMissing, "Asterisk: `100rel=no`."),
];

impl RefusalKind {
    /// What to do about it, in a PBX admin's words.
    pub fn remedy(self) -> &'static str {
        REMEDIES.iter().find(|(kind, _)| *kind == self).map_or("", |(_, remedy)| remedy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::Rule;

    const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/refusals.md");

    fn page() -> String {
        let mut page = String::from(
            "# Refusals\n\nEvery way in which a call, a registration or a request inside a call is refused. The answer has the status and the \
             phrase, and\n`Warning: 399 HOST \"ID: SENTENCE\"` (`media_family`: 301); the same id stands in the call's trace (`GET /api/v1/calls/{id}/trace`), in the \
             profile's\nattempts (`GET /api/v1/profiles/{id}/attempts`) and in what `tandem simulate` says. Ids are stable. Where the case is \
             known\nbetter, the sentence says it (\"From says 101; this profile must send 99050000040027\").\n\nMade of \
             `domain/src/refusal.rs` and `domain/src/remedy.rs`; `UPDATE_DOCS=1 cargo test --release -p domain refusals` writes \
             it anew.\n\n| Id | Answer | Rule | Sentence | What to do |\n|---|---|---|---|---|\n",
        );
        for kind in RefusalKind::ALL {
            let (status, phrase) = (kind.status(), kind.phrase());
            let (id, rule) = (kind.as_str(), Rule::of(*kind).as_str());
            page += &format!("| `{id}` | {status} {phrase} | `{rule}` | {} | {} |\n", kind.sentence(), kind.remedy());
        }
        page
    }

    #[test]
    fn every_refusal_says_what_to_do() {
        for kind in RefusalKind::ALL {
            assert!(kind.remedy().len() > 10 && kind.remedy().ends_with('.'), "{kind:?} needs a line in REMEDIES");
        }
        assert_eq!(REMEDIES.len(), RefusalKind::ALL.len(), "one line for each");
    }

    #[test]
    fn the_page_of_refusals_is_the_catalogue() {
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(PAGE, page()).expect("docs/refusals.md can be written");
        }
        let written = std::fs::read_to_string(PAGE).expect("docs/refusals.md is there");
        assert!(
            written == page(),
            "docs/refusals.md is not the catalogue's: UPDATE_DOCS=1 cargo test --release -p domain refusals"
        );
    }
}
