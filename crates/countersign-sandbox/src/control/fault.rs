//! Ordering and listing faults: their JSON. What they do is [`crate::faults`]'s affair.

use std::time::Duration;

use countersign_domain::ids::{CheckoutSessionId, PublicKeyId};
use countersign_protocol::object;
use countersign_protocol::wire::{Spellings, WholeNumber, read_request};
use http::StatusCode;
use serde::Serialize;

use super::errors::Refused;
use super::numbers::{IsoDuration, Rate, Seed};
use crate::faults::{
    Chance, DEFAULT_STALENESS, DEFAULT_TIMEOUT, FaultKind, FaultOrder, Operation, Point, Standing,
};

/// The longest word of an order, with room.
const MAX_WORD_LEN: usize = 64;
/// The longest that a struck connection is held.
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
        rate: Rate = "rate",
        seed: Seed = "seed",
        delay: IsoDuration = "delay",
    }
}

/// Reads an order. `drawn_seed` is for one that has a rate and no seed.
pub(super) fn order(body: &[u8], drawn_seed: impl FnOnce() -> u64) -> Result<FaultOrder, Refused> {
    let order: OrderFault = read_request(body, Spellings::Every)?;
    let operation = order.operation.as_deref().ok_or(Refused::Missing("operation"))?;
    let operation =
        Operation::parse(operation).ok_or_else(|| Refused::not_one_of("operation", Operation::WORDS))?;
    let kind = kind(order.kind.as_deref(), order.status, order.delay)?;
    let point = match order.point.as_deref() {
        Some(point) => Point::parse(point).ok_or_else(|| Refused::not_one_of("point", Point::WORDS))?,
        None if matches!(kind, FaultKind::StaleRead { .. }) => Point::Before,
        None => return Err(Refused::Missing("point")),
    };
    let chance = match (order.rate, order.seed) {
        (Some(Rate(rate)), Some(Seed(seed))) => Some(Chance { rate, seed }),
        (Some(Rate(rate)), None) => Some(Chance { rate, seed: drawn_seed() }),
        (None, Some(_)) => return Err(Refused::combination("seed", "without a rate nothing is drawn")),
        (None, None) => None,
    };
    let times = match order.times {
        Some(WholeNumber(0)) => return Err(Refused::invalid("times", "it is not at least 1")),
        Some(WholeNumber(times)) => times,
        None => 1,
    };
    Ok(FaultOrder {
        operation,
        point,
        kind,
        times,
        public_key_id: order.public_key_id,
        checkout_session_id: order.checkout_session_id,
        chance,
    })
}

fn kind(
    word: Option<&str>,
    status: Option<WholeNumber>,
    delay: Option<IsoDuration>,
) -> Result<FaultKind, Refused> {
    let delay = delay.map(|IsoDuration(delay)| delay);
    let kind = match word.ok_or(Refused::Missing("kind"))? {
        "reset" => FaultKind::Reset,
        "timeout" => FaultKind::Timeout { delay: delay.unwrap_or(DEFAULT_TIMEOUT) },
        "status" => FaultKind::Status { status: error_status(status)? },
        "staleRead" => FaultKind::StaleRead { delay: delay.unwrap_or(DEFAULT_STALENESS) },
        _ => return Err(Refused::not_one_of("kind", FaultKind::WORDS)),
    };
    match kind {
        FaultKind::Reset | FaultKind::Status { .. } if delay.is_some() => {
            return Err(Refused::combination("delay", "it goes with timeout and staleRead"));
        }
        FaultKind::Timeout { delay } if delay > LONGEST_TIMEOUT => {
            return Err(Refused::invalid("delay", "a connection is held for an hour at most"));
        }
        FaultKind::Reset
        | FaultKind::Timeout { .. }
        | FaultKind::Status { .. }
        | FaultKind::StaleRead { .. } => {}
    }
    match (kind, status) {
        (FaultKind::Status { .. }, _) | (_, None) => Ok(kind),
        (_, Some(_)) => Err(Refused::combination("status", "it goes with the kind status")),
    }
}

fn error_status(status: Option<WholeNumber>) -> Result<StatusCode, Refused> {
    let WholeNumber(number) = status.ok_or(Refused::Missing("status"))?;
    let status = u16::try_from(number).ok().and_then(|number| StatusCode::from_u16(number).ok());
    status
        .filter(|status| status.is_client_error() || status.is_server_error())
        .ok_or_else(|| Refused::invalid("status", "it is not from 400 to 599"))
}

/// The answer to an order.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Ordered {
    pub(super) fault_id: String,
}

/// The answer to a removal: how many faults are gone.
#[derive(Serialize)]
pub(super) struct Removed {
    pub(super) removed: usize,
}

/// The faults in force.
#[derive(Serialize)]
pub(super) struct List {
    pub(super) faults: Vec<ShownFault>,
}

/// A fault as it is shown. Members that do not apply are left out.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ShownFault {
    fault_id: String,
    operation: &'static str,
    point: &'static str,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    /// How many are left.
    times: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    public_key_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    checkout_session_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rate: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delay: Option<String>,
}

impl From<Standing> for ShownFault {
    fn from(Standing { fault_id, order }: Standing) -> Self {
        let (status, delay) = match order.kind {
            FaultKind::Reset => (None, None),
            FaultKind::Status { status } => (Some(status.as_u16()), None),
            FaultKind::Timeout { delay } | FaultKind::StaleRead { delay } => (None, Some(delay)),
        };
        Self {
            fault_id,
            operation: order.operation.as_str(),
            point: order.point.as_str(),
            kind: order.kind.as_str(),
            status,
            times: order.times,
            public_key_id: order.public_key_id.map(|id| id.to_string()),
            checkout_session_id: order.checkout_session_id.map(|id| id.to_string()),
            rate: order.chance.map(|chance| Rate(chance.rate).to_string()),
            seed: order.chance.map(|chance| chance.seed),
            delay: delay.map(|delay| IsoDuration(delay).to_string()),
        }
    }
}
