//! Amazon Pay's API over HTTP: routes, signatures, and the form of answers and refusals. `calls/`
//! has what each call reads, does and answers. Paths under `/_sandbox` go to `control/`, those of
//! the buyer's pages to `hosted/`.

mod date;
pub(crate) mod errors;
pub(crate) mod origin;
pub(crate) mod render;
mod route;
mod signed;

use std::sync::Arc;

use countersign_http::{IncompleteRequest, Reply, Request, Response};
use http::{HeaderName, HeaderValue, header};

use crate::app::App;
use crate::book::answer::ApiAnswer;
use crate::book::refused::BookRefused;
use crate::calls;
use crate::control;
use crate::faults::call::{CallFault, CallPoint};
use crate::hosted;
use crate::notify::pages;
pub(crate) use date::DateHeader;
use errors::ApiRefused;
use render::response;
use signed::{SignedCall, verify};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amz-pay-request-id");

/// Answers merchants, and the tests that control the sandbox.
pub(crate) async fn handle(app: &Arc<App>, date: &DateHeader, request: &Request) -> Reply {
    // The id is drawn first: a reset restarts the ids, and its own answer must not use the first
    // new one.
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
pub(crate) fn refuse_unreadable(app: &App, date: &DateHeader, unreadable: IncompleteRequest) -> Response {
    stamped(app, date, &app.ids.request_id(), refused(app, &ApiRefused::Unreadable(unreadable)))
}

fn is_control(path: &str) -> bool {
    let rest = path.strip_prefix('/').and_then(|path| path.strip_prefix(control::FIRST_SEGMENT));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Adds the headers that every answer has. The date is the wall clock's, because clients compute
/// the skew of their own clock from it.
fn stamped(app: &App, date: &DateHeader, request_id: &str, mut response: Response) -> Response {
    let headers = response.headers_mut();
    // This never fails: an id of hexadecimal digits and dashes is always a valid header value.
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert(REQUEST_ID, id);
    }
    headers.insert(header::DATE, date.at(app.clock.wall()));
    response
}

fn refused(app: &App, refused: &ApiRefused) -> Response {
    let ApiAnswer { status, body, .. } = errors::answer(refused, &app.settings.flags);
    response(status, body.into())
}

async fn answer(app: &App, request: &Request) -> Reply {
    let moment = app.book.moment().await;
    let mut signed = match verify(app, request, moment.now) {
        Ok(signed) => signed,
        Err(why) => return Reply::Answer(refused(app, &why)),
    };
    match app.faults.strike_call(&signed.candidate(), CallPoint::Before).map(|fault| fault.order.fault) {
        Some(CallFault::StaleRead { delay }) => signed.request.look.staleness = Some(delay),
        Some(fault) => {
            drop(moment);
            return struck(app, fault).await;
        }
        None => {}
    }
    let executed = execute(app, &signed).await;
    drop(moment);
    match executed {
        Ok(answer) => {
            app.notices.hold_answer(&signed.request.caller.told, &app.clock).await;
            match app.faults.strike_call(&signed.candidate(), CallPoint::AfterCommit) {
                Some(fault) => struck(app, fault.order.fault).await,
                None => Reply::Answer(response(answer.status, answer.into_body(signed.request.caller.now))),
            }
        }
        Err(why) => Reply::Answer(refused(app, &why)),
    }
}

/// Applies a fault, in place of the answer.
async fn struck(app: &App, fault: CallFault) -> Reply {
    match fault {
        CallFault::Status { status } => Reply::Answer(refused(app, &ApiRefused::Fault(status))),
        CallFault::Timeout { delay } => {
            app.clock.sleep(delay).await;
            Reply::Reset
        }
        // A stale read is applied before the call, so it never gets here.
        CallFault::Reset | CallFault::StaleRead { .. } => Reply::Reset,
    }
}

/// Executes a call. If the flag says so, a refusal is remembered for the idempotency key.
async fn execute(app: &App, signed: &SignedCall<'_>) -> Result<ApiAnswer, ApiRefused> {
    let (check, refused) = match calls::answer(signed.operation, &app.book, &signed.request).await {
        Ok(answer) => return Ok(answer),
        Err(refused) => refused,
    };
    let flags = &app.settings.flags;
    let is_kept = flags.save_refusals
        && signed.request.caller.idempotency.is_some()
        && !matches!(refused, ApiRefused::Book(BookRefused::Store(_) | BookRefused::DuplicateIdempotencyKey));
    if !is_kept {
        return Err(refused);
    }
    let answer = errors::answer(&refused, flags);
    Err(ApiRefused::Kept(app.book.remember_refusal(&signed.request.caller, check, answer).await?))
}
