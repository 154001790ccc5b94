//! What a buyer's browser sees of Amazon's half: `checkout.js`, which shops load, and the hosted
//! page that it opens. The page consists of plain forms, which are answered with 303. It works
//! without its script, except for the questions to the shop's page, which only a script can ask.
//!
//! Requests come from anywhere, since a shop's page may be anywhere. A checkout is tied to the
//! origin of the page that sent the request to begin it. A request that continues one needs the
//! token of its URL, and is refused if another site's page sent it.

mod configuration;
mod form;
mod page;
mod script;
mod texts;

use bytes::Bytes;
use countersign_domain::address::{Address, AddressMember};
use countersign_domain::ids::CheckoutSessionId;
use countersign_domain::provider::buyer::Card;
use countersign_domain::provider::event::HandlerFailure;
use countersign_http::{Request, Response};
use countersign_protocol::wire::MAX_ADDRESS_MEMBER_LEN;
use http::header::{HOST, LOCATION, ORIGIN};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

use crate::app::App;
use crate::book::refused::BookRefused;
use crate::book::visit::{BeginRefused, MAX_VISITS};
use crate::visit::act::{HandlerAnswer, OrderPlacement, VisitAct};
use crate::visit::begin::{self, Arrival, NoVisit};
use crate::visit::token::VisitToken;
use crate::visit::words::Bank;
use crate::visit::{Failure, Gift};
use configuration::VisitRequest;
use form::Form;
use page::AddressDraft;

/// The longest body of a request that begins a checkout, in bytes.
const MAX_CONFIGURATION_LEN: usize = 64 * 1024;
/// The longest part of a shop page's message about a failure that is kept, in characters.
const MAX_MESSAGE_LEN: usize = 255;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Answers a request, if it is for one of these pages.
pub(crate) async fn answer(app: &App, request: &Request) -> Option<Response> {
    let path = request.uri().path();
    if let Some(script) = script::at(path) {
        return Some(match *request.method() {
            Method::GET => script.answer(request.headers()),
            _ => wrong_method(),
        });
    }
    let rest = path.strip_prefix("/checkout")?;
    let mut segments = rest.split('/').skip(1);
    let called = (segments.next(), segments.next(), segments.next());
    Some(match (request.method(), called) {
        _ if !rest.is_empty() && !rest.starts_with('/') => return None,
        (&Method::POST, (None | Some(""), None, None)) => begin(app, request).await,
        (&Method::GET, (Some("processing"), None, None)) => process(app, request).await,
        (&Method::GET, (Some(token), None, None)) => match VisitToken::parse(token) {
            Some(token) => show(app, &token, None).await,
            None => not_found(),
        },
        (&Method::POST, (Some(token), Some(act), None)) => match VisitToken::parse(token) {
            Some(token) => go_on(app, request, &token, act).await,
            None => not_found(),
        },
        (_, (None | Some(""), None, None) | (Some(_), None | Some(_), None)) => wrong_method(),
        _ => not_found(),
    })
}

/// Begins a visit from the form that a button sent.
async fn begin(app: &App, request: &Request) -> Response {
    let Some(origin) = web_origin(request.headers()) else {
        let why = "The request has no Origin header with an http or https origin: a checkout begins by a form of \
                   the shop's page. A page whose Referrer-Policy is no-referrer sends none.";
        return page::refused(StatusCode::FORBIDDEN, None, why);
    };
    let refused = |status: StatusCode, why: &str| page::refused(status, Some(origin), why);
    if request.body().len() > MAX_CONFIGURATION_LEN {
        return refused(StatusCode::PAYLOAD_TOO_LARGE, "The configuration is longer than 64 kB.");
    }
    let form = Form::read(request.body());
    let Some(json) = form.as_ref().and_then(|form| form.field("configuration")) else {
        return refused(StatusCode::BAD_REQUEST, "The parameter [configuration] is required.");
    };
    let begun = match configuration::read(json, origin, &app.merchants, &app.settings) {
        Ok(begun) => begun,
        Err(why) => return refused(StatusCode::BAD_REQUEST, &why.to_string()),
    };
    let started = match &begun {
        VisitRequest::New(checkout, visit) => app.book.start_visit(checkout, visit).await,
        VisitRequest::Again(id, visit) => {
            app.book.join_visit(id, |session| begin::again(session, visit)).await
        }
    };
    let (status, why) = match started {
        Ok(arrival) => return arrived(arrival),
        Err(BeginRefused::NoVisit(NoVisit::NotWaiting)) => {
            (StatusCode::NOT_FOUND, "no such Checkout Session waits for its buyer".to_owned())
        }
        Err(BeginRefused::NoVisit(NoVisit::NoReviewPage)) => {
            let why = "its buyer returns to no checkoutReviewReturnUrl, where something could be changed";
            (StatusCode::BAD_REQUEST, why.to_owned())
        }
        Err(BeginRefused::NoVisit(NoVisit::ForeignPage)) => {
            let why = format!("its checkoutReviewReturnUrl is not on {origin}, where this page is");
            (StatusCode::FORBIDDEN, why)
        }
        Err(BeginRefused::TooManyVisits) => {
            return refused(StatusCode::SERVICE_UNAVAILABLE, &too_many_visits());
        }
        Err(_) => return unavailable(),
    };
    refused(status, &format!("The value provided for [amazonCheckoutSessionId] is invalid: {why}."))
}

/// Answers `amazonPayRedirectUrl`. The shop's page links to this URL, so a GET begins the visit; it
/// changes nothing about the Checkout Session.
async fn process(app: &App, request: &Request) -> Response {
    let refused = |status, why: &str| page::nothing(status, "This checkout cannot go on", why);
    let query = Form::read(request.uri().query().unwrap_or_default().as_bytes());
    let id = query.as_ref().and_then(|query| query.field("amazonCheckoutSessionId"));
    let Some(id) = id else {
        return refused(StatusCode::BAD_REQUEST, "The parameter [amazonCheckoutSessionId] is required.");
    };
    let sent = match CheckoutSessionId::parse(id) {
        Ok(id) => app.book.join_visit(&id, begin::to_pay).await,
        Err(_) => Err(BeginRefused::NoVisit(NoVisit::NotWaiting)),
    };
    match sent {
        Ok(arrival) => arrived(arrival),
        Err(BeginRefused::NoVisit(NoVisit::Constrained(constraint))) => {
            refused(StatusCode::UNPROCESSABLE_ENTITY, constraint.description())
        }
        Err(BeginRefused::TooManyVisits) => refused(StatusCode::SERVICE_UNAVAILABLE, &too_many_visits()),
        Err(BeginRefused::NoVisit(_)) => {
            let why = "The value provided for [amazonCheckoutSessionId] is invalid: no such Checkout Session \
                       waits to be paid.";
            refused(StatusCode::NOT_FOUND, why)
        }
        Err(BeginRefused::Payment(_) | BeginRefused::Store(_)) => unavailable(),
    }
}

fn too_many_visits() -> String {
    format!(
        "{MAX_VISITS} buyers are on this page, which is as many as it keeps. Place or cancel some of their \
         orders, move the clock by 24 hours, or reset the sandbox."
    )
}

async fn show(app: &App, token: &VisitToken, draft: Option<&AddressDraft>) -> Response {
    match app.book.visit(token).await {
        Ok(seen) => page::for_visit(token, &seen, draft),
        Err(BookRefused::NotFound) => not_found(),
        Err(_) => unavailable(),
    }
}

/// Handles a form of the page itself. An act that does not fit the visit's step changes nothing,
/// and the buyer sees the current state.
async fn go_on(app: &App, request: &Request, token: &VisitToken, act: &str) -> Response {
    if is_foreign(request) {
        let why = "A form of another page sent this. Nothing was changed.";
        return page::nothing(StatusCode::FORBIDDEN, "Refused", why);
    }
    let Some(form) = Form::read(request.body()) else {
        return page::nothing(StatusCode::BAD_REQUEST, "Refused", "The body is not that of a form.");
    };
    let act = match read_act(act, &form) {
        FormRequest::Act(act) => act,
        FormRequest::Draft(draft) => return show(app, token, Some(&draft)).await,
        FormRequest::Nothing => return see_other(token),
        FormRequest::NoSuchAct => return not_found(),
    };
    match app.book.act_on_visit(token, &act).await {
        Ok(_) => see_other(token),
        Err(BookRefused::NotFound) => not_found(),
        Err(_) => unavailable(),
    }
}

/// What a form asks for.
enum FormRequest {
    Act(VisitAct),
    /// An address that is not valid.
    Draft(AddressDraft),
    /// A field does not have the form in which the page's own forms send it.
    Nothing,
    NoSuchAct,
}

fn read_act(name: &str, form: &Form) -> FormRequest {
    let number = |field: &str| form.field(field).and_then(|text| text.parse::<usize>().ok());
    let text = |field: &str| form.field(field).map(str::to_owned);
    let card = || form.field("card").and_then(Card::parse);
    let points = || form.field("points").and_then(|points| points.trim().parse().ok());
    let act = match name {
        "sign-in" => number("buyer").map(VisitAct::SignIn),
        "consent" => Some(VisitAct::Consent),
        "address" => number("address").map(VisitAct::SelectAddress),
        "add-address" => match address(form) {
            (address, None) => Some(VisitAct::AddAddress(address)),
            (address, Some(wrong)) => {
                return FormRequest::Draft(AddressDraft { place: None, address, wrong });
            }
        },
        "edit-address" => match (number("address"), address(form)) {
            (Some(place), (address, None)) => Some(VisitAct::EditAddress(place, address)),
            (Some(place), (address, Some(wrong))) => {
                return FormRequest::Draft(AddressDraft { place: Some(place), address, wrong });
            }
            (None, _) => None,
        },
        "delivery-option" => text("option").map(VisitAct::SelectDeliveryOption),
        "coupon" => text("code").map(VisitAct::AddCoupon),
        "remove-coupon" => text("code").map(VisitAct::RemoveCoupon),
        "gift" => gift(form).map(VisitAct::ChooseGift),
        "points" => points().map(VisitAct::RedeemPoints),
        "card" => card().map(VisitAct::SelectCard),
        "place-order" => {
            let bank = Bank::parse(form.field("bank").unwrap_or(Bank::AsTheCardSays.as_str()));
            let cart_number = form.field("cart").and_then(|number| number.parse().ok());
            let (address, delivery_option) = (number("address"), text("option"));
            cart_number.zip(bank).map(|(cart_number, bank)| {
                let (gift, points, card) = (gift(form), points(), card());
                VisitAct::PlaceOrder(OrderPlacement {
                    cart_number,
                    bank,
                    address,
                    delivery_option,
                    gift,
                    points,
                    card,
                })
            })
        }
        "pass" => Some(VisitAct::PassMfa),
        "fail" => Some(VisitAct::FailMfa),
        "another-card" => card().map(VisitAct::TryAnotherCard),
        "give-up" => Some(VisitAct::GiveUp),
        "retry" => Some(VisitAct::Retry),
        "answer" => answered(form),
        "cancel" => Some(VisitAct::Cancel),
        _ => return FormRequest::NoSuchAct,
    };
    act.map_or(FormRequest::Nothing, FormRequest::Act)
}

/// What the buyer asks for if the order is a gift. The form always has a message, which may be empty.
fn gift(form: &Form) -> Option<Gift> {
    let message = form.field("message")?.trim();
    let message = Some(message).filter(|message| !message.is_empty()).map(str::to_owned);
    Some(Gift { is_wrapped: form.field("wrap").is_some(), message })
}

/// The answer that the page's script received from the shop's page.
fn answered(form: &Form) -> Option<VisitAct> {
    let number = form.field("id")?.parse().ok()?;
    let why = form.field("message").unwrap_or_default().chars().take(MAX_MESSAGE_LEN).collect();
    let failed = |kind| Some(HandlerAnswer::Failed(Failure { kind, why }));
    let answer = match form.field("failure") {
        None | Some("") => form.field("answer").map(|json| HandlerAnswer::With(json.to_owned())),
        Some("NoAnswer") => failed(HandlerFailure::NoAnswer),
        Some("TimedOut") => failed(HandlerFailure::TimedOut),
        Some(_) => None,
    }?;
    Some(VisitAct::Answer { number, answer })
}

/// The address of a form, and the first member that is not valid. An empty field is absent.
fn address(form: &Form) -> (Address, Option<AddressMember>) {
    let mut address = Address::default();
    let mut wrong = None;
    for member in AddressMember::ALL {
        let text = form.field(member.as_str()).filter(|text| !text.trim().is_empty());
        let is_long = text.is_some_and(|text| text.chars().count() > MAX_ADDRESS_MEMBER_LEN);
        let is_absent = text.is_none() && page::REQUIRED.contains(member);
        // Country codes are compared and shown in capitals everywhere.
        let text = match member {
            AddressMember::CountryCode => text.map(|code| code.trim().to_uppercase()),
            _ => text.map(str::to_owned),
        };
        let is_country =
            |code: &String| code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase());
        let is_wrong_country =
            *member == AddressMember::CountryCode && !text.as_ref().is_some_and(is_country);
        if (is_long || is_absent || is_wrong_country) && wrong.is_none() {
            wrong = Some(*member);
        }
        *address.member_mut(*member) = text.map(|text| text.chars().take(MAX_ADDRESS_MEMBER_LEN).collect());
    }
    (address, wrong)
}

/// The origin of the page that sent a form, if it is an http or https origin.
fn web_origin(headers: &HeaderMap) -> Option<&str> {
    let origin = headers.get(ORIGIN)?.to_str().ok()?;
    let authority = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"))?;
    // The origin is copied into one of our headers, so it must not contain anything that ends a
    // directive there.
    let is_plain =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':' | b'[' | b']');
    let is_authority = authority.parse::<http::uri::Authority>().is_ok();
    (is_authority && authority.bytes().all(is_plain)).then_some(origin)
}

/// Whether the browser says that another site's page sent this. These pages have the policy `no-referrer`, so
/// browsers send the `Origin` `null` with the pages' own forms; then `Sec-Fetch-Site` decides, if the browser
/// sends that header. The real protection is the token.
fn is_foreign(request: &Request) -> bool {
    let headers = request.headers();
    if headers.get(SEC_FETCH_SITE).is_some_and(|site| site != "same-origin" && site != "none") {
        return true;
    }
    let Some(origin) = headers.get(ORIGIN).filter(|origin| *origin != "null") else { return false };
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let authority = web_origin(headers).and_then(|origin| origin.split_once("://")).map(|(_, it)| it);
    let own = host.or_else(|| request.uri().authority().map(|authority| authority.as_str()));
    origin.is_empty()
        || authority.is_none()
        || !authority.zip(own).is_some_and(|(it, own)| it.eq_ignore_ascii_case(own))
}

fn arrived(arrival: Arrival<VisitToken>) -> Response {
    match arrival {
        Arrival::Visit(token) => see_other(&token),
        Arrival::Back(url) => sent_to(&url),
    }
}

fn see_other(token: &VisitToken) -> Response {
    sent_to(&format!("/checkout/{}", token.as_str()))
}

fn sent_to(url: &str) -> Response {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::SEE_OTHER;
    // This never fails: a token is hexadecimal digits, and a shop's URL was parsed as a URL.
    if let Ok(location) = HeaderValue::from_str(url) {
        response.headers_mut().insert(LOCATION, location);
    }
    response.headers_mut().insert(http::header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().insert(http::header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

fn not_found() -> Response {
    let why = "There is no such page, or its checkout is long over.";
    page::nothing(StatusCode::NOT_FOUND, "Not found", why)
}

fn wrong_method() -> Response {
    page::nothing(StatusCode::METHOD_NOT_ALLOWED, "Refused", "This path does not support this method.")
}

fn unavailable() -> Response {
    let why = "The sandbox cannot read or write its store right now. Load this page again in a moment.";
    page::nothing(StatusCode::SERVICE_UNAVAILABLE, "Please try again", why)
}
