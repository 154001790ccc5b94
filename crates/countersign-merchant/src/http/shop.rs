//! The shop's API: the routes below `/v1`. Each requires a token with the privilege that its row names.

use std::sync::{Arc, LazyLock};

use countersign_domain::ids::{ChargeId, ChargePermissionId, DisputeId};
use countersign_domain::merchant::after::cancel::CancelRequest;
use countersign_domain::merchant::after::fulfilment::{Freshness, paying_charge};
use countersign_domain::merchant::checkout::Checkout;
use countersign_domain::merchant::decision::Subject;
use countersign_domain::merchant::decision::make::DecisionRequest;
use countersign_domain::merchant::number::{AttemptNumber, OperationNumber};
use countersign_domain::merchant::payment::ask::charge_of;
use countersign_http::{Function, Parameter, Peer, Request, RouteFuture, Router, Segments};
use http::StatusCode;

use super::decision_requests::DecisionBody;
use super::errors::{RequestRefused, RouteResult, naming_charge};
use super::payment_requests::NamedRequest;
use super::requests::FulfilmentQuery;
use super::{decision_render, decision_requests, json, payment_render, payment_requests, render, requests};
use crate::book::commit::LoadedRegistration;
use crate::book::outbox::Facts;
use crate::book::register::RegistrationOutcome;
use crate::credentials::{Credential, Privilege};
use crate::drive::App;
use crate::explain::explanation;
use countersign_domain::merchant::attempt::Bearer;

/// A caller whose token is known, in whose name its requests are answered.
struct Caller {
    app: Arc<App>,
    credential: Credential,
}

/// A route's function, and the privilege that a caller needs for it.
struct Needs<F>(Privilege, F);

const fn reads<F>(function: F) -> Needs<F> {
    Needs(Privilege::Read, function)
}

const fn ships<F>(function: F) -> Needs<F> {
    Needs(Privilege::Ship, function)
}

const fn trades<F>(function: F) -> Needs<F> {
    Needs(Privilege::Trade, function)
}

/// As [`Needs`], for a function of decisions, which also takes the caller's name.
struct Decides<F>(F);

const fn decides<F>(function: F) -> Decides<F> {
    Decides(function)
}

impl<F: Function<Caller, RequestRefused, A>, A> Function<Caller, RequestRefused, A> for Decides<F> {
    fn call(
        &self,
        caller: Caller,
        request: Request,
        segments: Segments<'_>,
    ) -> Result<RouteFuture<RequestRefused>, RequestRefused> {
        caller.may(Privilege::Decide)?;
        self.0.call(caller, request, segments)
    }
}

/// The number of an attempt or an operation in a path.
struct Ordinal(u32);

impl Parameter<RequestRefused> for Ordinal {
    fn from_segment(segment: &str) -> Result<Self, RequestRefused> {
        let number =
            segment.parse::<u32>().ok().filter(|number| *number > 0 && segment == number.to_string());
        let why = "must be a whole number of 1 or more: attempts and operations count from 1";
        number.map(Self).ok_or_else(|| RequestRefused::invalid("number", why))
    }
}

/// The id of a Charge Permission in a path.
struct PermissionOfPath(ChargePermissionId);

/// The id of a dispute in a path.
struct DisputeOfPath(DisputeId);

impl Parameter<RequestRefused> for DisputeOfPath {
    fn from_segment(segment: &str) -> Result<Self, RequestRefused> {
        let why = "is not the id of a dispute";
        DisputeId::parse(segment).map(Self).map_err(|_| RequestRefused::invalid("disputeId", why))
    }
}

impl Parameter<RequestRefused> for PermissionOfPath {
    fn from_segment(segment: &str) -> Result<Self, RequestRefused> {
        let why = "is not the id of a Charge Permission";
        let refused = |_| RequestRefused::invalid("chargePermissionId", why);
        ChargePermissionId::parse(segment).map(Self).map_err(refused)
    }
}

impl<F: Function<Arc<App>, RequestRefused, A>, A> Function<Caller, RequestRefused, A> for Needs<F> {
    fn call(
        &self,
        caller: Caller,
        request: Request,
        segments: Segments<'_>,
    ) -> Result<RouteFuture<RequestRefused>, RequestRefused> {
        let Self(privilege, function) = self;
        caller.may(*privilege)?;
        function.call(caller.app, request, segments)
    }
}

impl Caller {
    fn may(&self, privilege: Privilege) -> Result<(), RequestRefused> {
        if self.credential.role().may(privilege) {
            return Ok(());
        }
        let name = self.credential.name();
        tracing::warn!(name, ?privilege, "a request was refused: its token does not have this privilege");
        Err(RequestRefused::not_permitted(privilege))
    }
}

/// Each row with the privilege that it needs.
static ROUTES: LazyLock<Router<Caller, RequestRefused>> = LazyLock::new(|| {
    Router::new()
        .post("/v1/checkouts", trades(register))
        .get("/v1/checkouts", reads(list))
        .get("/v1/checkouts/{checkoutId}", reads(checkout))
        .put("/v1/checkouts/{checkoutId}/terms", trades(change_terms))
        .post("/v1/checkouts/{checkoutId}/complete", trades(complete))
        .post("/v1/checkouts/{checkoutId}/charges", trades(charge))
        .post("/v1/checkouts/{checkoutId}/captures", trades(capture))
        .post("/v1/checkouts/{checkoutId}/refunds", trades(refund))
        .post("/v1/checkouts/{checkoutId}/cancel", trades(cancel))
        .post("/v1/checkouts/{checkoutId}/close", trades(close))
        .get("/v1/checkouts/{checkoutId}/fulfilment", reads(fulfilment))
        .post("/v1/checkouts/{checkoutId}/shipments", ships(ship))
        .get("/v1/checkouts/{checkoutId}/explanation", reads(explain))
        .get("/v1/checkouts/{checkoutId}/snapshot", reads(snapshot))
        .delete("/v1/checkouts/{checkoutId}/snapshot", trades(erase_snapshot))
        .get("/v1/checkouts/{checkoutId}/attempts/{number}/decision", decides(inquire))
        .post("/v1/checkouts/{checkoutId}/attempts/{number}/decision", decides(decide_attempt))
        .get("/v1/checkouts/{checkoutId}/operations/{number}/decision", decides(inquire_operation))
        .post("/v1/checkouts/{checkoutId}/operations/{number}/decision", decides(decide_operation))
        .get("/v1/checkouts/{checkoutId}/unexplained/{chargePermissionId}/decision", decides(inquire_heard))
        .post("/v1/checkouts/{checkoutId}/unexplained/{chargePermissionId}/decision", decides(decide_heard))
        .get("/v1/checkouts/{checkoutId}/disputes/{disputeId}/decision", decides(inquire_dispute))
        .post("/v1/checkouts/{checkoutId}/disputes/{disputeId}/decision", decides(decide_dispute))
        .get("/v1/events", reads(events))
        .post("/v1/webhooks/{eventId}/send", trades(send_webhook))
});

pub(super) async fn answer(app: Arc<App>, request: Request) -> RouteResult {
    let credential = authorized(&app, &request)?;
    ROUTES.answer(Caller { app, credential }, request).await
}

/// The caller's credential, by the token that it shows.
fn authorized(app: &App, request: &Request) -> Result<Credential, RequestRefused> {
    let header = request.headers().get(http::header::AUTHORIZATION).map(http::HeaderValue::as_bytes);
    let shown = header.and_then(|header| {
        let (scheme, token) = header.split_at_checked("Bearer ".len())?;
        scheme.eq_ignore_ascii_case(b"Bearer ").then_some(token)
    });
    let holder = shown.and_then(|shown| app.settings.credentials.holder(shown));
    holder.cloned().ok_or_else(|| {
        let peer = request.extensions().get::<Peer>().map(|peer| peer.0);
        tracing::warn!(?peer, "a request to the shop's API was refused: its token is missing or wrong");
        RequestRefused::unauthorized()
    })
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

async fn checkout(app: Arc<App>, request: Request, id: String) -> RouteResult {
    requests::no_query(query(&request))?;
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
    let operated = app.operate(id, &reference, &asked).await;
    let about =
        |refused| about_charge(app, asked.charge_id(), naming_charge(refused, |it| charge_of(it, &asked)));
    payment_render::operated(&operated.map_err(about)?)
}

/// The refusal of a request about a charge that it names: an id that Amazon cannot have given is named as wrong.
fn about_charge(
    app: &App,
    charge_id: Option<&ChargeId>,
    refused: impl Into<RequestRefused>,
) -> RequestRefused {
    refused.into().about_charge(charge_id, app.settings.environment)
}

async fn cancel(app: Arc<App>, request: Request, id: String) -> RouteResult {
    let cancel = payment_requests::cancel(request.body())?;
    let (reference, reason) = (cancel.reference.as_str(), cancel.reason.as_deref());
    let request = CancelRequest { reference, reason, shipped_too: cancel.shipped_too };
    payment_render::canceled(&app.cancel(&id, &request).await?, reference)
}

async fn inquire(caller: Caller, request: Request, id: String, Ordinal(number): Ordinal) -> RouteResult {
    inquire_about(&caller, &request, &id, Subject::Attempt(AttemptNumber::new(number))).await
}

async fn inquire_operation(
    caller: Caller,
    request: Request,
    id: String,
    Ordinal(number): Ordinal,
) -> RouteResult {
    inquire_about(&caller, &request, &id, Subject::Operation(OperationNumber::new(number))).await
}

async fn inquire_heard(
    caller: Caller,
    request: Request,
    id: String,
    PermissionOfPath(permission): PermissionOfPath,
) -> RouteResult {
    inquire_about(&caller, &request, &id, Subject::Unexplained(permission)).await
}

async fn inquire_dispute(
    caller: Caller,
    request: Request,
    id: String,
    DisputeOfPath(dispute): DisputeOfPath,
) -> RouteResult {
    inquire_about(&caller, &request, &id, Subject::Dispute(dispute)).await
}

async fn inquire_about(caller: &Caller, request: &Request, id: &str, subject: Subject) -> RouteResult {
    requests::no_query(query(request))?;
    Ok(decision_render::inquiry(caller.app.inquire(id, subject).await?))
}

async fn decide_attempt(
    caller: Caller,
    request: Request,
    id: String,
    Ordinal(number): Ordinal,
) -> RouteResult {
    let body = decision_requests::attempt(request.body())?;
    decide(&caller, &id, Subject::Attempt(AttemptNumber::new(number)), &body).await
}

async fn decide_operation(
    caller: Caller,
    request: Request,
    id: String,
    Ordinal(number): Ordinal,
) -> RouteResult {
    let body = decision_requests::operation(request.body())?;
    decide(&caller, &id, Subject::Operation(OperationNumber::new(number)), &body).await
}

async fn decide_heard(
    caller: Caller,
    request: Request,
    id: String,
    PermissionOfPath(permission): PermissionOfPath,
) -> RouteResult {
    let body = decision_requests::unexplained(request.body())?;
    decide(&caller, &id, Subject::Unexplained(permission), &body).await
}

async fn decide_dispute(
    caller: Caller,
    request: Request,
    id: String,
    DisputeOfPath(dispute): DisputeOfPath,
) -> RouteResult {
    let body = decision_requests::dispute(request.body())?;
    decide(&caller, &id, Subject::Dispute(dispute), &body).await
}

async fn decide(caller: &Caller, id: &str, subject: Subject, body: &DecisionBody) -> RouteResult {
    let DecisionBody { reference, asked, evidence } = body;
    let subject = &subject;
    let actor = caller.credential.name();
    let request = DecisionRequest { subject, asked, reference, actor, evidence };
    let (registration, decision) = caller.app.decide_by_person(id, &request).await?;
    Ok(decision_render::decided(&registration, &decision))
}

async fn ship(app: Arc<App>, request: Request, id: String) -> RouteResult {
    let (reference, asked) = payment_requests::shipment(request.body())?;
    let shipped = app.ship(&id, &reference, &asked).await;
    let named = asked.charge_id.as_ref();
    let pays = |it: &Checkout| named.or_else(|| paying_charge(it)).cloned();
    let about = |refused| about_charge(&app, named, naming_charge(refused, pays));
    let (registration, answer) = shipped.map_err(about)?;
    payment_render::shipped(&registration, &reference, &answer)
}

async fn fulfilment(app: Arc<App>, request: Request, id: String) -> RouteResult {
    let arrived_at = app.clock.now();
    let FulfilmentQuery { charge_id, max_age } = requests::fulfilment_query(query(&request))?;
    let freshness = Freshness { arrived_at, max_age };
    let (_, computed) = app.fulfilment(loaded(&app, &id).await?, charge_id.as_ref(), freshness).await?;
    let no_such_charge = || about_charge(&app, charge_id.as_ref(), RequestRefused::no_such_charge());
    Ok(payment_render::fulfilment(&computed.ok_or_else(no_such_charge)?))
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

async fn snapshot(app: Arc<App>, request: Request, id: String) -> RouteResult {
    requests::no_query(query(&request))?;
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
