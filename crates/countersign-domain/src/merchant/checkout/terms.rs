//! What the shop asks for, and the rules between its members.

use alloc::string::String;

use crate::address::{Address, AddressMatch};
use crate::money::{Currency, Money};
use crate::terms::{MerchantMetadata, PaymentIntent, ProductType};

/// What the shop asks for. The browser cannot change any of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// What is sold; decides which address is payment-critical.
    pub product_type: ProductType,
    /// What a success does with the buyer's money.
    pub payment_intent: PaymentIntent,
    /// Whether the shop can wait up to 24 hours for an authorization.
    pub can_handle_pending_authorization: bool,
    /// What this payment charges.
    pub charge_amount: Money,
    /// The amount of the whole order, when it is charged in parts.
    pub total_order_amount: Option<Money>,
    /// Sent with Finalize, byte for byte as given to the button.
    pub supplementary_data: Option<String>,
    /// The shop's notes on the order.
    pub merchant_metadata: MerchantMetadata,
    /// Where the parcel goes, if the shop knew that when it registered the order.
    pub shipping_address: Option<Address>,
    /// The address that the amounts were computed for, as far as it was known then: where the parcel goes, or
    /// for `PayOnly` the billing address. `None` before there was a quote.
    pub quoted_address: Option<Address>,
}

/// A broken rule of the terms. Each names the field that the shop sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TermsRefused {
    /// `AuthorizeWithCapture` cannot wait for a pending authorization (Amazon's rule).
    PendingWithCapture,
    /// There is nothing to charge.
    NothingToCharge,
    /// More than Amazon charges in one payment.
    ChargeAboveMaximum,
    /// The total order amount is in another currency.
    TotalInAnotherCurrency(Currency),
    /// The total order amount is less than the amount of this payment, which is a part of it.
    TotalBelowCharge,
    /// The terms' version is not the current one: they were changed in between.
    VersionMoved {
        /// The current version.
        current: u32,
    },
    /// An attempt was sent with the current terms and is not proved unpaid.
    AlreadySent,
    /// The order is canceled or being canceled.
    OrderCanceled,
}

impl TermsRefused {
    /// The field that breaks the rule, as the merchant API spells it.
    #[must_use]
    pub const fn field(self) -> &'static str {
        match self {
            Self::PendingWithCapture => "paymentDetails.canHandlePendingAuthorization",
            Self::NothingToCharge | Self::ChargeAboveMaximum => "paymentDetails.chargeAmount",
            Self::TotalInAnotherCurrency(_) | Self::TotalBelowCharge => "paymentDetails.totalOrderAmount",
            Self::VersionMoved { .. } | Self::AlreadySent | Self::OrderCanceled => "termsVersion",
        }
    }
}

impl Terms {
    /// Checks the rules between the members.
    ///
    /// # Errors
    /// The first broken rule, in the order of [`TermsRefused`].
    pub fn check(&self) -> Result<(), TermsRefused> {
        if self.payment_intent == PaymentIntent::AuthorizeWithCapture && self.can_handle_pending_authorization
        {
            return Err(TermsRefused::PendingWithCapture);
        }
        if self.charge_amount.is_zero() {
            return Err(TermsRefused::NothingToCharge);
        }
        let currency = self.charge_amount.currency();
        if self.charge_amount.minor() > currency.maximum().minor() {
            return Err(TermsRefused::ChargeAboveMaximum);
        }
        if let Some(total) = self.total_order_amount {
            if total.currency() != currency {
                return Err(TermsRefused::TotalInAnotherCurrency(total.currency()));
            }
            if total.minor() < self.charge_amount.minor() {
                return Err(TermsRefused::TotalBelowCharge);
            }
        }
        Ok(())
    }

    /// The first member in which the shop's request differs, as the merchant API spells it.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Option<&'static str> {
        let addresses_differ = match (&self.shipping_address, &other.shipping_address) {
            (Some(ours), Some(theirs)) => ours.difference(theirs, AddressMatch::Canonical).is_some(),
            (None, None) => false,
            (Some(_), None) | (None, Some(_)) => true,
        };
        [
            ("productType", self.product_type != other.product_type),
            ("paymentDetails.paymentIntent", self.payment_intent != other.payment_intent),
            (
                "paymentDetails.canHandlePendingAuthorization",
                self.can_handle_pending_authorization != other.can_handle_pending_authorization,
            ),
            ("paymentDetails.chargeAmount", self.charge_amount != other.charge_amount),
            ("paymentDetails.totalOrderAmount", self.total_order_amount != other.total_order_amount),
            ("supplementaryData", self.supplementary_data != other.supplementary_data),
            ("merchantMetadata", self.merchant_metadata != other.merchant_metadata),
            ("shippingAddress", addresses_differ),
        ]
        .into_iter()
        .find_map(|(name, differs)| differs.then_some(name))
    }
}
