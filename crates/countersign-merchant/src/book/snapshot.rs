//! Snapshots of the buyer's and the transaction's data, kept because Amazon deletes them after 30 days. Each is
//! a document of its own with its own timer, created in the change set of the success.

use std::time::Duration;

use countersign_domain::amazon_limits::BUYER_READABLE;
use countersign_domain::ids::{ChargeId, ChargePermissionId};
use countersign_domain::merchant::attempt::AttemptState;
use countersign_domain::merchant::next::NextStep;
use countersign_domain::merchant::payment::charge::ChargeView;
use countersign_domain::merchant::payment::permission::PermissionView;
use countersign_domain::merchant::payment::send::{charge_shown, permission_shown};
use countersign_domain::time::{DAY, Timestamp};
use countersign_store::contract::{Document, Expect, Version};

use super::commit::{LoadedRegistration, PendingCommit, checkout_key, decode, message};
use super::snapshot_document::{key, write};
use super::{Book, DecisionError, StoreFailed};
use crate::events::table::{Event, EventKind};
use crate::snapshot_key::{NotOpened, SealedSnapshot};
pub(crate) use crate::stored::snapshot::Transaction;
use crate::stored::snapshot::{self, Snapshot};

/// After this time without success an alarm is logged: ten days are left.
const ALARM_AFTER: Duration = DAY.saturating_mul(20);
/// After this time Amazon no longer shows the buyer, so nothing is left to fetch. It includes a day of grace
/// for a difference between the clocks.
const FORGOTTEN_AFTER: Duration = BUYER_READABLE.saturating_add(DAY);

/// Why a snapshot cannot be returned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SnapshotRefused {
    NoSuchCheckout,
    /// Nothing was paid, so there is nothing to keep.
    NotCompleted,
    /// It has not been fetched yet.
    Due,
    /// Amazon deleted the data before they could be fetched.
    Missed,
    Erased,
    /// The key that sealed it is not configured.
    KeyMissing,
    /// The stored bytes are not what was sealed.
    Altered,
}

/// A snapshot that is to be fetched: its permission and charge, and what was read with it.
pub(crate) struct DueSnapshot {
    pub(crate) charge_permission_id: ChargePermissionId,
    pub(crate) charge_id: Option<ChargeId>,
    checkout: LoadedRegistration,
    version: Version,
    completed_at: Timestamp,
    try_count: u32,
}

impl DueSnapshot {
    /// Whether it was not tried before.
    pub(crate) const fn is_first_try(&self) -> bool {
        self.try_count == 0
    }
}

/// The data from Amazon to keep, and what they show.
pub(crate) struct SnapshotData {
    pub(crate) transaction: Transaction,
    pub(crate) permission: Option<PermissionView>,
    pub(crate) charge: Option<ChargeView>,
}

impl Book {
    /// The snapshot of a completed checkout, if it is still due.
    pub(crate) async fn due_snapshot(&self, checkout_id: &str) -> Result<Option<DueSnapshot>, StoreFailed> {
        let documents = self.store.load(&[checkout_key(checkout_id), key(checkout_id)]).await?;
        let [Some(checkout), Some(snapshot)] = documents.as_slice() else { return Ok(None) };
        let Snapshot::Due { completed_at, try_count } = snapshot::decode(snapshot.format, &snapshot.bytes)?
        else {
            return Ok(None);
        };
        let (checkout, version) = (decode(checkout)?, snapshot.version);
        let ids = checkout.registration.checkout.attempts.iter().find_map(|attempt| {
            let AttemptState::Completed { completion, charge_permission_id, .. } = &attempt.state else {
                return None;
            };
            Some((charge_permission_id.clone(), completion.charge_id().cloned()))
        });
        Ok(ids.map(|(charge_permission_id, charge_id)| DueSnapshot {
            charge_permission_id,
            charge_id,
            checkout,
            version,
            completed_at,
            try_count,
        }))
    }

    /// Stores the data that Amazon has returned, together with what they show about the payment: its state,
    /// and until when it is authorized. Returns the checkout as it is then, and the next steps.
    pub(crate) async fn keep_snapshot(
        &self,
        checkout_id: &str,
        due: DueSnapshot,
        fetched: &SnapshotData,
    ) -> Result<(Option<LoadedRegistration>, Vec<NextStep>), StoreFailed> {
        let now = self.clock.now();
        let mut known = Some(due);
        self.commit(|| {
            let known = known.take();
            async move {
                // Read again if another caller has written since: the snapshot may not be due any more.
                let due = match known {
                    Some(due) => Some(due),
                    None => self.due_snapshot(checkout_id).await?,
                };
                let Some(due) = due else { return Ok::<_, StoreFailed>(PendingCommit::nothing(Vec::new())) };
                let mut revision = self.open(due.checkout, now);
                let sealed = self.seal(checkout_id, &fetched.transaction);
                let taken = Snapshot::Taken { taken_at: now, sealed };
                revision.writes.push(write(checkout_id, Expect::Version(due.version), &taken, now));
                revision.besides.push(Event::new(EventKind::SnapshotTaken));
                let draft = &mut revision.draft;
                let mut next = Vec::new();
                next.extend(fetched.permission.as_ref().map(|shown| permission_shown(draft, shown)));
                next.extend(fetched.charge.as_ref().map(|shown| charge_shown(draft, shown)));
                Ok(self.keep(revision, next))
            }
        })
        .await
    }

    /// Records that Amazon has shown nothing. Amazon is asked again later, until it has deleted the data.
    pub(crate) async fn miss_snapshot(&self, checkout_id: &str) -> Result<(), StoreFailed> {
        let now = self.clock.now();
        let kept = self.commit(|| async {
            let Some(due) = self.due_snapshot(checkout_id).await? else {
                return Ok::<_, StoreFailed>(PendingCommit::nothing(()));
            };
            // Amazon's days are counted from its own time, not from when the success was heard of.
            let payment = due.checkout.registration.checkout.payment.as_ref();
            let made_at = payment.and_then(|payment| payment.charges.first()).map(|it| it.authorized_at);
            let DueSnapshot { checkout, version, completed_at, try_count, .. } = due;
            let age = now.since(made_at.map_or(completed_at, |made_at| made_at.min(completed_at)));
            if age > ALARM_AFTER {
                let days = age.as_secs() / DAY.as_secs();
                tracing::error!(
                    checkout_id,
                    days,
                    "the buyer data of this checkout still could not be fetched; Amazon deletes it after 30 \
                     days",
                );
            }
            let next_write = |next| write(checkout_id, Expect::Version(version), &next, now);
            if age <= FORGOTTEN_AFTER {
                let again = Snapshot::Due { completed_at, try_count: try_count.saturating_add(1) };
                return Ok(self.beside(vec![next_write(again)], Vec::new(), (), now));
            }
            let mut revision = self.open(checkout, now);
            revision.missed.snapshot_at = Some(now);
            revision.writes.push(next_write(Snapshot::Missed { completed_at }));
            revision.besides.push(Event::new(EventKind::SnapshotMissed));
            Ok(self.keep(revision, ()))
        });
        kept.await.map(|_| ())
    }

    fn seal(&self, checkout_id: &str, transaction: &Transaction) -> SealedSnapshot {
        self.snapshot_keys.seal(&*self.entropy, checkout_id, transaction.encode())
    }

    /// The snapshot of a checkout, opened, and when it was taken. Amazon is not asked.
    pub(crate) async fn snapshot(
        &self,
        checkout_id: &str,
    ) -> Result<(Timestamp, Transaction), DecisionError<SnapshotRefused>> {
        let (_, document) = self.snapshot_documents(checkout_id).await?;
        let not_given = |refused| Err(DecisionError::Refused(refused));
        let (taken_at, sealed) =
            match snapshot::decode(document.format, &document.bytes).map_err(StoreFailed::from)? {
                Snapshot::Taken { taken_at, sealed } => (taken_at, sealed),
                Snapshot::Due { .. } => return not_given(SnapshotRefused::Due),
                Snapshot::Missed { .. } => return not_given(SnapshotRefused::Missed),
                Snapshot::Erased { .. } => return not_given(SnapshotRefused::Erased),
            };
        let key_id = sealed.key_id.as_str();
        match self.snapshot_keys.open(checkout_id, &sealed) {
            Ok(text) => Ok((taken_at, Transaction::decode(&text).map_err(StoreFailed::from)?)),
            Err(NotOpened::KeyMissing) => {
                tracing::error!(
                    checkout_id,
                    key_id,
                    "no configured key opens this snapshot: add the key with this key_id to snapshot.key_file"
                );
                not_given(SnapshotRefused::KeyMissing)
            }
            Err(NotOpened::Altered) => {
                tracing::error!(
                    checkout_id,
                    key_id,
                    "a stored snapshot cannot be opened: it was altered after it was sealed"
                );
                not_given(SnapshotRefused::Altered)
            }
        }
    }

    /// Erases the snapshot of a checkout for good, whether or not it was taken. Returns when it was erased.
    pub(crate) async fn erase_snapshot(
        &self,
        checkout_id: &str,
    ) -> Result<Timestamp, DecisionError<SnapshotRefused>> {
        let now = self.clock.now();
        let erased = self.commit(|| async {
            let (checkout, document) = self.snapshot_documents(checkout_id).await?;
            let found = snapshot::decode(document.format, &document.bytes).map_err(StoreFailed::from)?;
            let erased = Snapshot::Erased { erased_at: now };
            let write = write(checkout_id, Expect::Version(document.version), &erased, now);
            let event = Event::new(EventKind::SnapshotErased);
            match found {
                Snapshot::Erased { erased_at } => {
                    Ok::<_, DecisionError<_>>(PendingCommit::nothing(erased_at))
                }
                // Nobody waits for the data any more.
                Snapshot::Missed { .. } => {
                    let mut revision = self.open(decode(&checkout)?, now);
                    revision.missed.snapshot_at = None;
                    revision.writes.push(write);
                    revision.besides.push(event);
                    Ok(self.keep(revision, now))
                }
                Snapshot::Due { .. } | Snapshot::Taken { .. } => {
                    Ok(self.beside(vec![write], vec![message(checkout_id, event, now)], now, now))
                }
            }
        });
        erased.await.map(|(_, erased_at)| erased_at)
    }

    /// The documents of a checkout and of its snapshot.
    async fn snapshot_documents(
        &self,
        checkout_id: &str,
    ) -> Result<(Document, Document), DecisionError<SnapshotRefused>> {
        let keys = [checkout_key(checkout_id), key(checkout_id)];
        let documents = self.store.load(&keys).await.map_err(StoreFailed::from)?;
        let refused = match documents.as_slice() {
            [Some(checkout), Some(snapshot)] => return Ok((checkout.clone(), snapshot.clone())),
            [Some(_), None] => SnapshotRefused::NotCompleted,
            _ => SnapshotRefused::NoSuchCheckout,
        };
        Err(DecisionError::Refused(refused))
    }
}
