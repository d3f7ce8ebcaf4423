//! What of all that happens is told to the world outside as an event: a closed list of names, and which fact is which.
//!
//! Who hears them, and in which form, is `backoffice::events`'.

use crate::fact::{Fact, RechargeOutcome, RegistrationOutcome};

macro_rules! topics {
    ($($(#[doc = $doc:literal])* $name:ident, $word:literal;)*) => {
        /// The name of an event.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Topic { $($(#[doc = $doc])* $name,)* }

        impl Topic {
            /// Every topic, in the order of the catalogue; fewer than 32, so that a set of them is one word.
            pub const ALL: &'static [Topic] = &[$(Topic::$name,)*];

            /// The word in the API and in events: `call.charged`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Topic::$name => $word,)* }
            }
        }
    };
}

topics! {
    /// A call was asked for and got past authentication.
    CallStarted, "call.started";
    /// A call was answered.
    CallAnswered, "call.answered";
    /// An increment of a call was charged.
    CallCharged, "call.charged";
    /// A call is over, and its bill is final.
    CallEnded, "call.ended";
    /// A PBX registered that was not registered.
    ProfileRegistered, "profile.registered";
    /// A PBX is no longer registered.
    ProfileUnregistered, "profile.unregistered";
    /// The credit of a profile has fallen to where it is low.
    ProfileLowCredit, "profile.low_credit";
    /// The credit of a profile ran out during a call.
    ProfileCreditExhausted, "profile.credit_exhausted";
    /// A profile was recharged from its company, or a company by a payment.
    RechargeSucceeded, "recharge.succeeded";
    /// A recharge failed.
    RechargeFailed, "recharge.failed";
    /// A number rings somewhere from now on.
    NumberAssigned, "number.assigned";
    /// A number does not ring there any more.
    NumberReleased, "number.released";
    /// The subscription of a profile has begun, or has another number of channels.
    SubscriptionChanged, "subscription.changed";
    /// A profile has no subscription any more.
    SubscriptionEnded, "subscription.ended";
    /// A carrier takes no calls.
    CarrierDown, "carrier.down";
    /// A carrier takes calls again.
    CarrierUp, "carrier.up";
    /// A rule against fraud was broken, and somebody should look.
    FraudSeen, "fraud.seen";
    /// A call was refused, or kept from its next increment, by a rule against fraud.
    FraudBlocked, "fraud.blocked";
    /// A breaker has opened: new paid calls are refused.
    BreakerOpened, "breaker.opened";
    /// A webhook was switched off, because nothing could be delivered to it.
    WebhookDisabled, "webhook.disabled";
    /// A trial of a webhook, ordered by a person.
    WebhookTest, "webhook.test";
}

/// A set of topics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Topics(u32);

impl Topics {
    /// None of them.
    pub const NONE: Topics = Topics(0);

    /// All of them.
    pub fn all() -> Topics {
        Topic::ALL.iter().copied().collect()
    }

    /// The set that this word is.
    pub const fn from_bits(bits: u32) -> Topics {
        Topics(bits)
    }

    /// As one word.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// Whether it is one of them.
    pub const fn has(self, topic: Topic) -> bool {
        self.0 & topic.bit() != 0
    }

    /// Those of either.
    pub const fn or(self, other: Topics) -> Topics {
        Topics(self.0 | other.0)
    }

    /// Those of both.
    pub const fn and(self, other: Topics) -> Topics {
        Topics(self.0 & other.0)
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Those that it has, in the order of the catalogue.
    pub fn iter(self) -> impl Iterator<Item = Topic> {
        Topic::ALL.iter().copied().filter(move |topic| self.has(*topic))
    }
}

impl FromIterator<Topic> for Topics {
    fn from_iter<I: IntoIterator<Item = Topic>>(topics: I) -> Topics {
        Topics(topics.into_iter().fold(0, |bits, topic| bits | topic.bit()))
    }
}

impl Topic {
    const fn bit(self) -> u32 {
        1 << self as u32
    }

    /// The topic of this name.
    pub fn from_label(label: &str) -> Option<Topic> {
        Topic::ALL.iter().copied().find(|topic| topic.as_str() == label)
    }

    /// What a fact tells the world outside; none where it is for ourselves only. Asked for every fact, and so nothing but a look at it.
    pub const fn of(fact: &Fact) -> Option<Topic> {
        match fact {
            Fact::CallAttempted { .. } => Some(Topic::CallStarted),
            Fact::CallAnswered { .. } => Some(Topic::CallAnswered),
            Fact::ChargeTicked { .. } => Some(Topic::CallCharged),
            Fact::CallEnded { .. } => Some(Topic::CallEnded),
            Fact::RegistrationChanged { outcome, .. } => match outcome {
                RegistrationOutcome::Created => Some(Topic::ProfileRegistered),
                RegistrationOutcome::Removed | RegistrationOutcome::Expired => Some(Topic::ProfileUnregistered),
                RegistrationOutcome::Refreshed
                | RegistrationOutcome::Rejected
                | RegistrationOutcome::IntervalTooBrief => None,
            },
            Fact::CreditLow { .. } => Some(Topic::ProfileLowCredit),
            Fact::CreditExhausted { .. } => Some(Topic::ProfileCreditExhausted),
            Fact::AutoRecharged { outcome, .. } | Fact::CompanyRecharged { outcome, .. } => match outcome {
                RechargeOutcome::Ok => Some(Topic::RechargeSucceeded),
                RechargeOutcome::CompanyEmpty | RechargeOutcome::PaymentDeclined | RechargeOutcome::Failed => {
                    Some(Topic::RechargeFailed)
                }
            },
            Fact::NumberAssigned { .. } => Some(Topic::NumberAssigned),
            Fact::NumberReleased { .. } => Some(Topic::NumberReleased),
            Fact::SubscriptionChanged { channels: 0, .. } => Some(Topic::SubscriptionEnded),
            Fact::SubscriptionChanged { .. } => Some(Topic::SubscriptionChanged),
            Fact::CarrierTurned { is_up: true, .. } => Some(Topic::CarrierUp),
            Fact::CarrierTurned { is_up: false, .. } => Some(Topic::CarrierDown),
            Fact::FraudSeen { .. } => Some(Topic::FraudSeen),
            Fact::FraudBlocked { .. } => Some(Topic::FraudBlocked),
            Fact::BreakerOpened { .. } => Some(Topic::BreakerOpened),
            Fact::WebhookDisabled { .. } => Some(Topic::WebhookDisabled),
            Fact::CallProgressed { .. }
            | Fact::CallAdmitted { .. }
            | Fact::LegDisconnected { .. }
            | Fact::CarrierAttempted { .. }
            | Fact::CarrierEnrolled { .. }
            | Fact::CarrierProbed { .. }
            | Fact::ChargeAnswered { .. }
            | Fact::RegistrationConflicted { .. }
            | Fact::Authenticated(_)
            | Fact::SourceBanned { .. }
            | Fact::BanLifted { .. }
            | Fact::LedgerPosted { .. }
            | Fact::PaymentAnswered { .. }
            | Fact::CreditRisked { .. }
            | Fact::CallerIdChanged { .. }
            | Fact::KeysInClear { .. }
            | Fact::EmergencyRefused { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_topic_reads_back_from_its_name_and_has_a_bit_of_its_own() {
        assert!(Topic::ALL.len() < 32);
        for topic in Topic::ALL {
            assert_eq!(Topic::from_label(topic.as_str()), Some(*topic));
            let alone: Topics = [*topic].into_iter().collect();
            assert_eq!(alone.iter().collect::<Vec<_>>(), [*topic]);
        }
        assert_eq!(Topics::all().iter().count(), Topic::ALL.len());
        assert_eq!(Topic::from_label("call.paused"), None);
    }
}
