//! `/events`: what happens, as it happens, as server-sent events (HTML Living Standard, 9.2).
//!
//! Which events there are, what they say and who may hear them is `backoffice::events`'.

use super::Desk;
use super::answers::Listen;
use super::asking::Asking;
use crate::failure::{Answer, Failure};
use crate::query::{Query, id, parameter};
use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::body::{BodySize, MessageBody};
use actix_web::rt::time::{Interval, interval};
use actix_web::web::{Bytes, Path};
use backoffice::Error;
use backoffice::events::bus::EventId;
use backoffice::events::{EventsAsk, Listener, Told, topics_of};
use domain::{CallId, ProfileId};
use serde::Deserialize;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use utoipa::IntoParams;

/// How often a stream looks for what is new: what is told waits this long at most, and who tells it never waits for a stream.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Looks without anything new after which a comment shows that the stream lives: 15 s, shorter than proxies wait.
const QUIET_LOOKS_MAX: u32 = 150;
/// What a stream begins with: how long a client waits before it comes back.
const BEGINNING: &str = "retry: 2000\n\n";

/// Which events.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct EventsQuery {
    /// Of these types only, with commas between: `call.charged,call.ended`.
    types: Option<String>,
    /// This company's.
    company: Option<String>,
    /// This profile's.
    profile: Option<String>,
    /// This call's; the stream ends with the call.
    call: Option<String>,
}

/// Which events of something that is named in the path.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct TypesQuery {
    /// Of these types only, with commas between: `call.charged,call.ended`.
    types: Option<String>,
}

impl EventsQuery {
    fn ask(&self) -> Result<EventsAsk, Failure> {
        let types = self.types.as_deref().map(|types| topics_of(types.split(',').map(str::trim)));
        let fault = |problem| Failure::Office(Error::field("?types", problem));
        Ok(EventsAsk {
            topics: types.transpose().map_err(fault)?,
            company: parameter("company", self.company.as_deref())?,
            profile: parameter("profile", self.profile.as_deref())?,
            call: parameter("call", self.call.as_deref())?,
        })
    }
}

impl TypesQuery {
    /// Of everybody, until the path says whose.
    fn ask(self) -> Result<EventsAsk, Failure> {
        EventsQuery { types: self.types, company: None, profile: None, call: None }.ask()
    }
}

/// Behind which event a stream is taken up again.
fn last_of(request: &HttpRequest) -> Result<Option<EventId>, Failure> {
    let Some(header) = request.headers().get("last-event-id") else { return Ok(None) };
    let text = header.to_str().unwrap_or_default();
    // What a browser sends that has heard nothing yet.
    if text.is_empty() {
        return Ok(None);
    }
    let fault = |problem: backoffice::events::bus::NotAnEvent| Error::field("Last-Event-ID", problem.to_string());
    Ok(Some(text.parse().map_err(fault)?))
}

/// A stream of events, in the form of the media type.
struct Stream {
    listener: Listener,
    looks: Interval,
    has_begun: bool,
    quiet: u32,
}

impl Stream {
    /// What has been told since the last look; none where nothing was, and no sign of life is due.
    fn look(&mut self) -> Option<Bytes> {
        let told = self.listener.hear();
        if told.is_empty() {
            self.quiet += 1;
            let is_due = self.quiet >= QUIET_LOOKS_MAX;
            return is_due.then(|| {
                self.quiet = 0;
                Bytes::from_static(b": alive\n\n")
            });
        }
        self.quiet = 0;
        let mut text = String::with_capacity(told.len() * 512);
        for one in told {
            match one {
                Told::Event { id, topic, json } => {
                    text.push_str(&format!("id: {id}\nevent: {}\ndata: {json}\n\n", topic.as_str()));
                }
                Told::Gap(because) => {
                    let data = serde_json::json!({ "type": "gap", "data": { "because": because } });
                    text.push_str(&format!("event: gap\ndata: {data}\n\n"));
                }
            }
        }
        Some(text.into())
    }
}

impl MessageBody for Stream {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        let stream = self.get_mut();
        if !std::mem::replace(&mut stream.has_begun, true) {
            return Poll::Ready(Some(Ok(Bytes::from_static(BEGINNING.as_bytes()))));
        }
        loop {
            if stream.listener.is_over() {
                return Poll::Ready(None);
            }
            ready!(stream.looks.poll_tick(cx));
            if let Some(bytes) = stream.look() {
                return Poll::Ready(Some(Ok(bytes)));
            }
        }
    }
}

async fn open(desk: Desk, asking: Asking, request: &HttpRequest, ask: EventsAsk) -> Answer {
    let last = last_of(request)?;
    if let Some(call) = ask.call
        && desk.office.live_call(&asking.0, call).await.is_none()
    {
        let caller = asking.0.clone();
        desk.ask(move |office| office.call_record(&caller, call)).await?;
        // Who heard of it before may still hear the rest.
        if last.is_none() {
            return Err(Error::CallEnded(call).into());
        }
    }
    let listener = desk.ask(move |office| office.listen(&asking.0, ask, last)).await?;
    let stream = Stream { listener, looks: interval(LOOK_EVERY), has_begun: false, quiet: 0 };
    Ok(HttpResponse::Ok().content_type("text/event-stream").insert_header(("X-Accel-Buffering", "no")).body(stream))
}

/// What happens, as it happens, as server-sent events: each has an `id`, its type as `event`, and a CloudEvents 1.0 document as `data`.
/// With `Last-Event-ID` the stream goes on behind that event; where something is missing, an event `gap` says so. A company's token
/// hears of its company only. Types: `call.started`, `call.answered`, `call.charged`, `call.ended`, `profile.registered`,
/// `profile.unregistered`, `profile.low_credit`, `profile.credit_exhausted`, `recharge.succeeded`, `recharge.failed`, `number.assigned`,
/// `number.released`, `subscription.changed`, `subscription.ended`, `carrier.down`, `carrier.up`, `fraud.seen`, `fraud.blocked`, `breaker.opened`, `webhook.disabled`.
#[utoipa::path(get, path = "/api/v1/events", tag = "events",
    params(EventsQuery, ("Last-Event-ID" = Option<String>, Header, description = "The `id` of the last event that was heard")),
    responses((status = 200, description = "Events, without an end", content_type = "text/event-stream", body = String), Listen))]
pub(super) async fn all(desk: Desk, asking: Asking, request: HttpRequest, query: Query<EventsQuery>) -> Answer {
    let ask = query.0.ask()?;
    open(desk, asking, &request, ask).await
}

/// The events of one live call, as `/events` tells them; the stream ends with the call.
#[utoipa::path(get, path = "/api/v1/calls/{id}/events", tag = "events",
    params(("id" = String, Path), TypesQuery, ("Last-Event-ID" = Option<String>, Header, description = "The `id` of the last event that was heard")),
    responses((status = 200, description = "Events until the call ends", content_type = "text/event-stream", body = String), Listen))]
pub(super) async fn of_call(
    desk: Desk,
    asking: Asking,
    request: HttpRequest,
    path: Path<String>,
    query: Query<TypesQuery>,
) -> Answer {
    let call: CallId = id(&path)?;
    let ask = EventsAsk { call: Some(call), ..query.0.ask()? };
    open(desk, asking, &request, ask).await
}

/// The events of one profile and its calls, as `/events` tells them.
#[utoipa::path(get, path = "/api/v1/profiles/{id}/events", tag = "events",
    params(("id" = String, Path), TypesQuery, ("Last-Event-ID" = Option<String>, Header, description = "The `id` of the last event that was heard")),
    responses((status = 200, description = "Events, without an end", content_type = "text/event-stream", body = String), Listen))]
pub(super) async fn of_profile(
    desk: Desk,
    asking: Asking,
    request: HttpRequest,
    path: Path<String>,
    query: Query<TypesQuery>,
) -> Answer {
    let profile: ProfileId = id(&path)?;
    let ask = EventsAsk { profile: Some(profile), ..query.0.ask()? };
    open(desk, asking, &request, ask).await
}
