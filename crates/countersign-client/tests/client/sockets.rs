//! The production transport against raw sockets that misbehave. It really waits only for limits of a few
//! hundred milliseconds.

use std::time::Duration;

use crate::keys::credentials;
use countersign_client::ids::{ChargeId, Environment, Region};
use countersign_client::{Client, Deadlines, Endpoint, Error, MAX_ANSWER_LEN, RetryPolicy, TransportError};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Much longer than anything here takes on the busiest machine.
const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(300);

fn client(url: &str) -> Client {
    client_within(url, LONG, LONG)
}

fn client_within(url: &str, connect: Duration, call: Duration) -> Client {
    Client::builder(Region::NorthAmerica, credentials("A"))
        .environment(Environment::Sandbox)
        .endpoint(Endpoint::parse(url).unwrap())
        .deadlines(Deadlines { connect, call, ..Deadlines::default() })
        .retry(RetryPolicy { max_attempts: 1, ..RetryPolicy::default() })
        .build()
        .unwrap()
}

async fn get_charge(client: &Client) -> Result<Option<ChargeId>, Error> {
    let id = ChargeId::parse("S01-1-2-C3").unwrap();
    client.get_charge(&id).await.map(|answer| answer.value.charge_id)
}

/// Reads one request's head.
async fn request(socket: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if socket.read(&mut byte).await.unwrap_or(0) == 0 {
            break;
        }
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

/// A server for one connection: answers each request with these bytes, and closes the connection at the end.
async fn server(answers: Vec<Vec<u8>>) -> (String, tokio::task::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let heads = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut heads = Vec::new();
        for answer in answers {
            heads.push(request(&mut socket).await);
            // The client may have closed the connection because the answer is too long.
            let _ = socket.write_all(&answer).await;
        }
        heads
    });
    (url, heads)
}

fn whole(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

fn is_lost(error: &Error) -> bool {
    matches!(error.transport_error(), Some(TransportError::Lost(_)))
}

#[tokio::test]
async fn calls_share_a_connection_and_name_the_host_with_its_port() {
    let body = r#"{"chargeId":"S01-1-2-C3"}"#;
    let (url, heads) = server(vec![whole(body), whole(body)]).await;
    let client = client(&url);
    for _ in 0..2 {
        assert_eq!(get_charge(&client).await.unwrap().unwrap().as_str(), "S01-1-2-C3");
    }
    let host = url.strip_prefix("http://").unwrap();
    for head in heads.await.unwrap() {
        assert!(head.starts_with("GET /sandbox/v2/charges/S01-1-2-C3 HTTP/1.1\r\n"), "{head}");
        assert!(head.contains(&format!("\r\nhost: {host}\r\n")), "{head}");
        assert!(head.contains(&format!("\r\nx-amz-pay-host: {host}\r\n")), "{head}");
        assert!(head.contains("\r\nuser-agent: countersign/"), "{head}");
    }
}

#[tokio::test]
async fn nobody_listening_means_never_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = get_charge(&client(&url)).await.unwrap_err();
    assert!(matches!(error.transport_error(), Some(TransportError::NotSent(_))), "{error:?}");
    assert!(!error.may_have_been_sent());
}

// Promise: C14
#[tokio::test]
async fn a_peer_that_speaks_no_tls_never_gets_the_request() {
    let (url, heads) = server(vec![b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}".to_vec()]).await;
    // The peer waits for the rest of a request that never comes.
    let client = client_within(&url.replace("http://", "https://"), SHORT, LONG);
    let error = get_charge(&client).await.unwrap_err();
    assert!(matches!(error.transport_error(), Some(TransportError::NotSent(_))), "{error:?}");
    heads.abort();
}

// Promise: C12
#[tokio::test]
async fn a_connection_that_takes_too_long_was_never_used() {
    // Accepts the connection, and never answers the TLS handshake.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let error = get_charge(&client_within(&url, SHORT, LONG)).await.unwrap_err();
    assert!(matches!(error.transport_error(), Some(TransportError::NotSent(_))), "{error:?}");
}

// Promise: C12
#[tokio::test]
async fn a_server_that_drips_is_given_up_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let dripping = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        request(&mut socket).await;
        socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n").await.unwrap();
        let mut drip = tokio::time::interval(Duration::from_millis(20));
        let mut dripped = 0;
        // Ends when the client closes the connection, which it must do.
        while socket.write_all(b" ").await.is_ok() {
            drip.tick().await;
            dripped += 1;
            assert!(dripped < 1_000, "nobody hung up");
        }
    });
    let error = get_charge(&client_within(&url, LONG, SHORT)).await.unwrap_err();
    assert!(matches!(error.transport_error(), Some(TransportError::TimedOut)), "{error:?}");
    dripping.await.unwrap();
}

#[tokio::test]
async fn an_answer_that_is_cut_short_is_lost() {
    for answer in [
        &b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{}"[..],
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-le",
        b"",
        b"nonsense\r\n\r\n",
    ] {
        let (url, _) = server(vec![answer.to_vec()]).await;
        let error = get_charge(&client(&url)).await.unwrap_err();
        assert!(is_lost(&error), "{error:?}");
        assert!(error.may_have_been_sent());
    }
}

#[tokio::test]
async fn an_answer_is_read_up_to_the_limit_and_no_further() {
    let padded = |len: usize| whole(&format!("{{\"x\":\"{}\"}}", "x".repeat(len - 8)));
    let (url, _) = server(vec![padded(MAX_ANSWER_LEN)]).await;
    get_charge(&client(&url)).await.unwrap();
    let (url, _) = server(vec![padded(MAX_ANSWER_LEN + 1)]).await;
    assert!(is_lost(&get_charge(&client(&url)).await.unwrap_err()));
}

#[tokio::test]
async fn a_reset_connection_leaves_doubt() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let resetting = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        request(&mut socket).await;
        socket.set_zero_linger().unwrap();
    });
    let error = get_charge(&client(&url)).await.unwrap_err();
    assert!(is_lost(&error), "{error:?}");
    resetting.await.unwrap();
}
