//! The Checkout Session in Amazon's answers.

use countersign_domain::ids::{
    BuyerId, ChargeId, ChargePermissionId, CheckoutSessionId, Environment, StoreId,
};
/// Why a Checkout Session is Canceled.
pub use countersign_domain::provider::reason::SessionCancelReason as CheckoutSessionReason;
use countersign_domain::terms::ProductType;
use countersign_domain::time::Timestamp;

use super::word::words;
use super::{
    Address, EmbeddedJson, Json, ListedAddress, MerchantMetadata, PaymentDetails, Price, WholeNumber, Word,
};
use crate::object;

object! {
    /// A buyer's checkout. While it is Open it has every member; once it is Completed it has only
    /// its ids and its state, and once it is Canceled only its state and the reason.
    pub struct CheckoutSession {
        checkout_session_id: CheckoutSessionId = "checkoutSessionId",
        web_checkout_details: WebCheckoutDetails = "webCheckoutDetails",
        product_type: Word<ProductType> = "productType",
        payment_details: PaymentDetails = "paymentDetails",
        charge_permission_type: Word<ChargePermissionType> = "chargePermissionType",
        recurring_metadata: RecurringMetadata = "recurringMetadata",
        payment_method_on_file_metadata: PaymentMethodOnFileMetadata = "paymentMethodOnFileMetadata",
        merchant_metadata: MerchantMetadata = "merchantMetadata",
        supplementary_data: String = "supplementaryData",
        buyer: Buyer = "buyer",
        billing_address: Address = "billingAddress",
        /// A list of one `null` before a buyer is attached.
        payment_preferences: Vec<Option<PaymentPreference>> = "paymentPreferences",
        status_details: CheckoutSessionStatus = "statusDetails",
        shipping_address: Address = "shippingAddress",
        /// Each element is a string that holds JSON.
        shipping_address_list: Vec<EmbeddedJson<ListedAddress>> = "shippingAddressList",
        multi_addresses_checkout_metadata: Json = "multiAddressesCheckoutMetadata",
        platform_id: String = "platformId",
        charge_permission_id: ChargePermissionId = "chargePermissionId",
        /// Absent when the payment intent is Confirm.
        charge_id: ChargeId = "chargeId",
        constraints: Vec<Option<Constraint>> = "constraints",
        creation_timestamp: Timestamp = "creationTimestamp",
        /// 24 hours after the creation.
        expiration_timestamp: Timestamp = "expirationTimestamp",
        store_id: StoreId = "storeId",
        provider_metadata: ProviderMetadata = "providerMetadata",
        release_environment: Word<Environment> = "releaseEnvironment",
        delivery_specifications: DeliverySpecifications = "deliverySpecifications",
        checkout_button_text: String = "checkoutButtonText",
    }
}

object! {
    /// Where the buyer's browser goes.
    pub struct WebCheckoutDetails {
        checkout_review_return_url: String = "checkoutReviewReturnUrl" [..=MAX_URL_LEN],
        checkout_result_return_url: String = "checkoutResultReturnUrl" [..=MAX_URL_LEN],
        amazon_pay_redirect_url: String = "amazonPayRedirectUrl" [..=MAX_URL_LEN],
        checkout_cancel_url: String = "checkoutCancelUrl" [..=MAX_URL_LEN],
        /// `ProcessOrder`: the buyer completes on Amazon's page straight away.
        checkout_mode: String = "checkoutMode" [..=64],
    }
}

/// The largest length of a URL, in characters: this project's choice.
const MAX_URL_LEN: usize = 2_048;

object! {
    /// The state of a Checkout Session.
    pub struct CheckoutSessionStatus {
        state: Word<CheckoutSessionState> = "state",
        reason_code: Word<CheckoutSessionReason> = "reasonCode",
        reason_description: String = "reasonDescription",
        last_updated_timestamp: Timestamp = "lastUpdatedTimestamp",
    }
}

words! {
    /// The states of a Checkout Session.
    CheckoutSessionState {
        /// The buyer is checking out; constraints say what is missing.
        Open,
        /// The payment intent was executed. If the authorization is pending, the session is
        /// Completed even if the authorization fails later.
        Completed,
        /// It was not completed, and never will be.
        Canceled,
    }
}

words! {
    /// How often a Charge Permission may be charged.
    ChargePermissionType {
        /// One order.
        OneTime,
        /// On a schedule.
        Recurring,
        /// Whenever the buyer buys.
        PaymentMethodOnFile,
    }
}

object! {
    /// The schedule of a recurring Charge Permission. The schedule is used only for the
    /// permission's expiry and for e-mails to the buyer.
    pub struct RecurringMetadata {
        frequency: Frequency = "frequency",
        /// Absent if it varies.
        amount: Price = "amount",
    }
}

object! {
    /// How often a buyer is charged.
    pub struct Frequency {
        unit: Word<FrequencyUnit> = "unit",
        /// 0 for a variable frequency.
        value: WholeNumber = "value",
    }
}

words! {
    /// The unit of a frequency.
    FrequencyUnit {
        /// Years.
        Year,
        /// Months.
        Month,
        /// Weeks.
        Week,
        /// Days.
        Day,
        /// It varies.
        Variable,
    }
}

object! {
    /// What a saved wallet is set up for.
    pub struct PaymentMethodOnFileMetadata {
        /// Set up without a charge.
        setup_only: bool = "setupOnly",
    }
}

object! {
    /// The buyer, as far as the scopes allow the merchant to see.
    pub struct Buyer {
        buyer_id: BuyerId = "buyerId",
        name: String = "name" [..=255],
        email: String = "email" [..=255],
        phone_number: String = "phoneNumber" [..=255],
        prime_membership_types: Vec<String> = "primeMembershipTypes",
    }
}

object! {
    /// The payment method as it may be shown to the buyer, such as `Visa ****1111 (Amazon Pay)`.
    pub struct PaymentPreference {
        payment_descriptor: String = "paymentDescriptor",
    }
}

object! {
    /// What an Open session still lacks.
    pub struct Constraint {
        /// Such as `ChargeAmountNotSet`.
        constraint_id: String = "constraintId",
        description: String = "description",
    }
}

object! {
    /// A payment service provider's own reference.
    pub struct ProviderMetadata {
        provider_reference_id: String = "providerReferenceId" [..=256],
    }
}

object! {
    /// Where the merchant delivers. Amazon checks the words only in its sandbox, so they are plain texts.
    pub struct DeliverySpecifications {
        special_restrictions: Vec<String> = "specialRestrictions",
        address_restrictions: AddressRestrictions = "addressRestrictions",
    }
}

object! {
    /// Which addresses a buyer may pick.
    pub struct AddressRestrictions {
        /// `Allowed` or `NotAllowed`.
        restriction_type: String = "type",
        /// By country code: `statesOrRegions` and `zipCodes`.
        restrictions: Json = "restrictions",
    }
}
