//! What the back office needs of the running switch, as a trait, so that its tests need no sockets.
//!
//! How calls run does not live here.

use domain::fact::Transport;
use domain::{CallId, CarrierId, CompanyId, ProfileId};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use switch::Directory;
use switch::attempts::Attempt;
use switch::call::{Live, LiveTrace};
use switch::carrier::Standing;
use switch::fraud::Standing as FraudStanding;
use switch::guard::{Ban, Source};
use switch::registration::Binding;
use switch::rehearsal::{Hypothesis, Rehearsal};

/// A future in a box.
pub type Future<'a, T> = Pin<Box<dyn std::future::Future<Output = T> + Send + 'a>>;

/// The running switch, as the back office sees it.
pub trait Switchboard: Send + Sync {
    /// Every call that is up (R12), in any order.
    fn live_calls(&self) -> Future<'_, Vec<Live>>;

    /// One call, while it is up.
    fn live_call(&self, call: CallId) -> Future<'_, Option<Live>>;

    /// Which rule saw what of a call, while it is up.
    fn live_trace(&self, call: CallId) -> Future<'_, Option<LiveTrace>>;

    /// What was tried lately by a profile's PBX, to it, or in its name; newest first.
    fn attempts(&self, profile: ProfileId) -> Vec<Attempt>;

    /// What strangers tried lately; newest first.
    fn attempts_of_strangers(&self) -> Vec<Attempt>;

    /// How a profile stands with its rules against fraud; none where that is not known.
    fn fraud_standing(&self, profile: ProfileId) -> Future<'_, Option<FraudStanding>>;

    /// Admits a hypothetical call dry.
    fn rehearse(&self, hypothesis: Hypothesis) -> Future<'_, Rehearsal>;

    /// Ends a call, later; false where there is no such live call.
    fn hang_up(&self, call: CallId) -> bool;

    /// The live binding of a profile (P6).
    fn binding(&self, profile: ProfileId) -> Option<Arc<Binding>>;

    /// What this node is called among those of the house.
    fn node_name(&self) -> String;

    /// Puts the store's present configuration in force; blocks. Returns what was left out, one sentence each.
    ///
    /// # Errors
    /// Where the store cannot be read; the former configuration stays in force.
    fn reload(&self) -> std::result::Result<Vec<String>, store::Error>;

    /// A company has more credit: recharges that failed are tried again (K6).
    fn company_topped_up(&self, company: CompanyId);

    /// A profile has more credit: calls of it that are on their final unit are prolonged (K4).
    fn profile_credited(&self, profile: ProfileId);

    /// Where SIP is spoken, and over what, in order of preference (P6).
    fn listeners(&self) -> Vec<(Transport, SocketAddr)>;

    /// Whether calls are taken.
    fn is_ready(&self) -> bool;

    /// Whether calls are let finish and no new ones are taken.
    fn is_draining(&self) -> bool;

    /// How a carrier stands; none where that is not known yet.
    fn carrier_standing(&self, carrier: CarrierId) -> Option<Standing>;

    /// How our registration towards a carrier stands; none where it has never wanted one.
    fn carrier_enrolled(&self, carrier: CarrierId) -> Option<switch::enrolment::Standing>;

    /// The bans that stand, in order of their sources.
    fn bans(&self) -> Vec<Ban>;

    /// Ends a ban; none where there is none.
    fn lift_ban(&self, source: Source) -> Option<Ban>;

    /// The configuration in force.
    fn directory(&self) -> Arc<Directory>;
}
