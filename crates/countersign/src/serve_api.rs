//! Calls a running `serve` over its shop API. The address and, unless a command names another, the token come
//! from the configuration of `serve`.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use countersign_client::{Endpoint, Https, Transport as _};
use http::header::AUTHORIZATION;
use http::{Method, Request};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::config::ServeAccess;
use crate::failure::{CommandResult, Failure};
use crate::key_files;

/// The characters that must be encoded in a query's value and in a part of a path: all except those that RFC 3986 calls
/// unreserved.
const IN_QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);
/// How long an answer may take: `serve` answers reads from its own disk, and asks Amazon for a decision.
const ANSWER: Duration = Duration::from_secs(60);

/// A running `serve`.
pub(crate) struct ServeApi {
    https: Https,
    /// The URL of `serve`, without a slash at the end.
    url: String,
    token: String,
    token_file: PathBuf,
}

impl ServeApi {
    /// The `serve` that the configuration describes.
    pub(crate) fn at(door: ServeAccess) -> CommandResult<Self> {
        let token = key_files::read_own_token(&door.token_file)?;
        Self::with_token(door, token)
    }

    /// The `serve` at an address, for a token that was read from its file.
    pub(crate) fn with_token(door: ServeAccess, token: String) -> CommandResult<Self> {
        let ServeAccess { url, token_file } = door;
        let endpoint =
            Endpoint::parse(&url).map_err(|refused| Failure::new(format_args!("{url}: {refused}")))?;
        let url = url.trim_end_matches('/').to_owned();
        Ok(Self { https: Https::new(&endpoint, CONNECT), url, token, token_file })
    }

    /// The answer to a read, or `None` if there is nothing at that path.
    pub(crate) async fn get(&self, path: &str) -> CommandResult<Option<Value>> {
        let (status, body) = self.call(Method::GET, path, Bytes::new()).await?;
        match status {
            200 => Ok(Some(body)),
            404 => Ok(None),
            status => Err(match body["error"]["message"].as_str() {
                Some(why) => Failure::new(format_args!("serve at {} refuses this: {why}", self.url)),
                None => self.no_answer(&format_args!("status {status}")),
            }),
        }
    }

    /// Status and body of the answer to a call. A token that `serve` does not accept is a failure.
    pub(crate) async fn call(&self, method: Method, path: &str, body: Bytes) -> CommandResult<(u16, Value)> {
        let url = &self.url;
        let request = Request::builder()
            .method(method)
            .uri(format!("{url}{path}"))
            .header(AUTHORIZATION, format!("Bearer {}", self.token))
            .body(body)
            .map_err(|error| self.no_answer(&error))?;
        let answer = self.https.send(request, ANSWER).await.map_err(|error| self.no_answer(&error))?;
        let status = answer.status().as_u16();
        if status == 401 {
            let file = self.token_file.display();
            return Err(Failure::new(format_args!("serve at {url} does not accept the token in {file}")));
        }
        let body = serde_json::from_slice(answer.body()).map_err(|error| self.no_answer(&error))?;
        Ok((status, body))
    }

    /// The id of an order's checkout; `order` is the shop's number for it, or the id itself.
    pub(crate) async fn checkout_of(&self, order: &str) -> CommandResult<String> {
        if order.is_empty() {
            return Err(Failure::new("the order is empty: name its number, or its checkout's id"));
        }
        let path = format!("/v1/checkouts?orderId={}", utf8_percent_encode(order, IN_QUERY));
        let found = self.get(&path).await?;
        let of_order = found.as_ref().and_then(|list| list["checkouts"][0]["checkoutId"].as_str());
        let is_id = order.bytes().all(|byte| byte.is_ascii_alphanumeric());
        match of_order {
            Some(checkout_id) => Ok(checkout_id.to_owned()),
            None if is_id => Ok(order.to_owned()),
            None => Err(no_such_order(order)),
        }
    }

    fn no_answer(&self, why: &dyn std::fmt::Display) -> Failure {
        Failure::new(format_args!("serve at {} does not answer: {why}", self.url))
    }
}

/// An id as a part of a path.
pub(crate) fn in_path(id: &str) -> String {
    utf8_percent_encode(id, IN_QUERY).to_string()
}

/// The failure for an order that `serve` does not know.
pub(crate) fn no_such_order(order: &str) -> Failure {
    Failure::new(format_args!("there is no order and no checkout {order:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_number_goes_into_a_query_whole() {
        assert_eq!(utf8_percent_encode("a b/ü&-_.~9", IN_QUERY).to_string(), "a%20b%2F%C3%BC%26-_.~9");
    }
}
