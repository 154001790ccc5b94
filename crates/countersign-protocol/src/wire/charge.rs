//! The Charge in Amazon's answers.

use countersign_domain::ids::{ChargeId, ChargePermissionId, Environment};
use countersign_domain::time::Timestamp;

use super::word::words;
use super::{Json, MerchantMetadata, Price, ProviderMetadata, WebCheckoutDetails, Word};
use crate::object;

object! {
    /// A payment under a Charge Permission.
    pub struct Charge {
        charge_id: ChargeId = "chargeId",
        charge_permission_id: ChargePermissionId = "chargePermissionId",
        charge_amount: Price = "chargeAmount",
        capture_amount: Price = "captureAmount",
        refunded_amount: Price = "refundedAmount",
        /// The disbursement's amount, on multi-currency accounts. It is passed on unchanged.
        converted_amount: Json = "convertedAmount",
        /// The disbursement's exchange rate. Nothing here computes with this number.
        conversion_rate: Json = "conversionRate",
        soft_descriptor: String = "softDescriptor",
        provider_metadata: ProviderMetadata = "providerMetadata",
        merchant_metadata: MerchantMetadata = "merchantMetadata",
        platform_id: String = "platformId",
        channel: String = "channel",
        charge_initiator: String = "chargeInitiator",
        status_details: ChargeStatus = "statusDetails",
        creation_timestamp: Timestamp = "creationTimestamp",
        expiration_timestamp: Timestamp = "expirationTimestamp",
        release_environment: Word<Environment> = "releaseEnvironment",
        capture_now: bool = "captureNow",
        can_handle_pending_authorization: bool = "canHandlePendingAuthorization",
        web_checkout_details: WebCheckoutDetails = "webCheckoutDetails",
    }
}

object! {
    /// The state of a Charge.
    pub struct ChargeStatus {
        state: Word<ChargeState> = "state",
        reason_code: Word<ChargeReason> = "reasonCode",
        reason_description: String = "reasonDescription",
        last_updated_timestamp: Timestamp = "lastUpdatedTimestamp",
    }
}

words! {
    /// The states of a Charge.
    ChargeState {
        /// The authorization is pending: Authorized, Declined or Canceled within 24 hours.
        AuthorizationInitiated,
        /// The money is held.
        Authorized,
        /// The capture is pending.
        CaptureInitiated,
        /// The money was taken.
        Captured,
        /// No money was taken, and none is held.
        Canceled,
        /// No money was taken: the payment was declined.
        Declined,
    }
}

words! {
    /// Why a Charge is Canceled or Declined.
    ChargeReason {
        /// Nothing was captured in time.
        ExpiredUnused,
        /// Amazon canceled it.
        AmazonCanceled,
        /// The merchant canceled it.
        MerchantCanceled,
        /// Its Charge Permission was closed.
        ChargePermissionCanceled,
        /// The buyer canceled it.
        BuyerCanceled,
        /// Declined; trying again may work.
        SoftDeclined,
        /// Declined; only another payment method can work.
        HardDeclined,
        /// Amazon declined it; the permission is canceled too.
        AmazonRejected,
        /// An error of Amazon's.
        ProcessingFailure,
        /// Nobody answered in time.
        TransactionTimedOut,
    }
}
