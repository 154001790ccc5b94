//! What the process takes from its environment, apart from sockets and files: the time and randomness.
//!
//! Nothing else reads the machine's clock, waits by it or draws entropy; every other crate gets a [`Clock`]
//! and an [`Entropy`], so a test or a simulation can replace both. [`fake`] has the replacements for tests.

#![warn(missing_docs)]

mod clock;
mod entropy;
pub mod fake;
mod stream;

pub use clock::{Clock, SystemClock, within};
pub use entropy::{Entropy, SystemEntropy};
pub use stream::{Stream, scattered};
