//! Members that several requests have, converted from the wire to the types of the rules. A value
//! is refused here only where no domain rule checks it, such as the form of a URL.

use countersign_domain::ids::Environment;
use countersign_domain::provider::checkout_session::WebCheckoutDetails;
use countersign_domain::provider::payment_details::PaymentDetailsUpdate;
use countersign_protocol::wire::{self, Words};

use crate::http::errors::ApiRefused;

/// The mode in which the buyer completes on Amazon's page straight away.
const PROCESS_ORDER: &str = "ProcessOrder";

/// A word, if there is one. Unknown words were refused when the request was read, so none is lost
/// here.
pub(crate) fn known<T: Words>(word: Option<wire::Word<T>>) -> Option<T> {
    word.as_ref().and_then(wire::Word::known)
}

/// Refuses permissions for more than one order: this version supports only one-time permissions.
pub(crate) fn one_time(kind: Option<wire::Word<wire::ChargePermissionType>>) -> Result<(), ApiRefused> {
    match known(kind) {
        None | Some(wire::ChargePermissionType::OneTime) => Ok(()),
        Some(wire::ChargePermissionType::Recurring | wire::ChargePermissionType::PaymentMethodOnFile) => {
            let why = "this sandbox makes OneTime permissions only";
            Err(ApiRefused::Invalid { field: "chargePermissionType", why })
        }
    }
}

/// Refuses a member that this checkout must not have.
pub(crate) fn absent<T>(field: &'static str, member: Option<&T>) -> Result<(), ApiRefused> {
    match member {
        Some(_) => Err(ApiRefused::Invalid { field, why: "it does not go with this checkout" }),
        None => Ok(()),
    }
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
) -> Result<WebCheckoutDetails, ApiRefused> {
    let details = details.unwrap_or_default();
    let url = |field: &'static str, url: Option<String>| match url {
        Some(url) if !is_return_url(&url, environment) => {
            let why = "it must be an https URL; in the sandbox http://localhost too";
            Err(ApiRefused::Invalid { field, why })
        }
        url => Ok(url),
    };
    absent("webCheckoutDetails.amazonPayRedirectUrl", details.amazon_pay_redirect_url.as_ref())?;
    if details.checkout_mode.as_deref().is_some_and(|mode| mode != PROCESS_ORDER) {
        let why = "it can be ProcessOrder only";
        return Err(ApiRefused::Invalid { field: "webCheckoutDetails.checkoutMode", why });
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

/// Whether a URL is https with a host. Plain http is allowed for a developer's own machine, in the
/// sandbox only.
fn is_return_url(url: &str, environment: Environment) -> bool {
    let Ok(uri) = url.parse::<http::Uri>() else { return false };
    let Some(host) = uri.host().filter(|host| !host.is_empty()) else { return false };
    match uri.scheme_str() {
        Some("https") => true,
        Some("http") => environment == Environment::Sandbox && matches!(host, "localhost" | "127.0.0.1"),
        Some(_) | None => false,
    }
}
