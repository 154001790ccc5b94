//! The buyer's and the transaction's data, kept since Amazon forgets them after 30 days. A document of its own,
//! with its own timer, written in the change set of the success.

use std::time::Duration;

use countersign_domain::amazon_limits::BUYER_READABLE;
use countersign_domain::ids::{ChargeId, ChargePermissionId};
use countersign_domain::merchant::attempt::AttemptState;
use countersign_domain::time::{DAY, Timestamp};
use countersign_store::contract::{Document, Expect};

use super::commit::{Decided, checkout_key, message};
use super::snapshot_document::{key, write};
use super::{Book, StoreFailed};
use crate::events::table::{Event, Kind};
use crate::snapshot_key::{NotOpened, Sealed};
pub(crate) use crate::stored::snapshot::Transaction;
use crate::stored::snapshot::{self, Snapshot};

/// Without success for so long, a person must know: ten days are left.
const ALARM_AFTER: Duration = DAY.saturating_mul(20);
/// Amazon no longer shows the buyer, with a day of grace for two clocks: there is nothing left to fetch.
const FORGOTTEN_AFTER: Duration = BUYER_READABLE.saturating_add(DAY);

/// Why there is no snapshot to give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SnapshotRefused {
    NoSuchCheckout,
    /// Nothing was paid, so there is nothing to keep.
    NotCompleted,
    /// It is to be fetched.
    Due,
    /// Amazon forgot it before it could be fetched.
    Missed,
    Erased,
    /// None of the keys is the one that sealed it.
    KeyMissing,
    /// It is not what was sealed.
    Altered,
    Store(StoreFailed),
}

impl From<StoreFailed> for SnapshotRefused {
    fn from(failed: StoreFailed) -> Self {
        Self::Store(failed)
    }
}

impl Book {
    /// Keeps what Amazon has shown, or that it has shown nothing: it is asked again later, until Amazon has
    /// forgotten it.
    pub(crate) async fn keep_snapshot(
        &self,
        checkout_id: &str,
        fetched: Option<&Transaction>,
    ) -> Result<(), StoreFailed> {
        let now = self.clock.now();
        let key = key(checkout_id);
        let kept = self.commit(|| async {
            let Some(document) = self.document(&key).await? else { return Ok(Decided::nothing(())) };
            let Snapshot::Due { completed_at, try_count } =
                snapshot::decode(document.format, &document.bytes).map_err(StoreFailed::from)?
            else {
                return Ok::<_, StoreFailed>(Decided::nothing(()));
            };
            let age = now.since(completed_at);
            let (next, told) = match fetched {
                Some(transaction) => {
                    let sealed = self.seal(checkout_id, transaction);
                    (Snapshot::Taken { taken_at: now, sealed }, Some(Kind::SnapshotTaken))
                }
                None if age > FORGOTTEN_AFTER => {
                    (Snapshot::Missed { completed_at }, Some(Kind::SnapshotMissed))
                }
                None => (Snapshot::Due { completed_at, try_count: try_count.saturating_add(1) }, None),
            };
            if fetched.is_none() && age > ALARM_AFTER {
                let days = age.as_secs() / DAY.as_secs();
                tracing::error!(checkout_id, days, "the snapshot is still missing");
            }
            let write = write(checkout_id, Expect::Version(document.version), &next, now);
            let append =
                told.map(|kind| message(checkout_id, Event::of_checkout(kind), now)).into_iter().collect();
            Ok(self.beside(vec![write], append, (), now))
        });
        kept.await.map(|_| ())
    }

    /// The permission and the charge of a completed checkout.
    pub(crate) async fn completed_ids(
        &self,
        checkout_id: &str,
    ) -> Result<Option<(ChargePermissionId, Option<ChargeId>)>, StoreFailed> {
        let Some(loaded) = self.checkout(checkout_id).await? else { return Ok(None) };
        let completed = loaded.registration.checkout.attempts.into_iter().find_map(|attempt| {
            let AttemptState::Completed { completion, charge_permission_id, .. } = attempt.state else {
                return None;
            };
            Some((charge_permission_id, completion.charge_id().cloned()))
        });
        Ok(completed)
    }

    fn seal(&self, checkout_id: &str, transaction: &Transaction) -> Sealed {
        self.snapshot_keys.seal(&*self.entropy, checkout_id, transaction.encode())
    }

    /// The snapshot of a checkout, opened, and when it was taken. Amazon is not asked.
    pub(crate) async fn snapshot(
        &self,
        checkout_id: &str,
    ) -> Result<(Timestamp, Transaction), SnapshotRefused> {
        let document = self.snapshot_document(checkout_id).await?;
        let (taken_at, sealed) =
            match snapshot::decode(document.format, &document.bytes).map_err(StoreFailed::from)? {
                Snapshot::Taken { taken_at, sealed } => (taken_at, sealed),
                Snapshot::Due { .. } => return Err(SnapshotRefused::Due),
                Snapshot::Missed { .. } => return Err(SnapshotRefused::Missed),
                Snapshot::Erased { .. } => return Err(SnapshotRefused::Erased),
            };
        let key_id = sealed.key_id.as_str();
        match self.snapshot_keys.open(checkout_id, &sealed) {
            Ok(text) => Ok((taken_at, Transaction::decode(&text).map_err(StoreFailed::from)?)),
            Err(NotOpened::KeyMissing) => {
                tracing::error!(
                    checkout_id,
                    key_id,
                    "no key opens this snapshot: add the key of this id to snapshot.key_file"
                );
                Err(SnapshotRefused::KeyMissing)
            }
            Err(NotOpened::Altered) => {
                tracing::error!(checkout_id, key_id, "a snapshot is not what was sealed");
                Err(SnapshotRefused::Altered)
            }
        }
    }

    /// Erases the snapshot of a checkout for good, taken or not; gives back when that was.
    pub(crate) async fn erase_snapshot(&self, checkout_id: &str) -> Result<Timestamp, SnapshotRefused> {
        let now = self.clock.now();
        let erased = self.commit(|| async {
            let document = self.snapshot_document(checkout_id).await?;
            if let Snapshot::Erased { erased_at } =
                snapshot::decode(document.format, &document.bytes).map_err(StoreFailed::from)?
            {
                return Ok::<_, SnapshotRefused>(Decided::nothing(erased_at));
            }
            let erased = Snapshot::Erased { erased_at: now };
            let write = write(checkout_id, Expect::Version(document.version), &erased, now);
            let told = message(checkout_id, Event::of_checkout(Kind::SnapshotErased), now);
            Ok(self.beside(vec![write], vec![told], now, now))
        });
        erased.await.map(|(_, erased_at)| erased_at)
    }

    async fn snapshot_document(&self, checkout_id: &str) -> Result<Document, SnapshotRefused> {
        let keys = [checkout_key(checkout_id), key(checkout_id)];
        let documents = self.store.load(&keys).await.map_err(StoreFailed::from)?;
        let [checkout, snapshot] = documents.as_slice() else { return Err(SnapshotRefused::NoSuchCheckout) };
        if checkout.is_none() {
            return Err(SnapshotRefused::NoSuchCheckout);
        }
        snapshot.clone().ok_or(SnapshotRefused::NotCompleted)
    }
}
