//! What an operator sets, as plain data. Reading it from a file, flags and the environment is the
//! binary's work.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use countersign_client::notification::{
    CertificateOrigins, NotAnOrigin, NotificationVerifier, NotificationVerifierBuilder,
};
use countersign_domain::ids::{Environment, MerchantId, PublicKeyId, Region, StoreId};
pub use countersign_domain::merchant::capture_plan::CapturePolicy;
use countersign_domain::merchant::completion::CompletionRules;
pub use countersign_domain::merchant::operation::RefundCeiling;

/// A text that no log prints.
#[derive(Clone)]
pub struct Secret(Arc<str>);

impl Secret {
    /// Wraps a secret.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(Arc::from(text))
    }

    /// The secret itself, for a comparison or a derivation.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The merchant half's settings.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `amazon.environment`.
    pub environment: Environment,
    /// `amazon.region`.
    pub region: Region,
    /// `amazon.merchant_id`: goes into the button and into every idempotency key.
    pub merchant_id: MerchantId,
    /// `amazon.store_id`: goes into the button.
    pub store_id: StoreId,
    /// `amazon.public_key_id`: goes into the button.
    pub public_key_id: PublicKeyId,
    /// `shop.name`: the heading of the result page.
    pub shop_name: String,
    /// The token behind `shop.token_file`.
    pub shop_token: Secret,
    /// `public_url`: what a buyer's browser reaches this server by.
    pub public_url: String,
    /// `[deadlines]`.
    pub deadlines: Deadlines,
    /// `[capture]` and `[refunds]`.
    pub payments: Payments,
    /// `[notifications]`.
    pub notifications: Notifications,
}

/// What the shop allows itself and leaves to this server, once it is paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Payments {
    /// `capture.policy`: who captures when the shop has not.
    pub capture_policy: CapturePolicy,
    /// `capture.margin`: how long before a deadline the last safe moment is.
    pub capture_margin: Duration,
    /// `refunds.ceiling`: how much of a charge may be refunded.
    pub refund_ceiling: RefundCeiling,
}

impl Default for Payments {
    fn default() -> Self {
        let rules = CompletionRules::default();
        Self {
            capture_policy: rules.capture_policy,
            capture_margin: rules.capture_margin,
            refund_ceiling: rules.refund_ceiling,
        }
    }
}

/// Whose notifications are believed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notifications {
    /// Origins, such as `http://127.0.0.1:8100`, from which a certificate may be fetched beside those of
    /// Amazon's own notification service: a sandbox's.
    pub certificate_origins: Vec<String>,
    /// The topics that may notify; any, when none is named.
    pub topic_arns: Vec<String>,
}

impl Notifications {
    /// The verifier of this merchant's notifications, to be built.
    pub(crate) fn verifier(
        &self,
        merchant_id: &MerchantId,
    ) -> Result<NotificationVerifierBuilder, NotAnOrigin> {
        let mut origins = self.certificate_origins.iter();
        let origins =
            origins.try_fold(CertificateOrigins::amazon(), |origins, origin| origins.and(origin))?;
        Ok(NotificationVerifier::builder()
            .merchant_id(merchant_id.clone())
            .topic_arns(self.topic_arns.iter().cloned())
            .certificate_origins(origins))
    }
}

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub struct Deadlines {
    /// How long after the buyer was last seen a Finalize may be sent again.
    pub resend_window: Duration,
    /// How long a caller waits for a completion that somebody else carries out.
    pub caller_wait: Duration,
    /// The total deadline of one Finalize; at least 20 s, since Amazon's answer is worth waiting for.
    pub finalize: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            resend_window: Duration::from_secs(15 * 60),
            caller_wait: Duration::from_secs(25),
            finalize: Duration::from_secs(20),
        }
    }
}

impl Deadlines {
    pub(crate) fn rules(self) -> CompletionRules {
        CompletionRules {
            resend_window: self.resend_window,
            // The sender must have given up before anybody else takes over.
            lease: self.finalize.saturating_add(Duration::from_secs(10)),
            ..CompletionRules::default()
        }
    }
}
