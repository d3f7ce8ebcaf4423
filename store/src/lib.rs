//! What must survive a restart, money apart: companies, profiles, carriers, decks, numbers, API tokens, call records, audit
//! and the API's idempotent answers, in one SQLite file.
//!
//! Balances do not live here (they are the ledger's), nor decisions, nor clocks, nor digests: times, chance and HA1 hashes
//! arrive as arguments. Every call blocks: never call from a thread that carries calls.
#![forbid(unsafe_code)]

pub mod account;
pub mod answers;
pub mod audit;
pub mod breaker_limits;
pub mod calls;
pub mod carrier;
mod checks;
mod column;
pub mod company;
pub mod deck;
pub mod delivery;
mod error;
pub mod fraud;
pub mod journal;
pub mod landline;
pub mod manners;
pub mod node;
pub mod number;
mod opening;
pub mod password;
pub mod payment;
pub mod profile;
pub mod record_json;
mod schema;
mod sealing;
mod sip_user;
pub mod snapshot;
pub mod source;
pub mod token;
pub mod webhook;
mod write;

pub use account::{Account, AccountPatch};
pub use answers::KeptAnswer;
pub use audit::{AuditEntry, AuditRow};
pub use calls::{CallFilter, CallPage, CallTotals, Cursor, Inserted};
pub use carrier::{
    Account as CarrierAccount, Address, Carrier, CarrierPatch, Failover, NewAccount as NewCarrierAccount, Redirects,
    Terms, TermsPatch,
};
pub use checks::NAME_CHARS_MAX;
pub use company::{Company, CompanyPatch, Country};
pub use deck::shadow::Shadow;
pub use deck::turns::{DeckInTime, Turn};
pub use deck::{Deck, DeckId, DeckRow, NewDeck};
pub use delivery::{Attempted, Delivery, DeliveryId, DeliveryState, NewDelivery};
pub use error::{Error, Result};
pub use fraud::{Acquaintance, Breaker};
pub use journal::{JournalSegment, SegmentMark, SegmentMention};
pub use landline::{Landline, LandlineState, PinSaid, Verification};
pub use manners::{CarrierManners, ProfileManners};
pub use node::Node;
pub use number::Number;
pub use opening::{FILE_NAME, KEY_NAME, Opening, Random, Store};
pub use password::{Ha1, Ha1Maker, Password};
pub use payment::CompanyRecharge;
pub use profile::{AutoRecharge, IncomingTo, NewProfile, Profile, ProfileAuth, ProfilePatch, ProfileState};
pub use sip_user::SipUserPrefix;
pub use snapshot::Everything;
pub use source::InboundSource;
pub use token::{ApiToken, Scope, TokenId};
pub use webhook::{Webhook, WebhookPatch};
pub use write::Signed;
