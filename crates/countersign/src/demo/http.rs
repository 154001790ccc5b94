//! JSON over HTTP/1.1 on loopback, a connection a request: all that a shop needs to talk to the
//! merchant half, and a test to the sandbox's control API.

use std::net::SocketAddr;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use crate::failure::{Failure, Outcome};

/// A server on loopback.
#[derive(Clone)]
pub(super) struct Http {
    pub(super) address: SocketAddr,
    /// What the server wants to be shown.
    pub(super) token: Option<String>,
}

/// An answer whose body is JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Value,
}

impl Http {
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) async fn get(&self, path: &str) -> Outcome<Answer> {
        self.call(Method::GET, path, Bytes::new()).await
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Outcome<Answer> {
        self.call(Method::POST, path, body.to_string().into()).await
    }

    async fn call(&self, method: Method, path: &str, body: Bytes) -> Outcome<Answer> {
        let called = format!("{method} http://{}{path}", self.address);
        let failed = |why: &dyn std::fmt::Display| Failure::new(format_args!("{called} failed: {why}"));
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, self.address.to_string())
            .header(CONTENT_TYPE, "application/json");
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request.body(Full::new(body)).map_err(|error| failed(&error))?;
        let stream = TcpStream::connect(self.address).await.map_err(|error| failed(&error))?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| failed(&error))?;
        tokio::spawn(connection);
        let answer = sender.send_request(request).await.map_err(|error| failed(&error))?;
        let status = answer.status();
        let body = answer.into_body().collect().await.map_err(|error| failed(&error))?.to_bytes();
        let body = serde_json::from_slice(&body).map_err(|error| failed(&error))?;
        Ok(Answer { status, body })
    }
}
