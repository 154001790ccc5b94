//! Ordered faults in force: in which order they strike, how often, and by which draw. What a fault fits and
//! what it does is its order's to say. Nothing here is stored: a restart forgets every fault.

use std::sync::{Mutex, MutexGuard, PoisonError};

use countersign_world::Stream;

/// The most faults of a list: every call, or every notification, looks through them.
pub(crate) const MAX_FAULTS: usize = 1_000;
/// A million: the whole of a rate.
pub(crate) const WHOLE: u32 = 1_000_000;

/// How likely a fault strikes what it fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Chance {
    /// In millionths: 1,000,000 is always.
    pub(crate) rate: u32,
    /// The same seed strikes the same members of a sequence.
    pub(crate) seed: u64,
}

/// A fault in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault<O> {
    pub(crate) fault_id: String,
    /// How often it still strikes, at least 1.
    pub(crate) times: u32,
    /// Without one, it strikes whatever it fits.
    pub(crate) chance: Option<Chance>,
    /// What it fits, and what it does.
    pub(crate) order: O,
}

/// There are [`MAX_FAULTS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooManyFaults;

/// The faults in force, in the order in which they were ordered.
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

    /// Puts a fault in force.
    pub(crate) fn order(&self, fault: Fault<O>) -> Result<(), TooManyFaults> {
        let mut faults = self.lock();
        if faults.len() >= MAX_FAULTS {
            return Err(TooManyFaults);
        }
        let draws = Stream::new(fault.chance.map_or(0, |chance| chance.seed));
        faults.push((fault, draws));
        Ok(())
    }

    /// What strikes: the first fault that fits and draws it. That fault has struck once more, and is gone
    /// if it has no times left.
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

    /// The faults in force.
    pub(crate) fn list(&self) -> Vec<Fault<O>> {
        self.lock().iter().map(|(fault, _)| fault.clone()).collect()
    }

    /// Takes one fault out of force, or every one, and says how many there were.
    pub(crate) fn remove(&self, fault_id: Option<&str>) -> usize {
        let mut faults = self.lock();
        let before = faults.len();
        faults.retain(|(fault, _)| fault_id.is_some_and(|id| fault.fault_id != id));
        before.saturating_sub(faults.len())
    }
}
