//! Looking at an order: the request, and what the witness checks in its answer. Buyers and shops
//! look from time to time, and at the end every order is looked at.

use std::sync::Arc;

use countersign_http::{Request, Response};
use http::Method;
use serde_json::{Value, json};

use crate::requests::{read, shop_request};
use crate::witness::Witness;

/// A request, and the check of its answer at the moment when the half makes the answer.
pub(crate) struct Inspection {
    pub(crate) request: Request,
    pub(crate) inspect: Box<dyn FnOnce(&Response) + Send>,
}

impl Inspection {
    /// The shop looks at its checkout.
    pub(crate) fn at_checkout(witness: &Arc<Witness>, order: usize, checkout_id: &str) -> Self {
        Self::at(witness, order, &format!("/v1/checkouts/{checkout_id}"), read)
    }

    /// The buyer looks at the result page.
    pub(crate) fn at_page(witness: &Arc<Witness>, order: usize, token: &str) -> Self {
        Self::at(witness, order, &format!("/result/{token}"), |answer| {
            let page = String::from_utf8_lossy(answer.body());
            // The class of the verdict.
            let mood = page.split_once("role=\"status\" class=\"").and_then(|(_, rest)| rest.split_once('"'));
            Some(json!({ "state": mood.map_or("no mood", |(mood, _)| mood) }))
        })
    }

    fn at(witness: &Arc<Witness>, order: usize, path: &str, said: fn(&Response) -> Option<Value>) -> Self {
        let (witness, before) = (Arc::clone(witness), witness.checkout(order));
        let inspect = move |answer: &Response| {
            if let Some(said) = said(answer).filter(|_| answer.status().is_success()) {
                witness.checkout_said(order, before.as_ref(), &said);
            }
        };
        Self { request: shop_request(Method::GET, path, &Value::Null), inspect: Box::new(inspect) }
    }
}
