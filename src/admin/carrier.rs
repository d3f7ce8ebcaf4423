//! `tandem carrier`: made, listed.
//!
//! Choosing among carriers is the switch's.

use super::door::Door;
use super::show::text;
use super::{Order, show};
use clap::Subcommand;
use serde_json::json;

/// Carriers: who takes calls onwards, and brings calls in.
#[derive(Debug, Subcommand)]
pub(crate) enum CarrierCommand {
    /// Makes a carrier; calls are handed to it at once.
    Add {
        /// For people; unique.
        name: String,
        /// Host and port: 192.0.2.1:5060. Several are tried in order.
        #[arg(required = true, value_name = "HOST:PORT")]
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
        /// A network that its sound may come from, and from no other: 192.0.2.0/24. May be given more than once.
        #[arg(long, value_name = "NETWORK")]
        media_network: Vec<String>,
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
                media_network,
            } => {
                let wanted = json!({
                    "name": name,
                    "addresses": addresses,
                    "transport": transport,
                    "priority": priority,
                    "prefixes": prefix,
                    "inbound_sources": from,
                    "progress_timeout_s": progress_timeout,
                    "terms": {
                        "weight": weight,
                        "channels": channels,
                        "calls_per_second": calls_per_second,
                        "number_format": number_format,
                        "response_timeout_s": response_timeout,
                        "options_interval_s": options_interval,
                        "buy_deck": buy_deck,
                    },
                    "srtp": srtp,
                    "t38": t38,
                    "media_networks": media_network,
                });
                let made = door.post("/carriers", &wanted)?;
                show::answer(door, &made, |made| {
                    let at = text(made, "/addresses");
                    vec![format!("carrier \"{}\" at {at} made: {}", text(made, "/name"), text(made, "/id"))]
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
                    ("calls", "/health/channels_in_use"),
                    ("of", "/terms/channels"),
                    ("prefixes", "/prefixes"),
                    ("enabled", "/enabled"),
                    ("id", "/id"),
                ];
                show::list(door, door.list("/carriers")?, &columns);
            }
        }
        Ok(())
    }
}
