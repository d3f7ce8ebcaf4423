//! The books of one call: what is held and captured for it, what the ledger was asked, and what waits behind that.
//!
//! What the batches look like is in `batches`; what an answer means, in `answers`.

use super::request::{Ask, Held, Posting, Request};
use domain::call_record::CallRecord;
use domain::credit::{Account, BatchRefusal, HoldId, Holder, Kind, Unit};
use domain::{CallId, CompanyId, Currency, Micros, Monotonic, Now, ProfileId, Wall};
use rating::{Block, Tariff};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// Requests of one call that may wait behind the one that the ledger has: an extension, a charge, a settlement, and one to spare.
const WAITING_MAX: usize = 4;

/// The accounts that a call of a profile moves between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Accounts {
    pub(super) company: CompanyId,
    pub(super) profile: ProfileId,
    pub(super) currency: Currency,
}

impl Accounts {
    /// The profile's credit.
    pub(super) fn money(self) -> Account {
        self.account(Holder::Profile(self.profile), Unit::Money(self.currency))
    }

    /// Where captured money goes.
    pub(super) fn revenue(self) -> Account {
        self.account(Holder::Revenue, Unit::Money(self.currency))
    }

    /// The company's credit, from which profiles are recharged.
    pub(super) fn company_money(self) -> Account {
        self.account(Holder::Company, Unit::Money(self.currency))
    }

    /// The profile's channels.
    pub(super) fn channels(self) -> Account {
        self.account(Holder::Profile(self.profile), Unit::Channels)
    }

    /// Where channels come from.
    pub(super) fn world(self) -> Account {
        self.account(Holder::World, Unit::Channels)
    }

    /// What counts against the profile's cap of a day.
    pub(super) fn spent_on(self, day: u16) -> Account {
        self.account(Holder::Profile(self.profile), Unit::Day(day))
    }

    /// Where that is counted from.
    pub(super) fn counted_from(self, day: u16) -> Account {
        self.account(Holder::World, Unit::Day(day))
    }

    fn account(self, holder: Holder, unit: Unit) -> Account {
        Account { company: self.company, holder, unit }
    }
}

/// The channel of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Channel {
    /// None, or given up.
    None,
    /// Held under this number.
    Held(u32),
    /// The hold of this number was closed by another node; it is to be taken again.
    Lapsed(u32),
}

impl Channel {
    /// The first hold of a call's channel.
    pub(super) const FIRST: u32 = HoldId::CHANNEL;

    /// The number of the hold that replaces this one.
    pub(super) const fn after(number: u32) -> u32 {
        if number < HoldId::CHANNEL_RETAKEN { HoldId::CHANNEL_RETAKEN } else { number + 1 }
    }
}

/// A block that is held and has not begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HeldBlock {
    pub(super) block: Block,
    /// Whether its hold was closed by another node: then it is posted instead of captured.
    pub(super) lapsed: bool,
    /// The day against whose cap it counts; none where it does not.
    pub(super) day: Option<u16>,
}

/// The books of one call.
#[derive(Clone, Debug)]
pub(super) struct Books {
    pub(super) call: CallId,
    pub(super) accounts: Accounts,
    pub(super) channel: Channel,
    pub(super) block: Option<HeldBlock>,
    pub(super) captured: Micros,
    /// The billed second up to which it paid.
    pub(super) captured_s: u32,
    /// Blocks that have begun unpaid while the ledger was away, and are neither held nor paid since.
    pub(super) risked: Vec<Block>,
    /// What of such blocks nobody pays.
    pub(super) written_off: Micros,
    /// What of the block that is being settled nobody pays.
    pub(super) lost: Micros,
    /// What the ledger's last answer left the profile available, where it said.
    pub(super) available: Option<Micros>,
    /// Blocks captured so far.
    pub(super) ticks: u32,
    /// When a request of it came last.
    pub(super) heard_at: Monotonic,
    /// The record as it would be, were it lost now.
    pub(super) opened: Option<Arc<CallRecord>>,
    /// Whether an earlier machine was lost: then it is not known what it did last.
    is_reopened: bool,
    /// The highest request number that was taken.
    last_number: Option<u32>,
    /// What the ledger has been asked and has not answered.
    pub(super) posted: Option<Posted>,
    /// On its final unit: the charge whose next block is to be held as soon as there is money for it.
    pub(super) starving: Option<Draft>,
    /// Whether its charge could not be answered and it does not wait for that: nothing is held for it any more.
    pub(super) is_given_up: bool,
    /// What it costs, once it talks.
    pub(super) tariff: Option<Tariff>,
    /// The billed second at which it was told to end by its credit, where it was.
    pub(super) told_end_s: Option<u32>,
    /// When the block that has begun last will have been talked.
    pub(super) ends_at: Monotonic,
    /// What is held for it and asked to be, as the profile counts it.
    pub(super) earmarked: Micros,
    /// Each with when it was asked.
    waiting: VecDeque<(Request, Wall)>,
}

/// How a request is being put to the ledger.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) request: Request,
    /// Which batch of this request it is.
    pub(super) attempt: u32,
    pub(super) link: Link,
    /// Which part of a charge it is for.
    pub(super) part: Part,
    /// How much of what began unpaid there is credit for; nothing is held after it.
    pub(super) collect: Option<Micros>,
    /// Whether the call was told the answer already.
    pub(super) told: bool,
    /// What was available when it was refused for want of credit.
    pub(super) available: Option<Micros>,
    /// Whether it is asked for a last time, on its final unit.
    pub(super) is_last: bool,
    /// When what it wants held begins.
    pub(super) next_at: Wall,
    /// The day against whose cap what it wants held counts; none where it does not.
    pub(super) day: Option<u16>,
}

impl Draft {
    /// The plain batch of a request; what it wants held begins at `next_at`.
    pub(super) fn new(request: Request, next_at: Wall) -> Self {
        let (link, part) = (Link::Untried, Part::Whole);
        let (collect, told, available, is_last, day) = (None, false, None, false, None);
        Draft { request, attempt: 0, link, part, collect, told, available, is_last, next_at, day }
    }
}

/// Which part of a charge a batch is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// What begins is captured and what comes next is held.
    Whole,
    /// What begins is captured and nothing is held after it: the final unit (R8).
    Final,
    /// What comes next is held; what begins was captured with the final unit.
    Next,
}

/// A batch that the ledger has not answered.
#[derive(Clone, Debug)]
pub(super) struct Posted {
    pub(super) draft: Draft,
    pub(super) posting: Posting,
    /// When it is to be submitted again.
    pub(super) again_at: Monotonic,
}

/// How far the attempt to pay a refused hold by a recharge is (K6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    /// Not needed so far.
    Untried,
    /// The recharge stands in front of this batch.
    Linked,
    /// It was tried.
    Tried,
}

impl Books {
    /// The books of a call that nothing is held for.
    pub(super) fn open(call: CallId, accounts: Accounts) -> Self {
        Books {
            call,
            accounts,
            channel: Channel::None,
            block: None,
            captured: Micros::ZERO,
            captured_s: 0,
            risked: Vec::new(),
            written_off: Micros::ZERO,
            lost: Micros::ZERO,
            available: None,
            ticks: 0,
            heard_at: Monotonic::default(),
            opened: None,
            is_reopened: false,
            last_number: None,
            posted: None,
            starving: None,
            is_given_up: false,
            tariff: None,
            told_end_s: None,
            ends_at: Monotonic::default(),
            earmarked: Micros::ZERO,
            waiting: VecDeque::new(),
        }
    }

    /// The books of a call that only the call itself remembers: an earlier machine of this profile was lost.
    pub(super) fn reopen(call: CallId, accounts: Accounts, held: Held) -> Self {
        Books {
            is_reopened: true,
            channel: if held.channel { Channel::Held(Channel::FIRST) } else { Channel::None },
            block: held.block.map(|block| HeldBlock { block, lapsed: false, day: None }),
            captured: held.captured,
            captured_s: held.captured_s,
            ..Books::open(call, accounts)
        }
    }

    /// Whether this request was seen before.
    pub(super) fn knows(&self, number: u32) -> bool {
        self.last_number.is_some_and(|last| number <= last)
    }

    /// Puts a request behind the others. An extension that would wait behind another is left out: one is enough.
    pub(super) fn enqueue(&mut self, request: Request, now: Now) {
        self.last_number = Some(request.number);
        self.heard_at = now.monotonic;
        if let Ask::Charge { begins, .. } = &request.ask {
            let block_s = begins.until_s.saturating_sub(self.captured_s);
            self.ends_at = now.monotonic + Duration::from_secs(block_s.into());
        }
        if let Some(opened) = request.ask.opened() {
            self.opened = Some(Arc::clone(opened));
        }
        let extends = |request: &Request| matches!(request.ask, Ask::Extend { opened: None });
        let does_extend = self.waiting.iter().any(|(waiting, _)| extends(waiting));
        let superfluous = extends(&request) && (does_extend || self.waiting.len() >= WAITING_MAX);
        if !superfluous {
            self.waiting.push_back((request, now.wall));
        }
    }

    /// The number that its next request would have.
    pub(super) fn next_number(&self) -> u32 {
        self.last_number.map_or(0, |last| last + 1)
    }

    /// Whether nothing of it is under way.
    pub(super) fn is_quiet(&self) -> bool {
        self.posted.is_none() && self.waiting.is_empty()
    }

    /// The next request as a draft, unless the ledger still has one.
    pub(super) fn next_draft(&mut self) -> Option<Draft> {
        let (request, asked_at) = if self.posted.is_some() { None } else { self.waiting.pop_front() }?;
        let block_s = match &request.ask {
            Ask::Charge { begins, .. } => begins.until_s.saturating_sub(self.captured_s),
            Ask::Reserve { .. } | Ask::Continue { .. } | Ask::Extend { .. } | Ask::Settle { .. } => 0,
        };
        Some(Draft::new(request, asked_at + Duration::from_secs(block_s.into())))
    }

    /// Whether the call is over and only its books are open.
    pub(super) fn is_ending(&self) -> bool {
        self.waiting.iter().any(|(request, _)| matches!(request.ask, Ask::Settle { .. }))
    }

    /// Whether it was reserved and not answered, and what it would start with is not held any more.
    pub(super) fn unpaid_start(&self) -> Option<Block> {
        self.block.filter(|held| held.lapsed && self.captured_s == 0 && !self.is_ending()).map(|held| held.block)
    }

    /// The name of a hold of this call.
    pub(super) fn hold(&self, number: u32) -> HoldId {
        HoldId { subject: self.call.bits(), number }
    }

    /// A hold of a draft's batch was closed by somebody else: whatever it was, it is not held any more. Whether anything was
    /// learnt. What an earlier machine may have captured itself is not charged twice.
    pub(super) fn lapse(&mut self, draft: &Draft, posting: &Posting, refusal: BatchRefusal) -> bool {
        let Some(transfer) = posting.batch.transfers.get(refusal.transfer) else { return false };
        let (Kind::Capture { hold, .. } | Kind::Release { hold } | Kind::Extend { hold, .. }) = transfer.kind else {
            return false;
        };
        let is_settlement = matches!(draft.request.ask, Ask::Settle { .. });
        if hold.is_channel() {
            self.channel = Channel::Lapsed(hold.number);
        } else if self.is_reopened && is_settlement {
            self.block = None;
        } else if let Some(held) = &mut self.block {
            // Who closed it has given back what counted against the cap.
            (held.lapsed, held.day) = (true, None);
        }
        true
    }
}
