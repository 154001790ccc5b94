//! Why a call changes nothing.

use countersign_domain::provider::cancel_charge::CancelRefused;
use countersign_domain::provider::capture_charge::CaptureRefused;
use countersign_domain::provider::checkout_session::SessionRefused;
use countersign_domain::provider::close_charge_permission::CloseRefused;
use countersign_domain::provider::create_charge::CreateChargeRefused;
use countersign_domain::provider::create_refund::CreateRefundRefused;
use countersign_domain::provider::finalize::FinalizeRefused;
use countersign_domain::provider::ledger::Unbalanced;
use countersign_domain::provider::payment_details::PaymentDetailsRefused;
use countersign_store::contract::StoreError;
pub(crate) use countersign_store::transact::StoreFailed;

/// Why a call changes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The idempotency key was used for another request.
    DuplicateIdempotencyKey,
    /// There is no such object of this merchant's in this environment.
    NotFound,
    /// The session or the buyer cannot do this.
    Session(SessionRefused),
    /// The ladder of Finalize and Complete.
    Finalize(FinalizeRefused),
    /// The ladder of Create Charge.
    CreateCharge(CreateChargeRefused),
    /// The ladder of Capture Charge.
    Capture(CaptureRefused),
    /// The charge can no longer be canceled.
    Cancel(CancelRefused),
    /// The ladder of Create Refund.
    CreateRefund(CreateRefundRefused),
    /// The permission cannot be closed.
    Close(CloseRefused),
    /// A Closed permission takes no other notes.
    NotModifiable,
    /// No buyer mends a Closed permission.
    PermissionClosed,
    /// The store failed.
    Store(StoreFailed),
}

/// What was stored of a payment is broken.
pub(super) fn broken(unbalanced: Unbalanced) -> StoreFailed {
    StoreFailed::Unreadable(unbalanced.to_string())
}

impl From<StoreFailed> for Refused {
    fn from(failed: StoreFailed) -> Self {
        Self::Store(failed)
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        Self::Store(error.into())
    }
}

impl From<SessionRefused> for Refused {
    fn from(refused: SessionRefused) -> Self {
        Self::Session(refused)
    }
}

impl From<PaymentDetailsRefused> for Refused {
    fn from(refused: PaymentDetailsRefused) -> Self {
        Self::Session(SessionRefused::Payment(refused))
    }
}
