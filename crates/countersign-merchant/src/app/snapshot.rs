//! The buyer's and the transaction's data, fetched at success and kept: Amazon forgets them after 30
//! days. A document of its own, with its own timer, written in the change set of the success.

use std::time::Duration;

use countersign_domain::ids::{ChargeId, ChargePermissionId};
use countersign_domain::merchant::attempt::AttemptState;
use countersign_domain::time::{DAY, Timestamp};
use countersign_store::contract::{Content, Expect, Key, Write};
use countersign_store::transact::Decision;

use super::registration::Registration;
use super::{App, StoreFailed};
use crate::stored::snapshot::{self, Snapshot};

/// After so many days without success a person must know: ten are left.
const ALARM_AFTER: Duration = Duration::from_secs(20 * 86_400);
/// After so many there is nothing left to fetch.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(31 * 86_400);

pub(crate) fn key(checkout_id: &str) -> Key {
    Key { collection: snapshot::COLLECTION, id: checkout_id.to_owned() }
}

fn content(snapshot: &Snapshot, due_at: Option<Timestamp>) -> Content {
    let (format, bytes) = snapshot::encode(snapshot);
    Content { format, bytes, due_at, index: Vec::new() }
}

/// The document that makes a snapshot due.
pub(crate) fn due(registration: &Registration, now: Timestamp) -> Write {
    let key = key(registration.checkout.id.as_str());
    let snapshot = Snapshot::Due { completed_at: now, try_count: 0 };
    Write { key, expect: Expect::Absent, content: Some(content(&snapshot, Some(now))) }
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
            let Snapshot::Due { completed_at, try_count } =
                snapshot::decode(document.format, &document.bytes)?
            else {
                return Ok(Decision { change: None, outcome: () });
            };
            let age = now.since(completed_at);
            let (next, due_at) = match &fetched {
                Some((charge_permission, charge)) => {
                    let taken = Snapshot::Taken {
                        taken_at: now,
                        charge_permission: charge_permission.clone(),
                        charge: charge.clone(),
                    };
                    (taken, None)
                }
                None if age > FORGOTTEN_AFTER => (Snapshot::Missed { completed_at }, None),
                None => {
                    let next = Snapshot::Due { completed_at, try_count: try_count.saturating_add(1) };
                    (next, Some(now.plus(retry_delay(try_count))))
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
            Ok(Decision { change: Some(change), outcome: () })
        })
        .await
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
    async fn fetch(&self, ids: &(ChargePermissionId, Option<ChargeId>)) -> Option<(String, Option<String>)> {
        let permission = self.amazon.charge_permission(&ids.0).await.ok()?;
        let charge = match &ids.1 {
            Some(charge_id) => Some(self.amazon.charge_body(charge_id).await.ok()?),
            None => None,
        };
        let text = |body: bytes::Bytes| String::from_utf8(body.to_vec()).ok();
        Some((text(permission)?, charge.map_or(Some(None), |charge| text(charge).map(Some))?))
    }
}

/// 5 s, doubling to 6 hours.
fn retry_delay(try_count: u32) -> Duration {
    Duration::from_secs(5_u64.saturating_mul(2_u64.saturating_pow(try_count.min(13))).min(21_600))
}
