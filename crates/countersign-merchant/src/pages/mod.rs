//! The pages that a buyer's browser shows. They work without scripts and set no cookies.

pub(crate) mod buyer_news;
pub(crate) mod result;
pub(crate) mod texts;
