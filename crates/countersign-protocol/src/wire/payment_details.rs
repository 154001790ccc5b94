//! What is to be paid and how: the payment part of a Checkout Session and of the calls that change it.

use countersign_domain::money::Currency;
use countersign_domain::terms::PaymentIntent;

use super::{Price, Word};
use crate::object;

/// The largest length of a soft descriptor, in characters.
pub(super) const MAX_SOFT_DESCRIPTOR_LEN: usize = 16;

object! {
    /// The payment part of a Checkout Session.
    pub struct PaymentDetails {
        payment_intent: Word<PaymentIntent> = "paymentIntent",
        /// Absent means false.
        can_handle_pending_authorization: bool = "canHandlePendingAuthorization",
        charge_amount: Price = "chargeAmount",
        /// Set only to split an order into several charges.
        total_order_amount: Price = "totalOrderAmount",
        soft_descriptor: String = "softDescriptor" [..=MAX_SOFT_DESCRIPTOR_LEN],
        presentment_currency: Word<Currency> = "presentmentCurrency",
        allow_overcharge: bool = "allowOvercharge",
        /// Whether a one-time permission lives for 13 months instead of 180 days.
        extend_expiration: bool = "extendExpiration",
        estimate_order_total: Price = "estimateOrderTotal",
    }
}
