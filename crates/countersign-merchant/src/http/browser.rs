//! The buyer's browser: the button's events, from the shop's own page. Its token is in the path, as in a
//! result link, and opens this one checkout and nothing else. Pages of other origins are turned away; no
//! cookie is read or set.

use bytes::Bytes;
use countersign_domain::address::Address as DomainAddress;
use countersign_http::{Request, Response, Unreadable};
use countersign_protocol::object;
use countersign_protocol::wire::{Address, Buyer, CartDetails, Object as _, read_event};
use http::{HeaderValue, Method, StatusCode, header};

use super::errors::{self, Refused};
use super::requests::{given, only_get};
use super::{json, render};
use crate::book::Failed;
use crate::book::arrival::Bearer;
use crate::book::commit::Loaded;
use crate::book::quote::Trigger;
use crate::drive::App;
use crate::drive::quote::Question;
use crate::events::table::{Event, Kind};
use crate::settings::Origin;

/// The longest event, in bytes: a page's own members and two addresses are a few thousand.
const MAX_EVENT_LEN: usize = 64 << 10;
/// The most coupon codes of one event, and the longest of them, in characters.
const MAX_COUPON_CODES: usize = 20;
const MAX_COUPON_CODE_LEN: usize = 64;
/// The longest word of a button's error that is kept.
const MAX_ERROR_WORD_LEN: usize = 64;

/// For how long a browser need not ask again whether it may ask: ten minutes.
const PREFLIGHT_KEPT_S: HeaderValue = HeaderValue::from_static("600");

object! {
    struct InitCheckout {
        buyer: Buyer = "buyer",
        shipping_address: Address = "shippingAddress",
        billing_address: Address = "billingAddress",
        coupon_codes: Vec<String> = "couponCodes",
    }
}

object! {
    struct ShippingAddressSelection {
        shipping_address: Address = "shippingAddress",
        coupon_codes: Vec<String> = "couponCodes",
    }
}

object! {
    /// One object, by Amazon's plural name.
    struct ChosenDeliveryOption {
        id: String = "id" [..=255],
    }
}

object! {
    struct DeliveryOptionSelection {
        delivery_options: ChosenDeliveryOption = "deliveryOptions",
        coupon_codes: Vec<String> = "couponCodes",
    }
}

object! {
    struct ButtonEvent {
        message: String = "message" [..=4_096],
    }
}

/// Answers one request below `/browser/{browserToken}`.
pub(super) async fn answer(app: &App, request: &Request, token: &str, path: &[&str]) -> Response {
    // A caller without the token learns nothing, not even which paths there are.
    let loaded = match app.checkout_of_browser(token).await {
        Ok(Some(loaded)) => loaded,
        Ok(None) => return errors::render(Refused::no_such_path()),
        Err(failed) => return errors::render(failed.into()),
    };
    let (allowed, answered) = match origin(app, &loaded, request) {
        Err(refused) => (None, Err(refused)),
        Ok(allowed) if *request.method() == Method::OPTIONS => (allowed, preflight(path)),
        Ok(allowed) => (allowed, browser(app, request, loaded, path).await),
    };
    let mut response = answered.unwrap_or_else(errors::render);
    let headers = response.headers_mut();
    headers.insert(header::VARY, HeaderValue::from_static("origin"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Some(origin) = allowed {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    }
    response
}

/// The origin that may read the answer; none for a request that no page of another origin has made.
fn origin(app: &App, loaded: &Loaded, request: &Request) -> Result<Option<HeaderValue>, Refused> {
    let mut shown = request.headers().get_all(header::ORIGIN).iter();
    let Some(origin) = shown.next() else { return Ok(None) };
    let start = Origin::of_url(&loaded.registration.links.start_of_checkout_url);
    let is_allowed = shown.next().is_none()
        && start
            .iter()
            .chain(&app.settings.storefront.origins)
            .any(|allowed| allowed.as_str().as_bytes() == origin.as_bytes());
    if is_allowed { Ok(Some(origin.clone())) } else { Err(Refused::origin_not_allowed()) }
}

/// What a browser asks before it lets a page of another origin send JSON.
fn preflight(path: &[&str]) -> Result<Response, Refused> {
    let methods = match path {
        [] => "GET",
        [event] if EVENTS.contains(event) => "POST",
        _ => return Err(Refused::no_such_path()),
    };
    let mut response = no_content();
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(methods));
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("content-type"));
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, PREFLIGHT_KEPT_S);
    Ok(response)
}

const EVENTS: [&str; 6] = ["init", "shipping-address", "delivery-option", "complete", "cancel", "error"];

fn no_content() -> Response {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn browser(app: &App, request: &Request, loaded: Loaded, path: &[&str]) -> Result<Response, Refused> {
    let body = request.body();
    if body.len() > MAX_EVENT_LEN {
        return Err(Unreadable::BodyTooLarge.into());
    }
    match (request.method().as_str(), path) {
        ("POST", ["init"]) => quoted(app, &loaded, &init(body)?).await,
        ("POST", ["shipping-address"]) => quoted(app, &loaded, &shipping_address(body)?).await,
        ("POST", ["delivery-option"]) => quoted(app, &loaded, &delivery_option(body)?).await,
        ("POST", ["complete"]) => {
            let (session, given) = given(read_event(body)?)?;
            let id = loaded.registration.checkout.id.as_str();
            let outcome = app.complete(id, &session, &given, Bearer::Browser).await?;
            Ok(render::browser_result(&app.settings, &outcome))
        }
        ("POST", ["cancel"]) => {
            let _: ButtonEvent = read_event(body)?;
            app.note_page_event(&loaded, Event::of_checkout(Kind::PageCanceled)).await?;
            Ok(no_content())
        }
        ("POST", ["error"]) => {
            let event: ButtonEvent = read_event(body)?;
            let event = match event.message.filter(|message| is_word(message)) {
                Some(word) => Event::with_word(Kind::PageError, word),
                None => Event::of_checkout(Kind::PageError),
            };
            app.note_page_event(&loaded, event).await?;
            Ok(no_content())
        }
        (_, [event]) if EVENTS.contains(event) => Err(Refused::wrong_method("POST")),
        (_, []) => {
            only_get(request)?;
            Ok(render::browser_standing(&app.settings, &loaded.registration))
        }
        _ => Err(Refused::no_such_path()),
    }
}

/// A code such as `InvalidParameterValue`. Whatever is longer may be anybody's text, and is not kept.
fn is_word(message: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    (1..=MAX_ERROR_WORD_LEN).contains(&message.len()) && message.bytes().all(is_part)
}

/// The answer to Amazon's page: the cart, or the code of why there is none. Both are answers, so both are 200.
async fn quoted(app: &App, loaded: &Loaded, question: &Question) -> Result<Response, Refused> {
    let details = match app.quote(loaded, question).await {
        Ok(details) => details,
        Err(Failed::Refused(refused)) => CartDetails {
            status: Some("error".to_owned()),
            reason_code: Some(refused.as_str().to_owned()),
            ..CartDetails::default()
        },
        Err(Failed::Store(failed)) => return Err(failed.into()),
    };
    Ok(json::json_bytes(StatusCode::OK, Bytes::from(details.to_request())))
}

fn init(body: &[u8]) -> Result<Question, Refused> {
    let event: InitCheckout = read_event(body)?;
    Ok(Question {
        shipping_address: event.shipping_address.map(DomainAddress::from),
        billing_address: event.billing_address.map(DomainAddress::from),
        coupon_codes: coupon_codes(event.coupon_codes)?,
        buyer: event.buyer,
        ..Question::of(Trigger::Init)
    })
}

fn shipping_address(body: &[u8]) -> Result<Question, Refused> {
    let event: ShippingAddressSelection = read_event(body)?;
    Ok(Question {
        shipping_address: event.shipping_address.map(DomainAddress::from),
        coupon_codes: coupon_codes(event.coupon_codes)?,
        ..Question::of(Trigger::ShippingAddress)
    })
}

fn delivery_option(body: &[u8]) -> Result<Question, Refused> {
    let event: DeliveryOptionSelection = read_event(body)?;
    let chosen = event.delivery_options.ok_or(Refused::missing("deliveryOptions"))?;
    let id = chosen.id.filter(|id| !id.is_empty()).ok_or(Refused::missing("deliveryOptions.id"))?;
    Ok(Question {
        delivery_option_id: Some(id),
        coupon_codes: coupon_codes(event.coupon_codes)?,
        ..Question::of(Trigger::DeliveryOption)
    })
}

fn coupon_codes(codes: Option<Vec<String>>) -> Result<Option<Vec<String>>, Refused> {
    let is_code = |code: &String| {
        (1..=MAX_COUPON_CODE_LEN).contains(&code.chars().count()) && !code.chars().any(char::is_control)
    };
    match &codes {
        Some(codes) if codes.len() > MAX_COUPON_CODES || !codes.iter().all(is_code) => {
            let why = "must be up to 20 printable texts of 1 to 64 characters";
            Err(Refused::invalid("couponCodes", why))
        }
        Some(_) | None => Ok(codes),
    }
}
