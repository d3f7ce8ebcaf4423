//! `tandem carrier`: made, listed.
//!
//! Choosing among carriers is the switch's.

use super::door::Door;
use super::show::text;
use super::{Order, names, show};
use clap::Subcommand;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Carriers: who takes calls onwards, and brings calls in.
#[derive(Debug, Subcommand)]
pub(crate) enum CarrierCommand {
    /// Makes a carrier; calls are handed to it at once.
    Add {
        /// For people; unique.
        name: String,
        /// Where it is: 192.0.2.1:5060, or a name of which DNS tells the rest: example.net, sip:example.net;transport=tls. Several are tried
        /// in order.
        #[arg(required = true, value_name = "ADDRESS")]
        addresses: Vec<String>,
        /// How messages travel.
        #[arg(long, default_value = "udp", value_parser = ["udp", "tcp", "tls"])]
        transport: String,
        /// The lowest is tried first.
        #[arg(long, default_value_t = 100)]
        priority: u16,
        /// A destination that it serves, as digits: 44. May be given more than once; all where none is.
        #[arg(long, value_name = "DIGITS")]
        prefix: Vec<String>,
        /// An address that it calls from, where that is not one of its own: 192.0.2.1, or 192.0.2.1:5080. May be given more than once.
        #[arg(long, value_name = "IP[:PORT]")]
        from: Vec<String>,
        /// A name in the client certificate that its calls come with, wherever from: sbc.example.net. May be given more than once.
        #[arg(long, value_name = "NAME")]
        certificate: Vec<String>,
        /// Its share among the carriers of its priority: 70 and 30 share seven to three. Those with 0 go behind, the cheapest first.
        #[arg(long, default_value_t = 0)]
        weight: u16,
        /// Calls that are handed to it at one time at most.
        #[arg(long)]
        channels: Option<u32>,
        /// Calls that are handed to it in any second at most.
        #[arg(long)]
        calls_per_second: Option<u32>,
        /// How it wants numbers written: plus, digits, 00, 011, national:44:0; a prefix for all may follow a comma: digits,1234#.
        #[arg(long, default_value = "plus")]
        number_format: String,
        /// Seconds to its first response before the next carrier is tried.
        #[arg(long, value_name = "SECONDS")]
        response_timeout: Option<u16>,
        /// Seconds to its first 180 or 183 before the next carrier is tried.
        #[arg(long, value_name = "SECONDS")]
        progress_timeout: Option<u16>,
        /// Seconds between two OPTIONS that ask whether it lives; 0 for none.
        #[arg(long, value_name = "SECONDS")]
        options_interval: Option<u16>,
        /// The deck with what it asks for calls.
        #[arg(long, value_name = "DECK")]
        buy_deck: Option<String>,
        /// How much its sound is to be secured.
        #[arg(long, default_value = "off", value_parser = ["off", "preferred", "required"])]
        srtp: String,
        /// What it does about fax over T.38.
        #[arg(long, default_value = "relay", value_parser = ["relay", "refuse"])]
        t38: String,
        /// How it hears keys: in its sound (RFC 4733), by INFO, or as it can.
        #[arg(long, default_value = "auto", value_parser = ["auto", "rfc4733", "info"])]
        dtmf: String,
        /// A network that its sound may come from, and from no other: 192.0.2.0/24. May be given more than once.
        #[arg(long, value_name = "NETWORK")]
        media_network: Vec<String>,
        /// What becomes of its redirections (3xx): refuse tries the next carrier, follow calls where it says, if that is its own.
        #[arg(long, default_value = "refuse", value_parser = ["refuse", "follow"])]
        redirects: String,
        /// Where its requests are sent, where that is not where its first address says.
        #[arg(long, value_name = "ADDRESS")]
        outbound_proxy: Option<String>,
        /// The name by which it knows us, where it asks (digest) or wants us to register.
        #[arg(long, value_name = "NAME", requires = "password_file")]
        user: Option<String>,
        /// The name for digest, where it gave another one for it.
        #[arg(long, value_name = "NAME", requires = "user")]
        auth_user: Option<String>,
        /// The only realm whose challenges are answered.
        #[arg(long, value_name = "REALM", requires = "user")]
        realm: Option<String>,
        /// A file with the password that it gave.
        #[arg(long, value_name = "FILE", requires = "user")]
        password_file: Option<PathBuf>,
        /// Registers there; its calls then come to our Contact.
        #[arg(long, requires = "user")]
        register: bool,
        /// Seconds that are registered for.
        #[arg(long, value_name = "SECONDS", default_value_t = 3_600)]
        register_expires: u32,
    },
    /// Says who we are to a carrier that asks, or wants us to register; the password is never shown again.
    Account {
        /// The carrier's name or identity.
        carrier: String,
        /// The name by which it knows us.
        #[arg(long, value_name = "NAME")]
        user: String,
        /// The name for digest, where it gave another one for it.
        #[arg(long, value_name = "NAME")]
        auth_user: Option<String>,
        /// The only realm whose challenges are answered.
        #[arg(long, value_name = "REALM")]
        realm: Option<String>,
        /// A file with the password that it gave; the one that is kept where none is named.
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
        /// Registers there.
        #[arg(long)]
        register: bool,
        /// Seconds that are registered for.
        #[arg(long, value_name = "SECONDS", default_value_t = 3_600)]
        register_expires: u32,
    },
    /// Lists the carriers.
    List,
}

impl Order for CarrierCommand {
    fn run(&self, door: &Door) -> Result<(), String> {
        match self {
            CarrierCommand::Add {
                name,
                addresses,
                transport,
                priority,
                prefix,
                from,
                certificate,
                weight,
                channels,
                calls_per_second,
                number_format,
                response_timeout,
                progress_timeout,
                options_interval,
                buy_deck,
                srtp,
                t38,
                dtmf,
                media_network,
                redirects,
                outbound_proxy,
                user,
                auth_user,
                realm,
                password_file,
                register,
                register_expires,
            } => {
                // Before anything is made: the file may not be there.
                let password = password_file.as_deref().map(password_in).transpose()?;
                let wanted = json!({
                    "name": name,
                    "addresses": addresses,
                    "transport": transport,
                    "priority": priority,
                    "prefixes": prefix,
                    "inbound_sources": from,
                    "certificates": certificate,
                    "progress_timeout_s": progress_timeout,
                    "terms": {
                        "weight": weight,
                        "channels": channels,
                        "calls_per_second": calls_per_second,
                        "number_format": number_format,
                        "response_timeout_s": response_timeout,
                        "options_interval_s": options_interval,
                        "buy_deck": buy_deck,
                        "redirects": redirects,
                        "outbound_proxy": outbound_proxy,
                    },
                    "srtp": srtp,
                    "t38": t38,
                    "dtmf": dtmf,
                    "media_networks": media_network,
                });
                let made = door.post("/carriers", &wanted)?;
                if let Some(user) = user {
                    let digest = (auth_user.as_deref(), realm.as_deref(), password);
                    let account = account_of(user, digest, *register, *register_expires);
                    door.put(&format!("/carriers/{}/account", text(&made, "/id")), &account).map_err(|why| {
                        format!("the carrier is made, but not who we are to it (tandem carrier account): {why}")
                    })?;
                }
                show::answer(door, &made, |made| {
                    let at = text(made, "/addresses");
                    vec![format!("carrier \"{}\" at {at} made: {}", text(made, "/name"), text(made, "/id"))]
                });
            }
            CarrierCommand::Account { carrier, user, auth_user, realm, password_file, register, register_expires } => {
                let password = password_file.as_deref().map(password_in).transpose()?;
                let carrier = names::carrier(door, carrier)?;
                let digest = (auth_user.as_deref(), realm.as_deref(), password);
                let account = account_of(user, digest, *register, *register_expires);
                let said = door.put(&format!("/carriers/{}/account", text(&carrier, "/id")), &account)?;
                show::answer(door, &said, |said| {
                    let name = text(&carrier, "/name");
                    let registers = if *register { ", and we register there" } else { "" };
                    vec![format!("carrier \"{name}\" knows us as {}{registers}", text(said, "/username"))]
                });
            }
            CarrierCommand::List => {
                let columns = [
                    ("name", "/name"),
                    ("addresses", "/addresses"),
                    ("transport", "/transport"),
                    ("priority", "/priority"),
                    ("weight", "/terms/weight"),
                    ("state", "/health/state"),
                    ("registered", "/registration/state"),
                    ("calls", "/health/channels_in_use"),
                    ("of", "/terms/channels"),
                    ("prefixes", "/prefixes"),
                    ("certificates", "/certificates"),
                    ("enabled", "/enabled"),
                    ("id", "/id"),
                ];
                show::list(door, door.list("/carriers")?, &columns);
            }
        }
        Ok(())
    }
}

/// The password in a file: its first line.
fn password_in(file: &Path) -> Result<String, String> {
    let text = std::fs::read_to_string(file).map_err(|wrong| format!("{}: {wrong}", file.display()))?;
    let line = text.lines().next().unwrap_or_default();
    if line.is_empty() {
        Err(format!("{}: its first line is empty, expected a password", file.display()))
    } else {
        Ok(line.to_owned())
    }
}

/// Who we are to a carrier: of digest the user, the realm and the password.
type Digest<'a> = (Option<&'a str>, Option<&'a str>, Option<String>);

fn account_of(user: &str, (auth_user, realm, password): Digest<'_>, register: bool, expires_s: u32) -> Value {
    json!({
        "username": user, "auth_username": auth_user, "realm": realm, "password": password,
        "register": register, "expires_s": expires_s,
    })
}
