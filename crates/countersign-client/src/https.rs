//! The transport for production: HTTP/1.1 with keep-alive connections, over TLS with Mozilla's roots. Plain
//! HTTP is used only for an endpoint that says `http`. The verification of certificates cannot be switched
//! off.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tower_service::Service;

use crate::endpoint::Endpoint;
use crate::transport::{Transport, TransportError};

/// The longest answer that is read, in bytes. The API's longest is a few kilobytes.
pub const MAX_ANSWER_LEN: usize = 1 << 20;

/// How long an unused connection is kept: shorter than common load balancers keep theirs, so that a
/// request is seldom written to a connection that is being closed.
const IDLE: Duration = Duration::from_secs(20);

/// Connections to one endpoint. Must be used inside a tokio runtime with I/O and time.
///
/// Dropping a call's future closes its connection; nothing continues in the background. Redirects are answers
/// like any other and are never followed.
#[derive(Debug, Clone)]
pub struct Https {
    client: Client<TimedConnector, Full<Bytes>>,
    longest_answer: usize,
}

impl Https {
    /// A pool for an endpoint: TLS only, unless the endpoint says `http`.
    #[must_use]
    pub fn new(endpoint: &Endpoint, connect_timeout: Duration) -> Self {
        Self::for_scheme(endpoint.scheme(), connect_timeout)
    }

    /// A pool for URLs of one scheme: TLS only, unless it is `http`.
    #[must_use]
    pub fn for_scheme(scheme: &http::uri::Scheme, connect_timeout: Duration) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let tls = HttpsConnectorBuilder::new().with_webpki_roots();
        let is_plain = *scheme == http::uri::Scheme::HTTP;
        let connector = if is_plain { tls.https_or_http() } else { tls.https_only() };
        let connector = connector.enable_http1().wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .build(TimedConnector { connector, limit: connect_timeout });
        Self { client, longest_answer: MAX_ANSWER_LEN }
    }

    /// This transport with a limit other than [`MAX_ANSWER_LEN`], in bytes: an answer is not read beyond it.
    #[must_use]
    pub fn with_longest_answer(self, longest_answer: usize) -> Self {
        Self { longest_answer, ..self }
    }
}

impl Transport for Https {
    fn send(
        &self,
        request: http::Request<Bytes>,
        deadline: Duration,
    ) -> BoxFuture<'_, Result<http::Response<Bytes>, TransportError>> {
        Box::pin(async move {
            let exchange = exchange(&self.client, request.map(Full::new), self.longest_answer);
            tokio::time::timeout(deadline, exchange).await.unwrap_or(Err(TransportError::TimedOut))
        })
    }
}

async fn exchange(
    client: &Client<TimedConnector, Full<Bytes>>,
    request: http::Request<Full<Bytes>>,
    longest_answer: usize,
) -> Result<http::Response<Bytes>, TransportError> {
    let answer = client.request(request).await.map_err(|error| {
        let never_left = error.is_connect();
        if never_left { TransportError::NotSent(error.into()) } else { TransportError::Lost(error.into()) }
    })?;
    let (head, body) = answer.into_parts();
    match Limited::new(body, longest_answer).collect().await {
        Ok(body) => Ok(http::Response::from_parts(head, body.to_bytes())),
        Err(error) if error.is::<LengthLimitError>() => {
            Err(TransportError::Lost(format!("the answer is longer than {longest_answer} bytes").into()))
        }
        Err(error) => Err(TransportError::Lost(error)),
    }
}

/// Connects within a time limit that covers name resolution, TCP and the TLS handshake.
#[derive(Debug, Clone)]
struct TimedConnector {
    connector: HttpsConnector<HttpConnector>,
    limit: Duration,
}

impl Service<http::Uri> for TimedConnector {
    type Response = <HttpsConnector<HttpConnector> as Service<http::Uri>>::Response;
    type Error = Box<dyn core::error::Error + Send + Sync>;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.connector.poll_ready(context)
    }

    fn call(&mut self, uri: http::Uri) -> Self::Future {
        let connecting = self.connector.call(uri);
        let limit = self.limit;
        Box::pin(async move {
            match tokio::time::timeout(limit, connecting).await {
                Ok(connected) => connected,
                Err(_) => {
                    let why = format!("no connection within {} ms", limit.as_millis());
                    Err(io::Error::new(io::ErrorKind::TimedOut, why).into())
                }
            }
        })
    }
}
