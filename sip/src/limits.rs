//! Every limit that a message from the wire must keep, with its reason.
//!
//! Limits of transactions, dialogs and queues do not live here: they stand beside what they limit.

/// Bytes of a whole message, start line to the end of the body. A UDP datagram cannot be longer (RFC 768), and no SIP message of a
/// PBX is; on streams it is the most that one connection can make us hold.
pub const MESSAGE_BYTES_MAX: usize = 64 * 1024;

/// Bytes of the start line and all headers together, the empty line included.
pub const HEAD_BYTES_MAX: usize = 48 * 1024;

/// Bytes of the start line without its CRLF. `longreq` of RFC 4475 3.1.1.6 has a Request-URI of about 500 bytes.
pub const START_LINE_BYTES_MAX: usize = 4 * 1024;

/// Bytes of one header line, folds included. Identity headers (RFC 8224) run to some 2,000 bytes.
pub const HEADER_LINE_BYTES_MAX: usize = 8 * 1024;

/// Bytes of a header's name.
pub const HEADER_NAME_BYTES_MAX: usize = 128;

/// Header lines of one message.
pub const HEADERS_MAX: usize = 200;

/// Via values of one message, over all its lines. Max-Forwards starts at 70, but nobody who calls us has twenty proxies. More are read
/// (`longreq` of RFC 4475 has 34), and `check` then refuses the request with 513.
pub const VIAS_MAX: usize = 20;

/// Comma-separated values of one header name in one message (Contact, Route, Supported, ...). Reading stops there.
pub const VALUES_MAX: usize = 64;

/// Parameters of one value or of one URI. Reading stops there, and `check` refuses what has more.
pub const PARAMS_MAX: usize = 64;

/// Bytes of one URI.
pub const URI_BYTES_MAX: usize = 2 * 1024;

/// Bytes of a method's name. `intmeth` of RFC 4475 3.1.1.2 has one of 41.
pub const METHOD_BYTES_MAX: usize = 64;

/// Bytes of a Call-ID. Longer than any real one; Call-IDs are keys of our tables.
pub const CALL_ID_BYTES_MAX: usize = 512;

/// Bytes of a tag or a branch. They are keys of our tables too.
pub const TOKEN_BYTES_MAX: usize = 512;

/// The largest CSeq number (RFC 3261 8.1.1.5: less than 2^31).
pub const CSEQ_MAX: u32 = (1 << 31) - 1;

/// The largest Max-Forwards (RFC 3261 20.22).
pub const MAX_FORWARDS_MAX: u32 = 255;

/// Bytes of CRLF in front of a start line that are passed over (RFC 3261 7.5). On streams the framer takes them as keep-alives.
pub const LEADING_CRLF_BYTES_MAX: usize = 64;

// Sentences for people name these numbers: whoever changes one finds the sentences by it.
const _: () = assert!(MESSAGE_BYTES_MAX == 65_536 && HEAD_BYTES_MAX == 49_152 && START_LINE_BYTES_MAX == 4_096);
const _: () = assert!(HEADER_LINE_BYTES_MAX == 8_192 && HEADER_NAME_BYTES_MAX == 128 && HEADERS_MAX == 200);
const _: () = assert!(VALUES_MAX == 64 && PARAMS_MAX == 64 && URI_BYTES_MAX == 2_048);
const _: () =
    assert!(CALL_ID_BYTES_MAX == 512 && TOKEN_BYTES_MAX == 512 && CSEQ_MAX == 2_147_483_647 && MAX_FORWARDS_MAX == 255);
