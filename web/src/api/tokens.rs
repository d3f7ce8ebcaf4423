//! `/tokens`, in HTTP; for operators.
//!
//! The answers are `backoffice::token`'s.

use super::answers::{Change, ChangeByBody, Read};
use super::asking::Asking;
use super::{Desk, PageQuery};
use crate::body::Body;
use crate::failure::{Answer, json};
use crate::query::{Query, id};
use actix_web::http::StatusCode;
use actix_web::web::Path;
use backoffice::Page;
use backoffice::token::{MadeToken, NewToken, Token};
use store::TokenId;

/// Makes a token (operators); its secret is shown here only.
#[utoipa::path(post, path = "/api/v1/tokens", tag = "tokens", request_body = NewToken,
    responses((status = 201, body = MadeToken), ChangeByBody))]
pub(super) async fn create(desk: Desk, asking: Asking, body: Body<NewToken>) -> Answer {
    json(StatusCode::CREATED, &desk.ask(move |office| office.create_token(&asking.0, body.0)).await?)
}

/// Lists tokens, revoked ones too (operators).
#[utoipa::path(get, path = "/api/v1/tokens", tag = "tokens", params(PageQuery),
    responses((status = 200, body = Page<Token>), Read))]
pub(super) async fn list(desk: Desk, asking: Asking, query: Query<PageQuery>) -> Answer {
    let ask = query.0.page()?;
    json(StatusCode::OK, &desk.ask(move |office| office.tokens(&asking.0, &ask)).await?)
}

/// Makes a token worthless (operators).
#[utoipa::path(delete, path = "/api/v1/tokens/{id}", tag = "tokens", params(("id" = String, Path)),
    responses((status = 200, body = Token), Change))]
pub(super) async fn revoke(desk: Desk, asking: Asking, path: Path<String>) -> Answer {
    let token: TokenId = id(&path)?;
    json(StatusCode::OK, &desk.ask(move |office| office.revoke_token(&asking.0, token)).await?)
}
