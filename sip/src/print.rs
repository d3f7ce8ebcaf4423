//! Printing messages into a reused buffer: start line and copied headers first, then whatever is added, then the body.
//!
//! What a message says is decided elsewhere.
//!
//! **Injection**: every CR, LF and NUL in a value that is handed in becomes a blank, so no value can end its line or the head,
//! wherever it came from. Printing never fails for it. What a response copies from its request is copied byte for byte: a message
//! that was split has no CR or LF in any value.

mod lines;
mod request;
mod response;

pub use lines::Lines;
pub(crate) use lines::{put_clean, put_number};
pub use request::{Request, ack_of, cancel_of};
pub use response::Response;
pub(crate) use response::put_top_via;
