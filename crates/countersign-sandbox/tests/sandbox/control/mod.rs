//! The control API through the real handler: a test's own way to start checkouts, play the buyer, move
//! the clock and order faults.

mod admission;
mod checkouts;
mod documented;
mod events;
mod fast_clock;
mod faults;
mod moves;
mod payments;
mod reset;
mod scene;
mod sockets;
