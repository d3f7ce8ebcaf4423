//! The example world: a company with two profiles, a rate deck, a carrier and two PBXs.
//!
//! Everything of the switch's is made through its API, as anybody would; what happens in the world is told in `story`.

use super::agent::carrier::Carrier;
use super::agent::melody::Melody;
use super::agent::pbx::{Account, Pbx, PbxSettings, Subscriber};
use super::api::{Api, Created, CreatedProfile};
use actors::clock::Clock;
use domain::{Entropy, Micros};
use serde_json::json;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Where carrier and PBXs are, wherever the switch listens.
const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// What the company pays in at the beginning.
pub(super) const PAID_IN: Micros = Micros::from_cents(3_000);
/// What the studio is given.
pub(super) const STUDIO_CREDIT: Micros = Micros::from_cents(1_000);
/// What the site hut is given: eight seconds at the dear rate.
pub(super) const HUT_CREDIT: Micros = Micros::from_cents(800);
/// What the studio is recharged with ...
pub(super) const RECHARGE: Micros = Micros::from_cents(500);
/// ... when it has this much or less.
pub(super) const RECHARGE_AT: Micros = Micros::from_cents(500);
/// The number that the company's calls show, one of those kept for fiction.
pub(super) const CALLER_ID: &str = "+12025550100";

/// What the carrier plays into its calls.
pub(super) const CARRIER_MELODY: Melody = Melody(3);

/// One profile, and the PBX that uses it.
pub(super) struct Office {
    /// For people.
    pub(super) name: &'static str,
    /// The profile.
    pub(super) profile: String,
    /// SIP user and password.
    pub(super) account: Account,
    /// The PBX.
    pub(super) pbx: Pbx,
    /// What it plays into its calls.
    pub(super) melody: Melody,
}

/// The company and everybody around it.
pub(super) struct World {
    /// The switch's API.
    pub(super) api: Api,
    /// The clock of the agents and of the story.
    pub(super) clock: Clock,
    /// The company.
    pub(super) company: String,
    /// With enough credit, and recharged by itself.
    pub(super) studio: Office,
    /// With little credit, and nothing behind it.
    pub(super) hut: Office,
    /// The carrier.
    pub(super) carrier: Carrier,
}

impl World {
    /// Makes it all.
    ///
    /// # Errors
    /// What could not be made, and why.
    pub(super) fn create(api: Api, switch: SocketAddr, clock: Clock, mut entropy: Entropy) -> Result<World, String> {
        let carrier = Carrier::start(LOOPBACK, CARRIER_MELODY, clock, entropy.fork())
            .map_err(|error| format!("the carrier cannot start: {error}"))?;
        let deck: Created =
            api.post("/decks", &json!({ "name": "standard", "currency": "USD", "csv": config::EXAMPLE_DECK }))?;
        api.post::<Created>(&format!("/decks/{}/activate", deck.id), &json!({}))?;
        let address = carrier.address().to_string();
        api.post::<Created>("/carriers", &json!({ "name": "Fable Telecom", "address": address }))?;
        let company =
            json!({ "name": "Halden & Roe Architects", "country": "US", "currency": "USD", "deck": "standard" });
        let company = api.post::<Created>("/companies", &company)?.id;
        api.order(&format!("/companies/{company}/credit"), PAID_IN, "demo-paid-in")?;
        let recharge = json!({ "amount": RECHARGE.to_string(), "threshold": RECHARGE_AT.to_string() });
        let mut office = |name, key, melody, credit, auto_recharge| {
            let wanted = json!({
                "company": company,
                "name": name,
                "channels": 30,
                "caller_id": CALLER_ID,
                "auto_recharge": auto_recharge,
                // One of the calls is to a number that is dear on purpose: not what a new profile may call (D-16).
                "max_rate": null,
            });
            let made: CreatedProfile = api.post("/profiles", &wanted)?;
            api.order(&format!("/profiles/{}/credit", made.id), credit, key)?;
            let account = Account { user: made.sip_user, password: made.sip_password };
            let settings =
                PbxSettings { name: key, ip: LOOPBACK, subscriber: Subscriber::at(account.clone(), switch), melody };
            let pbx = Pbx::start(settings, clock, entropy.fork())
                .map_err(|error| format!("the PBX of {name} cannot start: {error}"))?;
            Ok::<Office, String>(Office { name, profile: made.id, account, pbx, melody })
        };
        let studio = office("Studio", "pbx-studio", Melody(1), STUDIO_CREDIT, Some(recharge))?;
        let hut = office("Site hut", "pbx-hut", Melody(2), HUT_CREDIT, None)?;
        Ok(World { api, clock, company, studio, hut, carrier })
    }
}
