//! The documents of foreign permissions, and the notifications that wait for one of them.
//!
//! A notification about a permission that no order is known to have is parked: its own timer only deletes it
//! when no copy can arrive any more. The permission's document has the timer. It is created in the change set
//! that parks the first notification; it is deleted in the one that releases the last, because an order has
//! the permission, or because nobody looks for its order any more. Each notification that is parked writes the
//! document, so that a release which has not seen it is decided again. A crash in between repeats the work of
//! the timer, which changes nothing.

use std::time::Duration;

use countersign_domain::ids::ChargePermissionId;
use countersign_domain::time::{DAY, HOUR, Timestamp};
use countersign_store::contract::{Content, Expect, IndexRange, Key, Version, Write};

use super::commit::PendingCommit;
use super::inbox::{KeptNotification, PARKED, is_dispute, read_notification, write_notification};
use super::{Book, StoreFailed};
use crate::stored::foreign_permission::{self, ForeignPermission};
use crate::stored::notification::Progress;

/// After how long Amazon is asked again for a permission whose order was not found: less and less often, and
/// the last time when no copy of a notification can arrive any more.
const ASKED_AFTER: [Duration; 7] = [
    Duration::from_secs(5 * 60),
    HOUR,
    Duration::from_secs(6 * 3_600),
    DAY,
    DAY.saturating_mul(3),
    DAY.saturating_mul(7),
    DAY.saturating_mul(15),
];
/// How long the task that parks the first notification may take to ask Amazon itself.
const LEASE: Duration = Duration::from_secs(30);
/// How many notifications are released in one change set.
const RELEASED_AT_ONCE: usize = 50;

/// A foreign permission as it was loaded.
pub(crate) struct KeptForeignPermission {
    pub(crate) foreign: ForeignPermission,
    version: Version,
}

/// What happens to the notifications that were parked for a permission.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Release<'a> {
    /// This checkout has heard of these; others stay parked.
    TakenIn(&'a str, &'a [Key]),
    /// An order has the permission: each is applied there.
    Applied,
    /// No order was found in all the time in which copies may arrive.
    Dropped,
}

/// What Amazon has answered about a foreign permission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ForeignAnswer {
    /// Its reference, if it has one; nothing also if Amazon has no such permission.
    Shown(Option<String>),
    /// Nothing.
    Unanswered,
}

impl Book {
    /// Parks a notification until an order is known to have its permission. Returns whether it is the first
    /// for this permission: then its caller asks Amazon.
    pub(crate) async fn park(
        &self,
        kept: &KeptNotification,
        permission: &ChargePermissionId,
    ) -> Result<bool, StoreFailed> {
        let now = self.clock.now();
        let keys = [kept.key(), key(permission)];
        let parked = self.commit(|| async {
            let documents = self.store.load(&keys).await.map_err(StoreFailed::from)?;
            let [Some(document), foreign] = documents.as_slice() else {
                return Ok(PendingCommit::nothing(false));
            };
            if !kept.is_at(document.version) {
                return Ok::<_, StoreFailed>(PendingCommit::nothing(false));
            }
            let mut writes = vec![write_notification(kept, Progress::Parked, now)];
            let is_first = foreign.is_none();
            writes.push(match foreign {
                None => {
                    let ask_at = now.plus(LEASE);
                    let foreign = ForeignPermission {
                        heard_at: now,
                        failure_count: 0,
                        reference: None,
                        ask_at: Some(ask_at),
                    };
                    write(permission, Expect::Absent, &foreign, ask_at)
                }
                Some(found) => {
                    let foreign = foreign_permission::decode(found.format, &found.bytes)?;
                    let due_at = foreign.ask_at.unwrap_or(now);
                    write(permission, Expect::Version(found.version), &foreign, due_at)
                }
            });
            Ok(self.beside(writes, Vec::new(), is_first, now))
        });
        parked.await.map(|(_, is_first)| is_first)
    }

    /// Loads a foreign permission.
    pub(crate) async fn foreign_permission(
        &self,
        permission: &ChargePermissionId,
    ) -> Result<Option<KeptForeignPermission>, StoreFailed> {
        let Some(document) = self.document(&key(permission)).await? else { return Ok(None) };
        let foreign = foreign_permission::decode(document.format, &document.bytes)?;
        Ok(Some(KeptForeignPermission { foreign, version: document.version }))
    }

    /// Notes what Amazon has answered, and when it is asked again. Returns `false` if it is not asked again,
    /// because all the time has passed; then nothing is written.
    pub(crate) async fn ask_for_foreign_again(
        &self,
        permission: &ChargePermissionId,
        kept: &KeptForeignPermission,
        answer: ForeignAnswer,
    ) -> Result<bool, StoreFailed> {
        let now = self.clock.now();
        if asked_again(&kept.foreign, answer.clone(), now).is_none() {
            return Ok(false);
        }
        let noted = self.commit(|| async {
            // A further notification may have been parked meanwhile.
            let Some(found) = self.foreign_permission(permission).await? else {
                return Ok::<_, StoreFailed>(PendingCommit::nothing(()));
            };
            let Some((next, due_at)) = asked_again(&found.foreign, answer.clone(), now) else {
                return Ok(PendingCommit::nothing(()));
            };
            let write = write(permission, Expect::Version(found.version), &next, due_at);
            Ok(self.beside(vec![write], Vec::new(), (), now))
        });
        noted.await.map(|_| true)
    }

    /// Takes up a foreign permission now, if there is one: an order has just learned that it has it.
    pub(crate) async fn wake_foreign(&self, permission: &ChargePermissionId) -> Result<(), StoreFailed> {
        let now = self.clock.now();
        let woken = self.commit(|| async {
            let Some(kept) = self.foreign_permission(permission).await? else {
                return Ok::<_, StoreFailed>(PendingCommit::nothing(()));
            };
            let foreign = ForeignPermission { ask_at: None, ..kept.foreign };
            let write = write(permission, Expect::Version(kept.version), &foreign, now);
            Ok(self.beside(vec![write], Vec::new(), (), now))
        });
        woken.await.map(|_| ())
    }

    /// The notifications that are parked for a permission, as many as are released at once.
    pub(crate) async fn parked(
        &self,
        permission: &ChargePermissionId,
    ) -> Result<Vec<KeptNotification>, StoreFailed> {
        let prefix = permission.to_string();
        let range = IndexRange { index: PARKED, prefix, after: None, limit: RELEASED_AT_ONCE };
        let rows = self.store.range(range).await?.into_iter();
        // Of the values with this prefix, the shortest come first.
        let keys: Vec<Key> = rows.filter(|row| row.value == permission.as_str()).map(|row| row.key).collect();
        let documents = self.store.load(&keys).await?;
        keys.iter()
            .zip(&documents)
            .filter_map(|(key, found)| read_notification(key, found.as_ref()))
            .collect()
    }

    /// Releases the notifications that are parked for a permission, and deletes its document with the last of
    /// them. Returns how many it has released; if there may be more, it must be called again.
    ///
    /// What is parked is read in the decision, and the document is written by the caller that parks another: so none is
    /// left behind without a timer.
    pub(crate) async fn release_parked(
        &self,
        permission: &ChargePermissionId,
        release: Release<'_>,
    ) -> Result<usize, StoreFailed> {
        let now = self.clock.now();
        let released = self.commit(|| async {
            let all = self.parked(permission).await?;
            let count = all.len();
            let is_released = |kept: &KeptNotification| match release {
                Release::TakenIn(_, heard) => heard.contains(&kept.key()),
                Release::Applied | Release::Dropped => true,
            };
            let parked: Vec<_> = all.into_iter().filter(is_released).collect();
            // A dispute waits until its payment is known.
            let waits = |kept: &KeptNotification| kept.notification.message.as_ref().is_some_and(is_dispute);
            let progress = |kept: &KeptNotification| match release {
                Release::TakenIn(..) if waits(kept) => Progress::Waiting { try_count: 1 },
                Release::TakenIn(..) | Release::Dropped => Progress::Over,
                Release::Applied => Progress::Waiting { try_count: 1 },
            };
            let mut writes: Vec<_> =
                parked.iter().map(|kept| write_notification(kept, progress(kept), now)).collect();
            let mut append = Vec::new();
            if let Release::TakenIn(checkout_id, _) = release {
                let taken_in = parked.iter().filter(|kept| !waits(kept));
                for message in taken_in.filter_map(|kept| kept.notification.message.as_ref()) {
                    append.extend(self.told_of(checkout_id, message, now).await?);
                }
            }
            let kept = self.foreign_permission(permission).await?;
            if parked.len() == count
                && count < RELEASED_AT_ONCE
                && let Some(kept) = kept
            {
                let expect = Expect::Version(kept.version);
                writes.push(Write { key: key(permission), expect, content: None });
            }
            Ok::<_, StoreFailed>(self.beside(writes, append, parked.len(), now))
        });
        released.await.map(|(_, count)| count)
    }

    /// Releases all notifications that are parked for a permission.
    pub(crate) async fn release_all_parked(
        &self,
        permission: &ChargePermissionId,
        release: Release<'_>,
    ) -> Result<usize, StoreFailed> {
        let mut count = 0_usize;
        loop {
            let released = self.release_parked(permission, release).await?;
            count = count.saturating_add(released);
            if released < RELEASED_AT_ONCE {
                return Ok(count);
            }
        }
    }
}

/// The permission after an answer of Amazon's, and when it is taken up next; `None` when it is not. An answer
/// counts towards the few that are asked for; if there is none, Amazon is asked again after a pause that
/// doubles.
fn asked_again(
    before: &ForeignPermission,
    answer: ForeignAnswer,
    now: Timestamp,
) -> Option<(ForeignPermission, Timestamp)> {
    let elapsed = now.since(before.heard_at);
    let [.., last] = ASKED_AFTER;
    if elapsed >= last {
        return None;
    }
    let next_look = ASKED_AFTER.into_iter().find(|after| *after > elapsed)?;
    let next_look = before.heard_at.plus(next_look);
    let last = before.heard_at.plus(last);
    Some(match answer {
        ForeignAnswer::Shown(reference) => {
            let reference = reference.or_else(|| before.reference.clone());
            let ask_at = Some(next_look);
            (ForeignPermission { reference, failure_count: 0, ask_at, ..before.clone() }, next_look)
        }
        ForeignAnswer::Unanswered => {
            let failure_count = before.failure_count.saturating_add(1);
            let at = now.plus(pause_after(failure_count)).min(last);
            (ForeignPermission { failure_count, ask_at: Some(at), ..before.clone() }, at)
        }
    })
}

/// The pause after this many requests in a row without an answer: 5 s, doubling.
fn pause_after(failure_count: u32) -> Duration {
    let doublings = failure_count.saturating_sub(1).min(18);
    Duration::from_secs(5_u64.saturating_mul(2_u64.saturating_pow(doublings)))
}

fn key(permission: &ChargePermissionId) -> Key {
    Key { collection: foreign_permission::COLLECTION, id: permission.to_string() }
}

fn write(
    permission: &ChargePermissionId,
    expect: Expect,
    foreign: &ForeignPermission,
    due_at: Timestamp,
) -> Write {
    let (format, bytes) = foreign_permission::encode(foreign);
    let content = Content { format, bytes, due_at: Some(due_at), index: Vec::new() };
    Write { key: key(permission), expect, content: Some(content) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard_at() -> Timestamp {
        Timestamp::parse("20261123T120000Z").unwrap()
    }

    fn new() -> ForeignPermission {
        ForeignPermission { heard_at: heard_at(), failure_count: 0, reference: None, ask_at: None }
    }

    // Promise: B17
    #[test]
    fn a_foreign_permission_is_asked_for_eight_times_in_fifteen_days() {
        let (mut foreign, mut now, mut asked) = (new(), heard_at(), 0);
        let mut pauses = Vec::new();
        loop {
            asked += 1;
            let Some((next, due_at)) = asked_again(&foreign, ForeignAnswer::Shown(None), now) else { break };
            pauses.push(due_at.since(now).as_secs());
            (foreign, now) = (next, due_at);
        }
        assert_eq!(asked, 8);
        assert_eq!(pauses, [300, 3_300, 18_000, 64_800, 172_800, 345_600, 691_200]);
        assert_eq!(now, heard_at().plus(15 * DAY));
    }

    #[test]
    fn an_amazon_that_does_not_answer_is_asked_ever_less_often() {
        let (mut foreign, mut now, mut asked) = (new(), heard_at(), 0);
        while let Some((next, due_at)) = asked_again(&foreign, ForeignAnswer::Unanswered, now) {
            asked += 1;
            assert!(due_at > now);
            (foreign, now) = (next, due_at);
        }
        assert_eq!((asked, now), (18, heard_at().plus(15 * DAY)));
        let answered = asked_again(&foreign, ForeignAnswer::Shown(None), heard_at().plus(HOUR)).unwrap();
        let at = heard_at().plus(6 * HOUR);
        assert_eq!(answered, (ForeignPermission { ask_at: Some(at), ..new() }, at));
    }
}
