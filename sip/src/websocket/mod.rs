//! SIP over WebSockets (RFC 6455, RFC 7118), the server's end: the opening handshake, and messages cut from frames.
//!
//! No socket and no TLS lives here, and nothing is read in a SIP message. No extension is agreed to, so no frame is compressed.
//!
//! | File | Holds |
//! |---|---|
//! | `opening` | the request that opens a WebSocket, and its answer |
//! | `frames` | messages and control frames, both ways |

mod frames;
mod opening;

pub use frames::{
    CLOSE_GOING_AWAY, CLOSE_NORMAL, CLOSE_TOO_BIG, WebSocketFrame, WebSocketFramer, close_frame, message_frame,
    pong_frame,
};
pub use opening::{HEAD_BYTES_MAX, Opening, open};
