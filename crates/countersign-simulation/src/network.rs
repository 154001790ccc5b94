//! The network from the merchant half to Amazon: delays, losses in both directions, copies, resets,
//! and answers changed to a different reading of Amazon's pages.
//!
//! A call that was sent continues by itself: neither the sender's deadline nor a crash of the
//! sender stops it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use countersign_client::{Transport, TransportError};
use countersign_http::{Request, Response};
use countersign_sandbox::Sandbox;
use countersign_world::Clock as _;
use countersign_world::fake::ShiftedClock;
use futures_util::future::BoxFuture;
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::calendar::Calendar;
use crate::entropy::Random;
use crate::executor::{Executor, Group};
use crate::features::Feature;
use crate::hostile::{HostileAnswers, LEFT_OUT};
use crate::lateness::{EarlyAuthorizations, Lateness};
use crate::process::{GivingUp, Process, ServeOutcome};
use crate::reading::{DateHeader, IdsOnGet, Reading, SuccessStatus};
use crate::weather::{Rates, Weather};
use crate::witness::Witness;

/// The longest time after a change for which a Get may not show it.
const REPLICA_LAG: Duration = Duration::from_secs(5);

/// The shortest pause after which a session that was refused counts as not approved.
const NOT_APPROVED_PAUSE: Duration = Duration::from_secs(5);

/// How many Finalizes in a thousand get a simulation code, with which Amazon or the bank decides differently
/// from what the card says. Later calls that have such codes get one four times as often.
const SIMULATED: u32 = 40;

/// What is counted when Amazon gives a refusal again that it has kept under its key.
const SAVED_REFUSAL: &str = "a refusal that was saved under its key";

/// The network. Clones share it.
#[derive(Clone)]
pub(crate) struct Network {
    pub(crate) executor: Executor,
    pub(crate) weather: Arc<Weather>,
    pub(crate) reading: Reading,
    pub(crate) amazon: Arc<Process<Sandbox>>,
    pub(crate) witness: Arc<Witness>,
    pub(crate) random: Random,
    /// Amazon's clock.
    pub(crate) clock: ShiftedClock,
    pub(crate) lateness: Lateness,
    pub(crate) early: EarlyAuthorizations,
    pub(crate) calendar: Calendar,
    /// The refusals that Amazon keeps, by idempotency key.
    pub(crate) refusals: Arc<Mutex<HashMap<String, Bytes>>>,
    /// The statuses that Amazon remembers, by idempotency key.
    pub(crate) kept: Arc<Mutex<HashMap<String, StatusCode>>>,
    /// What is wrong with answers that seem to be right, in some worlds.
    pub(crate) hostile: Option<HostileAnswers>,
}

/// The kind of call, as far as the network's changes to answers depend on it.
#[derive(Debug, Clone)]
enum CalledOperation {
    Finalize {
        session: String,
        key: String,
    },
    /// A call that changes a payment, and the object that it is about.
    Change {
        what: &'static str,
        id: String,
    },
    Get {
        id: String,
    },
}

impl CalledOperation {
    fn from_request(request: &Request) -> Self {
        let mut segments = request.uri().path().rsplit('/');
        let last = segments.next().unwrap_or_default();
        if last == "finalize" {
            let key = key_of(request).to_owned();
            return Self::Finalize { session: segments.next().unwrap_or_default().to_owned(), key };
        }
        let parent = segments.next().unwrap_or_default().to_owned();
        let what = match (request.method().as_str(), last) {
            ("POST", "charges") => "createCharge",
            ("POST", "capture") => "captureCharge",
            ("POST", "refunds") => "createRefund",
            ("DELETE", "cancel") => "cancelCharge",
            ("DELETE", "close") => "closeChargePermission",
            _ => return Self::Get { id: last.to_owned() },
        };
        // For a new object the id is in the body.
        let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
        let about = ["chargeId", "chargePermissionId"].into_iter().find_map(|id| body[id].as_str());
        Self::Change { what, id: about.map_or(parent, str::to_owned) }
    }

    fn id(&self) -> &str {
        match self {
            Self::Finalize { session, .. } => session,
            Self::Change { id, .. } | Self::Get { id } => id,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Finalize { .. } => "Finalize",
            Self::Change { what, .. } => what,
            Self::Get { .. } => "Get",
        }
    }
}

/// What happens to one call.
#[derive(Debug, Clone, Copy)]
struct CallFate {
    request_lost: bool,
    answer_lost: bool,
    /// How long the call takes beyond the usual delay.
    late: Duration,
    repeated_after: Option<Duration>,
    /// Whether the sender gets the copy's answer in place of the first answer.
    copy_answers: bool,
    /// When a further copy arrives whose answer nobody waits for.
    copied_after: Option<Duration>,
}

impl Network {
    fn note(&self, called: &CalledOperation, what: impl FnOnce() -> String) {
        self.witness.note_of_object(called.id(), || format!("{} {}", called.name(), what()));
    }

    fn happens(&self, rate: impl FnOnce(&Rates) -> u32) -> bool {
        self.weather.strikes(&self.random, rate)
    }

    fn fate(&self, called: &CalledOperation) -> CallFate {
        let random = &self.random;
        let late = if self.happens(|rates| rates.late) {
            random.time(Duration::from_secs(1), Duration::from_secs(600))
        } else {
            Duration::ZERO
        };
        let repeated = self.happens(|rates| rates.repeated);
        CallFate {
            request_lost: self.happens(|rates| rates.request_lost),
            answer_lost: self.happens(|rates| rates.answer_lost),
            late,
            repeated_after: repeated.then(|| random.time(Duration::ZERO, Duration::from_secs(900))),
            copy_answers: random.happens(300),
            copied_after: match called {
                CalledOperation::Finalize { .. } | CalledOperation::Change { .. }
                    if !self.weather.is_calm() =>
                {
                    self.lateness.copied_after()
                }
                CalledOperation::Finalize { .. }
                | CalledOperation::Change { .. }
                | CalledOperation::Get { .. } => None,
            },
        }
    }

    async fn usual_delay(&self) {
        let Self { executor, weather, random, .. } = self;
        let longest = if weather.is_calm() { 20 } else { 3_000 };
        executor.sleep(random.time(Duration::from_millis(1), Duration::from_millis(longest))).await;
    }

    /// Loses the answer: immediately, or long after the sender has given up.
    async fn lose(&self, answers: oneshot::Sender<Response>) {
        let Self { executor, random, .. } = self;
        executor.sleep(random.time(Duration::ZERO, Duration::from_secs(60))).await;
        drop(answers);
    }

    async fn deliver(
        self,
        request: Request,
        called: CalledOperation,
        fate: CallFate,
        answers: oneshot::Sender<Response>,
    ) {
        if fate.request_lost {
            self.note(&called, || "is lost before it arrives".to_owned());
            return self.lose(answers).await;
        }
        self.executor.sleep(fate.late).await;
        let is_lost_for_good = matches!(called, CalledOperation::Change { .. })
            && !self.weather.is_calm()
            && self.lateness.loses_answers_under(key_of(&request));
        let mut answer = self.ask(&request, &called).await;
        if let Some(pause) = fate.repeated_after {
            if let CalledOperation::Finalize { session, .. } = &called {
                self.witness.is_copied(session);
            }
            let (copy, is_called) = (self.clone(), called.clone());
            let (copied, of_copy) = oneshot::channel();
            let request = request.clone();
            self.executor.spawn(Group::Network, async move {
                copy.executor.sleep(pause).await;
                let is_old = pause >= NOT_APPROVED_PAUSE && !copy.reading.flags.honour_key_on_finalize;
                if is_old && copy.witness.old_copy_arrives(is_called.id()) {
                    let answer = copy.ask(&request, &is_called).await;
                    copy.witness.late_copy_was_answered(is_called.id());
                    let _ = copied.send(answer);
                } else {
                    let _ = copied.send(copy.ask(&request, &is_called).await);
                }
            });
            if fate.copy_answers {
                answer = of_copy.await.ok().flatten();
            }
        }
        if let Some(pause) = fate.copied_after {
            let (copy, is_called) = (self.clone(), called.clone());
            self.executor.spawn(Group::Network, async move {
                copy.calendar.wait(pause).await;
                copy.witness.count(Feature::LateCopies.counted_as());
                copy.note(&is_called, || {
                    format!("arrives once more, {} hours later", pause.as_secs() / 3_600)
                });
                copy.witness.late_copy_arrives(is_called.id());
                copy.ask(&request, &is_called).await;
                copy.witness.late_copy_was_answered(is_called.id());
            });
        }
        let Some(answer) = answer else { return self.lose(answers).await };
        let gateway =
            matches!(called, CalledOperation::Finalize { .. }) && self.weather.gives_up_on_payments();
        let gateway = gateway || is_lost_for_good;
        if fate.answer_lost || gateway || self.weather.is_cut_off() {
            self.note(&called, || "has an answer that is lost".to_owned());
            return self.lose(answers).await;
        }
        self.usual_delay().await;
        let _ = answers.send(answer);
    }

    /// Passes the request to Amazon's half, and changes the answer according to the reading.
    async fn ask(&self, request: &Request, called: &CalledOperation) -> Option<Response> {
        let Self { amazon, random, weather, .. } = self;
        if let Some(status) = self.kept(called) {
            self.note(called, || format!("gets the kept {status} again"));
            return Some(failure(status));
        }
        if self.happens(|rates| rates.turned_away) {
            let answer = random.one_of(&[
                (400, "InvalidHeaderValue"),
                (401, "UnauthorizedAccess"),
                (403, "InvalidAuthentication"),
                (403, "InvalidAccountStatus"),
                (429, "TooManyRequests"),
            ]);
            self.note(called, || format!("is turned away: {} {}", answer.0, answer.1));
            return Some(error(answer.0, answer.1));
        }
        if self.happens(|rates| rates.failed_before) {
            let status = self.draw_failure(called);
            self.keep(called, status);
            self.note(called, || format!("fails with {status} before anything is done"));
            return Some(failure(status));
        }
        if let CalledOperation::Get { id } = called
            && !weather.is_calm()
            && self.comes_too_early(id)
        {
            self.note(called, || "comes too early and is answered 404".to_owned());
            return Some(error(404, "ResourceNotFound"));
        }
        let served = amazon.serve(request.clone(), GivingUp::LeavesItRunning, |_| ()).await;
        let answer = match served {
            ServeOutcome::Answer(answer) => answer,
            ServeOutcome::Reset | ServeOutcome::Refused => {
                self.note(called, || "is cut off by Amazon".to_owned());
                return None;
            }
        };
        self.is_refused(request, called, &answer);
        self.has_made(request, called, &answer);
        let answer = self.as_a_replica_has_it(called, answer);
        if self.happens(|rates| rates.failed_after) {
            let status = self.draw_failure(called);
            self.keep(called, status);
            self.note(called, || format!("fails with {status} instead of {}", answer.status()));
            return Some(failure(status));
        }
        let answer = self.read_otherwise(called, answer);
        let answer = match &self.hostile {
            Some(hostile) if !weather.is_calm() => {
                let (answer, what) = hostile.change(
                    answer,
                    matches!(called, CalledOperation::Finalize { .. }),
                    |permission| self.witness.is_held(permission),
                );
                if let Some(what) = what {
                    if what != LEFT_OUT {
                        self.witness.is_contradicted(called.id());
                    }
                    self.witness.count(what);
                    self.note(called, || format!("has {what}"));
                }
                answer
            }
            Some(_) | None => answer,
        };
        self.note(called, || format!("is answered {}", in_short(&answer)));
        Some(answer)
    }

    /// Counts a refusal that Amazon has kept under its key, and gives again.
    fn is_refused(&self, request: &Request, called: &CalledOperation, answer: &Response) {
        let flags = &self.reading.flags;
        let is_kept = match called {
            CalledOperation::Finalize { .. } => flags.honour_key_on_finalize,
            CalledOperation::Change { .. } => true,
            CalledOperation::Get { .. } => false,
        };
        let key = key_of(request);
        if key.is_empty() || !is_kept || !flags.save_refusals {
            return;
        }
        if !answer.status().is_client_error() || is_turned_away(answer) {
            return;
        }
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        let earlier = refusals.insert(key.to_owned(), answer.body().clone());
        if earlier.as_ref() == Some(answer.body()) {
            self.witness.count(SAVED_REFUSAL);
        }
    }

    /// Notes the object that a call has made under its key.
    fn has_made(&self, request: &Request, called: &CalledOperation, answer: &Response) {
        let member = match called {
            CalledOperation::Change { what: "createCharge", .. } => "chargeId",
            CalledOperation::Change { what: "createRefund", .. } => "refundId",
            CalledOperation::Change { .. }
            | CalledOperation::Finalize { .. }
            | CalledOperation::Get { .. } => {
                return;
            }
        };
        let made: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
        if let Some(id) = made[member].as_str().filter(|_| answer.status().is_success()) {
            self.witness.made_under_key(key_of(request), id);
        }
    }

    /// What a replica shows of a session: an authorization before Finalize, or the session as it was.
    fn as_a_replica_has_it(&self, called: &CalledOperation, answer: Response) -> Response {
        let CalledOperation::Get { id } = called else { return answer };
        let (answer, is_stale) =
            self.lateness.show(answer, self.clock.now(), |session| self.witness.was_refused(session));
        if is_stale {
            self.witness.count(Feature::StaleOpens.counted_as());
            self.note(called, || "is answered by a replica that lags".to_owned());
        }
        let (answer, has_early) = self.early.add(id, answer);
        if has_early {
            self.witness.count("an early authorization is shown");
        }
        answer
    }

    /// Sometimes adds a simulation code, with which Amazon or the bank decides differently from what the card
    /// says. No signature covers the code.
    fn simulate(&self, request: &mut Request, called: &CalledOperation) {
        let codes: &[&'static str] = match called {
            CalledOperation::Finalize { .. } => &["AmazonCanceled", "Declined", "AuthorizationInitiated"],
            CalledOperation::Change { what: "createCharge", .. } => {
                &["SoftDeclined", "HardDeclined", "AmazonRejected", "TransactionTimedOut"]
            }
            CalledOperation::Change { what: "captureCharge", .. } => &["CaptureInitiated", "CaptureDeclined"],
            CalledOperation::Change { what: "createRefund", .. } => &["RefundDeclined"],
            CalledOperation::Change { .. } | CalledOperation::Get { .. } => return,
        };
        let rate = if matches!(called, CalledOperation::Finalize { .. }) { SIMULATED } else { SIMULATED * 4 };
        if self.happens(|_| rate) {
            let code = self.random.one_of(codes);
            request.headers_mut().insert("x-amz-pay-simulation-code", HeaderValue::from_static(code));
        }
    }

    /// Whether a Get reaches a replica that does not have the object yet.
    fn comes_too_early(&self, id: &str) -> bool {
        let Self { reading, random, witness, .. } = self;
        let Some(age) = witness.age(id) else { return false };
        let rate = if witness.is_finalized(id) { reading.early_404_finalized } else { reading.early_404_new };
        age < REPLICA_LAG && random.happens(rate)
    }

    fn draw_failure(&self, called: &CalledOperation) -> StatusCode {
        let statuses: &[u16] = match called {
            CalledOperation::Finalize { .. } | CalledOperation::Change { .. } => {
                &[404, 408, 425, 500, 500, 502, 503, 504]
            }
            // A 404 that is not Amazon's own says nothing about the object.
            CalledOperation::Get { .. } => &[404, 408, 425, 500, 502, 503, 504],
        };
        StatusCode::from_u16(self.random.one_of(statuses)).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn kept(&self, called: &CalledOperation) -> Option<StatusCode> {
        let CalledOperation::Finalize { key, .. } = called else { return None };
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).get(key).copied()
    }

    fn keep(&self, called: &CalledOperation, status: StatusCode) {
        let CalledOperation::Finalize { key, .. } = called else { return };
        if self.reading.stores_5xx && status.is_server_error() {
            self.kept.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone(), status);
        }
    }

    /// The sandbox's answer, changed to what it would be under this reading.
    fn read_otherwise(&self, called: &CalledOperation, answer: Response) -> Response {
        let Self { reading, random, witness, .. } = self;
        let (mut head, mut body) = answer.into_parts();
        match reading.date_header {
            DateHeader::Told => {}
            DateHeader::Absent => {
                head.headers.remove(header::DATE);
            }
            DateHeader::Garbled => {
                head.headers.insert(header::DATE, HeaderValue::from_static("yesterday"));
            }
        }
        if !head.status.is_success() {
            if head.status == StatusCode::UNPROCESSABLE_ENTITY && has_word(&body, "HardDeclined") {
                let code = random.one_of(&DECLINES);
                body = edited(&body, |value| value["reasonCode"] = json!(code));
            }
            if self.happens(|rates| rates.unknown_words) {
                body = edited(&body, |value| value["reasonCode"] = json!("NotYetListed"));
            }
            return Response::from_parts(head, body);
        }
        if self.happens(|rates| rates.unreadable) {
            let cut = body.len() / 2;
            body = match random.below(3) {
                0 => body.slice(..cut),
                1 => Bytes::from_static(b"<html>Bad luck</html>"),
                _ => Bytes::new(),
            };
            return Response::from_parts(head, body);
        }
        match called {
            CalledOperation::Finalize { .. } => {
                head.status = match reading.success_status {
                    SuccessStatus::ByState => head.status,
                    SuccessStatus::Always200 => StatusCode::OK,
                    SuccessStatus::Always202 => StatusCode::ACCEPTED,
                };
                if random.happens(reading.ids_missing_in_answer) {
                    let missing = random.one_of(&["chargeId", "chargePermissionId"]);
                    body = edited(&body, |value| value[missing] = Value::Null);
                }
            }
            CalledOperation::Change { .. } => {}
            CalledOperation::Get { id } => {
                let shows_ids = match reading.ids_on_get {
                    IdsOnGet::Always => true,
                    IdsOnGet::After(lag) => witness.age(id).is_none_or(|age| age >= lag),
                    IdsOnGet::Never => false,
                };
                if !reading.reasons_on_get && has_word(&body, "Canceled") {
                    body = edited(&body, |value| value["statusDetails"]["reasonCode"] = Value::Null);
                }
                let unknown_state = self.happens(|rates| rates.unknown_words);
                if !shows_ids || unknown_state {
                    body = edited(&body, |value| {
                        let is_session = value.get("checkoutSessionId").is_some();
                        if unknown_state {
                            value["statusDetails"]["state"] = json!("NotYetListed");
                        }
                        if is_session && !shows_ids {
                            value["chargeId"] = Value::Null;
                            value["chargePermissionId"] = Value::Null;
                        }
                    });
                }
            }
        }
        Response::from_parts(head, body)
    }
}

/// The ways in which a payment can be declined.
const DECLINES: [&str; 6] = [
    "HardDeclined",
    "SoftDeclined",
    "PaymentMethodNotAllowed",
    "MFANotCompleted",
    "TransactionTimedOut",
    "AmazonRejected",
];

/// The idempotency key of a request; empty if it has none.
fn key_of(request: &Request) -> &str {
    let key = request.headers().get("x-amz-pay-idempotency-key");
    key.and_then(|key| key.to_str().ok()).unwrap_or_default()
}

/// Whether a body has this word as a value; cheaper than parsing it.
fn has_word(body: &[u8], word: &str) -> bool {
    let word = format!("\"{word}\"");
    body.windows(word.len()).any(|window| window == word.as_bytes())
}

fn edited(body: &Bytes, edit: impl FnOnce(&mut Value)) -> Bytes {
    let Ok(mut value) = serde_json::from_slice::<Value>(body) else { return body.clone() };
    edit(&mut value);
    Bytes::from(value.to_string())
}

/// The header with Amazon's id of a request.
const REQUEST_ID: &str = "x-amz-pay-request-id";

fn error(status: u16, code: &str) -> Response {
    let body = json!({ "reasonCode": code, "message": "It cannot be done." });
    let mut response = Response::new(Bytes::from(body.to_string()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(REQUEST_ID, HeaderValue::from_static("simulated"));
    response
}

/// Whether Amazon has not even looked at the session.
fn is_turned_away(answer: &Response) -> bool {
    matches!(answer.status().as_u16(), 401 | 403 | 429) || has_word(answer.body(), "InvalidHeaderValue")
}

fn failure(status: StatusCode) -> Response {
    let code = match status.as_u16() {
        404 => "ResourceNotFound",
        408 => "RequestTimeout",
        425 => "TooEarly",
        500 => "ProcessingFailure",
        _ => "ServiceUnavailable",
    };
    let mut failure = error(status.as_u16(), code);
    // It comes from a machine in front of Amazon's.
    failure.headers_mut().remove(REQUEST_ID);
    failure
}

/// An answer's status, with its code or state, for the trace.
fn in_short(answer: &Response) -> String {
    let value: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
    let word = value["reasonCode"].as_str().or(value["statusDetails"]["state"].as_str());
    format!("{} {}", answer.status().as_u16(), word.unwrap_or("unreadable"))
}

impl Transport for Network {
    fn send(
        &self,
        mut request: http::Request<Bytes>,
        _: Duration,
    ) -> BoxFuture<'_, Result<http::Response<Bytes>, TransportError>> {
        Box::pin(async move {
            let Self { executor, weather, amazon, witness, .. } = self;
            let called = CalledOperation::from_request(&request);
            if let CalledOperation::Change { what, id } = &called {
                witness.touches(what, id);
                if *what == "createRefund" {
                    witness.refunds(id, request.body());
                    witness.refunds_disputed(id, key_of(&request), request.body());
                }
            }
            if let CalledOperation::Finalize { session, key } = &called {
                witness.sends(session, key, request.body());
            }
            self.simulate(&mut request, &called);
            let fate = self.fate(&called);
            let not_sent = self.happens(|rates| rates.not_sent);
            self.usual_delay().await;
            if not_sent || weather.is_cut_off() || !amazon.is_up() {
                self.note(&called, || "is not sent".to_owned());
                return Err(TransportError::NotSent("no connection".into()));
            }
            if let CalledOperation::Finalize { session, key } = &called {
                witness.has_left(session, key);
            }
            let (answers, answer) = oneshot::channel();
            executor.spawn(Group::Network, self.clone().deliver(request, called.clone(), fate, answers));
            let answer = answer.await.map_err(|_| TransportError::Lost("the connection was reset".into()))?;
            let is_own = answer.headers().contains_key(REQUEST_ID);
            if let CalledOperation::Finalize { session, .. } = &called
                && is_own
                && answer.status().is_client_error()
            {
                witness.had_no_effect(session, !is_turned_away(&answer));
            }
            Ok(answer)
        })
    }
}
