//! The answers of the demo's shop to requests.

use http::StatusCode;
use serde_json::Value;

/// An answer, before it has headers.
pub(super) enum ShopResponse {
    Page(StatusCode, String),
    SeeOther(String),
    Json(StatusCode, Value),
    Script(&'static str),
    Nothing(StatusCode),
}
