//! How the clock is moved.

use std::time::Duration;

use countersign_domain::time::Timestamp;
use countersign_protocol::object;
use countersign_protocol::wire::{Spellings, WholeNumber, read_request};

use super::errors::Refused;
use super::numbers::IsoDuration;
use crate::clock::Rate;

object! {
    struct MoveClock {
        advance: IsoDuration = "advance",
        set: Timestamp = "set",
        freeze: bool = "freeze",
        rate: WholeNumber = "rate",
    }
}

/// Where the clock goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Motion {
    Advance(Duration),
    Set(Timestamp),
}

/// What is asked of the clock. One of the three at least is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ClockMove {
    pub(super) motion: Option<Motion>,
    pub(super) freeze: Option<bool>,
    pub(super) rate: Option<Rate>,
}

/// `POST /_sandbox/clock`.
pub(super) fn read(body: &[u8]) -> Result<ClockMove, Refused> {
    let request: MoveClock = read_request(body, Spellings::Every)?;
    let motion = match (request.advance, request.set) {
        (Some(_), Some(_)) => return Err(Refused::combination("set", "the clock cannot advance as well")),
        (Some(IsoDuration(by)), None) => Some(Motion::Advance(by)),
        (None, Some(now)) => Some(Motion::Set(now)),
        (None, None) => None,
    };
    let rate = request.rate.map(|WholeNumber(rate)| {
        let why = || format!("it is not from 1 to {}", Rate::MAX.get());
        Rate::new(rate).ok_or_else(|| Refused::invalid("rate", why()))
    });
    let (freeze, rate) = (request.freeze, rate.transpose()?);
    if motion.is_none() && freeze.is_none() && rate.is_none() {
        return Err(Refused::missing("advance, set, freeze or rate"));
    }
    Ok(ClockMove { motion, freeze, rate })
}
