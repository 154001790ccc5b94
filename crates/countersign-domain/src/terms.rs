//! The terms of a payment that both halves use: what is bought, how it is to be paid, and the merchant's
//! notes on it.

use alloc::string::String;

use crate::words::words;

words! {
    /// What Amazon's page asks the buyer for.
    ProductType {
        /// A parcel: the shipping address is payment-critical.
        PayAndShip,
        /// Nothing to ship: the billing address is payment-critical.
        PayOnly,
    }
}

words! {
    /// What a successful Finalize does with the buyer's money.
    PaymentIntent {
        /// Nothing yet: only a Charge Permission.
        Confirm,
        /// Reserve the amount; capture later.
        Authorize,
        /// Reserve and capture immediately.
        AuthorizeWithCapture,
    }
}

/// The merchant's own notes on an order. Amazon shows some of them to the buyer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MerchantMetadata {
    /// The order's number at the merchant; at most 256 characters.
    pub merchant_reference_id: Option<String>,
    /// At most 50 characters.
    pub merchant_store_name: Option<String>,
    /// At most 255 characters.
    pub note_to_buyer: Option<String>,
    /// At most 4,096 characters.
    pub custom_information: Option<String>,
}

impl MerchantMetadata {
    /// These notes after an update: each member that `update` has replaces the current one.
    #[must_use]
    pub fn updated(self, update: Self) -> Self {
        Self {
            merchant_reference_id: update.merchant_reference_id.or(self.merchant_reference_id),
            merchant_store_name: update.merchant_store_name.or(self.merchant_store_name),
            note_to_buyer: update.note_to_buyer.or(self.note_to_buyer),
            custom_information: update.custom_information.or(self.custom_information),
        }
    }
}
