//! Tests of the real binary, from its help texts to SIGKILL: the last of the three boundaries at which this
//! project is tested, and the one with the fewest tests.
#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod crash_of_sandbox;
mod crash_of_serve;
mod crowd;
mod deciding;
#[cfg(feature = "demo")]
mod demo;
#[cfg(not(any(feature = "demo", feature = "bench")))]
mod deployed;
mod documented;
mod failures;
mod guide;
mod help;
mod http;
mod process;
mod receiver;
mod servers;
mod signatures;
mod telling;
