//! The words of the house: the [`Machine`] that every decision is, money, numbers, identities, causes, refusals, credit
//! transfers, call control and facts.
//!
//! No IO, no clock, no chance and no runtime live here: time arrives as [`Now`], chance as [`Entropy`].
#![forbid(unsafe_code)]
#![deny(clippy::float_arithmetic)]

pub mod advice;
pub mod call_control;
pub mod call_record;
pub mod caps;
pub mod cause;
pub mod certificate_name;
pub mod country;
pub mod credit;
pub mod credit_failure;
pub mod destination;
pub mod dtmf;
pub mod e164;
pub mod entropy;
pub mod fact;
pub mod fax;
pub mod fraud;
pub mod header;
pub mod ids;
pub mod machine;
pub mod media;
pub mod money;
pub mod network;
pub mod number_format;
pub mod payment;
pub mod policy;
pub mod refusal;
pub mod remedy;
pub mod rounding;
pub mod srtp;
pub mod time;
pub mod timer;
pub mod topic;
pub mod trace;
pub mod warn_before;
pub mod zone;

pub use advice::{Advice, AdviceOfCharge, Quote, Rates};
pub use caps::Caps;
pub use cause::{ReleaseCause, SipReason};
pub use certificate_name::CertificateName;
pub use country::Country;
pub use destination::Destination;
pub use e164::{E164, Prefix};
pub use entropy::Entropy;
pub use fact::Fact;
pub use header::{HeaderLine, HeaderPolicy};
pub use ids::{BusinessAccountId, CallId, CarrierId, CompanyId, LandlineId, NumberId, PaymentId, ProfileId, WebhookId};
pub use machine::Machine;
pub use money::{Currency, Micros};
pub use number_format::NumberFormat;
pub use refusal::Refusal;
pub use rounding::Rounding;
pub use time::{Monotonic, Now, Wall};
pub use timer::TimerTable;
pub use topic::{Topic, Topics};
pub use trace::Trace;
pub use warn_before::WarnBefore;
pub use zone::Zone;
