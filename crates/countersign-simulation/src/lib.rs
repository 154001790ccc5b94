//! Both halves, a network, a clock and faults in one process from one seed.
//!
//! A seed makes a world: shops and buyers, the merchant half, Amazon's half, their stores, their
//! clocks and the network between them, everything that goes wrong, and one reading of what
//! Amazon's pages leave open. A [`run`] executes it in virtual time on an executor of its own, and
//! checks every invariant on each document that changes and on each answer. The same seed gives the
//! same run, step by step: a failing run is replayed by its seed.
//!
//! The two halves run complete, as they are shipped. Only the parts that they get from outside are
//! replaced: stores (in memory, and failing), clocks, entropy, sockets and, in most seeds,
//! signatures.

mod calendar;
mod chaos;
mod checkouts;
mod clock;
mod documents;
mod early;
mod elsewhere;
mod entropy;
mod executor;
pub mod features;
mod good_network;
mod half;
mod hostile;
mod invariants;
mod lateness;
mod later;
mod ledger;
mod life;
pub mod limits;
mod looking;
mod network;
mod notifying;
mod other_client;
mod payments;
mod persons;
mod prices;
mod process;
mod quoting;
mod reading;
mod requests;
mod seller_central;
mod shop;
mod signing;
mod store;
mod trace;
mod weather;
mod witness;
mod world;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

pub use invariants::Invariant;

use executor::{Executor, StopReason};
use features::{Feature, Features};
use witness::Witness;
use world::World;

/// Which world is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// Determines everything that happens.
    pub seed: u64,
    /// How many orders there are.
    pub orders: usize,
    /// What the worlds can have besides.
    pub features: Features,
}

/// How a run went.
#[derive(Debug, Clone)]
pub struct Report {
    /// Which run it was.
    pub run: Run,
    /// A hash of the trace: equal for equal runs.
    pub trace_hash: u64,
    /// How many times a task was polled.
    pub steps: u64,
    /// How many times each thing happened.
    pub counts: BTreeMap<String, u64>,
    /// The broken invariant, if the run broke one.
    pub failure: Option<Failure>,
}

/// A broken invariant. Its text says what happened to the order that shows it, and gives the command that
/// reproduces the run.
#[derive(Debug, Clone)]
pub struct Failure {
    /// Which one.
    pub invariant: Invariant,
    /// The evidence.
    pub shown_by: String,
    /// What happened to that order, and to the whole world meanwhile.
    pub trace: String,
    run: Run,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Run { seed, orders, features } = self.run;
        writeln!(f, "invariant {} failed at seed {seed}: {}", self.invariant.name(), self.invariant)?;
        writeln!(f, "shown by: {}", self.shown_by)?;
        f.write_str(&self.trace)?;
        write!(f, "to reproduce: cargo xtask simulate --seed {seed} --seeds 1 --orders {orders}")?;
        for feature in Feature::ALL {
            match (features.includes(*feature), Features::DEFAULT.includes(*feature)) {
                (true, false) => write!(f, " --with {}", feature.name())?,
                (false, true) => write!(f, " --without {}", feature.name())?,
                (true, true) | (false, false) => {}
            }
        }
        Ok(())
    }
}

/// Runs one world, to its end or to the first broken invariant.
#[must_use]
pub fn run(run: Run) -> Report {
    let (executor, witness) = live(run);
    let failure = witness.violation().map(|(violation, trace)| Failure {
        invariant: violation.broken.invariant,
        shown_by: violation.broken.shown_by,
        trace,
        run,
    });
    Report {
        run,
        trace_hash: witness.trace_hash(),
        steps: executor.step_count(),
        counts: witness.counts(),
        failure,
    }
}

/// The whole trace of a run, to see what happens in a world without a broken invariant.
#[must_use]
pub fn trace(run: Run) -> String {
    live(run).1.trace()
}

fn live(run: Run) -> (Executor, Arc<Witness>) {
    let world = World::new(run.seed, run.orders, run.features);
    let (executor, witness) = (world.executor.clone(), Arc::clone(&world.witness));
    let ended = executor.run(world.live(), || !witness.has_seen_enough());
    check_run_end(ended, &witness);
    (executor, witness)
}

/// Checks that a run came to its end, unless it was stopped.
fn check_run_end(ended: Result<(), StopReason>, witness: &Witness) {
    match ended {
        Ok(()) | Err(StopReason::Stopped) => {}
        Err(ended @ (StopReason::Stalled | StopReason::Endless)) => {
            witness.does_not_end(format!("the run is {ended:?}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::half_clock;
    use crate::entropy::Random;
    use crate::invariants::CheckResult;

    fn run(main: impl Future<Output = ()> + Send + 'static, goes_on: bool) -> CheckResult {
        let executor = Executor::new(Random::stream(1, 0));
        let witness = Witness::new(&executor, &half_clock(&executor));
        check_run_end(executor.run(main, || goes_on), &witness);
        witness.violation().map_or(Ok(()), |(violation, _)| Err(violation.broken))
    }

    /// Breaks the invariants, and returns each with what the check found.
    pub(crate) fn broken_by_hand() -> Vec<(Invariant, CheckResult)> {
        vec![(Invariant::NoEnd, run(std::future::pending(), true))]
    }

    #[test]
    fn a_run_that_ends_or_is_stopped_breaks_nothing() {
        assert_eq!(run(std::future::ready(()), true), Ok(()));
        assert_eq!(run(std::future::pending(), false), Ok(()));
    }
}
