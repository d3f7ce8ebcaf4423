//! REST API v1.
use actix_web::web;

/// Where the API lies.
pub const BASE: &str = "/api/v1";

pub(crate) fn routes(_app: &mut web::ServiceConfig) {}
