//! The decision trace: which rule looked at what, what it wanted, and whether it passed; kept with calls and attempts.
//!
//! What the rules are is decided where they are applied (`switch`); how a trace is shown to people, `backoffice`.

mod rule;

pub use rule::Rule;

use crate::e164::E164;
use crate::money::{Currency, Micros};
use crate::refusal::{Refusal, RefusalKind};
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

/// Steps of one trace at most: some twenty rules, and every carrier that a call record has room for. Where there are more, the last
/// place is overwritten, so that the decision is there.
pub const STEPS_MAX: usize = 48;
/// Bytes of a trace that is written out, at most: what is left in a memo beside the longest call record. Beyond it steps are left out, but
/// the last is there.
pub const TEXT_BYTES_MAX: usize = 3_072;
/// Room for the last step, whose words and values are bounded.
const LAST_BYTES_MAX: usize = 400;
/// Bytes of a step that is written out, about: room that is taken at once.
const STEP_BYTES: usize = 48;
/// Characters of a value at most when it is written out.
const VALUE_CHARS_MAX: usize = 120;
/// What stands between steps, and between the fields of one, in a trace that is written out. Values have neither.
const BETWEEN_STEPS: char = '~';
const BETWEEN_FIELDS: char = '|';

/// How a rule was passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// It is kept.
    Passed,
    /// It is broken: here it was decided.
    Failed,
    /// It did not apply, or what it is about was passed over.
    Skipped,
    /// The call goes on, but somebody should know.
    Warned,
}

impl Verdict {
    /// The word in traces.
    pub const fn as_str(self) -> &'static str {
        match self {
            Verdict::Passed => "passed",
            Verdict::Failed => "failed",
            Verdict::Skipped => "skipped",
            Verdict::Warned => "warned",
        }
    }

    fn from_label(label: &str) -> Option<Self> {
        let all = [Verdict::Passed, Verdict::Failed, Verdict::Skipped, Verdict::Warned];
        all.into_iter().find(|verdict| verdict.as_str() == label)
    }
}

/// What a rule saw or wanted: small, and written out only when somebody reads it. Never a secret.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Value {
    /// Nothing to say.
    #[default]
    None,
    /// Words of ours.
    Words(&'static str),
    /// A text of the configuration or of the wire.
    Text(Arc<str>),
    /// A number.
    Number(E164),
    /// So many.
    Count(u64),
    /// Seconds.
    Seconds(u32),
    /// An amount.
    Money(Micros, Currency),
    /// A SIP status.
    Status(u16),
    /// An address.
    Address(SocketAddr),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::None => Ok(()),
            Value::Words(words) => f.write_str(words),
            Value::Text(text) => f.write_str(text),
            Value::Number(number) => write!(f, "{number}"),
            Value::Count(count) => write!(f, "{count}"),
            Value::Seconds(seconds) => write!(f, "{seconds} s"),
            Value::Money(amount, currency) => write!(f, "{amount} {currency}"),
            Value::Status(status) => write!(f, "{status}"),
            Value::Address(address) => write!(f, "{address}"),
        }
    }
}

impl From<&'static str> for Value {
    fn from(words: &'static str) -> Value {
        Value::Words(words)
    }
}

impl From<Arc<str>> for Value {
    fn from(text: Arc<str>) -> Value {
        Value::Text(text)
    }
}

impl From<String> for Value {
    fn from(text: String) -> Value {
        Value::Text(text.into())
    }
}

impl From<E164> for Value {
    fn from(number: E164) -> Value {
        Value::Number(number)
    }
}

impl From<SocketAddr> for Value {
    fn from(address: SocketAddr) -> Value {
        Value::Address(address)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Value {
        value.map_or(Value::None, Into::into)
    }
}

/// One rule, as it was applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Which.
    pub rule: Rule,
    /// How it went.
    pub verdict: Verdict,
    /// What the rule saw.
    pub seen: Value,
    /// What it wanted.
    pub wanted: Value,
    /// What it was refused with, where it was.
    pub refusal: Option<RefusalKind>,
}

/// The rules that were applied, in order, at most [`STEPS_MAX`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    steps: Vec<Step>,
}

impl Trace {
    /// Nothing was looked at.
    pub const EMPTY: Trace = Trace { steps: Vec::new() };

    /// An empty one with room for a call that passes: one allocation.
    pub fn new() -> Trace {
        Trace { steps: Vec::with_capacity(16) }
    }

    /// The steps, in order.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// A rule was kept.
    pub fn passed(&mut self, rule: Rule, seen: impl Into<Value>, wanted: impl Into<Value>) {
        self.push(Step { rule, verdict: Verdict::Passed, seen: seen.into(), wanted: wanted.into(), refusal: None });
    }

    /// A rule did not apply.
    pub fn skipped(&mut self, rule: Rule, seen: impl Into<Value>, wanted: impl Into<Value>) {
        self.push(Step { rule, verdict: Verdict::Skipped, seen: seen.into(), wanted: wanted.into(), refusal: None });
    }

    /// A rule was broken, by the refusal's own account.
    pub fn failed(&mut self, refusal: RefusalKind, seen: impl Into<Value>, wanted: impl Into<Value>) {
        self.failed_at(Rule::of(refusal), refusal, seen, wanted);
    }

    /// The same, where the refusal is of more than one rule.
    pub fn failed_at(&mut self, rule: Rule, refusal: RefusalKind, seen: impl Into<Value>, wanted: impl Into<Value>) {
        let (seen, wanted) = (seen.into(), wanted.into());
        self.push(Step { rule, verdict: Verdict::Failed, seen, wanted, refusal: Some(refusal) });
    }

    /// What is decided by `outcome`: `seen` and `wanted` of a rule that passed; where it was refused, the refusal's sentence unless
    /// the trace tells of it already.
    pub fn judged<T>(
        &mut self,
        rule: Rule,
        outcome: Result<T, Refusal>,
        seen: impl FnOnce(&T) -> Value,
        wanted: impl Into<Value>,
    ) -> Result<T, Refusal> {
        match &outcome {
            Ok(value) => self.passed(rule, seen(value), wanted),
            Err(refusal) => self.refused(refusal, wanted),
        }
        outcome
    }

    /// A refusal, in its own words; nothing where the last step tells of it already.
    pub fn refused(&mut self, refusal: &Refusal, wanted: impl Into<Value>) {
        if !self.tells(refusal.kind) {
            let sentence: Arc<str> = refusal.sentence.as_ref().into();
            self.failed(refusal.kind, sentence, wanted);
        }
    }

    /// Whether the last step failed with this.
    pub fn tells(&self, refusal: RefusalKind) -> bool {
        self.steps.last().is_some_and(|step| step.verdict == Verdict::Failed && step.refusal == Some(refusal))
    }

    /// Adds a step.
    pub fn push(&mut self, step: Step) {
        if self.steps.len() >= STEPS_MAX {
            self.steps.pop();
        }
        self.steps.push(step);
    }

    /// Adds the steps of another.
    pub fn extend(&mut self, other: Trace) {
        other.steps.into_iter().for_each(|step| self.push(step));
    }

    /// As it is kept in call records: `rule|verdict|refusal|seen|wanted`, `~` between steps, printable characters without quotation
    /// marks and backslashes. [`read`] reads it.
    pub fn to_text(&self) -> String {
        let mut text = String::with_capacity(self.steps.len() * STEP_BYTES);
        for (index, step) in self.steps.iter().enumerate() {
            let before = text.len();
            if index > 0 {
                text.push(BETWEEN_STEPS);
            }
            let refusal = step.refusal.map_or("", RefusalKind::as_str);
            for word in [step.rule.as_str(), step.verdict.as_str(), refusal] {
                text.push_str(word);
                text.push(BETWEEN_FIELDS);
            }
            put(&mut text, &step.seen);
            text.push(BETWEEN_FIELDS);
            put(&mut text, &step.wanted);
            if text.len() > TEXT_BYTES_MAX - LAST_BYTES_MAX && index + 1 < self.steps.len() {
                text.truncate(before);
            }
        }
        text
    }
}

/// Writes a value as far as it may stand in a trace: as it is displayed, and without the machinery of that for what nearly every step has.
fn put(text: &mut String, value: &Value) {
    use fmt::Write;
    match value {
        Value::None => {}
        Value::Words(words) => put_text(text, words),
        Value::Text(words) => put_text(text, words),
        Value::Number(number) => {
            text.push('+');
            text.push_str(number.digits().as_str());
        }
        Value::Count(count) => put_digits(text, *count),
        Value::Status(status) => put_digits(text, u64::from(*status)),
        Value::Seconds(seconds) => {
            put_digits(text, u64::from(*seconds));
            text.push_str(" s");
        }
        // Short, of characters that may stand here. Writing to memory does not fail.
        Value::Money(..) | Value::Address(_) => drop(write!(text, "{value}")),
    }
}

/// Whether a character may stand in a value.
const fn is_plain(byte: u8) -> bool {
    (byte >= b' ') & (byte <= b'}') & (byte != b'"') & (byte != b'\\') & (byte != BETWEEN_FIELDS as u8)
}

fn put_text(text: &mut String, said: &str) {
    // Every byte is looked at, without a branch: so the compiler takes many at a time.
    if said.len() <= VALUE_CHARS_MAX && said.bytes().fold(true, |plain, byte| plain & is_plain(byte)) {
        return text.push_str(said);
    }
    let plain = |char: char| if u8::try_from(char).is_ok_and(is_plain) { char } else { '\'' };
    text.extend(said.chars().take(VALUE_CHARS_MAX).map(plain));
}

fn put_digits(text: &mut String, number: u64) {
    let mut digits = [0; 20];
    let (mut from, mut left) = (digits.len(), number);
    loop {
        from -= 1;
        digits[from] = b'0' + (left % 10) as u8;
        left /= 10;
        if left == 0 {
            break;
        }
    }
    text.extend(digits[from..].iter().map(|digit| char::from(*digit)));
}

/// A step as it was written out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The rule's word.
    pub rule: String,
    /// How it went.
    pub verdict: Verdict,
    /// The refusal's id; empty where there was none.
    pub refusal: String,
    /// What the rule saw; empty where there was nothing to say.
    pub seen: String,
    /// What it wanted; empty likewise.
    pub wanted: String,
}

/// The steps of a trace that [`Trace::to_text`] wrote; what is no step is left out.
pub fn read(text: &str) -> Vec<Told> {
    let step = |step: &str| {
        let mut fields = step.split(BETWEEN_FIELDS);
        let (rule, verdict) = (fields.next()?.to_owned(), Verdict::from_label(fields.next()?)?);
        let mut field = || fields.next().map(str::to_owned);
        Some(Told { rule, verdict, refusal: field()?, seen: field()?, wanted: field()? })
    };
    text.split(BETWEEN_STEPS).filter_map(step).collect()
}

#[cfg(test)]
mod tests;
