//! A TOML text with the places of its keys: reads typed values out of it and collects every fault of form on the way.
//!
//! Checks of what the values mean are in [`crate::check`] and [`crate::emergency`].

use crate::fault::{ConfigFaults, Fault, in_plain_words};
use miette::NamedSource;
use serde::de::DeserializeOwned;
use std::ops::Range;
use std::sync::Arc;
use toml::Spanned;
use toml::de::{DeTable, Deserializer};

/// Faults of one file that are reported: who has so many to mend will load again anyway.
const FAULTS_MAX: usize = 50;

pub(crate) struct Document<'a> {
    file: &'a str,
    source: Arc<NamedSource<String>>,
    root: Spanned<DeTable<'a>>,
}

impl<'a> Document<'a> {
    /// The document of a text, or everything that is not TOML in it; `file` is its name in reports.
    pub(crate) fn parse(file: &'a str, text: &'a str) -> Result<Self, ConfigFaults> {
        let source = Arc::new(NamedSource::new(file, text.to_owned()));
        let (root, errors) = DeTable::parse_recoverable(text);
        let faults: Vec<Fault> = errors
            .iter()
            .take(FAULTS_MAX)
            .map(|error| Fault::new(format!("not TOML: {}", error.message())).at(&source, error.span()))
            .collect();
        if faults.is_empty() { Ok(Document { file, source, root }) } else { Err(ConfigFaults::of(file, faults)) }
    }

    /// What the document says, or everything that is not of the right form in it.
    ///
    /// The deserializer stops at the first fault; so each key that it stops at is put aside, and the rest read again.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<T, ConfigFaults> {
        let mut root = self.root.clone();
        let mut faults = Vec::new();
        loop {
            let error = match T::deserialize(Deserializer::from(root.clone())) {
                Ok(value) if faults.is_empty() => return Ok(value),
                Ok(_) => break,
                Err(error) => error,
            };
            let place = error.span().and_then(|span| find(root.get_ref(), &span));
            let message = in_plain_words(error.message());
            let named = match &place {
                // An unknown key is named by the message itself.
                Some((section, Some(key))) if !message.starts_with("unknown key") => {
                    format!("{section}.{key}: {message}")
                }
                Some((section, Some(_))) => format!("[{section}]: {message}"),
                Some((section, None)) if !message.starts_with("unknown key") => format!("{section}: {message}"),
                Some(_) | None => message,
            };
            faults.push(Fault::new(named).at(&self.source, error.span()));
            let put_aside = match place {
                Some((section, Some(key))) => {
                    table_mut(&mut root, &section).is_some_and(|table| table.remove(key.as_str()).is_some())
                }
                Some((section, None)) => root.get_mut().remove(section.as_str()).is_some(),
                None => false,
            };
            if !put_aside || faults.len() == FAULTS_MAX {
                break;
            }
        }
        Err(ConfigFaults::of(self.file, faults))
    }

    /// Where the value of a key stands.
    pub(crate) fn place(&self, section: &str, key: &str) -> Option<Range<usize>> {
        self.root.get_ref().get(section)?.get_ref().as_table()?.get(key).map(Spanned::span)
    }

    /// The fault, pointing at a place of this document.
    pub(crate) fn at(&self, fault: Fault, place: Option<Range<usize>>) -> Fault {
        fault.at(&self.source, place)
    }
}

fn table_mut<'t, 'a>(root: &'t mut Spanned<DeTable<'a>>, section: &str) -> Option<&'t mut DeTable<'a>> {
    match root.get_mut().get_mut(section)?.get_mut() {
        toml::de::DeValue::Table(table) => Some(table),
        _ => None,
    }
}

/// The section, and the key in it, that a place belongs to.
fn find(root: &DeTable<'_>, place: &Range<usize>) -> Option<(String, Option<String>)> {
    let within = |span: Range<usize>| span.start <= place.start && place.end <= span.end;
    // Keys of sections first: a section's own span can be its header alone, or all of it.
    for (section, value) in root {
        for (key, value) in value.get_ref().as_table().into_iter().flatten() {
            if within(key.span()) || within(value.span()) {
                return Some((section.get_ref().to_string(), Some(key.get_ref().to_string())));
            }
        }
    }
    root.iter()
        .find(|(section, value)| within(section.span()) || within(value.span()))
        .map(|(section, _)| (section.get_ref().to_string(), None))
}
