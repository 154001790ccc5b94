//! Bodies of the API's calls, from the wire to what the rules take. Only what no rule of the domain
//! knows is refused here: what a new session must have, and what its URLs must be.

use countersign_domain::ids::{Environment, Region};
use countersign_domain::provider::checkout_session::{
    CheckoutSession, Flow, Owner, SessionUpdate, WebCheckoutDetails,
};
use countersign_domain::provider::finalize::{CompleteRequest, FinalizeRequest};
use countersign_domain::provider::payment_details::{PaymentDetails, PaymentDetailsUpdate};
use countersign_domain::terms::ProductType;
use countersign_protocol::wire::{
    self, CompleteCheckoutSession, CreateCheckoutSession, FinalizeCheckoutSession, Object as _,
    UpdateCheckoutSession, Words,
};

use super::errors::Refused;
use crate::book::checkout::{Checkout, Shown};
use crate::settings::Flags;

/// The mode in which the buyer completes on Amazon's page straight away.
const PROCESS_ORDER: &str = "ProcessOrder";

/// A word, if there is one; a server holds none that it does not know.
pub(crate) fn known<T: Words>(word: Option<wire::Word<T>>) -> Option<T> {
    word.as_ref().and_then(wire::Word::known)
}

pub(super) fn finalize(body: FinalizeCheckoutSession) -> FinalizeRequest {
    FinalizeRequest {
        payment_intent: known(body.payment_intent),
        charge_amount: body.charge_amount.map(Into::into),
        total_order_amount: body.total_order_amount.map(Into::into),
        can_handle_pending_authorization: body.can_handle_pending_authorization,
        shipping_address: body.shipping_address.map(Into::into),
        billing_address: body.billing_address.map(Into::into),
        supplementary_data: body.supplementary_data,
        merchant_metadata: body.merchant_metadata.map(Into::into),
    }
}

pub(super) fn complete(body: CompleteCheckoutSession) -> CompleteRequest {
    CompleteRequest {
        charge_amount: body.charge_amount.map(Into::into),
        total_order_amount: body.total_order_amount.map(Into::into),
    }
}

pub(super) fn update(
    body: UpdateCheckoutSession,
    environment: Environment,
) -> Result<SessionUpdate, Refused> {
    one_time(body.charge_permission_type)?;
    absent("recurringMetadata", body.recurring_metadata.is_some())?;
    absent("paymentMethodOnFileMetadata", body.payment_method_on_file_metadata.is_some())?;
    absent("multiAddressesCheckoutMetadata", body.multi_addresses_checkout_metadata.is_some())?;
    let presents = |details: &wire::PaymentDetails| details.presentment_currency.is_some();
    if body.payment_details.as_ref().is_some_and(presents) {
        let why = "it follows the currency of [paymentDetails.chargeAmount] and cannot be updated itself";
        return Err(Refused::Invalid { field: "paymentDetails.presentmentCurrency", why });
    }
    Ok(SessionUpdate {
        web_checkout: web_checkout(body.web_checkout_details, environment)?,
        payment: payment(body.payment_details),
        merchant_metadata: body.merchant_metadata.map(Into::into).unwrap_or_default(),
        supplementary_data: body.supplementary_data,
        platform_id: body.platform_id,
        provider_reference_id: body.provider_metadata.and_then(|provider| provider.provider_reference_id),
    })
}

/// The checkout that Create begins.
pub(crate) fn create(
    body: CreateCheckoutSession,
    owner: Owner,
    region: Region,
    flags: &Flags,
) -> Result<Checkout, Refused> {
    one_time(body.charge_permission_type)?;
    absent("recurringMetadata", body.recurring_metadata.is_some())?;
    absent("paymentMethodOnFileMetadata", body.payment_method_on_file_metadata.is_some())?;
    absent("chargePermissionId", body.charge_permission_id.is_some())?;
    let store_id = body.store_id.ok_or(Refused::Missing("storeId"))?;
    let web_checkout = web_checkout(body.web_checkout_details, owner.environment)?;
    let processes_order = web_checkout.checkout_mode.is_some();
    if !processes_order && web_checkout.checkout_review_return_url.is_none() {
        return Err(Refused::Missing("webCheckoutDetails.checkoutReviewReturnUrl"));
    }
    if processes_order && body.payment_details.is_none() {
        return Err(Refused::Missing("paymentDetails"));
    }
    absent("addressDetails", !processes_order && body.address_details.is_some())?;
    let given_address = body.address_details.map(|details| {
        let county = details.district_or_county;
        countersign_domain::address::Address {
            name: details.name,
            address_line1: details.address_line1,
            address_line2: details.address_line2,
            address_line3: details.address_line3,
            city: details.city,
            county,
            district: None,
            state_or_region: details.state_or_region,
            postal_code: details.postal_code,
            country_code: details.country_code,
            phone_number: details.phone_number,
        }
    });
    // Create does not say; without an address there is nothing to ship in this mode.
    let product_type = if processes_order && given_address.is_none() {
        ProductType::PayOnly
    } else {
        ProductType::PayAndShip
    };
    let new = Checkout::about_to_begin(owner, region, Flow::Redirect, product_type, flags.response_detail);
    Ok(Checkout {
        session: CheckoutSession {
            web_checkout,
            payment: PaymentDetails::default().updated(payment(body.payment_details)),
            merchant_metadata: body.merchant_metadata.map(Into::into).unwrap_or_default(),
            supplementary_data: body.supplementary_data,
            platform_id: body.platform_id,
            provider_reference_id: body.provider_metadata.and_then(|provider| provider.provider_reference_id),
            store_id: Some(store_id),
            ..new.session
        },
        shown: Shown {
            delivery_specifications: body
                .delivery_specifications
                .map(|specifications| specifications.to_request()),
            multi_addresses: body.multi_addresses_checkout_metadata.map(|json| json.text().to_owned()),
            checkout_button_text: body.checkout_button_text,
            given_address,
        },
    })
}

/// Other permissions than for one order are not made by this version.
pub(crate) fn one_time(kind: Option<wire::Word<wire::ChargePermissionType>>) -> Result<(), Refused> {
    match known(kind) {
        None | Some(wire::ChargePermissionType::OneTime) => Ok(()),
        Some(wire::ChargePermissionType::Recurring | wire::ChargePermissionType::PaymentMethodOnFile) => {
            let why = "this sandbox makes OneTime permissions only";
            Err(Refused::Invalid { field: "chargePermissionType", why })
        }
    }
}

pub(crate) fn absent(field: &'static str, is_there: bool) -> Result<(), Refused> {
    if is_there { Err(Refused::Invalid { field, why: "it does not go with this checkout" }) } else { Ok(()) }
}

pub(crate) fn payment(details: Option<wire::PaymentDetails>) -> PaymentDetailsUpdate {
    let details = details.unwrap_or_default();
    PaymentDetailsUpdate {
        payment_intent: known(details.payment_intent),
        can_handle_pending_authorization: details.can_handle_pending_authorization,
        charge_amount: details.charge_amount.map(Into::into),
        total_order_amount: details.total_order_amount.map(Into::into),
        soft_descriptor: details.soft_descriptor,
        presentment_currency: known(details.presentment_currency),
        allow_overcharge: details.allow_overcharge,
        extend_expiration: details.extend_expiration,
        estimate_order_total: details.estimate_order_total.map(Into::into),
    }
}

pub(super) fn web_checkout(
    details: Option<wire::WebCheckoutDetails>,
    environment: Environment,
) -> Result<WebCheckoutDetails, Refused> {
    let details = details.unwrap_or_default();
    let url = |field: &'static str, url: Option<String>| match url {
        Some(url) if !is_return_url(&url, environment) => {
            let why = "it must be an https URL; in the sandbox http://localhost too";
            Err(Refused::Invalid { field, why })
        }
        url => Ok(url),
    };
    absent("webCheckoutDetails.amazonPayRedirectUrl", details.amazon_pay_redirect_url.is_some())?;
    if details.checkout_mode.as_deref().is_some_and(|mode| mode != PROCESS_ORDER) {
        let why = "it can be ProcessOrder only";
        return Err(Refused::Invalid { field: "webCheckoutDetails.checkoutMode", why });
    }
    Ok(WebCheckoutDetails {
        checkout_review_return_url: url(
            "webCheckoutDetails.checkoutReviewReturnUrl",
            details.checkout_review_return_url,
        )?,
        checkout_result_return_url: url(
            "webCheckoutDetails.checkoutResultReturnUrl",
            details.checkout_result_return_url,
        )?,
        checkout_cancel_url: url("webCheckoutDetails.checkoutCancelUrl", details.checkout_cancel_url)?,
        checkout_mode: details.checkout_mode,
    })
}

/// https with a host; plain http is for a developer's own machine, in the sandbox only.
fn is_return_url(url: &str, environment: Environment) -> bool {
    let Ok(uri) = url.parse::<http::Uri>() else { return false };
    let Some(host) = uri.host().filter(|host| !host.is_empty()) else { return false };
    match uri.scheme_str() {
        Some("https") => true,
        Some("http") => environment == Environment::Sandbox && matches!(host, "localhost" | "127.0.0.1"),
        Some(_) | None => false,
    }
}
