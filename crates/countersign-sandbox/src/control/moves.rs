//! How the clock is moved.

use std::time::Duration;

use countersign_domain::time::Timestamp;
use countersign_protocol::object;
use countersign_protocol::wire::{Spellings, WholeNumber, read_request};

use super::errors::ControlRefused;
use super::numbers::IsoDuration;
use crate::clock::{ClockState, Rate};

object! {
    struct MoveClock {
        advance: IsoDuration = "advance",
        set: Timestamp = "set",
        freeze: bool = "freeze",
        rate: WholeNumber = "rate",
    }
}

/// `POST /_sandbox/clock`: returns the change that the body asks for. A clock that is set and
/// frozen shows exactly the instant that was set.
pub(super) fn read(body: &[u8]) -> Result<impl FnOnce(ClockState) -> ClockState, ControlRefused> {
    let MoveClock { advance, set, freeze, rate, .. } = read_request(body, Spellings::Every)?;
    if advance.is_some() && set.is_some() {
        return Err(ControlRefused::combination("set", "the clock cannot advance as well"));
    }
    let rate = rate.map(|WholeNumber(rate)| {
        let why = || format!("it is not from 1 to {}", Rate::MAX.get());
        Rate::new(rate).ok_or_else(|| ControlRefused::invalid("rate", why()))
    });
    let rate = rate.transpose()?;
    if advance.is_none() && set.is_none() && freeze.is_none() && rate.is_none() {
        return Err(ControlRefused::missing("advance, set, freeze or rate"));
    }
    Ok(move |state: ClockState| ClockState {
        now: set.unwrap_or(state.now).plus(advance.map_or(Duration::ZERO, |IsoDuration(by)| by)),
        frozen: freeze.unwrap_or(state.frozen),
        rate: rate.unwrap_or(state.rate),
    })
}
