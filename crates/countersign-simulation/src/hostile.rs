//! Answers that seem to be right and are not, in the worlds that have them: a member is missing, the object is another
//! one of the same kind, or a payment has the ids of an earlier one. Nothing of this happens once the weather is calm.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use countersign_http::Response;
use serde_json::Value;

use crate::entropy::Random;
use crate::features::{Feature, Features};

/// How many answers in a thousand are changed, for each kind of change.
const CHANGED: u32 = 25;
/// How many earlier answers of a kind can come again.
const KEPT: usize = 24;
/// What is wrong with an answer that lacks a member.
pub(crate) const LEFT_OUT: &str = "an answer with a member left out";
/// The part of the seed.
const PART: u64 = 998;

/// The kinds of objects, by the member with the id: the most special one first.
const KINDS: [&str; 4] = ["refundId", "checkoutSessionId", "chargeId", "chargePermissionId"];

/// The changes of one world. Clones share what was seen.
#[derive(Clone)]
pub(crate) struct HostileAnswers {
    random: Random,
    leaves_out: bool,
    crosses: bool,
    knows_ids: bool,
    seen: Arc<Mutex<HashMap<&'static str, Vec<Value>>>>,
}

impl HostileAnswers {
    pub(crate) fn draw(features: Features, seed: u64) -> Option<Self> {
        let has = |feature| features.has(feature, seed);
        let (leaves_out, crosses, knows_ids) =
            (has(Feature::LeftOut), has(Feature::Crossed), has(Feature::KnownIds));
        let random = Random::stream(seed, PART);
        (leaves_out || crosses || knows_ids).then(|| Self {
            random,
            leaves_out,
            crosses,
            knows_ids,
            seen: Arc::default(),
        })
    }

    /// Perhaps changes the answer, and says how. A Finalize can be answered with the ids of an earlier payment whose
    /// permission `is_held` by an order of the shop: of any other, nothing would show the shop that it is another's.
    pub(crate) fn change(
        &self,
        answer: Response,
        is_finalize: bool,
        is_held: impl Fn(&str) -> bool,
    ) -> (Response, Option<&'static str>) {
        if !answer.status().is_success() {
            return (answer, None);
        }
        let Ok(mut body) = serde_json::from_slice::<Value>(answer.body()) else { return (answer, None) };
        let Some(kind) = KINDS.into_iter().find(|kind| body.get(kind).is_some()) else {
            return (answer, None);
        };
        let earlier = self.earlier(kind, &body);
        let mut how = None;
        if self.knows_ids
            && is_finalize
            && let Some(earlier) =
                earlier.as_ref().filter(|it| it["chargePermissionId"].as_str().is_some_and(&is_held))
            && self.random.happens(CHANGED * 4)
        {
            for id in ["chargePermissionId", "chargeId"] {
                body[id] = earlier[id].clone();
            }
            how = Some("known ids");
        } else if self.crosses
            && !is_finalize
            && let Some(earlier) = earlier
            && self.random.happens(CHANGED)
        {
            body = earlier;
            how = Some("another object's answer");
        } else if self.leaves_out && self.random.happens(CHANGED) && self.leave_out(&mut body) {
            how = Some(LEFT_OUT);
        }
        if how.is_none() {
            return (answer, None);
        }
        let (mut head, _) = answer.into_parts();
        head.headers.remove(http::header::CONTENT_LENGTH);
        (Response::from_parts(head, Bytes::from(body.to_string())), how)
    }

    /// An earlier answer of the same kind, about another object.
    fn earlier(&self, kind: &'static str, body: &Value) -> Option<Value> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = seen.entry(kind).or_default();
        let others: Vec<usize> =
            seen.iter().enumerate().filter(|(_, it)| it[kind] != body[kind]).map(|(at, _)| at).collect();
        let earlier = (!others.is_empty()).then(|| seen[others[self.random.below(others.len())]].clone());
        if seen.len() >= KEPT {
            seen.remove(0);
        }
        seen.push(body.clone());
        earlier
    }

    /// Leaves out a member, at any depth. Returns whether there was one.
    fn leave_out(&self, body: &mut Value) -> bool {
        let mut at = body;
        loop {
            let Value::Object(members) = at else { return false };
            let names: Vec<String> = members.keys().cloned().collect();
            if names.is_empty() {
                return false;
            }
            let name = &names[self.random.below(names.len())];
            let is_object =
                members.get(name).is_some_and(|it| it.as_object().is_some_and(|it| !it.is_empty()));
            if !is_object || self.random.happens(300) {
                return members.remove(name).is_some();
            }
            let Some(inner) = members.get_mut(name) else { return false };
            at = inner;
        }
    }
}
