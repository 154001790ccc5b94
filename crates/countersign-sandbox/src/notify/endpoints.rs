//! The registered endpoints: those that the operator gave, and those of the control API.

use std::sync::{Mutex, MutexGuard, PoisonError};

use countersign_domain::ids::MerchantId;

use super::endpoint::{Endpoint, FixedEndpoint, Lane, MAX_ENDPOINTS};

/// The registered endpoints, in the order of their registration.
#[derive(Debug, Default)]
pub(crate) struct Endpoints {
    /// Those of the operator, which every start and every reset registers.
    pub(crate) fixed: Vec<FixedEndpoint>,
    /// Locked while an endpoint is registered or removed.
    pub(crate) registering: tokio::sync::Mutex<()>,
    in_force: Mutex<Vec<Endpoint>>,
}

impl Endpoints {
    /// The operator's endpoints, before they are registered.
    pub(crate) fn new(fixed: Vec<FixedEndpoint>) -> Self {
        Self { fixed, ..Self::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Endpoint>> {
        self.in_force.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All endpoints.
    pub(crate) fn list(&self) -> Vec<Endpoint> {
        self.lock().clone()
    }

    /// The endpoints that receive a merchant's notifications: their ids and lanes.
    pub(crate) fn hearing_of(&self, merchant_id: &MerchantId) -> Vec<(String, Lane)> {
        let endpoints = self.lock();
        let hears = |endpoint: &&Endpoint| endpoint.hears_of(merchant_id);
        endpoints.iter().filter(hears).map(|endpoint| (endpoint.id.clone(), endpoint.lane)).collect()
    }

    /// A lane that no endpoint has.
    pub(crate) fn free_lane(&self) -> Lane {
        let endpoints = self.lock();
        let is_free = |lane: &Lane| endpoints.iter().all(|endpoint| endpoint.lane != *lane);
        // There are as many lanes as there can be endpoints.
        (0..MAX_ENDPOINTS).map(Lane).find(is_free).unwrap_or(Lane(0))
    }

    fn find(&self, is_it: impl Fn(&Endpoint) -> bool) -> Option<Endpoint> {
        self.lock().iter().find(|endpoint| is_it(endpoint)).cloned()
    }

    pub(crate) fn with_id(&self, id: &str) -> Option<Endpoint> {
        self.find(|endpoint| endpoint.id == id)
    }

    pub(crate) fn with_subscription(&self, subscription: &str) -> Option<Endpoint> {
        self.find(|endpoint| endpoint.subscription() == subscription)
    }

    pub(crate) fn with_token(&self, token: &str) -> Option<Endpoint> {
        self.find(|endpoint| endpoint.token == token)
    }

    /// Replaces the endpoint with the same id, or adds this one as the last.
    pub(crate) fn put(&self, endpoint: Endpoint) {
        let mut endpoints = self.lock();
        match endpoints.iter_mut().find(|known| known.id == endpoint.id) {
            Some(known) => *known = endpoint,
            None => endpoints.push(endpoint),
        }
    }

    pub(crate) fn remove(&self, id: &str) {
        self.lock().retain(|endpoint| endpoint.id != id);
    }

    pub(crate) fn clear(&self) {
        self.lock().clear();
    }
}
