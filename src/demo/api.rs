//! The demo as a client of the switch's own REST API: the answers in words of its own.
//!
//! What the answers mean is in `web` and `backoffice`; nothing is known here but what `/api/v1/openapi.json` tells every client.

use crate::client::Client;
use domain::Micros;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// Entries of a page: the most that the API gives.
const PAGE: usize = 500;

/// The API, with the operator's token.
#[derive(Clone)]
pub(super) struct Api(Client);

/// Something that was created.
#[derive(Debug, Deserialize)]
pub(super) struct Created {
    pub(super) id: String,
}

/// A profile that was created.
#[derive(Debug, Deserialize)]
pub(super) struct CreatedProfile {
    pub(super) id: String,
    pub(super) sip_user: String,
    pub(super) sip_password: String,
}

/// What an account has.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Credit {
    pub(super) balance: String,
    pub(super) held: String,
}

/// What is looked at of a profile.
#[derive(Debug, Deserialize)]
pub(super) struct Profile {
    pub(super) credentials: Credentials,
    pub(super) credit: Credit,
}

/// What is looked at of its credentials.
#[derive(Debug, Deserialize)]
pub(super) struct Credentials {
    pub(super) registration: Registration,
}

/// Whether it is registered.
#[derive(Debug, Deserialize)]
pub(super) struct Registration {
    pub(super) state: String,
}

/// What is looked at of a company.
#[derive(Debug, Deserialize)]
pub(super) struct Company {
    pub(super) credit: Credit,
}

/// A call, live or ended.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct CallRow {
    pub(super) id: String,
    pub(super) phase: Option<String>,
    pub(super) profile: String,
    pub(super) dialled: String,
    pub(super) destination: String,
    pub(super) talked_ms: u64,
    pub(super) billed_s: Option<u32>,
    pub(super) amount: String,
    pub(super) currency: String,
    pub(super) cause: Option<String>,
    pub(super) refusal: Option<String>,
    pub(super) status: Option<u16>,
    pub(super) attempts: Vec<Value>,
}

/// What calls come to.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Totals {
    pub(super) ended: Sum,
}

/// What some calls come to.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Sum {
    pub(super) count: u64,
    pub(super) answered: u64,
    pub(super) amounts: BTreeMap<String, String>,
}

/// A line of a statement.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Entry {
    pub(super) at: String,
    pub(super) code: String,
    pub(super) amount: String,
    pub(super) balance: String,
    pub(super) counterpart: String,
}

#[derive(Deserialize)]
struct Page<T> {
    items: Vec<T>,
    next: Option<String>,
}

impl Api {
    /// The API at this address.
    pub(super) fn new(address: SocketAddr, token: String) -> Api {
        Api(Client::new(address, token))
    }

    /// Where it is, for people.
    pub(super) fn base(&self) -> String {
        format!("http://{}/api/v1", self.0.address())
    }

    /// The operator's token.
    pub(super) fn token(&self) -> &str {
        self.0.token()
    }

    /// Reads one thing.
    pub(super) fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, String> {
        self.ask("GET", path, None, None)
    }

    /// Reads a whole list, page by page.
    pub(super) fn list<T: DeserializeOwned>(&self, path: &str) -> Result<Vec<T>, String> {
        let joint = if path.contains('?') { '&' } else { '?' };
        let mut items = Vec::new();
        let mut after = String::new();
        loop {
            let page: Page<T> = self.get(&format!("{path}{joint}limit={PAGE}{after}"))?;
            items.extend(page.items);
            match page.next {
                Some(next) => after = format!("&after={next}"),
                None => return Ok(items),
            }
        }
    }

    /// Creates or does something.
    pub(super) fn post<T: DeserializeOwned>(&self, path: &str, body: &Value) -> Result<T, String> {
        self.ask("POST", path, Some(body), None)
    }

    /// Moves money, once for each key.
    pub(super) fn order(&self, path: &str, amount: Micros, key: &str) -> Result<(), String> {
        let body = json!({ "amount": amount.to_string() });
        self.ask::<Value>("POST", path, Some(&body), Some(key)).map(drop)
    }

    /// What `/metrics` says.
    pub(super) fn metrics(&self) -> Result<String, String> {
        let answer = self.0.exchange("GET", "/metrics", None, None, |_, _| {});
        let (status, body) = answer.map_err(|failed| failed.to_string())?;
        if status == 200 { Ok(body) } else { Err(format!("GET /metrics was answered {status}: {body}")) }
    }

    fn ask<T: DeserializeOwned>(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
        key: Option<&str>,
    ) -> Result<T, String> {
        let answer = self.0.ask(method, path, body, key).map_err(|failed| failed.to_string())?;
        serde_json::from_value(answer).map_err(|error| format!("{method} {path} was answered with other JSON: {error}"))
    }
}
