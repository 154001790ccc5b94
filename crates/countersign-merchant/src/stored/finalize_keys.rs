//! Whether Amazon honours idempotency keys on Finalize, for one account and environment, and the trial that finds
//! it out. The bytes of a trial contain a buyer's address, so they are kept only until it is over.

use countersign_document::stored;
use countersign_domain::ids::{ChargeId, ChargePermissionId, CheckoutSessionId, IdempotencyKey};
use countersign_domain::merchant::call::KeyedRequest;
use countersign_domain::merchant::rules::FinalizeKeys;
use countersign_domain::terms::PaymentIntent;
use countersign_domain::time::Timestamp;

use super::Merchant;

/// What is known of the keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KnownFinalizeKeys {
    pub(crate) keys: FinalizeKeys,
    /// When the last trial began.
    pub(crate) tried_at: Timestamp,
    pub(crate) trial: Option<KeyTrial>,
}

/// A Finalize that has succeeded, which is sent once more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyTrial {
    pub(crate) checkout_session_id: CheckoutSessionId,
    pub(crate) payment_intent: PaymentIntent,
    /// The exact bytes, and the key that they succeeded under.
    pub(crate) send: KeyedRequest,
    /// A key that nothing was sent under before.
    pub(crate) other_key: IdempotencyKey,
    /// The ids of its success.
    pub(crate) charge_permission_id: ChargePermissionId,
    pub(crate) charge_id: Option<ChargeId>,
    /// Whether the same key was answered with the same success.
    pub(crate) has_same_answer: bool,
    /// How many times it was sent in vain.
    pub(crate) try_count: u32,
    pub(crate) due_at: Timestamp,
}

stored! {
    by Merchant;

    document KnownFinalizeKeys as "finalize_keys", format 1;

    struct KnownFinalizeKeys { keys, tried_at, trial }

    struct KeyTrial {
        checkout_session_id,
        payment_intent,
        send,
        other_key,
        charge_permission_id,
        charge_id,
        has_same_answer or default,
        try_count or default,
        due_at,
    }

    text FinalizeKeys: as_str, FinalizeKeys::parse;
}
