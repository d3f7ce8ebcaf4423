//! One attempt at one delivery, over HTTP.
//!
//! When there is another is decided in `retrying`; where it may go, in `reach`.

use super::reach::Reach;
use super::retrying::Attempt;
use super::signing::{ID, SIGNATURE, TIMESTAMP, signatures};
use crate::payments::http::{NoAuthorities, tls_of};
use domain::Wall;
use std::time::Duration;
use store::Delivery;
use ureq::Agent;
use ureq::unversioned::transport::DefaultConnector;

/// How long an attempt may take, the look-up of the name included; shorter than a node keeps it for itself.
const ATTEMPT_WITHIN: Duration = Duration::from_secs(15);
/// The media type of a document (CloudEvents 1.0, HTTP binding, structured).
const CLOUD_EVENT: &str = "application/cloudevents+json; charset=utf-8";

/// How deliveries go out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Postage {
    /// Whether addresses of private networks, and http without TLS, may be reached.
    pub allow_private: bool,
    /// The authorities whose certificates are believed, in PEM; empty for none.
    pub authorities: String,
}

/// Sends; shared by all who deliver.
pub(super) fn agent(postage: &Postage) -> Result<Agent, NoAuthorities> {
    let config = Agent::config_builder()
        .tls_config(tls_of(&postage.authorities)?)
        .timeout_global(Some(ATTEMPT_WITHIN))
        // A redirection would lead where nobody has agreed to; a proxy of the environment would look names up itself.
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(None)
        .https_only(!postage.allow_private)
        .http_status_as_error(false)
        .user_agent("tandem")
        .build();
    let reach = Reach { allow_private: postage.allow_private, inner: Default::default() };
    Ok(Agent::with_parts(config, DefaultConnector::default(), reach))
}

/// Delivers once.
pub(super) fn attempt(agent: &Agent, url: &str, secrets: &[String], delivery: &Delivery, now: Wall) -> Attempt {
    let request = agent
        .post(url)
        .header("content-type", CLOUD_EVENT)
        .header(ID, &delivery.event)
        .header(TIMESTAMP, now.as_unix_seconds().to_string())
        .header(SIGNATURE, signatures(secrets, &delivery.event, now, &delivery.body));
    match request.send(delivery.body.as_bytes()) {
        Ok(answer) => {
            let status = answer.status().as_u16();
            let because = (!answer.status().is_success()).then(|| format!("it answered {status}"));
            Attempt { status: Some(status), because }
        }
        Err(error) => Attempt { status: None, because: Some(format!("no answer: {error}")) },
    }
}
