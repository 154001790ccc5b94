//! The control API and a fault over a real socket: what the server adds, and what a client sees.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use countersign_http::{Limits, serve};
use http::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::scene::Scene;

/// Serves the scene on a free port for as long as the test's runtime lives.
async fn listen(scene: &Scene) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let handler = Arc::clone(&scene.sandbox);
    tokio::spawn(serve(listener, handler, Limits::default(), std::future::pending()));
    address
}

/// Sends one request on a connection of its own and reads until it ends.
async fn exchange(address: SocketAddr, request: &http::Request<Bytes>) -> std::io::Result<String> {
    let body = request.body();
    let mut text = format!("{} {} HTTP/1.1\r\nhost: {address}\r\n", request.method(), request.uri());
    for (name, value) in request.headers() {
        text.push_str(&format!("{name}: {}\r\n", value.to_str().unwrap()));
    }
    text.push_str(&format!("connection: close\r\ncontent-length: {}\r\n\r\n", body.len()));
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(text.as_bytes()).await?;
    stream.write_all(body).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

#[tokio::test]
async fn every_answer_has_its_length_and_type() {
    let scene = Scene::new().await;
    let address = listen(&scene).await;
    for (method, path, body, status) in [
        (Method::GET, "/_sandbox/health", "", 200),
        (Method::GET, "/_sandbox/clock", "", 200),
        (Method::POST, "/_sandbox/clock", r#"{"advance":"PT1H"}"#, 200),
        (Method::POST, "/_sandbox/clock", r#"{"advance":"soon"}"#, 400),
        (Method::GET, "/_sandbox/events", "", 200),
        (Method::GET, "/_sandbox/nothing", "", 404),
        (Method::PUT, "/_sandbox/faults", "", 405),
        (Method::POST, "/_sandbox/reset", "", 200),
    ] {
        let mut request = http::Request::new(Bytes::from_static(body.as_bytes()));
        *request.method_mut() = method;
        *request.uri_mut() = path.parse().unwrap();
        let answer = exchange(address, &request).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{path}: {head}");
        assert!(head.contains(&format!("\r\ncontent-length: {}", body.len())), "{path}: {head}");
        assert!(head.contains("\r\ncontent-type: application/json"), "{path}: {head}");
    }
}

#[tokio::test]
async fn a_struck_connection_is_reset_without_an_answer() {
    let scene = Scene::without_waiting().await;
    let address = listen(&scene).await;
    for kind in ["reset", "timeout"] {
        let id = scene.checkout(&json!({"placed": true})).await;
        let fault = json!({"operation": "finalizeCheckoutSession", "point": "afterCommit", "kind": kind});
        scene.control(Method::POST, "/_sandbox/faults", &fault.to_string()).await;
        let broken = exchange(address, &scene.finalize_request(&id)).await.unwrap_err();
        assert_eq!(broken.kind(), ErrorKind::ConnectionReset, "{kind}");
        let read = scene.get_checkout_session(&id).await;
        assert_eq!(read.body["statusDetails"]["state"], "Completed", "{kind}");
    }
}
