//! The limits of the contract, checked in one place for every engine.

use std::collections::HashSet;

use crate::contract::{
    ChangeSet, CommitError, IndexRange, Key, MAX_BYTES, MAX_CHANGES, MAX_KEY_LEN, MAX_ROWS,
};

/// Refuses a change set that exceeds a limit or names a key twice.
pub(crate) fn check(change: &ChangeSet) -> Result<(), CommitError> {
    let invalid = |why: String| Err(CommitError::Invalid(why));
    let documents = change.write.len().saturating_add(change.require.len());
    if documents > MAX_CHANGES || change.append.len() > MAX_CHANGES {
        return invalid(format!("a change set has more than {MAX_CHANGES} documents or messages"));
    }
    let too_long = |text: &str| text.len() > MAX_KEY_LEN;
    let keys =
        || change.write.iter().map(|write| &write.key).chain(change.require.iter().map(|(key, _)| key));
    if keys().any(|key| key.id.is_empty() || too_long(&key.id) || too_long(key.collection)) {
        return invalid(format!("a document's key is empty or longer than {MAX_KEY_LEN} bytes"));
    }
    let contents = || change.write.iter().filter_map(|write| write.content.as_ref());
    if contents().any(|content| content.index.len() > MAX_CHANGES) {
        return invalid(format!("a document has more than {MAX_CHANGES} index entries"));
    }
    let mut entries = contents().flat_map(|content| &content.index);
    if entries.any(|entry| too_long(entry.index) || too_long(&entry.value)) {
        return invalid(format!("an index or its value is longer than {MAX_KEY_LEN} bytes"));
    }
    if change.append.iter().any(|message| too_long(message.topic) || too_long(&message.subject)) {
        return invalid(format!("a message's topic or subject is longer than {MAX_KEY_LEN} bytes"));
    }
    let mut bytes =
        contents().map(|content| &content.bytes).chain(change.append.iter().map(|message| &message.bytes));
    if bytes.any(|bytes| bytes.len() > MAX_BYTES) {
        return invalid(format!("a document or message is longer than {MAX_BYTES} bytes"));
    }
    let mut seen: HashSet<&Key> = HashSet::with_capacity(documents);
    match keys().find(|key| !seen.insert(key)) {
        Some(twice) => {
            invalid(format!("the {} {} appears twice in a change set", twice.collection, twice.id))
        }
        None => Ok(()),
    }
}

/// The number of rows to read for a requested limit.
pub(crate) fn rows(limit: usize) -> usize {
    limit.min(MAX_ROWS)
}

/// The value and id after which a range begins. On the first page this is the prefix with an empty id: no id
/// is empty, so a value that equals the prefix comes after it.
pub(crate) fn behind(range: &IndexRange) -> (&str, &str) {
    match &range.after {
        Some((value, id)) if *value >= range.prefix => (value, id),
        Some(_) | None => (&range.prefix, ""),
    }
}
