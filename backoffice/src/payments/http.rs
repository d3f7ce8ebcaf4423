//! A payment provider over HTTP: `POST URL/payments` and `POST URL/payments/ID/cancel`, signed, each with the payment's id as
//! `Idempotency-Key`.
//!
//! One call is one try: when to try again is the payment's own decision. What is said is in [`super::message`].

use super::message::{Question, Telling};
use super::provider::PaymentProvider;
use super::signature::{SIGNATURE, SigningKey, TIMESTAMP};
use crate::office::Clock;
use domain::payment::{Payment, PaymentAnswer, PaymentResult};
use std::sync::Arc;
use std::time::Duration;
use ureq::Agent;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, TlsProvider, parse_pem};

/// Bytes of an answer at most.
const ANSWER_BYTES_MAX: u64 = 64 * 1024;

/// Where a provider is, and how it is spoken to.
pub struct HttpSettings {
    /// Where its API begins, without a slash at the end: `https://pay.example.com/v1`.
    pub url: String,
    /// The secret that it shares with us.
    pub secret: String,
    /// How long an answer may take, connecting included.
    pub timeout: Duration,
    /// The authorities whose certificates are believed, in PEM; empty where it is spoken to without TLS.
    pub authorities: String,
}

/// A provider over HTTP.
pub struct HttpProvider {
    agent: Agent,
    url: String,
    key: SigningKey,
    clock: Clock,
}

/// Why nobody can be spoken to over TLS.
#[derive(Debug, thiserror::Error)]
#[error("the authorities of certificates (tls.ca_file) cannot be read: {0}")]
pub struct NoAuthorities(String);

/// TLS towards whoever shows a certificate of these authorities, in PEM.
pub(crate) fn tls_of(authorities: &str) -> Result<TlsConfig, NoAuthorities> {
    let items: Result<Vec<PemItem<'static>>, _> = parse_pem(authorities.as_bytes()).collect();
    let items = items.map_err(|error| NoAuthorities(error.to_string()))?;
    let roots: Vec<Certificate<'static>> = items
        .into_iter()
        .filter_map(|item| match item {
            PemItem::Certificate(certificate) => Some(certificate),
            _ => None,
        })
        .collect();
    Ok(TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .root_certs(RootCerts::new_with_certs(&roots))
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .build())
}

impl HttpProvider {
    /// A provider of these settings.
    ///
    /// # Errors
    /// [`NoAuthorities`].
    pub fn new(settings: HttpSettings, clock: Clock) -> Result<HttpProvider, NoAuthorities> {
        let tls = tls_of(&settings.authorities)?;
        let agent = Agent::config_builder()
            .tls_config(tls)
            .timeout_global(Some(settings.timeout))
            // What a provider says is said by it: not by whoever a redirection or a proxy of the environment leads to.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            // A decline may come with 402: the body says what is true.
            .http_status_as_error(false)
            .user_agent("tandem")
            .build()
            .new_agent();
        Ok(HttpProvider { agent, url: settings.url, key: SigningKey::new(&settings.secret), clock })
    }

    fn post(&self, path: &str, payment: &Payment) -> Result<PaymentAnswer, String> {
        let body = serde_json::to_vec(&Question::of(payment)).map_err(|error| error.to_string())?;
        let (timestamp, signature) = self.key.sign(&body, (self.clock)().wall);
        let request = self
            .agent
            .post(format!("{}{path}", self.url))
            .header("content-type", "application/json")
            .header("idempotency-key", payment.id.to_string())
            .header(TIMESTAMP, timestamp)
            .header(SIGNATURE, signature);
        let mut answer = request.send(&body[..]).map_err(|error| format!("no answer: {error}"))?;
        let status = answer.status().as_u16();
        let text = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec();
        let text = text.map_err(|error| format!("status {status}, and no answer: {error}"))?;
        let telling: Telling = serde_json::from_slice(&text).map_err(|error| format!("status {status}: {error}"))?;
        telling.of(payment).map_err(|what| format!("status {status}: {what}"))
    }
}

/// Whatever goes wrong on the way is no result.
fn or_unknown(answer: Result<PaymentAnswer, String>) -> PaymentAnswer {
    answer.unwrap_or_else(|because| PaymentAnswer::of(PaymentResult::Unknown, because))
}

impl PaymentProvider for HttpProvider {
    fn name(&self) -> &'static str {
        "http"
    }

    fn ask(&self, payment: &Payment) -> PaymentAnswer {
        or_unknown(self.post("/payments", payment))
    }

    fn cancel(&self, payment: &Payment) -> PaymentAnswer {
        or_unknown(self.post(&format!("/payments/{}/cancel", payment.id), payment))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::payment::PaymentState;
    use domain::{CompanyId, Currency, Micros, Monotonic, Now, PaymentId, Wall};
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::thread::JoinHandle;

    const NOON: Wall = Wall::from_unix_seconds(1_800_000_000);
    const SECRET: &str = "a secret of this test";

    fn fifty() -> Payment {
        Payment {
            id: PaymentId::from_bits(7),
            company: CompanyId::from_bits(1),
            currency: Currency::USD,
            amount: Micros::from_cents(5_000),
            automatic: true,
            method: None,
            provider: "http".into(),
            state: PaymentState::Opened,
            reference: None,
            attempts: 1,
            because: None,
            opened_at: NOON,
            changed_at: NOON,
        }
    }

    /// A provider whose server reads one request and answers this, or hangs up. What the request was is the thread's end.
    fn served(answer: Option<String>) -> (HttpProvider, JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let server = std::thread::spawn(move || {
            let (mut socket, _) = listener.accept().unwrap();
            let (mut request, mut chunk) = (Vec::new(), [0; 1_024]);
            while !request.ends_with(b"}") {
                let read = socket.read(&mut chunk).unwrap();
                request.extend_from_slice(&chunk[..read]);
            }
            if let Some(answer) = answer {
                socket.write_all(answer.as_bytes()).unwrap();
            }
            String::from_utf8(request).unwrap()
        });
        let settings = HttpSettings {
            url,
            secret: SECRET.to_owned(),
            timeout: Duration::from_secs(20),
            authorities: String::new(),
        };
        let clock: Clock = Arc::new(|| Now { monotonic: Monotonic::from_micros(0), wall: NOON });
        (HttpProvider::new(settings, clock).unwrap(), server)
    }

    fn answer(status: &str, body: &str) -> Option<String> {
        Some(format!("HTTP/1.1 {status}\r\nLocation: /elsewhere\r\nContent-Length: {}\r\n\r\n{body}", body.len()))
    }

    fn said(result: &str) -> String {
        format!("{{\"payment\":\"{}\",\"result\":\"{result}\",\"reference\":\"ch_1\"}}", fifty().id)
    }

    #[test]
    fn a_question_is_signed_and_bears_the_payments_name_as_its_key() {
        let (provider, server) = served(answer("200 OK", &said("paid")));
        let told = provider.ask(&fifty());
        assert_eq!((told.result, told.reference.as_deref()), (PaymentResult::Paid, Some("ch_1")));
        let request = server.join().unwrap();
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("POST /v1/payments HTTP/1.1\r\n"), "{head}");
        let header = |name: &str| {
            let found =
                head.lines().find_map(|line| line.split_once(": ").filter(|(it, _)| it.eq_ignore_ascii_case(name)));
            found.map(|(_, value)| value.to_owned()).unwrap()
        };
        assert_eq!(header("idempotency-key"), fifty().id.to_string());
        let key = SigningKey::new(SECRET);
        assert_eq!(key.verify(&header(TIMESTAMP), &header(SIGNATURE), body.as_bytes(), NOON), Ok(()));
    }

    #[test]
    fn a_decline_may_come_with_any_status_and_a_cancel_has_a_path_of_its_own() {
        let (provider, server) = served(answer("402 Payment Required", &said("declined")));
        assert_eq!(provider.cancel(&fifty()).result, PaymentResult::Declined);
        let request = server.join().unwrap();
        assert!(request.starts_with(&format!("POST /v1/payments/{}/cancel HTTP/1.1\r\n", fifty().id)), "{request}");
    }

    #[test]
    fn whatever_else_is_said_or_not_said_is_no_result() {
        let other = said("paid").replace("paym_0", "paym_1");
        let cases = [
            answer("500 Internal Server Error", "oops"),
            answer("302 Found", ""),
            answer("200 OK", &said("perhaps")),
            answer("200 OK", &other),
            answer("200 OK", &format!("{}{}", said("paid"), " ".repeat(70_000))),
            None,
        ];
        for case in cases {
            let shown = case.as_ref().map(|text| text.chars().take(60).collect::<String>());
            let (provider, server) = served(case);
            let told = provider.ask(&fifty());
            assert_eq!(told.result, PaymentResult::Unknown, "{shown:?}: {told:?}");
            assert!(!told.because.is_empty());
            server.join().unwrap();
        }
    }

    #[test]
    fn who_takes_too_long_has_not_answered() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let settings = HttpSettings {
            url: format!("http://{}", listener.local_addr().unwrap()),
            secret: SECRET.to_owned(),
            timeout: Duration::from_millis(200),
            authorities: String::new(),
        };
        let clock: Clock = Arc::new(|| Now { monotonic: Monotonic::from_micros(0), wall: NOON });
        let told = HttpProvider::new(settings, clock).unwrap().ask(&fifty());
        assert_eq!(told.result, PaymentResult::Unknown);
        assert!(told.because.contains("timeout"), "{}", told.because);
    }
}
