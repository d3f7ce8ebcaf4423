//! Whom the called side sees (L1-L7, I5, O5): a number that the profile may show, one per country called, or nobody.
//!
//! Printing it is `leg`'s; which carriers are trusted with a number that is not shown, `manners`'s.

use super::admitting::Owner;
use crate::directory::{CallerIdPolicy, Directory, Spoofed};
use crate::numbering;
use domain::call_control::{CallerId, Invitation, Proof};
use domain::fact::CallerIdChange;
use domain::refusal::RefusalKind;
use domain::trace::{Rule, Trace, Value};
use domain::{E164, Refusal};

/// What From says where a caller wants to stay unknown (RFC 3323 4.1.1.3).
const ANONYMOUS: &str = "anonymous";
/// Characters of a wanted caller ID that a refusal repeats at most.
const REPEATED_MAX: usize = 32;

/// Who is shown, and who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Presented {
    /// What the called side sees.
    pub(super) shown: CallerId,
    /// The number behind it, for who is trusted (RFC 3325).
    pub(super) known: Option<E164>,
    /// What became of a wish or of a number that is no longer there.
    pub(super) change: Option<CallerIdChange>,
}

/// Whom an outgoing call shows. What a PBX asks for is believed of a number of its own profile or a verified landline of its company
/// only (L5); its SIP user is never shown (O5).
///
/// # Errors
/// 403 `cli_not_allowed`, where the profile would rather refuse than replace.
pub(super) fn choose(
    directory: &Directory,
    caller: &Owner,
    invitation: &Invitation,
    callee: E164,
    trace: &mut Trace,
) -> Result<Presented, Refusal> {
    let presented = choice(directory, caller, invitation, callee);
    let asked = match wanted(caller, invitation) {
        None => Value::None,
        Some(user) => match numbering::plain(user).parse::<E164>() {
            Ok(number) => Value::Number(number),
            Err(_) => Value::from(user.chars().take(REPEATED_MAX).collect::<String>()),
        },
    };
    match &presented {
        Err(refusal) => trace.failed(refusal.kind, asked, "a number of the profile, or a verified landline"),
        Ok(presented) => {
            let shown = match presented.shown {
                CallerId::Number(number) => Value::Number(number),
                CallerId::Anonymous => "anonymous".into(),
            };
            match presented.change {
                None => trace.passed(Rule::CallerId, shown, asked),
                // Another is shown than was asked for or configured.
                Some(CallerIdChange::NotAllowed) => trace.skipped(Rule::CallerId, shown, asked),
                Some(CallerIdChange::NumberGone) => {
                    trace.skipped(Rule::CallerId, shown, "a number that is still there")
                }
            }
        }
    }
    presented
}

fn choice(directory: &Directory, caller: &Owner, invitation: &Invitation, callee: E164) -> Result<Presented, Refusal> {
    let rules = &caller.profile.manners.caller_ids;
    let is_configured = |number: &E164| is_of_company(directory, caller, *number);
    let (mut change, mut chosen) = (None, None);
    if let Some(wanted) = wanted(caller, invitation) {
        chosen = numbering::plain(wanted).parse::<E164>().ok().filter(|number| may_ask_for(directory, caller, *number));
        match (chosen, rules.spoofed) {
            (Some(_), _) => {}
            (None, Spoofed::Replace) => change = Some(CallerIdChange::NotAllowed),
            (None, Spoofed::Refuse) => return Err(not_allowed(wanted)),
        }
    }
    let CallerIdPolicy::Number(usual) = caller.profile.caller_id else {
        return Ok(Presented { shown: CallerId::Anonymous, known: None, change });
    };
    if chosen.is_none() {
        let by_country = rules.by_prefix.iter().filter(|(prefix, _)| callee.starts_with(*prefix));
        let by_country = by_country.max_by_key(|(prefix, _)| prefix.as_bytes().len()).map(|(_, number)| *number);
        // L7: a number that was cancelled or moved to another profile.
        chosen = by_country.filter(is_configured).or_else(|| Some(usual).filter(is_configured));
        if chosen != by_country.or(Some(usual)) {
            change = Some(CallerIdChange::NumberGone);
        }
    }
    let shown = match chosen {
        Some(number) if !invitation.anonymous && !rules.withheld => CallerId::Number(number),
        Some(_) | None => CallerId::Anonymous,
    };
    Ok(Presented { shown, known: chosen, change })
}

/// What the PBX asks to be shown, by P-Preferred-Identity, P-Asserted-Identity or Remote-Party-ID, in this order. Its own SIP user,
/// which many put there, is no wish.
fn wanted<'a>(caller: &Owner, invitation: &'a Invitation) -> Option<&'a str> {
    let said = [&invitation.preferred_identity, &invitation.asserted_identity, &invitation.remote_party];
    let mut said = said.into_iter().filter_map(Option::as_deref);
    let is_nobody = |user: &str| user.is_empty() || user.eq_ignore_ascii_case(ANONYMOUS);
    said.find(|user| !is_nobody(user) && numbering::plain(user).trim_start_matches('+') != &*caller.profile.sip_user)
}

/// Whether the PBX may ask for a number (L5): one that rings at its profile and is fit for it (L3), one that is configured for its
/// calls, or a landline that its company has proven to have (L4).
fn may_ask_for(directory: &Directory, caller: &Owner, number: E164) -> bool {
    let rings_here = directory
        .number(number)
        .is_some_and(|entry| entry.profile == Some(caller.profile.id) && entry.caller_id_allowed);
    let rules = &caller.profile.manners.caller_ids;
    let is_chosen = caller.profile.caller_id == CallerIdPolicy::Number(number)
        || rules.by_prefix.iter().any(|(_, chosen)| *chosen == number);
    rings_here || is_of_company(directory, caller, number) && (is_chosen || directory.number(number).is_none())
}

/// Whether a number that was configured may still be shown (L3, L7): the company has it, or it is a landline of its own (L4).
fn is_of_company(directory: &Directory, caller: &Owner, number: E164) -> bool {
    let is_online =
        directory.number(number).is_some_and(|entry| entry.company == caller.company.id && entry.caller_id_allowed);
    is_online || directory.landline(number, caller.company.id)
}

fn not_allowed(wanted: &str) -> Refusal {
    let wanted: String = wanted.chars().take(REPEATED_MAX).collect();
    let sentence = format!("Caller ID {wanted} is no number of this profile and no verified landline of its company");
    Refusal::saying(RefusalKind::CliNotAllowed, sentence)
}

/// Whom the PBX sees that is called (I5): what From says, else what a carrier asserts that is trusted with it; nobody where the caller
/// asked for that, or where neither is a full international number.
pub(super) fn incoming(directory: &Directory, invitation: &Invitation) -> CallerId {
    if invitation.anonymous || invitation.from_user.eq_ignore_ascii_case(ANONYMOUS) {
        return CallerId::Anonymous;
    }
    let is_trusted = match invitation.proof {
        Proof::Carrier(id) => directory.carrier(id).is_some_and(|carrier| carrier.manners.trusted),
        Proof::Inside(_) | Proof::Credentials(_) | Proof::Source(_) => false,
    };
    let asserted = invitation.asserted_identity.as_deref().filter(|_| is_trusted);
    let said = [Some(invitation.from_user.as_str()), asserted];
    let number = said.into_iter().flatten().find_map(|user| numbering::plain(user).parse::<E164>().ok());
    number.map_or(CallerId::Anonymous, CallerId::Number)
}
