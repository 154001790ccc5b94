//! What a step of the demo gives back.

/// What came of it; or why the demo ends, in one sentence.
pub(crate) type DemoResult<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;
