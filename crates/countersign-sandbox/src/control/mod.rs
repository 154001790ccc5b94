//! The control API under `/_sandbox/`: a test's way to start checkouts, play the buyer, move the clock
//! and order faults. Unsigned, and for nobody but its owner: loopback peers, or whoever has the
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

use countersign_domain::ids::CheckoutSessionId;
use countersign_domain::provider::close_charge_permission::OpenCharges;
use countersign_http::{Peer, Request, Response};
use http::header::{AUTHORIZATION, ORIGIN};
use http::{Method, StatusCode};

use crate::app::reply::Answer;
use crate::app::{self, App};
use crate::http::origin::Origin;
use crate::http::render as api;
use crate::settings::ControlToken;
use errors::Refused;
use fault::ShownFault;
use moves::{ClockMove, Motion};
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

/// Lets in whoever may control the sandbox. A request without a peer never crossed a socket: an
/// embedding program made it.
fn admit(request: &Request, token: Option<&ControlToken>) -> Result<(), Refused> {
    if request.headers().contains_key(ORIGIN) {
        return Err(Refused::FromAPage);
    }
    match token {
        Some(token) => {
            let header = request.headers().get(AUTHORIZATION).map(|header| header.as_bytes());
            let shown = header.and_then(|header| header.strip_prefix(b"Bearer ")).unwrap_or_default();
            if token.matches(shown) { Ok(()) } else { Err(Refused::WrongToken) }
        }
        None => {
            let peer = request.extensions().get::<Peer>();
            let is_loopback = |peer: &Peer| peer.0.ip().to_canonical().is_loopback();
            if peer.is_none_or(is_loopback) { Ok(()) } else { Err(Refused::NotLoopback) }
        }
    }
}

async fn route(app: &App, request: &Request) -> Result<Response, Refused> {
    let path = request.uri().path();
    let path = path.strip_suffix('/').unwrap_or(path);
    let mut segments = path.split('/').skip(2);
    let called = (segments.next(), segments.next(), segments.next(), segments.next());
    let query = request.uri().query().unwrap_or("");
    if !matches!((request.method(), called), (&Method::GET, (Some("events" | "ledger"), None, ..))) {
        events::refuse_any(query)?;
    }
    match (request.method(), called) {
        (&Method::POST, (Some("checkout-sessions"), None, ..)) => start_checkout(app, request).await,
        (&Method::POST, (Some("checkout-sessions"), Some(id), Some("buyer"), None)) => {
            act(app, id, request).await
        }
        (&Method::POST, (Some("charge-permissions"), Some(id), Some(party @ ("buyer" | "amazon")), None)) => {
            act_on_permission(app, id, party, request.body()).await
        }
        (&Method::POST, (Some("charges"), Some(id), Some(party @ ("buyer" | "amazon")), None)) => {
            act_on_charge(app, id, party, request.body()).await
        }
        (&Method::GET, (Some("ledger"), None, ..)) => ledger(app, query).await,
        (&Method::GET, (Some("clock"), None, ..)) => Ok(render::clock(app.clock.state())),
        (&Method::POST, (Some("clock"), None, ..)) => move_clock(app, request.body()).await,
        (&Method::GET, (Some("events"), None, ..)) => events(app, query).await,
        (&Method::GET, (Some("faults"), None, ..)) => Ok(list_faults(app)),
        (&Method::POST, (Some("faults"), None, ..)) => order_fault(app, request.body()),
        (&Method::DELETE, (Some("faults"), id, None, _)) => remove_faults(app, id),
        (&Method::GET, (Some("notifications"), None, ..)) => Ok(list_notifications(app)),
        (&Method::GET, (Some("notification-endpoints"), None, ..)) => Ok(list_endpoints(app)),
        (&Method::POST, (Some("notification-endpoints"), None, ..)) => {
            register_endpoint(app, request.body()).await
        }
        (&Method::DELETE, (Some("notification-endpoints"), id, None, _)) => remove_endpoints(app, id).await,
        (&Method::GET, (Some("notification-faults"), None, ..)) => Ok(list_notification_faults(app)),
        (&Method::POST, (Some("notification-faults"), None, ..)) => {
            order_notification_fault(app, request.body())
        }
        (&Method::DELETE, (Some("notification-faults"), id, None, _)) => remove_notification_faults(app, id),
        (&Method::POST, (Some("notification-certificates"), None, ..)) => {
            renew_certificate(app, request.body())
        }
        (&Method::POST, (Some("reset"), None, ..)) => {
            reset::nothing(request.body())?;
            app.reset().await?;
            Ok(render::json(StatusCode::OK, "{}".to_owned()))
        }
        (&Method::GET, (Some("health"), None, ..)) => {
            Ok(render::json(StatusCode::OK, r#"{"status":"ready"}"#.to_owned()))
        }
        (
            _,
            (
                Some(
                    "checkout-sessions"
                    | "clock"
                    | "events"
                    | "ledger"
                    | "faults"
                    | "notifications"
                    | "notification-endpoints"
                    | "notification-faults"
                    | "notification-certificates"
                    | "reset"
                    | "health",
                ),
                None,
                ..,
            )
            | (Some("checkout-sessions" | "charge-permissions" | "charges"), Some(_), Some("buyer"), None)
            | (Some("charge-permissions" | "charges"), Some(_), Some("amazon"), None)
            | (Some("faults" | "notification-endpoints" | "notification-faults"), Some(_), None, _),
        ) => Err(Refused::WrongMethod),
        _ => Err(Refused::NoSuchPath),
    }
}

async fn start_checkout(app: &App, request: &Request) -> Result<Response, Refused> {
    let started = app.start_checkout(checkout::start(request.body(), &app.merchants)?).await?;
    Ok(render::checkout(StatusCode::CREATED, &started, &Origin::of(request)))
}

async fn act(app: &App, id: &str, request: &Request) -> Result<Response, Refused> {
    let id = CheckoutSessionId::parse(id).map_err(|_| Refused::NotFound("Checkout Session"))?;
    let act = checkout::act(request.body())?;
    Ok(render::checkout(StatusCode::OK, &app.buyer_acts(&id, &act).await?, &Origin::of(request)))
}

async fn act_on_permission(app: &App, id: &str, party: &str, body: &[u8]) -> Result<Response, Refused> {
    let party = Party::parse(party).ok_or(Refused::NoSuchPath)?;
    let (id, act) = (payments::permission_id(id)?, payments::act_on_permission(party, body)?);
    let moment = app.moment().await;
    let shown = |permission: &_| Answer::new(200, api::charge_permission(permission));
    let acted = async {
        let caller = app.caller_for(&id, moment.now).await?;
        match act {
            PermissionAct::Close(reason) => {
                app.close_for(&caller, &id, reason, OpenCharges::Stay, shown).await
            }
            PermissionAct::UpdatePaymentMethod(card) => {
                app.update_payment_method(&caller, &id, card, shown).await
            }
        }
    };
    let acted = acted.await.map_err(|refused| unless_found("Charge Permission", refused))?;
    Ok(render::json(StatusCode::OK, acted.body))
}

async fn act_on_charge(app: &App, id: &str, party: &str, body: &[u8]) -> Result<Response, Refused> {
    let party = Party::parse(party).ok_or(Refused::NoSuchPath)?;
    let (id, reason) = (payments::charge_id(id)?, payments::act_on_charge(party, body)?);
    let moment = app.moment().await;
    let acted = async {
        let caller = app.caller_for_charge(&id, moment.now).await?;
        app.cancel_charge(&caller, &id, reason, |charge| Answer::new(200, api::charge(charge))).await
    };
    let acted = acted.await.map_err(|refused| unless_found("Charge", refused))?;
    Ok(render::json(StatusCode::OK, acted.body))
}

/// A refusal that names what is not there: the control API has no merchant whose it could be.
fn unless_found(what: &'static str, refused: app::Refused) -> Refused {
    match refused {
        app::Refused::NotFound => Refused::NotFound(what),
        refused => Refused::App(refused),
    }
}

async fn ledger(app: &App, query: &str) -> Result<Response, Refused> {
    let id = payments::ledger_of(query)?;
    let moment = app.moment().await;
    let accounts = app.accounts(&id, moment.now).await?.ok_or(Refused::NotFound("Charge Permission"))?;
    Ok(render::shape(StatusCode::OK, &payments::ledger(&accounts)))
}

/// The clock is moved first and what is due is applied before the answer, so that the caller sees the
/// world as it is then.
async fn move_clock(app: &App, body: &[u8]) -> Result<Response, Refused> {
    let ClockMove { motion, freeze, rate } = moves::read(body)?;
    app.move_clock(|clock| {
        // A clock that is to stand stands before it is set: it then shows exactly that instant.
        if let Some(freeze) = freeze {
            clock.freeze(freeze);
        }
        if let Some(rate) = rate {
            clock.set_rate(rate);
        }
        match motion {
            Some(Motion::Advance(by)) => clock.advance(by),
            Some(Motion::Set(now)) => clock.set(now),
            None => {}
        }
    })
    .await?;
    Ok(render::clock(app.clock.state()))
}

async fn events(app: &App, query: &str) -> Result<Response, Refused> {
    let query = events::read(query)?;
    let session = query.checkout_session_id.as_ref().map(CheckoutSessionId::as_str);
    let events = app.events(session, query.after, query.limit).await?;
    Ok(render::shape(StatusCode::OK, &events::shown(&events)))
}

fn order_fault(app: &App, body: &[u8]) -> Result<Response, Refused> {
    let order = fault::order(body, || app.ids.fault_seed())?;
    if order.public_key_id.as_ref().is_some_and(|id| app.merchants.key(id).is_none()) {
        return Err(Refused::invalid("publicKeyId", "the sandbox has no such key"));
    }
    let fault_id = app.ids.fault_id();
    app.faults.order(fault_id.clone(), order)?;
    Ok(render::shape(StatusCode::CREATED, &fault::Ordered { fault_id }))
}

fn list_faults(app: &App) -> Response {
    let faults: Vec<ShownFault> = app.faults.list().into_iter().map(ShownFault::from).collect();
    render::shape(StatusCode::OK, &fault::List { faults })
}

fn remove_faults(app: &App, fault_id: Option<&str>) -> Result<Response, Refused> {
    let removed = match fault_id {
        None => app.faults.clear(),
        Some(fault_id) if app.faults.remove(fault_id) => 1,
        Some(_) => return Err(Refused::NotFound("fault")),
    };
    Ok(render::shape(StatusCode::OK, &fault::Removed { removed }))
}

fn list_notifications(app: &App) -> Response {
    let notifications = app.notices.sent.list().into_iter().map(Into::into).collect();
    render::shape(StatusCode::OK, &notifications::SentList { notifications })
}

fn list_endpoints(app: &App) -> Response {
    let endpoints = app.notices.endpoints().into_iter().map(Into::into).collect();
    render::shape(StatusCode::OK, &notifications::Endpoints { endpoints })
}

async fn register_endpoint(app: &App, body: &[u8]) -> Result<Response, Refused> {
    let endpoint = app.register_endpoint(notifications::endpoint(body, &app.merchants)?).await?;
    Ok(render::shape(StatusCode::CREATED, &notifications::ShownEndpoint::from(endpoint)))
}

async fn remove_endpoints(app: &App, id: Option<&str>) -> Result<Response, Refused> {
    let removed = app.remove_endpoints(id).await?;
    if id.is_some() && removed == 0 {
        return Err(Refused::NotFound("endpoint"));
    }
    Ok(render::shape(StatusCode::OK, &fault::Removed { removed }))
}

fn list_notification_faults(app: &App) -> Response {
    let faults = app.notices.faults.list().into_iter().map(Into::into).collect();
    render::shape(StatusCode::OK, &notifications::Faults { faults })
}

fn order_notification_fault(app: &App, body: &[u8]) -> Result<Response, Refused> {
    let order = notifications::fault(body, &app.merchants, || app.ids.fault_seed())?;
    let fault_id = app.ids.fault_id();
    app.notices.faults.order(fault_id.clone(), order)?;
    Ok(render::shape(StatusCode::CREATED, &fault::Ordered { fault_id }))
}

fn remove_notification_faults(app: &App, fault_id: Option<&str>) -> Result<Response, Refused> {
    let removed = match fault_id {
        None => app.notices.faults.clear(),
        Some(fault_id) if app.notices.faults.remove(fault_id) => 1,
        Some(_) => return Err(Refused::NotFound("fault")),
    };
    Ok(render::shape(StatusCode::OK, &fault::Removed { removed }))
}

/// From now on another key signs; what is on its way can still be verified.
fn renew_certificate(app: &App, body: &[u8]) -> Result<Response, Refused> {
    reset::nothing(body)?;
    let key = app.notices.certificates.rotate().map_err(Refused::NoKey)?;
    let signing_cert_url = format!("{}{}", app.notices.origin, key.path());
    Ok(render::shape(StatusCode::CREATED, &notifications::Renewed { signing_cert_url }))
}
