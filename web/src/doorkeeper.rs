//! What every request gets: a Request-Id, a place in the metrics, and one line in the log where it failed by our fault.
//!
//! Who asks is found out in `api::asking`.

use crate::services::Services;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{CACHE_CONTROL, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use actix_web::middleware::Next;
use actix_web::{Error, web};
use telemetry::labels::Surface;

/// Characters of a Request-Id that is taken over from the client at most.
const REQUEST_ID_CHARS_MAX: usize = 64;

fn surface(path: &str) -> Surface {
    match path {
        "/metrics" => Surface::Metrics,
        "/livez" | "/readyz" => Surface::Probe,
        _ => Surface::Api,
    }
}

/// The client's own Request-Id, where it is fit to be printed.
fn given_id(request: &ServiceRequest) -> Option<String> {
    let text = request.headers().get("request-id")?.to_str().ok()?;
    let fit = (1..=REQUEST_ID_CHARS_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    fit.then(|| text.to_owned())
}

/// Wraps every request.
pub(crate) async fn keep(
    services: web::Data<Services>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let began = services.office.now().monotonic;
    let surface = surface(request.path());
    let id = given_id(&request).unwrap_or_else(|| services.office.request_id());
    let (method, path) = (request.method().clone(), request.path().to_owned());
    let answer = next.call(request).await;
    let took = services.office.now().monotonic.since(began);
    let mut answer = match answer {
        Ok(answer) => answer.map_into_left_body(),
        Err(error) => {
            // Only extractors that are not ours end here; their errors have no request to answer with.
            services.telemetry.observe_http(surface, error.as_response_error().status_code().as_u16(), took);
            return Err(error);
        }
    };
    let status = answer.status().as_u16();
    services.telemetry.observe_http(surface, status, took);
    let failed_as = answer.response().error().map(ToString::to_string);
    if status >= 500 && surface == Surface::Api {
        tracing::error!(request.id = %id, http.method = %method, http.path = %path, http.status = status,
            error = failed_as.unwrap_or_default(), "a request failed");
    } else {
        tracing::debug!(request.id = %id, http.method = %method, http.path = %path, http.status = status, "answered");
    }
    let headers = answer.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&id) {
        headers.insert(HeaderName::from_static("request-id"), value);
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // Balances and passwords: nothing here may lie in a cache.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok::<ServiceResponse<actix_web::body::EitherBody<_>>, Error>(answer)
}
