//! The operator's commands: companies, profiles, carriers, numbers and decks of a running switch. Each is one call of its API.
//!
//! What may be asked, and what is wrong with it, is the API's to say.
//!
//! | File | Holds |
//! |---|---|
//! | [`door`] | which switch is asked, with which token |
//! | [`names`] | names that people use, as the identities that the API wants |
//! | [`show`] | answers as JSON, lines or a table |
//! | the others | one noun each |

mod account;
mod ban;
mod breaker;
mod call;
mod calls;
mod carrier;
mod company;
mod credit;
mod deck;
mod door;
mod events;
mod fraud;
mod identity;
mod ledger;
mod names;
mod number;
mod payment;
mod profile;
mod recharge;
mod registration;
mod show;
mod simulate;
mod webhook;

pub(crate) use account::AccountCommand;
pub(crate) use ban::BanCommand;
pub(crate) use breaker::BreakerCommand;
pub(crate) use call::CallCommand;
pub(crate) use calls::CallsCommand;
pub(crate) use carrier::CarrierCommand;
pub(crate) use company::CompanyCommand;
pub(crate) use credit::CreditCommand;
pub(crate) use deck::DeckCommand;
pub(crate) use door::DoorOptions;
pub(crate) use events::EventsCommand;
pub(crate) use identity::IdentityCommand;
pub(crate) use ledger::TrimOrder;
pub(crate) use number::NumberCommand;
pub(crate) use payment::PaymentCommand;
pub(crate) use profile::{ProfileCommand, made as profile_made};
pub(crate) use registration::RegistrationCommand;
pub(crate) use simulate::SimulateCommand;
pub(crate) use webhook::WebhookCommand;

use door::Door;
use std::process::ExitCode;

/// One noun's commands.
pub(crate) trait Order {
    /// Does it; what is wrong, for a person, where it cannot be done.
    fn run(&self, door: &Door) -> Result<(), String>;
}

/// Asks the switch, and says what is wrong where it cannot be asked.
pub(crate) fn run(options: &DoorOptions, order: &impl Order) -> ExitCode {
    let done = Door::open(options).and_then(|door| order.run(&door));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("{fault}");
            ExitCode::FAILURE
        }
    }
}
