//! The payment part of a Checkout Session and the rules between its members.

use alloc::string::String;

use crate::ids::Region;
use crate::money::{Currency, Money};
use crate::terms::PaymentIntent;

/// What is to be paid and how, as far as the merchant has said.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PaymentDetails {
    /// What Finalize does with the payment.
    pub payment_intent: Option<PaymentIntent>,
    /// Whether the merchant can wait up to 24 hours for an authorization.
    pub can_handle_pending_authorization: bool,
    /// What this payment charges.
    pub charge_amount: Option<Money>,
    /// The amount of the whole order, if it is to be charged in parts.
    pub total_order_amount: Option<Money>,
    /// The text on the buyer's statement.
    pub soft_descriptor: Option<String>,
    /// The currency of the price that the buyer is shown, on multi-currency accounts.
    pub presentment_currency: Option<Currency>,
    /// Whether a capture may exceed its authorization (docs/compatibility.md).
    pub allow_overcharge: bool,
    /// Whether the permission lives for 13 months.
    pub extend_expiration: bool,
    /// An estimate for risk checks; no rule uses it.
    pub estimate_order_total: Option<Money>,
}

/// The members of the payment part that an update changes. What is absent stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PaymentDetailsUpdate {
    /// See [`PaymentDetails`].
    pub payment_intent: Option<PaymentIntent>,
    /// See [`PaymentDetails`].
    pub can_handle_pending_authorization: Option<bool>,
    /// See [`PaymentDetails`].
    pub charge_amount: Option<Money>,
    /// See [`PaymentDetails`].
    pub total_order_amount: Option<Money>,
    /// See [`PaymentDetails`].
    pub soft_descriptor: Option<String>,
    /// See [`PaymentDetails`].
    pub presentment_currency: Option<Currency>,
    /// See [`PaymentDetails`].
    pub allow_overcharge: Option<bool>,
    /// See [`PaymentDetails`].
    pub extend_expiration: Option<bool>,
    /// See [`PaymentDetails`].
    pub estimate_order_total: Option<Money>,
}

/// A broken rule between the members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PaymentDetailsRefused {
    /// `AuthorizeWithCapture` cannot be combined with pending authorization (Amazon's rule).
    PendingWithCapture,
    /// A soft descriptor is only allowed with `AuthorizeWithCapture` (Amazon's rule).
    SoftDescriptorWithoutCapture,
    /// A currency in which the region's accounts are not paid; the member's name.
    NotOfRegion(&'static str),
    /// An amount of zero; the member's name.
    NothingToCharge(&'static str),
    /// More than Amazon charges in one payment; the member's name.
    AboveMaximum(&'static str),
    /// The currency of `totalOrderAmount` is not that of `chargeAmount`.
    TotalInAnotherCurrency,
    /// `totalOrderAmount` is less than `chargeAmount`, which is a part of it.
    TotalBelowCharge,
}

impl PaymentDetails {
    /// These details after an update: each member that `update` has replaces the current one. If there is a
    /// presentment currency, it follows that of the charge (Amazon's rule for multi-currency accounts).
    #[must_use]
    pub fn updated(self, update: PaymentDetailsUpdate) -> Self {
        let presentment_currency = update.presentment_currency.or(self.presentment_currency);
        let charge_currency = update.charge_amount.map(Money::currency);
        Self {
            payment_intent: update.payment_intent.or(self.payment_intent),
            can_handle_pending_authorization: update
                .can_handle_pending_authorization
                .unwrap_or(self.can_handle_pending_authorization),
            charge_amount: update.charge_amount.or(self.charge_amount),
            total_order_amount: update.total_order_amount.or(self.total_order_amount),
            soft_descriptor: update.soft_descriptor.or(self.soft_descriptor),
            presentment_currency: presentment_currency.map(|presented| charge_currency.unwrap_or(presented)),
            allow_overcharge: update.allow_overcharge.unwrap_or(self.allow_overcharge),
            extend_expiration: update.extend_expiration.unwrap_or(self.extend_expiration),
            estimate_order_total: update.estimate_order_total.or(self.estimate_order_total),
        }
    }

    /// Checks the rules that concern several members together, for an account in this region.
    ///
    /// # Errors
    /// The first broken rule, in the order of [`PaymentDetailsRefused`].
    pub fn check(&self, region: Region) -> Result<(), PaymentDetailsRefused> {
        let captures = self.payment_intent == Some(PaymentIntent::AuthorizeWithCapture);
        if captures && self.can_handle_pending_authorization {
            return Err(PaymentDetailsRefused::PendingWithCapture);
        }
        if self.soft_descriptor.is_some() && self.payment_intent.is_some() && !captures {
            return Err(PaymentDetailsRefused::SoftDescriptorWithoutCapture);
        }
        for (member, currency) in [
            ("paymentDetails.chargeAmount", self.charge_amount.map(Money::currency)),
            ("paymentDetails.totalOrderAmount", self.total_order_amount.map(Money::currency)),
            ("paymentDetails.presentmentCurrency", self.presentment_currency),
        ] {
            if currency.is_some_and(|currency| !currency.is_paid_in(region)) {
                return Err(PaymentDetailsRefused::NotOfRegion(member));
            }
        }
        for (member, amount) in [
            ("paymentDetails.chargeAmount", self.charge_amount),
            ("paymentDetails.totalOrderAmount", self.total_order_amount),
        ] {
            let Some(amount) = amount else { continue };
            if amount.is_zero() {
                return Err(PaymentDetailsRefused::NothingToCharge(member));
            }
            if amount.minor() > amount.currency().maximum().minor() {
                return Err(PaymentDetailsRefused::AboveMaximum(member));
            }
        }
        let (Some(charge), Some(total)) = (self.charge_amount, self.total_order_amount) else {
            return Ok(());
        };
        if total.currency() != charge.currency() {
            return Err(PaymentDetailsRefused::TotalInAnotherCurrency);
        }
        if total.minor() < charge.minor() {
            return Err(PaymentDetailsRefused::TotalBelowCharge);
        }
        Ok(())
    }
}
