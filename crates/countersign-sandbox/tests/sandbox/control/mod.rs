//! The control API through the real handler: starting checkouts, playing the buyer, moving the clock and
//! ordering faults.

mod admission;
mod checkouts;
mod documented;
mod events;
mod fast_clock;
mod faults;
mod moves;
mod payments;
mod reset;
pub(crate) mod scene;
mod sockets;
