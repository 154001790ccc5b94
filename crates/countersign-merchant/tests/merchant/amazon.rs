//! A scripted Amazon: just enough to answer, and every way of not answering. It checks none of Amazon's rules
//! (the sandbox does that); it counts, remembers, and fails as the test says.

mod payment;

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use countersign_client::{Transport, TransportError};
use countersign_domain::ids::CheckoutSessionId;
use countersign_world::Clock as _;
use countersign_world::fake::FakeClock;
use futures_util::future::{BoxFuture, pending};
use serde_json::{Value, json};

/// What happens to the next call of an operation.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// Nothing goes wrong.
    Nothing,
    /// No connection.
    NotSent,
    /// The call is executed, and its answer is lost.
    LostAfter,
    /// The call is lost on the way, and is not executed.
    LostBefore,
    /// The call is executed, and never answered.
    HangAfter,
    /// The call is executed, and answered twenty seconds later.
    Late,
    /// The call is lost on the way, is not executed, and is never answered.
    HangBefore,
    /// The call is not executed, and is answered with this.
    Answer(u16, Value),
    /// The payment is declined with this code, which ends the session.
    Declined(&'static str),
    /// A Get returns the session as it was while it was open.
    StaleOpen,
    /// The answer to a Get or a Finalize has no ids.
    WithoutIds,
    /// The call is executed and accepted, with the authorization or the capture pending.
    Pending,
    /// As [`Pending`](Self::Pending), but answered with 200.
    PendingWith200,
    /// The call is executed, and answered with this instead.
    AnswerAfter(u16, Value),
    /// The call is not executed, and is answered with this by a machine other than Amazon's: there is no
    /// request id.
    Stray(u16, &'static str),
}

impl Fault {
    pub(crate) fn refusal(status: u16, code: &str) -> Self {
        // A message of Amazon's may quote the request, so it must not be logged.
        Self::Answer(status, json!({ "reasonCode": code, "message": "canary" }))
    }
}

/// A call as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct ReceivedCall {
    pub(crate) operation: &'static str,
    pub(crate) path: String,
    pub(crate) key: Option<String>,
    pub(crate) body: Bytes,
}

/// How much later [`Fault::Late`] is answered.
const LATE: Duration = Duration::from_secs(20);

pub(crate) struct Amazon {
    time: FakeClock,
    state: Mutex<State>,
}

/// The id of a session: a UUID as it is, and of a short name such as `s2` the one that stands for it.
pub(crate) fn session_id(name: &str) -> String {
    if CheckoutSessionId::parse(name).is_ok_and(|id| id.can_be_amazons()) {
        return name.to_owned();
    }
    let letters: String = name.bytes().map(|byte| format!("{byte:02x}")).collect();
    let letters = format!("{letters:0>20}");
    let (first, last) = letters.split_at(letters.len() - 12);
    format!("{}-0000-4000-8000-{last}", &first[first.len() - 8..])
}

type Hook = Box<dyn Fn() + Send + Sync>;

#[derive(Default)]
struct State {
    sessions: HashMap<String, Value>,
    unapproved: HashSet<String>,
    charges: HashMap<String, Value>,
    refunds: HashMap<String, Value>,
    permissions: HashMap<String, Value>,
    /// The limits of permissions that another system made, and when it did.
    limits: HashMap<String, (Value, String)>,
    /// Further members that a permission shows.
    shown_of_permissions: HashMap<String, Value>,
    authorized_for: Option<Duration>,
    faults: HashMap<&'static str, VecDeque<Fault>>,
    arrived: Vec<ReceivedCall>,
    saved: HashMap<String, (Bytes, u16, Value)>,
    hanging: usize,
    ids: u32,
    skew_s: i64,
    down: HashSet<&'static str>,
    silent: HashSet<&'static str>,
    /// Objects whose Gets are answered with 503.
    hidden: HashSet<String>,
    ignores_keys: bool,
    saves_errors: bool,
    at_finalize: Option<Hook>,
    at_charge: Option<Hook>,
    at_operation: Option<Hook>,
}

impl Amazon {
    pub(crate) fn new(time: &FakeClock) -> Arc<Self> {
        Arc::new(Self { time: time.clone(), state: Mutex::default() })
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// The buyer has placed an order: adds an open session with these members.
    pub(crate) fn open(&self, id: &str, session: Value) {
        let (id, mut session) = (session_id(id), session);
        session["checkoutSessionId"] = json!(id);
        self.state().sessions.insert(id, session);
    }

    pub(crate) fn change(&self, id: &str, change: impl FnOnce(&mut Value)) {
        change(self.state().sessions.get_mut(&session_id(id)).unwrap());
    }

    /// The buyer has not placed the order of this session yet.
    pub(crate) fn unapprove(&self, id: &str) {
        self.state().unapproved.insert(id.to_owned());
    }

    /// The buyer places the order of this session.
    pub(crate) fn approve(&self, id: &str) {
        self.state().unapproved.remove(id);
    }

    /// The buyer places the order of this session, and Amazon authorizes it, before any Finalize.
    pub(crate) fn approve_with_permission(&self, id: &str) {
        self.approve(id);
        self.change(id, |session| session["chargePermissionId"] = json!("S01-5105180-9000001"));
    }

    /// A copy of the latest Finalize of this session is executed now, and its answer reaches nobody.
    pub(crate) fn executes_a_copy(&self, id: &str) {
        self.approve(id);
        let now = self.time.now().as_millis();
        let mut state = self.state();
        let copy = state.arrived.iter().rev().find(|it| it.operation == "finalize" && it.path.contains(id));
        let copy = copy.cloned().unwrap();
        state.finalize(id, &copy, false, now);
    }

    /// A session as Amazon shows it.
    pub(crate) fn session(&self, id: &str) -> Value {
        self.state().sessions[&session_id(id)].clone()
    }

    /// Amazon deletes a session.
    pub(crate) fn delete(&self, id: &str) {
        self.state().sessions.remove(&session_id(id));
    }

    /// The session ends without a payment.
    pub(crate) fn cancel(&self, id: &str, reason: &str) {
        let id = session_id(id);
        let canceled = json!({ "checkoutSessionId": id,
            "statusDetails": { "state": "Canceled", "reasonCode": reason } });
        self.state().sessions.insert(id, canceled);
    }

    /// Another client of the account finalizes a session, as its own sale.
    pub(crate) fn is_finalized_elsewhere(&self, id: &str, intent: &str) {
        let body =
            json!({ "paymentIntent": intent, "chargeAmount": { "amount": "14.00", "currencyCode": "USD" } });
        let sent = ReceivedCall {
            operation: "finalize",
            path: format!("checkoutSessions/{id}/finalize"),
            key: Some("another-clients-key".to_owned()),
            body: Bytes::from(body.to_string()),
        };
        let now = self.time.now().as_millis();
        let (status, _) = self.state().finalize(id, &sent, false, now);
        assert_eq!(status, 200, "{id} is not open");
    }

    /// Sets the state of a charge.
    pub(crate) fn decide(&self, charge_id: &str, state: &str) {
        let mut amazon = self.state();
        let charge = amazon.charges.get_mut(charge_id).unwrap();
        charge["statusDetails"] = json!({ "state": state });
        if state == "Captured" && charge["captureAmount"].is_null() {
            charge["captureAmount"] = charge["chargeAmount"].clone();
        }
    }

    pub(crate) fn change_charge(&self, charge_id: &str, change: impl FnOnce(&mut Value)) {
        change(self.state().charges.get_mut(charge_id).unwrap());
    }

    pub(crate) fn fault(&self, operation: &'static str, fault: Fault) {
        self.state().faults.entry(operation).or_default().push_back(fault);
    }

    /// Removes the faults that have not happened yet.
    pub(crate) fn forget_faults(&self) {
        self.state().faults.clear();
    }

    /// From now on every call of an operation is answered with 503.
    pub(crate) fn goes_down(&self, operation: &'static str) {
        self.state().down.insert(operation);
    }

    /// From now on no call of an operation is answered.
    pub(crate) fn falls_silent(&self, operation: &'static str) {
        self.state().silent.insert(operation);
    }

    /// From now on each Get of this object is answered with 503.
    pub(crate) fn hides(&self, id: &str) {
        self.state().hidden.insert(id.to_owned());
    }

    pub(crate) fn comes_back(&self) {
        self.state().hidden.clear();
        self.state().down.clear();
    }

    /// Sets how many seconds Amazon's clock is ahead of ours.
    pub(crate) fn skew(&self, seconds: i64) {
        self.state().skew_s = seconds;
    }

    /// Makes Finalize ignore idempotency keys, which is one reading of Amazon's pages.
    pub(crate) fn ignore_keys(&self) {
        self.state().ignores_keys = true;
    }

    /// Saves an answer under its idempotency key and replays it even if it is an error, which is one reading of Amazon's
    /// pages.
    pub(crate) fn save_errors(&self) {
        self.state().saves_errors = true;
    }

    pub(crate) fn at_finalize(&self, hook: impl Fn() + Send + Sync + 'static) {
        self.state().at_finalize = Some(Box::new(hook));
    }

    pub(crate) fn at_charge(&self, hook: impl Fn() + Send + Sync + 'static) {
        self.state().at_charge = Some(Box::new(hook));
    }

    /// Runs the hook when a call that changes a charge, a refund or a permission has arrived.
    pub(crate) fn at_operation(&self, hook: impl Fn() + Send + Sync + 'static) {
        self.state().at_operation = Some(Box::new(hook));
    }

    pub(crate) fn hanging(&self) -> usize {
        self.state().hanging
    }

    pub(crate) fn arrived(&self, operation: &str) -> Vec<ReceivedCall> {
        self.state().arrived.iter().filter(|arrived| arrived.operation == operation).cloned().collect()
    }

    pub(crate) fn charge_count(&self) -> usize {
        self.state().charges.len()
    }

    fn date(&self, skew_s: i64) -> String {
        let now = self.time.now().as_millis() + skew_s * 1_000;
        let text = countersign_domain::time::Timestamp::from_millis(now).to_string();
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let month = months[text[4..6].parse::<usize>().unwrap() - 1];
        let (hour, minute, second) = (&text[9..11], &text[11..13], &text[13..15]);
        format!("Mon, {} {month} {} {hour}:{minute}:{second} GMT", &text[6..8], &text[..4])
    }
}

/// A fault that was set and never happened means that a test proves less than it seems to.
impl Drop for Amazon {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let left = self.state.get_mut().unwrap().faults.values().map(VecDeque::len).sum::<usize>();
            assert_eq!(left, 0, "some faults did not happen");
        }
    }
}

enum Reply {
    Now(u16, Value),
    Stray(u16, &'static str),
    Lost,
    NotSent,
    Never,
    Later(u16, Value),
}

impl State {
    fn reply(&mut self, arrived: &ReceivedCall, now: i64) -> Reply {
        let fault = self.faults.get_mut(arrived.operation).and_then(VecDeque::pop_front);
        match fault {
            Some(Fault::NotSent) => return Reply::NotSent,
            Some(Fault::LostBefore) => return Reply::Lost,
            Some(Fault::Stray(status, body)) => return Reply::Stray(status, body),
            Some(Fault::HangBefore) => {
                self.hanging += 1;
                return Reply::Never;
            }
            None if self.silent.contains(arrived.operation) => {
                self.hanging += 1;
                return Reply::Never;
            }
            None if self.down.contains(arrived.operation) => {
                return Reply::Now(503, json!({ "reasonCode": "ServiceUnavailable", "message": "canary" }));
            }
            Some(Fault::Declined(code)) => {
                let id = arrived.path.split('/').nth(1).unwrap_or_default().to_owned();
                let canceled = json!({ "checkoutSessionId": id,
                    "statusDetails": { "state": "Canceled", "reasonCode": "Declined" } });
                self.sessions.insert(id, canceled);
                return Reply::Now(422, json!({ "reasonCode": code, "message": "canary" }));
            }
            Some(Fault::Answer(status, body)) => {
                if self.saves_errors
                    && let Some(key) = &arrived.key
                {
                    self.saved.insert(key.clone(), (arrived.body.clone(), status, body.clone()));
                }
                return Reply::Now(status, body);
            }
            _ => {}
        }
        let id = arrived.path.split('/').nth(1).unwrap_or_default();
        if self.hidden.contains(id) {
            return Reply::Now(503, json!({ "reasonCode": "ServiceUnavailable", "message": "canary" }));
        }
        let pending = matches!(fault, Some(Fault::Pending | Fault::PendingWith200));
        let (status, mut body) = match arrived.operation {
            "session" => found(self.sessions.get(id)),
            "charge" => {
                if let Some(hook) = &self.at_charge {
                    hook();
                }
                self.charge(id)
            }
            "permission" => self.permission(id),
            "refund" => found(self.refunds.get(id)),
            "finalize" => self.finalize(id, arrived, pending, now),
            _ => {
                if let Some(hook) = &self.at_operation {
                    hook();
                }
                self.answer(arrived, pending, now)
            }
        };
        match fault {
            Some(Fault::LostAfter) => return Reply::Lost,
            Some(Fault::HangAfter) => {
                self.hanging += 1;
                return Reply::Never;
            }
            Some(Fault::Late) => return Reply::Later(status, body),
            Some(Fault::AnswerAfter(status, body)) => return Reply::Now(status, body),
            Some(Fault::PendingWith200) => return Reply::Now(200, body),
            Some(Fault::StaleOpen) => body = body["wasOpen"].clone(),
            Some(Fault::WithoutIds) => {
                body["chargeId"] = Value::Null;
                body["chargePermissionId"] = Value::Null;
            }
            _ => {}
        }
        if let Some(body) = body.as_object_mut() {
            body.remove("wasOpen");
        }
        Reply::Now(status, body)
    }

    fn finalize(&mut self, id: &str, arrived: &ReceivedCall, pending: bool, now: i64) -> (u16, Value) {
        if let Some(hook) = &self.at_finalize {
            hook();
        }
        if let Some(key) = arrived.key.as_ref().filter(|_| !self.ignores_keys)
            && let Some((body, status, answer)) = self.saved.get(key)
        {
            assert_eq!(*body, arrived.body, "a key was used again with a different body");
            return (*status, answer.clone());
        }
        let Some(session) = self.sessions.get(id).cloned() else { return found(None) };
        if session["statusDetails"]["state"] == "Canceled" {
            return (422, json!({ "reasonCode": "CheckoutSessionCanceled", "message": "canary" }));
        }
        if session["statusDetails"]["state"] != "Open" {
            return (422, json!({ "reasonCode": "InvalidCheckoutSessionStatus", "message": "canary" }));
        }
        if self.unapproved.contains(id) {
            return (422, json!({ "reasonCode": "InvalidCheckoutSessionStatus", "message": "canary" }));
        }
        self.ids += 1;
        let permission = format!("S01-5105180-{:07}", self.ids);
        let request: Value = serde_json::from_slice(&arrived.body).unwrap();
        let state = match request["paymentIntent"].as_str().unwrap() {
            "Confirm" => None,
            _ if pending => Some("AuthorizationInitiated"),
            "Authorize" => Some("Authorized"),
            _ => Some("Captured"),
        };
        self.permissions.insert(permission.clone(), json!({ "state": "Chargeable" }));
        let charge = state.map(|state| {
            let charge = format!("{permission}-C{:06}", self.ids);
            let captured = (state == "Captured").then(|| request["chargeAmount"].clone());
            let shown = json!({ "chargeId": charge, "chargePermissionId": permission,
                "chargeAmount": request["chargeAmount"],
                "captureAmount": captured, "expirationTimestamp": self.expiry(now),
                "statusDetails": { "state": state } });
            self.charges.insert(charge.clone(), shown);
            charge
        });
        let completed = json!({ "checkoutSessionId": id, "statusDetails": { "state": "Completed" },
            "chargePermissionId": permission, "chargeId": charge, "wasOpen": session });
        self.sessions.insert(id.to_owned(), completed.clone());
        let status = if pending { 202 } else { 200 };
        if let Some(key) = &arrived.key {
            self.saved.insert(key.clone(), (arrived.body.clone(), status, completed.clone()));
        }
        (status, completed)
    }
}

fn found(object: Option<&Value>) -> (u16, Value) {
    match object {
        Some(object) => (200, object.clone()),
        None => (404, json!({ "reasonCode": "ResourceNotFound", "message": "canary" })),
    }
}

impl Transport for Amazon {
    fn send(
        &self,
        request: http::Request<Bytes>,
        _: Duration,
    ) -> BoxFuture<'_, Result<http::Response<Bytes>, TransportError>> {
        let path = request.uri().path().trim_start_matches("/v2/").to_owned();
        let operation = match (request.method().as_str(), path.split('/').next().unwrap()) {
            ("GET", "checkoutSessions") => "session",
            ("GET", "charges") => "charge",
            ("GET", "chargePermissions") => "permission",
            ("POST", "checkoutSessions") if path.ends_with("/finalize") => "finalize",
            ("POST", "charges") if path.ends_with("/capture") => "captureCharge",
            ("POST", "charges") => "createCharge",
            ("DELETE", "charges") => "cancelCharge",
            ("GET", "refunds") => "refund",
            ("POST", "refunds") => "createRefund",
            ("DELETE", "chargePermissions") => "close",
            other => panic!("this call is not known: {other:?}"),
        };
        let key = request.headers().get("x-amz-pay-idempotency-key");
        let key = key.map(|key| key.to_str().unwrap().to_owned());
        let arrived = ReceivedCall { operation, path, key, body: request.into_body() };
        Box::pin(async move {
            let (reply, date) = {
                let mut state = self.state();
                state.arrived.push(arrived.clone());
                let reply = state.reply(&arrived, self.time.now().as_millis());
                (reply, self.date(state.skew_s))
            };
            if let Reply::Later(..) = reply {
                self.time.sleep(LATE).await;
            }
            match reply {
                Reply::Now(status, body) | Reply::Later(status, body) => {
                    let answer = http::Response::builder().status(status).header("date", date);
                    let answer = answer.header("x-amz-pay-request-id", "request-1");
                    Ok(answer.body(Bytes::from(body.to_string())).unwrap())
                }
                Reply::Stray(status, body) => {
                    let answer = http::Response::builder().status(status).header("date", date);
                    Ok(answer.body(Bytes::from_static(body.as_bytes())).unwrap())
                }
                Reply::Lost => Err(TransportError::Lost("reset".into())),
                Reply::NotSent => Err(TransportError::NotSent("refused".into())),
                Reply::Never => pending().await,
            }
        })
    }
}
