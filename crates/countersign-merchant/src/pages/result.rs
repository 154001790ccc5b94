//! The buyer's result page: the truth as of now, for whoever holds the link. It shows the order's
//! number and amount and no personal data, reads the store and writes nothing, so that reloading,
//! going back and bookmarks are all safe.

use std::sync::LazyLock;

use askama::Template;
use aws_lc_rs::digest;
use bytes::Bytes;
use countersign_domain::merchant::verdict::Verdict;
use countersign_http::Response;
use countersign_protocol::signing::base64;
use http::{HeaderValue, StatusCode, header};

use super::texts::Texts;
use crate::app::registration::Registration;
use crate::settings::Settings;

const STYLE: &str = include_str!("../../templates/result.css");

/// How soon a page whose verdict is not definite asks again by itself, in seconds.
const REFRESH_S: u32 = 5;

#[derive(Template)]
#[template(path = "result.html")]
struct ResultPage<'a> {
    texts: &'a Texts,
    style: &'static str,
    shop_name: &'a str,
    /// The class of the verdict, for its color.
    mood: &'static str,
    headline: &'a str,
    detail: Option<&'a str>,
    order: Option<(&'a str, String)>,
    link: Option<(&'a str, &'a str)>,
    refresh_s: Option<u32>,
}

/// The page of a checkout.
pub(crate) fn page(settings: &Settings, registration: &Registration) -> Response {
    let checkout = &registration.checkout;
    let links = &registration.links;
    let texts = Texts::of(links.checkout_language.as_deref());
    let go_on = links.success_url.as_deref().map(|url| (texts.go_on, url));
    let try_again = Some((texts.try_again, links.start_of_checkout_url.as_str()));
    let (mood, headline, detail, link, refresh_s) = match checkout.verdict() {
        Verdict::Paid(_) => ("good", texts.paid, None, go_on, None),
        Verdict::Authorized(_) | Verdict::Confirmed(_) => ("good", texts.placed, None, go_on, None),
        Verdict::Pending(_) => ("open", texts.pending, Some(texts.checking_detail), None, Some(REFRESH_S)),
        Verdict::Checking(_) => ("open", texts.checking, Some(texts.checking_detail), None, Some(REFRESH_S)),
        Verdict::NotPaid(_) => ("bad", texts.not_paid, None, try_again, None),
        Verdict::Canceled => ("bad", texts.canceled, None, try_again, None),
        Verdict::Registered => ("open", texts.not_started, None, try_again, None),
    };
    let order = Some((checkout.order_id.as_str(), checkout.terms.charge_amount.to_string()));
    let page = ResultPage {
        texts,
        style: STYLE,
        shop_name: &settings.shop_name,
        mood,
        headline,
        detail,
        order,
        link,
        refresh_s,
    };
    render(StatusCode::OK, &page)
}

/// The page of a link that leads nowhere: the same whatever is wrong with it.
pub(crate) fn not_found(settings: &Settings) -> Response {
    without_checkout(settings, StatusCode::NOT_FOUND, |texts| texts.not_found, None)
}

/// The page while the store does not answer: never a verdict.
pub(crate) fn unavailable(settings: &Settings) -> Response {
    without_checkout(settings, StatusCode::SERVICE_UNAVAILABLE, |texts| texts.unavailable, Some(REFRESH_S))
}

fn without_checkout(
    settings: &Settings,
    status: StatusCode,
    headline: impl Fn(&'static Texts) -> &'static str,
    refresh_s: Option<u32>,
) -> Response {
    let texts = Texts::of(None);
    let page = ResultPage {
        texts,
        style: STYLE,
        shop_name: &settings.shop_name,
        mood: "open",
        headline: headline(texts),
        detail: None,
        order: None,
        link: None,
        refresh_s,
    };
    render(status, &page)
}

/// Only this page's own style may load, and nobody may frame it.
static CONTENT_SECURITY_POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let hash = base64(digest::digest(&digest::SHA256, STYLE.as_bytes()).as_ref());
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
});

fn render(status: StatusCode, page: &ResultPage<'_>) -> Response {
    // The template writes into memory only.
    let mut response = Response::new(Bytes::from(page.render().unwrap_or_default()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY.clone());
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert("x-robots-tag", HeaderValue::from_static("noindex"));
    response
}
