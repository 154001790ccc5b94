//! Paths: which call a request is, on which object, in which environment.

use countersign_domain::ids::Environment;
use http::Method;

use super::errors::Refused;
use crate::faults::Operation;

/// The longest path that any route has, with room: longer ones are not found without a look.
const MAX_PATH_LEN: usize = 512;

/// A call as its method and path name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Route<'a> {
    pub(super) operation: Operation,
    /// As the path names it; prefixed keys need none.
    pub(super) environment: Option<Environment>,
    /// The object's id, empty for a call on none.
    pub(super) id: &'a str,
    /// What follows the version, without a trailing slash: the same however the path is spelled.
    pub(super) resource: &'a str,
}

/// Reads `/v2/…` and `/sandbox/v2/…` or `/live/v2/…`, each with or without a trailing slash.
///
/// # Errors
/// [`Refused::NoSuchPath`], and [`Refused::WrongMethod`] for a path that has other methods.
pub(super) fn route<'a>(method: &Method, path: &'a str) -> Result<Route<'a>, Refused> {
    if path.len() > MAX_PATH_LEN {
        return Err(Refused::NoSuchPath);
    }
    let path = path.strip_suffix('/').unwrap_or(path);
    let (environment, path) = [Environment::Sandbox, Environment::Live]
        .into_iter()
        .find_map(|environment| {
            let rest = path.strip_prefix('/')?.strip_prefix(environment.path_segment())?;
            rest.starts_with('/').then_some((Some(environment), rest))
        })
        .unwrap_or((None, path));
    let resource = path.strip_prefix("/v2/").ok_or(Refused::NoSuchPath)?;
    let mut segments = resource.split('/');
    let (collection, id, action) = (segments.next(), segments.next(), segments.next());
    if segments.next().is_some() || id.is_some_and(str::is_empty) {
        return Err(Refused::NoSuchPath);
    }
    let operation = match (collection, id, action) {
        (Some("checkoutSessions"), None, None) => match *method {
            Method::POST => Operation::CreateCheckoutSession,
            _ => return Err(Refused::WrongMethod),
        },
        (Some("checkoutSessions"), Some(_), None) => match *method {
            Method::GET => Operation::GetCheckoutSession,
            Method::PATCH => Operation::UpdateCheckoutSession,
            _ => return Err(Refused::WrongMethod),
        },
        (Some("checkoutSessions"), Some(_), Some(action @ ("complete" | "finalize"))) => match *method {
            Method::POST if action == "complete" => Operation::CompleteCheckoutSession,
            Method::POST => Operation::FinalizeCheckoutSession,
            _ => return Err(Refused::WrongMethod),
        },
        (Some("chargePermissions"), Some(_), None) => match *method {
            Method::GET => Operation::GetChargePermission,
            Method::PATCH => Operation::UpdateChargePermission,
            _ => return Err(Refused::WrongMethod),
        },
        (Some("chargePermissions"), Some(_), Some("close")) => match *method {
            Method::DELETE => Operation::CloseChargePermission,
            _ => return Err(Refused::WrongMethod),
        },
        (Some("charges"), None, None) => match *method {
            Method::POST => Operation::CreateCharge,
            _ => return Err(Refused::WrongMethod),
        },
        (Some("charges"), Some(_), None) => match *method {
            Method::GET => Operation::GetCharge,
            Method::PATCH => Operation::UpdateCharge,
            _ => return Err(Refused::WrongMethod),
        },
        (Some("charges"), Some(_), Some("capture")) => match *method {
            Method::POST => Operation::CaptureCharge,
            _ => return Err(Refused::WrongMethod),
        },
        (Some("charges"), Some(_), Some("cancel")) => match *method {
            Method::DELETE => Operation::CancelCharge,
            _ => return Err(Refused::WrongMethod),
        },
        (Some("refunds"), None, None) => match *method {
            Method::POST => Operation::CreateRefund,
            _ => return Err(Refused::WrongMethod),
        },
        (Some("refunds"), Some(_), None) => match *method {
            Method::GET => Operation::GetRefund,
            _ => return Err(Refused::WrongMethod),
        },
        _ => return Err(Refused::NoSuchPath),
    };
    Ok(Route { operation, environment, id: id.unwrap_or_default(), resource })
}
