//! The Checkout Session document: what the rules read, and what Create brought for answers only.

use bytes::Bytes;
use countersign_domain::ids::{ChargeId, ChargePermissionId, CheckoutSessionId, MerchantId, Region, StoreId};
use countersign_domain::money::Currency;
use countersign_domain::provider::checkout_session::{
    CheckoutSession, CheckoutSessionState, Flow, Owner, ResponseDetail, SessionCancelReason,
    WebCheckoutDetails,
};
use countersign_domain::provider::payment_details::PaymentDetails;
use countersign_domain::terms::{PaymentIntent, ProductType};
use serde::{Deserialize, Serialize};

use super::buyer::{StoredAddress, StoredBuyer};
use super::money::{self, StoredMoney};
use super::notes::StoredNotes;
use super::{Illegible, Legible as _, Text, Unreadable, environment, from_json, instant, is_false, to_json};
use crate::app::checkout_session::{Checkout, Shown};

pub(crate) const COLLECTION: &str = "checkout_session";
/// Format 1 knew no check by the bank; the rest is the same.
pub(crate) const FORMAT: u16 = 2;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct StoredSession<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    merchant_id: Text<'a>,
    #[serde(borrow)]
    environment: Text<'a>,
    #[serde(borrow)]
    region: Text<'a>,
    flow: StoredFlow,
    #[serde(borrow)]
    product_type: Text<'a>,
    #[serde(borrow)]
    payment: StoredPayment<'a>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    supplementary_data: Option<Text<'a>>,
    #[serde(borrow)]
    merchant_metadata: StoredNotes<'a>,
    #[serde(borrow)]
    web_checkout: StoredWebCheckout<'a>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    store_id: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    platform_id: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    provider_reference_id: Option<Text<'a>>,
    response_detail: StoredDetail,
    created_at: i64,
    updated_at: i64,
    #[serde(borrow)]
    state: StoredState<'a>,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    shown: Option<StoredShown<'a>>,
}

#[derive(Serialize, Deserialize)]
enum StoredFlow {
    BuyNow,
    Redirect,
}

#[derive(Serialize, Deserialize)]
enum StoredDetail {
    Short,
    Full,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct StoredPayment<'a> {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    payment_intent: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "is_false")]
    can_handle_pending_authorization: bool,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    charge_amount: Option<StoredMoney<'a>>,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    total_order_amount: Option<StoredMoney<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    soft_descriptor: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    presentment_currency: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "is_false")]
    allow_overcharge: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    extend_expiration: bool,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    estimate_order_total: Option<StoredMoney<'a>>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct StoredWebCheckout<'a> {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    checkout_review_return_url: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    checkout_result_return_url: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    checkout_cancel_url: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    checkout_mode: Option<Text<'a>>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all_fields = "camelCase", deny_unknown_fields)]
enum StoredState<'a> {
    Open {
        #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
        buyer: Option<StoredBuyer<'a>>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        placed_at: Option<i64>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        mfa_started_at: Option<i64>,
    },
    Completed {
        #[serde(borrow)]
        charge_permission_id: Text<'a>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        charge_id: Option<Text<'a>>,
    },
    Canceled {
        #[serde(borrow)]
        reason: Text<'a>,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct StoredShown<'a> {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    delivery_specifications: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    multi_addresses: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    checkout_button_text: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    given_address: Option<StoredAddress<'a>>,
}

fn text(text: &Option<String>) -> Option<Text<'_>> {
    text.as_deref().map(Text::Borrowed)
}

fn owned(text: Option<Text<'_>>) -> Option<String> {
    text.map(Text::into_owned)
}

pub(crate) fn encode(checkout: &Checkout) -> Bytes {
    let CheckoutSession {
        id,
        owner: Owner { merchant_id, environment },
        region,
        flow,
        product_type,
        payment,
        supplementary_data,
        merchant_metadata,
        web_checkout,
        store_id,
        platform_id,
        provider_reference_id,
        response_detail,
        created_at,
        updated_at,
        state,
    } = &checkout.session;
    let WebCheckoutDetails {
        checkout_review_return_url,
        checkout_result_return_url,
        checkout_cancel_url,
        checkout_mode,
    } = web_checkout;
    to_json(&StoredSession {
        id: Text::Borrowed(id.as_str()),
        merchant_id: Text::Borrowed(merchant_id.as_str()),
        environment: Text::Borrowed(environment.path_segment()),
        region: Text::Borrowed(region.code()),
        flow: match flow {
            Flow::BuyNow => StoredFlow::BuyNow,
            Flow::Redirect => StoredFlow::Redirect,
        },
        product_type: Text::Borrowed(product_type.as_str()),
        payment: write_payment(payment),
        supplementary_data: text(supplementary_data),
        merchant_metadata: merchant_metadata.into(),
        web_checkout: StoredWebCheckout {
            checkout_review_return_url: text(checkout_review_return_url),
            checkout_result_return_url: text(checkout_result_return_url),
            checkout_cancel_url: text(checkout_cancel_url),
            checkout_mode: text(checkout_mode),
        },
        store_id: store_id.as_ref().map(|id| Text::Borrowed(id.as_str())),
        platform_id: text(platform_id),
        provider_reference_id: text(provider_reference_id),
        response_detail: match response_detail {
            ResponseDetail::Short => StoredDetail::Short,
            ResponseDetail::Full => StoredDetail::Full,
        },
        created_at: created_at.as_millis(),
        updated_at: updated_at.as_millis(),
        state: write_state(state),
        shown: (checkout.shown != Shown::default()).then(|| write_shown(&checkout.shown)),
    })
}

fn write_payment(payment: &PaymentDetails) -> StoredPayment<'_> {
    let PaymentDetails {
        payment_intent,
        can_handle_pending_authorization,
        charge_amount,
        total_order_amount,
        soft_descriptor,
        presentment_currency,
        allow_overcharge,
        extend_expiration,
        estimate_order_total,
    } = payment;
    StoredPayment {
        payment_intent: payment_intent.map(|intent| Text::Borrowed(intent.as_str())),
        can_handle_pending_authorization: *can_handle_pending_authorization,
        charge_amount: charge_amount.map(Into::into),
        total_order_amount: total_order_amount.map(Into::into),
        soft_descriptor: text(soft_descriptor),
        presentment_currency: presentment_currency.map(|currency| Text::Borrowed(currency.code())),
        allow_overcharge: *allow_overcharge,
        extend_expiration: *extend_expiration,
        estimate_order_total: estimate_order_total.map(Into::into),
    }
}

fn write_state(state: &CheckoutSessionState) -> StoredState<'_> {
    match state {
        CheckoutSessionState::Open { buyer, placed_at, mfa_started_at } => StoredState::Open {
            buyer: buyer.as_deref().map(Into::into),
            placed_at: placed_at.map(|at| at.as_millis()),
            mfa_started_at: mfa_started_at.map(|at| at.as_millis()),
        },
        CheckoutSessionState::Completed { charge_permission_id, charge_id } => StoredState::Completed {
            charge_permission_id: Text::Borrowed(charge_permission_id.as_str()),
            charge_id: charge_id.as_ref().map(|id| Text::Borrowed(id.as_str())),
        },
        CheckoutSessionState::Canceled { reason } => {
            StoredState::Canceled { reason: Text::Borrowed(reason.as_str()) }
        }
    }
}

fn write_shown(shown: &Shown) -> StoredShown<'_> {
    let Shown { delivery_specifications, multi_addresses, checkout_button_text, given_address } = shown;
    StoredShown {
        delivery_specifications: text(delivery_specifications),
        multi_addresses: text(multi_addresses),
        checkout_button_text: text(checkout_button_text),
        given_address: given_address.as_ref().map(Into::into),
    }
}

pub(crate) fn decode(format: u16, bytes: &[u8]) -> Result<Checkout, Unreadable> {
    let stored: StoredSession<'_> = from_json(COLLECTION, (format, FORMAT), bytes)?;
    read(stored).map_err(|illegible| illegible.of(COLLECTION))
}

fn read(stored: StoredSession<'_>) -> Result<Checkout, Illegible> {
    let session = CheckoutSession {
        id: CheckoutSessionId::parse(&stored.id).member("id")?,
        owner: Owner {
            merchant_id: MerchantId::parse(&stored.merchant_id).member("merchantId")?,
            environment: environment(&stored.environment).member("environment")?,
        },
        region: Region::parse(&stored.region).member("region")?,
        flow: match stored.flow {
            StoredFlow::BuyNow => Flow::BuyNow,
            StoredFlow::Redirect => Flow::Redirect,
        },
        product_type: ProductType::parse(&stored.product_type).member("productType")?,
        payment: read_payment(stored.payment)?,
        supplementary_data: owned(stored.supplementary_data),
        merchant_metadata: stored.merchant_metadata.into(),
        web_checkout: WebCheckoutDetails {
            checkout_review_return_url: owned(stored.web_checkout.checkout_review_return_url),
            checkout_result_return_url: owned(stored.web_checkout.checkout_result_return_url),
            checkout_cancel_url: owned(stored.web_checkout.checkout_cancel_url),
            checkout_mode: owned(stored.web_checkout.checkout_mode),
        },
        store_id: stored.store_id.map(|id| StoreId::parse(&id).member("storeId")).transpose()?,
        platform_id: owned(stored.platform_id),
        provider_reference_id: owned(stored.provider_reference_id),
        response_detail: match stored.response_detail {
            StoredDetail::Short => ResponseDetail::Short,
            StoredDetail::Full => ResponseDetail::Full,
        },
        created_at: instant(stored.created_at),
        updated_at: instant(stored.updated_at),
        state: read_state(stored.state)?,
    };
    let shown = stored.shown.map_or_else(Shown::default, |shown| Shown {
        delivery_specifications: owned(shown.delivery_specifications),
        multi_addresses: owned(shown.multi_addresses),
        checkout_button_text: owned(shown.checkout_button_text),
        given_address: shown.given_address.map(Into::into),
    });
    Ok(Checkout { session, shown })
}

fn read_payment(stored: StoredPayment<'_>) -> Result<PaymentDetails, Illegible> {
    let intent = |word: Text<'_>| PaymentIntent::parse(&word).member("paymentIntent");
    let currency = |word: Text<'_>| Currency::parse(&word).member("presentmentCurrency");
    Ok(PaymentDetails {
        payment_intent: stored.payment_intent.map(intent).transpose()?,
        can_handle_pending_authorization: stored.can_handle_pending_authorization,
        charge_amount: money::read(stored.charge_amount)?,
        total_order_amount: money::read(stored.total_order_amount)?,
        soft_descriptor: owned(stored.soft_descriptor),
        presentment_currency: stored.presentment_currency.map(currency).transpose()?,
        allow_overcharge: stored.allow_overcharge,
        extend_expiration: stored.extend_expiration,
        estimate_order_total: money::read(stored.estimate_order_total)?,
    })
}

fn read_state(stored: StoredState<'_>) -> Result<CheckoutSessionState, Illegible> {
    Ok(match stored {
        StoredState::Open { buyer, placed_at, mfa_started_at } => CheckoutSessionState::Open {
            buyer: buyer.map(StoredBuyer::read).transpose()?.map(Box::new),
            placed_at: placed_at.map(instant),
            mfa_started_at: mfa_started_at.map(instant),
        },
        StoredState::Completed { charge_permission_id, charge_id } => CheckoutSessionState::Completed {
            charge_permission_id: ChargePermissionId::parse(&charge_permission_id)
                .member("chargePermissionId")?,
            charge_id: charge_id.map(|id| ChargeId::parse(&id).member("chargeId")).transpose()?,
        },
        StoredState::Canceled { reason } => {
            CheckoutSessionState::Canceled { reason: SessionCancelReason::parse(&reason).member("reason")? }
        }
    })
}
