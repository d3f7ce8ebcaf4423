//! Reading bodies: JSON into what the back office asks for, each fault with its pointer; and the key of orders that move money.
//!
//! What the values may be is checked in `backoffice`.

use crate::failure::{Failure, PROBLEM_JSON};
use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, ContentType};
use actix_web::{FromRequest, HttpRequest, HttpResponse, web};
use backoffice::once::{Given, Order};
use backoffice::problem::ProblemKind;
use backoffice::{Error, FieldFault};
use serde::de::DeserializeOwned;
use serde_path_to_error::{Path, Segment};
use std::pin::Pin;

type Reading<T> = Pin<Box<dyn Future<Output = Result<T, Failure>>>>;

/// The body of a request. An empty one is read as `{}`.
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned + 'static> FromRequest for Body<T> {
    type Error = Failure;
    type Future = Reading<Body<T>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let bytes = bytes(request, payload);
        Box::pin(async move { Ok(Body(parse(&bytes.await?)?)) })
    }
}

/// The body of a request that moves money, with its key.
pub(crate) struct OrderBody<T> {
    pub(crate) order: Order,
    pub(crate) value: T,
}

impl<T: DeserializeOwned + 'static> FromRequest for OrderBody<T> {
    type Error = Failure;
    type Future = Reading<OrderBody<T>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let key = request.headers().get("idempotency-key").map(|value| value.to_str().map(str::to_owned));
        let (method, path) = (request.method().to_string(), request.path().to_owned());
        let bytes = bytes(request, payload);
        Box::pin(async move {
            let not_ascii = |_| Error::KeyInvalid("expected printable ASCII characters".to_owned());
            let key = key.transpose().map_err(not_ascii)?;
            // Before the body is read: without a key it does not matter what it says.
            Order::new(key.as_deref(), &[])?;
            let bytes = bytes.await?;
            let order = Order::new(key.as_deref(), &[method.as_bytes(), path.as_bytes(), &bytes])?;
            Ok(OrderBody { order, value: parse(&bytes)? })
        })
    }
}

/// The answer of an order, the first or a repeated one.
pub(crate) fn given(given: Given) -> HttpResponse {
    let status = StatusCode::from_u16(given.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut answer = HttpResponse::build(status);
    if status.is_success() {
        answer.content_type(ContentType::json());
    } else {
        answer.content_type(PROBLEM_JSON);
    }
    answer.body(given.body)
}

fn bytes(request: &HttpRequest, payload: &mut Payload) -> Reading<web::Bytes> {
    let media_type = request.headers().get(CONTENT_TYPE).map(|value| value.to_str().unwrap_or_default().to_owned());
    let bytes = web::Bytes::from_request(request, payload);
    Box::pin(async move {
        let bytes = bytes.await.map_err(|error| unreadable(&error))?;
        match media_type {
            _ if bytes.is_empty() => Ok(bytes),
            Some(media_type) if is_json(&media_type) => Ok(bytes),
            other => {
                let found = other
                    .map_or_else(|| "no Content-Type".to_owned(), |media_type| media_type.chars().take(64).collect());
                let detail = format!("expected Content-Type: application/json, found {found}");
                Err(Failure::Door(ProblemKind::UnsupportedMediaType, detail))
            }
        }
    })
}

fn is_json(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}

fn unreadable(error: &actix_web::Error) -> Failure {
    match error.as_error::<PayloadError>() {
        Some(PayloadError::Overflow) => {
            let detail = "the body is longer than http.body_bytes_max permits: send less at once";
            Failure::Door(ProblemKind::BodyTooLarge, detail.to_owned())
        }
        _ => Failure::Door(ProblemKind::MalformedRequest, format!("the body could not be read: {error}")),
    }
}

/// Reads JSON: what is no JSON is 400; what is JSON and not what is expected is 422, with the pointer of the field.
fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Failure> {
    let bytes = if bytes.is_empty() { b"{}" } else { bytes };
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().clone();
        refused(Some(&path), &error.into_inner())
    })?;
    reader.end().map_err(|error| refused(None, &error))?;
    Ok(value)
}

fn refused(path: Option<&Path>, error: &serde_json::Error) -> Failure {
    let (line, column) = (error.line(), error.column());
    let text = error.to_string();
    let text = text.strip_suffix(&format!(" at line {line} column {column}")).unwrap_or(&text);
    if let (true, Some(path)) = (error.is_data(), path) {
        return Failure::Office(Error::Invalid(vec![FieldFault::new(pointer(path, text), text)]));
    }
    Failure::Door(ProblemKind::MalformedJson, format!("line {line}, column {column}: {text}"))
}

/// RFC 6901. Of a missing or unknown field, serde's path ends at what surrounds it.
fn pointer(path: &Path, text: &str) -> String {
    let mut pointer = String::new();
    for segment in path {
        let step = match segment {
            Segment::Seq { index } => index.to_string(),
            Segment::Map { key } => key.replace('~', "~0").replace('/', "~1"),
            Segment::Enum { .. } | Segment::Unknown => continue,
        };
        pointer.push('/');
        pointer.push_str(&step);
    }
    let named =
        ["missing field `", "unknown field `", "duplicate field `"].iter().find_map(|start| text.strip_prefix(start));
    if let Some((name, _)) = named.and_then(|rest| rest.split_once('`'))
        && !pointer.ends_with(&format!("/{name}"))
    {
        pointer.push('/');
        pointer.push_str(name);
    }
    pointer
}
