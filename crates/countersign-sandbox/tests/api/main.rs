//! Amazon's half through its handler: real signed requests, no socket.
#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod bodies;
mod deadlines;
mod gate;
mod ids;
mod keys;
mod ladder;
mod moments;
mod outcomes;
mod paths;
mod sessions;
mod signatures;
mod world;
