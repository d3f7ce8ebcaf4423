//! An event as a document: CloudEvents 1.0 in JSON, the same in streams and in webhooks.
//!
//! Phone numbers are not told: an event names the call, and `/api/v1/calls/{id}` has them, for who may read it.

use super::bus::{Event, EventId};
use domain::{CallId, CompanyId, Fact, Micros, ProfileId, Topic, Wall};
use serde_json::{Map, Value, json};

/// What an event is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct About {
    pub(crate) call: Option<CallId>,
    pub(crate) profile: Option<ProfileId>,
    pub(crate) company: Option<CompanyId>,
}

/// Which call, whose profile, whose company; as far as the fact itself says.
pub(crate) fn about(fact: &Fact) -> About {
    let (call, profile, company) = match fact {
        Fact::CallAttempted { call, profile, .. }
        | Fact::CallAnswered { call, profile, .. }
        | Fact::ChargeTicked { call, profile, .. }
        | Fact::CallEnded { call, profile, .. }
        | Fact::CreditExhausted { call, profile } => (Some(*call), Some(*profile), None),
        Fact::RegistrationChanged { profile, .. }
        | Fact::CreditLow { profile, .. }
        | Fact::FraudSeen { profile, .. }
        | Fact::FraudBlocked { profile, .. }
        | Fact::AutoRecharged { profile, .. } => (None, Some(*profile), None),
        Fact::NumberAssigned { profile, company, .. } | Fact::NumberReleased { profile, company, .. } => {
            (None, *profile, Some(*company))
        }
        Fact::SubscriptionChanged { profile, company, .. } => (None, Some(*profile), Some(*company)),
        Fact::CompanyRecharged { company, .. } => (None, None, Some(*company)),
        Fact::WebhookDisabled { company, .. } => (None, None, *company),
        Fact::BreakerOpened { circuit, .. } => (None, None, circuit.parse().ok()),
        // Nobody's own; topics that are none are never told.
        _ => (None, None, None),
    };
    About { call, profile, company }
}

/// The event, with whose it is.
pub(crate) fn document(event: &Event, owner: Option<CompanyId>) -> Value {
    let about = about(&event.fact);
    envelope(event.id, event.topic, event.at, subject(&event.fact, about), data(&event.fact, about, owner))
}

/// Around any event (CloudEvents 1.0, the JSON format).
pub(crate) fn envelope(
    id: EventId,
    topic: Topic,
    at: Wall,
    subject: Option<String>,
    data: Map<String, Value>,
) -> Value {
    json!({
        "specversion": "1.0",
        "id": id.to_string(),
        "source": "/tandem",
        "type": topic.as_str(),
        "subject": subject,
        "time": at.to_string(),
        "datacontenttype": "application/json",
        "data": data,
    })
}

fn subject(fact: &Fact, about: About) -> Option<String> {
    match fact {
        Fact::CarrierTurned { carrier, .. } => Some(carrier.to_string()),
        Fact::WebhookDisabled { webhook, .. } => Some(webhook.to_string()),
        Fact::NumberAssigned { number, .. } | Fact::NumberReleased { number, .. } => Some(number.to_string()),
        Fact::BreakerOpened { circuit, .. } => Some(circuit.to_string()),
        _ => {
            let company = || about.company.map(|id| id.to_string());
            about.call.map(|id| id.to_string()).or(about.profile.map(|id| id.to_string())).or_else(company)
        }
    }
}

fn text(amount: Micros) -> Value {
    Value::String(amount.to_string())
}

fn data(fact: &Fact, about: About, owner: Option<CompanyId>) -> Map<String, Value> {
    let mut data = Map::new();
    let named = [
        ("call", about.call.map(|id| id.to_string())),
        ("profile", about.profile.map(|id| id.to_string())),
        ("company", owner.or(about.company).map(|id| id.to_string())),
    ];
    data.extend(named.into_iter().filter_map(|(name, id)| Some((name.to_owned(), Value::String(id?)))));
    let mut put = |name: &str, value: Value| {
        data.insert(name.to_owned(), value);
    };
    match fact {
        Fact::CallAttempted { direction, sip_call_id, .. } => {
            put("direction", direction.as_str().into());
            put("sip_call_id", (&**sip_call_id).into());
        }
        Fact::CallAnswered { direction, .. } => put("direction", direction.as_str().into()),
        Fact::ChargeTicked { sequence, amount, total, currency, until_s, deck, available, .. } => {
            put("sequence", (*sequence).into());
            put("seconds", (*until_s).into());
            put("amount", text(*amount));
            put("total", text(*total));
            put("available", available.map_or(Value::Null, text));
            put("currency", currency.as_str().into());
            put("deck", deck.as_deref().into());
        }
        Fact::CallEnded { direction, cause, refusal, status, talked, amount, currency, sip_call_id, .. } => {
            put("direction", direction.as_str().into());
            put("cause", cause.as_str().into());
            put("refusal", refusal.map(|refusal| refusal.as_str()).into());
            put("status", (*status).into());
            put("talked_ms", talked.map(|talked| u64::try_from(talked.as_millis()).unwrap_or(u64::MAX)).into());
            put("amount", text(*amount));
            put("currency", currency.as_str().into());
            put("sip_call_id", (&**sip_call_id).into());
        }
        Fact::RegistrationChanged { transport, .. } => put("transport", transport.as_str().into()),
        Fact::CreditLow { available, currency, threshold, .. } => {
            put("available", text(*available));
            put("threshold", text(*threshold));
            put("currency", currency.as_str().into());
        }
        Fact::AutoRecharged { amount, .. } => put("amount", text(*amount)),
        Fact::CompanyRecharged { amount, because, .. } => {
            put("amount", text(*amount));
            if !because.is_empty() {
                put("because", (&**because).into());
            }
        }
        Fact::NumberAssigned { number, account, .. } | Fact::NumberReleased { number, account, .. } => {
            put("number", number.to_string().into());
            if let Some(account) = account {
                put("account", account.to_string().into());
            }
        }
        Fact::SubscriptionChanged { before, channels, .. } => {
            put("before", (*before).into());
            put("channels", (*channels).into());
        }
        Fact::CarrierTurned { carrier, because, .. } => {
            put("carrier", (&**carrier).into());
            put("because", (&**because).into());
        }
        Fact::FraudSeen { rule, action, because, .. } => {
            put("rule", rule.as_str().into());
            put("action", action.as_str().into());
            put("because", (&**because).into());
        }
        Fact::FraudBlocked { rule, .. } => put("rule", rule.as_str().into()),
        Fact::BreakerOpened { circuit, because } => {
            put("circuit", (&**circuit).into());
            put("because", (&**because).into());
        }
        Fact::WebhookDisabled { webhook, because, .. } => {
            put("webhook", webhook.to_string().into());
            put("because", (&**because).into());
        }
        _ => {}
    }
    data
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Currency;

    #[test]
    fn a_tick_says_how_much_for_which_seconds_by_which_deck_and_what_is_left() {
        let fact = Fact::ChargeTicked {
            call: CallId::from_bits(1),
            profile: ProfileId::from_bits(2),
            sequence: 3,
            amount: Micros::new(2_000),
            total: Micros::new(16_000),
            currency: Currency::USD,
            until_s: 48,
            deck: Some("standard 3".into()),
            available: Some(Micros::new(9_984_000)),
        };
        let id = EventId { life: 1, number: 2 };
        let at = Wall::from_unix_seconds(1_795_262_400);
        let event = Event { id, at, topic: Topic::CallCharged, fact };
        let document = document(&event, Some(CompanyId::from_bits(3)));
        let expected = json!({
            "specversion": "1.0",
            "id": "evt_0000000000000001-2",
            "source": "/tandem",
            "type": "call.charged",
            "subject": CallId::from_bits(1).to_string(),
            "time": "2026-11-21T12:00:00.000Z",
            "datacontenttype": "application/json",
            "data": {
                "call": CallId::from_bits(1).to_string(),
                "profile": ProfileId::from_bits(2).to_string(),
                "company": CompanyId::from_bits(3).to_string(),
                "sequence": 3,
                "seconds": 48,
                "amount": "0.002",
                "total": "0.016",
                "available": "9.984",
                "currency": "USD",
                "deck": "standard 3",
            },
        });
        assert_eq!(document, expected);
    }

    #[test]
    fn every_event_names_what_it_is_about() {
        let down = Fact::CarrierTurned { carrier: "north".into(), is_up: false, because: "silent".into() };
        assert_eq!(subject(&down, about(&down)).as_deref(), Some("north"));
        let company = CompanyId::from_bits(7);
        let outcome = domain::fact::RechargeOutcome::Failed;
        let failed = Fact::CompanyRecharged { company, outcome, amount: Micros::CENT, because: "declined".into() };
        assert_eq!(subject(&failed, about(&failed)), Some(company.to_string()));
        assert_eq!(data(&failed, about(&failed), None)["because"], "declined");
        let of_a_company = Fact::BreakerOpened { circuit: company.to_string().into(), because: "40 in an hour".into() };
        assert_eq!(about(&of_a_company).company, Some(company));
        let of_the_house = Fact::BreakerOpened { circuit: "USD".into(), because: "400 in an hour".into() };
        assert_eq!(
            (about(&of_the_house).company, subject(&of_the_house, about(&of_the_house)).as_deref()),
            (None, Some("USD"))
        );
    }
}
