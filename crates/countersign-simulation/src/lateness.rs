//! What comes late, in the worlds that have it: copies of calls that arrive at Amazon hours or days later, and replicas
//! that show a session Open after it was completed. Amazon's own rules bound both: a session can be Open for 24 hours
//! only, and a copy is remembered under its key. What comes too early is here, too: the ids of an authorization before
//! Finalize.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use countersign_domain::time::Timestamp;
use countersign_http::Response;
use serde_json::{Value, json};

use crate::entropy::Random;
use crate::features::{Feature, Features};

/// How many calls in a thousand have a late copy.
const COPIED: u32 = 200;
/// When a late copy arrives.
const COPY_AFTER: (Duration, Duration) = (Duration::from_secs(3_600), Duration::from_secs(48 * 3_600));
/// How many sessions in a thousand have a replica that lags, and how many answers come from it.
const LAGS: u32 = 700;
const FROM_THE_REPLICA: u32 = 700;
/// How long a session can be Open.
const OPEN: Duration = Duration::from_secs(24 * 3_600);
/// The part of the seed.
const PART: u64 = 996;

/// What a replica shows of a session.
#[derive(Default)]
struct Replica {
    /// The last answer that showed it Open.
    open: Option<Value>,
    /// Until when it lags, once the session was completed; `None` if it does not.
    until: Option<Option<Timestamp>>,
}

/// The lateness of one world. Clones share it.
#[derive(Clone)]
pub(crate) struct Lateness {
    random: Random,
    copies: bool,
    lags: bool,
    loses: bool,
    replicas: Arc<Mutex<HashMap<String, Replica>>>,
}

impl Lateness {
    pub(crate) fn draw(features: Features, seed: u64) -> Self {
        Self {
            random: Random::stream(seed, PART),
            copies: features.has(Feature::LateCopies, seed),
            lags: features.has(Feature::StaleOpens, seed),
            loses: features.has(Feature::DecidedOperations, seed),
            replicas: Arc::default(),
        }
    }

    /// After which time a copy of a call arrives, if one does.
    pub(crate) fn copied_after(&self) -> Option<Duration> {
        let (from, to) = COPY_AFTER;
        (self.copies && self.random.happens(COPIED)).then(|| self.random.time(from, to))
    }

    /// Whether no answer to a call under this key comes while things go wrong, so that it is a person's to decide.
    pub(crate) fn loses_answers_under(&self, key: &str) -> bool {
        let sum: u64 = key.bytes().map(u64::from).sum();
        self.loses && !key.is_empty() && sum.is_multiple_of(3)
    }

    fn replicas(&self) -> MutexGuard<'_, HashMap<String, Replica>> {
        self.replicas.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Perhaps replaces an answer that shows a session Completed by one that shows it as it was. `was_only_refused`:
    /// whether the merchant half knows only of refusals, because a copy of its call was answered and the call itself
    /// had succeeded. Where keys are not honoured, a replica that is older than the pauses between two looks would then
    /// leave nothing that could tell: the look after 24 hours finds it.
    pub(crate) fn show(
        &self,
        answer: Response,
        now: Timestamp,
        was_only_refused: impl Fn(&str) -> bool,
    ) -> (Response, bool) {
        if !self.lags || !answer.status().is_success() {
            return (answer, false);
        }
        let Ok(body) = serde_json::from_slice::<Value>(answer.body()) else { return (answer, false) };
        let Some(session) = body["checkoutSessionId"].as_str() else { return (answer, false) };
        if was_only_refused(session) {
            return (answer, false);
        }
        let mut replicas = self.replicas();
        let replica = replicas.entry(session.to_owned()).or_default();
        match body["statusDetails"]["state"].as_str() {
            Some("Open") => {
                replica.open = Some(body);
                return (answer, false);
            }
            Some("Completed") => {}
            _ => return (answer, false),
        }
        let until = *replica.until.get_or_insert_with(|| {
            let made_at = body["creationTimestamp"].as_str().and_then(|at| Timestamp::parse(at).ok());
            let ends_at = made_at.unwrap_or(now).plus(OPEN);
            let lag = self.random.time(Duration::from_secs(5), OPEN);
            self.random.happens(LAGS).then(|| now.plus(lag).min(ends_at))
        });
        if until.is_none_or(|until| now >= until) || !self.random.happens(FROM_THE_REPLICA) {
            return (answer, false);
        }
        let shown = replica.open.clone().unwrap_or_else(|| as_it_was(body));
        let (mut head, _) = answer.into_parts();
        head.headers.remove(http::header::CONTENT_LENGTH);
        (Response::from_parts(head, Bytes::from(shown.to_string())), true)
    }
}

/// A session before its completion.
fn as_it_was(mut body: Value) -> Value {
    body["statusDetails"]["state"] = json!("Open");
    for id in ["chargePermissionId", "chargeId"] {
        body[id] = Value::Null;
    }
    body
}

/// The authorizations that Get Checkout Session shows, by session. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct EarlyAuthorizations(Arc<Mutex<HashMap<String, (String, String)>>>);

impl EarlyAuthorizations {
    pub(crate) fn show(&self, session: &str, permission: &str, charge: &str) {
        let ids = (permission.to_owned(), charge.to_owned());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(session.to_owned(), ids);
    }

    /// Adds the ids of the session's authorization to an answer that shows the session Open.
    pub(crate) fn add(&self, session: &str, answer: Response) -> (Response, bool) {
        let shown = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(session).cloned();
        let (Some((permission, charge)), true) = (shown, answer.status().is_success()) else {
            return (answer, false);
        };
        let Ok(mut body) = serde_json::from_slice::<Value>(answer.body()) else { return (answer, false) };
        if body["checkoutSessionId"] != session || body["statusDetails"]["state"] != "Open" {
            return (answer, false);
        }
        body["chargePermissionId"] = json!(permission);
        body["chargeId"] = json!(charge);
        let (mut head, _) = answer.into_parts();
        head.headers.remove(http::header::CONTENT_LENGTH);
        (Response::from_parts(head, Bytes::from(body.to_string())), true)
    }
}
