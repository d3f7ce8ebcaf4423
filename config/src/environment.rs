//! Settings from environment variables: `TANDEM__SIP__LISTEN` is `sip.listen`, and wins over the file.
//!
//! Other variables are not looked at; what the keys mean is in [`crate::settings`].

use crate::fault::{Fault, in_plain_words};
use crate::settings::Settings;
use toml::{Table, Value};

/// What the names of variables for settings begin with.
pub const ENV_PREFIX: &str = "TANDEM__";

/// The environment of this process, for [`Settings::load`]. What is not Unicode in it becomes replacement characters, so that a
/// stray variable of another program harms nothing.
pub fn environment() -> Vec<(String, String)> {
    let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
    std::env::vars_os().map(|(name, value)| (text(name), text(value))).collect()
}

/// One variable as a setting.
#[derive(Clone, Debug)]
pub(crate) struct Override {
    /// The name of the variable.
    pub(crate) variable: String,
    pub(crate) section: String,
    pub(crate) key: String,
    value: Value,
}

/// The variables that are settings, by name, and what is wrong with the others of our prefix.
pub(crate) fn overrides(env: impl IntoIterator<Item = (String, String)>) -> (Vec<Override>, Vec<Fault>) {
    let mut variables: Vec<(String, String)> =
        env.into_iter().filter(|(name, _)| name.starts_with(ENV_PREFIX)).collect();
    variables.sort();
    let defaults = Table::try_from(Settings::default()).unwrap_or_default();
    let (mut overrides, mut faults) = (Vec::new(), Vec::new());
    for (variable, text) in variables {
        match read(&variable, &text, &defaults) {
            Ok(setting) => overrides.push(setting),
            Err(fault) => faults.push(fault),
        }
    }
    (overrides, faults)
}

fn read(variable: &str, text: &str, defaults: &Table) -> Result<Override, Fault> {
    let lower = variable[ENV_PREFIX.len()..].to_ascii_lowercase();
    let Some((section, key)) = lower.split_once("__") else {
        return Err(Fault::new(format!("the variable {variable} names no setting"))
            .with_help("expected TANDEM__SECTION__KEY, such as TANDEM__SIP__LISTEN"));
    };
    let like = defaults.get(section).and_then(|section| section.get(key));
    let setting = Override {
        variable: variable.to_owned(),
        section: section.to_owned(),
        key: key.to_owned(),
        value: value(text, like),
    };
    // Alone over the defaults: so a fault is this variable's.
    let mut alone = Table::new();
    setting.apply(&mut alone);
    match alone.try_into::<Settings>() {
        Ok(_) => Ok(setting),
        Err(error) => {
            Err(Fault::new(format!("the variable {variable}=\"{text}\": {}", in_plain_words(error.message()))))
        }
    }
}

impl Override {
    /// Puts the value into a document.
    pub(crate) fn apply(&self, document: &mut Table) {
        let section = document.entry(self.section.clone()).or_insert_with(|| Value::Table(Table::new()));
        if let Value::Table(section) = section {
            section.insert(self.key.clone(), self.value.clone());
        }
    }
}

/// The text as a value of the kind that the setting has by default. What is not of that kind stays a text, for the deserializer to
/// complain of.
fn value(text: &str, like: Option<&Value>) -> Value {
    let as_toml = || format!("value = {text}").parse::<Table>().ok().and_then(|mut table| table.remove("value"));
    let plain = || Value::String(text.to_owned());
    match like {
        Some(Value::Integer(_)) => text.trim().parse().map_or_else(|_| plain(), Value::Integer),
        Some(Value::Boolean(_)) => text.trim().parse().map_or_else(|_| plain(), Value::Boolean),
        Some(Value::Table(_)) => as_toml().unwrap_or_else(plain),
        Some(Value::Array(_)) => as_toml().filter(Value::is_array).unwrap_or_else(|| {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            Value::Array(items.map(|item| Value::String(item.to_owned())).collect())
        }),
        // A text, or an optional setting: all of those are texts.
        _ => plain(),
    }
}
