//! The requests of shops, of buyers' browsers and of buyers on Amazon's page, and the reading of their
//! answers.

use bytes::Bytes;
use countersign_http::{Request, Response};
use http::{HeaderValue, Method, header};
use serde_json::Value;

/// The shop's token at the merchant half.
pub(crate) const SHOP_TOKEN: &str = "the-shops-token";

/// The tokens of two persons who may decide, and the lines that name them.
pub(crate) const OPERATOR_TOKENS: [&str; 2] = ["the-token-of-alice", "the-token-of-bob-too"];
pub(crate) const OPERATORS: &str = "alice the-token-of-alice\nbob the-token-of-bob-too";

/// The only reference under which the shop cancels an order.
pub(crate) const CANCEL: &str = "cancel";

fn request(method: Method, path: &str, body: &Value) -> Request {
    let mut request = Request::new(Bytes::from(body.to_string()));
    *request.method_mut() = method;
    *request.uri_mut() = path.parse().unwrap_or_default();
    request
}

/// A request of the shop's back end.
pub(crate) fn shop_request(method: Method, path: &str, body: &Value) -> Request {
    operator_request(SHOP_TOKEN, method, path, body)
}

/// A request of a person who has this token.
pub(crate) fn operator_request(token: &str, method: Method, path: &str, body: &Value) -> Request {
    let mut request = request(method, path, body);
    if let Ok(token) = format!("Bearer {token}").parse() {
        request.headers_mut().insert(header::AUTHORIZATION, token);
    }
    request
}

/// A request of the buyer's browser, from the shop's page.
pub(crate) fn at_the_page(token: &str, event: &str, body: &Value) -> Request {
    let mut request = request(Method::POST, &format!("/browser/{token}/{event}"), body);
    request.headers_mut().insert(header::ORIGIN, HeaderValue::from_static("https://shop.example"));
    request
}

/// A request to the sandbox's control API: what a buyer does on Amazon's page.
pub(crate) fn at_amazon(path: &str, body: &Value) -> Request {
    request(Method::POST, path, body)
}

/// An answer's JSON.
pub(crate) fn read(answer: &Response) -> Option<Value> {
    serde_json::from_slice(answer.body()).ok()
}
