//! What a part of the bench gives back.

/// What was measured; or why nothing is, which ends the bench.
pub(super) type BenchResult<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;
