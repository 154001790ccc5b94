//! CartDetails: what a button's event handlers answer to Amazon's page, whether a cart or a
//! refusal.

use countersign_domain::cart::{self, Cart, Coupon, Estimate, TimeUnit};
use countersign_domain::money::Money;

use super::{Integer, Json, Price, Word};
use crate::object;

/// The longest id and text in a cart, in characters. Amazon documents none.
const MAX_TEXT_LEN: usize = 255;

object! {
    /// What the order costs and what the buyer can choose; or, with a `status` of `error`, why there is no
    /// answer.
    pub struct CartDetails {
        /// `error` if there is a reason code instead of a cart.
        status: String = "status" [..=32],
        reason_code: String = "reasonCode" [..=64],
        delivery_options: Vec<DeliveryOption> = "deliveryOptions",
        total_shipping_amount: Price = "totalShippingAmount",
        total_base_amount: Price = "totalBaseAmount",
        total_tax_amount: Price = "totalTaxAmount",
        total_charge_amount: Price = "totalChargeAmount",
        total_discount_amount: Price = "totalDiscountAmount",
        total_order_amount: Price = "totalOrderAmount",
        line_items: Vec<LineItem> = "lineItems",
        coupon_codes: Vec<CouponCode> = "couponCodes",
        /// The page shows this member and does not interpret it; the same is true of the members
        /// after it.
        gift_details: Json = "giftDetails",
        add_on_features: Json = "addOnFeatures",
        address_display_type: Json = "addressDisplayType",
        merchant_points: Json = "merchantPoints",
    }
}

object! {
    /// A way in which the parcel can be delivered.
    pub struct DeliveryOption {
        id: String = "id" [..=MAX_TEXT_LEN],
        price: Price = "price",
        shipping_method: ShippingMethod = "shippingMethod",
        is_default: bool = "isDefault",
        shipping_estimate: Vec<EstimationDetails> = "shippingEstimate",
        /// Its members are not documented.
        date_time_window: Json = "dateTimeWindow",
    }
}

object! {
    /// How a parcel is shipped.
    pub struct ShippingMethod {
        shipping_method_name: String = "shippingMethodName" [..=MAX_TEXT_LEN],
        shipping_method_code: String = "shippingMethodCode" [..=MAX_TEXT_LEN],
    }
}

object! {
    /// How long a delivery takes.
    pub struct EstimationDetails {
        time_unit: Word<TimeUnit> = "timeUnit",
        value: Integer = "value",
    }
}

object! {
    /// One line of the order.
    pub struct LineItem {
        id: String = "id" [..=MAX_TEXT_LEN],
        title: String = "title" [..=MAX_TEXT_LEN],
        variant_title: String = "variantTitle" [..=MAX_TEXT_LEN],
        /// A string, according to Amazon's reference.
        quantity: String = "quantity" [..=10],
        list_price: Price = "listPrice",
        total_list_price: Price = "totalListPrice",
        discounted_price: Price = "discountedPrice",
        /// Its members are not documented.
        item_properties: Json = "itemProperties",
    }
}

object! {
    /// A coupon code and its result.
    pub struct CouponCode {
        code: String = "code" [..=64],
        /// `applied`; with any other value the coupon does not count.
        status: String = "status" [..=32],
        description: String = "description" [..=MAX_TEXT_LEN],
    }
}

/// Why CartDetails are not a valid cart: a member is absent or invalid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoCart {
    /// The member is absent.
    Missing(&'static str),
    /// The member is invalid; the text says why.
    Invalid(&'static str, &'static str),
}

impl NoCart {
    /// The member.
    #[must_use]
    pub const fn field(self) -> &'static str {
        match self {
            Self::Missing(member) | Self::Invalid(member, _) => member,
        }
    }
}

/// A list, which is absent if it is empty.
fn list<'a, T, M: From<&'a T>>(elements: &'a [T]) -> Option<Vec<M>> {
    (!elements.is_empty()).then(|| elements.iter().map(M::from).collect())
}

impl From<&Cart> for CartDetails {
    /// A cart as an event handler answers it.
    fn from(cart: &Cart) -> Self {
        Self {
            delivery_options: list(&cart.delivery_options),
            total_shipping_amount: Some(cart.shipping.into()),
            total_base_amount: Some(cart.base.into()),
            total_tax_amount: Some(cart.tax.into()),
            total_charge_amount: Some(cart.charge.into()),
            total_discount_amount: cart.discount.map(Into::into),
            total_order_amount: cart.total_order.map(Into::into),
            line_items: list(&cart.line_items),
            coupon_codes: list(&cart.coupons),
            ..Self::default()
        }
    }
}

impl From<&cart::DeliveryOption> for DeliveryOption {
    fn from(option: &cart::DeliveryOption) -> Self {
        Self {
            id: Some(option.id.clone()),
            price: Some(option.price.into()),
            shipping_method: Some(ShippingMethod {
                shipping_method_name: Some(option.name.clone()),
                shipping_method_code: option.code.clone(),
                ..ShippingMethod::default()
            }),
            is_default: Some(option.is_default),
            shipping_estimate: list(&option.estimate),
            ..Self::default()
        }
    }
}

impl From<&Estimate> for EstimationDetails {
    fn from(estimate: &Estimate) -> Self {
        let (time_unit, value) = (Some(Word::from(estimate.unit)), Some(Integer(estimate.value)));
        Self { time_unit, value, ..Self::default() }
    }
}

impl From<&cart::LineItem> for LineItem {
    fn from(line: &cart::LineItem) -> Self {
        Self {
            id: Some(line.id.clone()),
            title: Some(line.title.clone()),
            variant_title: line.variant_title.clone(),
            quantity: Some(line.quantity.to_string()),
            list_price: Some(line.list_price.into()),
            total_list_price: Some(line.total_list_price.into()),
            discounted_price: line.discounted_price.map(Into::into),
            ..Self::default()
        }
    }
}

impl From<&Coupon> for CouponCode {
    fn from(coupon: &Coupon) -> Self {
        let status = if coupon.is_applied { "applied" } else { "rejected" };
        Self {
            code: Some(coupon.code.clone()),
            status: Some(status.to_owned()),
            description: coupon.description.clone(),
            ..Self::default()
        }
    }
}

fn amount(price: &Option<Price>) -> Option<Money> {
    price.as_ref().map(|price| price.money)
}

fn price(price: &Option<Price>, member: &'static str) -> Result<Money, NoCart> {
    amount(price).ok_or(NoCart::Missing(member))
}

fn elements<M, T>(list: &Option<Vec<M>>, read: fn(&M) -> Result<T, NoCart>) -> Result<Vec<T>, NoCart> {
    list.iter().flatten().map(read).collect()
}

fn text(text: &Option<String>, member: &'static str) -> Result<String, NoCart> {
    match text {
        Some(text) if !text.is_empty() => Ok(text.clone()),
        Some(_) => Err(NoCart::Invalid(member, "it is empty")),
        None => Err(NoCart::Missing(member)),
    }
}

impl CartDetails {
    /// The error code, if these CartDetails report an error.
    #[must_use]
    pub fn refusal(&self) -> Option<&str> {
        let status = self.status.as_deref()?;
        (status == "error").then(|| self.reason_code.as_deref().unwrap_or("unknownError"))
    }

    /// The cart, with every required member. [`Cart::check`] decides whether its amounts agree.
    ///
    /// # Errors
    /// The first member that is absent or is not a value of its kind.
    pub fn cart(&self) -> Result<Cart, NoCart> {
        Ok(Cart {
            base: price(&self.total_base_amount, "totalBaseAmount")?,
            shipping: price(&self.total_shipping_amount, "totalShippingAmount")?,
            tax: price(&self.total_tax_amount, "totalTaxAmount")?,
            discount: amount(&self.total_discount_amount),
            charge: price(&self.total_charge_amount, "totalChargeAmount")?,
            total_order: amount(&self.total_order_amount),
            delivery_options: elements(&self.delivery_options, DeliveryOption::read)?,
            line_items: elements(&self.line_items, LineItem::read)?,
            coupons: elements(&self.coupon_codes, CouponCode::read)?,
        })
    }
}

impl DeliveryOption {
    fn read(&self) -> Result<cart::DeliveryOption, NoCart> {
        let method = self.shipping_method.as_ref();
        let method = method.ok_or(NoCart::Missing("deliveryOptions.shippingMethod"))?;
        Ok(cart::DeliveryOption {
            id: text(&self.id, "deliveryOptions.id")?,
            price: price(&self.price, "deliveryOptions.price")?,
            name: text(&method.shipping_method_name, "deliveryOptions.shippingMethod.shippingMethodName")?,
            code: method.shipping_method_code.clone(),
            is_default: self.is_default.ok_or(NoCart::Missing("deliveryOptions.isDefault"))?,
            estimate: elements(&self.shipping_estimate, EstimationDetails::read)?,
        })
    }
}

impl EstimationDetails {
    fn read(&self) -> Result<Estimate, NoCart> {
        let unit = self.time_unit.as_ref().and_then(Word::known);
        let value = self.value.ok_or(NoCart::Missing("deliveryOptions.shippingEstimate.value"))?;
        Ok(Estimate {
            value: value.0,
            unit: unit.ok_or(NoCart::Missing("deliveryOptions.shippingEstimate.timeUnit"))?,
        })
    }
}

impl LineItem {
    fn read(&self) -> Result<cart::LineItem, NoCart> {
        const QUANTITY: &str = "lineItems.quantity";
        let quantity = text(&self.quantity, QUANTITY)?;
        let quantity = quantity.parse().ok().filter(|quantity| *quantity > 0);
        Ok(cart::LineItem {
            id: text(&self.id, "lineItems.id")?,
            title: text(&self.title, "lineItems.title")?,
            variant_title: self.variant_title.clone(),
            quantity: quantity.ok_or(NoCart::Invalid(QUANTITY, "it is not a whole number above zero"))?,
            list_price: price(&self.list_price, "lineItems.listPrice")?,
            total_list_price: price(&self.total_list_price, "lineItems.totalListPrice")?,
            discounted_price: amount(&self.discounted_price),
        })
    }
}

impl CouponCode {
    fn read(&self) -> Result<Coupon, NoCart> {
        Ok(Coupon {
            code: text(&self.code, "couponCodes.code")?,
            is_applied: self.status.as_deref() == Some("applied"),
            description: self.description.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Object as _, Spellings, read_request};

    const CART: &str = r#"{"deliveryOptions":[{"id":"s","price":{"amount":"5.00","currencyCode":"USD"},
        "shippingMethod":{"shippingMethodName":"Standard","shippingMethodCode":"std"},"isDefault":true,
        "shippingEstimate":[{"timeUnit":"DAY","value":2},{"timeUnit":"WEEK","value":"1"}]}],
        "totalShippingAmount":{"amount":"5.00","currencyCode":"USD"},
        "totalBaseAmount":{"amount":"20.00","currencyCode":"USD"},
        "totalTaxAmount":{"amount":"0.00","currencyCode":"USD"},
        "totalChargeAmount":{"amount":"25.00","currencyCode":"USD"},
        "lineItems":[{"id":"cup","title":"A cup","quantity":"2","listPrice":{"amount":"10.00","currencyCode":"USD"},
        "totalListPrice":{"amount":"20.00","currencyCode":"USD"}}],
        "couponCodes":[{"code":"SPRING","status":"applied"}],"giftDetails":{"wrap":[1]}}"#;

    fn read(text: &str) -> CartDetails {
        read_request(text.as_bytes(), Spellings::Every).unwrap()
    }

    #[test]
    fn a_cart_is_read_as_the_reference_shows_it() {
        let details = read(CART);
        assert_eq!(details.refusal(), None);
        let cart = details.cart().unwrap();
        assert_eq!((cart.charge.to_string().as_str(), cart.discount), ("25.00 USD", None));
        let [option] = &cart.delivery_options[..] else { panic!("expected one delivery option") };
        assert_eq!((option.name.as_str(), option.is_default), ("Standard", true));
        assert_eq!(option.estimate[1], Estimate { value: 1, unit: TimeUnit::WEEK });
        assert_eq!((cart.line_items[0].quantity, cart.coupons[0].is_applied), (2, true));
    }

    #[test]
    fn what_is_absent_or_no_value_of_its_kind_is_named() {
        for (gone, by, field) in [
            ("totalBaseAmount", "x", NoCart::Missing("totalBaseAmount")),
            ("totalShippingAmount", "x", NoCart::Missing("totalShippingAmount")),
            ("totalTaxAmount", "x", NoCart::Missing("totalTaxAmount")),
            ("totalChargeAmount", "x", NoCart::Missing("totalChargeAmount")),
        ] {
            let text = CART.replace(&format!("\"{gone}\":"), &format!("\"{by}{gone}\":"));
            assert!(read_request::<CartDetails>(text.as_bytes(), Spellings::Every).is_err(), "unknown");
            let mut details = read(CART);
            match gone {
                "totalBaseAmount" => details.total_base_amount = None,
                "totalShippingAmount" => details.total_shipping_amount = None,
                "totalTaxAmount" => details.total_tax_amount = None,
                _ => details.total_charge_amount = None,
            }
            assert_eq!(details.cart(), Err(field));
        }
        for (from, to, field) in [
            (r#""id":"s""#, r#""id":"""#, "deliveryOptions.id"),
            (r#","isDefault":true"#, "", "deliveryOptions.isDefault"),
            (r#""shippingMethodName":"Standard","#, "", "deliveryOptions.shippingMethod.shippingMethodName"),
            (r#""timeUnit":"DAY","#, "", "deliveryOptions.shippingEstimate.timeUnit"),
            (r#""quantity":"2""#, r#""quantity":"0""#, "lineItems.quantity"),
            (r#""quantity":"2""#, r#""quantity":"2.5""#, "lineItems.quantity"),
            (r#""title":"A cup","#, "", "lineItems.title"),
            (r#""code":"SPRING","#, "", "couponCodes.code"),
        ] {
            assert!(CART.contains(from), "{from}");
            assert_eq!(read(&CART.replacen(from, to, 1)).cart().unwrap_err().field(), field);
        }
    }

    #[test]
    fn a_cart_is_written_as_it_is_read_its_estimates_as_numbers() {
        let mut cart = read(CART).cart().unwrap();
        let written = CartDetails::from(&cart).to_request();
        assert!(written.contains(r#""shippingEstimate":[{"timeUnit":"DAY","value":2}"#), "{written}");
        assert_eq!(read(&written).cart().as_ref(), Ok(&cart));
        cart.coupons[0].is_applied = false;
        cart.discount = Some(cart.tax);
        assert_eq!(read(&CartDetails::from(&cart).to_request()).cart(), Ok(cart));
    }

    #[test]
    fn a_handler_that_refuses_says_so_by_a_code() {
        let refused = read(r#"{"status":"error","reasonCode":"shippingAddressInvalid"}"#);
        assert_eq!(refused.refusal(), Some("shippingAddressInvalid"));
        assert_eq!(read(r#"{"status":"error"}"#).refusal(), Some("unknownError"));
    }
}
