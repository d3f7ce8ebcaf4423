//! `/companies`: what is asked of a company, in HTTP.
//!
//! The answers are `backoffice::company`'s and `backoffice::credit`'s.

use super::answers::{ChangeByBody, Move, Read};
use super::asking::Asking;
use super::{Desk, PageQuery, StatementQuery};
use crate::body::{Body, OrderBody, given};
use crate::failure::{Answer, json};
use crate::query::{Query, id, page, parameter};
use actix_web::http::StatusCode;
use actix_web::web::Path;
use backoffice::Page;
use backoffice::company::{Company, CompanyPatch, NewCompany};
use backoffice::credit::{Moved, TopUp};
use backoffice::spending::Spending;
use backoffice::statement::{Entry, StatementLines};
use domain::CompanyId;
use std::str::FromStr;

/// Creates a company (operators).
#[utoipa::path(post, path = "/api/v1/companies", tag = "companies", request_body = NewCompany,
    responses((status = 201, body = Company), ChangeByBody))]
pub(super) async fn create(desk: Desk, asking: Asking, body: Body<NewCompany>) -> Answer {
    let company = desk.ask(move |office| office.create_company(&asking.0, body.0)).await?;
    json(StatusCode::CREATED, &company)
}

/// Lists companies.
#[utoipa::path(get, path = "/api/v1/companies", tag = "companies", params(PageQuery),
    responses((status = 200, body = Page<Company>), Read))]
pub(super) async fn list(desk: Desk, asking: Asking, query: Query<PageQuery>) -> Answer {
    let ask = query.0.page()?;
    json(StatusCode::OK, &desk.ask(move |office| office.companies(&asking.0, &ask)).await?)
}

/// Reads a company with its credit.
#[utoipa::path(get, path = "/api/v1/companies/{id}", tag = "companies", params(("id" = String, Path)),
    responses((status = 200, body = Company), Read))]
pub(super) async fn read(desk: Desk, asking: Asking, path: Path<String>) -> Answer {
    let company: CompanyId = id(&path)?;
    json(StatusCode::OK, &desk.ask(move |office| office.company(&asking.0, company)).await?)
}

/// Changes a company (operators).
#[utoipa::path(patch, path = "/api/v1/companies/{id}", tag = "companies", params(("id" = String, Path)),
    request_body = CompanyPatch, responses((status = 200, body = Company), ChangeByBody))]
pub(super) async fn update(desk: Desk, asking: Asking, path: Path<String>, body: Body<CompanyPatch>) -> Answer {
    let company: CompanyId = id(&path)?;
    json(StatusCode::OK, &desk.ask(move |office| office.update_company(&asking.0, company, body.0)).await?)
}

/// Says how fast the credit of a company and its profiles is being spent.
#[utoipa::path(get, path = "/api/v1/companies/{id}/credit", tag = "credit", params(("id" = String, Path)),
    responses((status = 200, body = Spending), Read))]
pub(super) async fn spending(desk: Desk, asking: Asking, path: Path<String>) -> Answer {
    let company: CompanyId = id(&path)?;
    let purse = desk.ask(move |office| office.purse_of_company(&asking.0, company)).await?;
    json(StatusCode::OK, &desk.office.spending(purse).await)
}

/// Adds credit from outside (operators).
#[utoipa::path(post, path = "/api/v1/companies/{id}/credit", tag = "credit",
    params(("id" = String, Path), ("Idempotency-Key" = String, Header, description = "New for each order, the same for each repetition")),
    request_body = TopUp, responses((status = 200, body = Moved), Move))]
pub(super) async fn add_credit(desk: Desk, asking: Asking, path: Path<String>, body: OrderBody<TopUp>) -> Answer {
    let company: CompanyId = id(&path)?;
    let done = desk.ask(move |office| office.add_credit(&asking.0, company, &body.value, &body.order)).await?;
    Ok(given(done))
}

/// The statement of a company's own balance, newest first.
#[utoipa::path(get, path = "/api/v1/companies/{id}/statement", tag = "credit",
    params(("id" = String, Path), StatementQuery), responses((status = 200, body = Page<Entry>), Read))]
pub(super) async fn statement(desk: Desk, asking: Asking, path: Path<String>, query: Query<StatementQuery>) -> Answer {
    let company: CompanyId = id(&path)?;
    let StatementQuery { lines, limit, after } = query.0;
    let (lines, ask) = (statement_lines(lines.as_deref())?, page(limit.as_deref(), after)?);
    json(StatusCode::OK, &desk.ask(move |office| office.company_statement(&asking.0, company, lines, &ask)).await?)
}

/// A word of the query.
struct LinesWord(StatementLines);

impl FromStr for LinesWord {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "posted" => Ok(LinesWord(StatementLines::Posted)),
            "all" => Ok(LinesWord(StatementLines::All)),
            _ => Err("expected posted or all".to_owned()),
        }
    }
}

pub(super) fn statement_lines(text: Option<&str>) -> Result<StatementLines, crate::failure::Failure> {
    Ok(parameter::<LinesWord>("lines", text)?.map(|word| word.0).unwrap_or_default())
}
