//! `/webhooks`, in HTTP.
//!
//! The answers are `backoffice::webhook`'s.

use super::answers::{Change, ChangeByBody, Read};
use super::asking::Asking;
use super::{Desk, OwnedQuery, PageQuery};
use crate::body::Body;
use crate::failure::{Answer, json};
use crate::query::{Query, id, page, parameter};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::Path;
use backoffice::Page;
use backoffice::webhook::{NewWebhook, Replay, Replayed, Webhook, WebhookChange, WebhookDelivery, WebhookWithSecret};
use domain::{CompanyId, WebhookId};

/// Makes a webhook: events are delivered to it, signed (Standard Webhooks), each until it is answered 2xx or three days have passed.
/// Its secret is shown here only.
#[utoipa::path(post, path = "/api/v1/webhooks", tag = "webhooks", request_body = NewWebhook,
    responses((status = 201, body = WebhookWithSecret), ChangeByBody))]
pub(super) async fn create(desk: Desk, asking: Asking, body: Body<NewWebhook>) -> Answer {
    json(StatusCode::CREATED, &desk.ask(move |office| office.create_webhook(&asking.0, body.0)).await?)
}

/// Lists webhooks.
#[utoipa::path(get, path = "/api/v1/webhooks", tag = "webhooks", params(OwnedQuery),
    responses((status = 200, body = Page<Webhook>), Read))]
pub(super) async fn list(desk: Desk, asking: Asking, query: Query<OwnedQuery>) -> Answer {
    let OwnedQuery { company, limit, after } = query.0;
    let company: Option<CompanyId> = parameter("company", company.as_deref())?;
    let ask = page(limit.as_deref(), after)?;
    json(StatusCode::OK, &desk.ask(move |office| office.webhooks(&asking.0, company, &ask)).await?)
}

/// Reads a webhook.
#[utoipa::path(get, path = "/api/v1/webhooks/{id}", tag = "webhooks", params(("id" = String, Path)),
    responses((status = 200, body = Webhook), Read))]
pub(super) async fn read(desk: Desk, asking: Asking, path: Path<String>) -> Answer {
    let webhook: WebhookId = id(&path)?;
    json(StatusCode::OK, &desk.ask(move |office| office.webhook(&asking.0, webhook)).await?)
}

/// Changes a webhook. Switching it on again forgets that it failed, and delivers what waits.
#[utoipa::path(patch, path = "/api/v1/webhooks/{id}", tag = "webhooks", params(("id" = String, Path)),
    request_body = WebhookChange, responses((status = 200, body = Webhook), ChangeByBody))]
pub(super) async fn update(desk: Desk, asking: Asking, path: Path<String>, body: Body<WebhookChange>) -> Answer {
    let webhook: WebhookId = id(&path)?;
    json(StatusCode::OK, &desk.ask(move |office| office.update_webhook(&asking.0, webhook, body.0)).await?)
}

/// Removes a webhook, with everything that waits for it and its log.
#[utoipa::path(delete, path = "/api/v1/webhooks/{id}", tag = "webhooks", params(("id" = String, Path)),
    responses((status = 204, description = "Removed"), Change))]
pub(super) async fn remove(desk: Desk, asking: Asking, path: Path<String>) -> Answer {
    let webhook: WebhookId = id(&path)?;
    desk.ask(move |office| office.remove_webhook(&asking.0, webhook)).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Gives a webhook another secret, shown here only; for a day the one before signs beside it.
#[utoipa::path(post, path = "/api/v1/webhooks/{id}/rotate-secret", tag = "webhooks", params(("id" = String, Path)),
    responses((status = 200, body = WebhookWithSecret), Change))]
pub(super) async fn rotate(desk: Desk, asking: Asking, path: Path<String>) -> Answer {
    let webhook: WebhookId = id(&path)?;
    json(StatusCode::OK, &desk.ask(move |office| office.rotate_webhook(&asking.0, webhook)).await?)
}

/// Delivers an event `webhook.test`; what becomes of it stands in the log.
#[utoipa::path(post, path = "/api/v1/webhooks/{id}/test", tag = "webhooks", params(("id" = String, Path)),
    responses((status = 202, body = WebhookDelivery), Change))]
pub(super) async fn test(desk: Desk, asking: Asking, path: Path<String>) -> Answer {
    let webhook: WebhookId = id(&path)?;
    json(StatusCode::ACCEPTED, &desk.ask(move |office| office.test_webhook(&asking.0, webhook)).await?)
}

/// The log of a webhook, newest first: what waits, and what became of everything else in the last seven days.
#[utoipa::path(get, path = "/api/v1/webhooks/{id}/deliveries", tag = "webhooks", params(("id" = String, Path), PageQuery),
    responses((status = 200, body = Page<WebhookDelivery>), Read))]
pub(super) async fn deliveries(desk: Desk, asking: Asking, path: Path<String>, query: Query<PageQuery>) -> Answer {
    let webhook: WebhookId = id(&path)?;
    let ask = query.0.page()?;
    json(StatusCode::OK, &desk.ask(move |office| office.webhook_deliveries(&asking.0, webhook, &ask)).await?)
}

/// Delivers again what has ended: one delivery, or every one from an instant on; under the same `webhook-id`.
#[utoipa::path(post, path = "/api/v1/webhooks/{id}/replay", tag = "webhooks", params(("id" = String, Path)),
    request_body = Replay, responses((status = 202, body = Replayed), ChangeByBody))]
pub(super) async fn replay(desk: Desk, asking: Asking, path: Path<String>, body: Body<Replay>) -> Answer {
    let webhook: WebhookId = id(&path)?;
    json(StatusCode::ACCEPTED, &desk.ask(move |office| office.replay_webhook(&asking.0, webhook, &body.0)).await?)
}
