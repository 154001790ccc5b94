//! Under which capture policy the stored timers were set. It is only ever compared.

use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;

use crate::settings::{CapturePolicy, Payments};

pub(crate) const COLLECTION: &str = "setting";
const FORMAT: u16 = 1;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Stored {
    policy: &'static str,
    margin_seconds: u64,
}

/// The document's format and bytes.
pub(crate) fn encode(payments: &Payments) -> (u16, Bytes) {
    let policy = match payments.capture_policy {
        CapturePolicy::Manual => "manual",
        CapturePolicy::BeforeGuaranteeEnds => "before-guarantee-ends",
        CapturePolicy::BeforeExpiry => "before-expiry",
    };
    // Nobody captures, so that no margin counts.
    let margin = match payments.capture_policy {
        CapturePolicy::Manual => Duration::ZERO,
        CapturePolicy::BeforeGuaranteeEnds | CapturePolicy::BeforeExpiry => payments.capture_margin,
    };
    let stored = Stored { policy, margin_seconds: margin.as_secs() };
    (FORMAT, Bytes::from(serde_json::to_vec(&stored).unwrap_or_default()))
}
