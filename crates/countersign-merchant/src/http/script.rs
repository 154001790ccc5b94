//! Serves the scripts: the storefront's, which any page may load, and the result page's own.

use std::sync::LazyLock;

use aws_lc_rs::digest;
use bytes::Bytes;
use countersign_http::{Request, Response};
use countersign_protocol::signing::base64;
use http::{HeaderValue, StatusCode, header};

/// A script and its entity tag.
pub(super) struct Script {
    text: &'static str,
    etag: LazyLock<HeaderValue>,
}

/// The script that shows the button on the shop's page.
pub(super) static STOREFRONT: Script = Script {
    text: include_str!("../../../../web/countersign.js"),
    etag: LazyLock::new(|| tag(STOREFRONT.text)),
};

/// The script that reloads a result page until it has a verdict.
pub(super) static RESULT: Script =
    Script { text: include_str!("../../../../web/result.js"), etag: LazyLock::new(|| tag(RESULT.text)) };

/// A browser asks again after five minutes, and is answered 304 if the script has not changed.
const CACHE: &str = "public, max-age=300";

fn tag(text: &str) -> HeaderValue {
    let hash = base64(digest::digest(&digest::SHA256, text.as_bytes()).as_ref());
    // Base64 is always a valid header value.
    HeaderValue::from_str(&format!("\"{hash}\"")).unwrap_or(HeaderValue::from_static("\"\""))
}

pub(super) fn answer(request: &Request, script: &Script) -> Response {
    let known = request.headers().get_all(header::IF_NONE_MATCH).iter();
    let own = script.etag.to_str().unwrap_or_default();
    let is_known =
        known.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).any(|tag| {
            let tag = tag.trim();
            tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == own
        });
    let mut response = if is_known {
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        Response::new(Bytes::from_static(script.text.as_bytes()))
    };
    let headers = response.headers_mut();
    if !is_known {
        let javascript = HeaderValue::from_static("text/javascript; charset=utf-8");
        headers.insert(header::CONTENT_TYPE, javascript);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(CACHE));
    headers.insert(header::ETAG, script.etag.clone());
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // Shops may pin the script by `integrity`, which requires that the page may read the answer.
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("cross-origin"));
    response
}
