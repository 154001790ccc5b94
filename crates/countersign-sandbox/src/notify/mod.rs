//! Telling merchants that something of theirs has changed, as Amazon's Instant Payment Notifications do:
//! signed envelopes in the form of SNS, posted to the merchant's endpoints. What is notified of is the
//! domain's word; what is appended and kept is `app/notifications.rs`'s work; here are the endpoints, the
//! envelopes, the signing key, the faults and the loop that sends.
//!
//! A notification is appended in the change set of what it tells of, with its ids: a crash at any point
//! leaves it there, and after a restart it is sent under the same `MessageId`. The loop takes what is due
//! by the virtual clock, posts it, and releases it: delivered, given up, or due again. It is the only taker
//! and takes nothing from an endpoint's lane while anything of that lane is on its way, so a lease protects
//! from nobody and ends at once: what was on its way in a process that died is due again in the next. How
//! often something was tried in vain is written before it is released, and counts on in the next process; a
//! lease counts for nothing. Whoever is sent the same twice tells it by the ids.
//!
//! Each endpoint has a lane of its own in the outbox, so that one that is slow, or never answers, holds up no
//! other.
//!
//! To one endpoint notifications leave one after another, in the order in which they are due, unless an
//! ordered fault says otherwise or one must be sent again.

mod certificate;
mod courier;
mod endpoint;
mod envelope;
pub(crate) mod fault;
pub(crate) mod pages;
pub(crate) mod sender;
pub(crate) mod sent;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use countersign_domain::ids::MerchantId;

pub(crate) use certificate::Certificates;
pub use certificate::{KeySource, Shelf};
pub use courier::{Courier, Nobody, NotDelivered};
pub(crate) use endpoint::{Endpoint, GivenBy, Lane};
pub use endpoint::{EndpointUrl, EndpointUrlRefused, FixedEndpoint};
use fault::NotificationFaults;
use sender::{Hand, Held};
use sent::Sent;

use crate::app::alarm::Alarm;

/// The most endpoints at once: each notification is appended once for each of them.
pub(crate) const MAX_ENDPOINTS: usize = 16;

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

/// What the notifying half of the sandbox works with.
pub(crate) struct Notices {
    pub(crate) courier: Arc<dyn Courier>,
    pub(crate) certificates: Certificates,
    pub(crate) origin: String,
    pub(crate) fixed: Vec<FixedEndpoint>,
    pub(crate) faults: NotificationFaults,
    pub(crate) sent: Sent,
    /// Wakes the loop.
    pub(crate) alarm: Alarm,
    /// Held by whoever registers or removes an endpoint.
    pub(crate) registering: tokio::sync::Mutex<()>,
    /// Held by the loop that sends, while it runs.
    sending: tokio::sync::Mutex<()>,
    endpoints: Mutex<Vec<Endpoint>>,
    hands: Mutex<HashMap<u64, Hand>>,
    held: Mutex<Held>,
}

impl Notices {
    pub(crate) fn new(notifications: Notifications) -> Self {
        let Notifications { courier, key, origin, endpoints } = notifications;
        Self {
            courier,
            certificates: Certificates::new(key),
            origin,
            fixed: endpoints,
            faults: NotificationFaults::default(),
            sent: Sent::default(),
            alarm: Alarm::default(),
            registering: tokio::sync::Mutex::default(),
            sending: tokio::sync::Mutex::default(),
            endpoints: Mutex::default(),
            hands: Mutex::default(),
            held: Mutex::default(),
        }
    }

    fn endpoints_mut(&self) -> MutexGuard<'_, Vec<Endpoint>> {
        self.endpoints.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All endpoints, in the order of their registration.
    pub(crate) fn endpoints(&self) -> Vec<Endpoint> {
        self.endpoints_mut().clone()
    }

    /// The endpoints that hear of a merchant: their ids and lanes.
    pub(crate) fn hearing_of(&self, merchant_id: &MerchantId) -> Vec<(String, Lane)> {
        let endpoints = self.endpoints_mut();
        let hears = |endpoint: &&Endpoint| endpoint.hears_of(merchant_id);
        endpoints.iter().filter(hears).map(|endpoint| (endpoint.id.clone(), endpoint.lane)).collect()
    }

    /// A lane that no endpoint has.
    pub(crate) fn free_lane(&self) -> Lane {
        let endpoints = self.endpoints_mut();
        let is_free = |lane: &Lane| endpoints.iter().all(|endpoint| endpoint.lane != *lane);
        // There are as many lanes as endpoints may be.
        (0..MAX_ENDPOINTS).map(Lane).find(is_free).unwrap_or(Lane(0))
    }

    pub(crate) fn endpoint(&self, id: &str) -> Option<Endpoint> {
        self.endpoints_mut().iter().find(|endpoint| endpoint.id == id).cloned()
    }

    pub(crate) fn endpoint_of_subscription(&self, subscription: &str) -> Option<Endpoint> {
        self.endpoints_mut().iter().find(|endpoint| endpoint.subscription() == subscription).cloned()
    }

    pub(crate) fn endpoint_with_token(&self, token: &str) -> Option<Endpoint> {
        self.endpoints_mut().iter().find(|endpoint| endpoint.token == token).cloned()
    }

    /// Puts an endpoint in its own place, or behind all others.
    pub(crate) fn put_endpoint(&self, endpoint: Endpoint) {
        let mut endpoints = self.endpoints_mut();
        match endpoints.iter_mut().find(|known| known.id == endpoint.id) {
            Some(known) => *known = endpoint,
            None => endpoints.push(endpoint),
        }
    }

    pub(crate) fn remove_endpoint(&self, id: &str) {
        self.endpoints_mut().retain(|endpoint| endpoint.id != id);
    }

    /// Forgets everything but the signing keys.
    pub(crate) fn clear(&self) {
        self.endpoints_mut().clear();
        self.faults.clear();
        self.sent.clear();
        self.hands.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.held.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
