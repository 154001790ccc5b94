//! Request bodies that concern a checkout: how it begins, and what the buyer does in it.

use countersign_domain::address::Address;
use countersign_domain::ids::{BuyerId, CheckoutSessionId, Environment, PublicKeyId, Region};
use countersign_domain::money::{Currency, Money};
use countersign_domain::provider::buyer::Card;
use countersign_domain::provider::checkout_session::{
    BuyerAct, CheckoutSession, CheckoutSessionState, Flow, Owner, ResponseDetail, SessionRefused, SessionStep,
};
use countersign_domain::provider::payment_details::PaymentDetails;
use countersign_domain::terms::{PaymentIntent, ProductType};
use countersign_domain::time::Timestamp;
use countersign_http::Parameter;
use countersign_protocol::object;
use countersign_protocol::wire::{
    Address as WireAddress, MAX_SUPPLEMENTARY_DATA_LEN, MerchantMetadata as WireMetadata, Price, Spellings,
    Word, read_request,
};

use super::errors::ControlRefused;
use crate::book::checkout::Checkout;
use crate::book::refused::BookRefused;
use crate::calls::reading::known;
use crate::merchants::{Merchants, RegisteredKey};
use crate::settings::Settings;
use crate::visit::test_buyer::{self, bill_to_the_card, test_buyer};

/// The longest word in these bodies, with a margin.
const MAX_WORD_LEN: usize = 64;
/// The longest id of a delivery option, and the longest text about a buyer, in characters.
const MAX_TEXT_LEN: usize = 255;

object! {
    struct StartPayment {
        payment_intent: Word<PaymentIntent> = "paymentIntent",
        can_handle_pending_authorization: bool = "canHandlePendingAuthorization",
        charge_amount: Price = "chargeAmount",
        total_order_amount: Price = "totalOrderAmount",
        allow_overcharge: bool = "allowOvercharge",
        extend_expiration: bool = "extendExpiration",
        soft_descriptor: String = "softDescriptor" [..=16],
    }
}

object! {
    struct StartBuyer {
        buyer_id: BuyerId = "buyerId",
        name: String = "name" [..=MAX_TEXT_LEN],
        email: String = "email" [..=MAX_TEXT_LEN],
        phone_number: String = "phoneNumber" [..=MAX_TEXT_LEN],
    }
}

object! {
    struct StartCheckout {
        public_key_id: PublicKeyId = "publicKeyId",
        environment: String = "environment" [..=MAX_WORD_LEN],
        region: String = "region" [..=MAX_WORD_LEN],
        product_type: Word<ProductType> = "productType",
        payment_details: StartPayment = "paymentDetails",
        supplementary_data: String = "supplementaryData" [..=MAX_SUPPLEMENTARY_DATA_LEN],
        merchant_metadata: WireMetadata = "merchantMetadata",
        shipping_address: WireAddress = "shippingAddress",
        billing_address: WireAddress = "billingAddress",
        buyer: StartBuyer = "buyer",
        card: String = "card" [..=MAX_WORD_LEN],
        placed: bool = "placed",
        response_detail: String = "responseDetail" [..=MAX_WORD_LEN],
    }
}

object! {
    struct ActBody {
        action: String = "action" [..=MAX_WORD_LEN],
        shipping_address: WireAddress = "shippingAddress",
        delivery_option: String = "deliveryOption" [..=MAX_TEXT_LEN],
        card: String = "card" [..=MAX_WORD_LEN],
    }
}

/// `POST /_sandbox/checkout-sessions`.
pub(super) fn start(
    body: &[u8],
    merchants: &Merchants,
    settings: &Settings,
) -> Result<(Checkout, Option<BuyerAct>), ControlRefused> {
    let request: StartCheckout = read_request(body, Spellings::Every)?;
    let owner = owner(request.public_key_id.as_ref(), request.environment.as_deref(), merchants)?;
    let product_type = known(request.product_type).ok_or_else(|| ControlRefused::missing("productType"))?;
    let details = request.payment_details.ok_or_else(|| ControlRefused::missing("paymentDetails"))?;
    let intent = known(details.payment_intent);
    let amount: Option<Money> = details.charge_amount.map(Into::into);
    let payment = PaymentDetails {
        payment_intent: Some(intent.ok_or_else(|| ControlRefused::missing("paymentDetails.paymentIntent"))?),
        can_handle_pending_authorization: details.can_handle_pending_authorization.unwrap_or(false),
        charge_amount: Some(amount.ok_or_else(|| ControlRefused::missing("paymentDetails.chargeAmount"))?),
        total_order_amount: details.total_order_amount.map(Into::into),
        soft_descriptor: details.soft_descriptor,
        presentment_currency: None,
        allow_overcharge: details.allow_overcharge.unwrap_or(false),
        extend_expiration: details.extend_expiration.unwrap_or(false),
        estimate_order_total: None,
    };
    let currency = payment.charge_amount.map_or(Currency::USD, Money::currency);
    let region = region(request.region.as_deref(), currency)?;
    payment.check(region).map_err(BookRefused::from)?;
    if product_type == ProductType::PayOnly && request.shipping_address.is_some() {
        return Err(ControlRefused::combination("shippingAddress", "a PayOnly checkout ships nothing"));
    }
    let mut buyer = test_buyer(region, product_type);
    if let Some(digits) = request.card {
        let usual = std::mem::replace(&mut buyer.card, card(&digits)?);
        bill_to_the_card(&mut buyer, usual, region);
    }
    if let Some(given) = request.buyer {
        buyer.id = given.buyer_id.unwrap_or(buyer.id);
        (buyer.name, buyer.email, buyer.phone_number) = (given.name, given.email, given.phone_number);
    }
    buyer.shipping_address = request.shipping_address.map(Address::from).or(buyer.shipping_address);
    buyer.billing_address = request.billing_address.map(Address::from).or(buyer.billing_address);
    let response_detail = match request.response_detail.as_deref() {
        None => settings.flags.response_detail,
        Some("short") => ResponseDetail::Short,
        Some("full") => ResponseDetail::Full,
        Some(_) => return Err(ControlRefused::not_one_of("responseDetail", ["short", "full"])),
    };
    let new = Checkout::about_to_begin(owner, region, Flow::BuyNow, product_type, response_detail);
    let session = CheckoutSession {
        payment,
        supplementary_data: request.supplementary_data,
        merchant_metadata: request.merchant_metadata.map(Into::into).unwrap_or_default(),
        state: CheckoutSessionState::Open {
            buyer: Some(Box::new(buyer)),
            placed_at: None,
            mfa_started_at: None,
        },
        ..new.session
    };
    let then = (request.placed == Some(true)).then_some(BuyerAct::PlaceOrder);
    Ok((Checkout { session, ..new }, then))
}

impl Parameter<ControlRefused> for CheckoutSessionId {
    fn from_segment(segment: &str) -> Result<Self, ControlRefused> {
        Self::parse(segment).map_err(|_| ControlRefused::not_found("Checkout Session"))
    }
}

/// A key that a body names.
pub(super) fn key<'a>(
    id: &PublicKeyId,
    merchants: &'a Merchants,
) -> Result<&'a RegisteredKey, ControlRefused> {
    merchants.key(id).ok_or_else(|| ControlRefused::invalid("publicKeyId", "the sandbox has no such key"))
}

/// The checkout's owner: the key's account, in the environment of the key's prefix or of the body.
fn owner(
    public_key_id: Option<&PublicKeyId>,
    environment: Option<&str>,
    merchants: &Merchants,
) -> Result<Owner, ControlRefused> {
    let key = match public_key_id {
        Some(id) => key(id, merchants)?,
        None => merchants.first().ok_or_else(|| ControlRefused::missing("publicKeyId"))?,
    };
    let said = match environment {
        None => None,
        Some(word) if word.eq_ignore_ascii_case("sandbox") => Some(Environment::Sandbox),
        Some(word) if word.eq_ignore_ascii_case("live") => Some(Environment::Live),
        Some(_) => return Err(ControlRefused::not_one_of("environment", ["sandbox", "live"])),
    };
    let environment = match (key.environment(), said) {
        (Some(of_key), Some(said)) if of_key != said => {
            return Err(ControlRefused::combination("environment", "the key's prefix names the other one"));
        }
        (Some(environment), _) | (None, Some(environment)) => environment,
        (None, None) => Environment::Sandbox,
    };
    Ok(Owner { merchant_id: key.merchant_id.clone(), environment })
}

/// The region; by default, the region of the currency.
fn region(word: Option<&str>, currency: Currency) -> Result<Region, ControlRefused> {
    let home = match currency {
        Currency::USD => Region::NorthAmerica,
        Currency::JPY => Region::Japan,
        _ => Region::Europe,
    };
    let Some(word) = word else { return Ok(home) };
    let region =
        Region::parse(word).ok_or_else(|| ControlRefused::not_one_of("region", ["na", "eu", "jp"]))?;
    if currency.is_paid_in(region) {
        return Ok(region);
    }
    Err(ControlRefused::combination("region", format!("{currency} is not paid in {}", region.code())))
}

pub(super) fn card(digits: &str) -> Result<Card, ControlRefused> {
    Card::parse(digits)
        .ok_or_else(|| ControlRefused::not_one_of("card", Card::ALL.iter().map(|card| card.last_digits())))
}

/// The words for what a buyer can do.
const ACTIONS: [&str; 7] =
    ["placeOrder", "cancel", "selectAddress", "selectDeliveryOption", "selectCard", "passMfa", "failMfa"];

/// `POST /_sandbox/checkout-sessions/{id}/buyer`.
pub(super) fn act(body: &[u8]) -> Result<BuyerAct, ControlRefused> {
    let request: ActBody = read_request(body, Spellings::Every)?;
    let action = request.action.as_deref().ok_or_else(|| ControlRefused::missing("action"))?;
    let (act, taken) = match action {
        "placeOrder" => (BuyerAct::PlaceOrder, ""),
        "cancel" => (BuyerAct::Cancel, ""),
        "passMfa" => (BuyerAct::PassMfa, ""),
        "failMfa" => (BuyerAct::FailMfa, ""),
        "selectAddress" => {
            let address =
                request.shipping_address.clone().ok_or_else(|| ControlRefused::missing("shippingAddress"))?;
            (BuyerAct::SelectAddress(address.into()), "shippingAddress")
        }
        "selectDeliveryOption" => {
            let option =
                request.delivery_option.clone().ok_or_else(|| ControlRefused::missing("deliveryOption"))?;
            (BuyerAct::SelectDeliveryOption(option), "deliveryOption")
        }
        "selectCard" => {
            let digits = request.card.as_deref().ok_or_else(|| ControlRefused::missing("card"))?;
            (BuyerAct::SelectCard(card(digits)?), "card")
        }
        _ => return Err(ControlRefused::not_one_of("action", ACTIONS)),
    };
    for (member, present) in [
        ("shippingAddress", request.shipping_address.is_some()),
        ("deliveryOption", request.delivery_option.is_some()),
        ("card", request.card.is_some()),
    ] {
        if present && member != taken {
            return Err(ControlRefused::combination(member, format!("it does not go with {action}")));
        }
    }
    Ok(act)
}

/// Applies a buyer's act. If this act associates a buyer, the buyer has the address that the
/// merchant gave.
pub(super) fn let_act(
    checkout: &Checkout,
    act: &BuyerAct,
    now: Timestamp,
) -> Result<SessionStep, SessionRefused> {
    let Checkout { session, shown } = checkout.clone();
    let mut arriving = test_buyer(session.region, session.product_type);
    arriving.shipping_address = shown.given_address.or(arriving.shipping_address);
    test_buyer::act(session, act.clone(), arriving, now)
}
