//! SIP as data and as machines: the message on the wire (this crate's `message`, `uri`, `print`, `framing`), and what RFC 3261
//! does with it.
//!
//! No socket, clock, chance or runtime lives here, and no SDP: bodies are bytes.
#![forbid(unsafe_code)]

pub mod dialog;
pub mod digest;
pub mod endpoint;
pub mod framing;
pub mod limits;
pub mod locating;
pub mod message;
pub mod print;
pub mod relaying;
pub mod transaction;
pub mod uri;
pub mod websocket;

pub use framing::{Frame, Framer, Unframeable};
pub use message::{Complaint, Kind, Malformed, Message, Method, Name, Reason, Wrong};
pub use print::{Lines, Request, Response};
pub use uri::{Host, Scheme, Uri};
