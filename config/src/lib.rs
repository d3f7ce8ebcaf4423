//! Settings of a node as typed values with units, the shipped `tandem.toml` that documents them, and the numbers for emergencies by
//! country.
//!
//! What the settings lead to is decided where they are used; companies, carriers and decks are data and live in `store`.
#![forbid(unsafe_code)]

mod calls;
mod check;
mod document;
mod effective;
mod emergency;
mod environment;
mod fault;
mod fraud;
mod guard;
mod load;
mod payments;
mod reach;
mod redis_login;
mod redis_url;
mod secret;
mod settings;
mod streams;
mod values;
mod webhooks;

pub use calls::Calls;
pub use emergency::{Country, EmergencyNumbers, NotACountry};
pub use environment::{ENV_PREFIX, environment};
pub use fault::{ConfigFaults, Fault};
pub use fraud::Fraud;
pub use guard::{Guard, TrustedNetwork};
pub use payments::{PaymentSecrets, Payments};
pub use reach::{unreachable, unroutable};
pub use redis_login::{RedisLogin, RedisTls};
pub use redis_url::{RedisPlace, RedisServers, RedisUrl};
pub use secret::{ApiToken, SECRET_CHARACTERS_MIN, Secret, Secrets, TOKENS_MAX};
pub use settings::{Dns, Http, Ledger, Log, Media, Node, Registration, Settings, Sip};
pub use streams::{Tls, WebSocket};
pub use values::{
    ClientCertificates, DigestAlgorithm, EchoNumber, EmergencyMode, Host, LedgerEngine, LogFormat, LogLevel,
    MediaLearning, NotAValue, PaymentProviderName, RouteOrder, StatusPattern, StatusSet, TlsVersion,
};
pub use webhooks::Webhooks;

/// The settings file that is shipped: every key with its default and what follows from it.
pub const SHIPPED_SETTINGS: &str = include_str!("../tandem.toml");
/// The example deck that is shipped (see `rating::Deck::parse_csv`).
pub const EXAMPLE_DECK: &str = include_str!("../deck_example.csv");
