//! Bytes in and out: UDP in batches; TCP, TLS and WebSockets in whole messages. What they mean is not known here.
//!
//! | File | Holds |
//! |---|---|
//! | `udp` | sockets, read and written in batches |
//! | `tcp` | listeners and connections before anything was said on them |
//! | `doorkeeper` | how many connections there may be, in total and from one source |
//! | `tls` | certificates, who is believed, reloading |
//! | `names` | whom a certificate names (RFC 5922) |
//! | `handshakes` | TLS handshakes on threads of their own |
//! | `stream` | a connection's life: messages cut from it, messages written to it, and when it is closed |

pub(crate) mod doorkeeper;
pub(crate) mod handshakes;
pub(crate) mod names;
pub(crate) mod stream;
pub(crate) mod tcp;
pub(crate) mod tls;
pub(crate) mod udp;
