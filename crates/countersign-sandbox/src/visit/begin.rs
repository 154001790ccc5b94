//! How a visit begins for an existing Checkout Session: the buyer comes back from the shop's review page to
//! change a choice, or is sent to pay.

use countersign_domain::money::Money;
use countersign_domain::provider::checkout_session::{
    CheckoutSession, CheckoutSessionState, Constraint, Flow, WebCheckoutDetails,
};

use super::act::way_back;
use super::{Visit, VisitStep};

/// Where a buyer who comes to the page is sent.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Arrival<V> {
    /// To their visit.
    Visit(V),
    /// Back to the shop, at this URL: there is nothing left to pay.
    Back(String),
}

/// Why no visit begins for a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoVisit {
    /// No such Checkout Session waits for its buyer.
    NotWaiting,
    /// The Checkout Session has no review page in the shop, where its buyer could change something: Buy Now
    /// and `ProcessOrder` have none.
    NoReviewPage,
    /// The page that asks is not the shop's: `checkoutReviewReturnUrl` leads to another origin.
    ForeignPage,
    /// The shop has not set yet what there is to pay, or where the buyer returns to.
    Constrained(Constraint),
}

/// The visit of a buyer who comes back from the shop's review page. The session must be Open and
/// have a buyer, and its order must not be placed. `visit` has what the shop's page sent.
pub(crate) fn again(session: &CheckoutSession, visit: &Visit) -> Result<Arrival<Visit>, NoVisit> {
    let WebCheckoutDetails { checkout_review_return_url: review, checkout_mode, .. } = &session.web_checkout;
    let review = review.as_deref().filter(|_| session.flow == Flow::Redirect && checkout_mode.is_none());
    if !is_of_origin(review.ok_or(NoVisit::NoReviewPage)?, &visit.origin) {
        return Err(NoVisit::ForeignPage);
    }
    let CheckoutSessionState::Open { buyer: Some(buyer), placed_at: None, .. } = &session.state else {
        return Err(NoVisit::NotWaiting);
    };
    let address = buyer.shipping_address.clone();
    Ok(Arrival::Visit(Visit {
        currency: session.payment.charge_amount.map_or(visit.currency, Money::currency),
        step: VisitStep::Review,
        address: address.as_ref().map(|_| 0),
        addresses: address.into_iter().collect(),
        ..visit.clone()
    }))
}

/// The visit of a buyer who comes by a session's `amazonPayRedirectUrl`, to pay for what they chose and the
/// shop has priced.
pub(crate) fn to_pay(session: &CheckoutSession) -> Result<Arrival<Visit>, NoVisit> {
    if session.flow != Flow::Redirect {
        return Err(NoVisit::NotWaiting);
    }
    if !matches!(session.state, CheckoutSessionState::Open { placed_at: None, .. }) {
        return way_back(session).map(Arrival::Back).ok_or(NoVisit::NotWaiting);
    }
    // A buyer who has not signed in yet can do so on the page.
    let lacks = session.constraints().into_iter().find(|it| *it != Constraint::BuyerNotAssociated);
    lacks.map_or_else(|| Ok(Arrival::Visit(Visit::to_pay(session))), |lacks| Err(NoVisit::Constrained(lacks)))
}

/// Whether a URL is on an origin. A browser writes an origin without the scheme's default port.
fn is_of_origin(url: &str, origin: &str) -> bool {
    let parts = |url: &str| {
        let uri = url.parse::<http::Uri>().ok()?;
        let scheme = uri.scheme_str()?.to_ascii_lowercase();
        let port = uri.port_u16().unwrap_or(if scheme == "https" { 443 } else { 80 });
        Some((scheme, uri.host()?.to_ascii_lowercase(), port))
    };
    parts(url).is_some_and(|of_url| parts(origin) == Some(of_url))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_on_an_origin_by_scheme_host_and_port() {
        for (url, origin, is_there) in [
            ("https://shop.example/review?a=1#b", "https://shop.example", true),
            ("https://Shop.Example:443/", "https://shop.example", true),
            ("http://localhost:8080/review", "http://localhost:8080", true),
            ("http://localhost:80", "http://localhost", true),
            ("https://shop.example/", "http://shop.example", false),
            ("https://shop.example:8443/", "https://shop.example", false),
            ("https://shop.example/", "https://www.shop.example", false),
            ("https://shop.example.evil/", "https://shop.example", false),
            ("https://evil.example/https://shop.example", "https://shop.example", false),
            ("/review", "https://shop.example", false),
            ("", "", false),
        ] {
            assert_eq!(is_of_origin(url, origin), is_there, "{url} {origin}");
        }
    }
}
