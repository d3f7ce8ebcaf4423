//! PBXs by the hundred and the carrier that they call, on an open-loop schedule: what a SIP server makes of them, in percentiles.
//!
//! A stranger on the wire: nothing of the switch is known here but its address and, where it is a Tandem, its REST API. What is said
//! on a line is `telephone`'s.
//!
//! | File | Holds |
//! |---|---|
//! | [`options`], [`amounts`], [`users`] | the command line, and what is wrong with it |
//! | [`clock`] | the only clock |
//! | [`schedule`] | when calls begin: fixed in advance |
//! | [`pacer`] | hands the calls out when they are due, whatever the server does |
//! | [`driver`] | a socket, a line and a role on the runtime |
//! | [`pbx`], [`carrier`] | the two roles |
//! | [`media`] | sound: streams of 50 packets a second, their round trip and their loss |
//! | [`figures`] | histograms and counts |
//! | [`tandem`] | where the target is a Tandem: what is made there, its metrics, its books |
//! | [`crew`], [`run`] | everybody started, waited for and asked |
//! | [`progress`], [`summary`], [`table`] | what is shown |
#![forbid(unsafe_code)]

pub mod amounts;
pub mod carrier;
pub mod clock;
pub mod crew;
pub mod driver;
pub mod figures;
pub mod media;
pub mod options;
pub mod pacer;
pub mod pbx;
pub mod progress;
pub mod run;
pub mod schedule;
pub mod summary;
pub mod table;
pub mod tandem;
pub mod users;

/// What went wrong, so that there is no load test.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The command line asks for what cannot be.
    #[error("{0}")]
    Asked(String),
    /// A socket, file or thread could not be had.
    #[error("{what}: {error}")]
    Io {
        /// Which, and for what.
        what: String,
        /// What the system said.
        error: std::io::Error,
    },
    /// The target's API did not do what was asked.
    #[error("{0}")]
    Api(String),
    /// A thread of ours broke off.
    #[error("the {0} broke off: a fault of the load test")]
    Broken(&'static str),
}

impl Error {
    /// An error of the system, and what it was about.
    pub fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Error {
        let what = what.into();
        move |error| Error::Io { what, error }
    }
}
