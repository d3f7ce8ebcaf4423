//! A batch as the function's arguments, and the function's answer as an outcome. The function is `function.lua`; when it is asked
//! is [`super::courier`]'s.

use super::link::Order;
use super::names::{self, Keys};
use crate::sqlite::checksum;
use domain::CompanyId;
use domain::credit::{Account, Balance, Batch, BatchId, BatchRefusal, Durability, Kind, Outcome, RefusedBecause};

/// The function's text; Redis names it by its SHA-1.
pub(super) const FUNCTION: &str = include_str!("function.lua");
/// The text of the function that lays parts.
pub(super) const LAYING: &str = include_str!("laying.lua");

/// What the function said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It was asked for the first time, or again after a lost answer: the first outcome either way.
    Decided {
        /// The decision.
        outcome: Outcome,
        /// Whether it was made by the totals of several nodes: then the journal cannot come to it by itself.
        is_shared: bool,
    },
    /// Another node was asked before, and this was its answer; none where it was asked for something else under that id.
    Elsewhere(Option<Outcome>),
    /// The id is known with another body.
    Different,
    /// This node's part is not there, or no longer: it must be laid.
    Recovering,
    /// Other nodes' parts are not there: by their ids.
    Missing(Vec<String>),
    /// Somebody else writes this company.
    Taken(String),
    /// The function could not be run, or said what it cannot say.
    Broken(String),
}

/// The order that asks for one batch. `ended_names` is [`crate::sqlite::Look::New`]'s.
pub(super) fn ask(sha: &str, node: &str, life: &str, batch: &Batch, durability: Durability, ended_names: u32) -> Order {
    let mut cmd = redis::cmd("EVALSHA");
    cmd.arg(sha).arg(6);
    let keys = Keys::of(batch.company, node);
    keys.all().into_iter().for_each(|key| {
        cmd.arg(key);
    });
    cmd.arg(node).arg(life).arg(id(batch.id));
    let mut arguments = Vec::with_capacity(10 * batch.transfers.len());
    let mut ended_flags = Vec::new();
    for (place, transfer) in batch.transfers.iter().enumerate() {
        put(&mut arguments, transfer.kind, transfer.code.as_str());
        if ended_names >> place & 1 == 1 {
            ended_flags.push(arguments.len() - 1);
        }
    }
    cmd.arg(body(&arguments)).arg(u8::from(durability == Durability::BeforeAnswer));
    ended_flags.into_iter().for_each(|place| arguments[place] = "1".to_owned());
    arguments.into_iter().for_each(|argument| {
        cmd.arg(argument);
    });
    Order::about(&keys.meta, cmd)
}

/// A batch's id.
pub(super) fn id(id: BatchId) -> String {
    format!("{:032x}/{}", id.subject, id.sequence)
}

/// A fingerprint of the transfers, to know the same batch again (field lesson 3). Taken before the flags are set that say what the
/// journal knows of a name: those may change between two askings.
fn body(arguments: &[String]) -> String {
    let parts: Vec<&[u8]> = arguments.iter().map(|argument| argument.as_bytes()).collect();
    format!("{:016x}", checksum(&parts) as u64)
}

/// A hold's last field is the flag that its name has ended.
fn put(arguments: &mut Vec<String>, kind: Kind, code: &str) {
    let flag = |is_set: bool| u8::from(is_set).to_string();
    let mut put = |fields: &[&str]| arguments.extend(fields.iter().map(|field| (*field).to_owned()));
    match kind {
        Kind::Post { debit, credit, amount } => {
            put(&["P", &names::account(&debit), &names::account(&credit), &amount.to_string()]);
            put(&[&flag(may_post_short(debit))]);
        }
        Kind::PostIfAvailableAtMost { debit, credit, amount, watched, limit } => {
            put(&["I", &names::account(&debit), &names::account(&credit), &amount.to_string()]);
            put(&[&flag(may_post_short(debit)), &names::account(&watched), &limit.to_string()]);
        }
        Kind::Hold { hold, debit, credit, amount, until } => {
            put(&["H", &names::hold(hold), &names::account(&debit), &names::account(&credit), &amount.to_string()]);
            put(&[&until.as_unix_micros().to_string(), code, &flag(!debit.holder.is_customer()), &flag(false)]);
        }
        Kind::Capture { hold, amount } => put(&["C", &names::hold(hold), &amount.to_string()]),
        Kind::Release { hold } => put(&["R", &names::hold(hold)]),
        Kind::Extend { hold, until } => put(&["E", &names::hold(hold), &until.as_unix_micros().to_string()]),
    }
}

/// C11: channels may be posted below what is in use.
fn may_post_short(debit: Account) -> bool {
    !debit.holder.is_customer() || debit.unit.may_fall_short()
}

/// What the function said about a batch of this company.
pub(super) fn answer(company: CompanyId, said: &redis::Value) -> Answer {
    let text = match said {
        redis::Value::BulkString(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        redis::Value::SimpleString(text) => text.clone(),
        other => return Answer::Broken(format!("{other:?}")),
    };
    if let Some(life) = text.strip_prefix("taken ") {
        return Answer::Taken(life.to_owned());
    }
    if let Some(nodes) = text.strip_prefix("missing ") {
        return Answer::Missing(nodes.split(' ').map(str::to_owned).collect());
    }
    match text.as_str() {
        "recovering" => return Answer::Recovering,
        "different" => return Answer::Different,
        "elsewhere different" => return Answer::Elsewhere(None),
        _ => {}
    }
    if let Some(first) = text.strip_prefix("elsewhere ") {
        return outcome(company, first)
            .map_or_else(|| Answer::Broken(text.clone()), |first| Answer::Elsewhere(Some(first)));
    }
    let (is_shared, said) = text.strip_prefix("shared ").map_or((false, text.as_str()), |said| (true, said));
    let first = said.strip_prefix("replayed ").unwrap_or(said);
    outcome(company, first)
        .map_or_else(|| Answer::Broken(text.clone()), |outcome| Answer::Decided { outcome, is_shared })
}

/// What Redis keeps of this batch of this node: none where it is another's, or of another batch with the same id.
pub(super) fn kept_outcome(node: &str, batch: &Batch, kept: &[u8]) -> Option<Outcome> {
    let text = String::from_utf8_lossy(kept);
    let (first_body, said) = text.strip_prefix(node)?.trim_start().split_once(' ')?;
    let mut arguments = Vec::new();
    batch.transfers.iter().for_each(|transfer| put(&mut arguments, transfer.kind, transfer.code.as_str()));
    if first_body != body(&arguments) {
        return None;
    }
    outcome(batch.company, said)
}

fn outcome(company: CompanyId, text: &str) -> Option<Outcome> {
    let mut words = text.split(' ');
    match words.next()? {
        "applied" => {
            let mut balances = Vec::new();
            while let Some(name) = words.next() {
                let account = names::account_of(company, name)?;
                balances.push((
                    account,
                    Balance { posted: words.next()?.parse().ok()?, held: words.next()?.parse().ok()? },
                ));
            }
            Some(Outcome::Applied(balances))
        }
        "refused" => {
            let transfer = words.next()?.parse().ok()?;
            let because = match words.next()? {
                "hold_exists" => RefusedBecause::HoldExists,
                "hold_not_open" => RefusedBecause::HoldNotOpen,
                "capture_exceeds_hold" => RefusedBecause::CaptureExceedsHold,
                "overflow" => RefusedBecause::Overflow,
                "above_limit" => RefusedBecause::AboveLimit,
                "insufficient" => RefusedBecause::InsufficientFunds {
                    account: names::account_of(company, words.next()?)?,
                    available: words.next()?.parse().ok()?,
                },
                _ => return None,
            };
            words.next().is_none().then_some(Outcome::Refused(BatchRefusal { transfer, because }))
        }
        _ => None,
    }
}
