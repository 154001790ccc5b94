//! Why the book changes nothing. The refusals of a call's own rules are in `http/errors.rs`.

use countersign_domain::provider::checkout_session::SessionRefused;
use countersign_domain::provider::ledger::LedgerImbalance;
use countersign_domain::provider::payment_details::PaymentDetailsRefused;
pub(crate) use countersign_store::transact::StoreFailed;

/// Why the book changes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BookRefused {
    /// The idempotency key was used for another request.
    DuplicateIdempotencyKey,
    /// This merchant has no such object in this environment.
    NotFound,
    /// The session or the buyer cannot do this.
    Session(SessionRefused),
    /// The store failed.
    Store(StoreFailed),
}

/// The stored state of a payment is inconsistent.
pub(super) fn broken(unbalanced: LedgerImbalance) -> StoreFailed {
    StoreFailed::Unreadable(unbalanced.to_string())
}

impl From<StoreFailed> for BookRefused {
    fn from(failed: StoreFailed) -> Self {
        Self::Store(failed)
    }
}

impl From<SessionRefused> for BookRefused {
    fn from(refused: SessionRefused) -> Self {
        Self::Session(refused)
    }
}

impl From<PaymentDetailsRefused> for BookRefused {
    fn from(refused: PaymentDetailsRefused) -> Self {
        Self::Session(SessionRefused::Payment(refused))
    }
}
