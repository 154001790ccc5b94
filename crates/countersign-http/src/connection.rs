//! One connection: reads its requests one after another, passes each to the handler once it is
//! complete, and ends the socket. [`crate::serve`] runs one of these per connection; routes and the
//! meaning of bodies are up to the handler.

use std::pin::{Pin, pin};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::future::BoxFuture;
use http::header::{CONNECTION, HeaderValue};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::timeout;

use crate::handler::{Handler, IncompleteRequest, Peer, Reply, Response};
use crate::limits::Limits;
use crate::socket::{Socket, SocketState};

/// The largest number of header lines that hyper parses. Hyper itself answers a head with more lines,
/// without the handler's body. It reserves room for this many lines on each request, so this is only
/// four times what [`Limits`] allow.
const PARSED_HEAD_LINES: usize = 256;

/// The largest number of bytes of a connection that hyper keeps in memory. Hyper itself answers a
/// longer head, and any target of 64 KiB or more, whatever this value is.
const BUFFER_BYTES: usize = 256 * 1024;

/// How many bytes of a refused body are read and dropped after the answer, and for how long. The
/// kernel resets a socket that is closed with unread bytes, and the reset may overtake the answer.
const DISCARDED_BYTES: u64 = 8 * 1024 * 1024;
const DISCARDING_TIME: Duration = Duration::from_secs(2);

/// The phase of the server's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Serving,
    /// Requests that have started are finished, and no further ones are accepted.
    Draining,
    Closed,
}

/// How a connection ends, if it is not simply closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ConnectionEnd {
    /// The peer may still be sending the refused body.
    CloseAfterDiscarding,
    Reset,
}

/// What every request of one connection needs.
struct Connection {
    handler: Arc<dyn Handler>,
    limits: Limits,
    peer: Peer,
    line: Arc<SocketState>,
    /// How the connection ends, once that is decided: from then on it accepts no further request.
    /// Only the first value counts.
    ending: OnceLock<ConnectionEnd>,
    slot: Arc<OwnedSemaphorePermit>,
    stage: watch::Receiver<Stage>,
}

/// A handler's work. The work always runs to its end: if the client disconnects, it continues
/// without a client and keeps the connection's slot, so that it still counts against the limit and
/// a shutdown waits for it.
struct Work {
    /// `None` once the work is done.
    handling: Option<BoxFuture<'static, Reply>>,
    slot: Arc<OwnedSemaphorePermit>,
    stage: watch::Receiver<Stage>,
}

impl Future for Work {
    type Output = Reply;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Reply> {
        let Some(handling) = &mut self.handling else { return Poll::Pending };
        let reply = ready!(handling.as_mut().poll(context));
        self.handling = None;
        Poll::Ready(reply)
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        let Some(handling) = self.handling.take() else { return };
        let is_cut_off = *self.stage.borrow() == Stage::Closed || self.stage.has_changed().is_err();
        if is_cut_off || std::thread::panicking() {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (slot, mut stage) = (Arc::clone(&self.slot), self.stage.clone());
        runtime.spawn(async move {
            tokio::select! {
                _ = handling => {}
                // An error means that the server was dropped, and so has closed.
                _ = stage.wait_for(|stage| *stage == Stage::Closed) => {}
            }
            drop(slot);
        });
    }
}

/// The error that ends a connection because its handler wants a reset instead of an answer.
#[derive(Debug)]
struct ResetWanted;

impl std::fmt::Display for ResetWanted {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("the handler asked for the connection to be reset")
    }
}

impl std::error::Error for ResetWanted {}

/// Serves a connection to its end. The slot is free again once everything that the connection
/// started is done.
pub(crate) async fn run(
    stream: TcpStream,
    peer: Peer,
    handler: Arc<dyn Handler>,
    limits: Limits,
    (slot, stage): (OwnedSemaphorePermit, watch::Receiver<Stage>),
) {
    let line = Arc::new(SocketState::default());
    let socket = Socket::new(stream, Arc::clone(&line), &limits);
    let connection = Arc::new(Connection {
        handler,
        limits,
        peer,
        line,
        ending: OnceLock::new(),
        slot: Arc::new(slot),
        stage: stage.clone(),
    });
    exchange(socket, &connection, stage).await;

    let Some(stream) = connection.line.take_stream() else { return };
    match connection.ending.get() {
        None => {}
        Some(ConnectionEnd::CloseAfterDiscarding) => discard(stream).await,
        Some(ConnectionEnd::Reset) => {
            if let Err(error) = stream.set_zero_linger() {
                tracing::warn!(%error, "a connection could not be reset and will be closed instead");
            }
        }
    }
}

/// Answers one request after another until either side is done. The socket is released at the end.
async fn exchange(socket: Socket, connection: &Arc<Connection>, mut stage: watch::Receiver<Stage>) {
    let service = hyper::service::service_fn(|request| answer(Arc::clone(connection), request));
    let mut builder = hyper::server::conn::http1::Builder::new();
    builder.max_headers(PARSED_HEAD_LINES).max_buf_size(BUFFER_BYTES);
    // [`Socket`] measures the time of heads and of idling, with one timer per connection.
    builder.header_read_timeout(None);
    let mut exchange = pin!(builder.serve_connection(TokioIo::new(socket), service));
    loop {
        tokio::select! {
            biased;
            ended = exchange.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(peer = %connection.peer.0, %error, "a connection ended with an error");
                }
                return;
            }
            changed = stage.changed() => {
                // A server that was dropped has closed.
                let now = changed.map_or(Stage::Closed, |()| *stage.borrow_and_update());
                match now {
                    Stage::Serving => {}
                    Stage::Draining if connection.line.is_silent() => return,
                    Stage::Draining => exchange.as_mut().graceful_shutdown(),
                    Stage::Closed => return,
                }
            }
        }
    }
}

async fn answer(
    connection: Arc<Connection>,
    request: http::Request<Incoming>,
) -> Result<http::Response<Full<Bytes>>, ResetWanted> {
    let _serving = connection.line.serve();
    let (mut head, body) = request.into_parts();
    head.extensions.insert(connection.peer);
    match read_whole(&head, body, &connection.limits).await {
        Ok(body) => {
            let request = http::Request::from_parts(head, body);
            match connection.work(request).await {
                Reply::Answer(response) => Ok(response.map(Full::new)),
                Reply::Reset => {
                    connection.ending.get_or_init(|| ConnectionEnd::Reset);
                    Err(ResetWanted)
                }
            }
        }
        Err(unreadable) => Ok(connection.refuse(&head, unreadable).map(Full::new)),
    }
}

impl Connection {
    fn work(&self, request: crate::handler::Request) -> Work {
        let (slot, stage) = (Arc::clone(&self.slot), self.stage.clone());
        Work { handling: Some(self.handler.handle(request)), slot, stage }
    }

    /// The answer to a request that is not complete. The connection ends, because any further bytes
    /// on it cannot be distinguished from the rest of the request's body.
    fn refuse(&self, head: &http::request::Parts, unreadable: IncompleteRequest) -> Response {
        self.ending.get_or_init(|| ConnectionEnd::CloseAfterDiscarding);
        let mut response = self.handler.refuse(head, unreadable);
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        response
    }
}

async fn read_whole(
    head: &http::request::Parts,
    body: Incoming,
    limits: &Limits,
) -> Result<Bytes, IncompleteRequest> {
    if head.headers.len() > limits.head_lines || head_bytes(head) > limits.head_bytes {
        return Err(IncompleteRequest::HeadTooLarge);
    }
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    // A declared length over the limit is refused before the client gets its 100 Continue.
    if body.size_hint().lower() > limits.body_bytes as u64 {
        return Err(IncompleteRequest::BodyTooLarge);
    }
    match timeout(limits.body_time, collect(body, limits.body_bytes)).await {
        Ok(collected) => collected,
        Err(_elapsed) => Err(IncompleteRequest::BodyTimedOut),
    }
}

/// The target and each header line with its separator and line end.
fn head_bytes(head: &http::request::Parts) -> usize {
    let target = head.uri.path_and_query().map_or(0, |target| target.as_str().len());
    let lines = head.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4);
    target + lines.sum::<usize>()
}

/// Reads a body to its end. A body that came in a single piece, as nearly all do, is not copied.
async fn collect(mut body: Incoming, limit: usize) -> Result<Bytes, IncompleteRequest> {
    let mut whole = Bytes::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| IncompleteRequest::BodyTruncated)?;
        let Ok(piece) = frame.into_data() else { continue };
        if whole.len() + piece.len() > limit {
            return Err(IncompleteRequest::BodyTooLarge);
        }
        if whole.is_empty() {
            whole = piece;
        } else {
            // The first piece is copied once, and then extended in place: nothing else refers to
            // it.
            let mut joined = BytesMut::from(whole);
            joined.extend_from_slice(&piece);
            whole = joined.freeze();
        }
    }
    Ok(whole)
}

/// Ends the sending side, then reads what the peer is still sending, within limits.
async fn discard(mut stream: TcpStream) {
    if stream.shutdown().await.is_err() {
        return;
    }
    let mut rest = stream.take(DISCARDED_BYTES);
    let mut sink = tokio::io::sink();
    // Whether the peer stopped by itself makes no difference: the answer had enough time to arrive.
    let _ = timeout(DISCARDING_TIME, tokio::io::copy(&mut rest, &mut sink)).await;
}
