//! Digest authentication for SIP: RFC 3261 22 with RFC 7616 and RFC 8760 (MD5 and SHA-256, `qop=auth`), both sides of it.
//!
//! Who a user is, which password he has and what he may do is not known here: the look-up is an argument.
//!
//! | File | Holds |
//! |---|---|
//! | [`hash`] | algorithms, [`Ha1`], the response arithmetic |
//! | [`params`] | reading `Digest name=value, ...` |
//! | [`nonce`] | nonces that validate themselves |
//! | [`window`] | which nonce counts were seen |
//! | [`challenger`] | the server: challenges, and verdicts on credentials |
//! | `given`, `uri` | the credentials of a request, and whether they are for the number that is called |
//! | [`answer`](mod@answer) | the client: credentials for a challenge |

pub mod answer;
pub mod challenger;
mod given;
pub mod hash;
pub mod nonce;
pub mod params;
mod uri;
pub mod window;

pub use answer::{Credentials, Secret, Unanswerable, answer, realm_of};
pub use challenger::{Challenger, Freshness, Gate, Settings, Verdict};
pub use hash::{Algorithm, Ha1};
