//! How the clock is told to move.

use std::time::Duration;

use countersign_domain::time::Timestamp;
use countersign_protocol::object;
use countersign_protocol::wire::{Spellings, read_request};

use super::errors::Refused;
use super::numbers::IsoDuration;

object! {
    struct MoveClock {
        advance: IsoDuration = "advance",
        set: Timestamp = "set",
        freeze: bool = "freeze",
    }
}

/// Where the clock goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Motion {
    Advance(Duration),
    Set(Timestamp),
}

/// What is asked of the clock. One of the two at least is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ClockMove {
    pub(super) motion: Option<Motion>,
    pub(super) freeze: Option<bool>,
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
    if motion.is_none() && request.freeze.is_none() {
        return Err(Refused::Missing("advance, set or freeze"));
    }
    Ok(ClockMove { motion, freeze: request.freeze })
}
