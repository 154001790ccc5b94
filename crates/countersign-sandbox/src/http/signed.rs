//! Check 1: which call a request makes, and for whom, by its path, its signature and its headers.

use countersign_domain::ids::{CheckoutSessionId, Environment, PublicKeyId};
use countersign_domain::provider::checkout_session::Owner;
use countersign_domain::time::Timestamp;
use countersign_http::Request;
use countersign_protocol::signing::{Claim, sha256_hex};

use super::errors::ApiRefused;
use super::origin::Origin;
use super::route::{self, Route};
use crate::app::App;
use crate::book::caller::{AppendedNotifications, Caller, Idempotency};
use crate::book::session::ReadPoint;
use crate::calls::signed_request::SignedRequest;
use crate::calls::{KeyUse, Operation, Simulations};
use crate::faults::call::Candidate;
use crate::settings::DateCheck;

/// A call whose signature is valid.
pub(super) struct SignedCall<'a> {
    pub(super) operation: Operation,
    public_key_id: PublicKeyId,
    /// The id in the path of a call on a Checkout Session, if it is a possible id.
    checkout_session_id: Option<CheckoutSessionId>,
    pub(super) request: SignedRequest<'a>,
}

/// Finds the route, and makes check 1.
pub(super) fn verify<'a>(
    app: &'a App,
    request: &'a Request,
    now: Timestamp,
) -> Result<SignedCall<'a>, ApiRefused> {
    let route = route::route(request.method(), request.uri().path())?;
    let flags = &app.settings.flags;
    let claim = Claim::parse(request, flags.idempotency_key_length)?;
    let key = app.merchants.key(claim.public_key_id()).ok_or_else(|| claim.unknown_key())?;
    match flags.date_check {
        DateCheck::Either => claim.date_within(app.settings.date_window, &[app.clock.wall(), now])?,
        DateCheck::Virtual => claim.date_within(app.settings.date_window, &[now])?,
        DateCheck::Off => {}
    }
    let verified = claim.verify(&*key.verifying_key, request.body())?;
    let environment = environment(key.environment(), route.environment)?;
    let Route { operation, id, resource, .. } = route;
    let properties = operation.properties();
    let key_counts = match properties.idempotency_key {
        KeyUse::Required => true,
        KeyUse::ByFlag => flags.honour_key_on_finalize,
        KeyUse::Ignored => false,
    };
    let idempotency = verified.idempotency_key().filter(|_| key_counts).map(|key| Idempotency {
        key: key.clone(),
        fingerprint: fingerprint(request, environment, resource),
    });
    let owner = Owner { merchant_id: key.merchant_id.clone(), environment };
    let signed = SignedCall {
        operation,
        public_key_id: verified.public_key_id().clone(),
        checkout_session_id: operation
            .names_checkout_session()
            .then(|| CheckoutSessionId::parse(id).ok())
            .flatten(),
        request: SignedRequest {
            received: request,
            id,
            caller: Caller { owner, idempotency, now, told: AppendedNotifications::default() },
            region: verified.region(),
            origin: Origin::from_request(request),
            look: ReadPoint { now, staleness: None },
            settings: &app.settings,
        },
    };
    match (signed.request.simulation_code(), properties.simulations) {
        (Some(_), Simulations::Refused) => Err(ApiRefused::KnowsNoSimulation),
        (Some(_), Simulations::Known) | (None, _) => Ok(signed),
    }
}

/// What makes two requests the same: the method, the path whatever its spelling, and the bytes of the body.
fn fingerprint(request: &Request, environment: Environment, resource: &str) -> String {
    let body = request.body();
    let head = [request.method().as_str(), environment.path_segment(), resource];
    let mut text = Vec::with_capacity(body.len() + resource.len() + 24);
    for part in head {
        text.extend_from_slice(part.as_bytes());
        text.push(b'\n');
    }
    text.extend_from_slice(body);
    sha256_hex(&text)
}

/// The environment that the key's prefix or the path names. The two must not contradict each other.
fn environment(of_key: Option<Environment>, of_path: Option<Environment>) -> Result<Environment, ApiRefused> {
    match (of_key, of_path) {
        (Some(of_key), Some(of_path)) if of_key != of_path => Err(ApiRefused::EnvironmentsContradict),
        (Some(environment), _) | (None, Some(environment)) => Ok(environment),
        (None, None) => Err(ApiRefused::NoEnvironment),
    }
}

impl SignedCall<'_> {
    /// The parts of this call that the faults are compared with.
    pub(super) fn candidate(&self) -> Candidate<'_> {
        Candidate {
            operation: self.operation,
            public_key_id: &self.public_key_id,
            checkout_session_id: self.checkout_session_id.as_ref(),
        }
    }
}
