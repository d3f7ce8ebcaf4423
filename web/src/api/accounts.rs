//! `/accounts`, in HTTP.
//!
//! The answers are `backoffice::account`'s.

use super::answers::{Change, ChangeByBody, Read};
use super::asking::Asking;
use super::{Desk, OwnedQuery};
use crate::body::Body;
use crate::failure::{Answer, json};
use crate::query::{Query, id, page, parameter};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::Path;
use backoffice::Page;
use backoffice::account::{Account, AccountPatch, NewAccount};
use domain::BusinessAccountId;

/// Adds a business account to a company.
#[utoipa::path(post, path = "/api/v1/accounts", tag = "accounts", request_body = NewAccount,
    responses((status = 201, body = Account), ChangeByBody))]
pub(super) async fn create(desk: Desk, asking: Asking, body: Body<NewAccount>) -> Answer {
    json(StatusCode::CREATED, &desk.ask(move |office| office.create_account(&asking.0, &body.0)).await?)
}

/// Lists business accounts.
#[utoipa::path(get, path = "/api/v1/accounts", tag = "accounts", params(OwnedQuery),
    responses((status = 200, body = Page<Account>), Read))]
pub(super) async fn list(desk: Desk, asking: Asking, query: Query<OwnedQuery>) -> Answer {
    let OwnedQuery { company, limit, after } = query.0;
    let (company, ask) = (parameter("company", company.as_deref())?, page(limit.as_deref(), after)?);
    json(StatusCode::OK, &desk.ask(move |office| office.accounts(&asking.0, company, &ask)).await?)
}

/// Reads a business account.
#[utoipa::path(get, path = "/api/v1/accounts/{id}", tag = "accounts", params(("id" = String, Path)),
    responses((status = 200, body = Account), Read))]
pub(super) async fn read(desk: Desk, asking: Asking, path: Path<String>) -> Answer {
    let account: BusinessAccountId = id(&path)?;
    json(StatusCode::OK, &desk.ask(move |office| office.account(&asking.0, account)).await?)
}

/// Attaches a business account to a profile, detaches it, or changes its extension.
#[utoipa::path(patch, path = "/api/v1/accounts/{id}", tag = "accounts", params(("id" = String, Path)),
    request_body = AccountPatch, responses((status = 200, body = Account), ChangeByBody))]
pub(super) async fn update(desk: Desk, asking: Asking, path: Path<String>, body: Body<AccountPatch>) -> Answer {
    let account: BusinessAccountId = id(&path)?;
    json(StatusCode::OK, &desk.ask(move |office| office.update_account(&asking.0, account, &body.0)).await?)
}

/// Removes a business account.
#[utoipa::path(delete, path = "/api/v1/accounts/{id}", tag = "accounts", params(("id" = String, Path)),
    responses((status = 204, description = "Removed"), Change))]
pub(super) async fn remove(desk: Desk, asking: Asking, path: Path<String>) -> Answer {
    let account: BusinessAccountId = id(&path)?;
    desk.ask(move |office| office.delete_account(&asking.0, account)).await?;
    Ok(HttpResponse::NoContent().finish())
}
