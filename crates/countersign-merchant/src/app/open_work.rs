//! What is not over, as entries of an index: so that a survey counts it, and finds what is stuck,
//! without reading a single checkout.

use countersign_domain::merchant::attempt::{Attempt, AttemptState};
use countersign_domain::merchant::checkout::Checkout;
use countersign_domain::time::Timestamp;
use countersign_store::contract::IndexEntry;

/// Checkouts by what is open in them: kind, state, and since when, in the order of all three.
pub(crate) const INDEX: &str = "checkout_by_open_work";

/// What is open: of which kind, and in which state.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct OpenWork {
    /// `attempt`, or the word of an operation.
    pub(crate) kind: String,
    pub(crate) state: String,
}

/// The entries of a checkout.
pub(crate) fn entries(checkout: &Checkout) -> impl Iterator<Item = IndexEntry> {
    checkout.attempts.iter().filter_map(|attempt| {
        let since = open_since(attempt)?;
        Some(entry("attempt", attempt.state.name(), since))
    })
}

fn entry(kind: &str, state: &str, since: Timestamp) -> IndexEntry {
    // Fifteen digits hold every instant, so the order of the texts is the order of time.
    IndexEntry { index: INDEX, value: format!("{kind} {state} {:015}", since.as_millis()) }
}

/// Reads an entry's value.
pub(crate) fn parse(value: &str) -> Option<(OpenWork, Timestamp)> {
    let mut words = value.split(' ');
    let (kind, state, since) = (words.next()?, words.next()?, words.next()?.parse().ok()?);
    let what = OpenWork { kind: kind.to_owned(), state: state.to_owned() };
    Some((what, Timestamp::from_millis(since)))
}

/// Since when an attempt has been in its state, or near enough; none when it is over.
fn open_since(attempt: &Attempt) -> Option<Timestamp> {
    match &attempt.state {
        AttemptState::Bound { .. } => Some(attempt.bound_at),
        AttemptState::Approved { sent_at, .. } => Some(sent_at.unwrap_or(attempt.bound_at)),
        AttemptState::Finalizing { sent_at, .. } | AttemptState::Unresolved { sent_at, .. } => Some(*sent_at),
        AttemptState::InDoubt(doubt) => Some(doubt.since),
        AttemptState::Pending { since, .. } => Some(*since),
        AttemptState::Completed { .. } | AttemptState::NotPaid { .. } | AttemptState::Surplus { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_read_back() {
        for millis in [0, 1_795_448_820_000, Timestamp::MAX.as_millis()] {
            let since = Timestamp::from_millis(millis);
            let what = OpenWork { kind: "attempt".to_owned(), state: "InDoubt".to_owned() };
            assert_eq!(parse(&entry("attempt", "InDoubt", since).value), Some((what, since)));
        }
        for text in ["", "attempt", "attempt InDoubt", "attempt InDoubt soon"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
