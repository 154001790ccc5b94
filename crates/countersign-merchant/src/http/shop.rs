//! The shop's API: the routes below `/v1`, which all require the shop's token.

use std::sync::{Arc, LazyLock};

use countersign_domain::merchant::after::cancel::CancelRequest;
use countersign_domain::merchant::after::fulfilment::Freshness;
use countersign_http::{Peer, Request, Router};
use http::StatusCode;

use super::errors::{RequestRefused, RouteResult};
use super::payment_requests::NamedRequest;
use super::requests::FulfilmentQuery;
use super::{json, payment_render, payment_requests, render, requests};
use crate::book::commit::LoadedRegistration;
use crate::book::outbox::Facts;
use crate::book::register::RegistrationOutcome;
use crate::drive::App;
use crate::explain::explanation;
use countersign_domain::merchant::attempt::Bearer;

static ROUTES: LazyLock<Router<Arc<App>, RequestRefused>> = LazyLock::new(|| {
    Router::new()
        .post("/v1/checkouts", register)
        .get("/v1/checkouts", list)
        .get("/v1/checkouts/{checkoutId}", checkout)
        .put("/v1/checkouts/{checkoutId}/terms", change_terms)
        .post("/v1/checkouts/{checkoutId}/complete", complete)
        .post("/v1/checkouts/{checkoutId}/charges", charge)
        .post("/v1/checkouts/{checkoutId}/captures", capture)
        .post("/v1/checkouts/{checkoutId}/refunds", refund)
        .post("/v1/checkouts/{checkoutId}/cancel", cancel)
        .post("/v1/checkouts/{checkoutId}/close", close)
        .get("/v1/checkouts/{checkoutId}/fulfilment", fulfilment)
        .post("/v1/checkouts/{checkoutId}/shipments", ship)
        .get("/v1/checkouts/{checkoutId}/explanation", explain)
        .get("/v1/checkouts/{checkoutId}/snapshot", snapshot)
        .delete("/v1/checkouts/{checkoutId}/snapshot", erase_snapshot)
        .get("/v1/events", events)
        .post("/v1/webhooks/{eventId}/send", send_webhook)
});

pub(super) async fn answer(app: Arc<App>, request: Request) -> RouteResult {
    authorized(&app, &request)?;
    ROUTES.answer(app, request).await
}

/// Checks the shop's token, in constant time.
fn authorized(app: &App, request: &Request) -> Result<(), RequestRefused> {
    let header = request.headers().get(http::header::AUTHORIZATION).map(http::HeaderValue::as_bytes);
    let shown = header.and_then(|header| {
        let (scheme, token) = header.split_at_checked("Bearer ".len())?;
        scheme.eq_ignore_ascii_case(b"Bearer ").then_some(token)
    });
    let expected = app.settings.shop_token.expose().as_bytes();
    let is_shown = shown.is_some_and(|shown| {
        // An empty token would let everybody in.
        !shown.is_empty() && aws_lc_rs::constant_time::verify_slices_are_equal(shown, expected).is_ok()
    });
    if !is_shown {
        let peer = request.extensions().get::<Peer>().map(|peer| peer.0);
        tracing::warn!(?peer, "a request to the shop's API was refused: its token is missing or wrong");
        return Err(RequestRefused::unauthorized());
    }
    Ok(())
}

fn query(request: &Request) -> &str {
    request.uri().query().unwrap_or("")
}

async fn loaded(app: &App, id: &str) -> Result<LoadedRegistration, RequestRefused> {
    app.checkout(id).await?.ok_or_else(RequestRefused::no_such_checkout)
}

async fn register(app: Arc<App>, request: Request) -> RouteResult {
    let registered = app.register(&requests::order(request.body())?).await?;
    Ok(render::registered(&app.settings, &registered))
}

async fn list(app: Arc<App>, request: Request) -> RouteResult {
    let query = requests::list_query(query(&request))?;
    let now = app.clock.now();
    let page = match query.order_id {
        Some(order_id) => app.checkouts_of_order(&order_id, query.listed, now).await?,
        None => app.checkouts(query.listed, query.after, now).await?,
    };
    Ok(render::list(&app.settings, &page, now))
}

async fn checkout(app: Arc<App>, _: Request, id: String) -> RouteResult {
    let loaded = loaded(&app, &id).await?;
    let timeline = app.timeline(&loaded.registration.checkout).await?;
    Ok(render::checkout(&app.settings, &loaded.registration, &timeline, app.clock.now()))
}

async fn change_terms(app: Arc<App>, request: Request, id: String) -> RouteResult {
    let (version, terms) = requests::terms(request.body())?;
    let registration = app.change_terms(&id, version, &terms).await?;
    Ok(render::registered(&app.settings, &RegistrationOutcome { registration, is_new: false }))
}

async fn complete(app: Arc<App>, request: Request, id: String) -> RouteResult {
    let (session, given) = requests::completion(request.body())?;
    let outcome = app.complete(&id, &session, &given, Bearer::Shop).await?;
    Ok(render::result(&app.settings, &outcome, app.clock.now()))
}

async fn charge(app: Arc<App>, request: Request, id: String) -> RouteResult {
    operate(&app, &id, payment_requests::charge(request.body())?).await
}

async fn capture(app: Arc<App>, request: Request, id: String) -> RouteResult {
    operate(&app, &id, payment_requests::capture(request.body())?).await
}

async fn refund(app: Arc<App>, request: Request, id: String) -> RouteResult {
    operate(&app, &id, payment_requests::refund(request.body())?).await
}

async fn close(app: Arc<App>, request: Request, id: String) -> RouteResult {
    operate(&app, &id, payment_requests::close(request.body())?).await
}

async fn operate(app: &App, id: &str, NamedRequest { reference, asked }: NamedRequest) -> RouteResult {
    payment_render::operated(&app.operate(id, &reference, &asked).await?)
}

async fn cancel(app: Arc<App>, request: Request, id: String) -> RouteResult {
    let cancel = payment_requests::cancel(request.body())?;
    let (reference, reason) = (cancel.reference.as_str(), cancel.reason.as_deref());
    let request = CancelRequest { reference, reason, shipped_too: cancel.shipped_too };
    payment_render::canceled(&app.cancel(&id, &request).await?)
}

async fn ship(app: Arc<App>, request: Request, id: String) -> RouteResult {
    let (reference, asked) = payment_requests::shipment(request.body())?;
    let (registration, answer) = app.ship(&id, &reference, &asked).await?;
    payment_render::shipped(&registration, &reference, &answer)
}

async fn fulfilment(app: Arc<App>, request: Request, id: String) -> RouteResult {
    let arrived_at = app.clock.now();
    let FulfilmentQuery { charge_id, max_age } = requests::fulfilment_query(query(&request))?;
    let freshness = Freshness { arrived_at, max_age };
    let (_, computed) = app.fulfilment(loaded(&app, &id).await?, charge_id.as_ref(), freshness).await?;
    Ok(payment_render::fulfilment(&computed.ok_or_else(RequestRefused::no_such_charge)?))
}

async fn explain(app: Arc<App>, request: Request, id: String) -> RouteResult {
    let query = requests::timeline_query(query(&request))?;
    let freshness = Freshness::at(app.clock.now());
    let (registration, computed) = app.fulfilment(loaded(&app, &id).await?, None, freshness).await?;
    let after = query.after.unwrap_or_default();
    let page = app.timeline_page(&registration.checkout, after, query.limit).await?;
    // There is always an answer when no charge was named.
    let computed = computed.ok_or_else(RequestRefused::no_such_charge)?;
    let now = app.clock.now();
    Ok(json::json(StatusCode::OK, &explanation(&registration, &page, &app.rules(), &computed, now)))
}

async fn snapshot(app: Arc<App>, _: Request, id: String) -> RouteResult {
    let (taken_at, transaction) = app.snapshot(&id).await?;
    render::snapshot(&id, taken_at, &transaction)
}

async fn erase_snapshot(app: Arc<App>, _: Request, id: String) -> RouteResult {
    Ok(render::erased(&id, app.erase_snapshot(&id).await?))
}

async fn send_webhook(app: Arc<App>, request: Request, event_id: String) -> RouteResult {
    if !matches!(request.body().trim_ascii(), b"" | b"{}") {
        return Err(RequestRefused::invalid("body", "must be empty"));
    }
    app.send_webhook(&event_id).await?;
    Ok(render::webhook_sent(&event_id))
}

async fn events(app: Arc<App>, request: Request) -> RouteResult {
    let query = requests::events_query(query(&request))?;
    match app.facts(query.after, query.limit).await? {
        Facts::Page(facts) => Ok(render::facts(&facts)),
        Facts::NoSuchFact => Err(RequestRefused::invalid("after", "must be the id of an event")),
    }
}
