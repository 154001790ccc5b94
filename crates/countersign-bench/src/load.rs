//! The load: requests as bytes, built beforehand and sent over kept connections. Each connection
//! waits for an answer before it sends the next request, and reads only as much of the answer as it
//! must.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use countersign_world::{Clock as _, SystemClock};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::bench_result::BenchResult;

/// A request as it goes over the wire.
pub(super) type RequestBytes = Vec<u8>;

/// The results of a run of the load.
#[derive(Debug)]
pub(super) struct LoadResult {
    pub(super) elapsed: Duration,
    /// The latencies of all requests, sorted.
    pub(super) latencies: Vec<Duration>,
    /// The bodies, in the requests' order.
    pub(super) bodies: Vec<Vec<u8>>,
}

impl LoadResult {
    pub(super) fn per_second(&self) -> f64 {
        self.latencies.len() as f64 / self.elapsed.as_secs_f64()
    }

    /// The latency that this percentage of all requests did not exceed.
    pub(super) fn percentile(&self, percent: usize) -> Duration {
        let index = (self.latencies.len() * percent / 100).min(self.latencies.len().saturating_sub(1));
        self.latencies.get(index).copied().unwrap_or_default()
    }
}

/// A request without a signature.
pub(super) fn plain_request(address: &str, path: &str, headers: &str, body: &str) -> RequestBytes {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n{headers}\
         content-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// A GET without a signature.
pub(super) fn get_request(address: &str, path: &str, headers: &str) -> RequestBytes {
    format!("GET {path} HTTP/1.1\r\nhost: {address}\r\n{headers}\r\n").into_bytes()
}

/// Sends every request once, over `concurrency` new connections. Every answer must have one of the statuses.
pub(super) async fn run(
    address: &str,
    requests: Vec<RequestBytes>,
    concurrency: usize,
    statuses: &'static [u16],
) -> BenchResult<LoadResult> {
    Connections::open(address, concurrency).await?.run(requests, statuses).await
}

/// Connections that are kept open, so that opening them is not part of every measurement.
pub(super) struct Connections(Vec<Connection>);

impl Connections {
    pub(super) async fn open(address: &str, count: usize) -> BenchResult<Self> {
        let mut connections = Vec::with_capacity(count);
        for _ in 0..count {
            connections.push(Connection::open(address).await?);
        }
        Ok(Self(connections))
    }

    /// Sends every request once. Every answer must have one of the statuses.
    pub(super) async fn run(
        &mut self,
        requests: Vec<RequestBytes>,
        statuses: &'static [u16],
    ) -> BenchResult<LoadResult> {
        let requests = Arc::new(requests);
        let next = Arc::new(AtomicUsize::new(0));
        let began = SystemClock.monotonic();
        let tasks: Vec<_> = std::mem::take(&mut self.0)
            .into_iter()
            .map(|connection| {
                let (requests, next) = (Arc::clone(&requests), Arc::clone(&next));
                tokio::spawn(send_share(connection, requests, next, statuses))
            })
            .collect();
        let mut answers = Vec::with_capacity(requests.len());
        for task in tasks {
            let (connection, share) = task.await??;
            self.0.push(connection);
            answers.extend(share);
        }
        let elapsed = SystemClock.monotonic().saturating_sub(began);
        answers.sort_by_key(|answer| answer.index);
        let mut latencies: Vec<_> = answers.iter().map(|answer| answer.latency).collect();
        latencies.sort_unstable();
        Ok(LoadResult { elapsed, latencies, bodies: answers.into_iter().map(|answer| answer.body).collect() })
    }
}

struct LoadAnswer {
    index: usize,
    latency: Duration,
    body: Vec<u8>,
}

async fn send_share(
    mut connection: Connection,
    requests: Arc<Vec<RequestBytes>>,
    next: Arc<AtomicUsize>,
    statuses: &'static [u16],
) -> BenchResult<(Connection, Vec<LoadAnswer>)> {
    let mut answers = Vec::new();
    loop {
        let index = next.fetch_add(1, Ordering::Relaxed);
        let Some(request) = requests.get(index) else { return Ok((connection, answers)) };
        let began = SystemClock.monotonic();
        let (status, body) = connection.exchange(request).await?;
        let latency = SystemClock.monotonic().saturating_sub(began);
        if !statuses.contains(&status) {
            return Err(format!("answered with {status}: {}", String::from_utf8_lossy(&body)).into());
        }
        answers.push(LoadAnswer { index, latency, body });
    }
}

struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    async fn open(address: &str) -> BenchResult<Self> {
        let stream = TcpStream::connect(address).await.map_err(|error| format!("{address}: {error}"))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(8_192) })
    }

    async fn exchange(&mut self, request: &[u8]) -> BenchResult<(u16, Vec<u8>)> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        let head_end = loop {
            if let Some(at) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            self.read_more().await?;
        };
        let head = String::from_utf8_lossy(self.buffer.get(..head_end).unwrap_or_default()).into_owned();
        let status =
            head.get(9..12).and_then(|text| text.parse().ok()).ok_or("an answer without a status")?;
        let length: usize = head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            .and_then(|(_, value)| value.parse().ok())
            .ok_or("an answer without a length")?;
        while self.buffer.len() < head_end + length {
            self.read_more().await?;
        }
        Ok((status, self.buffer.get(head_end..).unwrap_or_default().to_vec()))
    }

    async fn read_more(&mut self) -> BenchResult {
        match self.stream.read_buf(&mut self.buffer).await? {
            0 => Err("a connection ended".into()),
            _ => Ok(()),
        }
    }
}
