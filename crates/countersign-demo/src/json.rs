//! JSON over HTTP: how a shop talks to the merchant half, and how a test talks to the sandbox's control API.

use std::time::Duration;

use bytes::Bytes;
use countersign_client::{Endpoint, Https, Transport as _};
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Method, Request, Response, StatusCode};
use serde_json::Value;

use crate::demo_result::DemoResult;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);

/// A server that answers in JSON.
#[derive(Clone)]
pub(crate) struct Api {
    https: Https,
    /// The server's URL, without a slash at the end.
    pub(crate) url: String,
    /// The token that the server asks for.
    token: Option<String>,
    /// How long an answer may take.
    patience: Duration,
}

/// An answer whose body is JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JsonAnswer {
    pub(crate) status: StatusCode,
    pub(crate) body: Value,
}

impl Api {
    /// The server at a URL; an answer may take as long as `patience`.
    pub(crate) fn at(url: &str, token: Option<String>, patience: Duration) -> DemoResult<Self> {
        let endpoint = Endpoint::parse(url).map_err(|refused| format!("{url}: {refused}"))?;
        let url = url.trim_end_matches('/').to_owned();
        Ok(Self { https: Https::new(&endpoint, CONNECT), url, token, patience })
    }

    pub(crate) async fn get(&self, path: &str) -> DemoResult<JsonAnswer> {
        self.call(Method::GET, path, Bytes::new()).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> DemoResult<JsonAnswer> {
        self.call(Method::POST, path, body.to_string().into()).await
    }

    async fn call(&self, method: Method, path: &str, body: Bytes) -> DemoResult<JsonAnswer> {
        let called = format!("{method} {}{path}", self.url);
        let failed = |why: &dyn std::fmt::Display| format!("{called} failed: {why}");
        let answer = self.exchange(method, path, body).await.map_err(|error| failed(&error))?;
        let body = serde_json::from_slice(answer.body()).map_err(|error| failed(&error))?;
        Ok(JsonAnswer { status: answer.status(), body })
    }

    /// One request and its answer, whatever its status.
    async fn exchange(&self, method: Method, path: &str, body: Bytes) -> DemoResult<Response<Bytes>> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header(CONTENT_TYPE, "application/json");
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        Ok(self.https.send(request.body(body)?, self.patience).await?)
    }
}

/// The values of a list; empty if the member is not a list.
pub(crate) fn list<'a>(value: &'a Value, member: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    value[member].as_array().into_iter().flatten()
}
