//! The result of a part of the bench.

/// What a part has measured, or an error, which ends the bench.
pub(super) type BenchResult<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;
