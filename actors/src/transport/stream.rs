//! The life of one connection: messages cut from what it brings, messages written to it, and the rules by which it is closed.
//!
//! Who may connect is the `doorkeeper`'s to say, what a message means the shard's.

use bytes::{Bytes, BytesMut};
use sip::endpoint::Transport;
use sip::framing::{Frame, PONG};
use sip::websocket::{self, Opening, WebSocketFrame, WebSocketFramer, message_frame};
use sip::{Framer, Unframeable};
use std::io;
use std::time::Duration;
use telemetry::labels::ConnectionClosed;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};

/// Messages at most that wait for one connection to take them; then the connection is closed: its peer does not read.
pub(crate) const WRITES_WAITING_MAX: usize = 256;
/// How long a goodbye may take.
const GOODBYE: Duration = Duration::from_secs(1);
/// Bytes read at once: more than most messages have, and little beside ten thousand connections.
const READ_BYTES: usize = 4 * 1_024;

/// How long a connection may keep us waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// For anything at all.
    pub idle: Duration,
    /// For a TLS handshake, and again for that of a WebSocket.
    pub handshake: Duration,
    /// For the first whole message of who connects: who does so has something to say.
    pub first_message: Duration,
    /// For the rest of a message that was begun, however its bytes trickle (slow loris).
    pub partial_message: Duration,
    /// For a peer to take what is written to it.
    pub write: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Patience {
            // Longer than the keep-alives of RFC 5626 4.4.1 (at most 840 s).
            idle: Duration::from_secs(900),
            handshake: Duration::from_secs(10),
            first_message: Duration::from_secs(30),
            partial_message: Duration::from_secs(10),
            write: Duration::from_secs(30),
        }
    }
}

/// Why a connection was closed by us.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Closed {
    /// The peer closed it, or the network did.
    #[error("the connection ended: {0}")]
    Io(#[from] io::Error),
    /// A WebSocket's peer said goodbye.
    #[error("the peer closed its WebSocket")]
    Goodbye,
    /// What came is not SIP.
    #[error("the stream cannot be read as SIP: {0}")]
    Unframeable(#[from] Unframeable),
    /// No WebSocket was opened.
    #[error("no WebSocket was opened: {0}")]
    Unopened(String),
    /// Nothing came for too long.
    #[error("nothing came for {0} s")]
    Idle(u64),
    /// Nothing whole came at first.
    #[error("no message came within {0} s")]
    Silent(u64),
    /// A message was not finished in time.
    #[error("a message that was begun was not whole after {0} s")]
    Partial(u64),
    /// The peer takes nothing any more.
    #[error("the peer does not read")]
    Deaf,
    /// The peer is banned.
    #[error("the peer is banned")]
    Banned,
}

impl Closed {
    /// Its label; none where the peer or the network closed it.
    pub(crate) fn label(&self) -> Option<ConnectionClosed> {
        Some(match self {
            Closed::Io(_) | Closed::Goodbye => return None,
            Closed::Unframeable(_) => ConnectionClosed::Unframeable,
            Closed::Unopened(_) => ConnectionClosed::Handshake,
            Closed::Idle(_) => ConnectionClosed::Idle,
            Closed::Silent(_) => ConnectionClosed::Silent,
            Closed::Partial(_) => ConnectionClosed::Partial,
            Closed::Deaf => ConnectionClosed::Deaf,
            Closed::Banned => ConnectionClosed::Banned,
        })
    }
}

/// A message as it is written to a connection.
pub(crate) fn framed(transport: Transport, message: Bytes) -> Bytes {
    if transport.is_websocket() { message_frame(&message) } else { message }
}

/// Cuts what one connection brings.
enum Cutter {
    Stream(Framer),
    WebSocket(WebSocketFramer),
}

/// What was cut.
enum Cut {
    Message(Bytes),
    /// To be written back.
    Answer(Bytes),
    Nothing,
    Goodbye,
}

impl Cutter {
    fn push(&mut self, bytes: &[u8]) {
        match self {
            Cutter::Stream(framer) => framer.push(bytes),
            Cutter::WebSocket(framer) => framer.push(bytes),
        }
    }

    fn pending(&self) -> usize {
        match self {
            Cutter::Stream(framer) => framer.pending(),
            Cutter::WebSocket(framer) => framer.pending(),
        }
    }

    fn next(&mut self) -> Result<Option<Cut>, Unframeable> {
        Ok(match self {
            Cutter::Stream(framer) => framer.next_frame()?.map(|frame| match frame {
                Frame::Message(message) => Cut::Message(message),
                Frame::Ping => Cut::Answer(Bytes::from_static(PONG)),
                Frame::Pong => Cut::Nothing,
            }),
            Cutter::WebSocket(framer) => framer.next_frame()?.map(|frame| match frame {
                // RFC 5626 4.4.1 in a frame: older browser libraries send it.
                WebSocketFrame::Message(message) if *message == *b"\r\n\r\n" => Cut::Answer(message_frame(PONG)),
                WebSocketFrame::Message(message) => Cut::Message(message),
                WebSocketFrame::Ping(bytes) => Cut::Answer(websocket::pong_frame(&bytes)),
                WebSocketFrame::Pong => Cut::Nothing,
                WebSocketFrame::Close => Cut::Goodbye,
            }),
        })
    }
}

/// How one connection is served.
pub(crate) struct Manners<'a> {
    pub(crate) transport: Transport,
    /// Whether the peer opened it: then it must speak first.
    pub(crate) is_accepted: bool,
    /// How long it may keep us waiting.
    pub(crate) patience: Patience,
    /// Whether pages of an origin may open WebSockets.
    pub(crate) is_welcome: &'a (dyn Fn(&str) -> bool + Sync),
}

/// Carries one connection to its end, handing on whole messages for as long as `deliver` takes them; `waiting` is written, and pings are answered through `writes`.
pub(crate) async fn serve<R, W>(
    mut reading: R,
    mut writing: W,
    manners: Manners<'_>,
    writes: mpsc::Sender<Bytes>,
    mut waiting: mpsc::Receiver<Bytes>,
    deliver: impl FnMut(Bytes) -> bool,
) -> Closed
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let cutter = if manners.transport.is_websocket() {
        match open_websocket(&mut reading, &mut writing, &manners).await {
            Ok(behind) => {
                let mut framer = WebSocketFramer::new();
                framer.push(&behind);
                Cutter::WebSocket(framer)
            }
            Err(closed) => {
                let _ = timeout(GOODBYE, writing.shutdown()).await;
                return closed;
            }
        }
    } else {
        Cutter::Stream(Framer::new())
    };
    let closed = tokio::select! {
        closed = read(&mut reading, cutter, &manners, writes, deliver) => closed,
        closed = write(&mut writing, &mut waiting, manners.patience.write) => closed,
    };
    let goodbye = async {
        if manners.transport.is_websocket() && !matches!(closed, Closed::Io(_) | Closed::Deaf | Closed::Banned) {
            let code = match &closed {
                Closed::Goodbye => websocket::CLOSE_NORMAL,
                Closed::Unframeable(why) => why.close_code(),
                _ => websocket::CLOSE_GOING_AWAY,
            };
            writing.write_all(&websocket::close_frame(code)).await?;
        }
        writing.shutdown().await
    };
    // Whether it is heard does not matter any more.
    let _ = timeout(GOODBYE, goodbye).await;
    closed
}

/// The opening handshake of a WebSocket, and what came behind it.
async fn open_websocket<R, W>(reading: &mut R, writing: &mut W, manners: &Manners<'_>) -> Result<BytesMut, Closed>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let shaking = async {
        let mut came = BytesMut::with_capacity(1_024);
        loop {
            if reading.read_buf(&mut came).await? == 0 {
                return Err(Closed::Io(io::ErrorKind::UnexpectedEof.into()));
            }
            match websocket::open(&came, manners.is_welcome) {
                Opening::Unfinished => {}
                Opening::Opened { answer, length } => {
                    writing.write_all(&answer).await?;
                    writing.flush().await?;
                    return Ok(came.split_off(length));
                }
                Opening::Refused { answer, why } => {
                    writing.write_all(&answer).await?;
                    return Err(Closed::Unopened(why.into_owned()));
                }
            }
        }
    };
    let patience = manners.patience.handshake;
    timeout(patience, shaking)
        .await
        .unwrap_or_else(|_| Err(Closed::Unopened(format!("it was not asked for within {} s", patience.as_secs()))))
}

async fn read<R: AsyncRead + Unpin>(
    reading: &mut R,
    mut cutter: Cutter,
    manners: &Manners<'_>,
    writes: mpsc::Sender<Bytes>,
    mut deliver: impl FnMut(Bytes) -> bool,
) -> Closed {
    let mut buffer = vec![0; READ_BYTES];
    let opened = Instant::now();
    let mut is_stranger = manners.is_accepted;
    // When the message began whose end has not come yet.
    let mut begun = opened;
    loop {
        let mut has_cut = false;
        loop {
            match cutter.next() {
                Ok(None) => break,
                Ok(Some(cut)) => {
                    has_cut = true;
                    match cut {
                        Cut::Message(message) => {
                            is_stranger = false;
                            if !deliver(message) {
                                return Closed::Banned;
                            }
                        }
                        // A peer that pings faster than it reads loses pongs, not the connection.
                        Cut::Answer(answer) => drop(writes.try_send(answer)),
                        Cut::Nothing => {}
                        Cut::Goodbye => return Closed::Goodbye,
                    }
                }
                Err(unframeable) => return Closed::Unframeable(unframeable),
            }
        }
        let now = Instant::now();
        let was_pending = cutter.pending() > 0;
        if has_cut {
            begun = now;
        }
        let Patience { idle, first_message, partial_message, .. } = manners.patience;
        let mut deadline = (now + idle, Closed::Idle(idle.as_secs()));
        if was_pending {
            deadline = (begun + partial_message, Closed::Partial(partial_message.as_secs()));
        }
        if is_stranger && opened + first_message < deadline.0 {
            deadline = (opened + first_message, Closed::Silent(first_message.as_secs()));
        }
        match timeout_at(deadline.0, reading.read(&mut buffer)).await {
            Err(_) => return deadline.1,
            Ok(Err(error)) => return Closed::Io(error),
            Ok(Ok(0)) => return Closed::Io(io::ErrorKind::UnexpectedEof.into()),
            Ok(Ok(length)) => {
                if !was_pending {
                    begun = Instant::now();
                }
                cutter.push(&buffer[..length]);
            }
        }
    }
}

/// Writes until every sender is gone or the peer takes nothing more.
async fn write<W: AsyncWrite + Unpin>(
    writing: &mut W,
    waiting: &mut mpsc::Receiver<Bytes>,
    patience: Duration,
) -> Closed {
    while let Some(bytes) = waiting.recv().await {
        let written = async {
            writing.write_all(&bytes).await?;
            writing.flush().await
        };
        match timeout(patience, written).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Closed::Io(error),
            Err(_) => return Closed::Deaf,
        }
    }
    Closed::Io(io::ErrorKind::NotConnected.into())
}
