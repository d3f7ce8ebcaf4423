//! Every failure as `application/problem+json` (RFC 9457).
//!
//! The catalogue of problems is `backoffice::problem`.

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, ContentType, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use backoffice::problem::{Problem, ProblemKind};
use std::fmt;

/// The media type of problems (RFC 9457 6.1).
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";

/// Why a request failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The back office said so.
    Office(backoffice::Error),
    /// The request never reached it.
    Door(ProblemKind, String),
}

/// What handlers answer.
pub(crate) type Answer = Result<HttpResponse, Failure>;

impl Failure {
    fn problem(&self) -> (ProblemKind, Problem) {
        match self {
            Failure::Office(error) => (error.kind(), error.problem()),
            Failure::Door(kind, detail) => (*kind, kind.saying(detail.as_str())),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Office(error) => error.fmt(f),
            Failure::Door(kind, detail) => write!(f, "{}: {detail}", kind.title()),
        }
    }
}

impl From<backoffice::Error> for Failure {
    fn from(error: backoffice::Error) -> Self {
        Failure::Office(error)
    }
}

impl ResponseError for Failure {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.problem().0.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        let (kind, problem) = self.problem();
        let mut answer = HttpResponse::build(self.status_code());
        answer.content_type(PROBLEM_JSON);
        if kind == ProblemKind::Unauthenticated {
            answer.insert_header((WWW_AUTHENTICATE, "Bearer realm=\"tandem\""));
        }
        if let Some(seconds) = kind.retry_after_s() {
            answer.insert_header((RETRY_AFTER, seconds.to_string()));
        }
        // Cannot fail: texts and numbers only.
        answer.body(serde_json::to_string(&problem).unwrap_or_default())
    }
}

/// A JSON answer.
pub(crate) fn json(status: StatusCode, value: &impl serde::Serialize) -> Answer {
    let body = serde_json::to_string(value)
        .map_err(|error| Failure::Office(backoffice::Error::Internal(format!("an answer is no JSON: {error}"))))?;
    Ok(HttpResponse::build(status).content_type(ContentType::json()).body(body))
}

/// For every path that is nothing.
pub(crate) async fn no_such_path(request: HttpRequest) -> Answer {
    let shown: String = request.path().chars().take(100).collect();
    let detail = format!("there is nothing at {shown}; every path stands in {}/openapi.json", crate::api::BASE);
    Err(Failure::Door(ProblemKind::NotFound, detail))
}

/// For every path that does not have the method; `allowed` as in the Allow header (RFC 9110 10.2.1).
pub(crate) fn no_such_method(request: &HttpRequest, allowed: &'static str) -> HttpResponse {
    let detail = format!("{} is not for this path: expected {allowed}", request.method());
    let mut answer = Failure::Door(ProblemKind::MethodNotAllowed, detail).error_response();
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    answer
}
