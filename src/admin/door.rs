//! Which switch the operator's commands ask, and with which token.
//!
//! How it is asked is in [`crate::client`].

use crate::ConfigFile;
use crate::client::{Client, Failed, Happened, reachable};
use serde_json::Value;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Entries of a page: the most that the API gives.
const PAGE: usize = 500;

/// Where the switch is. Without any of these: the one whose settings are in the working directory.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct DoorOptions {
    #[command(flatten)]
    config: ConfigFile,
    /// Where the switch's API listens; http.listen of the settings where nothing is said.
    #[arg(long, value_name = "IP:PORT", env = "TANDEM_API", global = true)]
    api: Option<SocketAddr>,
    /// The file with the token to show; operator.token in the data folder of the settings where nothing is said.
    #[arg(long, value_name = "FILE", env = "TANDEM_TOKEN_FILE", global = true)]
    token_file: Option<PathBuf>,
    /// Prints the API's answer as JSON.
    #[arg(long, global = true)]
    json: bool,
}

/// A switch that can be asked.
pub(crate) struct Door {
    client: Client,
    /// Whether answers are wanted as JSON.
    pub(super) json: bool,
}

impl Door {
    /// The switch of these options.
    pub(super) fn open(options: &DoorOptions) -> Result<Door, String> {
        let settings = options.config.load()?;
        let address = options.api.unwrap_or_else(|| reachable(settings.http.listen));
        let file = options.token_file.clone().unwrap_or_else(|| settings.node.data_dir.join(crate::serve::TOKEN_FILE));
        let token = std::fs::read_to_string(&file).map_err(|error| {
            format!(
                "the token cannot be read from {}: {error}\n  run this in the folder that `tandem init` made, or name its \
                 settings with --config, or a token with --token-file",
                file.display()
            )
        })?;
        // A line of a tokens file is a name and a token; the operator's file has the token alone.
        let token = token.split_whitespace().last().unwrap_or_default().to_owned();
        Ok(Door { client: Client::new(address, token), json: options.json })
    }

    /// Reads something.
    pub(super) fn get(&self, path: &str) -> Result<Value, String> {
        self.client.ask("GET", path, None, None).map_err(|failed| self.told(&failed))
    }

    /// Creates or does something.
    pub(super) fn post(&self, path: &str, body: &Value) -> Result<Value, String> {
        self.client.ask("POST", path, Some(body), None).map_err(|failed| self.told(&failed))
    }

    /// A text as it is, and one of the headers beside it.
    pub(super) fn download(&self, path: &str, header: &str) -> Result<(String, Option<String>), String> {
        self.client.download(path, header).map_err(|failed| self.told(&failed))
    }

    /// Changes something.
    pub(super) fn patch(&self, path: &str, body: &Value) -> Result<Value, String> {
        self.client.ask("PATCH", path, Some(body), None).map_err(|failed| self.told(&failed))
    }

    /// Puts a document in place of another.
    pub(super) fn put(&self, path: &str, body: &Value) -> Result<Value, String> {
        self.client.ask("PUT", path, Some(body), None).map_err(|failed| self.told(&failed))
    }

    /// Removes something.
    pub(super) fn delete(&self, path: &str) -> Result<(), String> {
        self.client.ask("DELETE", path, None, None).map(drop).map_err(|failed| self.told(&failed))
    }

    /// As [`Door::post`], for a long body: `sent` is told how many bytes of how many have gone out.
    pub(super) fn post_telling(
        &self,
        path: &str,
        body: &Value,
        sent: impl FnMut(usize, usize),
    ) -> Result<Value, String> {
        self.client.ask_telling("POST", path, Some(body), None, sent).map_err(|failed| self.told(&failed))
    }

    /// Moves money, once for each key. A key of chance where none is given; told where it is not certain whether it moved.
    pub(super) fn order(&self, path: &str, body: &Value, key: Option<&str>) -> Result<Value, String> {
        let key = match key {
            Some(key) => key.to_owned(),
            None => {
                let mut bytes = [0; 16];
                actors::chance::fill(&mut bytes).map_err(|error| format!("no random numbers can be had: {error}"))?;
                format!("cli-{:032x}", u128::from_be_bytes(bytes))
            }
        };
        self.client.ask("POST", path, Some(body), Some(&key)).map_err(|failed| match failed {
            Failed::Unreachable(_) => format!(
                "{}\n  whether the money moved is not certain: ask again with --key {key}, and it moves once",
                self.told(&failed)
            ),
            Failed::Refused { .. } => self.told(&failed),
        })
    }

    /// Hears events until `hear` has had enough, or the stream ends.
    pub(super) fn events(
        &self,
        path: &str,
        last: Option<&str>,
        hear: impl FnMut(&Happened) -> std::io::Result<bool>,
    ) -> Result<(), String> {
        self.client.events(path, last, hear).map_err(|failed| self.told(&failed))
    }

    /// A whole list, page by page.
    pub(super) fn list(&self, path: &str) -> Result<Vec<Value>, String> {
        let joint = if path.contains('?') { '&' } else { '?' };
        let (mut items, mut after) = (Vec::new(), String::new());
        loop {
            let mut page = self.get(&format!("{path}{joint}limit={PAGE}{after}"))?;
            if let Some(Value::Array(more)) = page.get_mut("items").map(Value::take) {
                items.extend(more);
            }
            match page.get("next").and_then(Value::as_str) {
                Some(next) => after = format!("&after={next}"),
                None => return Ok(items),
            }
        }
    }

    fn told(&self, failed: &Failed) -> String {
        match failed {
            Failed::Unreachable(why) => format!(
                "{why}\n  no switch answers there: start it with `tandem serve`, or name another with --api IP:PORT"
            ),
            Failed::Refused { status: 401, .. } => {
                format!("{failed}\n  the token is not this switch's: name the right file with --token-file")
            }
            Failed::Refused { .. } => failed.to_string(),
        }
    }
}
