//! The result of a step of the demo.

/// The step's value, or one sentence that says why the demo ends.
pub(crate) type DemoResult<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;
