//! What a call to a number would cost (R13): answered from the very snapshot that the next call is charged by.
//!
//! Arithmetic is `rating`'s.

use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::office::Office;
use domain::{CompanyId, E164};
use serde::Serialize;
use utoipa::ToSchema;

/// The price of calls to a number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Rate {
    /// The number that was asked for.
    #[schema(example = "+37255501234")]
    pub number: String,
    /// The company that would pay.
    pub company: String,
    /// `standard`, or `free` (the echo test).
    pub class: String,
    /// Whether a minute bundle would pay.
    pub bundle: bool,
    /// What the deck calls it.
    #[schema(example = "Estonia")]
    pub destination: String,
    /// The prefix that matched; null where the call is free.
    pub prefix: Option<String>,
    /// Of all amounts.
    pub currency: String,
    /// Price of a minute.
    #[schema(example = "0.02")]
    pub rate_per_minute: String,
    /// Owed once by every answered call.
    pub connection_fee: String,
    /// Seconds charged at least.
    pub minimum_s: u32,
    /// Seconds charged at a time after that.
    pub increment_s: u32,
    /// How the whole call is rounded: `up` or `half_up`.
    pub rounding: String,
    /// What must be available before the call is placed.
    #[schema(example = "0.01")]
    pub first_block: String,
    /// Which deck says so; null where the call is free.
    pub deck: Option<String>,
}

impl Office {
    /// The price of a number for a company; for a company's own token, its own.
    ///
    /// # Errors
    /// [`Error::Invalid`] (an operator who names no company), [`Error::NotFound`], [`Error::NoRate`].
    pub fn rate(&self, caller: &Caller, number: E164, company: Option<CompanyId>) -> Result<Rate> {
        let Some(id) = caller.limit_to(company)? else {
            return Err(Error::field("?company", "expected the identity of the company that would pay"));
        };
        let directory = self.inner.switchboard.directory();
        let company = directory.company(id).ok_or_else(|| Error::not_found("company", id))?;
        if directory.is_echo_code(&number.to_string()) {
            return Ok(free(number, id, company.currency.as_str()));
        }
        let quote = company.deck.at(self.wall()).and_then(|deck| deck.quote(number)).ok_or_else(|| {
            Error::NoRate(format!(
                "no deck in force for {id} has a price for {number}: calls to it are refused with no_route"
            ))
        })?;
        Ok(Rate {
            number: number.to_string(),
            company: id.to_string(),
            class: "standard".to_owned(),
            bundle: false,
            destination: quote.destination.to_string(),
            prefix: Some(quote.prefix.to_string()),
            currency: quote.tariff.currency().to_string(),
            rate_per_minute: quote.tariff.rate_per_minute().to_string(),
            connection_fee: quote.tariff.connection_fee().to_string(),
            minimum_s: quote.tariff.minimum_s(),
            increment_s: quote.tariff.increment_s(),
            rounding: quote.tariff.rounding().to_string(),
            first_block: quote.tariff.first_block().amount.to_string(),
            deck: Some(quote.deck_version.to_string()),
        })
    }
}

fn free(number: E164, company: CompanyId, currency: &str) -> Rate {
    Rate {
        number: number.to_string(),
        company: company.to_string(),
        class: "free".to_owned(),
        bundle: false,
        destination: "Echo test".to_owned(),
        prefix: None,
        currency: currency.to_owned(),
        rate_per_minute: "0.00".to_owned(),
        connection_fee: "0.00".to_owned(),
        minimum_s: 0,
        increment_s: 1,
        rounding: "up".to_owned(),
        first_block: "0.00".to_owned(),
        deck: None,
    }
}
