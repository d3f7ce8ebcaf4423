//! `tandem payment`: ordered, listed, asked for again, given up; and how companies are recharged by payments.
//!
//! What becomes of a payment is the switch's to say.

use super::door::Door;
use super::show::text;
use super::{Order, names, show};
use clap::Subcommand;
use serde_json::{Map, Value, json};

/// Payments that companies make through the payment provider.
#[derive(Debug, Subcommand)]
pub(crate) enum PaymentCommand {
    /// Lists the payments of a company, oldest first.
    List {
        /// The company's name or identity.
        company: String,
    },
    /// Orders a payment of the company's own.
    Order {
        /// The company's name or identity.
        company: String,
        /// How much, in the company's currency: 50.00.
        #[arg(allow_hyphen_values = true)]
        amount: String,
        /// By what the provider knows the card or account that pays; never its number.
        #[arg(long)]
        method: Option<String>,
        /// An order with the same key is paid once, however often it is given; of chance where none is.
        #[arg(long)]
        key: Option<String>,
    },
    /// Asks the provider again now what became of a payment, under the same key.
    Retry {
        /// The company's name or identity.
        company: String,
        /// The payment's identity.
        payment: String,
    },
    /// Asks the provider to give a payment up that is opened or pending.
    Cancel {
        /// The company's name or identity.
        company: String,
        /// The payment's identity.
        payment: String,
    },
    /// Closes an orphaned payment: its provider is not asked any more, and somebody learnt what became of it.
    Close {
        /// The company's name or identity.
        company: String,
        /// The payment's identity.
        payment: String,
        /// The provider has the money: the company gets the credit, once.
        #[arg(long, required_unless_present = "not_paid", conflicts_with = "not_paid")]
        paid: bool,
        /// The provider has not, and will not take it.
        #[arg(long)]
        not_paid: bool,
        /// How that is known: "statement of our former provider, 2026-11-22".
        #[arg(long)]
        reason: String,
    },
}

fn told(payment: &Value) -> Vec<String> {
    let [id, amount, currency, state] = ["/id", "/amount", "/currency", "/state"].map(|place| text(payment, place));
    vec![format!("{id}: {amount} {currency}, {state}")]
}

impl Order for PaymentCommand {
    fn run(&self, door: &Door) -> Result<(), String> {
        match self {
            PaymentCommand::List { company } => {
                let id = names::company(door, company)?;
                let columns = [
                    ("opened", "/opened_at"),
                    ("amount", "/amount"),
                    ("currency", "/currency"),
                    ("state", "/state"),
                    ("orphaned", "/orphaned"),
                    ("automatic", "/automatic"),
                    ("provider", "/provider"),
                    ("reference", "/reference"),
                    ("because", "/because"),
                    ("id", "/id"),
                ];
                let payments = door.list(&format!("/companies/{id}/payments"))?;
                let orphaned: Vec<Value> =
                    payments.iter().filter(|payment| payment["orphaned"] == true).cloned().collect();
                show::list(door, payments, &columns);
                if let (Some(first), false) = (orphaned.first(), door.json) {
                    crate::print_all(&format!(
                        "orphaned: {}. Nobody here can ask {} what became of them: ask there, and close each:\n  tandem payment close \"{company}\" \
                         {} --paid|--not-paid --reason \"...\"",
                        orphaned.len(),
                        text(first, "/provider"),
                        text(first, "/id")
                    ));
                }
            }
            PaymentCommand::Order { company, amount, method, key } => {
                let id = names::company(door, company)?;
                let wanted = json!({ "amount": amount, "method": method });
                let ordered = door.order(&format!("/companies/{id}/payments"), &wanted, key.as_deref())?;
                show::answer(door, &ordered, told);
            }
            PaymentCommand::Close { company, payment, paid, not_paid: _, reason } => {
                let id = names::company(door, company)?;
                let result = if *paid { "paid" } else { "not_paid" };
                let wanted = json!({ "result": result, "because": reason });
                let now = door.post(&format!("/companies/{id}/payments/{payment}/close"), &wanted)?;
                show::answer(door, &now, told);
            }
            PaymentCommand::Retry { company, payment } => step(door, company, payment, "retry")?,
            PaymentCommand::Cancel { company, payment } => step(door, company, payment, "cancel")?,
        }
        Ok(())
    }
}

fn step(door: &Door, company: &str, payment: &str, what: &str) -> Result<(), String> {
    let id = names::company(door, company)?;
    let now = door.post(&format!("/companies/{id}/payments/{payment}/{what}"), &json!({}))?;
    show::answer(door, &now, told);
    Ok(())
}

/// How a company is to be recharged by payments.
#[derive(Debug, clap::Args)]
pub(crate) struct CompanyRechargeOptions {
    /// The company's name or identity.
    company: String,
    /// Pays this much at once ...
    #[arg(long, value_name = "AMOUNT", requires = "below")]
    amount: Option<String>,
    /// ... when it has this much or less.
    #[arg(long, value_name = "AMOUNT", requires = "amount")]
    below: Option<String>,
    /// By itself in any 24 hours at most; three times the amount where nothing is said.
    #[arg(long, value_name = "AMOUNT", requires = "amount")]
    day_max: Option<String>,
    /// By itself in any 30 days at most; twenty times the amount where nothing is said.
    #[arg(long, value_name = "AMOUNT", requires = "amount")]
    month_max: Option<String>,
    /// By what the provider knows the card or account that pays; never its number.
    #[arg(long, requires = "amount")]
    method: Option<String>,
    /// Switches it off.
    #[arg(long, conflicts_with = "amount")]
    off: bool,
}

impl CompanyRechargeOptions {
    /// Sets it where something is said, and shows it.
    pub(super) fn run(&self, door: &Door) -> Result<(), String> {
        let path = format!("/companies/{}/auto-recharge", names::company(door, &self.company)?);
        let given = [
            ("amount", &self.amount),
            ("threshold", &self.below),
            ("day_max", &self.day_max),
            ("month_max", &self.month_max),
            ("method", &self.method),
        ];
        let mut wanted: Map<String, Value> =
            given.into_iter().filter_map(|(key, value)| Some((key.to_owned(), json!(value.as_ref()?)))).collect();
        wanted.insert("enabled".to_owned(), json!(!self.off));
        let is_said = self.amount.is_some() || self.off;
        let now = if is_said { door.put(&path, &Value::Object(wanted))? } else { door.get(&path)? };
        show::answer(door, &now, |now| match text(now, "/enabled").as_str() {
            "yes" => {
                let [amount, below, currency] = ["/amount", "/threshold", "/currency"].map(|place| text(now, place));
                let [day, month] = ["/day_max", "/month_max"].map(|place| text(now, place));
                vec![
                    format!("\"{}\" pays {amount} {currency} at {below} {currency} or less", self.company),
                    format!("  at most {day} {currency} in 24 hours and {month} {currency} in 30 days"),
                ]
            }
            _ => vec![format!("\"{}\" is not recharged by itself", self.company)],
        });
        Ok(())
    }
}
