//! The calls: one file for each resource, one method for each call. They define what is sent and how often;
//! the exchange does the rest.

mod charge;
mod charge_permission;
mod checkout_session;
mod refund;

use bytes::Bytes;
use countersign_domain::ids::IdempotencyKey;

use crate::call::{Call, Effect, Tries};
use crate::client::Client;
use crate::retry::RepeatSafety;

/// How often a call that moves money may be sent.
///
/// Without a key a call must not be sent again, and this type leaves no way to write that.
///
/// ```
/// let sending: countersign_client::SendMode<'_> = countersign_client::SendMode::Once;
/// ```
///
// Promise: C10
/// ```compile_fail,E0308
/// let sending: countersign_client::SendMode<'_> = countersign_client::SendMode::RepeatedlyWithKey;
/// ```
#[derive(Debug, Clone, Copy)]
pub enum SendMode<'a> {
    /// Once, without a key; again only if it certainly never left.
    Once,
    /// Once, with a key, so that the caller can send the same request again later.
    OnceWithKey(&'a IdempotencyKey),
    /// As the retry policy decides, under one key. If it fails and is in doubt, look the session up before
    /// anything else.
    RepeatedlyWithKey(&'a IdempotencyKey),
}

impl<'a> SendMode<'a> {
    fn parts(self) -> (Option<&'a IdempotencyKey>, RepeatSafety, Tries) {
        match self {
            Self::Once => (None, RepeatSafety::UnlessSent, Tries::AsThePolicyDecides),
            Self::OnceWithKey(key) => (Some(key), RepeatSafety::Freely, Tries::One),
            Self::RepeatedlyWithKey(key) => (Some(key), RepeatSafety::Freely, Tries::AsThePolicyDecides),
        }
    }
}

impl Client {
    /// A call that only reads.
    fn read_call(&self, name: &'static str, resource: String) -> Call<'static> {
        let call = self.change_call(name, http::Method::GET, resource, Bytes::new());
        Call { effect: Effect::Reads, repeatable: RepeatSafety::Freely, ..call }
    }

    /// A call that changes something for which Amazon ignores keys: never repeated once it was sent.
    fn change_call(
        &self,
        name: &'static str,
        method: http::Method,
        resource: String,
        body: Bytes,
    ) -> Call<'static> {
        Call {
            name,
            method,
            resource,
            body,
            idempotency_key: None,
            effect: Effect::Changes,
            repeatable: RepeatSafety::UnlessSent,
            tries: Tries::AsThePolicyDecides,
            deadline: self.shared.settings.deadlines.call,
            can_be_simulated: false,
        }
    }

    fn payment_call<'a>(
        &self,
        name: &'static str,
        resource: String,
        body: Bytes,
        sending: SendMode<'a>,
    ) -> Call<'a> {
        let (idempotency_key, repeatable, tries) = sending.parts();
        let deadline = self.shared.settings.deadlines.payment;
        let call = self.change_call(name, http::Method::POST, resource, body);
        Call { idempotency_key, repeatable, tries, deadline, can_be_simulated: true, ..call }
    }
}
