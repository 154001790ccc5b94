//! The simulation's tests, in one program: its seeds, and its copies of Amazon's limits.

mod limits;
mod seeds;
