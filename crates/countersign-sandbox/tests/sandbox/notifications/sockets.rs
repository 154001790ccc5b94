//! Notifications over real sockets, carried by the client's transport, as in the binary.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use countersign_client::{Https, Transport as _, TransportError};
use countersign_http::{Handler, IncompleteRequest, Limits, Reply, Request, Response, serve};
use countersign_sandbox::notify::{Courier, NotDelivered, Notifications};
use countersign_sandbox::{Parts, Sandbox, ids, settings};
use countersign_store::memory::MemoryStore;
use countersign_world::{SystemClock, SystemEntropy};
use futures_util::future::BoxFuture;
use http::uri::Scheme;
use http::{StatusCode, header};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::world::{HttpAnswer, merchants};

struct Sockets(Https);

impl Courier for Sockets {
    fn post(
        &self,
        request: http::Request<Bytes>,
        deadline: Duration,
    ) -> BoxFuture<'_, Result<StatusCode, NotDelivered>> {
        Box::pin(async move {
            match self.0.send(request, deadline).await {
                Ok(answer) => Ok(answer.status()),
                Err(TransportError::NotSent(_)) => Err(NotDelivered::Unreachable),
                Err(TransportError::Lost(_)) => Err(NotDelivered::Lost),
                Err(TransportError::TimedOut) => Err(NotDelivered::TimedOut),
            }
        })
    }
}

/// A merchant's server: it passes on every request, and answers by the path.
struct Shop(mpsc::UnboundedSender<Request>);

impl Handler for Shop {
    fn handle(&self, request: Request) -> BoxFuture<'static, Reply> {
        let path = request.uri().path().to_owned();
        let _ = self.0.send(request);
        let mut answer = Response::new(Bytes::new());
        let reply = match path.as_str() {
            "/reset" => Reply::Reset,
            "/moved" => {
                *answer.status_mut() = StatusCode::FOUND;
                answer.headers_mut().insert(header::LOCATION, "/elsewhere".parse().unwrap());
                Reply::Answer(answer)
            }
            "/long" => {
                *answer.body_mut() = vec![b'x'; 1 << 17].into();
                Reply::Answer(answer)
            }
            _ => Reply::Answer(answer),
        };
        Box::pin(std::future::ready(reply))
    }

    fn refuse(&self, _: &http::request::Parts, _: IncompleteRequest) -> Response {
        Response::new(Bytes::new())
    }
}

async fn listen(handler: Arc<dyn Handler>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, handler, Limits::default(), std::future::pending()));
    address
}

async fn control(sandbox: &Sandbox, method: &str, path: &str, body: Value) -> HttpAnswer {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let request = http::Request::builder().method(method).uri(format!("/_sandbox/{path}"));
    let Reply::Answer(answer) = sandbox.handle(request.body(body.into()).unwrap()).await else {
        panic!("{path} was reset")
    };
    HttpAnswer::from_response(&answer)
}

#[tokio::test]
async fn an_endpoint_on_a_socket_is_notified() {
    let (sender, mut received) = mpsc::unbounded_channel();
    let shop = listen(Arc::new(Shop(sender))).await;
    let https = Https::for_scheme(&Scheme::HTTP, Duration::from_secs(10)).with_longest_answer(64 * 1024);
    let parts = Parts {
        store: Arc::new(MemoryStore::new()),
        clock: Arc::new(SystemClock),
        ids: ids::Ids::new(&SystemEntropy, None, 0),
        merchants: merchants(),
        settings: settings::Settings::default(),
        notifications: Notifications { courier: Arc::new(Sockets(https)), ..Notifications::default() },
    };
    let sandbox = Arc::new(Sandbox::start(parts).await.unwrap());
    tokio::spawn(sandbox.timers());
    for path in ["ipn", "moved", "long", "reset"] {
        let url = format!("http://{shop}/{path}");
        let registered = control(&sandbox, "POST", "notification-endpoints", json!({ "url": url })).await;
        assert_eq!(registered.status, 201, "{}", registered.text);
        let request = received.recv().await.unwrap();
        assert_eq!((request.method().as_str(), request.uri().path()), ("POST", format!("/{path}").as_str()));
        assert_eq!(request.headers()["content-type"], "text/plain; charset=UTF-8");
        let body: Value = serde_json::from_slice(request.body()).unwrap();
        assert_eq!(body["Type"], "SubscriptionConfirmation");
    }
    // Nothing listens on a port that was released.
    let unused = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let url = format!("http://{unused}/");
    control(&sandbox, "POST", "notification-endpoints", json!({ "url": url })).await;
    let outcomes = loop {
        let list = control(&sandbox, "GET", "notifications", Value::Null).await;
        let records = list.json["notifications"].as_array().unwrap().clone();
        if records.len() == 5 {
            break records;
        }
        tokio::task::yield_now().await;
    };
    let outcomes: Vec<&str> = outcomes.iter().map(|record| record["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["delivered", "refused", "lost", "lost", "unreachable"]);
    assert!(received.try_recv().is_err(), "no redirect is followed");
}
