//! The Charge Permission in Amazon's answers.

use countersign_domain::ids::{ChargePermissionId, Environment};
use countersign_domain::money::Currency;
use countersign_domain::time::Timestamp;

use super::word::words;
use super::{
    Address, Buyer, ChargePermissionType, MerchantMetadata, PaymentPreference, Price, RecurringMetadata, Word,
};
use crate::object;

object! {
    /// The buyer's permission to charge. A one-time permission shows the buyer and the addresses for 30 days.
    pub struct ChargePermission {
        charge_permission_id: ChargePermissionId = "chargePermissionId",
        charge_permission_reference_id: String = "chargePermissionReferenceId",
        charge_permission_type: Word<ChargePermissionType> = "chargePermissionType",
        recurring_metadata: RecurringMetadata = "recurringMetadata",
        platform_id: String = "platformId",
        buyer: Buyer = "buyer",
        shipping_address: Address = "shippingAddress",
        billing_address: Address = "billingAddress",
        payment_preferences: Vec<Option<PaymentPreference>> = "paymentPreferences",
        status_details: ChargePermissionStatus = "statusDetails",
        creation_timestamp: Timestamp = "creationTimestamp",
        expiration_timestamp: Timestamp = "expirationTimestamp",
        merchant_metadata: MerchantMetadata = "merchantMetadata",
        release_environment: Word<Environment> = "releaseEnvironment",
        limits: Limits = "limits",
        presentment_currency: Word<Currency> = "presentmentCurrency",
    }
}

object! {
    /// How much may be charged, and how much of it is left.
    pub struct Limits {
        amount_limit: Price = "amountLimit",
        amount_balance: Price = "amountBalance",
    }
}

object! {
    /// The state of a Charge Permission, with its reasons.
    pub struct ChargePermissionStatus {
        state: Word<ChargePermissionState> = "state",
        reasons: Vec<Option<StatusReason>> = "reasons",
        last_updated_timestamp: Timestamp = "lastUpdatedTimestamp",
    }
}

object! {
    /// One reason of a Charge Permission's state.
    pub struct StatusReason {
        reason_code: Word<ChargePermissionReason> = "reasonCode",
        reason_description: String = "reasonDescription",
    }
}

words! {
    /// The states of a Charge Permission.
    ChargePermissionState {
        /// Charges can be made.
        Chargeable,
        /// No charge can be made now; the reasons say why.
        NonChargeable,
        /// No charge can ever be made again.
        Closed,
    }
}

words! {
    /// Why a Charge Permission is NonChargeable or Closed. Amazon's pages have used two names for
    /// some reasons; this version knows both.
    ChargePermissionReason {
        /// The previous charge was declined; the buyer must update the payment method.
        PaymentMethodInvalid,
        /// The buyer deleted the payment method.
        PaymentMethodDeleted,
        /// The buyer deleted the billing address.
        BillingAddressDeleted,
        /// The payment method has expired.
        PaymentMethodExpired,
        /// The payment method is not allowed for this merchant.
        PaymentMethodNotAllowed,
        /// There is no payment method.
        PaymentMethodNotSet,
        /// Another charge is in progress.
        ChargeInProgress,
        /// The buyer failed the bank's check.
        MFAFailed,
        /// No amount is set.
        AmountNotSet,
        /// The merchant closed it.
        MerchantClosed,
        /// The merchant closed it; the word of the early pages.
        MerchantCanceled,
        /// The buyer closed it.
        BuyerClosed,
        /// The buyer closed it; the word of the early pages.
        BuyerCanceled,
        /// Amazon closed it: everything was captured.
        AmazonClosed,
        /// Amazon canceled it.
        AmazonCanceled,
        /// It has expired.
        Expired,
    }
}
