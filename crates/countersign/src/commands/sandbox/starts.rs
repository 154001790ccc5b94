//! How often a durable sandbox was started with a seed: each start draws other ids, and the same in
//! every run.

use countersign_domain::time::Timestamp;
use countersign_sandbox::entropy::{Entropy as _, SystemEntropy};
use countersign_store::contract::{ChangeId, ChangeSet, Content, Expect, Key, Store, Write};

use crate::failure::{Failure, Outcome};

/// Counts this start, and gives the number of those before it. The document's version is the count.
pub(super) async fn count(store: &dyn Store) -> Outcome<u64> {
    let failed =
        |why: &dyn std::fmt::Debug| Failure::new(format_args!("the starts cannot be counted: {why:?}"));
    let key = Key { collection: "start", id: "count".to_owned() };
    let found = store.load(std::slice::from_ref(&key)).await.map_err(|error| failed(&error))?;
    let version = found.into_iter().flatten().next().map(|document| document.version);
    let mut id = ChangeId([0; 16]);
    SystemEntropy.fill(&mut id.0);
    let content = Content { format: 1, bytes: Default::default(), due_at: None, index: Vec::new() };
    let change = ChangeSet {
        id,
        // No decision that later ones must not precede.
        at: Timestamp::UNIX_EPOCH,
        require: Vec::new(),
        write: vec![Write {
            key,
            expect: version.map_or(Expect::Absent, Expect::Version),
            content: Some(content),
        }],
        append: Vec::new(),
    };
    store.commit(change).await.map_err(|error| failed(&error))?;
    Ok(version.map_or(0, |version| version.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use countersign_store::memory::MemoryStore;
    use futures_util::FutureExt as _;

    #[test]
    fn each_start_has_the_next_number() {
        let store = MemoryStore::new();
        for expected in 0..3 {
            assert_eq!(count(&store).now_or_never().unwrap().unwrap(), expected);
        }
        assert_eq!(store.watermark().now_or_never().unwrap().unwrap(), Timestamp::UNIX_EPOCH);
    }
}
