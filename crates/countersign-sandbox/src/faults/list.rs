//! Active faults: in which order they strike, how many times, and by which random draw. A fault's
//! order says what the fault fits and what it does. Nothing here is stored: a restart forgets every
//! fault.

use std::sync::{Mutex, MutexGuard, PoisonError};

use countersign_world::Stream;

/// The largest number of faults in a list: each call, or each notification, is compared with all of
/// them.
pub(crate) const MAX_FAULTS: usize = 1_000;
/// A rate of one, in millionths.
pub(crate) const WHOLE: u32 = 1_000_000;

/// How likely a fault is to strike what it fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Chance {
    /// How often the fault strikes, in millionths: 1,000,000 is always.
    pub(crate) rate: u32,
    /// The seed of the draws: with the same seed, the fault strikes the same members of a sequence.
    pub(crate) seed: u64,
}

/// An active fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault<O> {
    pub(crate) fault_id: String,
    /// How many more times the fault strikes, at least 1.
    pub(crate) times: u32,
    /// `None`: the fault strikes everything that it fits.
    pub(crate) chance: Option<Chance>,
    /// What the fault fits, and what it does.
    pub(crate) order: O,
}

/// The list already has [`MAX_FAULTS`] faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooManyFaults;

/// The active faults, in the order in which they were ordered.
#[derive(Debug)]
pub(crate) struct FaultList<O>(Mutex<Vec<(Fault<O>, Stream)>>);

impl<O> Default for FaultList<O> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<O: Clone> FaultList<O> {
    fn lock(&self) -> MutexGuard<'_, Vec<(Fault<O>, Stream)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a fault.
    pub(crate) fn order(&self, fault: Fault<O>) -> Result<(), TooManyFaults> {
        let mut faults = self.lock();
        if faults.len() >= MAX_FAULTS {
            return Err(TooManyFaults);
        }
        let draws = Stream::new(fault.chance.map_or(0, |chance| chance.seed));
        faults.push((fault, draws));
        Ok(())
    }

    /// The fault that strikes: the first one that fits and whose random draw succeeds. This uses up
    /// one of its times; a fault with none left is removed.
    pub(crate) fn strike(&self, fits: impl Fn(&O) -> bool) -> Option<Fault<O>> {
        let mut faults = self.lock();
        let draws_it = |(fault, draws): &(Fault<O>, Stream)| {
            let drawn = || draws.draw().checked_rem(u64::from(WHOLE)).unwrap_or(0);
            fault.chance.is_none_or(|chance| drawn() < u64::from(chance.rate))
        };
        let position = faults.iter().position(|fault| fits(&fault.0.order) && draws_it(fault))?;
        let (fault, _) = faults.get_mut(position)?;
        fault.times = fault.times.saturating_sub(1);
        let struck = fault.clone();
        if struck.times == 0 {
            faults.remove(position);
        }
        Some(struck)
    }

    /// The active faults.
    pub(crate) fn list(&self) -> Vec<Fault<O>> {
        self.lock().iter().map(|(fault, _)| fault.clone()).collect()
    }

    /// Removes one fault, or all of them, and returns how many.
    pub(crate) fn remove(&self, fault_id: Option<&str>) -> usize {
        let mut faults = self.lock();
        let before = faults.len();
        faults.retain(|(fault, _)| fault_id.is_some_and(|id| fault.fault_id != id));
        before.saturating_sub(faults.len())
    }
}
