//! `tandem profile`: made, listed, given credit.
//!
//! What a profile is made of is the API's to say.

mod showing;

use super::door::Door;
use super::fraud::{self, ProfileFraudOptions};
use super::recharge::ProfileRechargeOptions;
use super::show::text;
use super::{Order, names, show};
use clap::{Subcommand, ValueEnum};
use domain::WarnBefore;
use serde_json::{Value, json};
use std::net::SocketAddr;

/// Profiles: one for each PBX, with its channels, its credit and its way to prove itself.
#[derive(Debug, Subcommand)]
pub(crate) enum ProfileCommand {
    /// Makes a profile, and prints its SIP user and password.
    #[command(group = clap::ArgGroup::new("without_password").args(["ip", "certificate"]).multiple(true))]
    Add {
        /// The company's name or identity.
        company: String,
        /// For people; 1 to 100 characters.
        name: String,
        /// Calls at one time.
        #[arg(long, default_value_t = 10)]
        channels: u16,
        /// Calls that its PBX may place in any second; what the node's settings say where none is.
        #[arg(long, value_name = "CALLS")]
        calls_per_second: Option<u32>,
        /// The number that is shown to who is called.
        #[arg(long, value_name = "+NUMBER")]
        caller_id: Option<String>,
        /// An address that its PBX sends from and needs no password at; may be given more than once.
        #[arg(long, value_name = "IP:PORT")]
        ip: Vec<SocketAddr>,
        /// A name in the client certificate that its PBX connects with (TLS), and needs no password with: pbx.example.com. May be given more
        /// than once.
        #[arg(long, value_name = "NAME")]
        certificate: Vec<String>,
        /// Where its PBX is called while it is not registered: 192.0.2.7:5060, or sip:pbx.example.com;transport=tls.
        #[arg(long, value_name = "ADDRESS")]
        static_contact: Option<String>,
        /// It proves itself by its address or certificate alone.
        #[arg(long, requires = "without_password")]
        no_registration: bool,
        /// Recharges it with this much from the company ...
        #[arg(long, value_name = "AMOUNT", requires = "recharge_below")]
        recharge: Option<String>,
        /// ... when it has this much or less.
        #[arg(long, value_name = "AMOUNT", requires = "recharge")]
        recharge_below: Option<String>,
        /// Whom the To of its incoming calls names.
        #[arg(long, value_name = "WHOM", value_enum, default_value_t)]
        incoming_to: IncomingTo,
        /// How much its sound is to be secured.
        #[arg(long, default_value = "off", value_parser = ["off", "preferred", "required"])]
        srtp: String,
        /// What it does about fax over T.38.
        #[arg(long, default_value = "relay", value_parser = ["relay", "refuse"])]
        t38: String,
        /// How it hears keys: in its sound (RFC 4733), by INFO, or as it can.
        #[arg(long, default_value = "auto", value_parser = ["auto", "rfc4733", "info"])]
        dtmf: String,
        /// Whether it is told in SIP what its calls cost: never, with their end, as they are charged too, or with their terms at
        /// the answer besides (3GPP TS 24.647).
        #[arg(long, default_value = "off", value_parser = ["off", "end", "during", "throughout"])]
        advice_of_charge: String,
        /// What its calls do while the ledger cannot answer: end with the second that is paid, ask again until then, or speak on.
        #[arg(long, default_value = "retry", value_parser = ["terminate", "retry", "continue"])]
        credit_failure: String,
        /// Speaking on: for so many seconds beyond what a call has paid, 300 at most ...
        #[arg(long, value_name = "SECONDS", required_if_eq("credit_failure", "continue"))]
        continue_for_s: Option<u32>,
        /// ... while all its calls owe this much at most.
        #[arg(long, value_name = "AMOUNT", required_if_eq("credit_failure", "continue"))]
        continue_risk: Option<String>,
        /// The dearest rate a minute that its calls may have, in the company's currency: 1.00, or any; what the node's settings say where
        /// nothing is said.
        #[arg(long, value_name = "AMOUNT")]
        max_rate: Option<String>,
        /// The dearest that one of its calls may become, in the company's currency: 20.00.
        #[arg(long, value_name = "AMOUNT")]
        max_call_cost: Option<String>,
        /// Seconds before the credit ends at which the caller hears a warning tone: 60,10; "" for no tone; what the node's settings say where
        /// nothing is said.
        #[arg(long, value_name = "SECONDS")]
        warn_before: Option<WarnBefore>,
    },
    /// Lists the profiles.
    List,
    /// Shows a profile: what it is and has, its daily cap, and what stopped it.
    Show {
        /// The profile's name, SIP user or identity.
        profile: String,
    },
    /// Says what a profile has, and how fast it is being spent.
    Spending {
        /// The profile's name, SIP user or identity.
        profile: String,
    },
    /// Passes credit of the company on to a profile.
    Credit {
        /// The profile's name, SIP user or identity.
        profile: String,
        /// How much, in the company's currency: 10.00.
        #[arg(allow_hyphen_values = true)]
        amount: String,
        /// An order with the same key moves money once, however often it is given; of chance where none is.
        #[arg(long)]
        key: Option<String>,
    },
    /// Shows how a profile is recharged from its company by itself, and sets it.
    AutoRecharge(ProfileRechargeOptions),
    /// Shows a profile's rules against fraud and how full they are, and sets them.
    Fraud(ProfileFraudOptions),
    /// Lets a profile that a rule against fraud has stopped call again, and permits what was refused.
    Release {
        /// The profile's name, SIP user or identity.
        profile: String,
    },
}

/// Whom the To of an incoming call names (I4), in the words of the API.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum IncomingTo {
    /// The number that was called.
    #[default]
    CalledNumber,
    /// The profile's SIP user.
    SipUsername,
}

impl IncomingTo {
    const fn as_str(self) -> &'static str {
        match self {
            IncomingTo::CalledNumber => "called_number",
            IncomingTo::SipUsername => "sip_username",
        }
    }
}

impl Order for ProfileCommand {
    fn run(&self, door: &Door) -> Result<(), String> {
        match self {
            ProfileCommand::Add {
                company,
                name,
                channels,
                calls_per_second,
                caller_id,
                ip,
                certificate,
                static_contact,
                no_registration,
                recharge,
                recharge_below,
                incoming_to,
                srtp,
                t38,
                dtmf,
                advice_of_charge,
                credit_failure,
                continue_for_s,
                continue_risk,
                max_rate,
                max_call_cost,
                warn_before,
            } => {
                let sources = ip.iter().map(|from| json!({ "address": from.ip().to_string(), "port": from.port() }));
                // What nobody has said is not asked for: only operators may.
                let is_said = credit_failure != "retry" || continue_for_s.is_some() || continue_risk.is_some();
                let credit_failure = is_said
                    .then(|| json!({ "handling": credit_failure, "for_s": continue_for_s, "risk": continue_risk }));
                let mut wanted = json!({
                    "company": names::company(door, company)?,
                    "name": name,
                    "channels": channels,
                    "calls_per_second": calls_per_second,
                    "authentication": { "registration": !no_registration, "ip": sources.collect::<Vec<_>>(),
                        "certificates": certificate },
                    "static_contact": static_contact,
                    "caller_id": caller_id,
                    "incoming_to": incoming_to.as_str(),
                    "srtp": srtp,
                    "t38": t38,
                    "dtmf": dtmf,
                    "advice_of_charge": advice_of_charge,
                    "credit_failure": credit_failure,
                    "max_call_cost": max_call_cost,
                    "warn_before_s": warn_before.map(|times| times.seconds().collect::<Vec<_>>()),
                    "auto_recharge": recharge.as_ref().zip(recharge_below.as_ref())
                        .map(|(amount, threshold)| json!({ "amount": amount, "threshold": threshold })),
                });
                // Where nothing is said, the node's settings say it.
                if let (Some(most), Some(fields)) = (max_rate, wanted.as_object_mut()) {
                    fields.insert("max_rate".to_owned(), if most == "any" { Value::Null } else { json!(most) });
                }
                show::answer(door, &door.post("/profiles", &wanted)?, made);
            }
            ProfileCommand::List => {
                let columns = [
                    ("name", "/name"),
                    ("sip user", "/credentials/sip_user"),
                    ("registration", "/credentials/registration/state"),
                    ("channels", "/channels/subscribed"),
                    ("in use", "/channels/in_use"),
                    ("credit", "/credit/available"),
                    ("state", "/state"),
                    ("certificates", "/credentials/authentication/certificates"),
                    ("id", "/id"),
                ];
                show::list(door, door.list("/profiles")?, &columns);
            }
            ProfileCommand::Show { profile } => {
                let id = names::profile(door, profile)?;
                show::answer(door, &door.get(&format!("/profiles/{id}"))?, showing::shown);
            }
            ProfileCommand::AutoRecharge(options) => options.run(door)?,
            ProfileCommand::Fraud(options) => options.run(door)?,
            ProfileCommand::Release { profile } => fraud::release(door, profile)?,
            ProfileCommand::Spending { profile } => {
                let id = names::profile(door, profile)?;
                show::answer(door, &door.get(&format!("/profiles/{id}/credit"))?, show::spending);
            }
            ProfileCommand::Credit { profile, amount, key } => {
                let id = names::profile(door, profile)?;
                let wanted = json!({ "amount": amount });
                let moved = door.order(&format!("/profiles/{id}/credit"), &wanted, key.as_deref())?;
                show::answer(door, &moved, |moved| {
                    let (amount, currency) = (text(moved, "/amount"), text(moved, "/currency"));
                    let has = text(moved, "/profile_credit/available");
                    vec![format!("{amount} {currency} passed on; \"{profile}\" has {has} {currency} to talk for")]
                });
            }
        }
        Ok(())
    }
}

/// What a PBX admin needs, once.
pub(crate) fn made(made: &Value) -> Vec<String> {
    vec![
        format!("profile \"{}\" made: {}", text(made, "/name"), text(made, "/id")),
        format!("  SIP user      {}", text(made, "/sip_user")),
        format!("  SIP password  {}", text(made, "/sip_password")),
    ]
}
