//! Waiting: for news of a call while the live table goes on, and for the record of a call that ended.
//!
//! Every wait has an end; what is waited for is what a stranger could observe.

use super::super::agent::pbx::{Call, News};
use super::super::api::CallRow;
use super::super::world::Office;
use super::Story;
use domain::Monotonic;
use std::time::Duration;

/// How long the switch may take to do what it does at once.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// How often the live table is drawn.
const DRAWN_EVERY: Duration = Duration::from_millis(200);
/// How often records are asked for until they are there.
const ASKED_EVERY: Duration = Duration::from_millis(20);

impl Story<'_> {
    pub(super) fn now(&self) -> Monotonic {
        self.world.clock.monotonic()
    }

    /// The next news of a call, however long it takes up to `until`; none where it has none by then.
    pub(super) fn news_until(&mut self, call: &Call<'_>, until: Monotonic) -> Option<News> {
        loop {
            let left = self.world.clock.until(until);
            if let Some(news) = call.next(left.min(DRAWN_EVERY)) {
                return Some(news);
            }
            self.draw();
            if left.is_zero() {
                return None;
            }
        }
    }

    fn draw(&mut self) {
        let path = format!("/calls?state=live&company={}", self.world.company);
        // The table is for the eyes: an answer that fails is missed there, and the steps find out.
        if let Ok(calls) = self.world.api.list(&path) {
            self.screen.calls(&calls);
        }
    }

    /// The call is answered, whether it rings before or not.
    pub(super) fn must_be_answered(&mut self, call: &Call<'_>) -> Result<(), String> {
        let until = self.now() + PATIENCE;
        loop {
            match self.news_until(call, until) {
                Some(News::Ringing(_)) => {}
                Some(News::Answered) => return Ok(()),
                other => return Err(format!("an answer was expected, and there was {}", shown(other))),
            }
        }
    }

    /// The call is refused, and this is what was said: status, Reason, Warning.
    pub(super) fn must_be_refused(&mut self, call: &Call<'_>) -> Result<(u16, String, String), String> {
        let until = self.now() + PATIENCE;
        loop {
            match self.news_until(call, until) {
                Some(News::Ringing(_)) => {}
                Some(News::Refused { status, reason, warning }) => {
                    return Ok((status, reason.unwrap_or_default(), warning.unwrap_or_default()));
                }
                other => return Err(format!("a refusal was expected, and there was {}", shown(other))),
            }
        }
    }

    /// The call goes on for so long, and nothing is heard of its end.
    pub(super) fn must_go_on(&mut self, call: &Call<'_>, duration: Duration) -> Result<(), String> {
        let until = self.now() + duration;
        match self.news_until(call, until) {
            None => Ok(()),
            other => Err(format!("the call was to go on, and there was {}", shown(other))),
        }
    }

    /// Our hang-up is answered.
    pub(super) fn must_end(&mut self, call: &Call<'_>) -> Result<(), String> {
        call.hang_up();
        let until = self.now() + PATIENCE;
        match self.news_until(call, until) {
            Some(News::Ended) => Ok(()),
            other => Err(format!("the hang-up was to be answered, and there was {}", shown(other))),
        }
    }

    /// The record of the call that this office placed to this number just now. It is counted in.
    pub(super) fn record(&mut self, office: &Office, dialled: &str) -> Result<CallRow, String> {
        let until = self.now() + PATIENCE;
        let path = format!("/calls?profile={}", office.profile);
        loop {
            let records: Vec<CallRow> = self.world.api.list(&path)?;
            let is_it = |record: &CallRow| record.dialled == dialled && !self.seen.contains(&record.id);
            if let Some(record) = records.into_iter().find(is_it) {
                self.seen.insert(record.id.clone());
                self.expected.calls += 1;
                return Ok(record);
            }
            if self.world.clock.until(until).is_zero() {
                return Err(format!("{PATIENCE:?} after the end of the call to {dialled} there is no record of it"));
            }
            std::thread::park_timeout(ASKED_EVERY);
        }
    }
}

fn shown(news: Option<News>) -> String {
    match news {
        Some(News::Failed(why)) => why,
        Some(news) => format!("{news:?}"),
        None => "nothing in time".to_owned(),
    }
}
