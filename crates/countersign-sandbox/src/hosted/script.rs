//! The scripts that browsers load, unchanged from `web/`. `checkout.js` is also served at each region's path,
//! so that a hosts file or a proxy can put this server in the place of Amazon's.

use std::sync::LazyLock;

use bytes::Bytes;
use countersign_http::Response;
use countersign_protocol::signing::sha256_hex;
use http::StatusCode;
use http::header::{self, HeaderMap, HeaderValue};

/// A script with its entity tag.
pub(super) struct Script {
    text: &'static str,
    tag: HeaderValue,
}

impl Script {
    fn new(text: &'static str) -> Self {
        let hash = sha256_hex(text.as_bytes());
        let tag = format!("\"{}\"", hash.get(..32).unwrap_or_default());
        // This never fails: hexadecimal digits in quotes are always a valid header value.
        let tag = HeaderValue::from_str(&tag).unwrap_or(HeaderValue::from_static("\"\""));
        Self { text, tag }
    }

    /// The script, or 304 if the browser has it already.
    pub(super) fn answer(&self, asked: &HeaderMap) -> Response {
        let known = asked.get(header::IF_NONE_MATCH).and_then(|tags| tags.to_str().ok());
        let tag = self.tag.to_str().unwrap_or_default();
        let is_known = known.is_some_and(|tags| tags.contains(tag));
        let body = if is_known { Bytes::new() } else { Bytes::from_static(self.text.as_bytes()) };
        let mut response = Response::new(body);
        if is_known {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        }
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/javascript; charset=utf-8"));
        headers.insert(header::ETAG, self.tag.clone());
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        // Any shop's page may load it, even one that isolates itself.
        headers.insert("cross-origin-resource-policy", HeaderValue::from_static("cross-origin"));
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        response
    }
}

static CHECKOUT: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("../../../../web/checkout.js")));
static HOSTED: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("../../../../web/hosted.js")));

/// The script at a path.
pub(super) fn at(path: &str) -> Option<&'static Script> {
    match path {
        "/checkout.js" | "/na/checkout.js" | "/eu/checkout.js" | "/fe/checkout.js" => Some(&CHECKOUT),
        "/hosted.js" => Some(&HOSTED),
        _ => None,
    }
}
