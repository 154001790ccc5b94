//! Amazon's objects in the form of the API's answers: the members that each state shows, and `null`
//! for all others.

use bytes::Bytes;
use countersign_domain::ids::{ChargeId, Environment, Region};
use countersign_domain::money::{Currency, Money};
use countersign_domain::provider::buyer::Buyer;
use countersign_domain::provider::charge::{Charge, ChargeCancelReason, ChargeDeclineReason, ChargeState};
use countersign_domain::provider::charge_permission::{
    ChargePermission, ChargePermissionState, ClosureReason, NonChargeableReason,
};
use countersign_domain::provider::checkout_session::{
    CheckoutSession, CheckoutSessionState, Constraint, Flow, ResponseDetail, SessionCancelReason,
};
use countersign_domain::provider::payment_details::PaymentDetails;
use countersign_domain::provider::refund::{Refund, RefundDeclineReason, RefundState};
use countersign_http::Response;
use countersign_protocol::wire::{self, Object as _, Words, read_answer};
use http::{HeaderValue, StatusCode, header};

use super::errors;
use super::origin::Origin;
use crate::book::answer::{ApiAnswer, WithBuyer};
use crate::book::checkout::{Checkout, SessionExtras};
use crate::book::finalize::{CompletedSession, FinalizeResult};
use crate::settings::Flags;

/// An answer with finished JSON text.
pub(crate) fn response(status: u16, body: Bytes) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// A Checkout Session in the API's own form, for a client that reaches this server at an origin.
pub(crate) fn checkout_session(checkout: &Checkout, origin: &Origin) -> String {
    let Checkout { session, shown } = checkout;
    match &session.state {
        CheckoutSessionState::Open { buyer, .. } => {
            open(session, buyer.as_deref(), shown, origin).to_answer()
        }
        CheckoutSessionState::Completed { .. } | CheckoutSessionState::Canceled { .. } => {
            over(session).to_answer()
        }
    }
}

/// The answer to Finalize and Complete.
pub(crate) fn outcome(outcome: FinalizeResult<'_>, flags: &Flags) -> ApiAnswer {
    let CompletedSession { session, buyer, is_pending } = match outcome {
        Ok(completion) => completion,
        Err(failure) => return errors::payment_failure(failure, flags),
    };
    let mut shown = over(session);
    let answer = ApiAnswer::new(if is_pending { 202 } else { 200 }, shown.to_answer());
    match (session.response_detail, buyer) {
        // Once the buyer is forgotten, the answer is the short form, as in a replay.
        (ResponseDetail::Short, _) | (ResponseDetail::Full, None) => answer,
        (ResponseDetail::Full, Some((buyer, until))) => {
            shown.payment_details = Some(payment_details(&session.payment));
            show_buyer(&mut shown, buyer);
            let with_buyer = WithBuyer { body: shown.to_answer(), until };
            ApiAnswer { with_buyer: Some(with_buyer), ..answer }
        }
    }
}

/// A session that has ended shows only its ids and its state.
fn over(session: &CheckoutSession) -> wire::CheckoutSession {
    let (state, reason, charge_permission_id, charge_id) = match &session.state {
        CheckoutSessionState::Completed { charge_permission_id, charge_id } => (
            wire::CheckoutSessionState::Completed,
            None,
            Some(charge_permission_id.clone()),
            charge_id.clone(),
        ),
        CheckoutSessionState::Canceled { reason } => {
            (wire::CheckoutSessionState::Canceled, Some(*reason), None, None)
        }
        CheckoutSessionState::Open { .. } => (wire::CheckoutSessionState::Open, None, None, None),
    };
    wire::CheckoutSession {
        checkout_session_id: Some(session.id.clone()),
        status_details: Some(wire::CheckoutSessionStatus {
            state: Some(state.into()),
            reason_code: reason.map(|reason| word(reason.as_str())),
            reason_description: reason.map(|reason| session_canceled(reason).to_owned()),
            last_updated_timestamp: Some(session.updated_at),
            ..Default::default()
        }),
        charge_permission_id,
        charge_id,
        creation_timestamp: Some(session.created_at),
        ..Default::default()
    }
}

fn open(
    session: &CheckoutSession,
    buyer: Option<&Buyer>,
    kept: &SessionExtras,
    origin: &Origin,
) -> wire::CheckoutSession {
    let constraints = session.constraints();
    let redirects = session.flow == Flow::Redirect && constraints.is_empty();
    let mut shown = wire::CheckoutSession {
        web_checkout_details: Some(wire::WebCheckoutDetails {
            checkout_review_return_url: session.web_checkout.checkout_review_return_url.clone(),
            checkout_result_return_url: session.web_checkout.checkout_result_return_url.clone(),
            amazon_pay_redirect_url: redirects.then(|| redirect_url(session, origin)),
            checkout_cancel_url: session.web_checkout.checkout_cancel_url.clone(),
            checkout_mode: session.web_checkout.checkout_mode.clone(),
            ..Default::default()
        }),
        product_type: Some(session.product_type.into()),
        payment_details: Some(payment_details(&session.payment)),
        charge_permission_type: Some(wire::ChargePermissionType::OneTime.into()),
        merchant_metadata: Some(session.merchant_metadata.clone().into()),
        supplementary_data: session.supplementary_data.clone(),
        payment_preferences: Some(vec![None]),
        multi_addresses_checkout_metadata: kept.multi_addresses.clone().and_then(json),
        platform_id: session.platform_id.clone(),
        constraints: Some(constraints.into_iter().map(lacking).collect()),
        expiration_timestamp: Some(session.expires_at()),
        store_id: session.store_id.clone(),
        provider_metadata: Some(wire::ProviderMetadata {
            provider_reference_id: session.provider_reference_id.clone(),
            ..Default::default()
        }),
        release_environment: Some(session.owner.environment.into()),
        delivery_specifications: kept
            .delivery_specifications
            .as_ref()
            .and_then(|json| read_answer(json.as_bytes()).ok())
            .map(|read| read.value),
        checkout_button_text: kept.checkout_button_text.clone(),
        ..over(session)
    };
    if let Some(buyer) = buyer {
        show_buyer(&mut shown, buyer);
    }
    shown
}

fn lacking(constraint: Constraint) -> Option<wire::Constraint> {
    Some(wire::Constraint {
        constraint_id: Some(constraint.as_str().to_owned()),
        description: Some(constraint.description().to_owned()),
        ..Default::default()
    })
}

fn json(text: String) -> Option<wire::Json> {
    wire::RawValue::from_string(text).ok().map(Into::into)
}

fn show_buyer(shown: &mut wire::CheckoutSession, buyer: &Buyer) {
    shown.buyer = Some(wire_buyer(buyer));
    shown.shipping_address = buyer.shipping_address.clone().map(Into::into);
    shown.billing_address = buyer.billing_address.clone().map(Into::into);
    shown.payment_preferences = Some(vec![Some(payment_preference(buyer))]);
}

fn wire_buyer(buyer: &Buyer) -> wire::Buyer {
    wire::Buyer {
        buyer_id: Some(buyer.id.clone()),
        name: buyer.name.clone(),
        email: buyer.email.clone(),
        phone_number: buyer.phone_number.clone(),
        ..Default::default()
    }
}

fn payment_preference(buyer: &Buyer) -> wire::PaymentPreference {
    wire::PaymentPreference { payment_descriptor: Some(buyer.card.descriptor()), ..Default::default() }
}

/// The URL to which the merchant sends the buyer once nothing is missing.
fn redirect_url(session: &CheckoutSession, origin: &Origin) -> String {
    let path = format!("/checkout/processing?amazonCheckoutSessionId={}", session.id);
    if let Origin::Own(origin) = origin {
        return format!("{origin}{path}");
    }
    let pounds = session.payment.charge_amount.is_some_and(|amount| amount.currency() == Currency::GBP);
    let top_level = match session.region {
        Region::NorthAmerica => "com",
        Region::Europe if pounds => "co.uk",
        Region::Europe => "de",
        Region::Japan => "co.jp",
    };
    format!("https://payments.amazon.{top_level}{path}")
}

fn payment_details(payment: &PaymentDetails) -> wire::PaymentDetails {
    let price = |amount: Option<Money>| amount.map(Into::into);
    wire::PaymentDetails {
        payment_intent: payment.payment_intent.map(Into::into),
        can_handle_pending_authorization: Some(payment.can_handle_pending_authorization),
        charge_amount: price(payment.charge_amount),
        total_order_amount: price(payment.total_order_amount),
        soft_descriptor: payment.soft_descriptor.clone(),
        presentment_currency: payment.presentment_currency.map(Into::into),
        allow_overcharge: payment.allow_overcharge.then_some(true),
        extend_expiration: payment.extend_expiration.then_some(true),
        estimate_order_total: price(payment.estimate_order_total),
        ..Default::default()
    }
}

/// The wire's word for a reason.
fn word<T: Words>(reason: &str) -> wire::Word<T> {
    T::parse(reason).map_or_else(|| wire::Word::Unknown(reason.to_owned()), wire::Word::Known)
}

const fn session_canceled(reason: SessionCancelReason) -> &'static str {
    match reason {
        SessionCancelReason::BuyerCanceled => "The buyer canceled the checkout.",
        SessionCancelReason::Expired => "The checkout was not completed within 24 hours.",
        SessionCancelReason::AmazonCanceled => "Amazon canceled the checkout.",
        SessionCancelReason::Declined => "The payment was declined.",
    }
}

/// A Charge Permission in the API's own form.
pub(crate) fn charge_permission(permission: &ChargePermission) -> String {
    let buyer = permission.buyer.as_deref();
    let (state, reason) = match &permission.state {
        ChargePermissionState::Chargeable => (wire::ChargePermissionState::Chargeable, None),
        ChargePermissionState::NonChargeable { reason } => {
            (wire::ChargePermissionState::NonChargeable, Some((reason.as_str(), non_chargeable(*reason))))
        }
        ChargePermissionState::Closed { reason } => {
            (wire::ChargePermissionState::Closed, Some((reason.as_str(), closed(*reason))))
        }
    };
    let reasons = reason.map(|(code, description)| {
        vec![Some(wire::StatusReason {
            reason_code: Some(word(code)),
            reason_description: Some(description.to_owned()),
            ..Default::default()
        })]
    });
    wire::ChargePermission {
        charge_permission_id: Some(permission.id.clone()),
        charge_permission_type: Some(wire::ChargePermissionType::OneTime.into()),
        buyer: buyer.map(wire_buyer),
        shipping_address: buyer.and_then(|buyer| buyer.shipping_address.clone()).map(Into::into),
        billing_address: buyer.and_then(|buyer| buyer.billing_address.clone()).map(Into::into),
        payment_preferences: Some(vec![buyer.map(payment_preference)]),
        status_details: Some(wire::ChargePermissionStatus {
            state: Some(state.into()),
            reasons,
            last_updated_timestamp: Some(permission.updated_at),
            ..Default::default()
        }),
        creation_timestamp: Some(permission.created_at),
        expiration_timestamp: Some(permission.expires_at),
        merchant_metadata: Some(permission.merchant_metadata.clone().into()),
        platform_id: permission.platform_id.clone(),
        release_environment: Some(permission.owner.environment.into()),
        limits: Some(wire::Limits {
            amount_limit: Some(permission.limit.into()),
            amount_balance: Some(permission.balance().into()),
            ..Default::default()
        }),
        presentment_currency: Some(permission.limit.currency().into()),
        ..Default::default()
    }
    .to_answer()
}

const fn non_chargeable(reason: NonChargeableReason) -> &'static str {
    match reason {
        NonChargeableReason::ChargeInProgress => {
            "A charge is already in progress. You cannot initiate a new charge unless previous charge is canceled."
        }
        NonChargeableReason::PaymentMethodInvalid => {
            "The last charge was declined. The buyer must choose another payment method."
        }
    }
}

const fn closed(reason: ClosureReason) -> &'static str {
    match reason {
        ClosureReason::MerchantClosed => "The merchant closed it.",
        ClosureReason::BuyerClosed => "The buyer closed it.",
        ClosureReason::AmazonClosed => "Everything was captured.",
        ClosureReason::AmazonCanceled => "Amazon canceled it.",
        ClosureReason::Expired => "Its time is over.",
    }
}

/// A Charge in the API's own form.
pub(crate) fn charge(charge: &Charge, environment: Environment) -> String {
    let (state, reason) = match &charge.state {
        ChargeState::AuthorizationInitiated { .. } => (wire::ChargeState::AuthorizationInitiated, None),
        ChargeState::Authorized => (wire::ChargeState::Authorized, None),
        ChargeState::CaptureInitiated { .. } => (wire::ChargeState::CaptureInitiated, None),
        ChargeState::Captured { .. } => (wire::ChargeState::Captured, None),
        ChargeState::Canceled { reason } => {
            (wire::ChargeState::Canceled, Some((reason.as_str(), charge_canceled(*reason))))
        }
        ChargeState::Declined { reason } => {
            (wire::ChargeState::Declined, Some((reason.as_str(), charge_declined(*reason))))
        }
    };
    let captured = match &charge.state {
        ChargeState::Captured { captured } => Some(*captured),
        _ => None,
    };
    let refunded = charge.refunded(|state| matches!(state, RefundState::Refunded));
    wire::Charge {
        charge_id: Some(charge.id.clone()),
        charge_permission_id: Some(charge.charge_permission_id.clone()),
        charge_amount: Some(charge.amount.into()),
        capture_amount: captured.map(Into::into),
        refunded_amount: captured.is_some().then(|| refunded.into()),
        soft_descriptor: charge.soft_descriptor.clone(),
        provider_metadata: Some(wire::ProviderMetadata {
            provider_reference_id: charge.provider_reference_id.clone(),
            ..Default::default()
        }),
        merchant_metadata: Some(charge.merchant_metadata.clone().into()),
        platform_id: charge.platform_id.clone(),
        status_details: Some(wire::ChargeStatus {
            state: Some(state.into()),
            reason_code: reason.map(|(code, _)| word(code)),
            reason_description: reason.map(|(_, description)| description.to_owned()),
            last_updated_timestamp: Some(charge.updated_at),
            ..Default::default()
        }),
        creation_timestamp: Some(charge.created_at),
        expiration_timestamp: Some(charge.expires_at),
        release_environment: Some(environment.into()),
        capture_now: Some(charge.capture_now),
        can_handle_pending_authorization: Some(charge.can_handle_pending_authorization),
        ..Default::default()
    }
    .to_answer()
}

/// A Refund in the API's own form.
pub(crate) fn refund(refund: &Refund, charge_id: &ChargeId, environment: Environment) -> String {
    let (state, reason) = match refund.state {
        RefundState::RefundInitiated { .. } => (wire::RefundState::RefundInitiated, None),
        RefundState::Refunded => (wire::RefundState::Refunded, None),
        RefundState::Declined { reason } => {
            (wire::RefundState::Declined, Some((reason.as_str(), refund_declined(reason))))
        }
    };
    wire::Refund {
        refund_id: Some(refund.id.clone()),
        charge_id: Some(charge_id.clone()),
        refund_amount: Some(refund.amount.into()),
        soft_descriptor: refund.soft_descriptor.clone(),
        creation_timestamp: Some(refund.created_at),
        status_details: Some(wire::RefundStatus {
            state: Some(state.into()),
            reason_code: reason.map(|(code, _)| word(code)),
            reason_description: reason.map(|(_, description)| description.to_owned()),
            last_updated_timestamp: Some(refund.updated_at),
            ..Default::default()
        }),
        release_environment: Some(environment.into()),
        ..Default::default()
    }
    .to_answer()
}

const fn refund_declined(reason: RefundDeclineReason) -> &'static str {
    match reason {
        RefundDeclineReason::AmazonRejected => "Amazon declined it. Refund by other means.",
        RefundDeclineReason::ProcessingFailure => "It could not be processed.",
    }
}

const fn charge_canceled(reason: ChargeCancelReason) -> &'static str {
    match reason {
        ChargeCancelReason::ExpiredUnused => "Nothing was captured in time.",
        ChargeCancelReason::AmazonCanceled => "Amazon canceled it.",
        ChargeCancelReason::MerchantCanceled => "The merchant canceled it.",
        ChargeCancelReason::ChargePermissionCanceled => "Its Charge Permission was closed.",
        ChargeCancelReason::BuyerCanceled => "The buyer canceled it.",
    }
}

const fn charge_declined(reason: ChargeDeclineReason) -> &'static str {
    match reason {
        ChargeDeclineReason::SoftDeclined => "It was declined. Trying again may work.",
        ChargeDeclineReason::HardDeclined => "It was declined. Another payment method is needed.",
        ChargeDeclineReason::AmazonRejected => "Amazon declined it.",
        ChargeDeclineReason::ProcessingFailure => "It could not be processed.",
        ChargeDeclineReason::TransactionTimedOut => "Nobody answered in time.",
    }
}
