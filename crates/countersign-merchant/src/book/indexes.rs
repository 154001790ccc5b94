//! Completes the indexes after an upgrade that has added one: a list would lack the orders that were written
//! last by an earlier version. Each start reads one document; the first start of a version that has more
//! indexes than the one before writes every checkout once.

use bytes::Bytes;
use countersign_store::contract::Key;
use futures_util::stream::{self, TryStreamExt as _};

use super::commit::{BY_STATE, PendingCommit, checkout_key, decode};
use super::lookup::PAGE;
use super::snapshot_document;
use super::timers::unless_unreadable;
use super::{Book, StoreFailed, Walk, plain_write};
use crate::stored::snapshot::{self, Snapshot};

/// The largest number of checkouts that are written at the same time.
const AT_ONCE: usize = 32;
/// Rises with each index that is added.
const INDEXES: &[u8] = b"1";
const FORMAT: u16 = 1;

impl Book {
    /// Writes every checkout again if it may lack an index entry. Returns how many there were. After a crash
    /// in between, the next start begins again.
    pub(crate) async fn complete_indexes(&self) -> Result<usize, StoreFailed> {
        let key = Key { collection: "indexes", id: "checkout".to_owned() };
        if self.document(&key).await?.is_some_and(|found| found.bytes == INDEXES) {
            return Ok(0);
        }
        let mut written: usize = 0;
        let mut walk = Walk::over(BY_STATE, "");
        while !walk.is_over {
            let ids: Vec<String> =
                self.page(&mut walk, PAGE).await?.into_iter().map(|row| row.key.id).collect();
            written = written.saturating_add(ids.len());
            let writes = stream::iter(ids.into_iter().map(Ok));
            writes.try_for_each_concurrent(AT_ONCE, |id| self.index_anew(id)).await?;
        }
        self.commit(|| async {
            let found = self.document(&key).await?;
            let write = plain_write(key.clone(), found.as_ref(), (FORMAT, Bytes::from_static(INDEXES)));
            Ok::<_, StoreFailed>(self.beside(vec![write], Vec::new(), (), self.clock.now()))
        })
        .await?;
        Ok(written)
    }

    async fn index_anew(&self, checkout_id: String) -> Result<(), StoreFailed> {
        let keys = [checkout_key(&checkout_id), snapshot_document::key(&checkout_id)];
        let written = self.commit(|| async {
            let documents = self.store.load(&keys).await?;
            let [Some(checkout), snapshot] = documents.as_slice() else {
                return Ok(PendingCommit::nothing(()));
            };
            let mut revision = self.open(decode(checkout)?, self.clock.now());
            let snapshot = snapshot.as_ref().map(|it| snapshot::decode(it.format, &it.bytes)).transpose()?;
            if let Some(Snapshot::Missed { completed_at }) = snapshot {
                revision.missed.snapshot_at.get_or_insert(completed_at);
            }
            Ok::<_, StoreFailed>(self.keep_anyway(revision, ()))
        });
        unless_unreadable(&checkout_id, written.await.map(|_| 1)).map(|_| ())
    }
}
