//! What an enrolment hears and orders, and how it stands: the whole list.
//!
//! The rules are in the parent.

use crate::directory::Directory;
use domain::{Fact, Wall};
use std::sync::Arc;

/// What an enrolment hears.
#[derive(Clone, Debug)]
pub enum Event {
    /// The REGISTER with this number was answered.
    Answered {
        /// Which.
        number: u64,
        /// How.
        answer: Answer,
    },
    /// The REGISTER with this number could not be sent, or was never answered.
    Failed {
        /// Which.
        number: u64,
        /// In words.
        because: Arc<str>,
    },
    /// What is decided by has changed.
    DirectorySwapped(Arc<Directory>),
    /// The node is being stopped: the carrier is told so, and no more is registered.
    LeaveOrdered,
}

/// How a carrier answers a REGISTER, its challenge answered already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It keeps our Contact.
    Granted {
        /// For so many seconds; 0 where it does not keep it.
        expires_s: u32,
        /// The Contact that it keeps.
        contact: Arc<str>,
        /// By which proxies it wants our calls, as values of Route, the nearest first (RFC 3608).
        service_route: Arc<[Arc<str>]>,
    },
    /// It wants longer registrations (423).
    TooBrief {
        /// So long at least.
        min_expires_s: u32,
    },
    /// It refuses.
    Refused {
        /// The SIP status, 300 to 699.
        status: u16,
        /// Its `Retry-After`.
        retry_after_s: Option<u32>,
    },
}

/// What an enrolment orders.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Send a REGISTER; answered by [`Event::Answered`] or [`Event::Failed`] with this number. The first one after the account has changed
    /// opens a correspondence of its own; one for 0 seconds belongs to the one before.
    Register {
        /// To be given back.
        number: u64,
        /// For so many seconds; 0 takes our Contact back.
        expires_s: u32,
    },
    /// It stands so now.
    Publish(Standing),
    /// Say what happened.
    Tell(Fact),
}

/// Where in its life an enrolment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The carrier wants none, or is not used.
    Off,
    /// The first REGISTER is under way.
    Registering,
    /// The carrier keeps our Contact.
    Registered,
    /// It does not, and is asked again later.
    Failed,
}

impl State {
    /// The word in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            State::Off => "off",
            State::Registering => "registering",
            State::Registered => "registered",
            State::Failed => "failed",
        }
    }
}

/// How an enrolment stands, for those who look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Where in its life.
    pub state: State,
    /// Since when.
    pub since: Wall,
    /// The Contact that the carrier keeps.
    pub contact: Option<Arc<str>>,
    /// Until when.
    pub expires_at: Option<Wall>,
    /// When it is asked next.
    pub next_at: Option<Wall>,
    /// Why the last REGISTER failed, in words; none once one was granted.
    pub last_error: Option<Arc<str>>,
    /// By which proxies the carrier wants our calls, while it keeps our Contact.
    pub service_route: Arc<[Arc<str>]>,
}
