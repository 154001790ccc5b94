//! Orders by the hundred thousand. One order passes through the sandbox while its change sets are
//! recorded; copies of them are written directly to a store, each under ids of its own. So each
//! copy is exactly what the sandbox would have written, and needs no signed requests.

use countersign_domain::terms::PaymentIntent as Intent;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use countersign_domain::time::Timestamp;
use countersign_store::contract::{
    ChangeId, ChangeSet, Content, Expect, IndexEntry, Key, MAX_CHANGES, NewMessage, Store, Write,
};
use countersign_store::intercept::{Call, CallOutcome, Fault, Hook, InterceptedStore};
use countersign_store::memory::MemoryStore;
use futures_util::future::try_join_all;

use super::bench_result::BenchResult;
use super::checkout::{PlacedCheckout, member, placed_checkout};
use super::inside::InProcessSandbox;
use super::signed::BenchKey;

/// The number of change sets that are being written at the same time. The store writes all waiting
/// change sets together, so this many keep it busy.
const IN_FLIGHT: usize = 16;

/// The stage that an order has reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OrderStage {
    /// The buyer has placed it.
    Placed,
    /// It is finalized.
    Finalized(Intent),
}

/// The documents and messages of one order.
pub(super) struct Template {
    at: Timestamp,
    documents: Vec<(Key, Content)>,
    messages: Vec<NewMessage>,
    /// The ids that differ in each copy: the session's and the permission's.
    ids: Vec<String>,
}

impl Template {
    pub(super) async fn record(life: OrderStage, key: &BenchKey) -> BenchResult<Self> {
        let store = Arc::new(InterceptedStore::new(Arc::new(MemoryStore::new()), Recorder::default()));
        let sandbox = InProcessSandbox::start(Arc::clone(&store) as Arc<dyn Store>, key).await?;
        let intent = match life {
            OrderStage::Placed => Intent::Authorize,
            OrderStage::Finalized(intent) => intent,
        };
        let session = sandbox.control("checkout-sessions", placed_checkout(intent, "{}")).await?;
        let placed = PlacedCheckout::read(&session, intent)?;
        let mut ids = vec![placed.checkout_session_id.clone()];
        if let OrderStage::Finalized(_) = life {
            let request = placed.finalize().signed(&sandbox.address, &key.signer)?;
            ids.push(member(&sandbox.call(request).await?, "chargePermissionId")?);
        }
        store.hook.template(ids)
    }

    /// Writes copies. In one store, no two copies of any template may have the same number.
    pub(super) async fn copy(
        &self,
        store: &dyn Store,
        numbers: std::ops::Range<usize>,
        of: usize,
    ) -> BenchResult {
        let together = (MAX_CHANGES / self.documents.len().max(self.messages.len()).max(1)).max(1);
        let starts: Vec<usize> = numbers.clone().step_by(together).collect();
        for starts in starts.chunks(IN_FLIGHT) {
            let change_sets = starts.iter().map(|start| {
                let end = (start + together).min(numbers.end);
                store.commit(self.change_set(*start..end, of))
            });
            try_join_all(change_sets).await.map_err(|error| format!("{error:?}"))?;
        }
        Ok(())
    }

    fn change_set(&self, numbers: std::ops::Range<usize>, of: usize) -> ChangeSet {
        let mut id = *b"bench\0\0\0\0\0\0\0\0\0\0\0";
        id[8..].copy_from_slice(&(numbers.start as u64).to_be_bytes());
        let mut change = ChangeSet {
            id: ChangeId(id),
            at: self.at,
            require: Vec::new(),
            write: Vec::new(),
            append: Vec::new(),
        };
        for number in numbers {
            let ids = copied_ids(number, of);
            let own = |text: &str| {
                let pairs = self.ids.iter().zip(&ids);
                pairs.fold(text.to_owned(), |text, (old, new)| text.replace(old.as_str(), new))
            };
            for (key, content) in &self.documents {
                let entry = |entry: &IndexEntry| IndexEntry { index: entry.index, value: own(&entry.value) };
                let content = Content {
                    bytes: own_bytes(&content.bytes, own),
                    index: content.index.iter().map(entry).collect(),
                    ..content.clone()
                };
                let key = Key { collection: key.collection, id: own(&key.id) };
                change.write.push(Write { key, expect: Expect::Absent, content: Some(content) });
            }
            for message in &self.messages {
                change.append.push(NewMessage {
                    subject: own(&message.subject),
                    bytes: own_bytes(&message.bytes, own),
                    ..message.clone()
                });
            }
        }
        change
    }
}

/// The bytes with the copy's own ids. Bytes that are not text contain no ids.
fn own_bytes(bytes: &Bytes, own: impl Fn(&str) -> String) -> Bytes {
    std::str::from_utf8(bytes).map_or_else(|_| bytes.clone(), |text| Bytes::from(own(text)))
}

/// Ids of the right form. Like drawn ids they are spread evenly over all possible ids, but they are
/// in ascending order, which is the cheapest to write.
fn copied_ids(number: usize, of: usize) -> [String; 2] {
    let spread = |all: u128| number as u128 * all / of.max(1) as u128;
    let permission = format!("{:014}", spread(100_000_000_000_000));
    let (first, second) = permission.split_at(7);
    [format!("{:08x}-0000-4000-8000-{number:012x}", spread(1 << 32)), format!("S01-{first}-{second}")]
}

/// Records the change sets that are committed to a store.
#[derive(Default)]
struct Recorder(Mutex<Vec<ChangeSet>>);

impl Recorder {
    /// The last content of every document, and every message.
    fn template(&self, ids: Vec<String>) -> BenchResult<Template> {
        let changes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = changes.iter().map(|change| change.at).max().ok_or("nothing was written")?;
        let mut documents: Vec<(Key, Content)> = Vec::new();
        for Write { key, content, .. } in changes.iter().flat_map(|change| &change.write) {
            documents.retain(|(written, _)| written != key);
            documents.extend(content.clone().map(|content| (key.clone(), content)));
        }
        let messages = changes.iter().flat_map(|change| change.append.clone()).collect();
        Ok(Template { at, documents, messages, ids })
    }
}

impl Hook for Recorder {
    async fn before(&self, _: Call<'_>) -> Option<Fault> {
        None
    }

    async fn after(&self, call: Call<'_>, outcome: CallOutcome) {
        if let (Some(change), CallOutcome::Done) = (call.change, outcome) {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(change.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use countersign_domain::ids::{ChargePermissionId, CheckoutSessionId};

    use super::*;

    #[test]
    fn copied_ids_are_valid_and_in_ascending_order() {
        let all = 1_000;
        let ids: Vec<[String; 2]> = (0..all).map(|number| copied_ids(number, all)).collect();
        for [session, permission] in &ids {
            assert!(CheckoutSessionId::parse(session).is_ok(), "{session}");
            assert!(ChargePermissionId::parse(permission).is_ok(), "{permission}");
        }
        for (before, after) in ids.iter().zip(ids.iter().skip(1)) {
            assert!(before[0] < after[0] && before[1] < after[1], "{before:?} {after:?}");
        }
    }
}
