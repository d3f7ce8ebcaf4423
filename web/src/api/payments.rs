//! Payments of companies, and the notices of their provider, in HTTP.
//!
//! The answers are `backoffice::payments`'.

use super::answers::{ChangePayment, ClosedPayment, Notice, Pay, Read};
use super::asking::Asking;
use super::{Desk, PageQuery};
use crate::body::{Body, OrderBody, given};
use crate::failure::{Answer, Failure, json};
use crate::query::{Query, id};
use actix_web::http::StatusCode;
use actix_web::web::{Bytes, Path};
use actix_web::{HttpRequest, HttpResponse};
use backoffice::Page;
use backoffice::payments::closing::ClosePayment;
use backoffice::payments::message::Telling;
use backoffice::payments::signature::{SIGNATURE, TIMESTAMP};
use backoffice::payments::{NewPayment, Payment};
use backoffice::problem::ProblemKind;
use domain::{CompanyId, PaymentId};

/// Bytes of a notice at most.
const NOTICE_BYTES_MAX: usize = 64 * 1024;

fn ids(path: &(String, String)) -> Result<(CompanyId, PaymentId), Failure> {
    Ok((id(&path.0)?, id(&path.1)?))
}

/// Lists the payments of a company, oldest first.
#[utoipa::path(get, path = "/api/v1/companies/{id}/payments", tag = "payments", params(("id" = String, Path), PageQuery),
    responses((status = 200, body = Page<Payment>), Read))]
pub(super) async fn list(desk: Desk, asking: Asking, path: Path<String>, query: Query<PageQuery>) -> Answer {
    let company: CompanyId = id(&path)?;
    let ask = query.0.page()?;
    json(StatusCode::OK, &desk.ask(move |office| office.payments(&asking.0, company, &ask)).await?)
}

/// Orders a payment; its result is learnt by reading it.
#[utoipa::path(post, path = "/api/v1/companies/{id}/payments", tag = "payments",
    params(("id" = String, Path), ("Idempotency-Key" = String, Header, description = "New for each order, the same for each repetition")),
    request_body = NewPayment, responses((status = 200, body = Payment), Pay))]
pub(super) async fn create(desk: Desk, asking: Asking, path: Path<String>, body: OrderBody<NewPayment>) -> Answer {
    let company: CompanyId = id(&path)?;
    let done = desk.ask(move |office| office.order_payment(&asking.0, company, &body.value, &body.order)).await?;
    Ok(given(done))
}

/// Reads a payment.
#[utoipa::path(get, path = "/api/v1/companies/{id}/payments/{payment}", tag = "payments",
    params(("id" = String, Path), ("payment" = String, Path)), responses((status = 200, body = Payment), Read))]
pub(super) async fn read(desk: Desk, asking: Asking, path: Path<(String, String)>) -> Answer {
    let (company, payment) = ids(&path)?;
    json(StatusCode::OK, &desk.ask(move |office| office.payment(&asking.0, company, payment)).await?)
}

/// Asks the provider to give a payment up that is opened or pending.
#[utoipa::path(post, path = "/api/v1/companies/{id}/payments/{payment}/cancel", tag = "payments",
    params(("id" = String, Path), ("payment" = String, Path)), responses((status = 200, body = Payment), ChangePayment))]
pub(super) async fn cancel(desk: Desk, asking: Asking, path: Path<(String, String)>) -> Answer {
    let (company, payment) = ids(&path)?;
    json(StatusCode::OK, &desk.ask(move |office| office.cancel_payment(&asking.0, company, payment)).await?)
}

/// Asks the provider again now what became of a payment, under the same key.
#[utoipa::path(post, path = "/api/v1/companies/{id}/payments/{payment}/retry", tag = "payments",
    params(("id" = String, Path), ("payment" = String, Path)), responses((status = 200, body = Payment), ChangePayment))]
pub(super) async fn retry(desk: Desk, asking: Asking, path: Path<(String, String)>) -> Answer {
    let (company, payment) = ids(&path)?;
    json(StatusCode::OK, &desk.ask(move |office| office.retry_payment(&asking.0, company, payment)).await?)
}

/// Closes an orphaned payment, as somebody learnt from its provider (operators): one that is paid is booked, once.
#[utoipa::path(post, path = "/api/v1/companies/{id}/payments/{payment}/close", tag = "payments",
    params(("id" = String, Path), ("payment" = String, Path)), request_body = ClosePayment,
    responses((status = 200, body = Payment), ClosedPayment))]
pub(super) async fn close(
    desk: Desk,
    asking: Asking,
    path: Path<(String, String)>,
    body: Body<ClosePayment>,
) -> Answer {
    let (company, payment) = ids(&path)?;
    let done = desk.ask(move |office| office.close_payment(&asking.0, company, payment, &body.0)).await?;
    json(StatusCode::OK, &done)
}

/// Takes a notice of the payment provider: signed, fresh, and each once.
#[utoipa::path(post, path = "/api/v1/payments/webhook", tag = "payments", security(()),
    params(("Tandem-Timestamp" = i64, Header, description = "Unix seconds; within 300 s of now"),
        ("Tandem-Signature" = String, Header, description = "v1= and the hexadecimal HMAC-SHA256 of timestamp, dot, body")),
    request_body = Telling, responses((status = 204, description = "Taken"), Notice))]
pub(super) async fn notice(desk: Desk, request: HttpRequest, body: Bytes) -> Answer {
    if body.len() > NOTICE_BYTES_MAX {
        let detail = format!("a notice has at most {NOTICE_BYTES_MAX} bytes");
        return Err(Failure::Door(ProblemKind::BodyTooLarge, detail));
    }
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let (timestamp, signature) = (header(TIMESTAMP), header(SIGNATURE));
    desk.ask(move |office| office.take_payment_notice(timestamp.as_deref(), signature.as_deref(), &body)).await?;
    Ok(HttpResponse::NoContent().finish())
}
