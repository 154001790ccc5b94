//! The calls: one file a resource, one method a call. They say what is sent and how often; the
//! exchange does the rest.

mod charge;
mod charge_permission;
mod checkout_session;

pub use checkout_session::Sending;

use bytes::Bytes;

use crate::client::Client;
use crate::error::Effect;
use crate::exchange::{Call, Tries};
use crate::retry::Repeatable;

impl Client {
    /// A call that reads.
    fn read_call(&self, name: &'static str, resource: String) -> Call<'static> {
        Call {
            name,
            method: http::Method::GET,
            resource,
            body: Bytes::new(),
            idempotency_key: None,
            effect: Effect::Reads,
            repeatable: Repeatable::Freely,
            tries: Tries::AsThePolicyDecides,
            deadline: self.shared.deadlines.call,
        }
    }
}
