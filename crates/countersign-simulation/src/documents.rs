//! What the two stores hold, as far as the invariants speak of it: the documents' forms on disk, read
//! here anew, so that a wrong conversion in a half cannot hide what it did.

use serde::Deserialize;

use crate::payments::{Cancellation, Payment};

/// Minor units and currency.
pub(crate) type Amount = (u64, String);

/// The merchant half's checkout.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Checkout {
    pub(crate) id: String,
    pub(crate) order_id: String,
    pub(crate) terms: Terms,
    pub(crate) attempts: Vec<Attempt>,
    #[serde(default)]
    pub(crate) payment: Option<Payment>,
    #[serde(default)]
    pub(crate) cancellation: Option<Cancellation>,
    pub(crate) result_token: String,
    #[serde(default)]
    pub(crate) browsing: Browsing,
}

/// What the buyer's page has come to: a quote lapses.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
pub(crate) struct Browsing {
    pub(crate) quoted: Option<serde::de::IgnoredAny>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Terms {
    pub(crate) payment_intent: String,
    pub(crate) currency: String,
    pub(crate) charge_amount: u64,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Attempt {
    pub(crate) number: u32,
    pub(crate) checkout_session_id: String,
    pub(crate) buyer_seen_at: i64,
    pub(crate) state: AttemptState,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Send {
    pub(crate) n: u32,
    pub(crate) idempotency_key: String,
    pub(crate) body: String,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "is", rename_all_fields = "camelCase")]
pub(crate) enum AttemptState {
    Bound { retry_at: i64 },
    Approved { sent_at: Option<i64>, retry_at: i64 },
    Finalizing { send: Send, lease_until: i64 },
    InDoubt { send: Send, send_count: u32, sent_at: i64, look_at: i64, stored_error_count: u32 },
    Pending { charge_permission_id: String, charge_id: String, look_at: i64 },
    Captured { charge_permission_id: String, charge_id: String },
    CaptureInitiated { charge_permission_id: String, charge_id: String },
    Authorized { charge_permission_id: String, charge_id: String },
    Confirmed { charge_permission_id: String },
    NotPaid { reason: serde_json::Value },
    Unresolved { reason: String, look_at: i64 },
    Surplus { of: u32 },
}

/// Amazon's ids of a payment: the permission and, unless the intent is Confirm, the charge.
pub(crate) type Ids = (String, Option<String>);

impl AttemptState {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Bound { .. } => "Bound",
            Self::Approved { .. } => "Approved",
            Self::Finalizing { .. } => "Finalizing",
            Self::InDoubt { .. } => "InDoubt",
            Self::Pending { .. } => "Pending",
            Self::Captured { .. } => "Captured",
            Self::CaptureInitiated { .. } => "CaptureInitiated",
            Self::Authorized { .. } => "Authorized",
            Self::Confirmed { .. } => "Confirmed",
            Self::NotPaid { .. } => "NotPaid",
            Self::Unresolved { .. } => "Unresolved",
            Self::Surplus { .. } => "Surplus",
        }
    }

    /// The outcome's word if it is one of success.
    pub(crate) fn success(&self) -> Option<&'static str> {
        match self {
            Self::Captured { .. } | Self::CaptureInitiated { .. } => Some("paid"),
            Self::Authorized { .. } => Some("authorized"),
            Self::Confirmed { .. } => Some("confirmed"),
            Self::Bound { .. }
            | Self::Approved { .. }
            | Self::Finalizing { .. }
            | Self::InDoubt { .. }
            | Self::Pending { .. }
            | Self::NotPaid { .. }
            | Self::Unresolved { .. }
            | Self::Surplus { .. } => None,
        }
    }

    pub(crate) fn is_not_paid(&self) -> bool {
        matches!(self, Self::NotPaid { .. })
    }

    /// Whether it never changes again.
    pub(crate) fn is_final(&self) -> bool {
        self.success().is_some() || self.is_not_paid() || matches!(self, Self::Surplus { .. })
    }

    /// Whether money may have moved.
    pub(crate) fn is_live(&self) -> bool {
        match self {
            Self::Bound { .. } | Self::NotPaid { .. } | Self::Surplus { .. } => false,
            // Of a request that was turned away a copy may still arrive.
            Self::Approved { sent_at, .. } => sent_at.is_some(),
            Self::Finalizing { .. }
            | Self::InDoubt { .. }
            | Self::Pending { .. }
            | Self::Captured { .. }
            | Self::CaptureInitiated { .. }
            | Self::Authorized { .. }
            | Self::Confirmed { .. }
            | Self::Unresolved { .. } => true,
        }
    }

    pub(crate) fn due_at(&self) -> Option<i64> {
        match self {
            Self::Bound { retry_at } | Self::Approved { retry_at, .. } => Some(*retry_at),
            Self::Finalizing { lease_until, .. } => Some(*lease_until),
            Self::InDoubt { look_at, .. }
            | Self::Pending { look_at, .. }
            | Self::Unresolved { look_at, .. } => Some(*look_at),
            Self::Captured { .. }
            | Self::CaptureInitiated { .. }
            | Self::Authorized { .. }
            | Self::Confirmed { .. }
            | Self::NotPaid { .. }
            | Self::Surplus { .. } => None,
        }
    }

    pub(crate) fn send(&self) -> Option<&Send> {
        match self {
            Self::Finalizing { send, .. } | Self::InDoubt { send, .. } => Some(send),
            _ => None,
        }
    }

    pub(crate) fn ids(&self) -> Option<Ids> {
        match self {
            Self::Pending { charge_permission_id, charge_id, .. }
            | Self::Captured { charge_permission_id, charge_id }
            | Self::CaptureInitiated { charge_permission_id, charge_id }
            | Self::Authorized { charge_permission_id, charge_id } => {
                Some((charge_permission_id.clone(), Some(charge_id.clone())))
            }
            Self::Confirmed { charge_permission_id } => Some((charge_permission_id.clone(), None)),
            _ => None,
        }
    }
}

impl Checkout {
    /// Whether a cancellation has come to its end.
    pub(crate) fn is_canceled(&self) -> bool {
        self.cancellation.as_ref().is_some_and(|cancellation| cancellation.done_at.is_some())
    }

    /// The attempt whose fate answers for this session.
    pub(crate) fn deciding(&self, session: &str) -> Option<&Attempt> {
        let mut attempt = self.attempts.iter().find(|attempt| attempt.checkout_session_id == session)?;
        for _ in 0..self.attempts.len() {
            let AttemptState::Surplus { of } = attempt.state else { return Some(attempt) };
            attempt = self.attempts.iter().find(|attempt| attempt.number == of)?;
        }
        None
    }

    pub(crate) fn live(&self) -> impl Iterator<Item = &Attempt> {
        self.attempts.iter().filter(|attempt| attempt.state.is_live())
    }
}

/// The merchant half's snapshot of a completed checkout.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "is")]
pub(crate) enum Snapshot {
    Due {},
    Taken {},
    Missed {},
}

/// The document of a Checkout Session.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct AmazonCheckout {
    pub(crate) session: CheckoutSession,
}

/// Amazon's Checkout Session.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct CheckoutSession {
    pub(crate) id: String,
    pub(crate) state: CheckoutSessionState,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) enum CheckoutSessionState {
    Open { placed_at: Option<i64> },
    Completed { charge_permission_id: String, charge_id: Option<String> },
    Canceled { reason: String },
}

/// Amazon's Charge Permission.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct ChargePermission {
    pub(crate) id: String,
    pub(crate) checkout_session_id: String,
    pub(crate) limit: Amount,
    pub(crate) balances: Balances,
    pub(crate) state: ChargePermissionState,
}

/// Where a permission's money is.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Balances {
    pub(crate) available: Amount,
    pub(crate) held: Amount,
    pub(crate) captured: Amount,
    pub(crate) refunded: Amount,
    pub(crate) overcharge: Amount,
    pub(crate) goodwill: Amount,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) enum ChargePermissionState {
    Chargeable,
    NonChargeable {},
    Closed { reason: String },
}

/// Amazon's Charge.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Charge {
    pub(crate) id: String,
    pub(crate) amount: Amount,
    pub(crate) expires_at: i64,
    pub(crate) state: ChargeState,
    #[serde(default)]
    pub(crate) refunds: Vec<Refund>,
}

/// Amazon's Refund.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Refund {
    pub(crate) id: String,
    pub(crate) amount: Amount,
    pub(crate) state: RefundState,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) enum RefundState {
    RefundInitiated {
        /// Why it will be declined; absent where the buyer will get the money.
        decline: Option<String>,
        decided_at: i64,
    },
    Refunded,
    Declined {},
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) enum ChargeState {
    AuthorizationInitiated { outcome: PendingOutcome, decided_at: i64 },
    Authorized,
    CaptureInitiated { capturing: Amount, decline: Option<String>, decided_at: i64 },
    Captured { captured: Amount },
    Canceled { reason: String },
    Declined { reason: String },
}

/// What the bank will say.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) enum PendingOutcome {
    Authorized,
    /// Why not.
    Declined(String),
}

/// What the merchant half keeps of a notification.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Notification {
    message: Option<String>,
    progress: Progress,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "is")]
enum Progress {
    Waiting {},
    Over,
}

impl Notification {
    /// Whether it is done with.
    pub(crate) fn is_over(&self) -> bool {
        self.progress == Progress::Over
    }

    /// The permission that it is about.
    pub(crate) fn permission(&self) -> Option<String> {
        let message: serde_json::Value = serde_json::from_str(self.message.as_deref()?).ok()?;
        message["ChargePermissionId"].as_str().map(str::to_owned)
    }
}
