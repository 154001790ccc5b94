//! CartDetails: what the merchant shows the buyer about the order on Amazon's page. Its amounts are the
//! payment: `totalChargeAmount` becomes the Checkout Session's `chargeAmount`, which Finalize must repeat.
//! Both halves check it by the same rules.

use alloc::string::String;
use alloc::vec::Vec;

use crate::money::{Currency, Money};
use crate::terms::ProductType;
use crate::words::words;

/// The largest number of delivery options in one cart. Amazon documents no limit for these, for line items or for
/// coupons; each limit here is more than a buyer would read on one page (docs/compatibility.md).
pub const MAX_DELIVERY_OPTIONS: usize = 50;
/// See [`MAX_DELIVERY_OPTIONS`].
pub const MAX_LINE_ITEMS: usize = 200;
/// See [`MAX_DELIVERY_OPTIONS`].
pub const MAX_COUPONS: usize = 20;

/// What the order costs, and what the buyer can choose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cart {
    /// `totalBaseAmount`: the items.
    pub base: Money,
    /// `totalShippingAmount`.
    pub shipping: Money,
    /// `totalTaxAmount`.
    pub tax: Money,
    /// `totalDiscountAmount`.
    pub discount: Option<Money>,
    /// `totalChargeAmount`: what this payment charges.
    pub charge: Money,
    /// `totalOrderAmount`, when the order is charged in parts.
    pub total_order: Option<Money>,
    /// `deliveryOptions`.
    pub delivery_options: Vec<DeliveryOption>,
    /// `lineItems`.
    pub line_items: Vec<LineItem>,
    /// `couponCodes`.
    pub coupons: Vec<Coupon>,
}

/// A way in which the parcel can be delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryOption {
    /// Its id, unique in the cart.
    pub id: String,
    /// What it costs.
    pub price: Money,
    /// `shippingMethod.shippingMethodName`.
    pub name: String,
    /// `shippingMethod.shippingMethodCode`.
    pub code: Option<String>,
    /// Whether this option applies until the buyer chooses one.
    pub is_default: bool,
    /// `shippingEstimate`, each a number and its unit.
    pub estimate: Vec<Estimate>,
}

/// How long a delivery takes, as a lower or upper bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Estimate {
    /// The number of units.
    pub value: u32,
    /// The unit.
    pub unit: TimeUnit,
}

words! {
    /// A unit of an estimate.
    TimeUnit {
        /// Minutes.
        MINUTE,
        /// Hours.
        HOUR,
        /// Days.
        DAY,
        /// Weeks.
        WEEK,
        /// Months.
        MONTH,
    }
}

/// One line of the order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineItem {
    /// The merchant's id.
    pub id: String,
    /// What it is.
    pub title: String,
    /// Its color or size.
    pub variant_title: Option<String>,
    /// How many.
    pub quantity: u32,
    /// The price of one item.
    pub list_price: Money,
    /// The price of all items: `listPrice` × `quantity`.
    pub total_list_price: Money,
    /// The price of all items after a discount.
    pub discounted_price: Option<Money>,
}

/// A coupon code and its result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coupon {
    /// The code as the buyer entered it.
    pub code: String,
    /// Whether the coupon was applied.
    pub is_applied: bool,
    /// Why not, or what the coupon gives.
    pub description: Option<String>,
}

/// A broken rule of carts. [`CartRefused::field`] names the member that breaks it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CartRefused {
    /// An amount in a currency other than the order's.
    CurrencyDiffers(&'static str),
    /// There is nothing to charge.
    NothingToCharge,
    /// More than Amazon charges in one payment.
    AboveMaximum,
    /// charge ≠ base + shipping + tax − discount.
    SumDiffers,
    /// `totalOrderAmount` is less than `totalChargeAmount`, which is a part of it.
    TotalBelowCharge,
    /// An order that ships has no delivery option.
    NoDeliveryOption,
    /// An order that does not ship has delivery options.
    NothingToShip,
    /// Zero, or more than one, delivery options are the default.
    NotOneDefault,
    /// Two delivery options have the same id.
    SameId,
    /// `totalListPrice` ≠ `listPrice` × `quantity`.
    LineDiffers,
    /// More than [`MAX_DELIVERY_OPTIONS`], [`MAX_LINE_ITEMS`] or [`MAX_COUPONS`].
    TooMany(&'static str),
}

impl CartRefused {
    /// The member that breaks the rule.
    #[must_use]
    pub const fn field(self) -> &'static str {
        match self {
            Self::CurrencyDiffers(member) | Self::TooMany(member) => member,
            Self::NothingToCharge | Self::AboveMaximum | Self::SumDiffers => "totalChargeAmount",
            Self::TotalBelowCharge => "totalOrderAmount",
            Self::NoDeliveryOption | Self::NothingToShip => "deliveryOptions",
            Self::NotOneDefault => "deliveryOptions.isDefault",
            Self::SameId => "deliveryOptions.id",
            Self::LineDiffers => "lineItems.totalListPrice",
        }
    }
}

/// Whether a cart must name the delivery options or may leave them unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryOptions {
    /// Required at the start of a checkout that ships (Amazon's rule).
    Required,
    /// Optional later: if absent, the earlier options stay.
    Optional,
}

impl Cart {
    /// Checks the cart of an order in a given currency.
    ///
    /// # Errors
    /// The first broken rule, in the order of [`CartRefused`].
    pub fn check(
        &self,
        currency: Currency,
        product_type: ProductType,
        options: DeliveryOptions,
    ) -> Result<(), CartRefused> {
        use CartRefused as Refused;
        for (member, amount) in [
            ("totalBaseAmount", Some(self.base)),
            ("totalShippingAmount", Some(self.shipping)),
            ("totalTaxAmount", Some(self.tax)),
            ("totalDiscountAmount", self.discount),
            ("totalChargeAmount", Some(self.charge)),
            ("totalOrderAmount", self.total_order),
        ] {
            if amount.is_some_and(|amount| amount.currency() != currency) {
                return Err(Refused::CurrencyDiffers(member));
            }
        }
        if self.delivery_options.iter().any(|option| option.price.currency() != currency) {
            return Err(Refused::CurrencyDiffers("deliveryOptions.price"));
        }
        if self.line_items.iter().any(|line| !line.is_in(currency)) {
            return Err(Refused::CurrencyDiffers("lineItems.listPrice"));
        }
        if self.charge.is_zero() {
            return Err(Refused::NothingToCharge);
        }
        if self.charge.minor() > currency.maximum().minor() {
            return Err(Refused::AboveMaximum);
        }
        if self.sum() != Some(self.charge) {
            return Err(Refused::SumDiffers);
        }
        if self.total_order.is_some_and(|total| total.minor() < self.charge.minor()) {
            return Err(Refused::TotalBelowCharge);
        }
        match product_type {
            ProductType::PayAndShip => {
                if self.delivery_options.is_empty() && options == DeliveryOptions::Required {
                    return Err(Refused::NoDeliveryOption);
                }
            }
            ProductType::PayOnly => {
                if !self.delivery_options.is_empty() {
                    return Err(Refused::NothingToShip);
                }
            }
        }
        let defaults = self.delivery_options.iter().filter(|option| option.is_default).count();
        if !self.delivery_options.is_empty() && defaults != 1 {
            return Err(Refused::NotOneDefault);
        }
        let is_double = |(place, option): (usize, &DeliveryOption)| {
            self.delivery_options.iter().take(place).any(|earlier| earlier.id == option.id)
        };
        if self.delivery_options.iter().enumerate().any(is_double) {
            return Err(Refused::SameId);
        }
        if self.line_items.iter().any(|line| line.whole_price() != Some(line.total_list_price)) {
            return Err(Refused::LineDiffers);
        }
        for (member, count, most) in [
            ("deliveryOptions", self.delivery_options.len(), MAX_DELIVERY_OPTIONS),
            ("lineItems", self.line_items.len(), MAX_LINE_ITEMS),
            ("couponCodes", self.coupons.len(), MAX_COUPONS),
        ] {
            if count > most {
                return Err(Refused::TooMany(member));
            }
        }
        Ok(())
    }

    /// base + shipping + tax − discount; `None` when that is not a valid amount.
    fn sum(&self) -> Option<Money> {
        let sum = self.base.checked_add(self.shipping)?.checked_add(self.tax)?;
        match self.discount {
            Some(discount) => sum.checked_sub(discount),
            None => Some(sum),
        }
    }
}

impl LineItem {
    fn is_in(&self, currency: Currency) -> bool {
        let amounts = [Some(self.list_price), Some(self.total_list_price), self.discounted_price];
        amounts.into_iter().flatten().all(|amount| amount.currency() == currency)
    }

    fn whole_price(&self) -> Option<Money> {
        let minor = self.list_price.minor().checked_mul(u64::from(self.quantity))?;
        Some(Money::from_minor(minor, self.list_price.currency()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use alloc::vec;

    const USD: Currency = Currency::USD;

    fn usd(minor: u64) -> Money {
        Money::from_minor(minor, USD)
    }

    fn option(id: &str, is_default: bool) -> DeliveryOption {
        let estimate = vec![Estimate { value: 2, unit: TimeUnit::DAY }];
        let name = "Standard".to_string();
        DeliveryOption { id: id.to_string(), price: usd(500), name, code: None, is_default, estimate }
    }

    fn line() -> LineItem {
        LineItem {
            id: "cup".to_string(),
            title: "A cup".to_string(),
            variant_title: None,
            quantity: 2,
            list_price: usd(1_000),
            total_list_price: usd(2_000),
            discounted_price: None,
        }
    }

    /// 20.00 + 5.00 + 2.00 − 3.00.
    fn cart() -> Cart {
        Cart {
            base: usd(2_000),
            shipping: usd(500),
            tax: usd(200),
            discount: Some(usd(300)),
            charge: usd(2_400),
            total_order: None,
            delivery_options: vec![option("standard", true), option("express", false)],
            line_items: vec![line()],
            coupons: Vec::new(),
        }
    }

    fn checked(cart: &Cart) -> Result<(), CartRefused> {
        cart.check(USD, ProductType::PayAndShip, DeliveryOptions::Required)
    }

    #[test]
    fn each_rule_of_a_cart_is_reached() {
        use CartRefused as Refused;
        type Break = fn(&mut Cart);
        let cases: Vec<(Refused, Break)> = vec![
            (Refused::CurrencyDiffers("totalBaseAmount"), |it| {
                it.base = Money::from_minor(2_000, Currency::EUR);
            }),
            (Refused::CurrencyDiffers("totalShippingAmount"), |it| {
                it.shipping = Money::from_minor(500, Currency::EUR);
            }),
            (Refused::CurrencyDiffers("totalTaxAmount"), |it| it.tax = Money::from_minor(200, Currency::EUR)),
            (Refused::CurrencyDiffers("totalDiscountAmount"), |it| {
                it.discount = Some(Money::from_minor(300, Currency::EUR));
            }),
            (Refused::CurrencyDiffers("totalChargeAmount"), |it| {
                it.charge = Money::from_minor(2_400, Currency::EUR);
            }),
            (Refused::CurrencyDiffers("totalOrderAmount"), |it| {
                it.total_order = Some(Money::from_minor(2_400, Currency::EUR));
            }),
            (Refused::CurrencyDiffers("deliveryOptions.price"), |it| {
                it.delivery_options[1].price = Money::from_minor(1, Currency::EUR);
            }),
            (Refused::CurrencyDiffers("lineItems.listPrice"), |it| {
                it.line_items[0].discounted_price = Some(Money::from_minor(1, Currency::EUR));
            }),
            (Refused::NothingToCharge, |it| it.charge = usd(0)),
            (Refused::AboveMaximum, |it| it.charge = usd(15_000_001)),
            (Refused::SumDiffers, |it| it.charge = usd(2_401)),
            (Refused::SumDiffers, |it| it.discount = None),
            (Refused::SumDiffers, |it| it.discount = Some(usd(2_701))),
            (Refused::TotalBelowCharge, |it| it.total_order = Some(usd(2_399))),
            (Refused::NoDeliveryOption, |it| it.delivery_options.clear()),
            (Refused::NotOneDefault, |it| it.delivery_options[0].is_default = false),
            (Refused::NotOneDefault, |it| it.delivery_options[1].is_default = true),
            (Refused::SameId, |it| it.delivery_options[1].id = "standard".to_string()),
            (Refused::LineDiffers, |it| it.line_items[0].total_list_price = usd(1_999)),
            (Refused::LineDiffers, |it| it.line_items[0].list_price = usd(u64::MAX)),
            (Refused::TooMany("deliveryOptions"), |it| {
                let more = (0..MAX_DELIVERY_OPTIONS).map(|n| option(&n.to_string(), false));
                it.delivery_options.extend(more);
            }),
            (Refused::TooMany("lineItems"), |it| it.line_items = vec![line(); MAX_LINE_ITEMS + 1]),
            (Refused::TooMany("couponCodes"), |it| {
                let coupon = Coupon { code: "SPRING".to_string(), is_applied: true, description: None };
                it.coupons = vec![coupon; MAX_COUPONS + 1];
            }),
        ];
        assert_eq!(checked(&cart()), Ok(()));
        for (refused, breaks) in cases {
            let mut broken = cart();
            breaks(&mut broken);
            assert_eq!(checked(&broken), Err(refused));
            assert!(refused.field().starts_with(|letter: char| letter.is_ascii_lowercase()));
        }
    }

    #[test]
    fn only_what_ships_has_delivery_options_and_later_they_may_stay_away() {
        let check = |cart: &Cart, product, options| cart.check(USD, product, options);
        let without = Cart { delivery_options: Vec::new(), ..cart() };
        let (ships, pays) = (ProductType::PayAndShip, ProductType::PayOnly);
        assert_eq!(check(&without, ships, DeliveryOptions::Optional), Ok(()));
        assert_eq!(check(&without, pays, DeliveryOptions::Required), Ok(()));
        assert_eq!(check(&cart(), pays, DeliveryOptions::Optional), Err(CartRefused::NothingToShip));
    }

    #[test]
    fn a_cart_in_yen_has_no_decimals_to_lose() {
        let yen = |minor| Money::from_minor(minor, Currency::JPY);
        let cart = Cart {
            base: yen(1_000),
            shipping: yen(500),
            tax: yen(150),
            discount: None,
            charge: yen(1_650),
            total_order: Some(yen(1_650)),
            delivery_options: Vec::new(),
            line_items: Vec::new(),
            coupons: Vec::new(),
        };
        assert_eq!(cart.check(Currency::JPY, ProductType::PayOnly, DeliveryOptions::Required), Ok(()));
    }
}
