//! Which fact is worth a line, at which level, with which fields.
//!
//! How lines are written does not live here. Fields are dotted: `call.id` finds every line of a call, `sip.call_id` the
//! trace on the wire. Numbers are masked above DEBUG.

use crate::labels::Label;
use crate::mask::mask;
use domain::call_record::CallDirection;
use domain::fact::{AttemptResult, AuthOutcome, CallerIdChange, RechargeOutcome, RegistrationOutcome, RiskOutcome};
use domain::fraud::{FraudAction, FraudRule};
use domain::{BusinessAccountId, Fact, ProfileId};
use tracing::{debug, info, warn};

const CALLS: &str = "tandem::calls";
const CARRIERS: &str = "tandem::carriers";
const REGISTRAR: &str = "tandem::registrar";
const SIP: &str = "tandem::sip";
const MONEY: &str = "tandem::money";
const EVENTS: &str = "tandem::events";
const OFFICE: &str = "tandem::office";

fn word<L: Label>(label: L) -> &'static str {
    L::VALUES[label.index()]
}

/// Where a number rings: a profile, or an account wherever that is attached.
fn place(profile: Option<ProfileId>, account: Option<BusinessAccountId>) -> String {
    let profile = profile.map(|id| id.to_string());
    profile.or_else(|| account.map(|id| id.to_string())).unwrap_or_default()
}

/// The line of a fact, where it is worth one.
pub(crate) fn write(fact: &Fact) {
    match fact {
        Fact::CallAttempted { call, profile, direction, sip_call_id } => {
            debug!(target: CALLS, { call.id = %call, profile.id = %profile, direction = word(*direction), sip.call_id = &**sip_call_id }, "call attempted");
        }
        // Counted only: the end of the call says it all.
        Fact::CallProgressed { .. }
        | Fact::CallAdmitted { .. }
        | Fact::LegDisconnected { .. }
        | Fact::ChargeAnswered { .. } => {}
        Fact::CallAnswered { call, direction, .. } => {
            debug!(target: CALLS, { call.id = %call, direction = word(*direction) }, "call answered");
        }
        Fact::CallEnded { .. } => on_call_ended(fact),
        Fact::CarrierAttempted { carrier, result, post_dial_delay } => on_carrier(carrier, *result, *post_dial_delay),
        Fact::CarrierTurned { carrier, is_up: true, because } => {
            info!(target: CARRIERS, { carrier.name = &**carrier, because = &**because }, "carrier is up again");
        }
        Fact::CarrierEnrolled { carrier, is_registered: true, because } => {
            info!(target: CARRIERS, { carrier.name = &**carrier, because = &**because }, "registered at the carrier");
        }
        Fact::CarrierEnrolled { carrier, is_registered: false, because } => {
            warn!(target: CARRIERS, { carrier.name = &**carrier, because = &**because }, "not registered at the carrier: it cannot call us");
        }
        Fact::CarrierTurned { carrier, is_up: false, because } => {
            warn!(target: CARRIERS, { carrier.name = &**carrier, because = &**because }, "carrier is down: calls go to others while there are any");
        }
        Fact::CarrierProbed { .. } => {}
        Fact::CreditExhausted { call, profile } => {
            info!(target: MONEY, { call.id = %call, profile.id = %profile }, "credit exhausted: the call ends at the last paid second");
        }
        Fact::ChargeTicked { call, sequence, amount, .. } => {
            debug!(target: MONEY, { call.id = %call, charge.sequence = sequence, charge.amount = %amount }, "increment charged");
        }
        Fact::CreditLow { profile, available, currency, threshold } => {
            info!(target: MONEY, { profile.id = %profile, credit.available = %available, credit.threshold = %threshold, currency = currency.as_str() }, "credit is low, and the profile is not recharged by itself");
        }
        Fact::WebhookDisabled { webhook, because, .. } => {
            warn!(target: EVENTS, { webhook.id = %webhook, because = &**because }, "webhook switched off: nothing could be delivered to it; `tandem webhook enable` tries again");
        }
        Fact::NumberAssigned { number, profile, account, .. } => {
            let place = place(*profile, *account);
            info!(target: OFFICE, { number.id = %number, place }, "a number rings here from now on");
        }
        Fact::NumberReleased { number, profile, account, .. } => {
            let place = place(*profile, *account);
            info!(target: OFFICE, { number.id = %number, place }, "a number rings here no more");
        }
        Fact::SubscriptionChanged { profile, before, channels, .. } => {
            info!(target: OFFICE, { profile.id = %profile, channels.before = before, channels.now = channels }, "subscription changed");
        }
        Fact::RegistrationChanged { profile, outcome, transport } => {
            let (outcome, transport) = (*outcome, word(*transport));
            match outcome {
                RegistrationOutcome::Created | RegistrationOutcome::Removed | RegistrationOutcome::Expired => {
                    info!(target: REGISTRAR, { profile.id = %profile, outcome = word(outcome), transport }, "registration changed");
                }
                RegistrationOutcome::Refreshed
                | RegistrationOutcome::Rejected
                | RegistrationOutcome::IntervalTooBrief => {
                    debug!(target: REGISTRAR, { profile.id = %profile, outcome = word(outcome), transport }, "registration answered");
                }
            }
        }
        Fact::RegistrationConflicted { profile, replaced, by } => {
            warn!(target: REGISTRAR, { profile.id = %profile, registration.replaced = %replaced, registration.by = %by }, "registration conflict: a second PBX uses the credentials of this profile, and the first one lost its registration");
        }
        Fact::Authenticated(AuthOutcome::Ok | AuthOutcome::Challenged) => {}
        Fact::Authenticated(outcome) => {
            debug!(target: SIP, { outcome = word(*outcome) }, "authentication failed");
        }
        Fact::SourceBanned { source, offence, until, number, untold } => {
            warn!(target: SIP, { guard.source = &**source, guard.offence = offence.as_str(), guard.until = %until, guard.number = number, guard.untold = untold }, "source banned: what it sends is dropped unread; DELETE /api/v1/bans/{{source}} ends that");
        }
        Fact::BanLifted { source, because } => {
            info!(target: SIP, { guard.source = &**source, because = &**because }, "ban lifted");
        }
        Fact::LedgerPosted { code, applied, amount, currency } => {
            debug!(target: MONEY, { ledger.code = code.as_str(), ledger.applied = applied, ledger.amount = %amount, currency = currency.as_str() }, "ledger batch answered");
        }
        Fact::AutoRecharged { profile, outcome: RechargeOutcome::Ok, amount } => {
            info!(target: MONEY, { profile.id = %profile, recharge.amount = %amount }, "profile recharged from its company");
        }
        Fact::AutoRecharged { profile, amount, .. } => {
            warn!(target: MONEY, { profile.id = %profile, recharge.amount = %amount }, "profile not recharged: its company has too little credit");
        }
        Fact::CompanyRecharged { company, outcome: RechargeOutcome::Ok, amount, .. } => {
            info!(target: MONEY, { company.id = %company, recharge.amount = %amount }, "company recharged by a payment");
        }
        Fact::CompanyRecharged { company, outcome, amount, because } => {
            warn!(target: MONEY, { company.id = %company, recharge.outcome = word(*outcome), recharge.amount = %amount, because = &**because }, "company not recharged");
        }
        Fact::PaymentAnswered { payment, company, result, because } => {
            info!(target: MONEY, { payment.id = %payment, company.id = %company, payment.result = word(*result), because = &**because }, "payment provider answered");
        }
        Fact::CreditRisked { call, profile, outcome: RiskOutcome::WrittenOff, amount, currency } => {
            warn!(target: MONEY, { call.id = %call, profile.id = %profile, risk.amount = %amount, currency = currency.as_str() }, "written off: it was spoken while the ledger was away, and there is too little credit for it");
        }
        Fact::CreditRisked { call, profile, outcome, amount, currency } => {
            info!(target: MONEY, { call.id = %call, profile.id = %profile, risk.outcome = word(*outcome), risk.amount = %amount, currency = currency.as_str() }, "an increment spoken while the ledger is away");
        }
        Fact::FraudSeen { profile, rule, action, because } => on_fraud(profile, *rule, *action, because),
        // The end of the call says it.
        Fact::FraudBlocked { .. } => {}
        Fact::BreakerOpened { circuit, because } => {
            warn!(target: MONEY, { breaker.circuit = &**circuit, because = &**because }, "breaker opened: no new paid calls are placed until somebody has looked; tandem breaker release or keep");
        }
        Fact::CallerIdChanged { call, profile, change, anonymous } => {
            let why = match change {
                CallerIdChange::NotAllowed => "the PBX asked for a caller ID that its profile may not show",
                CallerIdChange::NumberGone => "the configured caller ID is no longer a number of the profile",
            };
            let shown = if *anonymous { "nobody" } else { "another number" };
            info!(target: CALLS, { call.id = %call, profile.id = %profile, shown }, "caller ID changed: {why}");
        }
        Fact::KeysInClear { call, profile, side, transport } => {
            info!(target: CALLS, { call.id = %call, profile.id = %profile, side = word(*side), transport = transport.as_str() }, "keys of secure sound were sent in clear: whoever reads them hears the call; use TLS, or switch SRTP off");
        }
        Fact::EmergencyRefused { call, profile, dialled } => {
            warn!(target: CALLS, { call.id = %call, profile.id = %profile, dialled = mask(dialled) }, "emergency call refused: emergency numbers are not carried here");
        }
    }
}

fn on_call_ended(fact: &Fact) {
    let Fact::CallEnded {
        call,
        profile,
        direction,
        cause,
        refusal,
        status,
        talked,
        amount,
        currency,
        sip_call_id,
        called_sip_call_id,
    } = fact
    else {
        return;
    };
    info!(target: CALLS, { call.id = %call,
        profile.id = %profile,
        direction = word::<CallDirection>(*direction),
        cause = cause.as_str(),
        refusal = refusal.map(|refusal| refusal.as_str()),
        sip.status = status,
        talked_ms = talked.map(|talked| u64::try_from(talked.as_millis()).unwrap_or(u64::MAX)),
        amount = %amount,
        currency = currency.as_str(),
        sip.call_id = &**sip_call_id,
        called.sip_call_id = called_sip_call_id.as_deref() }, "call ended");
}

fn on_fraud(profile: &ProfileId, rule: FraudRule, action: FraudAction, because: &str) {
    let what = match action {
        FraudAction::Alert => "a rule against fraud is broken, and calls go on",
        FraudAction::Refuse => "a rule against fraud is broken: such calls are refused",
        FraudAction::Suspend => "a rule against fraud has stopped the profile; tandem profile release ends that",
    };
    warn!(target: MONEY, { profile.id = %profile, fraud.rule = rule.as_str(), because = because }, "{what}");
}

fn on_carrier(carrier: &str, result: AttemptResult, post_dial_delay: Option<std::time::Duration>) {
    let delay_ms = post_dial_delay.map(|delay| u64::try_from(delay.as_millis()).unwrap_or(u64::MAX));
    match result {
        AttemptResult::Answered | AttemptResult::UserFailure | AttemptResult::Skipped => {
            debug!(target: CARRIERS, { carrier.name = carrier, result = word(result), post_dial_delay_ms = delay_ms }, "carrier attempt ended");
        }
        AttemptResult::NetworkFailure | AttemptResult::Timeout => {
            info!(target: CARRIERS, { carrier.name = carrier, result = word(result), post_dial_delay_ms = delay_ms }, "carrier attempt failed");
        }
    }
}
