//! The bodies of the calls on Checkout Sessions. A rule may still require a member that can be absent here;
//! the wire does not decide that.

use countersign_domain::ids::{ChargePermissionId, StoreId};
use countersign_domain::terms::PaymentIntent;

use super::{
    Address, AddressDetails, ChargePermissionType, DeliverySpecifications, Json, MerchantMetadata,
    PaymentDetails, PaymentMethodOnFileMetadata, Price, ProviderMetadata, RecurringMetadata,
    WebCheckoutDetails, Word,
};
use crate::object;

/// The largest length of `supplementaryData`, in characters.
///
/// Amazon documents none; this project uses the limit of `customInformation`.
pub const MAX_SUPPLEMENTARY_DATA_LEN: usize = 4_096;

object! {
    /// Create Checkout Session.
    pub struct CreateCheckoutSession {
        web_checkout_details: WebCheckoutDetails = "webCheckoutDetails",
        store_id: StoreId = "storeId",
        /// What the buyer is asked to share, such as `name` or `billingAddress`.
        scopes: Vec<String> = "scopes",
        charge_permission_type: Word<ChargePermissionType> = "chargePermissionType",
        recurring_metadata: RecurringMetadata = "recurringMetadata",
        payment_method_on_file_metadata: PaymentMethodOnFileMetadata = "paymentMethodOnFileMetadata",
        /// The saved wallet to update.
        charge_permission_id: ChargePermissionId = "chargePermissionId",
        delivery_specifications: DeliverySpecifications = "deliverySpecifications",
        payment_details: PaymentDetails = "paymentDetails",
        merchant_metadata: MerchantMetadata = "merchantMetadata",
        platform_id: String = "platformId" [..=256],
        provider_metadata: ProviderMetadata = "providerMetadata",
        supplementary_data: String = "supplementaryData" [..=MAX_SUPPLEMENTARY_DATA_LEN],
        multi_addresses_checkout_metadata: Json = "multiAddressesCheckoutMetadata",
        /// The delivery address. Only for a buyer who completes on Amazon's page straight away.
        address_details: AddressDetails = "addressDetails",
        checkout_button_text: String = "checkoutButtonText" [..=64],
    }
}

object! {
    /// Update Checkout Session: every member that is present replaces the session's.
    pub struct UpdateCheckoutSession {
        web_checkout_details: WebCheckoutDetails = "webCheckoutDetails",
        payment_details: PaymentDetails = "paymentDetails",
        merchant_metadata: MerchantMetadata = "merchantMetadata",
        supplementary_data: String = "supplementaryData" [..=MAX_SUPPLEMENTARY_DATA_LEN],
        platform_id: String = "platformId" [..=256],
        provider_metadata: ProviderMetadata = "providerMetadata",
        recurring_metadata: RecurringMetadata = "recurringMetadata",
        charge_permission_type: Word<ChargePermissionType> = "chargePermissionType",
        payment_method_on_file_metadata: PaymentMethodOnFileMetadata = "paymentMethodOnFileMetadata",
        multi_addresses_checkout_metadata: Json = "multiAddressesCheckoutMetadata",
    }
}

object! {
    /// Complete Checkout Session.
    pub struct CompleteCheckoutSession {
        /// Absent only when a wallet is set up without a charge.
        charge_amount: Price = "chargeAmount",
        /// Required if the session has one.
        total_order_amount: Price = "totalOrderAmount",
    }
}

object! {
    /// Finalize Checkout Session: the payment-critical attributes as the merchant recorded them.
    pub struct FinalizeCheckoutSession {
        payment_intent: Word<PaymentIntent> = "paymentIntent",
        charge_amount: Price = "chargeAmount",
        /// Required if the session has one.
        total_order_amount: Price = "totalOrderAmount",
        can_handle_pending_authorization: bool = "canHandlePendingAuthorization",
        /// Required for PayAndShip.
        shipping_address: Address = "shippingAddress",
        /// Required for PayOnly.
        billing_address: Address = "billingAddress",
        /// Required if the session has it; compared byte for byte.
        supplementary_data: String = "supplementaryData" [..=MAX_SUPPLEMENTARY_DATA_LEN],
        /// Updates the session's on success.
        merchant_metadata: MerchantMetadata = "merchantMetadata",
    }
}
