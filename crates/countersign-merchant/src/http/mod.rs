//! The merchant half over HTTP: tables of routes, the shop's token, bodies in and out. It has no rules and
//! does not call the store: `drive/` and `book/` do.

mod browser;
mod decision_render;
mod decision_requests;
mod errors;
mod json;
mod payment_render;
mod payment_requests;
mod query;
mod render;
mod requests;
mod script;
mod shop;
mod terms_version;
mod update_url;

use std::sync::{Arc, LazyLock};

use countersign_client::notification::MAX_ENVELOPE_LEN;
use countersign_http::{Handler, IncompleteRequest, Reply, Request, Response, Router};
use futures_util::future::BoxFuture;

use crate::drive::App;
use crate::pages::result;
use errors::{RequestRefused, RouteResult};

/// No route is longer than this: a longer path is not found, without a lookup.
const MAX_PATH_LEN: usize = 512;

/// Answers the shop, the buyer's browser, Amazon and the operator.
pub(crate) struct Server {
    pub(crate) app: Arc<App>,
}

impl Handler for Server {
    fn handle(&self, request: Request) -> BoxFuture<'static, Reply> {
        let app = Arc::clone(&self.app);
        Box::pin(async move { Reply::Answer(answered(app, request).await.unwrap_or_else(errors::render)) })
    }

    fn refuse(&self, _: &http::request::Parts, unreadable: IncompleteRequest) -> Response {
        errors::render(unreadable.into())
    }
}

/// The shop's token and the page's are checked before the path and the method, so that a caller without a token
/// learns nothing about them. Only a path that is too long is refused earlier.
async fn answered(app: Arc<App>, request: Request) -> RouteResult {
    let path = request.uri().path();
    if path.len() > MAX_PATH_LEN {
        return Err(RequestRefused::no_such_path());
    }
    match path.split('/').nth(1) {
        Some("v1") => shop::answer(app, request).await,
        Some("browser") => browser::answer(app, request).await,
        _ => ROUTES.answer(app, request).await,
    }
}

/// The routes without a token of the shop or the page; a result link has its own.
static ROUTES: LazyLock<Router<Arc<App>, RequestRefused>> = LazyLock::new(|| {
    Router::new()
        .post("/amazon/notifications", notification)
        .get_and_head("/countersign.js", storefront_script)
        .get_and_head("/healthz", healthz)
        .get_and_head("/metrics", metrics)
        .get_and_head("/readyz", readyz)
        .get_and_head("/result/page.js", result_script)
        .get_and_head("/result/{token}", result_page)
});

/// Amazon has no token: it signs the envelope.
async fn notification(app: Arc<App>, request: Request) -> RouteResult {
    if request.body().len() > MAX_ENVELOPE_LEN {
        return Err(IncompleteRequest::BodyTooLarge.into());
    }
    app.hear(request.body()).await?;
    Ok(render::healthy())
}

async fn storefront_script(_: Arc<App>, request: Request) -> RouteResult {
    Ok(script::answer(&request, &script::STOREFRONT))
}

async fn healthz(_: Arc<App>, _: Request) -> RouteResult {
    Ok(render::healthy())
}

async fn metrics(app: Arc<App>, _: Request) -> RouteResult {
    Ok(render::metrics(&app.metrics.render()))
}

async fn readyz(app: Arc<App>, _: Request) -> RouteResult {
    app.store_answers().await?;
    Ok(render::healthy())
}

async fn result_script(_: Arc<App>, request: Request) -> RouteResult {
    Ok(script::answer(&request, &script::RESULT))
}

async fn result_page(app: Arc<App>, request: Request, token: String) -> RouteResult {
    let languages = request.headers().get(http::header::ACCEPT_LANGUAGE).and_then(|it| it.to_str().ok());
    Ok(match app.checkout_of_result(&token).await {
        Ok(Some(loaded)) => result::page(&app.settings, &loaded.registration, app.clock.now()),
        Ok(None) => result::not_found(&app.settings, languages),
        Err(failed) => {
            tracing::error!(%failed, "the checkout of a result page could not be read");
            result::unavailable(&app.settings, languages)
        }
    })
}
