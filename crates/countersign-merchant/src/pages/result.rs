//! The buyer's result page: the current result, for anyone who has the link. It shows the order's id and
//! amount and no personal data. It only reads the store, so reloading, going back and bookmarks are safe.

use std::sync::LazyLock;
use std::time::Duration;

use askama::Template;
use aws_lc_rs::digest;
use bytes::Bytes;
use countersign_domain::merchant::checkout::Checkout;
use countersign_domain::time::Timestamp;
use countersign_http::Response;
use countersign_protocol::signing::base64;
use http::{HeaderValue, StatusCode, header};

use super::buyer_news::BuyerNews;
use super::texts::Texts;
use crate::registration::Registration;
use crate::settings::Settings;

const STYLE: &str = include_str!("../../templates/result.css");

/// How often a page without a definite verdict checks again, in seconds: at first, and after [`SOON`]. Its
/// script updates the page in place; the page is reloaded only where no scripts run.
const REFRESH_S: u32 = 5;
const REFRESH_LATER_S: u32 = 20;
/// How long after the buyer's return a verdict is expected soon.
const SOON: Duration = Duration::from_secs(2 * 60);
/// Until how long after the buyer's return a page checks again by itself: without this limit, a forgotten tab
/// would check forever. After that, the buyer checks again by the page's link.
const REFRESHES_FOR: Duration = Duration::from_secs(30 * 60);

#[derive(Template)]
#[template(path = "result.html")]
struct ResultPage<'a> {
    texts: &'a Texts,
    style: &'static str,
    shop_name: &'a str,
    shop_url: Option<&'a str>,
    /// The class of the verdict, for its color.
    mood: &'static str,
    headline: &'a str,
    advice: Vec<&'a str>,
    order: Option<(&'a str, String)>,
    link: Option<(&'a str, &'a str)>,
    refresh_s: Option<u32>,
}

/// The page of a checkout.
pub(crate) fn page(settings: &Settings, registration: &Registration, now: Timestamp) -> Response {
    let checkout = &registration.checkout;
    let links = &registration.links;
    let texts = Texts::for_language(links.checkout_language.as_deref());
    let news = BuyerNews::of(checkout, checkout.verdict(), now);
    let own_url = registration.result_url(settings);
    let go_on = links.success_url.as_deref().map(|url| (texts.go_on, url));
    let try_again = Some((texts.try_again, links.start_of_checkout_url.as_str()));
    // An order that is canceled, refunded or released can no longer be paid, so the page links to the shop.
    let shop_url = settings.storefront.shop_url.as_deref();
    let to_shop = Some((texts.to_shop, shop_url.unwrap_or(&links.start_of_checkout_url)));
    let (mood, link, refresh_s) = match news {
        BuyerNews::Paid | BuyerNews::Placed | BuyerNews::PartlyRefunded => ("good", go_on, None),
        // Nobody is kept from paying with another session.
        BuyerNews::NotApproved => ("open", try_again, refresh_s(checkout, now)),
        BuyerNews::Pending | BuyerNews::Checking => {
            ("open", Some((texts.check_again, own_url.as_str())), refresh_s(checkout, now))
        }
        BuyerNews::NotPaid(_) => ("bad", try_again, None),
        // It was paid, and is not any more.
        BuyerNews::Refunded | BuyerNews::Expired | BuyerNews::Lapsed | BuyerNews::Canceling => {
            ("over", to_shop, None)
        }
        BuyerNews::Canceled => ("bad", to_shop, None),
        BuyerNews::NotStarted => ("open", try_again, None),
    };
    let advice = texts.advice(checkout, news).into_iter().chain(refresh_s.map(|_| texts.looks_again));
    let page = ResultPage {
        texts,
        style: STYLE,
        shop_name: &settings.shop_name,
        shop_url,
        mood,
        headline: texts.headline(news),
        advice: advice.collect(),
        order: Some((checkout.order_id.as_str(), checkout.terms.charge_amount.to_string())),
        link,
        refresh_s,
    };
    render(StatusCode::OK, &page)
}

/// After how many seconds a page checks again by itself, if it still does.
fn refresh_s(checkout: &Checkout, now: Timestamp) -> Option<u32> {
    let attempt = checkout.live_attempt().or_else(|| checkout.attempts.last())?;
    let waited = now.since(attempt.bound_at);
    match waited {
        waited if waited < SOON => Some(REFRESH_S),
        waited if waited < REFRESHES_FOR => Some(REFRESH_LATER_S),
        _ => None,
    }
}

/// The page for a link that leads to no checkout, whatever is wrong with the link. `languages` is the
/// browser's `Accept-Language`.
pub(crate) fn not_found(settings: &Settings, languages: Option<&str>) -> Response {
    let texts = Texts::accepted(languages);
    without_checkout(settings, StatusCode::NOT_FOUND, texts, texts.not_found, None)
}

/// The page while the store does not answer. It shows no verdict.
pub(crate) fn unavailable(settings: &Settings, languages: Option<&str>) -> Response {
    let texts = Texts::accepted(languages);
    let status = StatusCode::SERVICE_UNAVAILABLE;
    without_checkout(settings, status, texts, texts.unavailable, Some(REFRESH_S))
}

fn without_checkout(
    settings: &Settings,
    status: StatusCode,
    texts: &Texts,
    headline: &str,
    refresh_s: Option<u32>,
) -> Response {
    let page = ResultPage {
        texts,
        style: STYLE,
        shop_name: &settings.shop_name,
        shop_url: settings.storefront.shop_url.as_deref(),
        mood: "open",
        headline,
        advice: Vec::new(),
        order: None,
        link: None,
        refresh_s,
    };
    render(status, &page)
}

/// Only this page's own style may load, and no page may frame it.
static DEFINITE_POLICY: LazyLock<HeaderValue> = LazyLock::new(|| policy(""));
/// A page that checks again may also run its own script, which may connect to this server only.
static OPEN_POLICY: LazyLock<HeaderValue> =
    LazyLock::new(|| policy("script-src 'self'; connect-src 'self'; "));

fn policy(of_scripts: &str) -> HeaderValue {
    let hash = base64(digest::digest(&digest::SHA256, STYLE.as_bytes()).as_ref());
    let policy = format!(
        "default-src 'none'; {of_scripts}style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
}

fn render(status: StatusCode, page: &ResultPage<'_>) -> Response {
    // The template writes only into memory, which does not fail.
    let mut response = Response::new(Bytes::from(page.render().unwrap_or_default()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    let policy = if page.refresh_s.is_some() { &*OPEN_POLICY } else { &*DEFINITE_POLICY };
    headers.insert(header::CONTENT_SECURITY_POLICY, policy.clone());
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert("x-robots-tag", HeaderValue::from_static("noindex"));
    response
}
