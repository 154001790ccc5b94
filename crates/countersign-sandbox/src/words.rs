//! Enumerations of words, as the API, a button or the control API writes them.

pub(crate) use countersign_domain::words;

/// The words of a list, for the text that says which are known.
pub(crate) fn listed(words: impl IntoIterator<Item = &'static str>) -> String {
    words.into_iter().collect::<Vec<_>>().join(", ")
}
