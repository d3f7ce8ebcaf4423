//! Reading settings: the file, then the environment over it, then the checks that see more than one key.
//!
//! What the keys mean is in [`crate::settings`], how faults look in [`crate::fault`].

use crate::fault::{ConfigFaults, Fault};
use crate::settings::Settings;
use miette::NamedSource;
use std::path::Path;
use std::sync::Arc;

/// What the names of environment variables for settings begin with: `TANDEM__SIP__LISTEN` is `sip.listen`.
pub const ENV_PREFIX: &str = "TANDEM__";

impl Settings {
    /// The settings of a file, overridden by `TANDEM__SECTION__KEY` variables of `env` (others are not looked at).
    ///
    /// # Errors
    /// What is wrong with the file, a variable or a value, each with its place and what would be right.
    pub fn load(path: &Path, env: impl IntoIterator<Item = (String, String)>) -> Result<Settings, ConfigFaults> {
        let file = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| ConfigFaults {
            file: file.clone(),
            faults: vec![
                Fault::new(format!("{file} cannot be read: {error}"))
                    .with_help("name a settings file of UTF-8 text; config/tandem.toml is one with every default"),
            ],
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
        let source = Arc::new(NamedSource::new(file, text.to_owned()));
        let _ = env;
        toml::from_str(text).map_err(|error: toml::de::Error| ConfigFaults {
            file: file.to_owned(),
            faults: vec![Fault::new(error.message()).at(&source, error.span())],
        })
    }
}
