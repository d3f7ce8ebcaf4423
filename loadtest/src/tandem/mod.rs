//! Where the target is a Tandem: what is made there for the load test, what its metrics say of the run, and whether its books agree.
//!
//! All of it goes through the REST API and `/metrics`, as anybody's would; nothing of the switch is linked in.

mod books;
mod http;
mod metrics;

pub use books::Books;
pub use metrics::{Measured, Page, Ticks};

use crate::Error;
use crate::options::Plan;
use http::Http;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::net::SocketAddr;
use telephone::Account;

/// The caller ID of all calls: one of those kept for fiction.
const CALLER_ID: &str = "+12025550100";
/// The currency of the company.
const CURRENCY: &str = "USD";
/// What a second costs, in cents: so that each begun second is a charge tick, and the sum of calls a whole number.
pub const CENTS_A_SECOND: u64 = 1;
/// Channels of a profile: the most that a Tandem sells.
const CHANNELS_MAX: u64 = 300;
/// Seconds beyond the hold for which a call may be charged before somebody would notice.
const SPARE_S: u64 = 10;

/// A Tandem, and what was made in it.
pub struct Tandem {
    http: Http,
    company: String,
    carrier: String,
    profiles: Vec<String>,
    /// What each profile was given, in cents.
    given_cents: u64,
    accounts: Vec<Account>,
}

#[derive(Deserialize)]
struct Created {
    id: String,
}

#[derive(Deserialize)]
struct CreatedProfile {
    id: String,
    sip_user: String,
    sip_password: String,
}

impl Tandem {
    /// Makes a company with credit, a deck of one row, profiles, and a carrier for the number that is dialled and no other.
    /// `run` names them, so that no two runs share anything.
    ///
    /// # Errors
    /// What the API refused.
    pub fn provision(
        url: &str,
        token: &str,
        pbxs: usize,
        carrier: SocketAddr,
        run: &str,
        plan: &Plan,
    ) -> Result<Tandem, Error> {
        let http = Http::new(url, token).map_err(Error::Api)?;
        let options = &plan.options;
        let digits: String = options.dial.chars().filter(char::is_ascii_digit).collect();
        if digits.len() < 7 || !options.dial.starts_with('+') {
            let fault =
                format!("--dial {}: with --tandem-api expected a whole number such as +12025550123", options.dial);
            return Err(Error::Asked(fault));
        }
        let name = format!("loadtest-{run}");
        let per_minute = CENTS_A_SECOND * 60;
        let csv = format!(
            "prefix,destination,rate_per_minute,connection_fee,minimum_s,increment_s\n{digits},Load test,{},,1,1\n",
            dollars(per_minute)
        );
        let deck = json!({ "name": name, "currency": CURRENCY, "csv": csv });
        let deck: Created = ask(&http, "/decks", &deck)?;
        ask::<Value>(&http, &format!("/decks/{}/activate", deck.id), &json!({}))?;
        let carrier = json!({ "name": name, "address": carrier.to_string(), "prefixes": [digits] });
        let carrier = ask::<Created>(&http, "/carriers", &carrier)?.id;
        let company = json!({ "name": name, "country": "US", "currency": CURRENCY, "deck": name });
        let company = ask::<Created>(&http, "/companies", &company)?.id;
        // Enough for every call of the run on one profile, and for what is held besides.
        let seconds = options.hold.as_secs() + SPARE_S;
        let given_cents = plan.schedule.instants().len() as u64 * seconds * CENTS_A_SECOND;
        let mut tandem = Tandem { http, company, carrier, profiles: Vec::new(), given_cents, accounts: Vec::new() };
        let all = given_cents * pbxs as u64;
        tandem.credit(&format!("/companies/{}/credit", tandem.company), all, &format!("{run}-company"))?;
        let at_once = (options.rate / pbxs as f64 * seconds as f64).ceil() as u64;
        let channels = (at_once * 2).clamp(10, CHANNELS_MAX);
        for number in 1..=pbxs {
            let wanted = json!({
                "company": tandem.company,
                "name": format!("{name}-{number}"),
                "channels": channels,
                "caller_id": CALLER_ID,
            });
            let made: CreatedProfile = ask(&tandem.http, "/profiles", &wanted)?;
            tandem.credit(&format!("/profiles/{}/credit", made.id), given_cents, &format!("{run}-{number}"))?;
            tandem.profiles.push(made.id);
            tandem.accounts.push(Account { user: made.sip_user, password: made.sip_password });
        }
        Ok(tandem)
    }

    /// The SIP accounts of the profiles.
    pub fn accounts(&self) -> &[Account] {
        &self.accounts
    }

    /// What `/metrics` says now.
    ///
    /// # Errors
    /// Where it says nothing.
    pub fn metrics(&self) -> Result<Page, Error> {
        self.http.text("/metrics").map(|text| Page::read(&text)).map_err(Error::Api)
    }

    /// Takes the carrier away again. Company and profiles stay, as their records do.
    ///
    /// # Errors
    /// What the API refused.
    pub fn leave(&self) -> Result<(), Error> {
        self.http.delete(&format!("/carriers/{}", self.carrier)).map_err(Error::Api)
    }

    fn credit(&self, path: &str, cents: u64, key: &str) -> Result<(), Error> {
        let body = json!({ "amount": dollars(cents) });
        self.http.post::<Value>(path, &body, Some(key)).map(drop).map_err(Error::Api)
    }

    fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        self.http.get(path).map_err(Error::Api)
    }
}

fn ask<T: DeserializeOwned>(http: &Http, path: &str, body: &Value) -> Result<T, Error> {
    http.post(path, body, None).map_err(Error::Api)
}

/// Cents as a decimal amount.
pub fn dollars(cents: u64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}
