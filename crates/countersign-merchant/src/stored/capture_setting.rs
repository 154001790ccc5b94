//! The capture policy under which the stored timers were set. It is only compared with the current one.

use countersign_document::stored;

use super::Merchant;
use crate::settings::{CapturePolicy, Policy};

/// The settings that decide when a charge is captured.
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
            // This server does not capture, so the margin does not count.
            CapturePolicy::Manual => 0,
            CapturePolicy::BeforeGuaranteeEnds | CapturePolicy::BeforeExpiry => {
                policy.capture_margin.as_secs()
            }
        };
        Self { policy: policy.capture_policy, margin_seconds }
    }
}
