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
use http::StatusCode;

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
        errors::render(unreadable.into())
    }
}

async fn route(app: &App, request: &Request) -> Response {
    answered(app, request).await.unwrap_or_else(errors::render)
}

async fn answered(app: &App, request: &Request) -> Result<Response, Refused> {
    let path = request.uri().path();
    if path.len() > MAX_PATH_LEN {
        return Err(Refused::no_such_path());
    }
    let trimmed = path.strip_suffix('/').unwrap_or(path);
    let segments: Vec<&str> = trimmed.split('/').skip(1).collect();
    match segments.as_slice() {
        ["healthz"] => only_get(request).map(|()| render::healthy()),
        ["readyz"] => {
            only_get(request)?;
            app.store_answers().await?;
            Ok(render::healthy())
        }
        ["metrics"] => only_get(request).map(|()| render::metrics(&app.metrics.render())),
        ["amazon", "notifications"] => notification(app, request).await,
        ["result", "page.js"] => script(request, &script::RESULT),
        ["result", token] => {
            only_get(request)?;
            Ok(result_page(app, request, token).await)
        }
        ["countersign.js"] => script(request, &script::STOREFRONT),
        ["browser", token, rest @ ..] if !token.is_empty() => {
            Ok(browser::answer(app, request, token, rest).await)
        }
        ["v1", rest @ ..] => {
            authorized(app, request)?;
            shop(app, request, rest).await
        }
        _ => Err(Refused::no_such_path()),
    }
}

/// Takes a request by this method only.
fn only(request: &Request, method: &'static str) -> Result<(), Refused> {
    if request.method().as_str() == method { Ok(()) } else { Err(Refused::wrong_method(method)) }
}

fn script(request: &Request, script: &script::Script) -> Result<Response, Refused> {
    only_get(request).map(|()| script::answer(request, script))
}

/// Amazon shows no token: the envelope is signed.
async fn notification(app: &App, request: &Request) -> Result<Response, Refused> {
    only(request, "POST")?;
    if request.body().len() > MAX_ENVELOPE_LEN {
        return Err(Unreadable::BodyTooLarge.into());
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
        return Err(Refused::unauthorized());
    }
    Ok(())
}

async fn shop(app: &App, request: &Request, path: &[&str]) -> Result<Response, Refused> {
    let (body, query) = (request.body(), request.uri().query().unwrap_or(""));
    let loaded = async |id: &str| app.checkout(id).await?.ok_or_else(Refused::no_such_checkout);
    match path {
        ["checkouts"] => match request.method().as_str() {
            "POST" => {
                let registered = app.register(&requests::order(body)?).await?;
                Ok(render::registered(&app.settings, &registered))
            }
            "GET" => list(app, query).await,
            _ => Err(Refused::wrong_method("GET, POST")),
        },
        ["checkouts", id] => {
            only(request, "GET")?;
            let loaded = loaded(id).await?;
            let timeline = app.timeline(&loaded.registration.checkout).await?;
            Ok(render::checkout(&app.settings, &loaded.registration, &timeline))
        }
        ["checkouts", id, "terms"] => {
            only(request, "PUT")?;
            let (version, terms) = requests::terms(body)?;
            let registration = app.change_terms(id, version, &terms).await?;
            let unchanged = Registered { registration, is_new: false };
            Ok(render::registered(&app.settings, &unchanged))
        }
        ["checkouts", id, "complete"] => {
            only(request, "POST")?;
            let (session, given) = requests::completion(body)?;
            complete(app, id, &session, &given).await
        }
        ["checkouts", id, "cancel"] => {
            only(request, "POST")?;
            let (reference, reason) = payment_requests::end(body)?;
            payment_render::canceled(&app.cancel(id, &reference, reason.as_deref()).await?)
        }
        ["checkouts", id, "charges"] => operate(app, request, id, payment_requests::charge).await,
        ["checkouts", id, "captures"] => operate(app, request, id, payment_requests::capture).await,
        ["checkouts", id, "refunds"] => operate(app, request, id, payment_requests::refund).await,
        ["checkouts", id, "close"] => operate(app, request, id, payment_requests::close).await,
        ["checkouts", id, "fulfilment"] => {
            only(request, "GET")?;
            let charge_id = requests::fulfilment_query(query)?;
            let (_, computed) = app.fulfilment(loaded(id).await?, charge_id.as_ref()).await?;
            Ok(payment_render::fulfilment(&computed.ok_or_else(Refused::no_such_charge)?))
        }
        ["checkouts", id, "explanation"] => {
            only(request, "GET")?;
            let query = requests::timeline_query(query)?;
            let (registration, computed) = app.fulfilment(loaded(id).await?, None).await?;
            let page = app
                .timeline_page(&registration.checkout, query.after.unwrap_or_default(), query.limit)
                .await?;
            // Without a charge that is asked for there is always an answer.
            let computed = computed.ok_or_else(Refused::no_such_charge)?;
            Ok(json::json(StatusCode::OK, &explanation(&registration, &page, &app.rules(), &computed)))
        }
        ["checkouts", id, "snapshot"] => match request.method().as_str() {
            "GET" => {
                let (taken_at, transaction) = app.snapshot(id).await?;
                render::snapshot(id, taken_at, &transaction)
            }
            "DELETE" => Ok(render::erased(id, app.erase_snapshot(id).await?)),
            _ => Err(Refused::wrong_method("DELETE, GET")),
        },
        ["events"] => {
            only(request, "GET")?;
            let query = requests::events_query(query)?;
            match app.facts(query.after, query.limit).await? {
                Facts::Page(facts) => Ok(render::facts(&facts)),
                Facts::NoSuchFact => Err(Refused::invalid("after", "must be the id of an event")),
            }
        }
        _ => Err(Refused::no_such_path()),
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

async fn operate(
    app: &App,
    request: &Request,
    id: &str,
    read: fn(&[u8]) -> Result<Named, Refused>,
) -> Result<Response, Refused> {
    only(request, "POST")?;
    let Named { reference, asked } = read(request.body())?;
    payment_render::operated(&app.operate(id, &reference, &asked).await?)
}

async fn list(app: &App, query: &str) -> Result<Response, Refused> {
    let query = requests::list_query(query)?;
    let page = match query.order_id {
        Some(order_id) => app.checkouts_of_order(&order_id, query.state).await?,
        None => app.checkouts_by_state(query.state, query.after).await?,
    };
    Ok(render::list(&app.settings, &page))
}

async fn result_page(app: &App, request: &Request, token: &str) -> Response {
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
