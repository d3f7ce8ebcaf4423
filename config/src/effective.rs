//! The settings in force as a settings file.
//!
//! Secrets are in files of their own and never here; the shipped, commented file is `tandem.toml`.

use crate::settings::Settings;

impl Settings {
    /// Every key with the value in force, as a file that could be loaded again. Secrets appear as the names of their files only.
    pub fn effective(&self) -> String {
        // Plain structs of texts, numbers and lists: there is nothing in them that TOML cannot say.
        toml::to_string(self).unwrap_or_default()
    }
}
