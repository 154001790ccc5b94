//! What the shop's page answers to a question: CartDetails, or how completing the checkout ended.
//! Nothing in an answer is trusted before it is read and checked here.

use countersign_domain::cart::{CartRefused, DeliveryOptions};
use countersign_domain::money::Currency;
use countersign_domain::provider::event::HandlerFailure;
use countersign_domain::terms::ProductType;
use countersign_protocol::object;
use countersign_protocol::wire::{CartDetails, NoCart, Spellings, read_request};

use super::{Ending, Failure};

/// The longest URL that a buyer is sent to, in characters: the limit of a session's return URLs.
const MAX_URL_LEN: usize = 2_048;

/// An answer that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct UnusableAnswer(pub(super) Failure);

impl UnusableAnswer {
    pub(super) fn invalid(why: impl Into<String>) -> Self {
        Self(Failure { kind: HandlerFailure::InvalidAnswer, why: why.into() })
    }

    fn reported(code: &str) -> Self {
        Self(Failure { kind: HandlerFailure::ErrorReported, why: code.to_owned() })
    }
}

/// The CartDetails of an answer, checked against a cart's rules.
pub(super) fn cart(
    json: &str,
    currency: Currency,
    product_type: ProductType,
    options: DeliveryOptions,
) -> Result<CartDetails, UnusableAnswer> {
    let details: CartDetails = read_request(json.as_bytes(), Spellings::Every)
        .map_err(|refused| UnusableAnswer::invalid(refused.to_string()))?;
    if let Some(code) = details.refusal() {
        return Err(UnusableAnswer::reported(code));
    }
    let cart = details.cart().map_err(|no_cart| {
        UnusableAnswer::invalid(match no_cart {
            NoCart::Missing(member) => format!("[{member}] is absent"),
            NoCart::Invalid(member, why) => format!("[{member}]: {why}"),
        })
    })?;
    cart.check(currency, product_type, options)
        .map_err(|refused| UnusableAnswer::invalid(format!("[{}]: {}", refused.field(), told(refused))))?;
    Ok(details)
}

/// A cart's broken rule, in words for the shop's developer.
const fn told(refused: CartRefused) -> &'static str {
    match refused {
        CartRefused::CurrencyDiffers(_) => "its currency is not the order's",
        CartRefused::NothingToCharge => "there is nothing to charge",
        CartRefused::AboveMaximum => "it is more than is charged at once",
        CartRefused::SumDiffers => {
            "it is not totalBaseAmount + totalShippingAmount + totalTaxAmount - totalDiscountAmount"
        }
        CartRefused::TotalBelowCharge => "it is less than totalChargeAmount",
        CartRefused::NoDeliveryOption => "a parcel needs one at least",
        CartRefused::NothingToShip => "a PayOnly checkout ships nothing",
        CartRefused::NotOneDefault => "not exactly one option is the default",
        CartRefused::SameId => "two options have one id",
        CartRefused::LineDiffers => "it is not listPrice times quantity",
        CartRefused::TooMany(_) => "there are too many",
    }
}

object! {
    /// What `onCompleteCheckout` answers.
    struct CompletionAnswer {
        status: String = "status" [..=32],
        reason_code: String = "reasonCode" [..=64],
        redirect_url: String = "redirectUrl" [..=MAX_URL_LEN],
    }
}

/// The answer to `onCompleteCheckout`.
pub(super) fn complete(json: &str) -> Result<Ending, UnusableAnswer> {
    let answer: CompletionAnswer = read_request(json.as_bytes(), Spellings::Every)
        .map_err(|refused| UnusableAnswer::invalid(refused.to_string()))?;
    match (answer.status.as_deref(), answer.redirect_url) {
        (Some("success"), _) => Ok(Ending::Success),
        (Some("error"), _) => {
            let code = answer.reason_code.filter(|code| !code.is_empty());
            Ok(Ending::Error(code.unwrap_or_else(|| "unknownError".to_owned())))
        }
        (Some("redirectRequired"), Some(url)) if is_web(&url) => Ok(Ending::Redirect(url)),
        (Some("redirectRequired"), _) => {
            Err(UnusableAnswer::invalid("[redirectUrl] is no http or https URL"))
        }
        _ => Err(UnusableAnswer::invalid("[status] is not one of success, error, redirectRequired")),
    }
}

/// Whether a link may lead to this URL: only http and https, so that it cannot be a script.
fn is_web(url: &str) -> bool {
    let uri = url.parse::<http::Uri>();
    uri.is_ok_and(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn completing_ends_in_success_in_an_error_or_in_a_redirect_or_is_asked_again() {
        let read = |json: &str| complete(json).map_err(|UnusableAnswer(failure)| failure.why);
        assert_eq!(read(r#"{"status":"success"}"#), Ok(Ending::Success));
        let error = |code: &str| Ok(Ending::Error(code.to_owned()));
        assert_eq!(read(r#"{"status":"error","reasonCode":"cartChanged"}"#), error("cartChanged"));
        assert_eq!(read(r#"{"status":"error"}"#), error("unknownError"));
        let url = "https://pay.example/3ds?a=b#c";
        let redirect = |url: &str| format!(r#"{{"status":"redirectRequired","redirectUrl":"{url}"}}"#);
        assert_eq!(read(&redirect(url)), Ok(Ending::Redirect(url.to_owned())));
        for url in ["javascript:alert(1)", "//elsewhere", "/here", "", "data:text/html,x"] {
            assert!(read(&redirect(url)).unwrap_err().contains("[redirectUrl]"), "{url}");
        }
        for json in ["{}", "null", "[]", "1", "", r#"{"status":"Success"}"#, r#"{"status":"success","x":1}"#]
        {
            assert!(complete(json).is_err(), "{json}");
        }
    }
}
