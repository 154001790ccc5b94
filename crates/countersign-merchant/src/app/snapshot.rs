//! The buyer's and the transaction's data, fetched at success and kept: Amazon forgets them after 30
//! days. A document of its own, with its own timer, written in the change set of the success.

use std::time::Duration;

use countersign_domain::amazon_limits::BUYER_READABLE;
use countersign_domain::ids::{ChargeId, ChargePermissionId};
use countersign_domain::merchant::attempt::AttemptState;
use countersign_domain::merchant::payment::{
    ChargeShown, PaymentAct, PermissionShown, charge_shown, permission_shown,
};
use countersign_domain::time::{DAY, Timestamp};
use countersign_store::contract::{Content, Document, Expect, IndexEntry, Key, NewMessage, Write};
use countersign_store::transact::Decision;

use super::change::checkout_key;
use super::registration::Registration;
use super::{App, StoreFailed};
use crate::snapshot_key::{NotOpened, Sealed};
use crate::stored::event::{self, Event};
pub(crate) use crate::stored::snapshot::Transaction;
use crate::stored::snapshot::{self, Snapshot};

/// Without success for so long, a person must know: ten days are left.
const ALARM_AFTER: Duration = DAY.saturating_mul(20);
/// Amazon no longer shows the buyer, with a day of grace for two clocks: there is nothing left to fetch.
const FORGOTTEN_AFTER: Duration = BUYER_READABLE.saturating_add(DAY);

pub(crate) fn key(checkout_id: &str) -> Key {
    Key { collection: snapshot::COLLECTION, id: checkout_id.to_owned() }
}

/// Snapshots that are not taken: `due` with the instant of success, or `missed`.
pub(crate) const MISSING: &str = "snapshot_missing";

fn content(snapshot: &Snapshot, due_at: Option<Timestamp>) -> Content {
    let (format, bytes) = snapshot::encode(snapshot);
    let value = match snapshot {
        // Thirteen digits reach to the year 2286, fifteen beyond every timestamp.
        Snapshot::Due { completed_at, .. } => Some(format!("due {:015}", completed_at.as_millis())),
        Snapshot::Missed { .. } => Some("missed".to_owned()),
        Snapshot::Taken { .. } | Snapshot::Erased { .. } => None,
    };
    let index = value.map(|value| IndexEntry { index: MISSING, value }).into_iter().collect();
    Content { format, bytes, due_at, index }
}

/// What the checkout's timeline says of its snapshot.
fn entry(checkout_id: &str, kind: &str, at: Timestamp) -> NewMessage {
    NewMessage {
        topic: event::TOPIC,
        subject: checkout_id.to_owned(),
        bytes: Event::of_checkout(kind, at).encode(),
        deliver_at: None,
    }
}

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

/// The document that makes a snapshot due.
pub(crate) fn due(registration: &Registration, now: Timestamp) -> Write {
    let key = key(registration.checkout.id.as_str());
    let snapshot = Snapshot::Due { completed_at: now, try_count: 0 };
    Write { key, expect: Expect::Absent, content: Some(content(&snapshot, Some(now))) }
}

/// What Amazon gave, to be kept, and what it shows.
struct Fetched {
    transaction: Transaction,
    permission: Option<PermissionShown>,
    charge: Option<ChargeShown>,
}

impl App {
    /// Fetches the snapshot of a completed checkout, or tries again later.
    pub(crate) async fn take_snapshot(&self, checkout_id: &str) -> Result<(), StoreFailed> {
        let Some(ids) = self.completed_ids(checkout_id).await? else { return Ok(()) };
        let fetched = self.fetch(&ids).await;
        let now = self.clock.now();
        self.transact(|| async {
            let documents = self.store.load(&[key(checkout_id)]).await?;
            let Some(document) = documents.into_iter().next().flatten() else {
                return Ok::<_, StoreFailed>(Decision { change: None, outcome: () });
            };
            let Snapshot::Due { completed_at, try_count } = self.decode(checkout_id, &document)? else {
                return Ok(Decision { change: None, outcome: () });
            };
            let age = now.since(completed_at);
            let (next, due_at, told) = match &fetched {
                Some(Fetched { transaction, .. }) => {
                    let sealed = self.seal(checkout_id, transaction);
                    (Snapshot::Taken { taken_at: now, sealed }, None, Some("SnapshotTaken"))
                }
                None if age > FORGOTTEN_AFTER => {
                    (Snapshot::Missed { completed_at }, None, Some("SnapshotMissed"))
                }
                None => {
                    let next = Snapshot::Due { completed_at, try_count: try_count.saturating_add(1) };
                    (next, Some(now.plus(retry_delay(try_count))), None)
                }
            };
            if fetched.is_none() && age > ALARM_AFTER {
                tracing::error!(
                    checkout_id,
                    days = age.as_secs() / DAY.as_secs(),
                    "the snapshot is still missing"
                );
            }
            let mut change = self.change_set(now);
            change.write = vec![Write {
                key: key(checkout_id),
                expect: Expect::Version(document.version),
                content: Some(content(&next, due_at)),
            }];
            change.append = told.map(|kind| entry(checkout_id, kind, now)).into_iter().collect();
            Ok(Decision { change: Some(change), outcome: () })
        })
        .await?;
        match fetched {
            Some(fetched) => self.take_in(checkout_id, &fetched).await,
            None => Ok(()),
        }
    }

    /// What was fetched also says how far the payment is, and until when it is authorized.
    async fn take_in(&self, checkout_id: &str, fetched: &Fetched) -> Result<(), StoreFailed> {
        let (mut known, rules) = (None, self.rules());
        if let Some(shown) = &fetched.permission {
            let act = self.step(checkout_id, &mut known, |checkout, now| {
                permission_shown(checkout, shown, now, &rules)
            });
            let act = act.await?.unwrap_or(PaymentAct::Rest);
            self.act_on_payment(checkout_id, act, &mut known).await?;
        }
        if let Some(shown) = &fetched.charge {
            let act = self
                .step(checkout_id, &mut known, |checkout, now| charge_shown(checkout, shown, now, &rules));
            let act = act.await?.unwrap_or(PaymentAct::Rest);
            self.act_on_payment(checkout_id, act, &mut known).await?;
        }
        Ok(())
    }

    async fn completed_ids(
        &self,
        checkout_id: &str,
    ) -> Result<Option<(ChargePermissionId, Option<ChargeId>)>, StoreFailed> {
        let Some(loaded) = self.checkout(checkout_id).await? else { return Ok(None) };
        Ok(loaded.registration.checkout.attempts.iter().find_map(|attempt| match &attempt.state {
            AttemptState::Completed { completion, charge_permission_id, .. } => {
                Some((charge_permission_id.clone(), completion.charge_id().cloned()))
            }
            AttemptState::Bound { .. }
            | AttemptState::Approved { .. }
            | AttemptState::Finalizing { .. }
            | AttemptState::InDoubt(_)
            | AttemptState::Pending { .. }
            | AttemptState::NotPaid { .. }
            | AttemptState::Unresolved { .. }
            | AttemptState::Surplus { .. } => None,
        }))
    }

    /// Both objects as Amazon gives them, or nothing: half a snapshot would look like a whole one.
    async fn fetch(&self, ids: &(ChargePermissionId, Option<ChargeId>)) -> Option<Fetched> {
        let text = |body: bytes::Bytes| String::from_utf8(body.to_vec()).ok();
        let (body, permission) = self.amazon.permission_as_it_came(&ids.0).await.ok()?;
        let mut transaction = Transaction { charge_permission: text(body)?, charge: None };
        let Some(charge_id) = &ids.1 else { return Some(Fetched { transaction, permission, charge: None }) };
        let (body, charge) = self.amazon.charge_as_it_came(charge_id).await.ok()?;
        transaction.charge = Some(text(body)?);
        Some(Fetched { transaction, permission, charge })
    }

    fn seal(&self, checkout_id: &str, transaction: &Transaction) -> Sealed {
        self.snapshot_keys.seal(&*self.entropy, checkout_id, transaction.encode())
    }

    fn decode(&self, checkout_id: &str, document: &Document) -> Result<Snapshot, StoreFailed> {
        let seal = |transaction: &Transaction| self.seal(checkout_id, transaction);
        Ok(snapshot::decode(document.format, &document.bytes, seal)?)
    }

    /// The snapshot of a checkout, opened, and when it was taken. Amazon is not asked.
    pub(crate) async fn snapshot(
        &self,
        checkout_id: &str,
    ) -> Result<(Timestamp, Transaction), SnapshotRefused> {
        let document = self.snapshot_document(checkout_id).await?;
        let (taken_at, sealed) = match self.decode(checkout_id, &document)? {
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
        self.transact(|| async {
            let document = self.snapshot_document(checkout_id).await?;
            if let Snapshot::Erased { erased_at } = self.decode(checkout_id, &document)? {
                return Ok(Decision { change: None, outcome: erased_at });
            }
            let mut change = self.change_set(now);
            change.write = vec![Write {
                key: key(checkout_id),
                expect: Expect::Version(document.version),
                content: Some(content(&Snapshot::Erased { erased_at: now }, None)),
            }];
            change.append = vec![entry(checkout_id, "SnapshotErased", now)];
            Ok(Decision { change: Some(change), outcome: now })
        })
        .await
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

/// 5 s, doubling to 6 hours.
fn retry_delay(try_count: u32) -> Duration {
    Duration::from_secs(5_u64.saturating_mul(2_u64.saturating_pow(try_count.min(13))).min(21_600))
}
