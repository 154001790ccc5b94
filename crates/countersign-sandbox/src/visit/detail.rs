//! The events that the shop's page is asked with, as JSON. They have the members that Amazon's
//! handlers receive.

use countersign_domain::address::Address;
use countersign_domain::provider::buyer::Buyer;
use countersign_domain::provider::checkout_session::{CheckoutSession, CheckoutSessionState};
use countersign_protocol::wire::{self, Object as _};
use serde_json::{Value, json};

use super::words::{Handler, Scope};
use super::{Choice, Visit};

/// The event of a handler; `None` if the visit has no buyer, or nothing that the event could be
/// about.
pub(super) fn for_handler(
    visit: &Visit,
    session: &CheckoutSession,
    handler: Handler,
    choice: &Choice,
) -> Option<String> {
    let CheckoutSessionState::Open { buyer: Some(buyer), .. } = &session.state else {
        // The merchant has finalized already, and the shop's page is asked once more.
        let id = session.id.as_str();
        let is_over = handler == Handler::CompleteCheckout;
        return is_over.then(|| json!({"amazonCheckoutSessionId": id}).to_string());
    };
    let coupon_codes = match choice {
        Choice::Coupons(codes) => codes,
        _ => &visit.coupon_codes,
    };
    let event = match handler {
        Handler::InitCheckout => {
            let mut event = json!({
                "buyer": shared(buyer, &visit.scopes),
                "shippingAddress": address(buyer.shipping_address.as_ref()),
                "billingAddress": address(buyer.billing_address.as_ref()),
                "scopes": visit.scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>(),
                "checkoutLanguage": visit.language.as_str(),
            });
            // Left out at the start, when there are no codes: Amazon's own event then has no such
            // member.
            if let (Choice::Coupons(codes), Some(members)) = (choice, event.as_object_mut()) {
                members.insert("couponCodes".to_owned(), json!(codes));
            }
            event
        }
        Handler::ShippingAddressSelection => {
            let chosen = match choice {
                Choice::Address(place) => Some(visit.addresses.get(*place)?),
                _ => buyer.shipping_address.as_ref(),
            };
            json!({"shippingAddress": address(chosen), "couponCodes": coupon_codes})
        }
        Handler::DeliveryOptionSelection => {
            let id = match choice {
                Choice::DeliveryOption(id) => id,
                _ => visit.delivery_option.as_ref()?,
            };
            let cart = visit.read_cart()?;
            let option = cart.delivery_options.into_iter().find(|option| option.id == *id)?;
            json!({
                "deliveryOptions": {
                    "id": option.id,
                    "displayName": option.name,
                    "amount": {
                        "amount": option.price.amount(),
                        "currencyCode": option.price.currency().as_str(),
                    },
                },
                "couponCodes": coupon_codes,
            })
        }
        Handler::GiftWrapOptionSelection => {
            let Choice::Gift(gift) = choice else { return None };
            json!({
                "giftDetails": {"giftWrap": gift.is_wrapped, "giftMessage": gift.message},
                "couponCodes": coupon_codes,
            })
        }
        Handler::MerchantManagedPaymentMethodSelection => {
            let Choice::Points(points) = choice else { return None };
            // The number of points is a text, like the quantity of a line.
            json!({"merchantPoints": {"points": points.to_string()}, "couponCodes": coupon_codes})
        }
        Handler::CompleteCheckout => json!({
            "amazonCheckoutSessionId": session.id.as_str(),
            "shippingAddress": address(buyer.shipping_address.as_ref()),
            "billingAddress": address(buyer.billing_address.as_ref()),
            "paymentDescriptor": buyer.card.descriptor(),
        }),
        Handler::Cancel | Handler::Error => return None,
    };
    Some(event.to_string())
}

/// The buyer's own data, as far as they agreed to share it.
fn shared(buyer: &Buyer, scopes: &[Scope]) -> Value {
    let if_asked = |scope: Scope, text: &Option<String>| text.clone().filter(|_| scopes.contains(&scope));
    json!({
        "buyerId": buyer.id.as_str(),
        "name": if_asked(Scope::Name, &buyer.name),
        "email": if_asked(Scope::Email, &buyer.email),
        "phoneNumber": if_asked(Scope::PhoneNumber, &buyer.phone_number),
    })
}

fn address(address: Option<&Address>) -> Value {
    match address {
        Some(address) => {
            let json = wire::Address::from(address.clone()).to_answer();
            // This never fails: the text was just written as JSON.
            serde_json::from_str(&json).unwrap_or(Value::Null)
        }
        None => Value::Null,
    }
}
