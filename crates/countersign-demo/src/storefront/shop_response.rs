//! What a request to the demo's shop came to.

use http::StatusCode;
use serde_json::Value;

/// What a request came to.
pub(super) enum ShopResponse {
    Page(StatusCode, String),
    SeeOther(String),
    Json(StatusCode, Value),
    Script(&'static str),
    Nothing(StatusCode),
}
