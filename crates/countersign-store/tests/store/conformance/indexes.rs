//! Index entries and ranges.

use std::sync::Arc;

use countersign_store::contract::{Content, IndexRange, MAX_CHANGES, MAX_ROWS, Store};

use super::values::{all_of, commit_writes, content, create, delete, entry, rows, version, write};

fn under(entries: &[(&'static str, &str)]) -> Content {
    Content { index: entries.iter().map(|(index, value)| entry(index, value)).collect(), ..content("x") }
}

fn pairs(rows: &[(&str, &str)]) -> Vec<(String, String)> {
    rows.iter().map(|(value, id)| ((*value).to_owned(), (*id).to_owned())).collect()
}

fn beginning_with(prefix: &str) -> IndexRange {
    IndexRange { prefix: prefix.to_owned(), ..all_of("by_order") }
}

pub(crate) async fn a_range_is_ordered_bytewise_by_value_then_by_id(store: Arc<dyn Store>) {
    let values =
        [("", "I"), ("a", "H"), ("B", "G"), ("a", "F"), ("10", "E"), ("9", "D"), ("ä", "C"), ("a\0", "B")];
    let writes = values.map(|(value, id)| create(id, under(&[("by_order", value)])));
    commit_writes(&*store, writes).await.unwrap();
    let ordered =
        [("", "I"), ("10", "E"), ("9", "D"), ("B", "G"), ("a", "F"), ("a", "H"), ("a\0", "B"), ("ä", "C")];
    assert_eq!(rows(&*store, all_of("by_order")).await, pairs(&ordered));
}

pub(crate) async fn a_range_keeps_to_its_prefix_and_index(store: Arc<dyn Store>) {
    let entries =
        [("by_order", "ab"), ("by_order", "a"), ("by_order", "b"), ("by_orders", "ab"), ("by_a", "ab")];
    commit_writes(&*store, [create("A", under(&entries))]).await.unwrap();
    for (prefix, expected) in [
        ("", pairs(&[("a", "A"), ("ab", "A"), ("b", "A")])),
        ("a", pairs(&[("a", "A"), ("ab", "A")])),
        ("ab", pairs(&[("ab", "A")])),
        ("abc", pairs(&[])),
        ("A", pairs(&[])),
        ("%", pairs(&[])),
    ] {
        assert_eq!(rows(&*store, beginning_with(prefix)).await, expected, "{prefix:?}");
    }
    assert_eq!(rows(&*store, all_of("by_nothing")).await, pairs(&[]));
}

/// Many documents share a value, so a page can end between two documents with the same value.
pub(crate) async fn pages_cover_a_range_without_gap_or_repetition(store: Arc<dyn Store>) {
    for hundred in 0..5 {
        let writes = (0..MAX_CHANGES).map(|number| {
            let number = hundred * MAX_CHANGES + number;
            let value = if number.is_multiple_of(3) { "Open" } else { "Canceled" };
            create(&format!("{number:05}"), under(&[("by_order", value)]))
        });
        commit_writes(&*store, writes).await.unwrap();
    }
    assert_eq!(rows(&*store, IndexRange { limit: usize::MAX, ..all_of("by_order") }).await.len(), MAX_ROWS);
    let mut paged = Vec::new();
    loop {
        let after = paged.last().cloned();
        let page = rows(&*store, IndexRange { after, limit: 97, ..all_of("by_order") }).await;
        if page.is_empty() {
            break;
        }
        assert!(page.len() <= 97);
        paged.extend(page);
    }
    assert_eq!(paged.len(), 5 * MAX_CHANGES);
    assert!(paged.is_sorted_by(|before, behind| before < behind));
}

pub(crate) async fn a_page_may_begin_before_or_behind_the_prefix(store: Arc<dyn Store>) {
    let writes = ["a", "b1", "b2", "c"].map(|value| create(value, under(&[("by_order", value)])));
    commit_writes(&*store, writes).await.unwrap();
    for (after, expected) in [
        (("a", "z"), pairs(&[("b1", "b1"), ("b2", "b2")])),
        (("b", "z"), pairs(&[("b1", "b1"), ("b2", "b2")])),
        (("b1", "a"), pairs(&[("b1", "b1"), ("b2", "b2")])),
        (("b1", "b1"), pairs(&[("b2", "b2")])),
        (("b2", "b2"), pairs(&[])),
        (("c", "a"), pairs(&[])),
    ] {
        let after = Some((after.0.to_owned(), after.1.to_owned()));
        let range = IndexRange { after: after.clone(), ..beginning_with("b") };
        assert_eq!(rows(&*store, range).await, expected, "{after:?}");
    }
    assert_eq!(rows(&*store, IndexRange { limit: 0, ..beginning_with("b") }).await, pairs(&[]));
}

pub(crate) async fn a_rewrite_replaces_all_entries_and_a_deletion_removes_them(store: Arc<dyn Store>) {
    let first = under(&[("by_order", "gone"), ("by_order", "kept"), ("by_state", "Open")]);
    commit_writes(&*store, [create("A", first)]).await.unwrap();
    commit_writes(&*store, [write("A", version(1), under(&[("by_order", "kept"), ("by_order", "new")]))])
        .await
        .unwrap();
    assert_eq!(rows(&*store, all_of("by_order")).await, pairs(&[("kept", "A"), ("new", "A")]));
    assert_eq!(rows(&*store, all_of("by_state")).await, pairs(&[]));
    commit_writes(&*store, [delete("A", version(2))]).await.unwrap();
    assert_eq!(rows(&*store, all_of("by_order")).await, pairs(&[]));
}

pub(crate) async fn an_entry_twice_counts_once(store: Arc<dyn Store>) {
    let twice = under(&[("by_order", "O"), ("by_order", "O")]);
    commit_writes(&*store, [create("A", twice.clone())]).await.unwrap();
    assert_eq!(rows(&*store, all_of("by_order")).await, pairs(&[("O", "A")]));
    commit_writes(&*store, [write("A", version(1), twice)]).await.unwrap();
    commit_writes(&*store, [write("A", version(2), content("none"))]).await.unwrap();
    assert_eq!(rows(&*store, all_of("by_order")).await, pairs(&[]));
}
