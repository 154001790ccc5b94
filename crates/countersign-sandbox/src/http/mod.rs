//! Amazon Pay's API over HTTP: routes, signatures, bodies in and out. No rule lives here, and no store
//! is called: `app/` does both. Paths under `/_sandbox` go to `control/`, a
//! buyer's to `hosted/`.

mod date;
pub(crate) mod errors;
pub(crate) mod origin;
mod payments;
pub(crate) mod render;
pub(crate) mod requests;
mod route;

use std::sync::Arc;

use bytes::Bytes;
use countersign_domain::ids::{
    ChargeId, ChargePermissionId, CheckoutSessionId, Environment, PublicKeyId, RefundId, Region,
};
use countersign_domain::provider::checkout_session::Owner;
use countersign_domain::provider::finalize::SimulationCode;
use countersign_domain::time::Timestamp;
use countersign_http::{Handler, Reply, Request, Response, Unreadable};
use countersign_protocol::signing::{Claim, sha256_hex};
use futures_util::future::BoxFuture;
use http::{HeaderName, HeaderValue, StatusCode, header};

use crate::app::finalize::Simulation;
use crate::app::notifications::Told;
use crate::app::reply::{Answer, Caller, Idempotency};
use crate::app::{self, App};
use crate::control;
use crate::faults::{Call, FaultKind, Operation, Point, Struck};
use crate::hosted;
use crate::notify::pages;
use crate::settings::{DateCheck, KeyOnFinalize};
use date::DateHeader;
use errors::Refused;
use origin::Origin;
use route::Route;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amz-pay-request-id");
const SIMULATION_CODE: HeaderName = HeaderName::from_static("x-amz-pay-simulation-code");

/// Answers merchants, and whoever controls the sandbox.
pub(crate) struct Server {
    app: Arc<App>,
    date: Arc<DateHeader>,
}

impl Server {
    pub(crate) fn new(app: Arc<App>) -> Self {
        Self { app, date: Arc::default() }
    }

    pub(crate) fn app(&self) -> &Arc<App> {
        &self.app
    }
}

impl Handler for Server {
    fn handle(&self, request: Request) -> BoxFuture<'static, Reply> {
        let (app, date) = (Arc::clone(&self.app), Arc::clone(&self.date));
        Box::pin(async move {
            // Drawn first: a reset begins the ids anew, and its own answer must not take the first.
            let request_id = app.ids.request_id();
            let reply = if is_control(request.uri().path()) {
                Reply::Answer(control::answer(&app, &request).await)
            } else if let Some(page) = pages::answer(&app, &request).await {
                Reply::Answer(page)
            } else if let Some(page) = hosted::answer(&app, &request).await {
                Reply::Answer(page)
            } else {
                answer(&app, &request).await
            };
            match reply {
                Reply::Answer(response) => Reply::Answer(stamped(&app, &date, &request_id, response)),
                Reply::Reset => Reply::Reset,
            }
        })
    }

    fn refuse(&self, _: &http::request::Parts, unreadable: Unreadable) -> Response {
        let refused = errors::answer(&Refused::Unreadable(unreadable), &self.app.settings.flags);
        let response = response(refused.status, refused.body.into());
        stamped(&self.app, &self.date, &self.app.ids.request_id(), response)
    }
}

fn is_control(path: &str) -> bool {
    let rest = path.strip_prefix('/').and_then(|path| path.strip_prefix(control::FIRST_SEGMENT));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// What every answer carries. Clients tell their clock's skew from the date, so it is the wall's.
fn stamped(app: &App, date: &DateHeader, request_id: &str, mut response: Response) -> Response {
    let headers = response.headers_mut();
    // An id of hexadecimal digits and dashes is always a header's value.
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert(REQUEST_ID, id);
    }
    headers.insert(header::DATE, date.at(app.clock.wall()));
    response
}

fn response(status: u16, body: Bytes) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn refuse(app: &App, refused: &Refused) -> Reply {
    let Answer { status, body, .. } = errors::answer(refused, &app.settings.flags);
    Reply::Answer(response(status, body.into()))
}

/// A request whose signature holds.
struct Signed<'a> {
    route: Route<'a>,
    public_key_id: PublicKeyId,
    region: Region,
    /// By which the client reaches this server.
    origin: Origin,
    caller: Caller,
}

async fn answer(app: &App, request: &Request) -> Reply {
    let moment = app.moment().await;
    let signed = match verify(app, request, moment.now) {
        Ok(signed) => signed,
        Err(refused) => return refuse(app, &refused),
    };
    let session_id = match signed.route.operation {
        Operation::GetCheckoutSession
        | Operation::UpdateCheckoutSession
        | Operation::CompleteCheckoutSession
        | Operation::FinalizeCheckoutSession => CheckoutSessionId::parse(signed.route.id).ok(),
        Operation::CreateCheckoutSession
        | Operation::GetChargePermission
        | Operation::GetCharge
        | Operation::GetRefund
        | Operation::UpdateChargePermission
        | Operation::CloseChargePermission
        | Operation::CreateCharge
        | Operation::UpdateCharge
        | Operation::CaptureCharge
        | Operation::CancelCharge
        | Operation::CreateRefund => None,
    };
    let call = Call {
        operation: signed.route.operation,
        public_key_id: &signed.public_key_id,
        checkout_session_id: session_id.as_ref(),
    };
    let mut staleness = None;
    if let Some(Struck { kind, .. }) = app.faults.strike(&call, Point::Before) {
        match kind {
            FaultKind::StaleRead { delay } => staleness = Some(delay),
            FaultKind::Reset | FaultKind::Timeout { .. } | FaultKind::Status { .. } => {
                drop(moment);
                return struck(app, kind).await;
            }
        }
    }
    let carried_out = if let Some(staleness) = staleness {
        read(app, &signed, session_id.as_ref(), Some(staleness)).await
    } else {
        dispatch(app, request, &signed, session_id.as_ref()).await
    };
    drop(moment);
    if carried_out.is_ok() {
        app.hold_answer(&signed.caller.told).await;
    }
    match carried_out {
        Ok(response) => match app.faults.strike(&call, Point::AfterCommit) {
            Some(Struck { kind, .. }) => struck(app, kind).await,
            None => Reply::Answer(response),
        },
        Err(refused) => refuse(app, &refused),
    }
}

/// Does what a fault says, in place of the answer.
async fn struck(app: &App, kind: FaultKind) -> Reply {
    match kind {
        FaultKind::Status { status } => refuse(app, &Refused::Fault(status)),
        FaultKind::Timeout { delay } => {
            app.clock.sleep(delay).await;
            Reply::Reset
        }
        // A read is stale before it is made; there is nothing to be stale after.
        FaultKind::Reset | FaultKind::StaleRead { .. } => Reply::Reset,
    }
}

/// Route and check 1.
fn verify<'a>(app: &App, request: &'a Request, now: Timestamp) -> Result<Signed<'a>, Refused> {
    let route = route::route(request.method(), request.uri().path())?;
    let flags = &app.settings.flags;
    let claim = Claim::parse(request, flags.idempotency_key_length.max())?;
    let key = app.merchants.key(claim.public_key_id()).ok_or_else(|| claim.unknown_key())?;
    match flags.date_check {
        DateCheck::Either => claim.date_within(app.settings.date_window, &[app.clock.wall(), now])?,
        DateCheck::Virtual => claim.date_within(app.settings.date_window, &[now])?,
        DateCheck::Off => {}
    }
    let verified = claim.verify(&*key.verifying_key, request.body())?;
    let environment = environment(key.environment(), route.environment)?;
    knows_simulation(route.operation, simulation(request, environment))?;
    let idempotency = match route.operation {
        Operation::CreateCheckoutSession
        | Operation::CreateCharge
        | Operation::CaptureCharge
        | Operation::CreateRefund => verified.idempotency_key(),
        Operation::CompleteCheckoutSession | Operation::FinalizeCheckoutSession => {
            match flags.honour_key_on_finalize {
                KeyOnFinalize::Honoured => verified.idempotency_key(),
                KeyOnFinalize::Ignored => None,
            }
        }
        // The key has no effect on other methods than POST.
        Operation::GetCheckoutSession
        | Operation::UpdateCheckoutSession
        | Operation::GetChargePermission
        | Operation::UpdateChargePermission
        | Operation::CloseChargePermission
        | Operation::GetCharge
        | Operation::UpdateCharge
        | Operation::CancelCharge
        | Operation::GetRefund => None,
    };
    Ok(Signed {
        public_key_id: verified.public_key_id().clone(),
        region: verified.region(),
        origin: Origin::of(request),
        caller: Caller {
            owner: Owner { merchant_id: key.merchant_id.clone(), environment },
            idempotency: idempotency.map(|key| Idempotency {
                key: key.clone(),
                fingerprint: fingerprint(request, environment, route.resource),
            }),
            now,
            told: Told::default(),
        },
        route,
    })
}

/// What makes two requests the same: method, path however it is spelled, and body bytes.
fn fingerprint(request: &Request, environment: Environment, resource: &str) -> String {
    let body = request.body();
    let head = [request.method().as_str(), environment.path_segment(), resource];
    let mut text = Vec::with_capacity(body.len() + resource.len() + 24);
    for part in head {
        text.extend_from_slice(part.as_bytes());
        text.push(b'\n');
    }
    text.extend_from_slice(body);
    sha256_hex(&text)
}

/// The environment that a key's prefix or the path names. They must not contradict each other.
fn environment(of_key: Option<Environment>, of_path: Option<Environment>) -> Result<Environment, Refused> {
    match (of_key, of_path) {
        (Some(of_key), Some(of_path)) if of_key != of_path => Err(Refused::EnvironmentsContradict),
        (Some(environment), _) | (None, Some(environment)) => Ok(environment),
        (None, None) => Err(Refused::NoEnvironment),
    }
}

async fn dispatch(
    app: &App,
    request: &Request,
    signed: &Signed<'_>,
    session_id: Option<&CheckoutSessionId>,
) -> Result<Response, Refused> {
    let changed = match signed.route.operation {
        Operation::GetCheckoutSession
        | Operation::GetChargePermission
        | Operation::GetCharge
        | Operation::GetRefund => return read(app, signed, session_id, None).await,
        Operation::UpdateCheckoutSession => return update(app, request, signed, session_id).await,
        Operation::CreateCheckoutSession
        | Operation::CompleteCheckoutSession
        | Operation::FinalizeCheckoutSession => post(app, request, signed, session_id).await,
        Operation::UpdateChargePermission
        | Operation::CloseChargePermission
        | Operation::CreateCharge
        | Operation::UpdateCharge
        | Operation::CaptureCharge
        | Operation::CancelCharge
        | Operation::CreateRefund => payments::change(app, request, signed).await,
    };
    let caller = &signed.caller;
    let answer = match changed {
        Ok(answer) => answer,
        Err(refused @ Refused::App(app::Refused::Store(_) | app::Refused::DuplicateIdempotencyKey)) => {
            return Err(refused);
        }
        Err(refused) if caller.idempotency.is_none() => return Err(refused),
        Err(refused) => {
            let refusal = errors::answer(&refused, &app.settings.flags);
            let check = refused.refused_by();
            return Err(Refused::Kept(app.remember_refusal(caller, check, refusal).await?));
        }
    };
    Ok(response(answer.status, answer.into_body(caller.now)))
}

/// A call that its idempotency key may answer.
async fn post(
    app: &App,
    request: &Request,
    signed: &Signed<'_>,
    session_id: Option<&CheckoutSessionId>,
) -> Result<Answer, Refused> {
    let Signed { route, caller, region, .. } = signed;
    let (flags, body) = (&app.settings.flags, request.body());
    let environment = caller.owner.environment;
    let render = |outcome: app::finalize::Outcome<'_>| render::outcome(outcome, flags);
    if route.operation == Operation::CreateCheckoutSession {
        if caller.idempotency.is_none() {
            return Err(Refused::MissingIdempotencyKey);
        }
        let create = requests::create(body, flags.spellings, environment, *region)?;
        let render = |checkout: &app::checkout_session::Checkout| {
            Answer::new(StatusCode::CREATED.as_u16(), render::checkout_session(checkout, &signed.origin))
        };
        return Ok(app.create_checkout_session(caller, &create, render).await?);
    }
    let simulation = simulation(request, environment);
    if route.operation == Operation::CompleteCheckoutSession {
        let complete = requests::complete(body, flags.spellings)?;
        let Some(id) = session_id else { return Ok(app.nothing_has_this_id(caller).await?) };
        return Ok(app.complete_checkout_session(caller, id, &complete, simulation, render).await?);
    }
    let finalize = requests::finalize(body, flags.spellings)?;
    let Some(id) = session_id else { return Ok(app.nothing_has_this_id(caller).await?) };
    Ok(app.finalize_checkout_session(caller, id, &finalize, simulation, render).await?)
}

/// Whoever knows simulations judges a code itself, Finalize and Complete where the payment would be made.
fn knows_simulation(operation: Operation, simulation: Simulation) -> Result<(), Refused> {
    match (operation, simulation) {
        (_, Simulation::None)
        | (
            Operation::CompleteCheckoutSession
            | Operation::FinalizeCheckoutSession
            | Operation::CreateCharge
            | Operation::CaptureCharge
            | Operation::CloseChargePermission
            | Operation::CreateRefund,
            _,
        ) => Ok(()),
        (
            Operation::CreateCheckoutSession
            | Operation::GetCheckoutSession
            | Operation::UpdateCheckoutSession
            | Operation::GetChargePermission
            | Operation::UpdateChargePermission
            | Operation::GetCharge
            | Operation::UpdateCharge
            | Operation::CancelCharge
            | Operation::GetRefund,
            Simulation::Known(_) | Simulation::Unknown,
        ) => Err(Refused::KnowsNoSimulation),
    }
}

/// Simulations are the sandbox environment's; the header is not signed. What is no text is no code.
fn simulation_code(request: &Request, environment: Environment) -> Option<&str> {
    match environment {
        Environment::Live => None,
        Environment::Sandbox => {
            let code = request.headers().get(SIMULATION_CODE)?;
            Some(code.to_str().map_or("", str::trim))
        }
    }
}

fn simulation(request: &Request, environment: Environment) -> Simulation {
    match simulation_code(request, environment) {
        None => Simulation::None,
        Some(code) => SimulationCode::parse(code).map_or(Simulation::Unknown, Simulation::Known),
    }
}

async fn update(
    app: &App,
    request: &Request,
    signed: &Signed<'_>,
    session_id: Option<&CheckoutSessionId>,
) -> Result<Response, Refused> {
    let Caller { owner, now, .. } = &signed.caller;
    let update = requests::update(request.body(), app.settings.flags.spellings, owner.environment)?;
    let id = session_id.ok_or(app::Refused::NotFound)?;
    let checkout = app.update_checkout_session(owner, id, &update, *now).await?;
    Ok(response(StatusCode::OK.as_u16(), render::checkout_session(&checkout, &signed.origin).into()))
}

async fn read(
    app: &App,
    signed: &Signed<'_>,
    session_id: Option<&CheckoutSessionId>,
    staleness: Option<std::time::Duration>,
) -> Result<Response, Refused> {
    let Caller { owner, now, .. } = &signed.caller;
    let id = signed.route.id;
    let body = match signed.route.operation {
        Operation::GetChargePermission => {
            let id = ChargePermissionId::parse(id).map_err(|_| app::Refused::NotFound)?;
            render::charge_permission(&app.charge_permission(owner, &id, *now, staleness).await?)
        }
        Operation::GetCharge => {
            let id = ChargeId::parse(id).map_err(|_| app::Refused::NotFound)?;
            render::charge(&app.charge(owner, &id, *now, staleness).await?)
        }
        Operation::GetRefund => {
            let id = RefundId::parse(id).map_err(|_| app::Refused::NotFound)?;
            render::refund(&app.refund(owner, &id, *now, staleness).await?)
        }
        Operation::GetCheckoutSession
        | Operation::CreateCheckoutSession
        | Operation::UpdateCheckoutSession
        | Operation::CompleteCheckoutSession
        | Operation::FinalizeCheckoutSession
        | Operation::UpdateChargePermission
        | Operation::CloseChargePermission
        | Operation::CreateCharge
        | Operation::UpdateCharge
        | Operation::CaptureCharge
        | Operation::CancelCharge
        | Operation::CreateRefund => {
            let id = session_id.ok_or(app::Refused::NotFound)?;
            let checkout = app.checkout_session(owner, id, *now, staleness).await?;
            render::checkout_session(&checkout, &signed.origin)
        }
    };
    Ok(response(StatusCode::OK.as_u16(), body.into()))
}
