//! What a person with a telephone needs to know: where to register, as whom, and what to dial.
//!
//! That the numbers do what is said here is the carrier's (`agent::carrier`).

use super::api::Profile;
use super::screen::Screen;
use super::story::{ANSWERS, BUSY, DEAR, ECHO, EMERGENCY};
use super::world::World;
use serde::Serialize;
use std::net::SocketAddr;

/// Rings and is never answered.
const RINGS: &str = "+12025550103";
/// Answers and gives back what it hears, by way of the carrier.
const CARRIER_ECHO: &str = "+442079460104";

/// Where the demo can be reached, for machines.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Reachable {
    sip: String,
    realm: String,
    api: String,
    token: String,
    metrics: String,
    data_dir: String,
    /// Where the credit is, with `--redis`.
    redis: Option<String>,
    accounts: Vec<Login>,
    carrier: String,
}

/// What a PBX or a phone registers with.
#[derive(Clone, Debug, Serialize)]
struct Login {
    name: &'static str,
    profile: String,
    user: String,
    password: String,
    /// After the story.
    credit_usd: String,
}

impl Reachable {
    pub(super) fn new(world: &World, sip: SocketAddr, http: SocketAddr, settings: &config::Settings) -> Reachable {
        let login = |office: &super::world::Office| Login {
            name: office.name,
            profile: office.profile.clone(),
            user: office.account.user.clone(),
            password: office.account.password.clone(),
            credit_usd: world
                .api
                .get::<Profile>(&format!("/profiles/{}", office.profile))
                .map_or_else(|_| "?".to_owned(), |profile| profile.credit.balance),
        };
        Reachable {
            sip: sip.to_string(),
            realm: settings.sip.realm.clone(),
            api: world.api.base(),
            token: world.api.token().to_owned(),
            metrics: format!("http://{http}/metrics"),
            data_dir: settings.node.data_dir.display().to_string(),
            redis: settings.ledger.url.as_ref().map(ToString::to_string),
            accounts: [&world.studio, &world.hut].map(login).into(),
            carrier: world.carrier.address().to_string(),
        }
    }

    /// Shows it.
    pub(super) fn show(&self, screen: &mut Screen) {
        screen.heading("Point a phone at it");
        screen.line(format!("  server      {} (UDP or TCP), realm {}", self.sip, self.realm));
        for login in &self.accounts {
            let Login { name, user, password, credit_usd, .. } = login;
            screen.line(format!("  {name:<11} user {user}  password {password}  has {credit_usd} USD"));
        }
        screen.line("  dial");
        for (number, what) in [
            (ECHO, "the echo test: you hear yourself, free"),
            (ANSWERS, "answers and plays, 0.008 USD a minute"),
            (CARRIER_ECHO, "answers and echoes by way of the carrier, 0.01 USD a minute"),
            (BUSY, "is busy"),
            (RINGS, "rings and is never answered"),
            (DEAR, "a dollar a second: cut off when the credit is spent"),
            (EMERGENCY, "emergency: refused with 503, so that a PBX takes its own line"),
        ] {
            screen.line(format!("    {number:<15} {what}"));
        }
        screen.heading("And a program");
        screen.line(format!("  API         {} (description: {}/openapi.json)", self.api, self.api));
        screen.line(format!("  token       {}", self.token));
        screen.line(format!("  metrics     {}", self.metrics));
        let redis = self.redis.as_ref().map(|url| format!("TANDEM__LEDGER__ENGINE=redis TANDEM__LEDGER__URL={url} "));
        let redis = redis.unwrap_or_default();
        screen.line(format!("  the books   TANDEM__NODE__DATA_DIR={} {redis}tandem ledger verify", self.data_dir));
        screen.line("");
    }
}
