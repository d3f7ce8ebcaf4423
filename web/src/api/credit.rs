//! `/credit`: the credit of the whole house, in HTTP.
//!
//! The answer is `backoffice::spending::house`'s.

use super::Desk;
use super::answers::Read;
use super::asking::Asking;
use crate::failure::{Answer, json};
use actix_web::http::StatusCode;
use backoffice::spending::house::House;

/// Says what everybody has, spends and risks, and who will have spent it first (operators).
#[utoipa::path(get, path = "/api/v1/credit", tag = "credit", responses((status = 200, body = House), Read))]
pub(super) async fn house(desk: Desk, asking: Asking) -> Answer {
    json(StatusCode::OK, &desk.office.house_credit(&asking.0).await?)
}
