//! The only clock and the only chance of the load test.
//!
//! Everything else gets its time as an argument, so that schedule and histograms run on a virtual clock in tests.

use domain::{Entropy, Monotonic, Now, Wall};
use std::io::{self, Read};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Reads both clocks. Cheap to copy; all copies count from the same start.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    /// A clock whose monotonic reading is 0 now.
    #[allow(
        clippy::disallowed_methods,
        reason = "this is the one place of the load test that reads the monotonic clock"
    )]
    pub fn start() -> Clock {
        Clock { start: Instant::now() }
    }

    /// Both readings.
    pub fn now(&self) -> Now {
        Now { monotonic: self.monotonic(), wall: wall() }
    }

    /// The monotonic reading.
    pub fn monotonic(&self) -> Monotonic {
        Monotonic::from_micros(u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX))
    }

    /// How long from now until `at`; zero where it has passed.
    pub fn until(&self, at: Monotonic) -> Duration {
        at.since(self.monotonic())
    }

    /// Gives up the thread until `at`, to about 0.1 ms.
    pub fn wait_until(&self, at: Monotonic) {
        let wait = self.until(at);
        if !wait.is_zero() {
            std::thread::sleep(wait);
        }
    }
}

/// The wall clock. A host whose clock stands before 1970 is read as 1970.
#[allow(clippy::disallowed_methods, reason = "this is the one place of the load test that reads the wall clock")]
pub fn system_time() -> SystemTime {
    SystemTime::now()
}

fn wall() -> Wall {
    let since_epoch = system_time().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    Wall::from_unix_micros(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
}

/// Chance from the operating system, for Call-IDs, tags and branches: two runs against one server must never share them, whatever
/// their `--seed`.
///
/// # Errors
/// Where there is no `/dev/urandom`.
pub fn chance() -> io::Result<Entropy> {
    let mut seed = [0; 16];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut seed)?;
    Ok(Entropy::from_seed(seed))
}
