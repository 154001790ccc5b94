//! The control API's refusals, in Amazon Pay's envelope. A refusal by the book is answered exactly
//! as Amazon Pay's API answers it.

use countersign_http::{Response, RoutingError};
use countersign_protocol::wire::{BodyRefused, ReasonCode};

use crate::book::answer;
use crate::book::endpoints::EndpointRefused;
use crate::book::refused::{BookRefused, StoreFailed};
use crate::faults::call::CallFaultRefused;
use crate::faults::list::{MAX_FAULTS, TooManyFaults};
use crate::http::errors::{self as api, Refusal};
use crate::http::render::response;
use crate::notify::endpoint::MAX_ENDPOINTS;
use crate::settings::Flags;
use crate::words::listed;

/// What a route's function returns.
pub(super) type RouteResult = Result<Response, ControlRefused>;

/// Why the control API refuses a request, with its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ControlRefused {
    /// The control API's own refusal.
    Own(Refusal),
    /// A refusal by a rule, the book or the store.
    Api(api::ApiRefused),
}

impl ControlRefused {
    /// A refusal with the status that the API's pages give the code.
    fn own(code: ReasonCode, message: impl Into<String>) -> Self {
        Self::Own(api::refusal(code, message))
    }

    pub(super) fn forbidden(message: &str) -> Self {
        Self::Own(Refusal { status: 403, ..api::refusal(ReasonCode::UnauthorizedAccess, message) })
    }

    pub(super) fn wrong_token() -> Self {
        let message = "The header authorization must be `Bearer` and the control token.";
        Self::own(ReasonCode::UnauthorizedAccess, message)
    }

    pub(super) fn missing(field: &str) -> Self {
        Self::Own(api::missing(field))
    }

    /// A parameter or a member that the call does not have.
    pub(super) fn unknown(name: &str) -> Self {
        let name: String = name.chars().take(64).collect();
        Self::own(ReasonCode::UnrecognizedField, format!("The parameter [{name}] is not known."))
    }

    pub(super) fn invalid(field: &str, why: impl AsRef<str>) -> Self {
        Self::Own(api::invalid(field, why.as_ref()))
    }

    pub(super) fn not_one_of(field: &str, words: impl IntoIterator<Item = &'static str>) -> Self {
        Self::invalid(field, format!("it is not one of {}", listed(words)))
    }

    pub(super) fn combination(field: &str, why: impl AsRef<str>) -> Self {
        let message = format!("The value provided for [{field}] does not fit the others: {}.", why.as_ref());
        Self::own(ReasonCode::InvalidParameterCombination, message)
    }

    pub(super) fn not_found(what: &str) -> Self {
        Self::own(ReasonCode::ResourceNotFound, format!("There is no such {what}."))
    }

    /// There are already as many of these as are allowed.
    fn too_many(what: &str, most: usize) -> Self {
        let message = format!("There are {most} {what} already: remove some first.");
        Self::own(ReasonCode::InvalidRequest, message)
    }

    /// The signing key cannot be made or kept.
    pub(super) fn no_key(why: &str) -> Self {
        let message = format!("The key that signs notifications cannot be kept: {why}.");
        Self::own(ReasonCode::InternalServerError, message)
    }

    /// A refusal about a named object. The control API's requests have no merchant, so its "not found" does
    /// not mention one.
    pub(super) fn about<E: Into<api::ApiRefused>>(what: &str) -> impl Fn(E) -> Self {
        move |refused| match refused.into() {
            api::ApiRefused::Book(BookRefused::NotFound) => Self::not_found(what),
            refused => Self::Api(refused),
        }
    }
}

/// Amazon's API does not list the allowed methods in its answer to a wrong method, and neither does
/// the control API.
impl From<RoutingError> for ControlRefused {
    fn from(unrouted: RoutingError) -> Self {
        let (code, message) = match unrouted {
            RoutingError::NoSuchPath => (ReasonCode::ResourceNotFound, "The control API has no such path."),
            RoutingError::WrongMethod { .. } => {
                (ReasonCode::RequestNotSupported, "This path does not support this method.")
            }
        };
        Self::own(code, message)
    }
}

impl From<BodyRefused> for ControlRefused {
    fn from(refused: BodyRefused) -> Self {
        Self::own(refused.kind.reason_code(), refused.to_string())
    }
}

impl From<CallFaultRefused> for ControlRefused {
    fn from(refused: CallFaultRefused) -> Self {
        match refused {
            CallFaultRefused::StaleWrite => {
                Self::combination("kind", "staleRead goes with the operations that get an object")
            }
            CallFaultRefused::NamesNoCheckoutSession => {
                Self::combination("checkoutSessionId", "this operation names no Checkout Session")
            }
        }
    }
}

impl From<TooManyFaults> for ControlRefused {
    fn from(_: TooManyFaults) -> Self {
        Self::too_many("faults", MAX_FAULTS)
    }
}

impl From<EndpointRefused> for ControlRefused {
    fn from(refused: EndpointRefused) -> Self {
        match refused {
            EndpointRefused::TooMany { .. } => Self::too_many("endpoints", MAX_ENDPOINTS),
            EndpointRefused::Store(failed) => failed.into(),
        }
    }
}

impl From<BookRefused> for ControlRefused {
    fn from(refused: BookRefused) -> Self {
        Self::Api(refused.into())
    }
}

impl From<StoreFailed> for ControlRefused {
    fn from(failed: StoreFailed) -> Self {
        Self::Api(failed.into())
    }
}

/// The answer to a refused request.
pub(super) fn render(refused: ControlRefused, flags: &Flags) -> Response {
    let answer::ApiAnswer { status, body, .. } = match refused {
        ControlRefused::Own(refusal) => api::render(refusal),
        ControlRefused::Api(refused) => api::answer(&refused, flags),
    };
    response(status, body.into())
}
