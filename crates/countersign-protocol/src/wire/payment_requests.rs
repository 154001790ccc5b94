//! The bodies of the calls on Charges, Charge Permissions and Refunds. As with the session's, a member
//! that is absent here may still be demanded by a rule.

use countersign_domain::ids::{ChargeId, ChargePermissionId};

use super::payment_details::MAX_SOFT_DESCRIPTOR_LEN;
use super::{ChargeStatus, MerchantMetadata, Price, ProviderMetadata, RecurringMetadata, WebCheckoutDetails};
use crate::object;

/// The greatest length of a `closureReason` and, by this project's choice, of a `cancellationReason`.
pub const MAX_REASON_LEN: usize = 255;

object! {
    /// Create Charge.
    pub struct CreateCharge {
        charge_permission_id: ChargePermissionId = "chargePermissionId",
        charge_amount: Price = "chargeAmount",
        /// Absent means false.
        capture_now: bool = "captureNow",
        /// With `captureNow` only.
        soft_descriptor: String = "softDescriptor" [..=MAX_SOFT_DESCRIPTOR_LEN],
        /// Absent means false.
        can_handle_pending_authorization: bool = "canHandlePendingAuthorization",
        provider_metadata: ProviderMetadata = "providerMetadata",
        merchant_metadata: MerchantMetadata = "merchantMetadata",
        platform_id: String = "platformId" [..=256],
        /// For saved wallets: who asked for the charge.
        charge_initiator: String = "chargeInitiator" [..=64],
        channel: String = "channel" [..=64],
        web_checkout_details: WebCheckoutDetails = "webCheckoutDetails",
    }
}

object! {
    /// Capture Charge.
    pub struct CaptureCharge {
        capture_amount: Price = "captureAmount",
        soft_descriptor: String = "softDescriptor" [..=MAX_SOFT_DESCRIPTOR_LEN],
    }
}

object! {
    /// Cancel Charge.
    pub struct CancelCharge {
        cancellation_reason: String = "cancellationReason" [..=MAX_REASON_LEN],
    }
}

object! {
    /// Update Charge: for payments that a payment service provider processes.
    pub struct UpdateCharge {
        status_details: ChargeStatus = "statusDetails",
    }
}

object! {
    /// Update Charge Permission.
    pub struct UpdateChargePermission {
        merchant_metadata: MerchantMetadata = "merchantMetadata",
        /// For recurring permissions only.
        recurring_metadata: RecurringMetadata = "recurringMetadata",
    }
}

object! {
    /// Close Charge Permission.
    pub struct CloseChargePermission {
        closure_reason: String = "closureReason" [..=MAX_REASON_LEN],
        /// Absent means false. True: pending charges are canceled with it.
        cancel_pending_charges: bool = "cancelPendingCharges",
    }
}

object! {
    /// Create Refund.
    pub struct CreateRefund {
        charge_id: ChargeId = "chargeId",
        refund_amount: Price = "refundAmount",
        soft_descriptor: String = "softDescriptor" [..=MAX_SOFT_DESCRIPTOR_LEN],
    }
}
