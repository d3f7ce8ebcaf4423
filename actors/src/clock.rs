//! The only clock of the house. Machines and everything else get their time as [`Now`] from here.

use domain::{Monotonic, Now, Wall};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Reads both clocks. Cheap to copy; all copies count from the same start.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    /// A clock whose monotonic reading is 0 now.
    #[allow(clippy::disallowed_methods, reason = "this is the one place that reads the monotonic clock")]
    pub fn start() -> Self {
        Self { start: Instant::now() }
    }

    /// Both readings, taken together.
    pub fn now(&self) -> Now {
        Now { monotonic: self.monotonic(), wall: wall() }
    }

    /// The monotonic reading alone: about half the cost of both.
    pub fn monotonic(&self) -> Monotonic {
        Monotonic::from_micros(u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX))
    }

    /// How long from now until `at`; zero where it has passed.
    pub fn until(&self, at: Monotonic) -> Duration {
        at.since(self.monotonic())
    }
}

/// The wall clock. A host whose clock stands before 1970 is read as 1970.
#[allow(clippy::disallowed_methods, reason = "this is the one place that reads the wall clock")]
pub fn wall() -> Wall {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    Wall::from_unix_micros(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
}
