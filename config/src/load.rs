//! Reading settings: the file, then the environment over it, then the checks of what the values mean.
//!
//! What the keys mean is in [`crate::settings`], how faults look in [`crate::fault`].

use crate::check;
use crate::document::Document;
use crate::environment::{self, Override};
use crate::fault::{ConfigFaults, Fault, in_plain_words};
use crate::settings::Settings;
use std::path::Path;
use toml::Table;

impl Settings {
    /// The settings of a file, overridden by `TANDEM__SECTION__KEY` variables of `env` (others are not looked at; see
    /// [`crate::environment()`] for those of this process). In a variable a list may be written with commas.
    ///
    /// # Errors
    /// Everything that is wrong with the file and the variables, each with its place and what would be right. Where the form is
    /// right, everything that is wrong with the values.
    pub fn load(path: &Path, env: impl IntoIterator<Item = (String, String)>) -> Result<Settings, ConfigFaults> {
        let file = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| {
            let fault = Fault::new(format!("{file} cannot be read: {error}"))
                .with_help("name a settings file of UTF-8 text; config/tandem.toml is one with every default");
            ConfigFaults::of(&file, vec![fault])
        })?;
        Settings::parse(&file, &text, env)
    }

    /// As [`Settings::load`], with the text of the file at hand; `file` is its name in reports. An empty text means the defaults.
    ///
    /// # Errors
    /// As [`Settings::load`].
    pub fn parse(
        file: &str,
        text: &str,
        env: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Settings, ConfigFaults> {
        let document = Document::parse(file, text)?;
        let (overrides, mut faults) = environment::overrides(env);
        if let Err(found) = document.read::<Settings>() {
            faults.extend(found.faults);
        }
        if !faults.is_empty() {
            return Err(ConfigFaults::of(file, faults));
        }
        let settings = merge(text, &overrides).map_err(|fault| ConfigFaults::of(file, vec![fault]))?;
        let faults: Vec<Fault> =
            check::faults(&settings).into_iter().map(|found| placed(found, &document, &overrides)).collect();
        if faults.is_empty() { Ok(settings) } else { Err(ConfigFaults::of(file, faults)) }
    }
}

/// The settings of a text and variables that are in order each by itself.
fn merge(text: &str, overrides: &[Override]) -> Result<Settings, Fault> {
    let plain = |error: toml::de::Error| Fault::new(in_plain_words(error.message()));
    let mut table: Table = toml::from_str(text).map_err(plain)?;
    for setting in overrides {
        setting.apply(&mut table);
    }
    table.try_into().map_err(plain)
}

/// The fault with the place of the first of its keys that somebody wrote: a variable, or a line of the file.
fn placed(found: check::Found, document: &Document<'_>, overrides: &[Override]) -> Fault {
    let fault = Fault::new(found.message).with_help(found.help);
    for (section, key) in found.keys {
        if let Some(setting) = overrides.iter().find(|setting| setting.section == section && setting.key == key) {
            return fault.by_variable(&setting.variable);
        }
        if let Some(place) = document.place(section, key) {
            return document.at(fault, Some(place));
        }
    }
    fault
}
