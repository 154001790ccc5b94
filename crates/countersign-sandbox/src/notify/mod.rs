//! Notifying merchants that something of theirs has changed, as Amazon's Instant Payment Notifications do:
//! signed envelopes in the form of SNS, posted to the merchant's endpoints. What is notified of is the
//! domain's word; what is appended and kept is `book/outbox.rs`'s work; here are the endpoints, the
//! envelopes, the signing key and the loop that sends.
//!
//! A notification is appended in the change set of what it tells of, with its ids: a crash at any point
//! leaves it there, and after a restart it is sent under the same `MessageId`. The loop takes what is due
//! by the virtual clock, posts it, and releases it: delivered, given up, or due again. It is the only taker
//! and takes nothing from an endpoint's lane while anything of that lane is on its way, so a lease protects
//! from nobody and ends at once: what was on its way in a process that died is due again in the next. How
//! often something was tried in vain is written before it is released, and counts on in the next process; a
//! lease counts for nothing. A receiver that is sent the same twice sees it by the ids.
//!
//! Each endpoint has a lane of its own in the outbox, so that one that is slow, or never answers, holds up no
//! other.
//!
//! To one endpoint notifications leave one after another, in the order in which they are due, unless an
//! ordered fault says otherwise or one must be sent again.

mod certificate;
mod courier;
pub(crate) mod endpoint;
pub(crate) mod endpoints;
mod envelope;
mod hand;
pub(crate) mod notices;
pub(crate) mod pages;
pub(crate) mod sender;
pub(crate) mod sent;

use std::sync::Arc;

pub use certificate::{KeySource, Shelf};
pub use courier::{Courier, Nobody, NotDelivered};
pub use endpoint::{EndpointUrl, EndpointUrlRefused, FixedEndpoint};

/// How the sandbox notifies. The default has no endpoint, delivers nothing, and signs with a key that
/// everybody has: it starts in no time, for tests.
pub struct Notifications {
    /// What carries them.
    pub courier: Arc<dyn Courier>,
    /// Where the key that signs them comes from.
    pub key: KeySource,
    /// Where receivers reach this sandbox, for its certificate and for confirmations: a scheme and an
    /// authority, such as `http://127.0.0.1:8100`.
    pub origin: String,
    /// Endpoints that are there from the start and hear of every merchant.
    pub endpoints: Vec<FixedEndpoint>,
}

impl Default for Notifications {
    fn default() -> Self {
        Self {
            courier: Arc::new(Nobody),
            key: KeySource::ThrowAway,
            origin: "http://127.0.0.1:8100".to_owned(),
            endpoints: Vec::new(),
        }
    }
}
