//! Session descriptions as text (RFC 8866): read into and printed from [`domain::media::MediaDescription`].
//!
//! What may be offered and answered (RFC 3264) is decided in `negotiation`, not here.

mod crypto;
mod print;
mod read;

pub use print::{Origin, print};
pub use read::{SdpFault, read};

/// Bytes at most in a session description that we read: a datagram holds no more, and real ones have about 500.
pub const SDP_BYTES_MAX: usize = 16 * 1024;
/// `m=` lines at most.
pub const STREAMS_MAX: usize = 8;
/// Payload formats at most in one `m=` line.
pub const FORMATS_MAX: usize = 32;
/// `fmtp` lines at most for one payload format.
pub const FMTP_LINES_MAX: usize = 4;

/// `a=crypto` lines at most that are used of one stream; further ones are passed over.
pub const CRYPTO_LINES_MAX: usize = 8;

/// The media type of a session description.
pub const CONTENT_TYPE: &str = "application/sdp";
