//! The merchant half over HTTP: routes, the shop's token, bodies in and out. No rule lives here, and
//! no store is called: `drive/` and `book/` do both.

mod browser;
mod errors;
mod json;
mod payment_render;
mod payment_requests;
mod render;
mod requests;
mod script;
mod update_url;

use std::sync::Arc;

use countersign_client::notification::MAX_ENVELOPE_LEN;
use countersign_domain::ids::CheckoutSessionId;
use countersign_domain::merchant::attempt::GivenAddresses;
use countersign_http::{Handler, Peer, Reply, Request, Response, Unreadable};
use futures_util::future::BoxFuture;
use http::{Method, StatusCode};

use crate::book::arrival::Bearer;
use crate::book::outbox::Facts;
use crate::book::register::Registered;
use crate::drive::App;
use crate::explain::explanation;
use crate::pages::result;
use errors::Refused;
use payment_requests::Named;
use requests::only_get;

/// The longest path that any route has, with room: longer ones are not found without a look.
const MAX_PATH_LEN: usize = 512;

/// Answers the shop, the buyer's browser and the operator.
pub(crate) struct Server {
    pub(crate) app: Arc<App>,
}

impl Handler for Server {
    fn handle(&self, request: Request) -> BoxFuture<'static, Reply> {
        let app = Arc::clone(&self.app);
        Box::pin(async move { Reply::Answer(route(&app, &request).await) })
    }

    fn refuse(&self, _: &http::request::Parts, unreadable: Unreadable) -> Response {
        errors::render(&Refused::Unreadable(unreadable))
    }
}

async fn route(app: &App, request: &Request) -> Response {
    let path = request.uri().path();
    if path.len() > MAX_PATH_LEN {
        return errors::render(&Refused::NoSuchPath);
    }
    let trimmed = path.strip_suffix('/').unwrap_or(path);
    let segments: Vec<&str> = trimmed.split('/').skip(1).collect();
    match segments.as_slice() {
        ["healthz"] => {
            only_get(request).map_or_else(|refused| errors::render(&refused), |()| render::healthy())
        }
        ["readyz"] => match only_get(request) {
            Ok(()) => ready(app).await,
            Err(refused) => Err(refused),
        }
        .unwrap_or_else(|refused| errors::render(&refused)),
        ["metrics"] => only_get(request)
            .map_or_else(|refused| errors::render(&refused), |()| render::metrics(&app.metrics.render())),
        ["amazon", "notifications"] => {
            notification(app, request).await.unwrap_or_else(|refused| errors::render(&refused))
        }
        ["result", "page.js"] => script(request, &script::RESULT),
        ["result", token] => result_page(app, request, token).await,
        ["countersign.js"] => script(request, &script::STOREFRONT),
        ["browser", token, rest @ ..] if !token.is_empty() => {
            browser::answer(app, request, token, rest).await
        }
        ["v1", rest @ ..] => {
            let answer = match authorized(app, request) {
                Ok(()) => shop(app, request, rest).await,
                Err(refused) => Err(refused),
            };
            answer.unwrap_or_else(|refused| errors::render(&refused))
        }
        _ => errors::render(&Refused::NoSuchPath),
    }
}

fn script(request: &Request, script: &script::Script) -> Response {
    only_get(request).map_or_else(|refused| errors::render(&refused), |()| script::answer(request, script))
}

async fn ready(app: &App) -> Result<Response, Refused> {
    app.store_answers().await?;
    Ok(render::healthy())
}

/// Amazon shows no token: the envelope is signed.
async fn notification(app: &App, request: &Request) -> Result<Response, Refused> {
    if *request.method() != Method::POST {
        return Err(Refused::WrongMethod("POST"));
    }
    if request.body().len() > MAX_ENVELOPE_LEN {
        return Err(Refused::Unreadable(Unreadable::BodyTooLarge));
    }
    app.hear(request.body()).await?;
    Ok(render::healthy())
}

/// The shop shows its token; comparing takes the same time whatever is wrong with it.
fn authorized(app: &App, request: &Request) -> Result<(), Refused> {
    let header = request.headers().get(http::header::AUTHORIZATION).map(http::HeaderValue::as_bytes);
    let shown = header.and_then(|header| {
        let (scheme, token) = header.split_at_checked("Bearer ".len())?;
        scheme.eq_ignore_ascii_case(b"Bearer ").then_some(token)
    });
    let expected = app.settings.shop_token.expose().as_bytes();
    let is_shown = shown.is_some_and(|shown| {
        // An empty token would be shown by everybody.
        !shown.is_empty() && aws_lc_rs::constant_time::verify_slices_are_equal(shown, expected).is_ok()
    });
    if !is_shown {
        let peer = request.extensions().get::<Peer>().map(|peer| peer.0);
        tracing::warn!(?peer, "a request to the shop's API without its token");
        return Err(Refused::Unauthorized);
    }
    Ok(())
}

async fn shop(app: &App, request: &Request, path: &[&str]) -> Result<Response, Refused> {
    match (request.method().as_str(), path) {
        ("POST", ["checkouts"]) => {
            let order = requests::order(request.body())?;
            let registered = app.register(&order).await?;
            Ok(render::registered(&app.settings, &registered))
        }
        ("GET", ["checkouts"]) => list(app, request).await,
        ("GET", ["checkouts", id]) => {
            let loaded = app.checkout(id).await?.ok_or(Refused::NoSuchCheckout)?;
            let timeline = app.timeline(&loaded.registration.checkout).await?;
            Ok(render::checkout(&app.settings, &loaded.registration, &timeline))
        }
        ("PUT", ["checkouts", id, "terms"]) => {
            let (version, terms) = requests::terms(request.body())?;
            let registration = app.change_terms(id, version, &terms).await?;
            let unchanged = Registered { registration, is_new: false };
            Ok(render::registered(&app.settings, &unchanged))
        }
        ("POST", ["checkouts", id, "complete"]) => {
            let (session, given) = requests::completion(request.body())?;
            complete(app, id, &session, &given).await
        }
        ("POST", ["checkouts", id, "charges"]) => {
            operate(app, id, payment_requests::charge(request.body())?).await
        }
        ("POST", ["checkouts", id, "captures"]) => {
            operate(app, id, payment_requests::capture(request.body())?).await
        }
        ("POST", ["checkouts", id, "refunds"]) => {
            operate(app, id, payment_requests::refund(request.body())?).await
        }
        ("POST", ["checkouts", id, "close"]) => {
            operate(app, id, payment_requests::close(request.body())?).await
        }
        ("POST", ["checkouts", id, "cancel"]) => {
            let (reference, reason) = payment_requests::end(request.body())?;
            payment_render::canceled(&app.cancel(id, &reference, reason.as_deref()).await?)
        }
        ("GET", ["checkouts", id, "fulfilment"]) => {
            let charge_id = requests::fulfilment_query(request.uri().query().unwrap_or(""))?;
            let loaded = app.checkout(id).await?.ok_or(Refused::NoSuchCheckout)?;
            let (_, computed) = app.fulfilment(loaded, charge_id.as_ref()).await?;
            Ok(payment_render::fulfilment(&computed.ok_or(Refused::NoSuchCharge)?))
        }
        (_, ["checkouts", _, "charges" | "captures" | "refunds" | "close" | "cancel"]) => {
            Err(Refused::WrongMethod("POST"))
        }
        (_, ["checkouts", _, "fulfilment"]) => Err(Refused::WrongMethod("GET")),
        ("GET", ["checkouts", id, "explanation"]) => {
            let query = requests::timeline_query(request.uri().query().unwrap_or(""))?;
            let loaded = app.checkout(id).await?.ok_or(Refused::NoSuchCheckout)?;
            let (registration, computed) = app.fulfilment(loaded, None).await?;
            let page = app
                .timeline_page(&registration.checkout, query.after.unwrap_or_default(), query.limit)
                .await?;
            // Without a charge that is asked for there is always an answer.
            let told =
                explanation(&registration, &page, &app.rules(), &computed.ok_or(Refused::NoSuchCharge)?);
            Ok(json::json(StatusCode::OK, &told))
        }
        (_, ["checkouts", _, "explanation"]) => Err(Refused::WrongMethod("GET")),
        ("GET", ["checkouts", id, "snapshot"]) => {
            let (taken_at, transaction) = app.snapshot(id).await?;
            render::snapshot(id, taken_at, &transaction)
        }
        ("DELETE", ["checkouts", id, "snapshot"]) => {
            let erased_at = app.erase_snapshot(id).await?;
            Ok(render::erased(id, erased_at))
        }
        (_, ["checkouts", _, "snapshot"]) => Err(Refused::WrongMethod("DELETE, GET")),
        ("GET", ["events"]) => {
            let query = requests::events_query(request.uri().query().unwrap_or(""))?;
            match app.facts(query.after, query.limit).await? {
                Facts::Page(facts) => Ok(render::facts(&facts)),
                Facts::NoSuchFact => {
                    Err(Refused::Invalid { field: "after", why: "must be the id of an event" })
                }
            }
        }
        (_, ["events"]) => Err(Refused::WrongMethod("GET")),
        (_, ["checkouts"]) => Err(Refused::WrongMethod("GET, POST")),
        (_, ["checkouts", _]) => Err(Refused::WrongMethod("GET")),
        (_, ["checkouts", _, "terms"]) => Err(Refused::WrongMethod("PUT")),
        (_, ["checkouts", _, "complete"]) => Err(Refused::WrongMethod("POST")),
        _ => Err(Refused::NoSuchPath),
    }
}

async fn complete(
    app: &App,
    id: &str,
    session: &CheckoutSessionId,
    given: &GivenAddresses,
) -> Result<Response, Refused> {
    let outcome = app.complete(id, session, given, Bearer::Shop).await?;
    Ok(render::result(&app.settings, &outcome))
}

async fn operate(app: &App, id: &str, named: Named) -> Result<Response, Refused> {
    let operated = app.operate(id, &named.reference, &named.asked).await?;
    payment_render::operated(&operated)
}

async fn list(app: &App, request: &Request) -> Result<Response, Refused> {
    let query = requests::list_query(request.uri().query().unwrap_or(""))?;
    let page = match query.order_id {
        Some(order_id) => app.checkouts_of_order(&order_id, query.state).await?,
        None => app.checkouts_by_state(query.state, query.after).await?,
    };
    Ok(render::list(&app.settings, &page))
}

async fn result_page(app: &App, request: &Request, token: &str) -> Response {
    if let Err(refused) = only_get(request) {
        return errors::render(&refused);
    }
    let languages = request.headers().get(http::header::ACCEPT_LANGUAGE).and_then(|it| it.to_str().ok());
    match app.checkout_of_result(token).await {
        Ok(Some(loaded)) => result::page(&app.settings, &loaded.registration, app.clock.now()),
        Ok(None) => result::not_found(&app.settings, languages),
        Err(failed) => {
            tracing::error!(%failed, "a result page could not be read");
            result::unavailable(&app.settings, languages)
        }
    }
}
