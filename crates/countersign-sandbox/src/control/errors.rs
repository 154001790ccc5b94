//! The control API's refusals, in the envelope of Amazon Pay's. What the application refuses is
//! answered as the API itself answers it.

use countersign_http::Response;
use countersign_protocol::wire::{BodyRefused, Error, Object as _, ReasonCode};
use http::StatusCode;

use super::render;
use crate::app;
use crate::app::notifications::EndpointRefused;
use crate::app::reply::Answer;
use crate::faults::{FaultRefused, MAX_FAULTS};
use crate::http::errors as api;
use crate::notify::MAX_ENDPOINTS;
use crate::notify::fault::{self, TooMany};
use crate::settings::Flags;

/// Everything that the control API refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refused {
    /// A browser's page sent it: no page has any business here.
    FromAPage,
    NotLoopback,
    WrongToken,
    NoSuchPath,
    WrongMethod,
    Body(BodyRefused),
    Missing(&'static str),
    /// A parameter of the query.
    Unknown(String),
    Invalid {
        field: &'static str,
        why: String,
    },
    Combination {
        field: &'static str,
        why: String,
    },
    NotFound(&'static str),
    Fault(FaultRefused),
    TooManyNotificationFaults,
    TooManyEndpoints,
    /// The signing key cannot be made or kept.
    NoKey(String),
    App(app::Refused),
}

impl Refused {
    pub(super) fn invalid(field: &'static str, why: impl Into<String>) -> Self {
        Self::Invalid { field, why: why.into() }
    }

    pub(super) fn not_one_of(field: &'static str, words: &[&str]) -> Self {
        Self::invalid(field, format!("it is not one of {}", words.join(", ")))
    }

    pub(super) fn combination(field: &'static str, why: impl Into<String>) -> Self {
        Self::Combination { field, why: why.into() }
    }
}

impl From<BodyRefused> for Refused {
    fn from(refused: BodyRefused) -> Self {
        Self::Body(refused)
    }
}

impl From<FaultRefused> for Refused {
    fn from(refused: FaultRefused) -> Self {
        Self::Fault(refused)
    }
}

impl From<TooMany> for Refused {
    fn from(_: TooMany) -> Self {
        Self::TooManyNotificationFaults
    }
}

impl From<EndpointRefused> for Refused {
    fn from(refused: EndpointRefused) -> Self {
        match refused {
            EndpointRefused::TooMany => Self::TooManyEndpoints,
            EndpointRefused::Store(failed) => failed.into(),
        }
    }
}

impl From<app::Refused> for Refused {
    fn from(refused: app::Refused) -> Self {
        match refused {
            app::Refused::NotFound => Self::NotFound("Checkout Session"),
            refused => Self::App(refused),
        }
    }
}

impl From<app::StoreFailed> for Refused {
    fn from(failed: app::StoreFailed) -> Self {
        Self::App(failed.into())
    }
}

/// The answer to a refused request.
pub(super) fn render(refused: Refused, flags: &Flags) -> Response {
    use ReasonCode as Code;
    let combination = |field: &str, why: &str| {
        let message = format!("The value provided for [{field}] does not fit the others: {why}.");
        answer(Code::InvalidParameterCombination, message)
    };
    match refused {
        Refused::FromAPage => {
            forbidden("The control API does not answer requests that have an Origin header.")
        }
        Refused::NotLoopback => {
            forbidden("Without a control token the control API answers loopback addresses only.")
        }
        Refused::WrongToken => answer(
            Code::UnauthorizedAccess,
            "The header authorization must be `Bearer` and the control token.".to_owned(),
        ),
        Refused::NoSuchPath => answer(Code::ResourceNotFound, "The control API has no such path.".to_owned()),
        Refused::WrongMethod => {
            answer(Code::RequestNotSupported, "This path does not support this method.".to_owned())
        }
        Refused::Body(refused) => answer(refused.kind.reason_code(), refused.to_string()),
        Refused::Missing(field) => {
            answer(Code::MissingParameterValue, format!("The parameter [{field}] is required."))
        }
        Refused::Unknown(name) => {
            answer(Code::UnrecognizedField, format!("The parameter [{name}] is not known."))
        }
        Refused::Invalid { field, why } => answer(
            Code::InvalidParameterValue,
            format!("The value provided for [{field}] is invalid: {why}."),
        ),
        Refused::Combination { field, why } => combination(field, &why),
        Refused::NotFound(what) => answer(Code::ResourceNotFound, format!("There is no such {what}.")),
        Refused::Fault(FaultRefused::StaleWrite) => {
            combination("kind", "staleRead goes with the operations that get an object")
        }
        Refused::Fault(FaultRefused::NamesNoCheckoutSession) => {
            combination("checkoutSessionId", "this operation names no Checkout Session")
        }
        Refused::Fault(FaultRefused::TooMany) => {
            answer(Code::InvalidRequest, format!("There are {MAX_FAULTS} faults already: remove some first."))
        }
        Refused::TooManyNotificationFaults => answer(
            Code::InvalidRequest,
            format!("There are {} faults already: remove some first.", fault::MAX_FAULTS),
        ),
        Refused::TooManyEndpoints => answer(
            Code::InvalidRequest,
            format!("There are {MAX_ENDPOINTS} endpoints already: remove some first."),
        ),
        Refused::NoKey(why) => answer(
            Code::InternalServerError,
            format!("The key that signs notifications cannot be kept: {why}."),
        ),
        Refused::App(refused) => {
            let Answer { status, body, .. } = api::answer(&api::Refused::App(refused), flags);
            render::json(status_code(status), body)
        }
    }
}

fn forbidden(message: &str) -> Response {
    render::json(StatusCode::FORBIDDEN, Error::new(ReasonCode::UnauthorizedAccess, message).to_answer())
}

fn answer(reason_code: ReasonCode, message: String) -> Response {
    render::json(status_code(reason_code.status()), Error::new(reason_code, message).to_answer())
}

/// Every status of the API is one.
fn status_code(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
