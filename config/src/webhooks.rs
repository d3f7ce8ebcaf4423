//! `[webhooks]`: where events may be delivered to.
//!
//! Who wants which events is data and lives in `store`.

use serde::{Deserialize, Serialize};

/// `[webhooks]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Webhooks {
    /// Whether events may be delivered to addresses of private networks and of this machine, and over http without TLS.
    pub allow_private: bool,
}
