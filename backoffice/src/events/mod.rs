//! What happens, told to programs outside as it happens: one bus of facts, read by streams and by webhooks.
//!
//! Facts are told by the rooms where they happen and reach the bus through `telemetry`. How a stream looks in HTTP is `web`'s; how an
//! event is delivered, `webhook`'s.
//!
//! | File | Holds |
//! |---|---|
//! | `bus` | the ring of what was told lately, and who reads it |
//! | `saying` | an event as a document (CloudEvents 1.0) |

pub mod bus;
pub mod saying;

use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::office::Office;
use bus::{Bus, EventId, Reading, Subscription};
use domain::{CallId, CompanyId, ProfileId, Topic, Topics};
use std::sync::Arc;
use store::Scope;

/// Streams of one node at a time at most: each is a connection that stays.
pub const STREAMS_MAX: usize = 256;
/// Events that a stream takes at once at most.
const AT_ONCE: usize = 256;

/// The topics of these names; a name that is none is given back.
///
/// # Errors
/// A sentence with every name.
pub fn topics_of<'a>(names: impl IntoIterator<Item = &'a str>) -> std::result::Result<Topics, String> {
    let known = || Topic::ALL.iter().map(|topic| topic.as_str()).collect::<Vec<_>>().join(", ");
    let read = |name: &str| Topic::from_label(name).ok_or_else(|| format!("\"{name}\" is none of {}", known()));
    names.into_iter().map(read).collect()
}

/// Which events are asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventsAsk {
    /// Of these topics; of all where nothing is said.
    pub topics: Option<Topics>,
    /// Of this company.
    pub company: Option<CompanyId>,
    /// Of this profile.
    pub profile: Option<ProfileId>,
    /// Of this call; the stream ends with it.
    pub call: Option<CallId>,
}

/// Which events somebody may and wants to hear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Filter {
    pub(crate) topics: Topics,
    pub(crate) company: Option<CompanyId>,
    pub(crate) profile: Option<ProfileId>,
    pub(crate) call: Option<CallId>,
}

impl Filter {
    /// Whether an event of these is for him. What is nobody's own (a carrier) is the house's.
    pub(crate) fn lets(&self, topic: Topic, about: saying::About, owner: Option<CompanyId>) -> bool {
        self.topics.has(topic)
            && self.company.is_none_or(|company| owner == Some(company))
            && self.profile.is_none_or(|profile| about.profile == Some(profile))
            && self.call.is_none_or(|call| about.call == Some(call))
    }
}

/// What a stream tells next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// An event, as a document.
    Event {
        /// Its name, by which a stream is taken up again.
        id: EventId,
        /// Its topic.
        topic: Topic,
        /// The document, in JSON, in one line.
        json: String,
    },
    /// Events are missing here that nobody can give any more.
    Gap(&'static str),
}

/// A stream of events.
pub struct Listener {
    office: Office,
    filter: Filter,
    subscription: Subscription,
    gap: Option<&'static str>,
    is_over: bool,
}

impl Listener {
    /// Whether it tells nothing more.
    pub fn is_over(&self) -> bool {
        self.is_over
    }

    /// Everything that was told since the last time, as far as it is for this listener.
    pub fn hear(&mut self) -> Vec<Told> {
        let mut told: Vec<Told> = self.gap.take().map(Told::Gap).into_iter().collect();
        match self.subscription.read(AT_ONCE) {
            Reading::Lost => {
                self.is_over = true;
                told.push(Told::Gap("it was read too slowly: more events were told than are kept; the stream ends"));
            }
            Reading::Closed => self.is_over = true,
            Reading::Events(events) => {
                for event in events {
                    let about = saying::about(&event.fact);
                    let owner = self.office.owner_of(about);
                    if !self.is_over && self.filter.lets(event.topic, about, owner) {
                        let json = saying::document(&event, owner).to_string();
                        told.push(Told::Event { id: event.id, topic: event.topic, json });
                    }
                    // Nothing more is to come of a call that is over, whether its end was asked for or not.
                    self.is_over |=
                        self.filter.call.is_some() && self.filter.call == about.call && event.topic == Topic::CallEnded;
                }
            }
        }
        told
    }
}

impl Office {
    /// The bus that facts are told to.
    pub fn bus(&self) -> &Arc<Bus> {
        &self.inner.bus
    }

    /// Whose an event is.
    pub(crate) fn owner_of(&self, about: saying::About) -> Option<CompanyId> {
        let owner = |profile| Some(self.inner.switchboard.directory().profile(profile)?.company);
        about.company.or_else(|| about.profile.and_then(owner))
    }

    /// Opens a stream, from now on or from behind an event that was heard before. Blocks.
    ///
    /// # Errors
    /// [`Error::NotFound`] (a company, profile or call that is not the caller's), [`Error::CallEnded`] (a call that is over, where
    /// nothing was heard of it before), [`Error::TooManyStreams`].
    pub fn listen(&self, caller: &Caller, ask: EventsAsk, last: Option<EventId>) -> Result<Listener> {
        let company = caller.limit_to(ask.company)?;
        if let Some(profile) = ask.profile {
            self.profile_row(caller, profile)?;
        }
        if let (Some(company), Scope::Operator) = (company, caller.scope) {
            self.store().company(company)?;
        }
        let topics = ask.topics.unwrap_or_else(Topics::all);
        // The end of a call ends its stream.
        let heard = if ask.call.is_some() { topics.or([Topic::CallEnded].into_iter().collect()) } else { topics };
        let opened = self.bus().subscribe(heard, last).ok_or(Error::TooManyStreams(STREAMS_MAX))?;
        let (subscription, gap) = opened;
        let filter = Filter { topics, company, profile: ask.profile, call: ask.call };
        Ok(Listener { office: self.clone(), filter, subscription, gap, is_over: false })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use saying::About;

    const COMPANY: CompanyId = CompanyId::from_bits(1);
    const PROFILE: ProfileId = ProfileId::from_bits(2);
    const CALL: CallId = CallId::from_bits(3);

    fn all() -> Filter {
        Filter { topics: Topics::all(), company: None, profile: None, call: None }
    }

    #[test]
    fn a_company_hears_of_its_own_only_and_the_house_of_everything() {
        let own = Filter { company: Some(COMPANY), ..all() };
        let about = About { call: Some(CALL), profile: Some(PROFILE), company: None };
        assert!(own.lets(Topic::CallEnded, about, Some(COMPANY)));
        assert!(!own.lets(Topic::CallEnded, about, Some(CompanyId::from_bits(9))));
        assert!(!own.lets(Topic::CarrierDown, About::default(), None), "carriers are the house's");
        assert!(!own.lets(Topic::CallEnded, about, None), "whose profile is gone is nobody's");
        assert!(all().lets(Topic::CarrierDown, About::default(), None));
    }

    #[test]
    fn each_filter_takes_something_away() {
        let about = About { call: Some(CALL), profile: Some(PROFILE), company: None };
        let ended = [Topic::CallEnded].into_iter().collect();
        assert!(!Filter { topics: ended, ..all() }.lets(Topic::CallCharged, about, None));
        assert!(Filter { profile: Some(PROFILE), call: Some(CALL), ..all() }.lets(Topic::CallCharged, about, None));
        assert!(!Filter { profile: Some(ProfileId::from_bits(9)), ..all() }.lets(Topic::CallCharged, about, None));
        assert!(!Filter { call: Some(CallId::from_bits(9)), ..all() }.lets(Topic::CallCharged, about, None));
    }

    #[test]
    fn a_name_that_is_no_topic_is_answered_with_all_that_are() {
        assert_eq!(topics_of(["call.ended", "call.started"]).unwrap().iter().count(), 2);
        let problem = topics_of(["call.ended", "call.paused"]).unwrap_err();
        assert!(problem.starts_with("\"call.paused\" is none of call.started, "), "{problem}");
    }
}
