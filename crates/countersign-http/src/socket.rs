//! A connection's socket as hyper sees it: a TCP stream that gives up on a peer that has become
//! silent. When hyper drops it, the stream returns to [`crate::connection`], because hyper cannot
//! choose how a socket ends (by a reset, or by a close that first reads what the peer still sends).
//!
//! One timer serves the whole life of the connection. It is re-armed when it fires, not on every
//! request, so on a busy connection timers cost nothing.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

use crate::limits::Limits;

/// The state that a socket and the requests on it share.
#[derive(Debug, Default)]
pub(crate) struct SocketState {
    /// The number of requests that have started. When it changes, the socket starts a new wait.
    requests: AtomicU32,
    serving: AtomicBool,
    heard: AtomicBool,
    released: Mutex<Option<TcpStream>>,
}

impl SocketState {
    /// Marks a request as being served until the guard is dropped.
    pub(crate) fn serve(&self) -> ServingGuard<'_> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.serving.store(true, Ordering::Relaxed);
        ServingGuard(self)
    }

    /// Whether the peer has connected and sent nothing at all.
    pub(crate) fn is_silent(&self) -> bool {
        !self.heard.load(Ordering::Relaxed)
    }

    /// The stream, once hyper has dropped it.
    pub(crate) fn take_stream(&self) -> Option<TcpStream> {
        self.released.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// While this lives, a request is being served.
pub(crate) struct ServingGuard<'a>(&'a SocketState);

impl Drop for ServingGuard<'_> {
    fn drop(&mut self) {
        self.0.serving.store(false, Ordering::Relaxed);
    }
}

/// A wait for the next head, with the instant at which it ends.
#[derive(Debug, Clone, Copy)]
struct Wait {
    request: u32,
    head_begun: bool,
    until: Instant,
}

/// The stream that hyper reads and writes.
#[derive(Debug)]
pub(crate) struct Socket {
    /// Present until the socket is dropped, which moves the stream to the [`SocketState`].
    stream: Option<TcpStream>,
    line: Arc<SocketState>,
    timer: Pin<Box<Sleep>>,
    head_time: Duration,
    idle_time: Duration,
    wait: Option<Wait>,
    stalled_until: Option<Instant>,
}

impl Socket {
    #[expect(clippy::disallowed_methods, reason = "the timeouts of a real socket are real time")]
    pub(crate) fn new(stream: TcpStream, line: Arc<SocketState>, limits: &Limits) -> Self {
        Self {
            stream: Some(stream),
            line,
            timer: Box::pin(tokio::time::sleep(limits.idle_time)),
            head_time: limits.head_time,
            idle_time: limits.idle_time,
            wait: None,
            stalled_until: None,
        }
    }

    /// Records that bytes have arrived. The first bytes of a head start the clock for the head; the
    /// bytes of a body do not.
    fn heard(&mut self) {
        self.line.heard.store(true, Ordering::Relaxed);
        if self.line.serving.load(Ordering::Relaxed) {
            return;
        }
        let request = self.line.requests.load(Ordering::Relaxed);
        let running = self.wait.is_some_and(|wait| wait.request == request && wait.head_begun);
        if !running {
            let until = Instant::now() + self.head_time;
            self.wait = Some(Wait { request, head_begun: true, until });
        }
    }

    /// Pending for as long as the peer may be silent, then an error.
    fn poll_silence(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.line.serving.load(Ordering::Relaxed) {
            return Poll::Pending;
        }
        let request = self.line.requests.load(Ordering::Relaxed);
        let until = match self.wait {
            Some(wait) if wait.request == request => wait.until,
            Some(_) | None => {
                let until = Instant::now() + self.idle_time;
                self.wait = Some(Wait { request, head_begun: false, until });
                until
            }
        };
        self.poll_until(context, until, "the peer sent no request in time")
    }

    /// Pending until that instant, then an error.
    fn poll_until<T>(
        &mut self,
        context: &mut Context<'_>,
        until: Instant,
        what: &'static str,
    ) -> Poll<io::Result<T>> {
        if self.timer.deadline() > until {
            self.timer.as_mut().reset(until);
        }
        while self.timer.as_mut().poll(context).is_ready() {
            if Instant::now() >= until {
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, what)));
            }
            self.timer.as_mut().reset(until);
        }
        Poll::Pending
    }

    /// Passes a write on, and gives up on a peer that has not read for too long.
    fn poll_sending<T>(
        &mut self,
        context: &mut Context<'_>,
        send: impl FnOnce(Pin<&mut TcpStream>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let Some(stream) = &mut self.stream else {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        };
        let sent = send(Pin::new(stream), context);
        if sent.is_ready() {
            self.stalled_until = None;
            return sent;
        }
        let idle_time = self.idle_time;
        let until = *self.stalled_until.get_or_insert_with(|| Instant::now() + idle_time);
        self.poll_until(context, until, "the peer does not read its answer")
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        *self.line.released.lock().unwrap_or_else(PoisonError::into_inner) = self.stream.take();
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Some(stream) = &mut self.stream else {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        };
        let read = Pin::new(stream).poll_read(context, buffer);
        match read {
            Poll::Ready(Ok(())) => {
                self.heard();
                read
            }
            Poll::Ready(Err(_)) => read,
            Poll::Pending => self.poll_silence(context),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_sending(context, |stream, context| stream.poll_write(context, bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_sending(context, |stream, context| stream.poll_write_vectored(context, slices))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_sending(context, |stream, context| stream.poll_flush(context))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_sending(context, |stream, context| stream.poll_shutdown(context))
    }
}
