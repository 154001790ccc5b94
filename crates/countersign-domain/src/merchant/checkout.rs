//! A checkout: the shop's order with its terms and the attempts to be paid for it. What happens to
//! an attempt once it is bound stands in [`super::completion`] and [`super::doubt`].

use alloc::string::String;
use alloc::vec::Vec;

use super::attempt::{Attempt, AttemptState, GivenAddresses};
use super::cancellation::Cancellation;
use super::completion::CompletionRules;
use super::payment::Payment;
use crate::address::{Address, AddressMatch};
use crate::ids::CheckoutId;
use crate::money::{Currency, Money};
use crate::step::Step;
use crate::terms::{MerchantMetadata, PaymentIntent, ProductType};
use crate::time::Timestamp;

/// The most sessions that one checkout binds, surplus ones included. A buyer who needs more has a
/// page that loops.
pub const MAX_ATTEMPTS: usize = 50;

/// What the shop asks for. The browser can change none of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// What is sold: decides which address is payment-critical.
    pub product_type: ProductType,
    /// What a success shall do with the buyer's money.
    pub payment_intent: PaymentIntent,
    /// Whether the shop can wait up to 24 hours for an authorization.
    pub can_handle_pending_authorization: bool,
    /// What this payment charges.
    pub charge_amount: Money,
    /// The whole order's amount, when it is to be charged in parts.
    pub total_order_amount: Option<Money>,
    /// Sent with Finalize, byte for byte as given to the button.
    pub supplementary_data: Option<String>,
    /// The shop's notes beside the order.
    pub merchant_metadata: MerchantMetadata,
    /// Where the parcel goes, if the shop knew when it registered the order.
    pub shipping_address: Option<Address>,
    /// The address that the amounts were computed for, as far as it was told then: where the parcel goes, or
    /// for `PayOnly` the billing address. None before there was a quote.
    pub quoted_address: Option<Address>,
}

/// A rule that the terms break. Each names the field that the shop sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TermsRefused {
    /// `AuthorizeWithCapture` cannot wait for a pending authorization (Amazon's rule).
    PendingWithCapture,
    /// There is nothing to charge.
    NothingToCharge,
    /// More than Amazon charges at once.
    ChargeAboveMaximum,
    /// The total order amount is in another currency.
    TotalInAnotherCurrency(Currency),
    /// The total order amount is less than this payment's part of it.
    TotalBelowCharge,
    /// The terms' version is not the current one: somebody else changed them.
    VersionMoved {
        /// The current version.
        current: u32,
    },
    /// An attempt was sent with the current terms and is not proved unpaid.
    AlreadySent,
    /// The order is canceled, or being canceled.
    OrderCanceled,
}

impl TermsRefused {
    /// The field that is to blame, as the merchant API spells it.
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
    /// The first rule that is broken, in the order of [`TermsRefused`].
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

    /// The first member in which what the shop asks for differs, as the merchant API spells it.
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

/// The shop's order, its terms, and every attempt to be paid for it.
///
/// The one document in which "at most one attempt is live" can be seen and held: whoever wants to
/// send must write it with the version that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkout {
    /// Its id; `merchantReferenceId` at Amazon.
    pub id: CheckoutId,
    /// The shop's own order number, unique among checkouts.
    pub order_id: String,
    /// What the shop asks for.
    pub terms: Terms,
    /// Rises by one with every change of the terms; 1 at first.
    pub terms_version: u32,
    /// Oldest first; `attempts[k].number` is `k + 1`.
    pub attempts: Vec<Attempt>,
    /// What was agreed since an attempt succeeded.
    pub payment: Option<Payment>,
    /// The shop's wish to cancel the order, if it has one.
    pub cancellation: Option<Cancellation>,
    /// When the shop registered it.
    pub registered_at: Timestamp,
}

impl Checkout {
    /// The attempt that may have moved money, if any: there is never more than one.
    #[must_use]
    pub fn live_attempt(&self) -> Option<&Attempt> {
        self.attempts.iter().find(|attempt| attempt.state.is_live())
    }

    /// When somebody must look after it: an attempt, the payment or the cancellation.
    #[must_use]
    pub fn due_at(&self, rules: &CompletionRules) -> Option<Timestamp> {
        let attempts = self.attempts.iter().filter_map(|attempt| attempt.state.due_at());
        let payment = self.payment.as_ref().and_then(|payment| payment.due_at(rules));
        let cancellation = self.cancellation.as_ref().and_then(Cancellation::due_at);
        attempts.chain(payment).chain(cancellation).min()
    }

    /// The attempt whose fate answers for this one: itself, or the one that it came second to.
    ///
    /// That one may have come second itself later, when nothing of it had left this machine. An
    /// attempt comes second to one that is live at that moment, and stays so: there is no circle.
    #[must_use]
    pub fn deciding_attempt(&self, number: u32) -> Option<&Attempt> {
        let mut attempt = self.attempt(number)?;
        for _ in 0..self.attempts.len() {
            let AttemptState::Surplus { of } = attempt.state else { return Some(attempt) };
            attempt = self.attempt(of)?;
        }
        None
    }

    /// One attempt.
    #[must_use]
    pub fn attempt(&self, number: u32) -> Option<&Attempt> {
        self.attempts.iter().find(|attempt| attempt.number == number)
    }

    /// This checkout, with one attempt in another state.
    #[must_use]
    pub(crate) fn with_state(mut self, number: u32, state: AttemptState) -> Self {
        if let Some(attempt) = self.attempts.iter_mut().find(|attempt| attempt.number == number) {
            if state.is_final() {
                attempt.given = GivenAddresses::default();
            }
            if let AttemptState::Completed { completion, charge_permission_id, at } = &state
                && self.payment.is_none()
            {
                self.payment = Some(Payment::begun(&self.terms, completion, charge_permission_id, *at));
            }
            attempt.state = state;
        }
        self
    }

    /// This checkout, with one attempt at another key.
    #[must_use]
    pub(crate) fn with_spent_keys(mut self, number: u32, spent_keys: u32) -> Self {
        if let Some(attempt) = self.attempts.iter_mut().find(|attempt| attempt.number == number) {
            attempt.spent_keys = spent_keys;
        }
        self
    }
}

/// What the terms' change was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TermsChanged {
    /// The version that the terms now have.
    pub terms_version: u32,
}

/// Changes the terms by compare-and-set on their version. Before the first send only: a Finalize
/// that may be on its way carries the old terms.
///
/// # Errors
/// The first rule that is broken.
pub fn change_terms(
    checkout: &Checkout,
    expected_version: u32,
    terms: Terms,
) -> Result<Step<Checkout, TermsChanged>, TermsRefused> {
    terms.check()?;
    if expected_version != checkout.terms_version {
        return Err(TermsRefused::VersionMoved { current: checkout.terms_version });
    }
    if checkout.live_attempt().is_some() {
        return Err(TermsRefused::AlreadySent);
    }
    if checkout.cancellation.is_some() {
        return Err(TermsRefused::OrderCanceled);
    }
    // Nothing below this line may fail.
    let terms_version = checkout.terms_version.saturating_add(1);
    let mut next = Checkout { terms, terms_version, ..checkout.clone() };
    for attempt in &mut next.attempts {
        // What was agreed under the old terms must be agreed again.
        if let AttemptState::Approved { retry_at, .. } = attempt.state {
            attempt.state = AttemptState::Bound { retry_at };
        }
    }
    Ok(Step::one(next, TermsChanged { terms_version }))
}
