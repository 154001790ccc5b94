//! What the process takes from the world around it besides sockets and files: the time and randomness.
//!
//! Nothing else reads the machine's clock, waits by it or draws entropy; every other crate is given a
//! [`Clock`] and an [`Entropy`], so a test or a simulation can replace both. [`fake`] holds what tests
//! replace them with.

#![warn(missing_docs)]

mod clock;
mod entropy;
pub mod fake;
mod stream;

pub use clock::{Clock, SystemClock, within};
pub use entropy::{Entropy, SystemEntropy};
pub use stream::{Stream, scattered};
