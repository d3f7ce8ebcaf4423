//! `/metrics`, `/livez` and `/readyz`: for programs that watch; no token is asked.
//!
//! What the metrics mean is in `telemetry`.

use crate::failure::{self, Answer, json};
use crate::services::Services;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;

/// The text format of Prometheus.
const EXPOSITION: &str = "text/plain; version=0.0.4; charset=utf-8";

#[derive(Serialize)]
struct Live {
    live: bool,
}

#[derive(Serialize)]
struct Ready {
    ready: bool,
    /// `not_started`, `draining`, `ledger`.
    not_ready_because: Vec<&'static str>,
}

async fn livez() -> Answer {
    json(StatusCode::OK, &Live { live: true })
}

async fn readyz(services: web::Data<Services>) -> Answer {
    let not_ready_because = services.office.unready_because();
    let ready = not_ready_because.is_empty();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    json(status, &Ready { ready, not_ready_because })
}

async fn metrics(services: web::Data<Services>) -> Answer {
    let text = services
        .clone()
        .ask(move |office| {
            services.telemetry.set_ready(office.unready_because().is_empty());
            services.telemetry.set_draining(office.is_draining());
            (services.before_scrape)();
            Ok(services.telemetry.render())
        })
        .await?;
    Ok(HttpResponse::Ok().content_type(EXPOSITION).body(text))
}

async fn only_reading(request: HttpRequest) -> HttpResponse {
    failure::no_such_method(&request, "GET, HEAD")
}

pub(crate) fn routes(app: &mut web::ServiceConfig) {
    macro_rules! probe {
        ($path:literal, $handler:ident) => {
            web::resource($path)
                .route(web::get().to($handler))
                .route(web::head().to($handler))
                .default_service(web::to(only_reading))
        };
    }
    app.service(probe!("/livez", livez)).service(probe!("/readyz", readyz)).service(probe!("/metrics", metrics));
}
