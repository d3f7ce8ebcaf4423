//! Who asks: the bearer token of a request, looked up before anything else of it is read.
//!
//! What the token may see is decided in `backoffice`.

use crate::failure::Failure;
use crate::services::Services;
use actix_web::body::{BoxBody, EitherBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::header::AUTHORIZATION;
use actix_web::middleware::Next;
use actix_web::{FromRequest, HttpMessage, HttpRequest, HttpResponse, web};
use backoffice::{Caller, Error};
use std::future::{Ready, ready};

/// Characters of a token at most.
const TOKEN_CHARS_MAX: usize = 512;

/// Who asks.
pub(super) struct Asking(pub(super) Caller);

impl FromRequest for Asking {
    type Error = Failure;
    type Future = Ready<Result<Asking, Failure>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let caller = request.extensions().get::<Caller>().cloned();
        // The middleware has put it there, or has answered.
        let nobody = Failure::Office(Error::Unauthenticated("send a token as Authorization: Bearer"));
        ready(caller.map(Asking).ok_or(nobody))
    }
}

fn token(request: &ServiceRequest) -> Result<String, Error> {
    let header = request.headers().get(AUTHORIZATION);
    let header = header.ok_or(Error::Unauthenticated("send a token as Authorization: Bearer"))?;
    let bearer = header.to_str().ok().and_then(|text| text.split_once(' '));
    match bearer {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") && token.len() <= TOKEN_CHARS_MAX => {
            Ok(token.trim().to_owned())
        }
        _ => Err(Error::Unauthenticated("the header Authorization is of another form: expected Bearer and a token")),
    }
}

/// Lets a request in with a valid token only.
pub(super) async fn authenticated<B: MessageBody + 'static>(
    services: web::Data<Services>,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B, BoxBody>>, actix_web::Error> {
    let caller = match token(&request) {
        Ok(secret) => services.ask(move |office| office.authenticate(&secret)).await,
        Err(error) => Err(error),
    };
    match caller {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            Ok(next.call(request).await?.map_into_left_body())
        }
        Err(error) => {
            let answer = HttpResponse::from_error(Failure::Office(error));
            Ok(request.into_response(answer).map_into_right_body())
        }
    }
}
