//! `tandem company`: made, listed, credited.
//!
//! Passing credit on to profiles is in `profile`.

use super::door::Door;
use super::payment::CompanyRechargeOptions;
use super::show::text;
use super::{Order, names, recharge, show};
use clap::Subcommand;
use serde_json::json;

/// Companies: whose PBXs call, and who pays.
#[derive(Debug, Subcommand)]
pub(crate) enum CompanyCommand {
    /// Makes a company.
    Add {
        /// For people; 1 to 100 characters.
        name: String,
        /// Where its branch is, as ISO 3166-1 has it: decides emergency numbers.
        #[arg(long, default_value = "US")]
        country: String,
        /// Of all its money, as ISO 4217 has it; cannot be changed later.
        #[arg(long, default_value = "USD")]
        currency: String,
        /// The deck that its calls are charged by; the first one in force in its currency where none is named.
        #[arg(long)]
        deck: Option<String>,
    },
    /// Lists the companies with their credit.
    List,
    /// Books money that a company has paid in, for example by bank transfer.
    Credit {
        /// The company's name or identity.
        company: String,
        /// How much, in the company's currency: 100.00.
        #[arg(allow_hyphen_values = true)]
        amount: String,
        /// For the statement: "bank transfer 2026-11-03".
        #[arg(long)]
        reason: String,
        /// An order with the same key moves money once, however often it is given; of chance where none is.
        #[arg(long)]
        key: Option<String>,
    },
    /// Shows how a company is recharged by payments, and sets it.
    AutoRecharge(CompanyRechargeOptions),
    /// What recharges of its profiles may take from a company soon, and whether it has that much.
    Liabilities {
        /// The company's name or identity; every company where none is named.
        company: Option<String>,
    },
}

impl Order for CompanyCommand {
    fn run(&self, door: &Door) -> Result<(), String> {
        match self {
            CompanyCommand::Add { name, country, currency, deck } => {
                let wanted = json!({ "name": name, "country": country, "currency": currency, "deck": deck });
                let made = door.post("/companies", &wanted)?;
                show::answer(door, &made, |made| {
                    vec![format!("company \"{}\" made: {}", text(made, "/name"), text(made, "/id"))]
                });
            }
            CompanyCommand::List => {
                let columns = [
                    ("name", "/name"),
                    ("country", "/country"),
                    ("credit", "/credit/available"),
                    ("currency", "/currency"),
                    ("suspended", "/suspended"),
                    ("id", "/id"),
                ];
                show::list(door, door.list("/companies")?, &columns);
            }
            CompanyCommand::AutoRecharge(options) => options.run(door)?,
            CompanyCommand::Liabilities { company } => recharge::liabilities(door, company.as_deref())?,
            CompanyCommand::Credit { company, amount, reason, key } => {
                let id = names::company(door, company)?;
                let wanted = json!({ "amount": amount, "reason": reason });
                let moved = door.order(&format!("/companies/{id}/credit"), &wanted, key.as_deref())?;
                show::answer(door, &moved, |moved| {
                    let (amount, currency) = (text(moved, "/amount"), text(moved, "/currency"));
                    let left = text(moved, "/company_credit/available");
                    vec![format!("{amount} {currency} booked; \"{company}\" has {left} {currency} to pass on")]
                });
            }
        }
        Ok(())
    }
}
