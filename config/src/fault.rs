//! What is wrong with a configuration: [`Fault`]s that point at the place and say what would be right.
//!
//! Finding them is in [`crate::load`], [`crate::secret`] and [`crate::emergency`].

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// One thing wrong, at a place in a file, or with an environment variable.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    /// What is wrong, naming the key or the variable.
    pub message: String,
    /// What would be right, where the message does not say so.
    pub help: Option<String>,
    /// Where in the file: byte offsets.
    pub span: Option<Range<usize>>,
    source_code: Option<Arc<NamedSource<String>>>,
}

impl Fault {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Fault { message: message.into(), help: None, span: None, source_code: None }
    }

    pub(crate) fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(crate) fn by_variable(mut self, variable: &str) -> Self {
        self.message = format!("{} (from the variable {variable})", self.message);
        self
    }

    pub(crate) fn at(mut self, source: &Arc<NamedSource<String>>, span: Option<Range<usize>>) -> Self {
        self.source_code = span.is_some().then(|| source.clone());
        self.span = span;
        self
    }
}

impl Diagnostic for Fault {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source_code.as_deref().map(|source| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let span = self.span.clone()?;
        Some(Box::new(std::iter::once(LabeledSpan::underline(span))))
    }
}

/// Everything that is wrong with a configuration, at least one fault. Nothing of it is in force.
#[derive(Clone, Debug)]
pub struct ConfigFaults {
    /// The file as it was named.
    pub file: String,
    /// In the order of the file, faults without a place last.
    pub faults: Vec<Fault>,
}

impl ConfigFaults {
    pub(crate) fn of(file: &str, mut faults: Vec<Fault>) -> Self {
        faults.sort_by_key(|fault| fault.span.as_ref().map_or(usize::MAX, |span| span.start));
        ConfigFaults { file: file.to_owned(), faults }
    }

    /// The whole report for a person: every fault with file, line, a caret and what would be right. Ends with a line break.
    pub fn report(&self) -> String {
        let handler = GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor()).with_width(120);
        let mut text = String::new();
        for fault in &self.faults {
            // Writing to a string cannot fail, and a renderer that fails leaves the sentence itself.
            if handler.render_report(&mut text, fault).is_err() {
                text.push_str(&fault.message);
                text.push('\n');
            }
        }
        text
    }
}

/// One line: how many faults, and the first.
impl fmt::Display for ConfigFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = self.faults.first().map_or("", |fault| fault.message.lines().next().unwrap_or_default());
        match self.faults.len() {
            0 | 1 => write!(f, "{}: {first}", self.file),
            count => write!(f, "{}: {count} faults, the first: {first}", self.file),
        }
    }
}

impl std::error::Error for ConfigFaults {}

impl Diagnostic for ConfigFaults {
    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        Some(Box::new(self.faults.iter().map(|fault| fault as &dyn Diagnostic)))
    }
}

/// The deserializer's message in words that do not ask the reader to know Rust.
pub(crate) fn in_plain_words(message: &str) -> String {
    let message = message.lines().next().unwrap_or_default();
    let message = message.replace("unknown field", "unknown key").replace("missing field", "missing key");
    let renamed = [
        ("expected u16", "expected a whole number from 0 to 65535"),
        ("expected u32", "expected a whole number from 0 to 4294967295"),
        ("expected u64", "expected a whole number that is not negative"),
        ("expected usize", "expected a whole number that is not negative"),
        ("expected a boolean", "expected true or false"),
        ("expected a sequence", "expected a list in square brackets"),
        ("expected a map", "expected a table"),
        ("expected path string", "expected the name of a file or folder"),
        ("expected socket address", "expected an address with a port, such as \"127.0.0.1:5060\""),
        ("expected IP address", "expected an address, such as \"192.0.2.1\""),
        (
            "invalid socket address syntax",
            "not an address with a port: expected one such as \"127.0.0.1:5060\" or \"[::1]:5060\"",
        ),
        ("invalid IP address syntax", "not an address: expected one such as \"192.0.2.1\" or \"2001:db8::1\""),
    ];
    for (said, plain) in renamed {
        if let Some(before) = message.strip_suffix(said) {
            return format!("{before}{plain}");
        }
    }
    match message.rsplit_once("expected struct ") {
        Some((before, _)) => format!("{before}expected a table"),
        None => message,
    }
}
