//! Under which capture policy the stored timers were set. It is only ever compared.

use countersign_document::stored;

use super::Merchant;
use crate::settings::{CapturePolicy, Policy};

/// What decides when a charge is captured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CaptureSetting {
    policy: CapturePolicy,
    margin_seconds: u64,
}

stored! {
    by Merchant;

    document CaptureSetting as "setting", format 2;

    struct CaptureSetting { policy, margin_seconds }

    enum CapturePolicy { Manual, BeforeGuaranteeEnds, BeforeExpiry }
}

impl From<&Policy> for CaptureSetting {
    fn from(policy: &Policy) -> Self {
        let margin_seconds = match policy.capture_policy {
            // Nobody captures, so that no margin counts.
            CapturePolicy::Manual => 0,
            CapturePolicy::BeforeGuaranteeEnds | CapturePolicy::BeforeExpiry => {
                policy.capture_margin.as_secs()
            }
        };
        Self { policy: policy.capture_policy, margin_seconds }
    }
}
