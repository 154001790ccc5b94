//! One call before it is sent: what it asks for, and how often it may be sent. The files in `calls/` build
//! it, `exchange.rs` sends it, and an error says whether money may have moved through it.

use std::time::Duration;

use bytes::Bytes;
use countersign_domain::ids::IdempotencyKey;

use crate::retry::RepeatSafety;

/// One call, before it is signed.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub(crate) name: &'static str,
    pub(crate) method: http::Method,
    /// The path after the version, such as `charges/{id}`.
    pub(crate) resource: String,
    pub(crate) body: Bytes,
    pub(crate) idempotency_key: Option<&'a IdempotencyKey>,
    pub(crate) effect: Effect,
    pub(crate) repeatable: RepeatSafety,
    /// Whether the retry policy is asked at all.
    pub(crate) tries: Tries,
    /// The deadline of each try.
    pub(crate) deadline: Duration,
    /// Whether Amazon's sandbox can simulate an outcome of this call. The sandbox refuses all other calls
    /// that ask for one.
    pub(crate) can_be_simulated: bool,
}

/// How many tries a call has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tries {
    One,
    AsThePolicyDecides,
}

/// Whether a call can change anything at Amazon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    Reads,
    Changes,
}
