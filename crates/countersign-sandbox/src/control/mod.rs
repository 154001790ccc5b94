//! The control API under `/_sandbox/`: a test's way to start checkouts, play the buyer, move the clock
//! and order faults. Unsigned, and for nobody but its owner: loopback peers, or callers with the
//! token; never a page in a browser. The server hands every such path to [`answer`].

mod checkout;
mod errors;
mod events;
mod fault;
mod moves;
mod notifications;
mod numbers;
mod payments;
mod render;
mod reset;

use countersign_domain::ids::{ChargeId, CheckoutSessionId};
use countersign_domain::provider::charge_permission::{PermissionClosed, update_payment_method};
use countersign_domain::provider::close_charge_permission::OpenCharges;
use countersign_domain::provider::payment::Payment;
use countersign_domain::step::Step;
use countersign_http::{Peer, Request, Response};
use countersign_protocol::json::Members;
use http::header::{AUTHORIZATION, ORIGIN};
use http::{Method, StatusCode};

use crate::app::App;
use crate::book::checkout::{Checkout, Shown};
use crate::calls::cancel_charge::cancel;
use crate::calls::close_charge_permission::close;
use crate::calls::payment_answer::with_permission_alone;
use crate::http::errors::Refused as ApiRefused;
use crate::http::origin::Origin;
use crate::settings::ControlToken;
use errors::Refused;
use payments::{Party, PermissionAct};

/// The first segment of every path of the control API.
pub(crate) const FIRST_SEGMENT: &str = "_sandbox";

/// Answers a request whose path begins with [`FIRST_SEGMENT`].
pub(crate) async fn answer(app: &App, request: &Request) -> Response {
    let answer = match admit(request, app.settings.control_token.as_ref()) {
        Ok(()) => route(app, request).await,
        Err(refused) => Err(refused),
    };
    answer.unwrap_or_else(|refused| errors::render(refused, &app.settings.flags))
}

/// Lets in the callers that may control the sandbox. A request without a peer never crossed a socket: an
/// embedding program made it.
fn admit(request: &Request, token: Option<&ControlToken>) -> Result<(), Refused> {
    if request.headers().contains_key(ORIGIN) {
        let message = "The control API does not answer requests that have an Origin header.";
        return Err(Refused::forbidden(message));
    }
    match token {
        Some(token) => {
            let header = request.headers().get(AUTHORIZATION).map(|header| header.as_bytes());
            let shown = header.and_then(|header| header.strip_prefix(b"Bearer ")).unwrap_or_default();
            if token.matches(shown) { Ok(()) } else { Err(Refused::wrong_token()) }
        }
        None => {
            let peer = request.extensions().get::<Peer>();
            let is_loopback = |peer: &Peer| peer.0.ip().to_canonical().is_loopback();
            if peer.is_none_or(is_loopback) {
                return Ok(());
            }
            let message = "Without a control token the control API answers loopback addresses only.";
            Err(Refused::forbidden(message))
        }
    }
}

/// A path that does not take the method is told apart from one that is not known.
async fn route(app: &App, request: &Request) -> Result<Response, Refused> {
    let path = request.uri().path().strip_prefix('/').unwrap_or_default();
    let path = path.strip_suffix('/').unwrap_or(path);
    let path = path.strip_prefix(FIRST_SEGMENT).and_then(|path| path.strip_prefix('/')).unwrap_or_default();
    let body = request.body();
    let is_get = request.method() == Method::GET;
    if !(is_get && matches!(path, "events" | "ledger")) {
        events::refuse_any(query(request))?;
    }
    let only = |method| if request.method() == method { Ok(request) } else { Err(Refused::wrong_method()) };
    let (get, post, delete) = (|| only(Method::GET), || only(Method::POST), || only(Method::DELETE));
    let segments: Vec<&str> = path.split('/').collect();
    match *segments {
        ["checkout-sessions"] => start_checkout(app, post()?).await,
        ["checkout-sessions", id, "buyer"] => act(app, id, post()?).await,
        ["charge-permissions", id, "buyer"] => act_on_permission(app, id, Party::Buyer, post()?).await,
        ["charge-permissions", id, "amazon"] => act_on_permission(app, id, Party::Amazon, post()?).await,
        ["charges", id, "buyer"] => act_on_charge(app, id, Party::Buyer, post()?).await,
        ["charges", id, "amazon"] => act_on_charge(app, id, Party::Amazon, post()?).await,
        ["ledger"] => ledger(app, get()?).await,
        ["events"] => events(app, get()?).await,
        ["clock"] => match *request.method() {
            Method::GET => Ok(render::clock(app.clock.state())),
            Method::POST => move_clock(app, body).await,
            _ => Err(Refused::wrong_method()),
        },
        ["faults"] => match *request.method() {
            Method::GET => Ok(render::list("faults", app.faults.list(), fault::shown)),
            Method::POST => fault::order(app, body),
            _ => delete().and_then(|_| fault::remove(&app.faults, None)),
        },
        ["faults", id] => delete().and_then(|_| fault::remove(&app.faults, Some(id))),
        ["notifications"] => {
            get().map(|_| render::list("notifications", app.notices.sent.list(), notifications::sent))
        }
        ["notification-endpoints"] => match *request.method() {
            Method::GET => Ok(render::list("endpoints", app.book.endpoints.list(), notifications::shown)),
            Method::POST => register_endpoint(app, body).await,
            _ => delete().map(|_| remove_endpoints(app, None))?.await,
        },
        ["notification-endpoints", id] => delete().map(|_| remove_endpoints(app, Some(id)))?.await,
        ["notification-faults"] => match *request.method() {
            Method::GET => {
                Ok(render::list("faults", app.notices.faults.list(), fault::shown_of_notifications))
            }
            Method::POST => fault::order_of_notifications(app, body),
            _ => delete().and_then(|_| fault::remove(&app.notices.faults, None)),
        },
        ["notification-faults", id] => delete().and_then(|_| fault::remove(&app.notices.faults, Some(id))),
        ["notification-certificates"] => renew_certificate(app, post()?),
        ["reset"] => reset(app, post()?).await,
        ["health"] => {
            get().map(|_| render::object(StatusCode::OK, &Members::default().with("status", "ready")))
        }
        _ => Err(Refused::no_such_path()),
    }
}

fn query(request: &Request) -> &str {
    request.uri().query().unwrap_or("")
}

async fn start_checkout(app: &App, request: &Request) -> Result<Response, Refused> {
    let (new, act) = checkout::start(request.body(), &app.merchants, &app.settings)?;
    let then = |session, now| match &act {
        Some(act) => checkout::let_act(&Checkout { session, shown: Shown::default() }, act, now),
        None => Ok(Step { next: session, events: Vec::new() }),
    };
    let started = app.book.start_checkout(&new, then).await?;
    Ok(render::checkout(StatusCode::CREATED, &started, &Origin::of(request)))
}

async fn act(app: &App, id: &str, request: &Request) -> Result<Response, Refused> {
    let id = CheckoutSessionId::parse(id).map_err(|_| Refused::not_found("Checkout Session"))?;
    let act = checkout::act(request.body())?;
    let moment = app.book.moment().await;
    let decide = |checkout: &_| checkout::let_act(checkout, &act, moment.now);
    let changed = app.book.change_checkout_session(&id, None, moment.now, decide).await;
    let checkout = changed.map_err(Refused::of("Checkout Session"))?;
    Ok(render::checkout(StatusCode::OK, &checkout, &Origin::of(request)))
}

async fn act_on_permission(
    app: &App,
    id: &str,
    party: Party,
    request: &Request,
) -> Result<Response, Refused> {
    let (id, act) = (payments::permission_id(id)?, payments::act_on_permission(party, request.body())?);
    let moment = app.book.moment().await;
    let now = moment.now;
    let decide = |payment: &Payment| match act {
        PermissionAct::Close(reason) => close(payment, reason, OpenCharges::Stay, now),
        PermissionAct::UpdatePaymentMethod(card) => {
            let step = update_payment_method(&payment.permission, card, now)
                .map_err(|PermissionClosed| ApiRefused::PermissionClosed)?;
            let unchanged = || Step { next: payment.permission.clone(), events: Vec::new() };
            Ok(with_permission_alone(payment, step.unwrap_or_else(unchanged)))
        }
    };
    let caller = app.book.caller_for(&id, now).await.map_err(Refused::of("Charge Permission"))?;
    let acted = app.book.change_permission(&caller, &id, decide).await;
    let acted = acted.map_err(Refused::of("Charge Permission"))?;
    Ok(render::json(StatusCode::OK, acted.body))
}

async fn act_on_charge(app: &App, id: &str, party: Party, request: &Request) -> Result<Response, Refused> {
    let id = ChargeId::parse(id).map_err(|_| Refused::not_found("Charge"))?;
    let reason = payments::act_on_charge(party, request.body())?;
    let moment = app.book.moment().await;
    let caller = app.book.caller_for_charge(&id, moment.now).await.map_err(Refused::of("Charge"))?;
    let decide = |payment: &_, id: &_| cancel(payment, id, reason, moment.now);
    let acted = app.book.change_charge(&caller, Some(&id), decide).await.map_err(Refused::of("Charge"))?;
    Ok(render::json(StatusCode::OK, acted.body))
}

/// A permission's accounts. What a posting does not have is `null`.
async fn ledger(app: &App, request: &Request) -> Result<Response, Refused> {
    let id = payments::ledger_of(query(request))?;
    let moment = app.book.moment().await;
    let accounts = app.book.accounts(&id, moment.now).await?;
    let accounts = accounts.ok_or_else(|| Refused::not_found("Charge Permission"))?;
    Ok(render::object(StatusCode::OK, &payments::ledger(&accounts)))
}

/// The clock is moved first and what is due is applied before the answer, so that the caller sees the
/// world as it is then.
async fn move_clock(app: &App, body: &[u8]) -> Result<Response, Refused> {
    let to = moves::read(body)?;
    app.book.move_clock(|clock| clock.change(to)).await?;
    Ok(render::clock(app.clock.state()))
}

async fn events(app: &App, request: &Request) -> Result<Response, Refused> {
    let query = events::read(query(request))?;
    let session = query.checkout_session_id.as_ref().map(CheckoutSessionId::as_str);
    let events = app.book.events(session, query.after, query.limit).await?;
    Ok(render::list("events", events, events::shown))
}

async fn register_endpoint(app: &App, body: &[u8]) -> Result<Response, Refused> {
    let endpoint = app.book.register_endpoint(notifications::endpoint(body, &app.merchants)?).await?;
    Ok(render::object(StatusCode::CREATED, &notifications::shown(endpoint)))
}

async fn remove_endpoints(app: &App, id: Option<&str>) -> Result<Response, Refused> {
    fault::removed("endpoint", id, app.book.remove_endpoints(id).await?)
}

/// From now on another key signs; what is on its way can still be verified.
fn renew_certificate(app: &App, request: &Request) -> Result<Response, Refused> {
    reset::nothing(request.body())?;
    let key = app.notices.certificates.rotate().map_err(|why| Refused::no_key(&why))?;
    let signing_cert_url = format!("{}{}", app.notices.origin, key.path());
    Ok(render::object(StatusCode::CREATED, &Members::default().with("signingCertUrl", signing_cert_url)))
}

async fn reset(app: &App, request: &Request) -> Result<Response, Refused> {
    reset::nothing(request.body())?;
    app.reset().await?;
    Ok(render::object(StatusCode::OK, &Members::default()))
}
