//! What a buyer's browser shows: rendered here, without scripts and without cookies.

pub(crate) mod result;
pub(crate) mod texts;
