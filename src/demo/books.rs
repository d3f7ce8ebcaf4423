//! What remains after the story: statement, call records, what the metrics say; and whether all of them agree with the ledger.
//!
//! Each figure comes from where anybody can get it; only the ledger's own check is asked in this process.

use super::api::{CallRow, Entry, Totals};
use super::screen::Screen;
use super::story::Expected;
use super::world::World;
use domain::credit::{Account, Holder, Unit};
use domain::{CompanyId, Currency, Micros};
use ledger::Ledger;
use serde::Serialize;
use std::collections::BTreeMap;

/// What each source says that all calls came to.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Books {
    /// `/api/v1/calls/totals`: calls.
    pub(super) calls: u64,
    /// And those that were answered.
    pub(super) answered: u64,
    /// `/api/v1/calls/totals`: what they cost.
    pub(super) charged_by_totals: String,
    /// `/api/v1/calls`: the sum of the records.
    pub(super) charged_by_records: String,
    /// The statements of both profiles: the sum of `call_charge`.
    pub(super) charged_by_statements: String,
    /// The ledger's account of what the company has paid for calls.
    pub(super) charged_by_ledger: String,
    /// Whether the ledger, recomputed from its journal, is as it says.
    pub(super) ledger_clean: bool,
    /// What the check of the ledger says.
    pub(super) ledger_verify: String,
    /// Where two of the above differ; empty where all agree.
    pub(super) disagreements: Vec<String>,
}

impl Books {
    /// Asks everybody.
    ///
    /// # Errors
    /// Where somebody does not answer.
    pub(super) fn ask(world: &World, ledger: &dyn Ledger) -> Result<Books, String> {
        let company = &world.company;
        let totals: Totals = world.api.get(&format!("/calls/totals?company={company}"))?;
        let records: Vec<CallRow> = world.api.list(&format!("/calls?company={company}"))?;
        let by_totals = totals.ended.amounts.get("USD").map_or(Ok(Micros::ZERO), |text| amount(text))?;
        let by_records = records.iter().map(|record| amount(&record.amount)).sum::<Result<Micros, String>>()?;
        let mut by_statements = Micros::ZERO;
        for office in [&world.studio, &world.hut] {
            let lines: Vec<Entry> = world.api.list(&format!("/profiles/{}/statement", office.profile))?;
            for line in lines.iter().filter(|line| line.code == "call_charge") {
                by_statements += -amount(&line.amount)?;
            }
        }
        let id: CompanyId = company.parse().map_err(|_| format!("{company} is no company's id"))?;
        let account = Account { company: id, holder: Holder::Revenue, unit: Unit::Money(Currency::USD) };
        let by_ledger = Micros::new(ledger.balance(account).posted);
        let verification = ledger.verify().map_err(|error| error.to_string())?;
        let mut disagreements = Vec::new();
        for (what, sum) in [("the records", by_records), ("the statements", by_statements), ("the ledger", by_ledger)] {
            if sum != by_totals {
                disagreements.push(format!("/api/v1/calls/totals says {by_totals} USD, {what} {sum} USD"));
            }
        }
        if totals.ended.count != records.len() as u64 {
            disagreements.push(format!("{} calls in the totals, {} records", totals.ended.count, records.len()));
        }
        if !verification.is_clean() {
            disagreements.push(format!("ledger verify: {verification}"));
        }
        Ok(Books {
            calls: totals.ended.count,
            answered: totals.ended.answered,
            charged_by_totals: by_totals.to_string(),
            charged_by_records: by_records.to_string(),
            charged_by_statements: by_statements.to_string(),
            charged_by_ledger: by_ledger.to_string(),
            ledger_clean: verification.is_clean(),
            ledger_verify: verification.to_string(),
            disagreements,
        })
    }

    /// What differs from what the story expects, and what differs among the books themselves.
    pub(super) fn faults(&self, expected: &Expected) -> Vec<String> {
        let mut faults = self.disagreements.clone();
        let found = (self.calls, self.answered, self.charged_by_totals.clone());
        let told = (expected.calls, expected.answered, expected.charged.to_string());
        if found != told {
            let ((calls, answered, charged), (calls_told, answered_told, charged_told)) = (found, told);
            faults.push(format!(
                "the books have {calls} calls, {answered} answered, {charged} USD; the story {calls_told}, {answered_told}, \
                 {charged_told} USD"
            ));
        }
        faults
    }

    /// In a line or two.
    pub(super) fn show(&self, screen: &mut Screen) {
        screen.line(format!(
            "  {} calls, {} answered; charged {} USD by /api/v1/calls/totals, {} by the records, {} by the statements, {} by the \
             ledger",
            self.calls,
            self.answered,
            self.charged_by_totals,
            self.charged_by_records,
            self.charged_by_statements,
            self.charged_by_ledger
        ));
        screen.line(format!("  ledger verify: {}", self.ledger_verify));
    }
}

/// A profile's statement as it is shown.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Statement {
    /// The profile's name.
    profile: &'static str,
    /// Oldest first.
    lines: Vec<Charges>,
}

/// Lines of a statement that follow each other with the same amount.
#[derive(Clone, Debug, Serialize)]
struct Charges {
    /// The time of the first. Two demos differ in nothing else.
    #[serde(skip)]
    clock: String,
    code: String,
    times: usize,
    amount: String,
    /// What was left after the last.
    balance: String,
    counterpart: String,
}

/// Shows the statements of both profiles, oldest line first.
pub(super) fn show_statements(world: &World, screen: &mut Screen) -> Result<Vec<Statement>, String> {
    screen.heading("Statements (/api/v1/profiles/{id}/statement)");
    let mut statements = Vec::new();
    for office in [&world.studio, &world.hut] {
        screen.line(format!("  {}", office.name));
        let lines: Vec<Entry> = world.api.list(&format!("/profiles/{}/statement", office.profile))?;
        let lines = joined(&lines);
        lines.iter().for_each(|line| screen.line(line.text()));
        statements.push(Statement { profile: office.name, lines });
    }
    Ok(statements)
}

/// The lines of a statement, oldest first; charges of the same amount that follow each other in one.
fn joined(newest_first: &[Entry]) -> Vec<Charges> {
    let mut rows: Vec<Charges> = Vec::new();
    for line in newest_first.iter().rev() {
        match rows.last_mut() {
            Some(last) if last.code == line.code && last.amount == line.amount => {
                last.times += 1;
                last.balance.clone_from(&line.balance);
            }
            _ => rows.push(Charges {
                clock: line.at.get(11..19).unwrap_or(&line.at).to_owned(),
                code: line.code.clone(),
                times: 1,
                amount: line.amount.clone(),
                balance: line.balance.clone(),
                counterpart: line.counterpart.clone(),
            }),
        }
    }
    rows
}

impl Charges {
    fn text(&self) -> String {
        let Charges { clock, code, times, amount, balance, counterpart } = self;
        let times = if *times > 1 { format!("{times} x ") } else { String::new() };
        format!("    {clock}  {code:<14} {:>12} USD {balance:>10} left  {counterpart}", times + amount)
    }
}

/// Shows the call records, oldest first.
pub(super) fn show_records(world: &World, screen: &mut Screen) -> Result<Vec<CallRow>, String> {
    screen.heading("Call records (/api/v1/calls)");
    let mut records: Vec<CallRow> = world.api.list(&format!("/calls?company={}", world.company))?;
    records.reverse();
    screen.line("    by        dialled         status  ended because      talked  billed      amount  destination");
    for record in &records {
        let office = [&world.studio, &world.hut].into_iter().find(|office| office.profile == record.profile);
        screen.line(format!(
            "    {:<9} {:<15} {:>6}  {:<17} {:>5}.{} s {:>4} s {:>8} {}  {}",
            office.map_or("-", |office| office.name),
            record.dialled,
            record.status.unwrap_or_default(),
            record.cause.as_deref().unwrap_or_default(),
            record.talked_ms / 1_000,
            record.talked_ms % 1_000 / 100,
            record.billed_s.unwrap_or_default(),
            record.amount,
            record.currency,
            record.destination
        ));
    }
    Ok(records)
}

/// The families that are shown, in this order: what a call moves in each room.
const SHOWN: [&str; 12] = [
    "tandem_registrations_total",
    "tandem_sip_auth_attempts_total",
    "tandem_call_attempts_total",
    "tandem_calls_answered_total",
    "tandem_calls_ended_total",
    "tandem_carrier_attempts_total",
    "tandem_rtp_packets_total",
    "tandem_auto_recharges_total",
    "tandem_ledger_amount_total",
    "tandem_ledger_entries_total",
    "tandem_cdrs_total",
    "tandem_sip_requests_total",
];
/// Lines at most.
const SHOWN_MAX: usize = 20;

/// One metric before and after.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Moved {
    metric: String,
    before: f64,
    after: f64,
}

/// Shows what of `/metrics` has moved since `before`, a dozen lines or a few more.
pub(super) fn show_metrics(before: &str, after: &str, screen: &mut Screen) -> Vec<Moved> {
    screen.heading("What moved in /metrics");
    let (before, after) = (samples(before), samples(after));
    let mut moved = Vec::new();
    for family in SHOWN {
        for (metric, value) in after.iter().filter(|(metric, _)| metric.split('{').next() == Some(family)) {
            let former = before.get(metric).copied().unwrap_or_default();
            if former != *value && moved.len() < SHOWN_MAX {
                screen.line(format!("    {metric} {former} -> {value}"));
                moved.push(Moved { metric: metric.clone(), before: former, after: *value });
            }
        }
    }
    moved
}

/// Where the metrics tell another story than the calls did.
pub(super) fn metrics_faults(before: &str, after: &str, expected: &Expected) -> Vec<String> {
    let (samples_before, samples_after) = (samples(before), samples(after));
    let grown = |family: &str| {
        let sum = |samples: &BTreeMap<String, f64>| -> f64 {
            samples.iter().filter(|(metric, _)| metric.split('{').next() == Some(family)).map(|(_, value)| value).sum()
        };
        sum(&samples_after) - sum(&samples_before)
    };
    let told = [
        ("tandem_call_attempts_total", expected.calls),
        ("tandem_calls_answered_total", expected.answered),
        ("tandem_calls_ended_total", expected.calls),
    ];
    let differs = |(family, expected): &(&str, u64)| (grown(family) - *expected as f64).abs() > 0.5;
    let fault = |(family, expected)| format!("{family} has grown by {}, and {expected} was expected", grown(family));
    let mut faults: Vec<String> = told.into_iter().filter(differs).map(fault).collect();
    let charges = |exposition| charged(exposition).unwrap_or_default();
    let charged = charges(after) - charges(before);
    if charged != expected.charged {
        faults.push(format!("{CHARGED} has grown by {charged}, and {} was expected", expected.charged));
    }
    faults
}

/// What was charged for calls.
const CHARGED: &str = "tandem_ledger_amount_total{kind=\"call_charge\",currency=\"USD\"}";

/// Read as an amount, to the millionth: it is printed exactly.
fn charged(exposition: &str) -> Option<Micros> {
    exposition.lines().find_map(|line| line.strip_prefix(CHARGED))?.trim().parse().ok()
}

/// Name with labels to value; comments left out.
fn samples(exposition: &str) -> BTreeMap<String, f64> {
    let lines = exposition.lines().filter(|line| !line.starts_with('#'));
    let sample = |line: &str| {
        let (name, value) = line.rsplit_once(' ')?;
        Some((name.to_owned(), value.parse().ok()?))
    };
    lines.filter_map(sample).collect()
}

fn amount(text: &str) -> Result<Micros, String> {
    text.parse().map_err(|error| format!("{text} is no amount: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charges_are_read_to_the_millionth() {
        assert_eq!(charged(&format!("# x\n{CHARGED} 15.010001\n")), Some(Micros::new(15_010_001)));
        assert_eq!(charged("tandem_ledger_amount_total 3\n"), None);
    }

    #[test]
    fn a_sample_is_named_with_its_labels() {
        let text = "# HELP a b\na_total{x=\"1 2\"} 3\nb 0.5\n";
        assert_eq!(samples(text), BTreeMap::from([("a_total{x=\"1 2\"}".to_owned(), 3.0), ("b".to_owned(), 0.5)]));
    }
}
