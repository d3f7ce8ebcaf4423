//! `[calls]`: how long calls may take, when another carrier is tried, and the numbers that are not ordinary.
//!
//! What becomes of a call when a limit is reached is decided in `switch`.

use crate::emergency::Country;
use crate::values::{EchoNumber, EmergencyMode, StatusPattern, StatusSet};
use domain::{E164, WarnBefore};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `[calls]`: limits of a call's life, and the numbers that are not ordinary.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Calls {
    /// Seconds that a call may ring before it ends as unanswered, 10 to 600.
    pub ring_timeout_s: u32,
    /// Seconds that a call may last, at least 60; then both sides get BYE.
    pub max_duration_s: u32,
    /// Seconds that a carrier has to show progress (18x), 1 to 60; then it is cancelled and the next is tried. Carriers can differ.
    pub carrier_progress_timeout_s: u32,
    /// What a carrier may answer for the call to be tried at the next one. Never after 18x or 2xx, and never 480, 486, 600
    /// or 603: those are the called person's own answers. Carriers can differ.
    pub failover_statuses: StatusSet,
    /// Seconds that a channel stays taken without sign of life, 30 to 3600. Every call renews it in a third of that.
    pub channel_lease_s: u32,
    /// Seconds before the credit of a call ends at which its caller hears a warning tone, at most four, 1 to 600; none for no tone. Profiles
    /// can differ.
    pub warn_before_s: Vec<u16>,
    /// What reaches the echo test (O2b). It is free, and needs no credit.
    pub echo: Vec<EchoNumber>,
    /// What becomes of calls to emergency numbers (O3). Whoever runs the switch answers for it before the law.
    pub emergency: EmergencyMode,
    /// The SIP status that refuses them, 400 to 699: 503 makes most PBXs take their next line (D-20).
    pub emergency_status: u16,
    /// The emergency numbers of a country (ISO 3166 alpha-2), in place of the built-in ones: whole numbers, as they are dialled.
    pub emergency_numbers: BTreeMap<Country, Vec<String>>,
}

impl Calls {
    /// Statuses that are the called person's own answer: never a reason to try another carrier.
    pub const NEVER_FAILOVER: [u16; 4] = [480, 486, 600, 603];
}

impl Default for Calls {
    fn default() -> Self {
        Calls {
            ring_timeout_s: 180,
            max_duration_s: 14_400,
            carrier_progress_timeout_s: 6,
            failover_statuses: [StatusPattern::Exactly(408), StatusPattern::Class(5)].into_iter().collect(),
            channel_lease_s: 60,
            warn_before_s: WarnBefore::USUAL.seconds().collect(),
            echo: [EchoNumber::ServiceCode("*43".to_owned())]
                .into_iter()
                // A fictional number (O2b).
                .chain(E164::from_digits(b"17605550100").map(EchoNumber::Number))
                .collect(),
            emergency: EmergencyMode::Refuse,
            emergency_status: 503,
            emergency_numbers: BTreeMap::new(),
        }
    }
}
