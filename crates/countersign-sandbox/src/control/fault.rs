//! Faults of calls and of notifications: ordering and listing them. What they do is in [`crate::faults`].

use std::sync::Arc;
use std::time::Duration;

use countersign_domain::ids::{CheckoutSessionId, MerchantId, PublicKeyId};
use countersign_http::Request;
use countersign_protocol::json::Members;
use countersign_protocol::notification::ObjectType;
use countersign_protocol::object;
use countersign_protocol::wire::{Spellings, WholeNumber, read_request};
use http::StatusCode;

use super::errors::{ControlRefused, RouteResult};
use super::numbers::{IsoDuration, Probability, Seed};
use super::{checkout, render};
use crate::app::App;
use crate::calls::Operation;
use crate::faults::call::{
    CallFault, CallFaultKind, CallFaultOrder, CallPoint, DEFAULT_STALENESS, DEFAULT_TIMEOUT,
};
use crate::faults::list::{Chance, Fault, FaultList};
use crate::faults::notification::{NotificationFault, NotificationFaultKind, NotificationFaultOrder};
use crate::ids::Ids;

/// The longest word of an order, with a margin.
const MAX_WORD_LEN: usize = 64;
/// The longest time for which a fault may hold a connection.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(3_600);

object! {
    struct OrderFault {
        operation: String = "operation" [..=MAX_WORD_LEN],
        point: String = "point" [..=MAX_WORD_LEN],
        kind: String = "kind" [..=MAX_WORD_LEN],
        status: WholeNumber = "status",
        times: WholeNumber = "times",
        public_key_id: PublicKeyId = "publicKeyId",
        checkout_session_id: CheckoutSessionId = "checkoutSessionId",
        rate: Probability = "rate",
        seed: Seed = "seed",
        delay: IsoDuration = "delay",
    }
}

object! {
    struct OrderNotificationFault {
        kind: String = "kind" [..=MAX_WORD_LEN],
        times: WholeNumber = "times",
        rate: Probability = "rate",
        seed: Seed = "seed",
        delay: IsoDuration = "delay",
        object_type: String = "objectType" [..=MAX_WORD_LEN],
        public_key_id: PublicKeyId = "publicKeyId",
    }
}

/// `POST /_sandbox/faults`.
pub(super) async fn order(app: Arc<App>, request: Request) -> RouteResult {
    let order: OrderFault = read_request(request.body(), Spellings::Every)?;
    let operation = order.operation.as_deref().ok_or_else(|| ControlRefused::missing("operation"))?;
    let known = || ControlRefused::not_one_of("operation", Operation::ALL.iter().map(|known| known.as_str()));
    let operation = Operation::parse(operation).ok_or_else(known)?;
    let fault = call_fault(order.kind.as_deref(), order.status, order.delay)?;
    let point = match order.point.as_deref() {
        Some(point) => CallPoint::parse(point).ok_or_else(|| {
            ControlRefused::not_one_of("point", CallPoint::ALL.iter().map(|known| known.as_str()))
        })?,
        None if fault.kind() == CallFaultKind::StaleRead => CallPoint::Before,
        None => return Err(ControlRefused::missing("point")),
    };
    let chance = chance(order.rate, order.seed, &app.ids)?;
    let times = times(order.times)?;
    if let Some(id) = &order.public_key_id {
        checkout::key(id, &app.merchants)?;
    }
    let (public_key_id, checkout_session_id) = (order.public_key_id, order.checkout_session_id);
    let fault_id = app.ids.fault_id();
    let order = CallFaultOrder { operation, point, fault, public_key_id, checkout_session_id }.checked()?;
    put_in_force(&app.faults, Fault { fault_id, times, chance, order })
}

/// `POST /_sandbox/notification-faults`.
pub(super) async fn order_of_notifications(app: Arc<App>, request: Request) -> RouteResult {
    let order: OrderNotificationFault = read_request(request.body(), Spellings::Every)?;
    let kind = order.kind.as_deref().ok_or_else(|| ControlRefused::missing("kind"))?;
    let known =
        || ControlRefused::not_one_of("kind", NotificationFaultKind::ALL.iter().map(|kind| kind.as_str()));
    let kind = NotificationFaultKind::parse(kind).ok_or_else(known)?;
    let delay = match (order.delay, kind.usual_delay()) {
        (Some(_), None) => {
            return Err(ControlRefused::combination(
                "delay",
                "it goes with delay, reorder and staleTimestamp",
            ));
        }
        (given, usual) => given.map(|IsoDuration(delay)| delay).or(usual),
    };
    let chance = chance(order.rate, order.seed, &app.ids)?;
    let times = times(order.times)?;
    let object_type = order.object_type.as_deref().map(object_type).transpose()?;
    let key = order.public_key_id.map(|id| checkout::key(&id, &app.merchants)).transpose()?;
    let merchant_id = key.map(|key| key.merchant_id.clone());
    let fault = NotificationFault { kind, delay };
    let order = NotificationFaultOrder { fault, object_type, merchant_id };
    put_in_force(&app.notices.faults, Fault { fault_id: app.ids.fault_id(), times, chance, order })
}

fn put_in_force<O: Clone>(faults: &FaultList<O>, fault: Fault<O>) -> RouteResult {
    let ordered = Members::default().with("faultId", &fault.fault_id);
    faults.order(fault)?;
    Ok(render::object(StatusCode::CREATED, &ordered))
}

/// Removes one fault, or all of them.
pub(super) fn remove<O: Clone>(faults: &FaultList<O>, fault_id: Option<&str>) -> RouteResult {
    removed("fault", fault_id, faults.remove(fault_id))
}

/// The answer to a removal of one thing or of all.
pub(super) fn removed(what: &str, id: Option<&str>, count: usize) -> RouteResult {
    if id.is_some() && count == 0 {
        return Err(ControlRefused::not_found(what));
    }
    Ok(render::object(StatusCode::OK, &Members::default().with("removed", count)))
}

/// How likely a fault is to strike. If an order has a rate but no seed, a seed is drawn.
fn chance(
    rate: Option<Probability>,
    seed: Option<Seed>,
    ids: &Ids,
) -> Result<Option<Chance>, ControlRefused> {
    match (rate, seed) {
        (Some(Probability(rate)), Some(Seed(seed))) => Ok(Some(Chance { rate, seed })),
        (Some(Probability(rate)), None) => Ok(Some(Chance { rate, seed: ids.fault_seed() })),
        (None, Some(_)) => Err(ControlRefused::combination("seed", "without a rate nothing is drawn")),
        (None, None) => Ok(None),
    }
}

/// How many times a fault strikes.
fn times(times: Option<WholeNumber>) -> Result<u32, ControlRefused> {
    match times {
        Some(WholeNumber(0)) => Err(ControlRefused::invalid("times", "it is not at least 1")),
        Some(WholeNumber(times)) => Ok(times),
        None => Ok(1),
    }
}

fn call_fault(
    word: Option<&str>,
    status: Option<WholeNumber>,
    delay: Option<IsoDuration>,
) -> Result<CallFault, ControlRefused> {
    let delay = delay.map(|IsoDuration(delay)| delay);
    let word = word.ok_or_else(|| ControlRefused::missing("kind"))?;
    let known = || ControlRefused::not_one_of("kind", CallFaultKind::ALL.iter().map(|known| known.as_str()));
    let fault = match CallFaultKind::parse(word).ok_or_else(known)? {
        CallFaultKind::Reset => CallFault::Reset,
        CallFaultKind::Timeout => CallFault::Timeout { delay: delay.unwrap_or(DEFAULT_TIMEOUT) },
        CallFaultKind::Status => CallFault::Status { status: error_status(status)? },
        CallFaultKind::StaleRead => CallFault::StaleRead { delay: delay.unwrap_or(DEFAULT_STALENESS) },
    };
    match fault {
        CallFault::Reset | CallFault::Status { .. } if delay.is_some() => {
            return Err(ControlRefused::combination("delay", "it goes with timeout and staleRead"));
        }
        CallFault::Timeout { delay } if delay > LONGEST_TIMEOUT => {
            return Err(ControlRefused::invalid("delay", "a connection is held for an hour at most"));
        }
        _ => {}
    }
    match (fault, status) {
        (CallFault::Status { .. }, _) | (_, None) => Ok(fault),
        (_, Some(_)) => Err(ControlRefused::combination("status", "it goes with the kind status")),
    }
}

fn error_status(status: Option<WholeNumber>) -> Result<StatusCode, ControlRefused> {
    let WholeNumber(number) = status.ok_or_else(|| ControlRefused::missing("status"))?;
    let status = u16::try_from(number).ok().and_then(|number| StatusCode::from_u16(number).ok());
    status
        .filter(|status| status.is_client_error() || status.is_server_error())
        .ok_or_else(|| ControlRefused::invalid("status", "it is not from 400 to 599"))
}

fn object_type(word: &str) -> Result<ObjectType, ControlRefused> {
    const KNOWN: [ObjectType; 3] = [ObjectType::ChargePermission, ObjectType::Charge, ObjectType::Refund];
    let known = KNOWN.into_iter().find(|known| known.as_str() == word);
    known.ok_or_else(|| ControlRefused::not_one_of("objectType", KNOWN.map(ObjectType::as_str)))
}

/// Shows a fault of a call. `times` is how many more times it strikes.
pub(super) fn shown(Fault { fault_id, times, chance, order }: Fault<CallFaultOrder>) -> Members {
    let CallFaultOrder { operation, point, fault, public_key_id, checkout_session_id } = order;
    let (status, delay) = match fault {
        CallFault::Reset => (None, None),
        CallFault::Status { status } => (Some(status.as_u16()), None),
        CallFault::Timeout { delay } | CallFault::StaleRead { delay } => (None, Some(delay)),
    };
    let members = Members::default()
        .with("faultId", fault_id)
        .with("operation", operation.as_str())
        .with("point", point.as_str())
        .with("kind", fault.kind().as_str())
        .some("status", status)
        .with("times", times)
        .some("publicKeyId", public_key_id.as_ref().map(PublicKeyId::as_str))
        .some("checkoutSessionId", checkout_session_id.as_ref().map(CheckoutSessionId::as_str));
    drawn(members, chance, delay)
}

/// Shows a fault of a notification.
pub(super) fn shown_of_notifications(
    Fault { fault_id, times, chance, order }: Fault<NotificationFaultOrder>,
) -> Members {
    let NotificationFaultOrder { fault, object_type, merchant_id } = order;
    let members = Members::default()
        .with("faultId", fault_id)
        .with("kind", fault.kind.as_str())
        .with("times", times)
        .some("objectType", object_type.map(ObjectType::as_str))
        .some("merchantId", merchant_id.as_ref().map(MerchantId::as_str));
    drawn(members, chance, fault.delay)
}

/// Adds how likely a fault is to strike, and its delay.
fn drawn(members: Members, chance: Option<Chance>, delay: Option<Duration>) -> Members {
    members
        .some("rate", chance.map(|chance| Probability(chance.rate).to_string()))
        .some("seed", chance.map(|chance| chance.seed))
        .some("delay", delay.map(|delay| IsoDuration(delay).to_string()))
}
