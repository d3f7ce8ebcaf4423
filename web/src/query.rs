//! Reading what stands behind the question mark, and identities in paths; each fault with its name.
//!
//! What the values mean is in `backoffice`.

use crate::failure::Failure;
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use backoffice::problem::ProblemKind;
use backoffice::{Error, FieldFault, PageAsk};
use serde::de::DeserializeOwned;
use std::fmt::Display;
use std::future::{Ready, ready};
use std::str::FromStr;

/// The query of a request. Every parameter is a text at first, so that each fault can be named.
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest for Query<T> {
    type Error = Failure;
    type Future = Ready<Result<Query<T>, Failure>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let read = web::Query::<T>::from_query(request.query_string());
        ready(read.map(|query| Query(query.into_inner())).map_err(|error| {
            let text = error.to_string();
            let text = text.strip_prefix("Query deserialize error: ").unwrap_or(&text);
            let name = text.split('`').nth(1).unwrap_or_default();
            Failure::Office(Error::Invalid(vec![FieldFault::new(format!("?{name}"), text)]))
        }))
    }
}

/// A parameter, read.
pub(crate) fn parameter<T: FromStr<Err: Display>>(name: &str, text: Option<&str>) -> Result<Option<T>, Failure> {
    let read = |text: &str| text.parse().map_err(|problem: T::Err| fault(name, problem));
    text.map(read).transpose()
}

fn fault(name: &str, problem: impl Display) -> Failure {
    Failure::Office(Error::Invalid(vec![FieldFault::new(format!("?{name}"), problem.to_string())]))
}

/// Which page.
pub(crate) fn page(limit: Option<&str>, after: Option<String>) -> Result<PageAsk, Failure> {
    let limit = limit.map(|text| text.parse().map_err(|_| fault("limit", format!("\"{text}\": expected 1 to 500"))));
    Ok(PageAsk::new(limit.transpose()?, after)?)
}

/// An identity in a path. What is none names nothing.
pub(crate) fn id<T: FromStr<Err: Display>>(text: &str) -> Result<T, Failure> {
    text.parse().map_err(|problem: T::Err| Failure::Door(ProblemKind::NotFound, problem.to_string()))
}
