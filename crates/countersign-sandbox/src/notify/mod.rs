//! Notifies merchants that one of their objects has changed, as Amazon's Instant Payment
//! Notifications do: by signed envelopes in the form of SNS, posted to the merchant's endpoints.
//! The domain decides which events are notified, and `book/outbox.rs` appends and stores the
//! notifications. The endpoints, the envelopes, the signing key and the sending loop are here.
//!
//! A notification is appended, with its ids, in the change set that it reports: a crash at any
//! point leaves it there, and after a restart it is sent under the same `MessageId`. The loop
//! leases the messages that are due by the virtual clock, posts them, and releases each as
//! delivered, given up, or due again. Only this loop leases, and it leases nothing from an
//! endpoint's lane while a message of that lane is on its way. No second sender has to be kept
//! away, so a lease may end immediately: a message that was on its way when the process died is
//! then due again as soon as the next process starts. The number of failed attempts is stored
//! before a message is released, and the next process continues the count; a lease does not count
//! as an attempt. A receiver that is sent the same notification twice recognizes it by its ids.
//!
//! Each endpoint has a lane of its own in the outbox, so that an endpoint that is slow, or never answers,
//! does not hold up the others.
//!
//! The notifications of one endpoint are sent one after another, in the order in which they are due, unless
//! an ordered fault says otherwise or one must be sent again.

mod certificate;
mod courier;
pub(crate) mod delivery_log;
pub(crate) mod endpoint;
pub(crate) mod endpoints;
mod envelope;
mod message_progress;
pub(crate) mod notifier;
pub(crate) mod pages;
pub(crate) mod sender;

use std::sync::Arc;

pub use certificate::{CertificateStore, KeySource};
pub use courier::{Courier, NoCourier, NotDelivered};
pub use endpoint::{EndpointUrl, EndpointUrlRefused, FixedEndpoint};

/// How the sandbox notifies. The default has no endpoint, delivers nothing, and signs with a
/// publicly known key, so that tests start without delay.
pub struct Notifications {
    /// What carries the notifications.
    pub courier: Arc<dyn Courier>,
    /// Where the key that signs them comes from.
    pub key: KeySource,
    /// Where receivers reach this sandbox, for its certificate and for confirmations: a scheme and an
    /// authority, such as `http://127.0.0.1:8100`.
    pub origin: String,
    /// Endpoints that are there from the start and receive the notifications of every merchant.
    pub endpoints: Vec<FixedEndpoint>,
}

impl Default for Notifications {
    fn default() -> Self {
        Self {
            courier: Arc::new(NoCourier),
            key: KeySource::ThrowAway,
            origin: "http://127.0.0.1:8100".to_owned(),
            endpoints: Vec::new(),
        }
    }
}
