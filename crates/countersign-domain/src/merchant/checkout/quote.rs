//! What an order costs once the buyer's address is known: the cart that is calculated from the shop's own
//! table, and which parts of a cart become the order's terms. If the shop itself is asked, its answer is
//! handled here too.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::terms::Terms;
use crate::address::{Address, AddressMembers};
use crate::cart::{Cart, CartRefused, Coupon, DeliveryOption, DeliveryOptions, Estimate, TimeUnit};
use crate::money::Money;
use crate::terms::ProductType;
use crate::words::words;

/// 100 % in basis points.
const WHOLE: u64 = 10_000;

/// The shop's prices of delivery, its taxes and its coupons, for a shop without a quote hook.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct QuoteTable {
    /// The ways in which a parcel can be delivered; the first that fits is the default. If empty: one way,
    /// everywhere, free of charge.
    pub deliveries: Vec<DeliveryRate>,
    /// The tax of each country; none for a country that is not listed.
    pub taxes: Vec<TaxRate>,
    /// The discounts for the buyer's codes.
    pub coupons: Vec<CouponRate>,
}

/// A way in which a parcel can be delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryRate {
    /// Its id, unique in the table.
    pub id: String,
    /// The name that the buyer reads.
    pub name: String,
    /// What it costs. It is offered to orders in this currency.
    pub price: Money,
    /// The countries that it delivers to; all if the list is empty.
    pub countries: Vec<String>,
    /// How many days it takes, if the buyer is to see that.
    pub days: Option<u32>,
}

/// A country's tax.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaxRate {
    /// The country's two letters.
    pub country: String,
    /// Hundredths of a percent.
    pub basis_points: u32,
}

/// The discount that a code gives on the items' price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CouponRate {
    /// The code. Case does not matter.
    pub code: String,
    /// The discount.
    pub discount: Discount,
}

/// How much a coupon takes off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Discount {
    /// A fixed amount, for orders in its currency.
    Amount(Money),
    /// Hundredths of a percent of the items' price.
    BasisPoints(u32),
}

/// What a quote depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuoteInput<'a> {
    /// The items' price.
    pub base: Money,
    /// The amount of the whole order, when it is charged in parts.
    pub total: Option<Money>,
    /// Whether there is a parcel.
    pub product_type: ProductType,
    /// The destination as the country's two letters: where the parcel goes or, without a parcel, the billing
    /// address.
    pub country: Option<&'a str>,
    /// The delivery option that the buyer has chosen, if any.
    pub delivery_option_id: Option<&'a str>,
    /// Whether the question is about that choice: then no other option may be used instead.
    pub is_choosing: bool,
    /// The buyer's coupon codes.
    pub coupon_codes: &'a [String],
}

words! {
    /// Why there is no quote. The words are those with which an event handler answers Amazon's page, as
    /// `reasonCode`: Amazon documents only `unknownError`; `shippingAddressInvalid` is seen in public code,
    /// and the others are this project's (docs/compatibility.md).
    QuoteRefused {
        /// The parcel cannot go there, or the shop registered a different destination.
        ShippingAddressInvalid = "shippingAddressInvalid",
        /// There is no such delivery option, or not for this destination.
        DeliveryOptionUnavailable = "deliveryOptionUnavailable",
        /// There is no such coupon.
        CouponInvalid = "couponInvalid",
        /// The order has changed: it is paid, being paid, canceled, or the shop has changed it.
        CartChanged = "cartChanged",
        /// The shop did not answer in time.
        Timeout = "timeout",
        /// The shop's answer is not a valid quote, or the event lacks what a quote is based on.
        UnknownError = "unknownError",
    }
}

/// Makes a quote from the table.
///
/// The tax is added to the items after the discount and to the delivery, rounded half up to the currency's
/// last digit; a discount takes off at most the whole price of the items.
///
/// # Errors
/// [`QuoteRefused`]: first for the address, then for the choice, then for the coupons; without a parcel
/// [`QuoteRefused::UnknownError`], if the tax depends on a country that is not known. [`Cart::check`] decides
/// whether there is something to charge.
pub fn quote(table: &QuoteTable, asked: &QuoteInput<'_>) -> Result<Cart, QuoteRefused> {
    let base = asked.base;
    let delivery_options = match asked.product_type {
        ProductType::PayAndShip => offered(table, asked)?,
        ProductType::PayOnly if asked.country.is_none() && !table.taxes.is_empty() => {
            return Err(QuoteRefused::UnknownError);
        }
        ProductType::PayOnly => Vec::new(),
    };
    let mut discount: u64 = 0;
    let mut coupons: Vec<Coupon> = Vec::new();
    for code in asked.coupon_codes {
        let is_same = |other: &str| other.eq_ignore_ascii_case(code.trim());
        if coupons.iter().any(|coupon| is_same(&coupon.code)) {
            continue;
        }
        let rate =
            table.coupons.iter().find(|rate| is_same(&rate.code)).ok_or(QuoteRefused::CouponInvalid)?;
        let off = match rate.discount {
            Discount::Amount(amount) if amount.currency() == base.currency() => amount.minor(),
            Discount::Amount(_) => return Err(QuoteRefused::CouponInvalid),
            Discount::BasisPoints(points) => share(base.minor(), points),
        };
        discount = discount.saturating_add(off);
        coupons.push(Coupon { code: rate.code.clone(), is_applied: true, description: None });
    }
    // Nothing below this line may fail.
    let money = |minor| Money::from_minor(minor, base.currency());
    let discount = discount.min(base.minor());
    let chosen = delivery_options.iter().find(|option| option.is_default);
    let shipping = chosen.map_or(0, |option| option.price.minor());
    let taxed = base.minor().saturating_sub(discount).saturating_add(shipping);
    let rate = table
        .taxes
        .iter()
        .find(|rate| asked.country.is_some_and(|country| is_same_country(&rate.country, country)));
    let tax = rate.map_or(0, |rate| share(taxed, rate.basis_points));
    let whole = |base: u64| base.saturating_add(shipping).saturating_add(tax).saturating_sub(discount);
    Ok(Cart {
        base,
        shipping: money(shipping),
        tax: money(tax),
        discount: (discount > 0).then(|| money(discount)),
        charge: money(whole(base.minor())),
        total_order: asked.total.map(|total| money(whole(total.minor()))),
        delivery_options,
        line_items: Vec::new(),
        coupons,
    })
}

/// The delivery options for the country, with the chosen one marked.
fn offered(table: &QuoteTable, asked: &QuoteInput<'_>) -> Result<Vec<DeliveryOption>, QuoteRefused> {
    let currency = asked.base.currency();
    let free = [DeliveryRate {
        id: "standard".to_string(),
        name: "Standard".to_string(),
        price: Money::zero(currency),
        countries: Vec::new(),
        days: None,
    }];
    let rates = if table.deliveries.is_empty() { &free[..] } else { &table.deliveries[..] };
    let country = asked.country.ok_or(QuoteRefused::ShippingAddressInvalid)?;
    let goes_there = |rate: &&DeliveryRate| {
        rate.price.currency() == currency
            && (rate.countries.is_empty() || rate.countries.iter().any(|it| is_same_country(it, country)))
    };
    let rates: Vec<&DeliveryRate> = rates.iter().filter(goes_there).collect();
    let first = rates.first().ok_or(QuoteRefused::ShippingAddressInvalid)?;
    let chosen = rates.iter().find(|rate| asked.delivery_option_id == Some(rate.id.as_str()));
    if asked.is_choosing && chosen.is_none() {
        return Err(QuoteRefused::DeliveryOptionUnavailable);
    }
    let chosen = chosen.unwrap_or(first).id.as_str();
    let option = |rate: &&DeliveryRate| DeliveryOption {
        id: rate.id.clone(),
        price: rate.price,
        name: rate.name.clone(),
        code: None,
        is_default: rate.id == chosen,
        estimate: rate.days.map(|value| Estimate { value, unit: TimeUnit::DAY }).into_iter().collect(),
    };
    Ok(rates.iter().map(option).collect())
}

fn is_same_country(one: &str, other: &str) -> bool {
    one.trim().eq_ignore_ascii_case(other.trim())
}

/// Basis points of an amount, rounded half up.
fn share(minor: u64, basis_points: u32) -> u64 {
    let product = u128::from(minor).saturating_mul(u128::from(basis_points));
    let rounded = product.saturating_add(u128::from(WHOLE / 2)).checked_div(u128::from(WHOLE)).unwrap_or(0);
    u64::try_from(rounded).unwrap_or(u64::MAX)
}

/// Why a cart cannot become the order's terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotQuotable {
    /// The cart breaks a rule of carts.
    Cart(CartRefused),
    /// The order is charged in parts, and the cart does not name the total.
    TotalMissing,
}

impl NotQuotable {
    /// The member that breaks the rule.
    #[must_use]
    pub const fn field(self) -> &'static str {
        match self {
            Self::Cart(refused) => refused.field(),
            Self::TotalMissing => "totalOrderAmount",
        }
    }
}

/// The terms that a quote makes: its amounts, and what is known of the address that it was computed for.
///
/// # Errors
/// The first broken rule. An order that was registered without a total may get one: then it is charged in
/// parts. An order that has a total must name it again, since Amazon keeps the last total that it received.
pub fn quoted_terms(
    registered: &Terms,
    cart: &Cart,
    address: Option<&Address>,
    options: DeliveryOptions,
) -> Result<Terms, NotQuotable> {
    cart.check(registered.charge_amount.currency(), registered.product_type, options)
        .map_err(NotQuotable::Cart)?;
    if registered.total_order_amount.is_some() && cart.total_order.is_none() {
        return Err(NotQuotable::TotalMissing);
    }
    // Nothing below this line may fail.
    Ok(Terms {
        charge_amount: cart.charge,
        total_order_amount: cart.total_order,
        quoted_address: Some(address.cloned().unwrap_or_default()),
        ..registered.clone()
    })
}

/// Whether an address, as far as the event reports it, is the destination that the shop registered, in the
/// members that `priced` names. If the shop registered no destination, every address is accepted.
#[must_use]
pub fn goes_where_registered(registered: &Terms, address: &Address, priced: AddressMembers) -> bool {
    registered.shipping_address.as_ref().is_none_or(|ours| address.contradiction(ours, priced).is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Currency;
    use crate::terms::{MerchantMetadata, PaymentIntent};
    use alloc::format;
    use alloc::vec;
    use proptest::prelude::*;

    fn eur(minor: u64) -> Money {
        Money::from_minor(minor, Currency::EUR)
    }

    fn delivery(id: &str, price: Money, countries: &[&str]) -> DeliveryRate {
        let countries = countries.iter().map(ToString::to_string).collect();
        DeliveryRate { id: id.to_string(), name: id.to_uppercase(), price, countries, days: Some(2) }
    }

    fn table() -> QuoteTable {
        let coupon = |code: &str, discount| CouponRate { code: code.to_string(), discount };
        QuoteTable {
            deliveries: vec![
                delivery("standard", eur(490), &["DE", "AT"]),
                delivery("express", eur(990), &["DE"]),
                delivery("abroad", eur(1_990), &[]),
                delivery("yen", Money::from_minor(500, Currency::JPY), &[]),
            ],
            taxes: vec![TaxRate { country: "DE".to_string(), basis_points: 1_900 }],
            coupons: vec![
                coupon("SPRING", Discount::BasisPoints(1_000)),
                coupon("FIVE", Discount::Amount(eur(500))),
                coupon("YEN", Discount::Amount(Money::from_minor(5, Currency::JPY))),
                coupon("ALL", Discount::BasisPoints(10_000)),
            ],
        }
    }

    fn asked<'a>(country: &'a str, option: Option<&'a str>, codes: &'a [String]) -> QuoteInput<'a> {
        QuoteInput {
            base: eur(2_000),
            total: None,
            product_type: ProductType::PayAndShip,
            country: Some(country),
            delivery_option_id: option,
            is_choosing: false,
            coupon_codes: codes,
        }
    }

    /// base + shipping + tax − discount = charge, then the options, the chosen one first.
    fn told(cart: &Cart) -> String {
        let discount = cart.discount.map_or("0".to_string(), Money::amount);
        let mut options: Vec<_> = cart.delivery_options.iter().collect();
        options.sort_by_key(|option| !option.is_default);
        let options: Vec<&str> = options.iter().map(|option| option.id.as_str()).collect();
        let [base, shipping, tax, charge] =
            [cart.base, cart.shipping, cart.tax, cart.charge].map(Money::amount);
        format!("{base} + {shipping} + {tax} - {discount} = {charge}: {}", options.join(" "))
    }

    #[test]
    fn a_table_makes_these_quotes() {
        let codes = |codes: &[&str]| codes.iter().map(ToString::to_string).collect::<Vec<_>>();
        for (country, option, coupons, expected) in [
            ("DE", None, &[][..], "20.00 + 4.90 + 4.73 - 0 = 29.63: standard express abroad"),
            ("de", Some("express"), &[], "20.00 + 9.90 + 5.68 - 0 = 35.58: express standard abroad"),
            ("AT", Some("express"), &[], "20.00 + 4.90 + 0.00 - 0 = 24.90: standard abroad"),
            ("US", None, &[], "20.00 + 19.90 + 0.00 - 0 = 39.90: abroad"),
            ("AT", None, &["spring"], "20.00 + 4.90 + 0.00 - 2.00 = 22.90: standard abroad"),
            ("DE", None, &["FIVE"], "20.00 + 4.90 + 3.78 - 5.00 = 23.68: standard express abroad"),
            (
                "AT",
                None,
                &["FIVE", "SPRING", " five "],
                "20.00 + 4.90 + 0.00 - 7.00 = 17.90: standard abroad",
            ),
            ("AT", None, &["FIVE", "ALL"], "20.00 + 4.90 + 0.00 - 20.00 = 4.90: standard abroad"),
        ] {
            let codes = codes(coupons);
            let cart = quote(&table(), &asked(country, option, &codes)).unwrap();
            assert_eq!(told(&cart), expected, "{country} {option:?} {coupons:?}");
            assert_eq!(cart.check(Currency::EUR, ProductType::PayAndShip, DeliveryOptions::Required), Ok(()));
        }
    }

    #[test]
    fn what_the_table_does_not_have_is_refused() {
        let (unknown, yen) = (["NONE".to_string()], ["YEN".to_string()]);
        let only_germany =
            QuoteTable { deliveries: vec![delivery("standard", eur(490), &["DE"])], ..table() };
        let choosing = QuoteInput { is_choosing: true, ..asked("AT", Some("express"), &[]) };
        let nowhere = QuoteInput { country: None, ..asked("DE", None, &[]) };
        for (table, asked, refused) in [
            (&table(), asked("DE", None, &unknown), QuoteRefused::CouponInvalid),
            (&table(), asked("DE", None, &yen), QuoteRefused::CouponInvalid),
            (&table(), choosing, QuoteRefused::DeliveryOptionUnavailable),
            (&only_germany, asked("AT", None, &[]), QuoteRefused::ShippingAddressInvalid),
            (&table(), nowhere, QuoteRefused::ShippingAddressInvalid),
        ] {
            assert_eq!(quote(table, &asked), Err(refused));
            assert_eq!(QuoteRefused::parse(refused.as_str()), Some(refused));
        }
        assert_eq!(QuoteRefused::parse("none"), None);
    }

    #[test]
    fn without_a_table_the_registered_amount_is_the_whole_price() {
        let table = QuoteTable::default();
        let cart = quote(&table, &asked("FR", None, &[])).unwrap();
        assert_eq!(told(&cart), "20.00 + 0.00 + 0.00 - 0 = 20.00: standard");
        let only = QuoteInput { product_type: ProductType::PayOnly, country: None, ..asked("", None, &[]) };
        assert_eq!(told(&quote(&table, &only).unwrap()), "20.00 + 0.00 + 0.00 - 0 = 20.00: ");
        let in_parts = QuoteInput { total: Some(eur(5_000)), ..asked("DE", None, &[]) };
        assert_eq!(quote(&self::table(), &in_parts).unwrap().total_order, Some(eur(5_963)));
    }

    #[test]
    fn a_half_of_the_last_digit_is_rounded_up() {
        for (minor, points, expected) in
            [(50, 100, 1), (49, 100, 0), (150, 100, 2), (1, 10_000, 1), (0, 1_900, 0), (1_000, 775, 78)]
        {
            assert_eq!(share(minor, points), expected, "{minor} {points}");
        }
        let yen = |minor| Money::from_minor(minor, Currency::JPY);
        let table = QuoteTable {
            taxes: vec![TaxRate { country: "JP".to_string(), basis_points: 1_000 }],
            ..QuoteTable::default()
        };
        let cart = quote(&table, &QuoteInput { base: yen(1_005), ..asked("JP", None, &[]) }).unwrap();
        assert_eq!((cart.tax, cart.charge), (yen(101), yen(1_106)));
    }

    fn terms() -> Terms {
        Terms {
            product_type: ProductType::PayAndShip,
            payment_intent: PaymentIntent::Authorize,
            can_handle_pending_authorization: false,
            charge_amount: eur(2_000),
            total_order_amount: None,
            supplementary_data: None,
            merchant_metadata: MerchantMetadata::default(),
            shipping_address: None,
            quoted_address: None,
        }
    }

    #[test]
    fn a_quote_becomes_the_terms_with_the_address_it_was_computed_for() {
        let address = Address { country_code: Some("DE".to_string()), ..Address::default() };
        let cart = quote(&table(), &asked("DE", None, &[])).unwrap();
        let quoted =
            |terms: &Terms, cart: &Cart| quoted_terms(terms, cart, Some(&address), DeliveryOptions::Required);
        let expected = Terms { charge_amount: eur(2_963), quoted_address: Some(address.clone()), ..terms() };
        assert_eq!(quoted(&terms(), &cart), Ok(expected));
        let only = Terms { product_type: ProductType::PayOnly, ..terms() };
        let without = Cart { delivery_options: Vec::new(), ..cart.clone() };
        assert_eq!(quoted(&only, &without).unwrap().quoted_address, Some(address.clone()));

        let in_parts = Terms { total_order_amount: Some(eur(9_000)), ..terms() };
        let refused = quoted(&in_parts, &cart).unwrap_err();
        assert_eq!((refused, refused.field()), (NotQuotable::TotalMissing, "totalOrderAmount"));
        let other = Cart { charge: eur(2_964), ..cart };
        assert_eq!(quoted(&terms(), &other).unwrap_err().field(), "totalChargeAmount");
    }

    #[test]
    fn an_address_that_was_registered_is_the_only_one() {
        let to = |country: &str| Address { country_code: Some(country.to_string()), ..Address::default() };
        let registered = Terms { shipping_address: Some(to("DE")), ..terms() };
        assert!(goes_where_registered(&registered, &to(" DE "), AddressMembers::PRICED));
        assert!(!goes_where_registered(&registered, &to("AT"), AddressMembers::PRICED));
        assert!(goes_where_registered(&terms(), &to("AT"), AddressMembers::PRICED));
    }

    proptest! {
        #[test]
        fn every_quote_of_a_table_adds_up(
            minor in 1..20_000_000_u64, shipping in 0..100_000_u64, points in 0..20_000_u32, off in 0..20_000_u32,
        ) {
            let mut table = table();
            table.deliveries[0].price = eur(shipping);
            table.taxes[0].basis_points = points;
            table.coupons[0].discount = Discount::BasisPoints(off);
            let codes = ["SPRING".to_string()];
            let cart = quote(&table, &QuoteInput { base: eur(minor), ..asked("DE", None, &codes) }).unwrap();
            let checked = cart.check(Currency::EUR, ProductType::PayAndShip, DeliveryOptions::Required);
            let is_fine = matches!(
                checked, Ok(()) | Err(CartRefused::NothingToCharge | CartRefused::AboveMaximum)
            );
            prop_assert!(is_fine, "{checked:?}");
        }
    }
}
