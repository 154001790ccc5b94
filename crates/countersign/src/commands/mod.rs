//! One file for each command: its flags, its help, what it does. Called by `main` only.

#[cfg(feature = "bench")]
pub(crate) mod bench;
pub(crate) mod decide;
#[cfg(feature = "demo")]
pub(crate) mod demo;
pub(crate) mod explain;
pub(crate) mod keys;
pub(crate) mod left_out;
pub(crate) mod parse;
pub(crate) mod sandbox;
pub(crate) mod serve;
pub(crate) mod sign;
pub(crate) mod verify;
