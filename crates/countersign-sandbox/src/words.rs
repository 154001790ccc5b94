//! Enumerations whose variants are words of the API, of a button or of the control API.

pub(crate) use countersign_domain::words;

/// Joins the known words for a message that lists them.
pub(crate) fn listed(words: impl IntoIterator<Item = &'static str>) -> String {
    words.into_iter().collect::<Vec<_>>().join(", ")
}
