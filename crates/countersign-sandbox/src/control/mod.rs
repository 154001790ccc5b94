//! The control API under `/_sandbox/`: a test's way to start checkouts, play the buyer, move the clock and
//! order faults. Its requests are not signed. It is open only to the sandbox's owner: to loopback peers, or
//! to callers with the token, and never to a page in a browser. The server passes every such path to
//! [`answer`].

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

use std::sync::{Arc, LazyLock};

use countersign_domain::ids::{ChargeId, ChargePermissionId, CheckoutSessionId};
use countersign_domain::provider::charge::ChargeCancelReason;
use countersign_domain::provider::charge_permission::{PermissionClosed, update_payment_method};
use countersign_domain::provider::close_charge_permission::OpenCharges;
use countersign_domain::provider::payment::Payment;
use countersign_domain::step::Step;
use countersign_http::{Peer, Request, Response, Router};
use countersign_protocol::json::Members;
use http::header::{AUTHORIZATION, ORIGIN};
use http::{Method, StatusCode};

use crate::app::App;
use crate::book::checkout::{Checkout, SessionExtras};
use crate::calls::cancel_charge::cancel;
use crate::calls::close_charge_permission::close;
use crate::calls::payment_answer::with_permission_alone;
use crate::http::errors::ApiRefused;
use crate::http::origin::Origin;
use crate::settings::ControlToken;
use errors::{ControlRefused, RouteResult};
use payments::{Party, PermissionAct};

/// The first segment of every path of the control API.
pub(crate) const FIRST_SEGMENT: &str = "_sandbox";

static ROUTES: LazyLock<Router<Arc<App>, ControlRefused>> = LazyLock::new(|| {
    Router::new()
        .post("/_sandbox/checkout-sessions", start_checkout)
        .post("/_sandbox/checkout-sessions/{checkoutSessionId}/buyer", act)
        .post("/_sandbox/charge-permissions/{chargePermissionId}/buyer", buyer_acts_on_permission)
        .post("/_sandbox/charge-permissions/{chargePermissionId}/amazon", amazon_acts_on_permission)
        .post("/_sandbox/charges/{chargeId}/buyer", buyer_acts_on_charge)
        .post("/_sandbox/charges/{chargeId}/amazon", amazon_acts_on_charge)
        .get("/_sandbox/clock", clock)
        .post("/_sandbox/clock", move_clock)
        .get("/_sandbox/events", events)
        .get("/_sandbox/ledger", ledger)
        .get("/_sandbox/faults", faults)
        .post("/_sandbox/faults", fault::order)
        .delete("/_sandbox/faults", remove_faults)
        .delete("/_sandbox/faults/{faultId}", remove_fault)
        .get("/_sandbox/notification-endpoints", endpoints)
        .post("/_sandbox/notification-endpoints", register_endpoint)
        .delete("/_sandbox/notification-endpoints", remove_endpoints)
        .delete("/_sandbox/notification-endpoints/{endpointId}", remove_endpoint)
        .get("/_sandbox/notifications", notifications)
        .get("/_sandbox/notification-faults", notification_faults)
        .post("/_sandbox/notification-faults", fault::order_of_notifications)
        .delete("/_sandbox/notification-faults", remove_notification_faults)
        .delete("/_sandbox/notification-faults/{faultId}", remove_notification_fault)
        .post("/_sandbox/notification-certificates", renew_certificate)
        .post("/_sandbox/reset", reset)
        .get("/_sandbox/health", health)
});

/// Answers a request whose path begins with [`FIRST_SEGMENT`].
pub(crate) async fn answer(app: &Arc<App>, request: &Request) -> Response {
    let answer =
        match admit(request, app.settings.control_token.as_ref()).and_then(|()| without_query(request)) {
            Ok(()) => ROUTES.answer(Arc::clone(app), request.clone()).await,
            Err(refused) => Err(refused),
        };
    answer.unwrap_or_else(|refused| errors::render(refused, &app.settings.flags))
}

/// Admits the callers that may control the sandbox. A request without a peer did not come through a socket:
/// an embedding program made it.
fn admit(request: &Request, token: Option<&ControlToken>) -> Result<(), ControlRefused> {
    if request.headers().contains_key(ORIGIN) {
        let message = "The control API does not answer requests that have an Origin header.";
        return Err(ControlRefused::forbidden(message));
    }
    match token {
        Some(token) => {
            let header = request.headers().get(AUTHORIZATION).map(|header| header.as_bytes());
            let shown = header.and_then(|header| header.strip_prefix(b"Bearer ")).unwrap_or_default();
            if token.matches(shown) { Ok(()) } else { Err(ControlRefused::wrong_token()) }
        }
        None => {
            let peer = request.extensions().get::<Peer>();
            let is_loopback = |peer: &Peer| peer.0.ip().to_canonical().is_loopback();
            if peer.is_none_or(is_loopback) {
                return Ok(());
            }
            let message = "Without a control token the control API answers loopback addresses only.";
            Err(ControlRefused::forbidden(message))
        }
    }
}

/// Refuses query parameters, except for the two requests that take some.
fn without_query(request: &Request) -> Result<(), ControlRefused> {
    let path = request.uri().path();
    let reads = matches!(path.strip_suffix('/').unwrap_or(path), "/_sandbox/events" | "/_sandbox/ledger");
    if reads && request.method() == Method::GET { Ok(()) } else { events::refuse_any(query(request)) }
}

fn query(request: &Request) -> &str {
    request.uri().query().unwrap_or("")
}

async fn start_checkout(app: Arc<App>, request: Request) -> RouteResult {
    let (new, act) = checkout::start(request.body(), &app.merchants, &app.settings)?;
    let then = |session, now| match &act {
        Some(act) => checkout::let_act(&Checkout { session, shown: SessionExtras::default() }, act, now),
        None => Ok(Step { next: session, events: Vec::new() }),
    };
    let started = app.book.start_checkout(&new, then).await?;
    Ok(render::checkout(StatusCode::CREATED, &started, &Origin::from_request(&request)))
}

async fn act(app: Arc<App>, request: Request, id: CheckoutSessionId) -> RouteResult {
    let act = checkout::act(request.body())?;
    let moment = app.book.moment().await;
    let decide = |checkout: &_| checkout::let_act(checkout, &act, moment.now);
    let changed = app.book.change_checkout_session(&id, None, moment.now, decide).await;
    let checkout = changed.map_err(ControlRefused::about("Checkout Session"))?;
    Ok(render::checkout(StatusCode::OK, &checkout, &Origin::from_request(&request)))
}

async fn buyer_acts_on_permission(app: Arc<App>, request: Request, id: ChargePermissionId) -> RouteResult {
    act_on_permission(&app, &id, payments::act_on_permission(Party::Buyer, request.body())?).await
}

async fn amazon_acts_on_permission(app: Arc<App>, request: Request, id: ChargePermissionId) -> RouteResult {
    act_on_permission(&app, &id, payments::act_on_permission(Party::Amazon, request.body())?).await
}

async fn act_on_permission(app: &App, id: &ChargePermissionId, act: PermissionAct) -> RouteResult {
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
    let caller = app.book.caller_for(id, now).await.map_err(ControlRefused::about("Charge Permission"))?;
    let acted = app.book.change_permission(&caller, id, decide).await;
    let acted = acted.map_err(ControlRefused::about("Charge Permission"))?;
    Ok(render::json(StatusCode::OK, acted.body))
}

async fn buyer_acts_on_charge(app: Arc<App>, request: Request, id: ChargeId) -> RouteResult {
    cancel_charge(&app, &id, payments::act_on_charge(Party::Buyer, request.body())?).await
}

async fn amazon_acts_on_charge(app: Arc<App>, request: Request, id: ChargeId) -> RouteResult {
    cancel_charge(&app, &id, payments::act_on_charge(Party::Amazon, request.body())?).await
}

async fn cancel_charge(app: &App, id: &ChargeId, reason: ChargeCancelReason) -> RouteResult {
    let moment = app.book.moment().await;
    let caller = app.book.caller_for_charge(id, moment.now).await.map_err(ControlRefused::about("Charge"))?;
    let decide = |payment: &_, id: &_| cancel(payment, id, reason, moment.now);
    let acted =
        app.book.change_charge(&caller, Some(id), decide).await.map_err(ControlRefused::about("Charge"))?;
    Ok(render::json(StatusCode::OK, acted.body))
}

/// A permission's accounts. A member that a posting does not have is `null`.
async fn ledger(app: Arc<App>, request: Request) -> RouteResult {
    let id = payments::ledger_of(query(&request))?;
    let moment = app.book.moment().await;
    let accounts = app.book.accounts(&id, moment.now).await?;
    let accounts = accounts.ok_or_else(|| ControlRefused::not_found("Charge Permission"))?;
    Ok(render::object(StatusCode::OK, &payments::ledger(&accounts)))
}

async fn clock(app: Arc<App>, _: Request) -> RouteResult {
    Ok(render::clock(app.clock.state()))
}

/// Moves the clock, and applies what is due before answering, so that the caller finds everything
/// as it is at the new instant.
async fn move_clock(app: Arc<App>, request: Request) -> RouteResult {
    let to = moves::read(request.body())?;
    app.book.move_clock(|clock| clock.change(to)).await?;
    Ok(render::clock(app.clock.state()))
}

async fn events(app: Arc<App>, request: Request) -> RouteResult {
    let query = events::read(query(&request))?;
    let session = query.checkout_session_id.as_ref().map(CheckoutSessionId::as_str);
    let events = app.book.events(session, query.after, query.limit).await?;
    Ok(render::list("events", events, events::shown))
}

async fn faults(app: Arc<App>, _: Request) -> RouteResult {
    Ok(render::list("faults", app.faults.list(), fault::shown))
}

async fn remove_faults(app: Arc<App>, _: Request) -> RouteResult {
    fault::remove(&app.faults, None)
}

async fn remove_fault(app: Arc<App>, _: Request, id: String) -> RouteResult {
    fault::remove(&app.faults, Some(&id))
}

async fn endpoints(app: Arc<App>, _: Request) -> RouteResult {
    Ok(render::list("endpoints", app.book.endpoints.list(), notifications::shown))
}

async fn register_endpoint(app: Arc<App>, request: Request) -> RouteResult {
    let endpoint = notifications::endpoint(request.body(), &app.merchants)?;
    let endpoint = app.book.register_endpoint(endpoint).await?;
    Ok(render::object(StatusCode::CREATED, &notifications::shown(endpoint)))
}

async fn remove_endpoints(app: Arc<App>, _: Request) -> RouteResult {
    fault::removed("endpoint", None, app.book.remove_endpoints(None).await?)
}

async fn remove_endpoint(app: Arc<App>, _: Request, id: String) -> RouteResult {
    fault::removed("endpoint", Some(&id), app.book.remove_endpoints(Some(&id)).await?)
}

async fn notifications(app: Arc<App>, _: Request) -> RouteResult {
    Ok(render::list("notifications", app.notices.sent.list(), notifications::sent))
}

async fn notification_faults(app: Arc<App>, _: Request) -> RouteResult {
    Ok(render::list("faults", app.notices.faults.list(), fault::shown_of_notifications))
}

async fn remove_notification_faults(app: Arc<App>, _: Request) -> RouteResult {
    fault::remove(&app.notices.faults, None)
}

async fn remove_notification_fault(app: Arc<App>, _: Request, id: String) -> RouteResult {
    fault::remove(&app.notices.faults, Some(&id))
}

/// Makes a new key, which signs from now on. Notifications that are on their way can still be
/// verified.
async fn renew_certificate(app: Arc<App>, request: Request) -> RouteResult {
    reset::nothing(request.body())?;
    let key = app.notices.certificates.rotate().map_err(|why| ControlRefused::no_key(&why))?;
    let signing_cert_url = format!("{}{}", app.notices.origin, key.path());
    Ok(render::object(StatusCode::CREATED, &Members::default().with("signingCertUrl", signing_cert_url)))
}

async fn reset(app: Arc<App>, request: Request) -> RouteResult {
    reset::nothing(request.body())?;
    app.reset().await?;
    Ok(render::object(StatusCode::OK, &Members::default()))
}

async fn health(_: Arc<App>, _: Request) -> RouteResult {
    Ok(render::object(StatusCode::OK, &Members::default().with("status", "ready")))
}
