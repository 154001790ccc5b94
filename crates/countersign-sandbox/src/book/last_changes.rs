//! Objects as they were before their last change: what a stale read shows. Every change is noted here once it
//! is durable. None of this is stored: a restart forgets it.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use countersign_domain::time::Timestamp;
use countersign_store::contract::{Document, Version};

/// The largest number of changes that are remembered for stale reads. Only an object's last change
/// is kept, but an earlier change counts until it is the oldest.
const MAX_RECENT: usize = 4_096;
/// The largest total size of the remembered documents, in bytes.
const MAX_RECENT_BYTES: usize = 16 << 20;

/// The last change of each object, within bounds.
#[derive(Debug, Default)]
pub(super) struct LastChanges(Mutex<RecentChanges>);

#[derive(Debug, Default)]
struct RecentChanges {
    /// The last change of each object.
    last: HashMap<String, Change>,
    /// Every remembered change, oldest first. An object is listed once per change.
    order: VecDeque<(String, u64)>,
    count: u64,
    /// The total size of the documents in `last`.
    bytes: usize,
}

#[derive(Debug)]
struct Change {
    number: u64,
    at: Timestamp,
    before: Option<Document>,
}

impl Change {
    fn bytes(&self) -> usize {
        self.before.as_ref().map_or(0, |document| document.bytes.len())
    }

    /// The version that was replaced; `None` for an object's first change.
    fn replaced(&self) -> Option<Version> {
        self.before.as_ref().map(|document| document.version)
    }
}

impl RecentChanges {
    fn forget_oldest(&mut self) {
        let Some((id, number)) = self.order.pop_front() else { return };
        if self.last.get(&id).is_some_and(|change| change.number == number)
            && let Some(change) = self.last.remove(&id)
        {
            self.bytes = self.bytes.saturating_sub(change.bytes());
        }
    }
}

impl LastChanges {
    fn lock(&self) -> MutexGuard<'_, RecentChanges> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers an object as it was before a change, or that it did not exist. Of two quick
    /// changes the one that the store committed last counts, whichever is noted first.
    pub(super) fn changed(&self, id: &str, before: Option<Document>, at: Timestamp) {
        let mut recent = self.lock();
        let number = recent.count.wrapping_add(1);
        let change = Change { number, at, before };
        if recent.last.get(id).is_some_and(|last| change.replaced() < last.replaced()) {
            return;
        }
        recent.count = number;
        recent.bytes = recent.bytes.saturating_add(change.bytes());
        if let Some(former) = recent.last.insert(id.to_owned(), change) {
            recent.bytes = recent.bytes.saturating_sub(former.bytes());
        }
        recent.order.push_back((id.to_owned(), number));
        while recent.order.len() > MAX_RECENT || recent.bytes > MAX_RECENT_BYTES {
            recent.forget_oldest();
        }
    }

    /// What a stale read shows: the object before its last change, if that change was less than `delay` ago.
    /// Without a delay no read is stale. A change in the future, because the clock was set back, does not
    /// count. The inner `None` means that the object did not exist yet.
    pub(super) fn before(
        &self,
        id: &str,
        delay: Option<Duration>,
        now: Timestamp,
    ) -> Option<Option<Document>> {
        let delay = delay?;
        let recent = self.lock();
        let change = recent.last.get(id)?;
        (change.at <= now && now < change.at.plus(delay)).then(|| change.before.clone())
    }

    /// Forgets everything.
    pub(super) fn clear(&self) {
        *self.lock() = RecentChanges::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::call::DEFAULT_STALENESS;

    fn document(version: u64, text: &str) -> Document {
        Document { version: Version(version), format: 1, bytes: text.to_owned().into() }
    }

    #[test]
    fn a_stale_read_shows_the_object_before_its_last_change_until_it_is_old() {
        let recent = LastChanges::default();
        let at = |seconds: i64| Timestamp::from_millis(seconds * 1_000);
        let shows = |id: &str, seconds| recent.before(id, Some(DEFAULT_STALENESS), at(seconds));
        assert_eq!(shows("a", 0), None);
        recent.changed("a", None, at(10));
        assert_eq!(shows("a", 10), Some(None), "it was not there yet");
        let open = document(1, "open");
        recent.changed("a", Some(open.clone()), at(20));
        for (seconds, expected) in
            [(20, Some(Some(open.clone()))), (24, Some(Some(open))), (25, None), (19, None), (-9, None)]
        {
            assert_eq!(shows("a", seconds), expected, "{seconds}");
        }
        recent.clear();
        assert_eq!(shows("a", 20), None);
    }

    #[test]
    fn the_later_version_of_two_quick_changes_counts_whichever_is_noted_first() {
        let at = Timestamp::from_millis(0);
        let changes = [None, Some(document(1, "one")), Some(document(2, "two"))];
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            let recent = LastChanges::default();
            for change in order {
                recent.changed("a", changes[change].clone(), at);
            }
            let shown = recent.before("a", Some(DEFAULT_STALENESS), at);
            assert_eq!(shown, Some(Some(document(2, "two"))), "{order:?}");
        }
    }

    #[test]
    fn a_bounded_number_of_changes_is_remembered() {
        let recent = LastChanges::default();
        let at = Timestamp::from_millis(0);
        for number in 0..=MAX_RECENT {
            recent.changed(&number.to_string(), Some(document(1, "one")), at);
        }
        let shows = |id: &str| recent.before(id, Some(DEFAULT_STALENESS), at);
        assert_eq!((shows("0"), shows("1")), (None, Some(Some(document(1, "one")))));
        for _ in 0..MAX_RECENT {
            recent.changed("1", Some(document(2, "two")), at);
        }
        assert_eq!(shows("1"), Some(Some(document(2, "two"))));
        let changes = recent.lock();
        assert_eq!((changes.last.len(), changes.order.len(), changes.bytes), (1, MAX_RECENT, 3));
    }

    #[test]
    fn a_bounded_number_of_bytes_is_remembered() {
        let recent = LastChanges::default();
        let at = Timestamp::from_millis(0);
        let large = document(1, &"x".repeat(1 << 20));
        for number in 0..16 {
            recent.changed(&number.to_string(), Some(large.clone()), at);
        }
        let shows = |id: &str| recent.before(id, Some(DEFAULT_STALENESS), at).is_some();
        assert!(shows("0") && shows("15"), "exactly as many bytes as are allowed");
        recent.changed("0", Some(Document { version: Version(2), ..large.clone() }), at);
        assert!(shows("0") && shows("1"), "a change that replaces one of the same size takes no more room");
        recent.changed("16", Some(document(1, "x")), at);
        assert!(shows("0") && !shows("1") && shows("2"), "one byte over");
        recent.changed("huge", Some(document(1, &"x".repeat((16 << 20) + 1))), at);
        assert!(
            !shows("huge") && !shows("16"),
            "a document larger than the limit evicts everything, itself included"
        );
        assert_eq!(recent.lock().bytes, 0);
    }
}
