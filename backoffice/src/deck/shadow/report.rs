//! Revenue and refusals of decks and of their shadows, side by side, from the call records of a period. Everything that it is made of is kept
//! for ever and never changed (records, journal, versions of decks, shadows), so the same question has the same answer.
//!
//! What becomes of one call is in [`judging`]; what it would have cost is `rating`'s.

mod judging;
mod sums;
mod table;

pub use table::COLUMNS;

use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::office::Office;
use domain::Wall;
use domain::call_record::{CallDirection, CallRecord};
use judging::judge;
use serde::Serialize;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use store::CallFilter;
use sums::{Key, Sums, show};
use utoipa::ToSchema;

/// Calls of one report at most: a minute of work. Who has more asks for shorter periods.
pub const CALLS_MAX: usize = 500_000;
/// Records that are read at a time.
const PAGE: u32 = 1_000;

/// What calls are put together by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum By {
    /// The shadow's prefix of the number that was called; where it has none, the deck's.
    #[default]
    Prefix,
    /// What the shadow calls the destination; where it has none, the deck.
    Destination,
}

/// A question.
#[derive(Clone, Debug, Default)]
pub struct ReportAsk {
    /// Of this deck alone, by name.
    pub of: Option<String>,
    /// Of calls that began then or later.
    pub from: Option<Wall>,
    /// Of calls that began before then.
    pub to: Option<Wall>,
    /// Put together by what.
    pub by: By,
}

/// One deck's side of a row.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Side {
    /// Seconds charged for.
    pub billed_s: u64,
    /// What they came to, or would have: of calls that are not refused, as far as they could be paid.
    #[schema(example = "1.24")]
    pub revenue: String,
    /// Calls that are refused by price or credit, by the word of the refusal: `no_route` (no price), `max_rate`, `below_first_block`,
    /// `no_credit`, and of the deck alone `max_call_cost`.
    pub refused: BTreeMap<String, u64>,
    /// Calls that would have ended earlier than they did, because the profile had too little: of the shadow.
    pub exhausted: u64,
    /// What those would have cost beyond that, and nobody would have paid: of the shadow.
    #[schema(example = "0.00")]
    pub unpaid: String,
}

/// Calls to one prefix or destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ReportRow {
    /// The deck that charged them, by name.
    pub of: String,
    /// The version that is the shadow, as records name versions.
    pub shadow: String,
    /// Of all amounts.
    pub currency: String,
    /// The prefix, or the destination; empty in totals.
    #[schema(example = "372")]
    pub key: String,
    /// What it is called.
    pub destination: String,
    /// Calls that were asked for.
    pub calls: u64,
    /// Of these, answered.
    pub answered: u64,
    /// As it was.
    pub live: Side,
    /// As it would have been.
    pub shadowed: Side,
    /// Revenue of the shadow less that of the deck.
    #[schema(example = "-0.12")]
    pub difference: String,
    /// What calls were charged that the shadow would have refused: part of the difference.
    #[schema(example = "0.00")]
    pub lost: String,
    /// Calls that the deck refused because too little was there for its first block, and whose shadow's is cheaper: their records do not
    /// say whether it would have been enough.
    pub undecided: u64,
}

/// Decks and their shadows, side by side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Report {
    /// By deck and shadow.
    pub totals: Vec<ReportRow>,
    /// By deck, shadow, and prefix or destination, in their order.
    pub rows: Vec<ReportRow>,
}

impl Office {
    /// What calls of a period were charged and refused by their decks, and would have been by the shadows that these had when each call
    /// began. Calls of decks without a shadow are left out. Blocks.
    ///
    /// # Errors
    /// Operators only; [`Error::Invalid`] where there are too many calls.
    pub fn shadow_report(&self, caller: &Caller, ask: &ReportAsk) -> Result<Report> {
        caller.operator("see shadow decks")?;
        let shadows = self.store().deck_shadows()?;
        let mut decks = BTreeMap::new();
        let (mut totals, mut rows) = (BTreeMap::<Key, Sums>::new(), BTreeMap::<Key, Sums>::new());
        let filter = CallFilter { from: ask.from, to: ask.to, ..CallFilter::default() };
        let (mut after, mut read) = (None, 0);
        // Where nobody ever had a shadow, nothing need be read.
        while !shadows.is_empty() {
            let page = self.store().call_records(&filter, after, PAGE)?;
            read += page.records.len();
            if read > CALLS_MAX {
                let problem = format!("more than {CALLS_MAX} calls: expected a shorter period");
                return Err(Error::field("?from", problem));
            }
            for record in page.records.iter().filter(|record| record.direction == CallDirection::Outbound) {
                let Some(of) = self.deck_of(record).filter(|of| ask.of.as_ref().is_none_or(|asked| asked == of)) else {
                    continue;
                };
                let Some(version) = super::at(&shadows, &of, record.invited_at) else { continue };
                let deck = match decks.entry(version.id) {
                    Entry::Occupied(known) => known.into_mut(),
                    Entry::Vacant(place) => {
                        let rows = self.store().deck_rows(version.id)?;
                        place.insert(version.with_rows(&rows).map_err(Error::Internal)?)
                    }
                };
                let Some(judged) = judge(self, record, deck) else { continue };
                let name = match ask.by {
                    By::Prefix => judged.prefix.clone(),
                    By::Destination => judged.destination.clone(),
                };
                let key = |name| Key { of: of.clone(), shadow: version.label(), currency: record.currency, name };
                totals.entry(key(String::new())).or_default().add(record, &judged);
                rows.entry(key(name)).or_default().add_named(record, &judged);
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        Ok(Report { totals: show(totals), rows: show(rows) })
    }

    /// The name of the deck that a call was charged by; of a call that was refused before it had a price, the one that its company has.
    fn deck_of(&self, record: &CallRecord) -> Option<String> {
        let label = match &record.priced {
            Some(priced) => priced.deck.to_string(),
            None => {
                let directory = self.inner.switchboard.directory();
                directory.company(record.company)?.deck.at(record.invited_at)?.version().to_string()
            }
        };
        Some(label.rsplit_once(' ')?.0.to_owned())
    }
}
