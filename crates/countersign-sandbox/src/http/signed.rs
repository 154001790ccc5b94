//! Check 1: which call a request is, and whose, by its path, its signature and its headers.

use countersign_domain::ids::{CheckoutSessionId, Environment, PublicKeyId, Region};
use countersign_domain::provider::checkout_session::Owner;
use countersign_domain::time::Timestamp;
use countersign_http::Request;
use countersign_protocol::signing::{Claim, sha256_hex};
use countersign_protocol::wire::{Object, read_request};
use http::{HeaderName, Method};

use super::errors::Refused;
use super::origin::Origin;
use super::route::{self, Route};
use crate::app::App;
use crate::book::caller::{Caller, Idempotency, Told};
use crate::book::session::Look;
use crate::faults::{Call, Operation};
use crate::settings::{DateCheck, Flags};

const SIMULATION_CODE: HeaderName = HeaderName::from_static("x-amz-pay-simulation-code");

/// A request whose signature holds.
pub(super) struct Signed<'a> {
    pub(super) request: &'a Request,
    pub(super) route: Route<'a>,
    public_key_id: PublicKeyId,
    pub(super) region: Region,
    /// By which the client reaches this server.
    pub(super) origin: Origin,
    pub(super) caller: Caller,
    /// Of a call on a Checkout Session, if what the path names can be one's id.
    pub(super) session_id: Option<CheckoutSessionId>,
    pub(super) look: Look,
    flags: &'a Flags,
}

/// Route and check 1.
pub(super) fn verify<'a>(app: &'a App, request: &'a Request, now: Timestamp) -> Result<Signed<'a>, Refused> {
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
    let idempotency =
        verified.idempotency_key().filter(|_| honours_key(request.method(), route.operation, flags));
    let session_id =
        route.operation.names_a_checkout_session().then(|| CheckoutSessionId::parse(route.id).ok());
    let signed = Signed {
        request,
        public_key_id: verified.public_key_id().clone(),
        region: verified.region(),
        origin: Origin::of(request),
        caller: Caller {
            owner: Owner { merchant_id: key.merchant_id.clone(), environment },
            idempotency: idempotency.map(|key| Idempotency {
                key: key.clone(),
                fingerprint: fingerprint(request, environment, route.resource),
            }),
            now,
            told: Told::default(),
        },
        session_id: session_id.flatten(),
        look: Look { now, staleness: None },
        flags,
        route,
    };
    match signed.simulation_code() {
        Some(_) if !knows_simulations(signed.route.operation) => Err(Refused::KnowsNoSimulation),
        _ => Ok(signed),
    }
}

/// Whether a call looks at an idempotency key. It has no effect on other methods than POST.
fn honours_key(method: &Method, operation: Operation, flags: &Flags) -> bool {
    match operation {
        Operation::CompleteCheckoutSession | Operation::FinalizeCheckoutSession => {
            flags.honour_key_on_finalize
        }
        _ => *method == Method::POST,
    }
}

/// Whether a call knows simulations. It judges a code itself, Finalize and Complete where the payment would be
/// made.
fn knows_simulations(operation: Operation) -> bool {
    matches!(
        operation,
        Operation::CompleteCheckoutSession
            | Operation::FinalizeCheckoutSession
            | Operation::CreateCharge
            | Operation::CaptureCharge
            | Operation::CloseChargePermission
            | Operation::CreateRefund
    )
}

/// What makes two requests the same: method, path however it is spelled, and body bytes.
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

/// The environment that a key's prefix or the path names. They must not contradict each other.
fn environment(of_key: Option<Environment>, of_path: Option<Environment>) -> Result<Environment, Refused> {
    match (of_key, of_path) {
        (Some(of_key), Some(of_path)) if of_key != of_path => Err(Refused::EnvironmentsContradict),
        (Some(environment), _) | (None, Some(environment)) => Ok(environment),
        (None, None) => Err(Refused::NoEnvironment),
    }
}

impl Signed<'_> {
    /// The call, as far as faults tell calls apart.
    pub(super) fn call(&self) -> Call<'_> {
        Call {
            operation: self.route.operation,
            public_key_id: &self.public_key_id,
            checkout_session_id: self.session_id.as_ref(),
        }
    }

    /// The caller of a call that requires an idempotency key.
    pub(super) fn keyed(&self) -> Result<&Caller, Refused> {
        self.caller.idempotency.as_ref().map(|_| &self.caller).ok_or(Refused::MissingIdempotencyKey)
    }

    /// Check 2.
    pub(super) fn body<T: Object>(&self) -> Result<T, Refused> {
        Ok(read_request(self.request.body(), self.flags.spellings)?)
    }

    /// Check 2 of a DELETE, which may come without a body: some clients cannot send one.
    pub(super) fn optional_body<T: Object>(&self) -> Result<T, Refused> {
        if self.request.body().is_empty() { Ok(T::default()) } else { self.body() }
    }

    /// Simulations are the sandbox environment's; the header is not signed. What is no text is no code.
    pub(super) fn simulation_code(&self) -> Option<&str> {
        match self.caller.owner.environment {
            Environment::Live => None,
            Environment::Sandbox => {
                let code = self.request.headers().get(SIMULATION_CODE)?;
                Some(code.to_str().map_or("", str::trim))
            }
        }
    }

    /// The simulation that the header asks for; a code that the call does not know is refused.
    pub(super) fn simulation<T>(&self, parse: impl Fn(&str) -> Option<T>) -> Result<Option<T>, Refused> {
        let code = self.simulation_code();
        code.map(|code| parse(code).ok_or(Refused::UnknownSimulation)).transpose()
    }
}
