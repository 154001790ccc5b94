//! The simulation's tests, in one program: its seeds, and Amazon's limits as it knows them.

mod limits;
mod seeds;
