//! An explanation in sentences, for whoever asks what a call cost and why.
//!
//! The data are the parent's; no number is computed here.

use super::{Explanation, is_incoming};
use crate::proof::Judgement;
use crate::proof::arithmetic::sentence;
use domain::ReleaseCause;
use domain::call_record::CallRecord;

/// Runs that are told one by one; of longer streams the first.
const RUNS_TOLD: usize = 6;

/// All of it.
pub(super) fn of(record: &CallRecord, told: &Explanation, judgement: &Judgement) -> Vec<String> {
    let mut sentences = Vec::new();
    match (&told.tariff, record.answered_at) {
        (Some(_), Some(_)) => charged(record, told, judgement, &mut sentences),
        (Some(_), None) => {
            row(told, &mut sentences);
            sentences.push(format!("Nothing was charged: the call was not answered ({}).", told.cause));
            given_back(told, &mut sentences);
        }
        (None, _) => sentences.push(why_nothing(record, told)),
    }
    sentences.push(match told.agrees {
        true if told.rated_amount.is_some() => "Record, journal and deck say the same.".to_owned(),
        true => "Record and journal say the same.".to_owned(),
        false => {
            let all = told.differences.iter().map(|one| format!("{:?}: {}", one.off, one.what).to_lowercase());
            format!("They do not say the same. {}.", all.collect::<Vec<_>>().join("; "))
        }
    });
    sentences
}

/// Why a call that nothing was rated for cost nothing.
fn why_nothing(record: &CallRecord, told: &Explanation) -> String {
    if record.rate_per_minute.is_positive() || record.connection_fee.is_positive() {
        return format!(
            "The record is older than version 5: it says {} at {} a minute, and not by which increments.",
            told.amount, record.rate_per_minute
        );
    }
    match (&record.refusal, record.answered_at) {
        (Some(refusal), _) => {
            let said = record.sentence.as_deref().unwrap_or("no reason was given");
            format!("Nothing was charged: the call was refused ({refusal}): {said}.")
        }
        (None, _) if is_incoming(record) => "Nothing was charged: incoming calls are free.".to_owned(),
        (None, None) => format!("Nothing was charged: the call was not answered ({}).", told.cause),
        (None, Some(_)) => {
            "Nothing was charged: the call did not leave to a carrier (the echo test, or inside the company)."
                .to_owned()
        }
    }
}

fn row(told: &Explanation, sentences: &mut Vec<String>) {
    let Some(tariff) = &told.tariff else { return };
    let row = &tariff.row;
    sentences.push(format!("{} ({}); that version was in force when the call was admitted.", row.why, row.destination));
    sentences.extend(tariff.others.iter().map(|other| format!("{}.", other.why)));
    let least = match tariff.minimum_s {
        0 => String::new(),
        seconds => format!("at least {seconds} s, then "),
    };
    sentences.push(format!(
        "A minute costs {} {}, the connection {}; charged are {least}steps of {} s; the whole call is rounded {} to {} decimals.",
        tariff.rate_per_minute,
        told.currency,
        tariff.connection_fee,
        tariff.increment_s,
        tariff.rounding,
        tariff.scale
    ));
}

fn charged(record: &CallRecord, told: &Explanation, judgement: &Judgement, sentences: &mut Vec<String>) {
    row(told, sentences);
    let (seconds, millis) = (told.talked_ms / 1_000, told.talked_ms % 1_000);
    sentences.push(format!("{seconds}.{millis:03} s were talked; that is billed as {} s.", told.billed_s));
    sentences.push(format!("{} {}.", sentence(&told.price), told.currency));
    let noun = if told.charge_count == 1 { "step" } else { "steps" };
    sentences.push(format!("It was charged in {} {noun}: {}.", told.charge_count, steps(told)));
    let held = told.movements.iter().find(|movement| movement.what == "held");
    if let Some(held) = held {
        sentences.push(format!("{} were held at {}, before anybody was called.", held.amount, held.at));
    }
    for recharge in told.movements.iter().filter(|movement| movement.what == "recharged") {
        sentences.push(format!("The profile was recharged by {} at {} for it.", recharge.amount, recharge.at));
    }
    given_back(told, sentences);
    if judgement.unpaid_s > 0 {
        sentences.push(format!("{} s were talked that could not be charged.", judgement.unpaid_s));
    }
    if let (Some(amount), Some(until_s)) = (&told.next_amount, told.next_until_s) {
        let from_s = told.billed_s + 1;
        sentences.push(match told.credit_ended_at_s {
            Some(ended_s) => format!(
                "Credit ended at second {ended_s}: the next step, up to second {until_s}, would have cost {amount} more."
            ),
            None => format!("Second {from_s} would have begun another step: {amount} more, up to second {until_s}."),
        });
    }
    if record.cause == ReleaseCause::SwitchRestarted {
        sentences.push("The switch was started anew in mid-call: what was captured by then is the bill.".to_owned());
    }
}

fn steps(told: &Explanation) -> String {
    let run = |run: &super::ChargeRun| match run.count {
        1 => format!("{} s for {}", run.step_s, run.amount),
        count => format!("{count} times {} s for {}", run.step_s, run.amount),
    };
    let mut all: Vec<String> = told.runs.iter().take(RUNS_TOLD).map(run).collect();
    if told.runs.len() > RUNS_TOLD {
        all.push("and so on".to_owned());
    }
    all.join(", ")
}

/// What was held and not needed.
fn given_back(told: &Explanation, sentences: &mut Vec<String>) {
    for released in told.movements.iter().filter(|movement| movement.what == "released") {
        sentences.push(format!("{} were held and not needed; they were released at {}.", released.amount, released.at));
    }
}
