//! Amazon Pay's API over HTTP: routes, signatures, bodies in and out. No rule lives here, and no store
//! is called: `book/` does that. Paths under `/_sandbox` go to `control/`, a
//! buyer's to `hosted/`.

mod date;
pub(crate) mod errors;
pub(crate) mod origin;
pub(crate) mod payments;
pub(crate) mod render;
pub(crate) mod requests;
mod route;
mod sessions;
mod signed;

use countersign_http::{Reply, Request, Response, Unreadable};
use http::{HeaderName, HeaderValue, header};

use crate::app::App;
use crate::book::answer::Answer;
use crate::book::refused::Refused as BookRefused;
use crate::control;
use crate::faults::{FaultKind, Operation, Point};
use crate::hosted;
use crate::notify::pages;
pub(crate) use date::DateHeader;
use errors::Refused;
use render::response;
use signed::{Signed, verify};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amz-pay-request-id");

/// Answers merchants, and the tests that control the sandbox.
pub(crate) async fn handle(app: &App, date: &DateHeader, request: &Request) -> Reply {
    // Drawn first: a reset begins the ids anew, and its own answer must not take the first.
    let request_id = app.ids.request_id();
    let reply = if is_control(request.uri().path()) {
        Reply::Answer(control::answer(app, request).await)
    } else if let Some(page) = pages::answer(app, request).await {
        Reply::Answer(page)
    } else if let Some(page) = hosted::answer(app, request).await {
        Reply::Answer(page)
    } else {
        answer(app, request).await
    };
    match reply {
        Reply::Answer(response) => Reply::Answer(stamped(app, date, &request_id, response)),
        Reply::Reset => Reply::Reset,
    }
}

/// The answer to a request that could not be read.
pub(crate) fn refuse_unreadable(app: &App, date: &DateHeader, unreadable: Unreadable) -> Response {
    stamped(app, date, &app.ids.request_id(), refused(app, &Refused::Unreadable(unreadable)))
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

fn refused(app: &App, refused: &Refused) -> Response {
    let Answer { status, body, .. } = errors::answer(refused, &app.settings.flags);
    response(status, body.into())
}

async fn answer(app: &App, request: &Request) -> Reply {
    let moment = app.book.moment().await;
    let mut signed = match verify(app, request, moment.now) {
        Ok(signed) => signed,
        Err(why) => return Reply::Answer(refused(app, &why)),
    };
    match app.faults.strike_call(&signed.call(), Point::Before).map(|fault| fault.order.kind) {
        Some(FaultKind::StaleRead { delay }) => signed.look.staleness = Some(delay),
        Some(kind) => {
            drop(moment);
            return struck(app, kind).await;
        }
        None => {}
    }
    let carried_out = carry_out(app, &signed).await;
    drop(moment);
    match carried_out {
        Ok(answer) => {
            app.notices.hold_answer(&signed.caller.told, &app.clock).await;
            match app.faults.strike_call(&signed.call(), Point::AfterCommit) {
                Some(fault) => struck(app, fault.order.kind).await,
                None => Reply::Answer(response(answer.status, answer.into_body(signed.caller.now))),
            }
        }
        Err(why) => Reply::Answer(refused(app, &why)),
    }
}

/// Does what a fault says, in place of the answer.
async fn struck(app: &App, kind: FaultKind) -> Reply {
    match kind {
        FaultKind::Status { status } => Reply::Answer(refused(app, &Refused::Fault(status))),
        FaultKind::Timeout { delay } => {
            app.clock.sleep(delay).await;
            Reply::Reset
        }
        // A read is stale before it is made; there is nothing to be stale after.
        FaultKind::Reset | FaultKind::StaleRead { .. } => Reply::Reset,
    }
}

/// Carries a call out, and keeps its refusal for its idempotency key where the flag says so.
async fn carry_out(app: &App, signed: &Signed<'_>) -> Result<Answer, Refused> {
    let refused = match dispatch(app, signed).await {
        Ok(answer) => return Ok(answer),
        Err(refused) => refused,
    };
    let flags = &app.settings.flags;
    let is_kept = flags.save_refusals
        && signed.caller.idempotency.is_some()
        && !matches!(refused, Refused::Book(BookRefused::Store(_) | BookRefused::DuplicateIdempotencyKey));
    if !is_kept {
        return Err(refused);
    }
    let (check, answer) = (refused.refused_by(), errors::answer(&refused, flags));
    Err(Refused::Kept(app.book.remember_refusal(&signed.caller, check, answer).await?))
}

async fn dispatch(app: &App, signed: &Signed<'_>) -> Result<Answer, Refused> {
    match signed.route.operation {
        Operation::CreateCheckoutSession => sessions::create(app, signed).await,
        Operation::GetCheckoutSession => sessions::get(app, signed).await,
        Operation::UpdateCheckoutSession => sessions::update(app, signed).await,
        Operation::CompleteCheckoutSession => sessions::complete(app, signed).await,
        Operation::FinalizeCheckoutSession => sessions::finalize(app, signed).await,
        Operation::GetChargePermission => payments::get_permission(app, signed).await,
        Operation::UpdateChargePermission => payments::update_permission(app, signed).await,
        Operation::CloseChargePermission => payments::close_permission(app, signed).await,
        Operation::CreateCharge => payments::create_charge(app, signed).await,
        Operation::GetCharge => payments::get_charge(app, signed).await,
        Operation::UpdateCharge => payments::update_charge(app, signed).await,
        Operation::CaptureCharge => payments::capture_charge(app, signed).await,
        Operation::CancelCharge => payments::cancel_charge(app, signed).await,
        Operation::CreateRefund => payments::create_refund(app, signed).await,
        Operation::GetRefund => payments::get_refund(app, signed).await,
    }
}
