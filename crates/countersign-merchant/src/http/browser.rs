//! The buyer's browser: the button's events, from the shop's own page. The token is in the path, as in a
//! result link, and gives access to this one checkout only. Pages of other origins are refused; no cookie is
//! read or set.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use countersign_domain::address::Address as DomainAddress;
use countersign_http::{IncompleteRequest, Request, Response, Router};
use countersign_protocol::object;
use countersign_protocol::wire::{Address, Buyer, CartDetails, Object as _, read_event};
use http::{HeaderValue, Method, StatusCode, header};

use super::errors::{self, RequestRefused, RouteResult};
use super::requests::given;
use super::{json, render};
use crate::book::DecisionError;
use crate::book::commit::LoadedRegistration;
use crate::book::quote::Trigger;
use crate::drive::App;
use crate::drive::quote::Question;
use crate::events::table::{Event, EventKind};
use crate::settings::Origin;
use countersign_domain::merchant::attempt::Bearer;

/// The longest event, in bytes. An event with two addresses has a few thousand.
const MAX_EVENT_LEN: usize = 64 << 10;
/// The largest number of coupon codes in one event, and the longest code, in characters.
const MAX_COUPON_CODES: usize = 20;
const MAX_COUPON_CODE_LEN: usize = 64;
/// The longest code of a button's error that is kept.
const MAX_ERROR_WORD_LEN: usize = 64;

/// How long a browser may keep the answer to a preflight request: ten minutes.
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
    /// One object, although Amazon's name is plural.
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

/// What the functions of the page's routes get.
struct Page {
    app: Arc<App>,
    /// The checkout of the token.
    loaded: LoadedRegistration,
}

static ROUTES: LazyLock<Router<Page, RequestRefused>> = LazyLock::new(|| {
    Router::new()
        .get_and_head("/browser/{browserToken}", standing)
        .post("/browser/{browserToken}/init", init)
        .post("/browser/{browserToken}/shipping-address", shipping_address)
        .post("/browser/{browserToken}/delivery-option", delivery_option)
        .post("/browser/{browserToken}/complete", complete)
        .post("/browser/{browserToken}/cancel", cancel)
        .post("/browser/{browserToken}/error", error)
});

/// Answers one request below `/browser`.
pub(super) async fn answer(app: Arc<App>, request: Request) -> RouteResult {
    // A caller without the token learns nothing, not even which paths exist.
    let loaded = match request.uri().path().split('/').nth(2) {
        None | Some("") => None,
        Some(token) => app.checkout_of_browser(token).await?,
    };
    let loaded = loaded.ok_or_else(RequestRefused::no_such_path)?;
    let (allowed, answered) = match origin(&app, &loaded, &request) {
        Err(refused) => (None, Err(refused)),
        Ok(allowed) if *request.method() == Method::OPTIONS => (allowed, preflight(request.uri().path())),
        Ok(allowed) if request.body().len() > MAX_EVENT_LEN => {
            (allowed, Err(IncompleteRequest::BodyTooLarge.into()))
        }
        Ok(allowed) => (allowed, ROUTES.answer(Page { app, loaded }, request).await),
    };
    let mut response = answered.unwrap_or_else(errors::render);
    let headers = response.headers_mut();
    headers.insert(header::VARY, HeaderValue::from_static("origin"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Some(origin) = allowed {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    }
    Ok(response)
}

/// The origin that may read the answer; `None` for a request without an `Origin` header.
fn origin(
    app: &App,
    loaded: &LoadedRegistration,
    request: &Request,
) -> Result<Option<HeaderValue>, RequestRefused> {
    let mut shown = request.headers().get_all(header::ORIGIN).iter();
    let Some(origin) = shown.next() else { return Ok(None) };
    let start = Origin::from_url(&loaded.registration.links.start_of_checkout_url);
    let is_allowed = shown.next().is_none()
        && start
            .iter()
            .chain(&app.settings.storefront.origins)
            .any(|allowed| allowed.as_str().as_bytes() == origin.as_bytes());
    if is_allowed { Ok(Some(origin.clone())) } else { Err(RequestRefused::origin_not_allowed()) }
}

/// Answers the preflight request that a browser makes before a page of another origin may send JSON. `HEAD` is
/// not named: a browser sends it without a preflight, as it does `GET`.
fn preflight(path: &str) -> RouteResult {
    let allowed = ROUTES.allowed(path).ok_or_else(RequestRefused::no_such_path)?;
    let mut response = no_content();
    let headers = response.headers_mut();
    // Names of methods are always a valid header value.
    let named: Vec<&str> = allowed.split(", ").filter(|method| *method != "HEAD").collect();
    if let Ok(methods) = HeaderValue::from_str(&named.join(", ")) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
    }
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("content-type"));
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, PREFLIGHT_KEPT_S);
    Ok(response)
}

fn no_content() -> Response {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn standing(page: Page, _: Request) -> RouteResult {
    Ok(render::browser_standing(&page.app.settings, &page.loaded.registration, page.app.clock.now()))
}

async fn init(page: Page, request: Request) -> RouteResult {
    let event: InitCheckout = read_event(request.body())?;
    let question = Question {
        shipping_address: event.shipping_address.map(DomainAddress::from),
        billing_address: event.billing_address.map(DomainAddress::from),
        coupon_codes: coupon_codes(event.coupon_codes)?,
        buyer: event.buyer,
        ..Question::new(Trigger::Init)
    };
    quoted(&page, &question).await
}

async fn shipping_address(page: Page, request: Request) -> RouteResult {
    let event: ShippingAddressSelection = read_event(request.body())?;
    let question = Question {
        shipping_address: event.shipping_address.map(DomainAddress::from),
        coupon_codes: coupon_codes(event.coupon_codes)?,
        ..Question::new(Trigger::ShippingAddress)
    };
    quoted(&page, &question).await
}

async fn delivery_option(page: Page, request: Request) -> RouteResult {
    let event: DeliveryOptionSelection = read_event(request.body())?;
    let chosen = event.delivery_options.ok_or(RequestRefused::missing("deliveryOptions"))?;
    let id = chosen.id.filter(|id| !id.is_empty()).ok_or(RequestRefused::missing("deliveryOptions.id"))?;
    let question = Question {
        delivery_option_id: Some(id),
        coupon_codes: coupon_codes(event.coupon_codes)?,
        ..Question::new(Trigger::DeliveryOption)
    };
    quoted(&page, &question).await
}

async fn complete(Page { app, loaded }: Page, request: Request) -> RouteResult {
    let (session, given) = given(read_event(request.body())?)?;
    let id = loaded.registration.checkout.id.as_str();
    let outcome = app.complete(id, &session, &given, Bearer::Browser).await?;
    Ok(render::browser_result(&app.settings, &outcome, app.clock.now()))
}

async fn cancel(page: Page, request: Request) -> RouteResult {
    let _: ButtonEvent = read_event(request.body())?;
    noted(&page, Event::new(EventKind::PageCanceled)).await
}

async fn error(page: Page, request: Request) -> RouteResult {
    let event: ButtonEvent = read_event(request.body())?;
    let event = match event.message.filter(|message| is_word(message)) {
        Some(word) => Event::with_word(EventKind::PageError, word),
        None => Event::new(EventKind::PageError),
    };
    noted(&page, event).await
}

async fn noted(page: &Page, event: Event) -> RouteResult {
    page.app.note_page_event(&page.loaded, event).await?;
    Ok(no_content())
}

/// Whether a message is a code such as `InvalidParameterValue`. Anything longer may be any text, and is not
/// kept.
fn is_word(message: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    (1..=MAX_ERROR_WORD_LEN).contains(&message.len()) && message.bytes().all(is_part)
}

/// The answer to Amazon's page: the cart, or the code of why there is none. Both have status 200.
async fn quoted(page: &Page, question: &Question) -> RouteResult {
    let details = match page.app.quote(&page.loaded, question).await {
        Ok(details) => details,
        Err(DecisionError::Refused(refused)) => CartDetails {
            status: Some("error".to_owned()),
            reason_code: Some(refused.as_str().to_owned()),
            ..CartDetails::default()
        },
        Err(DecisionError::Store(failed)) => return Err(failed.into()),
    };
    Ok(json::json_bytes(StatusCode::OK, Bytes::from(details.to_request())))
}

fn coupon_codes(codes: Option<Vec<String>>) -> Result<Option<Vec<String>>, RequestRefused> {
    let is_code = |code: &String| {
        (1..=MAX_COUPON_CODE_LEN).contains(&code.chars().count()) && !code.chars().any(char::is_control)
    };
    match &codes {
        Some(codes) if codes.len() > MAX_COUPON_CODES || !codes.iter().all(is_code) => {
            let why = "must be at most 20 printable texts of 1 to 64 characters";
            Err(RequestRefused::invalid("couponCodes", why))
        }
        Some(_) | None => Ok(codes),
    }
}
