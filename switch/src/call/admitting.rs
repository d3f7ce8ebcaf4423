//! Phase one, at birth: who calls, what they may, and where to. Emergency first (O3), money last.
//!
//! Whether a channel and credit are free is asked in `reserving`; what comes from outside is looked at in `receiving`.

use super::ending::{Ending, Farewell};
use super::offering::{offer, places_for};
use super::{Opening, Stranger, caller_id, capping, inside, manners, receiving};
use crate::directory::{Carrier, Company, Directory, Profile};
use crate::{numbering, routing};
use domain::call_control::{CallerId, Invitation, Manner, Pbx, Proof, Whereto};
use domain::call_record::CallDirection;
use domain::fact::CallerIdChange;
use domain::fax::FaxPolicy;
use domain::header::HeaderLine;
use domain::media::MediaDescription;
use domain::refusal::RefusalKind;
use domain::trace::{Rule, Trace, Value};
use domain::{CallId, E164, Entropy, Refusal, Wall};
use rating::{Block, Rate};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

/// Characters of a From user that a refusal repeats at most.
const REPEATED_MAX: usize = 32;

/// Whose call it is: of an outbound call who calls, of an inbound one who is called.
#[derive(Clone, Debug)]
pub(super) struct Owner {
    pub(super) company: Arc<Company>,
    pub(super) profile: Arc<Profile>,
}

/// What a call that is welcome wants.
#[derive(Clone, Debug)]
pub(super) enum Errand {
    /// Its own sound back (O2): free, answered by us.
    Echo,
    /// Somebody else.
    Dial(Box<Dial>),
}

/// A call to somebody else.
#[derive(Clone, Debug)]
pub(super) struct Dial {
    pub(super) callee: E164,
    /// Who is shown.
    pub(super) caller_id: CallerId,
    /// The number behind it, for carriers that are trusted.
    pub(super) known: Option<E164>,
    /// Why another number is shown than was asked for or configured, where one is.
    pub(super) change: Option<CallerIdChange>,
    /// The header lines that may pass.
    pub(super) taken: Vec<HeaderLine>,
    /// None for a free call.
    pub(super) rate: Option<Sold>,
    /// Those that have not been tried, in order.
    pub(super) places: VecDeque<Place>,
    /// Those that are not tried because they cost more than the call is sold for.
    pub(super) losses: Vec<Arc<Carrier>>,
    pub(super) offer: MediaDescription,
}

impl Dial {
    /// What is held before anybody hears of the call; none for a free one.
    pub(super) fn first_block(&self) -> Option<Block> {
        self.rate.as_ref().map(|sold| sold.rate.tariff.first_block())
    }
}

/// What a call is sold for, for as long as it lasts: by the deck that was in force at its admission.
#[derive(Clone, Debug)]
pub(super) struct Sold {
    pub(super) rate: Rate,
    /// The deck's version.
    pub(super) deck: Arc<str>,
}

impl Sold {
    /// None where the deck in force has no price for the number.
    pub(super) fn of(company: &Company, number: E164, at: Wall) -> Option<Sold> {
        let (rate, deck) = routing::rate(company, number, at)?;
        Some(Sold { rate: rate.clone(), deck: Arc::clone(deck.version()) })
    }
}

/// Where the called side may be.
#[derive(Clone, Debug)]
pub(super) enum Place {
    /// Behind a carrier.
    Carrier(Arc<Carrier>),
    /// At the called company's own PBX.
    Pbx { pbx: Pbx, manner: Manner },
    /// At a number of ours: a second call is joined to this one (R11).
    Inside,
}

impl Place {
    /// As a leg is told.
    pub(super) fn whereto(&self) -> Whereto {
        match self {
            Place::Carrier(carrier) => Whereto::Carrier(carrier.id),
            Place::Pbx { pbx, .. } => Whereto::Pbx(pbx.clone()),
            Place::Inside => Whereto::Inside,
        }
    }

    /// The carrier, where it is one.
    pub(super) fn carrier(&self) -> Option<&Arc<Carrier>> {
        match self {
            Place::Carrier(carrier) => Some(carrier),
            Place::Pbx { .. } | Place::Inside => None,
        }
    }
}

/// Who a proof names: of several profiles at one source, the one whose SIP user From carries (S5), otherwise the first; of what
/// a carrier sends, the profile that is called. None where the directory knows nobody of them (any more): such a call has no
/// owner and leaves no record.
///
/// What proved it is the first step of the trace.
pub(super) fn identify(directory: &Directory, invitation: &Invitation, trace: &mut Trace) -> Result<Owner, Refusal> {
    let owner = named_by_proof(directory, invitation);
    let rule = match invitation.proof {
        Proof::Credentials(_) => Rule::Authentication,
        Proof::Source(_) | Proof::Carrier(_) if invitation.certificate.is_some() => Rule::Certificate,
        Proof::Source(_) | Proof::Carrier(_) => Rule::SourceAddress,
        Proof::Inside(_) => Rule::Inside,
    };
    let seen = match &invitation.certificate {
        Some(names) => Value::Text(Arc::clone(names)),
        None => Value::Address(invitation.source),
    };
    let wanted = match (&invitation.proof, &owner) {
        (Proof::Carrier(carrier), _) => directory.carrier(*carrier).map(|carrier| Arc::clone(&carrier.name)).into(),
        (Proof::Credentials(_) | Proof::Source(_), Ok(owner)) => Arc::clone(&owner.profile.sip_user).into(),
        (Proof::Credentials(_) | Proof::Source(_), Err(_)) | (Proof::Inside(_), _) => Value::None,
    };
    match &owner {
        // A carrier is known by its address, whatever number it calls.
        Err(refusal) if !matches!(invitation.proof, Proof::Carrier(_) | Proof::Inside(_)) => {
            trace.refused(refusal, wanted);
        }
        Ok(_) | Err(_) => trace.passed(rule, seen, wanted),
    }
    if let (Err(refusal), Proof::Carrier(_) | Proof::Inside(_)) = (&owner, &invitation.proof) {
        let dialled: Arc<str> = invitation.dialled.as_str().into();
        trace.failed_at(Rule::CalledNumber, refusal.kind, dialled, "a number that is assigned to a profile");
    }
    owner
}

fn named_by_proof(directory: &Directory, invitation: &Invitation) -> Result<Owner, Refusal> {
    let known = |id| {
        let profile = directory.profile(id)?;
        Some(Owner { company: directory.company(profile.company)?.clone(), profile: profile.clone() })
    };
    match &invitation.proof {
        Proof::Credentials(id) => known(*id).ok_or_else(|| Refusal::new(RefusalKind::BadCredentials)),
        Proof::Source(candidates) => {
            let candidates: Vec<Owner> = candidates.iter().filter_map(|id| known(*id)).collect();
            let named = candidates.iter().position(|caller| *caller.profile.sip_user == *invitation.from_user);
            let chosen = candidates.into_iter().nth(named.unwrap_or(0));
            let unknown = match invitation.certificate {
                Some(_) => RefusalKind::CertificateUnknown,
                None => RefusalKind::IpNotAllowed,
            };
            chosen.ok_or_else(|| Refusal::new(unknown))
        }
        Proof::Carrier(_) | Proof::Inside(_) => {
            let profile = receiving::called_profile(directory, invitation)?;
            known(profile).ok_or_else(|| Refusal::new(RefusalKind::NumberUnassigned))
        }
    }
}

/// Whether any profile that the proof names means an emergency service (O3): before From is looked at, they may differ in country.
pub fn is_emergency(directory: &Directory, proof: &Proof, dialled: &str) -> bool {
    let means = |id: &domain::ProfileId| directory.is_emergency(*id, dialled);
    match proof {
        Proof::Credentials(id) => means(id),
        Proof::Source(candidates) => candidates.iter().any(means),
        Proof::Carrier(_) | Proof::Inside(_) => false,
    }
}

/// What is wanted, and whether it may be.
pub(super) fn admit(opening: &Opening, owner: &Owner, at: Wall, trace: &mut Trace) -> Result<Errand, Ending> {
    let admitted = match opening.invitation.proof.direction() {
        CallDirection::Outbound => admit_outbound(opening, owner, at, trace),
        CallDirection::Inbound => receiving::admit(opening, owner, trace),
    };
    // Whoever refuses without a word of what it saw is told of by its sentence.
    if let Err(Ending { farewell: Farewell::Refuse { refusal, .. }, .. }) = &admitted {
        trace.refused(refusal, Value::None);
    }
    admitted
}

/// What the caller may do, in the order of design 7: emergency, caller, dialled number, the node's own limits, route, sound.
fn admit_outbound(opening: &Opening, caller: &Owner, at: Wall, trace: &mut Trace) -> Result<Errand, Ending> {
    let (directory, invitation) = (&*opening.directory, &opening.invitation);
    if is_emergency(directory, &invitation.proof, &invitation.dialled) {
        let dialled: Arc<str> = invitation.dialled.as_str().into();
        trace.failed(
            RefusalKind::EmergencyNotCarried,
            dialled,
            "another number; the PBX has its own line for this one",
        );
        return Err(Ending::emergency(directory.settings().emergency_status));
    }
    trace.passed(Rule::Emergency, Value::None, Value::None);
    check_caller(caller, invitation, trace).map_err(Ending::refused)?;
    let errand = destination(directory, caller, invitation);
    let seen = |errand: &Option<E164>| errand.map_or("the echo test".into(), Value::Number);
    let errand = match &errand {
        Err(refusal) => {
            let dialled: Arc<str> = invitation.dialled.as_str().into();
            trace.failed(refusal.kind, dialled, "+ and country code, such as +12025550123");
            errand
        }
        Ok(_) => trace.judged(Rule::Number, errand, seen, Value::None),
    };
    let errand = errand.map_err(Ending::refused)?;
    pass_gate(opening, trace)?;
    let Some(callee) = errand else {
        // Fax has no echo.
        offer(directory, invitation, caller.profile.srtp, FaxPolicy::Refuse, trace).map_err(Ending::refused)?;
        return Ok(Errand::Echo);
    };
    let admission = Admission { call: opening.id, at };
    let dial = dial(admission, directory, caller, invitation, callee, trace).map_err(Ending::refused)?;
    pass_breaker(opening, &dial, trace)?;
    Ok(Errand::Dial(Box::new(dial)))
}

/// Whom an address proves by itself: the profiles of IP authentication (S3), or else a carrier.
pub fn proof_of_source(directory: &Directory, source: SocketAddr) -> Option<Proof> {
    match directory.profiles_at(source) {
        [] => directory.carrier_at(source).map(Proof::Carrier),
        profiles => Some(Proof::Source(profiles.to_vec())),
    }
}

/// A proven caller to whom the node shuts its door: there is no call, and no record.
pub fn turned_away(opening: &Opening, refusal: Refusal) -> Stranger {
    let mut trace = Trace::new();
    // Whoever is nobody's is turned away all the same.
    let _ = identify(&opening.directory, &opening.invitation, &mut trace);
    trace.refused(&refusal, Value::None);
    Stranger { refusal, trace }
}

/// Whether the node takes the call; what comes too late to be asked at the door.
pub(super) fn pass_gate(opening: &Opening, trace: &mut Trace) -> Result<(), Ending> {
    match &opening.gate {
        Some(refusal) => {
            trace.refused(refusal, Value::None);
            Err(Ending::refused(refusal.clone()))
        }
        None => {
            trace.passed(Rule::Node, Value::None, Value::None);
            Ok(())
        }
    }
}

/// Whether new paid calls are placed at all; free ones cost nobody anything.
fn pass_breaker(opening: &Opening, dial: &Dial, trace: &mut Trace) -> Result<(), Ending> {
    let is_paid = dial.first_block().is_some_and(|block| block.amount.is_positive());
    match opening.breaker.as_ref().filter(|_| is_paid) {
        Some(refusal) => {
            trace.refused(refusal, Value::None);
            Err(Ending::refused(refusal.clone()))
        }
        None => Ok(()),
    }
}

fn check_caller(caller: &Owner, invitation: &Invitation, trace: &mut Trace) -> Result<(), Refusal> {
    check_company(caller, trace)?;
    let sip_user = &*caller.profile.sip_user;
    if invitation.from_user != sip_user {
        let said: String = invitation.from_user.chars().take(REPEATED_MAX).collect();
        let said = if said.is_empty() { "nothing".to_owned() } else { said };
        let sentence = format!("From says {said}; this profile must send {sip_user}");
        trace.failed(RefusalKind::FromMismatch, said, Arc::clone(&caller.profile.sip_user));
        return Err(Refusal::saying(RefusalKind::FromMismatch, sentence));
    }
    let wanted = || Arc::clone(&caller.profile.sip_user);
    trace.passed(Rule::FromUser, wanted(), wanted());
    check_subscription(caller, trace)
}

/// Whether the company may call and be called.
pub(super) fn check_company(owner: &Owner, trace: &mut Trace) -> Result<(), Refusal> {
    if owner.company.suspended {
        trace.failed(RefusalKind::OrgSuspended, "suspended", "an active company");
        return Err(RefusalKind::OrgSuspended.into());
    }
    trace.passed(Rule::Company, Value::None, Value::None);
    Ok(())
}

/// Whether the profile has channels at all (P7).
pub(super) fn check_subscription(owner: &Owner, trace: &mut Trace) -> Result<(), Refusal> {
    let seen = Value::Count(owner.profile.channels.into());
    if !owner.profile.active {
        trace.failed(RefusalKind::ProfileInactive, seen, "an active profile with channels");
        return Err(RefusalKind::ProfileInactive.into());
    }
    trace.passed(Rule::Subscription, seen, "a channel");
    Ok(())
}

/// The number that is meant; none for the echo test.
fn destination(directory: &Directory, caller: &Owner, invitation: &Invitation) -> Result<Option<E164>, Refusal> {
    if directory.is_echo_code(&numbering::plain(&invitation.dialled)) {
        return Ok(None);
    }
    let country = directory.country(caller.company.country);
    let plan = numbering::Plan {
        north_american: country.is_some_and(|plan| plan.is_north_american()),
        require_plus: caller.profile.require_plus,
    };
    numbering::number(&invitation.dialled, plan).map(Some)
}

/// Which call is admitted, and when: what decides by chance and by price.
#[derive(Clone, Copy, Debug)]
struct Admission {
    call: CallId,
    at: Wall,
}

fn dial(
    admission: Admission,
    directory: &Directory,
    caller: &Owner,
    invitation: &Invitation,
    callee: E164,
    trace: &mut Trace,
) -> Result<Dial, Refusal> {
    let presented = caller_id::choose(directory, caller, invitation, callee, trace)?;
    let inside = match inside::called(directory, caller, invitation, callee) {
        Err(refusal) => {
            trace.failed_at(Rule::Inside, refusal.kind, callee, "a number of another profile of this switch");
            return Err(refusal);
        }
        Ok(inside) => inside,
    };
    let (rate, places, losses) = match inside {
        Some(price) => {
            trace.passed(Rule::Inside, callee, "connected inside, without a carrier");
            let rate = trace.judged(
                Rule::Price,
                inside::rate(caller, callee, price, admission.at),
                |sold| sold.as_ref().map_or("free".into(), |sold| price_of(&sold.rate)),
                Value::None,
            )?;
            (rate, VecDeque::from([Place::Inside]), Vec::new())
        }
        None => {
            let (rate, places, losses) = outside(admission, directory, caller, callee, trace)?;
            (Some(rate), places, losses)
        }
    };
    capping::check(&caller.profile, rate.as_ref().map(|sold| &sold.rate), trace)?;
    let offer = offer(directory, invitation, caller.profile.srtp, caller.profile.t38, trace)?;
    let places = places_for(&offer, places, trace)?;
    Ok(Dial {
        losses,
        callee,
        caller_id: presented.shown,
        known: presented.known,
        change: presented.change,
        taken: manners::taken(directory, caller, invitation),
        rate,
        places,
        offer,
    })
}

/// What a call that leaves us costs, who carries it, and who would at a loss.
type Outside = (Sold, VecDeque<Place>, Vec<Arc<Carrier>>);

/// A minute's price, for the trace.
fn price_of(rate: &Rate) -> Value {
    Value::Money(rate.tariff.rate_per_minute(), rate.tariff.currency())
}

fn outside(
    admission: Admission,
    directory: &Directory,
    caller: &Owner,
    callee: E164,
    trace: &mut Trace,
) -> Result<Outside, Refusal> {
    let Admission { call, at } = admission;
    // Drawn from the call's own name, which is chance enough, and the same wherever the call is told again.
    let mut chance = Entropy::from_seed(call.bits().to_le_bytes());
    let carriers = routing::carriers(directory, callee, caller.company.currency, at, &mut chance);
    let Some(sold) = Sold::of(&caller.company, callee, at) else {
        trace.failed_at(Rule::Price, RefusalKind::NoRoute, callee, "a prefix of the company's deck");
        return Err(no_route("price", callee));
    };
    trace.passed(Rule::Price, price_of(&sold.rate), Value::None);
    if carriers.is_empty() {
        trace.failed(RefusalKind::NoRoute, callee, "an enabled carrier that serves the number");
        return Err(no_route("carrier", callee));
    }
    trace.passed(Rule::Route, Value::Count(carriers.len() as u64), "a carrier that serves the number");
    let may_lose = directory.settings().loss_allowed;
    let is_loss = |carrier: &Arc<Carrier>| !may_lose && routing::is_at_a_loss(carrier, callee, &sold.rate, at);
    let (losses, places): (Vec<_>, Vec<_>) = carriers.into_iter().partition(is_loss);
    if places.is_empty() {
        trace.failed(RefusalKind::RouteAtLoss, Value::Count(0), "a carrier that costs no more");
        return Err(Refusal::new(RefusalKind::RouteAtLoss));
    }
    if !losses.is_empty() {
        trace.passed(Rule::Margin, Value::Count(places.len() as u64), "a carrier that costs no more");
    }
    Ok((sold, places.into_iter().map(Place::Carrier).collect(), losses))
}

pub(super) fn no_route(missing: &str, callee: E164) -> Refusal {
    Refusal::saying(RefusalKind::NoRoute, format!("No {missing} is configured for {callee}"))
}
