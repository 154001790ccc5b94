//! What the shop asks for, and the rules between its members.

use alloc::string::String;

use crate::address::{Address, AddressMatch, AddressMember};
use crate::ids::Region;
use crate::merchant::rules::Policy;
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

/// A broken rule of the terms. [`TermsRefused::field`] names the field that breaks it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TermsRefused {
    /// `AuthorizeWithCapture` cannot wait for a pending authorization (Amazon's rule).
    PendingWithCapture,
    /// There is nothing to charge.
    NothingToCharge,
    /// More than Amazon charges in one payment.
    ChargeAboveMaximum,
    /// An account of this region cannot be paid in the currency.
    CurrencyOfAnotherRegion(Currency),
    /// The shipping address lacks a member that Amazon shows with every address and that is compared.
    AddressIncomplete(RequiredMember),
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
    /// A permission names this order, and nothing of this order explains its money.
    Unexplained,
}

/// A member that a registered address must have: without it, the address equals no address that Amazon shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequiredMember {
    /// `addressLine1`, if it is compared.
    AddressLine1,
    /// `countryCode`.
    CountryCode,
}

impl TermsRefused {
    /// The field that breaks the rule, as the merchant API spells it.
    #[must_use]
    pub const fn field(self) -> &'static str {
        match self {
            Self::PendingWithCapture => "paymentDetails.canHandlePendingAuthorization",
            Self::NothingToCharge | Self::ChargeAboveMaximum | Self::CurrencyOfAnotherRegion(_) => {
                "paymentDetails.chargeAmount"
            }
            Self::AddressIncomplete(RequiredMember::AddressLine1) => "shippingAddress.addressLine1",
            Self::AddressIncomplete(RequiredMember::CountryCode) => "shippingAddress.countryCode",
            Self::TotalInAnotherCurrency(_) | Self::TotalBelowCharge => "paymentDetails.totalOrderAmount",
            Self::VersionMoved { .. } | Self::AlreadySent | Self::OrderCanceled | Self::Unexplained => {
                "termsVersion"
            }
        }
    }
}

impl Terms {
    /// What may be charged for the order in all: the limit of its Charge Permission.
    #[must_use]
    pub fn limit(&self) -> Money {
        self.total_order_amount.unwrap_or(self.charge_amount)
    }

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

    /// Checks that a session of an account in this region can ever agree with these terms, so that the first
    /// buyer is not the one who finds out that it cannot.
    ///
    /// # Errors
    /// [`TermsRefused::CurrencyOfAnotherRegion`] or [`TermsRefused::AddressIncomplete`].
    pub fn check_payable(&self, region: Region, policy: &Policy) -> Result<(), TermsRefused> {
        let currency = self.charge_amount.currency();
        if !currency.is_paid_in(region) {
            return Err(TermsRefused::CurrencyOfAnotherRegion(currency));
        }
        let Some(address) = &self.shipping_address else { return Ok(()) };
        for (member, required) in [
            (AddressMember::AddressLine1, RequiredMember::AddressLine1),
            (AddressMember::CountryCode, RequiredMember::CountryCode),
        ] {
            if policy.priced_address().contains(member) && !address.has(member) {
                return Err(TermsRefused::AddressIncomplete(required));
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

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;
    use crate::address::AddressMembers;

    fn terms(currency: Currency, address: Option<Address>) -> Terms {
        Terms {
            product_type: ProductType::PayAndShip,
            payment_intent: PaymentIntent::Authorize,
            can_handle_pending_authorization: false,
            charge_amount: Money::from_minor(1_400, currency),
            total_order_amount: None,
            supplementary_data: None,
            merchant_metadata: MerchantMetadata::default(),
            shipping_address: address,
            quoted_address: None,
        }
    }

    #[test]
    fn an_account_is_paid_in_the_currencies_of_its_region() {
        let accepted = |region| {
            let payable = |currency: &&Currency| {
                terms(**currency, None).check_payable(region, &Policy::default()).is_ok()
            };
            Currency::ALL.iter().filter(payable).count()
        };
        for (region, currency) in [
            (Region::NorthAmerica, Currency::USD),
            (Region::Japan, Currency::JPY),
            (Region::Europe, Currency::EUR),
        ] {
            assert_eq!(terms(currency, None).check_payable(region, &Policy::default()), Ok(()));
        }
        assert_eq!([Region::NorthAmerica, Region::Japan].map(accepted), [1, 1]);
        assert_eq!(accepted(Region::Europe), Currency::ALL.len(), "accounts there can be multi-currency");
    }

    #[test]
    fn a_registered_address_has_what_is_compared_and_shown_with_every_address() {
        let text = |text: &str| Some(text.to_string());
        let only_country = Address { country_code: text("DE"), ..Address::default() };
        let street = Address { address_line1: text("Sample Street 1"), ..only_country.clone() };
        let no_country = Address { country_code: None, ..street.clone() };
        let with = |compared_address| Policy { compared_address, ..Policy::default() };
        let refused = |member| Err(TermsRefused::AddressIncomplete(member));
        for (address, policy, expected) in [
            (&street, Policy::default(), Ok(())),
            (&only_country, Policy::default(), refused(RequiredMember::AddressLine1)),
            (&Address::default(), Policy::default(), refused(RequiredMember::AddressLine1)),
            (&no_country, Policy::default(), refused(RequiredMember::CountryCode)),
            // A shop that does not compare the street need not know it.
            (&only_country, with(AddressMembers::PRICED), Ok(())),
            (&no_country, with(AddressMembers::of(&[])), refused(RequiredMember::CountryCode)),
        ] {
            let terms = terms(Currency::EUR, Some(address.clone()));
            assert_eq!(terms.check_payable(Region::Europe, &policy), expected, "{address:?}");
        }
    }
}
