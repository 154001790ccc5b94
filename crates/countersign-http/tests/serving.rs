//! The server over real sockets, with requests in raw bytes: what a well-behaved client gets, and
//! what every kind of misbehaving client gets.

#![expect(clippy::unwrap_used, reason = "a test's harness fails by panicking")]

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use countersign_http::{Handler, IncompleteRequest, Limits, Peer, Reply, Request, Response, serve};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

/// Answers with the request that it got, and records the targets that it has seen.
#[derive(Default)]
struct Echo {
    seen: Mutex<Vec<String>>,
    arrived: Notify,
    /// A request to `/held` is answered once this is notified.
    released: Notify,
    /// Requests to `/held` that were finished.
    carried_out: Notify,
}

/// The echo as the server and the tests share it.
struct Shared(Arc<Echo>);

impl Handler for Shared {
    fn handle(&self, request: Request) -> BoxFuture<'static, Reply> {
        let echo = Arc::clone(&self.0);
        async move {
            let target = request.uri().to_string();
            echo.seen.lock().unwrap().push(target.clone());
            echo.arrived.notify_one();
            match target.as_str() {
                "/reset" => return Reply::Reset,
                "/held" => {
                    echo.released.notified().await;
                    echo.carried_out.notify_one();
                }
                "/empty" => return Reply::Answer(Response::new(Bytes::new())),
                "/peer" => {
                    let Peer(address) = request.extensions().get().unwrap();
                    return Reply::Answer(Response::new(address.to_string().into()));
                }
                _ => {}
            }
            let body = format!("{target} {}", String::from_utf8_lossy(request.body()));
            Reply::Answer(Response::new(body.into()))
        }
        .boxed()
    }

    fn refuse(&self, head: &http::request::Parts, unreadable: IncompleteRequest) -> Response {
        let status = match unreadable {
            IncompleteRequest::BodyTooLarge | IncompleteRequest::HeadTooLarge => 413,
            IncompleteRequest::BodyTimedOut => 408,
            IncompleteRequest::BodyTruncated => 400,
        };
        let body = format!("{unreadable:?} {}", head.uri);
        http::Response::builder().status(status).body(body.into()).unwrap()
    }
}

struct Server {
    address: SocketAddr,
    echo: Arc<Echo>,
    stop: Option<oneshot::Sender<()>>,
    running: JoinHandle<()>,
}

impl Server {
    async fn start(limits: Limits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let echo = Arc::new(Echo::default());
        let (stop, stopped) = oneshot::channel();
        let handler = Arc::new(Shared(Arc::clone(&echo)));
        let running = tokio::spawn(serve(listener, handler, limits, async move {
            let _ = stopped.await;
        }));
        Self { address, echo, stop: Some(stop), running }
    }

    async fn connect(&self) -> Client {
        Client { stream: TcpStream::connect(self.address).await.unwrap(), unread: Vec::new() }
    }

    fn seen(&self) -> Vec<String> {
        self.echo.seen.lock().unwrap().clone()
    }

    fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }
}

/// One connection, read answer by answer.
struct Client {
    stream: TcpStream,
    unread: Vec<u8>,
}

#[derive(Debug, PartialEq, Eq)]
struct HttpAnswer {
    status: u16,
    head: String,
    body: String,
}

impl Client {
    async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    async fn get(&mut self, target: &str) -> HttpAnswer {
        self.send(format!("GET {target} HTTP/1.1\r\nhost: h\r\n\r\n")).await;
        self.answer().await
    }

    /// The next answer, whose body is as long as its content-length says.
    async fn answer(&mut self) -> HttpAnswer {
        let (status, head) = self.answer_head().await;
        let length = content_length(&head);
        while self.unread.len() < length {
            self.read_more().await;
        }
        let body = self.unread.drain(..length).collect();
        HttpAnswer { status, head, body: String::from_utf8(body).unwrap() }
    }

    async fn answer_head(&mut self) -> (u16, String) {
        let end = loop {
            if let Some(at) = self.unread.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            self.read_more().await;
        };
        let head = String::from_utf8(self.unread.drain(..end).collect()).unwrap();
        (head[9..12].parse().unwrap(), head)
    }

    async fn read_more(&mut self) {
        let read = self.stream.read_buf(&mut self.unread).await.unwrap();
        assert_ne!(read, 0, "the connection ended; unread: {:?}", self.unread);
    }

    /// Asserts that the server has closed the connection and sent nothing more.
    async fn expect_end(&mut self) {
        self.stream.read_to_end(&mut self.unread).await.unwrap();
        assert_eq!(String::from_utf8_lossy(&self.unread), "");
    }
}

fn content_length(head: &str) -> usize {
    let line = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    line.unwrap_or_else(|| panic!("no content-length in {head:?}")).parse().unwrap()
}

fn small() -> Limits {
    Limits { body_bytes: 10, head_bytes: 500, head_lines: 8, ..Limits::default() }
}

fn impatient() -> Limits {
    let instant = Duration::from_millis(20);
    Limits { body_time: instant, head_time: instant, idle_time: instant, ..Limits::default() }
}

#[tokio::test]
async fn a_connection_carries_many_requests() {
    let server = Server::start(Limits::default()).await;
    let mut client = server.connect().await;
    for n in 0..3 {
        let answer = client.get(&format!("/{n}")).await;
        assert_eq!((answer.status, answer.body), (200, format!("/{n} ")));
    }
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let server = Server::start(Limits::default()).await;
    let mut client = server.connect().await;
    client
        .send("POST /a HTTP/1.1\r\ncontent-length: 1\r\n\r\nAGET /b HTTP/1.1\r\n\r\nGET /c HTTP/1.1\r\n\r\n")
        .await;
    for body in ["/a A", "/b ", "/c "] {
        assert_eq!(client.answer().await.body, body);
    }
}

#[tokio::test]
async fn the_handler_learns_the_peers_address() {
    let server = Server::start(Limits::default()).await;
    let mut client = server.connect().await;
    let own = client.stream.local_addr().unwrap().to_string();
    assert_eq!(client.get("/peer").await.body, own);
}

#[tokio::test]
async fn an_empty_answer_has_a_content_length() {
    let server = Server::start(Limits::default()).await;
    let answer = server.connect().await.get("/empty").await;
    assert_eq!(content_length(&answer.head), 0);
}

#[tokio::test]
async fn head_has_the_length_of_the_body_it_leaves_out() {
    let server = Server::start(Limits::default()).await;
    let mut client = server.connect().await;
    client.send("HEAD /page HTTP/1.1\r\n\r\n").await;
    let (_, head) = client.answer_head().await;
    assert_eq!(content_length(&head), "/page ".len());
    assert_eq!(client.get("/next").await.body, "/next ");
}

#[tokio::test]
async fn a_chunked_body_arrives_as_one() {
    let server = Server::start(small()).await;
    let mut client = server.connect().await;
    client.send("POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n").await;
    for piece in ["3\r\nabc\r\n", "4\r\ndefg\r\n", "3\r\nhij\r\n", "0\r\n\r\n"] {
        client.send(piece).await;
    }
    assert_eq!(client.answer().await.body, "/ abcdefghij");
}

#[tokio::test]
async fn a_client_that_expects_100_is_told_to_continue() {
    let server = Server::start(small()).await;
    let mut client = server.connect().await;
    client.send("POST / HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n").await;
    assert_eq!(client.answer_head().await.0, 100);
    client.send("ok").await;
    assert_eq!(client.answer().await.body, "/ ok");
}

#[tokio::test]
async fn a_client_that_expects_100_is_refused_before_it_sends_too_much() {
    let server = Server::start(small()).await;
    let mut client = server.connect().await;
    client.send("POST / HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 11\r\n\r\n").await;
    assert_eq!(client.answer().await.status, 413);
    client.expect_end().await;
}

#[tokio::test]
async fn a_body_of_exactly_the_limit_is_taken() {
    let server = Server::start(small()).await;
    let mut client = server.connect().await;
    client.send("POST / HTTP/1.1\r\ncontent-length: 10\r\n\r\n0123456789").await;
    assert_eq!(client.answer().await.body, "/ 0123456789");
}

#[tokio::test]
async fn a_body_one_byte_over_the_limit_is_refused() {
    let cases = [
        "content-length: 11\r\n\r\n01234567890",
        "transfer-encoding: chunked\r\n\r\nb\r\n01234567890\r\n0\r\n\r\n",
        "transfer-encoding: chunked\r\n\r\na\r\n0123456789\r\n1\r\n0\r\n0\r\n\r\n",
    ];
    for case in cases {
        let server = Server::start(small()).await;
        let mut client = server.connect().await;
        client.send(format!("POST /big HTTP/1.1\r\n{case}")).await;
        let answer = client.answer().await;
        assert_eq!((answer.status, answer.body.as_str()), (413, "BodyTooLarge /big"), "{case:?}");
        assert!(answer.head.contains("connection: close"), "{:?}", answer.head);
        client.expect_end().await;
        assert!(server.seen().is_empty());
    }
}

/// A reset would overtake the answer if the server closed the socket with unread bytes.
#[tokio::test]
async fn a_client_that_sends_megabytes_too_much_still_reads_its_refusal() {
    let server = Server::start(small()).await;
    let mut client = server.connect().await;
    let body = vec![b'x'; 4 * 1024 * 1024];
    client.send(format!("POST / HTTP/1.1\r\ncontent-length: {}\r\n\r\n", body.len())).await;
    client.send(body).await;
    assert_eq!(client.answer().await.status, 413);
    client.expect_end().await;
}

#[tokio::test]
async fn a_head_over_the_limits_is_refused_by_the_handler() {
    let many = "a: b\r\n".repeat(9);
    let most_that_is_parsed = "a: b\r\n".repeat(256);
    let long = format!("a: {}\r\n", "x".repeat(250_000));
    for lines in [many, most_that_is_parsed, long] {
        let server = Server::start(small()).await;
        let mut client = server.connect().await;
        client.send(format!("GET /flood HTTP/1.1\r\n{lines}\r\n")).await;
        let answer = client.answer().await;
        assert_eq!((answer.status, answer.body.as_str()), (413, "HeadTooLarge /flood"));
        client.expect_end().await;
        assert!(server.seen().is_empty());
    }
}

#[tokio::test]
async fn a_head_of_exactly_the_limits_is_taken() {
    let server = Server::start(small()).await;
    let mut client = server.connect().await;
    // "/" and eight lines of a name, a value and four bytes around them: 500 bytes.
    let lines = "a: b\r\n".repeat(7);
    let value = "x".repeat(500 - 1 - 7 * 6 - 5);
    client.send(format!("GET / HTTP/1.1\r\n{lines}a: {value}\r\n\r\n")).await;
    assert_eq!(client.answer().await.status, 200);
    client.send(format!("GET / HTTP/1.1\r\n{lines}a: {value}x\r\n\r\n")).await;
    assert_eq!(client.answer().await.status, 413);
}

#[tokio::test]
async fn a_target_over_the_limits_is_refused_by_the_handler_up_to_what_is_parsed() {
    for (target_bytes, status) in [(60_000, 413), (65_534, 413), (65_535, 414)] {
        let server = Server::start(small()).await;
        let mut client = server.connect().await;
        client.send(format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(target_bytes - 1))).await;
        assert_eq!(client.answer().await.status, status, "{target_bytes}");
        assert!(server.seen().is_empty());
    }
}

#[tokio::test]
async fn an_endless_flood_of_headers_is_cut_off() {
    let server = Server::start(small()).await;
    let mut client = server.connect().await;
    let lines = "a: b\r\n".repeat(1_100);
    client.send(format!("GET / HTTP/1.1\r\n{lines}")).await;
    assert_eq!(client.answer().await.status, 431);
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_body_that_comes_too_slowly_times_out() {
    let server = Server::start(impatient()).await;
    let mut client = server.connect().await;
    client.send("POST /slow HTTP/1.1\r\ncontent-length: 10\r\n\r\n01234").await;
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.body.as_str()), (408, "BodyTimedOut /slow"));
    client.expect_end().await;
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_connection_without_a_whole_head_in_time_is_closed() {
    for (sent, what) in [("", "nothing"), ("GET / HT", "half a head")] {
        let server = Server::start(impatient()).await;
        let mut client = server.connect().await;
        client.send(sent).await;
        client.expect_end().await;
        assert!(server.seen().is_empty(), "{what}");
    }
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_its_answer() {
    let server = Server::start(impatient()).await;
    let mut client = server.connect().await;
    assert_eq!(client.get("/").await.status, 200);
    client.expect_end().await;
}

#[tokio::test]
async fn time_spent_in_the_handler_is_not_idle_time() {
    let server = Server::start(impatient()).await;
    let mut held = server.connect().await;
    held.send("GET /held HTTP/1.1\r\n\r\n").await;
    server.echo.arrived.notified().await;
    // Meanwhile another connection is idle for its whole idle time.
    server.connect().await.expect_end().await;
    server.echo.released.notify_one();
    assert_eq!(held.answer().await.body, "/held ");
}

#[tokio::test]
async fn a_truncated_body_never_reaches_the_handler() {
    let cases = [
        "content-length: 10\r\n\r\n01234",
        "transfer-encoding: chunked\r\n\r\n5\r\n01234\r\n",
        "transfer-encoding: chunked\r\n\r\nzz\r\n",
    ];
    for case in cases {
        let server = Server::start(Limits::default()).await;
        let mut client = server.connect().await;
        client.send(format!("POST /cut HTTP/1.1\r\n{case}")).await;
        client.stream.shutdown().await.unwrap();
        let mut rest = Vec::new();
        client.stream.read_to_end(&mut rest).await.unwrap();
        let rest = String::from_utf8(rest).unwrap();
        assert!(rest.is_empty() || rest.contains("BodyTruncated /cut"), "{case:?}: {rest:?}");
        assert!(server.seen().is_empty(), "{case:?}");
    }
}

#[tokio::test]
async fn bytes_that_are_not_http_are_answered_400_and_closed() {
    let server = Server::start(Limits::default()).await;
    let mut client = server.connect().await;
    client.send("\x16\x03\x01 this is TLS\r\n\r\n").await;
    assert_eq!(client.answer().await.status, 400);
    client.expect_end().await;
}

#[tokio::test]
async fn a_reset_arrives_as_a_reset() {
    let server = Server::start(Limits::default()).await;
    let mut client = server.connect().await;
    assert_eq!(client.get("/first").await.status, 200);
    client.send("GET /reset HTTP/1.1\r\n\r\n").await;
    let error = client.stream.read_u8().await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_shutdown_answers_what_has_begun_and_closes_what_is_idle() {
    let mut server = Server::start(Limits::default()).await;
    let mut silent = server.connect().await;
    let mut idle = server.connect().await;
    idle.get("/").await;
    let mut held = server.connect().await;
    held.send("GET /held HTTP/1.1\r\n\r\n").await;
    while server.seen().len() < 2 {
        server.echo.arrived.notified().await;
    }

    server.stop();
    silent.expect_end().await;
    idle.expect_end().await;
    server.echo.released.notify_one();
    let answer = held.answer().await;
    assert_eq!(answer.body, "/held ");
    assert!(answer.head.contains("connection: close"), "{:?}", answer.head);
    held.expect_end().await;
    server.running.await.unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
}

/// Sends a request that the handler holds, and disconnects; then gives the server time to notice.
async fn hang_up_on_a_held_request(server: &Server) {
    let mut client = server.connect().await;
    client.send("GET /held HTTP/1.1\r\n\r\n").await;
    server.echo.arrived.notified().await;
    drop(client);
    let mut other = server.connect().await;
    for _ in 0..50 {
        other.get("/other").await;
    }
}

#[tokio::test]
async fn what_a_handler_has_begun_it_finishes_when_its_client_hangs_up() {
    let server = Server::start(Limits::default()).await;
    hang_up_on_a_held_request(&server).await;
    server.echo.released.notify_one();
    server.echo.carried_out.notified().await;
}

#[tokio::test]
async fn a_shutdown_waits_for_what_goes_on_without_its_client() {
    let mut server = Server::start(Limits::default()).await;
    hang_up_on_a_held_request(&server).await;
    server.stop();
    tokio::task::yield_now().await;
    server.echo.released.notify_one();
    server.running.await.unwrap();
    server.echo.carried_out.notified().await;
}

#[tokio::test]
async fn a_shutdown_cuts_off_what_takes_too_long_without_its_client() {
    let limits = Limits { shutdown_time: Duration::from_millis(20), ..Limits::default() };
    let mut server = Server::start(limits).await;
    hang_up_on_a_held_request(&server).await;
    server.stop();
    server.running.await.unwrap();
    while Arc::strong_count(&server.echo) > 1 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_shutdown_cuts_off_what_takes_too_long() {
    let limits = Limits { shutdown_time: Duration::from_millis(20), ..Limits::default() };
    let mut server = Server::start(limits).await;
    let mut held = server.connect().await;
    held.send("GET /held HTTP/1.1\r\n\r\n").await;
    server.echo.arrived.notified().await;
    server.stop();
    server.running.await.unwrap();
    held.expect_end().await;
}

#[tokio::test]
async fn dropping_the_server_closes_its_connections() {
    let server = Server::start(Limits::default()).await;
    let mut client = server.connect().await;
    client.get("/").await;
    server.running.abort();
    client.expect_end().await;
}

#[tokio::test]
async fn a_connection_over_the_limit_waits_for_one_to_end() {
    let server = Server::start(Limits { connections: 1, ..Limits::default() }).await;
    let mut first = server.connect().await;
    first.get("/first").await;
    let mut second = server.connect().await;
    second.send("GET /second HTTP/1.1\r\n\r\n").await;
    for _ in 0..50 {
        first.get("/first").await;
    }
    assert!(!server.seen().contains(&"/second".to_owned()));
    drop(first);
    assert_eq!(second.answer().await.body, "/second ");
}
