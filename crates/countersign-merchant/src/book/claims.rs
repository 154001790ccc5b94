//! Ids are unique: each id of Amazon's that an order holds is claimed, in the change set that gives it to the order.
//! A claim is a document by account, environment and id. It must be absent, this order's own, or left over from an
//! order that no longer holds the id.
//!
//! If another order holds the id, the decision is made again with that in sight, and takes nothing of the answer; the
//! holder is contested in the same change set. A decision on a checkout that is in hand does not read the claims: it
//! writes them as absent, and conflicts if one is not; the decision that is made again reads them.
//!
//! After a crash before that change set the answer is lost, and is asked for again; after it both orders have timers
//! that find out whose the id is. Two orders that are given one id at the same time both require the claim: one of
//! them conflicts, and is decided again.

use bytes::Bytes;
use countersign_domain::ids::CheckoutId;
use countersign_domain::merchant::after::contest::{Act, contest};
use countersign_domain::merchant::checkout::Checkout;
use countersign_domain::merchant::payment::contest::{ClaimedId, Holder};
use countersign_domain::time::Timestamp;
use countersign_store::contract::{Document, Expect, Key, Write};
use futures_util::future::BoxFuture;
use futures_util::stream::{self, TryStreamExt as _};

use super::commit::{BY_STATE, LoadedRegistration, PendingCommit, Revision, checkout_key};
use super::lookup::PAGE;
use super::timers::unless_unreadable;
use super::{Book, StoreFailed, Walk, plain_write, youngest};
use crate::stored::claim::{self, IdClaim};

/// The largest number of checkouts whose ids are claimed at the same time.
const AT_ONCE: usize = 32;
/// The largest number of stored ids that one change set claims: each may be contested, with two messages for each of
/// two orders.
const CLAIMS: usize = 50;
/// What the marker says once the ids of all stored orders are claimed.
const DONE: &[u8] = b"1";
const FORMAT: u16 = 1;

/// The ids of a decision that other orders hold.
pub(super) struct Collision {
    taken: Vec<ClaimedId>,
    /// Those orders, each with its ids; without one whose document is missing.
    holders: Vec<(LoadedRegistration, Vec<ClaimedId>)>,
}

/// What the claims of some ids allow.
struct Claims {
    writes: Vec<Write>,
    requires: Vec<(Key, Expect)>,
    collision: Option<Collision>,
}

impl Book {
    /// The place of a claim: by the account and environment that the act was made under.
    fn claim_key(&self, checkout: &Checkout, id: &ClaimedId, act: Act) -> Key {
        let account = checkout.account_of(act);
        let merchant = account.map_or(&self.settings.merchant_id, |account| &account.merchant_id);
        let environment = account.map_or(self.settings.environment, |account| account.environment);
        let prefix = youngest::prefix(merchant, environment);
        Key { collection: claim::COLLECTION, id: format!("{prefix}{} {}", id.kind(), id.as_str()) }
    }

    /// The write of a claim that is this order's from now on.
    pub(super) fn claim_write(
        &self,
        checkout: &Checkout,
        id: &ClaimedId,
        act: Act,
        found: Option<&Document>,
    ) -> Write {
        let claim = IdClaim { checkout_id: checkout.id.clone(), act };
        plain_write(self.claim_key(checkout, id, act), found, claim::encode(&claim))
    }

    /// Claims the ids that a decision gives to its order, unless another order holds one of them: usually none does,
    /// and the write requires that, so they are read only if another caller has written since. A decision that gives
    /// its order no id reads and writes nothing here.
    ///
    /// Boxed, because the future is large and rarely needed.
    pub(super) fn claim_unless_taken<'a>(
        &'a self,
        revision: &'a mut Revision,
    ) -> Option<BoxFuture<'a, Result<Option<Collision>, StoreFailed>>> {
        let new = revision.new_ids();
        if new.is_empty() {
            return None;
        }
        revision.has_claimed = true;
        Some(Box::pin(async move {
            let claims = self.id_claims_of(revision.draft.checkout(), &new).await?;
            let Claims { writes, requires, collision } = claims;
            if collision.is_none() {
                revision.writes.extend(writes);
                revision.requires.extend(requires);
            }
            Ok(collision)
        }))
    }

    async fn id_claims_of(
        &self,
        checkout: &Checkout,
        ids: &[(ClaimedId, Act)],
    ) -> Result<Claims, StoreFailed> {
        let keys: Vec<Key> = ids.iter().map(|(id, act)| self.claim_key(checkout, id, *act)).collect();
        let found = self.store.load(&keys).await?;
        let mut claims = Claims { writes: Vec::new(), requires: Vec::new(), collision: None };
        let mut taken: Vec<ClaimedId> = Vec::new();
        let mut holders: Vec<(LoadedRegistration, Vec<ClaimedId>)> = Vec::new();
        for (((id, act), key), found) in ids.iter().zip(keys).zip(&found) {
            let Some(document) = found else {
                claims.writes.push(self.claim_write(checkout, id, *act, None));
                continue;
            };
            let claim = claim::decode(document.format, &document.bytes)?;
            if claim.checkout_id == checkout.id {
                claims.requires.push((key, Expect::Version(document.version)));
                continue;
            }
            let is_it = |holder: &LoadedRegistration| holder.registration.checkout.id == claim.checkout_id;
            if !holders.iter().any(|(holder, _)| is_it(holder)) {
                let holder = self.checkout(claim.checkout_id.as_str()).await?;
                holders.extend(holder.map(|holder| (holder, Vec::new())));
            }
            let holder = holders.iter_mut().find(|(holder, _)| is_it(holder));
            match holder {
                Some((holder, _)) if !holder.registration.checkout.may_hold(id, claim.act) => {
                    // It has given the id up, since Amazon has shown that it never was that order's.
                    claims.writes.push(self.claim_write(checkout, id, *act, Some(document)));
                }
                holder => {
                    holder.into_iter().for_each(|(_, held)| held.push(id.clone()));
                    taken.push(id.clone());
                }
            }
        }
        // An order that has given an id up must not have it again when the claim changes hands.
        let given_up = holders.iter().filter(|(_, held)| held.is_empty());
        claims.requires.extend(given_up.map(|(holder, _)| {
            (checkout_key(holder.registration.checkout.id.as_str()), Expect::Version(holder.version))
        }));
        holders.retain(|(_, held)| !held.is_empty());
        if !taken.is_empty() {
            claims.collision = Some(Collision { taken, holders });
        }
        Ok(claims)
    }

    /// The other order that holds one of these ids, with the id, if there is one. A decision of a person's about
    /// `checkout` is judged by that.
    pub(crate) async fn other_holder(
        &self,
        checkout: Checkout,
        ids: Vec<ClaimedId>,
    ) -> Result<Option<(CheckoutId, ClaimedId)>, StoreFailed> {
        let keys: Vec<Key> =
            ids.iter().map(|id| self.claim_key(&checkout, id, checkout.act_of(id))).collect();
        for (id, document) in ids.iter().zip(self.store.load(&keys).await?) {
            let Some(document) = document else { continue };
            let IdClaim { checkout_id, act } = claim::decode(document.format, &document.bytes)?;
            if checkout_id == checkout.id {
                continue;
            }
            let holder = self.checkout(checkout_id.as_str()).await?;
            if holder.is_none_or(|holder| holder.registration.checkout.may_hold(id, act)) {
                return Ok(Some((checkout_id, id.clone())));
            }
        }
        Ok(None)
    }

    /// Makes a decision again whose ids other orders hold: it takes nothing of them, and those orders are contested.
    pub(super) async fn decide_contested<T, E: From<StoreFailed>>(
        &self,
        checkout_id: &str,
        collision: Collision,
        now: Timestamp,
        decide: &(impl Fn(&mut Revision) -> Result<Option<T>, E> + Send + Sync),
    ) -> Result<PendingCommit<Option<T>>, E> {
        let Some(before) = self.checkout(checkout_id).await? else { return Ok(PendingCommit::nothing(None)) };
        let mut revision = self.open(before, now);
        revision.draft.see_taken(collision.taken.clone());
        let Some(outcome) = decide(&mut revision)? else { return Ok(PendingCommit::nothing(None)) };
        if let Some(claiming) = self.claim_unless_taken(&mut revision)
            && claiming.await?.is_some()
        {
            tracing::error!(
                checkout_id,
                "a decision would give an order what another order holds: it was not made"
            );
            let why = "another order holds an id of this decision".to_owned();
            return Err(StoreFailed::Unavailable(why).into());
        }
        self.begin_trial_with(&mut revision).await?;
        if revision.has_lost_its_payment() {
            self.forget_snapshot_with(&mut revision).await?;
        }
        Ok(self.contesting(self.keep(revision, Some(outcome)), collision, now))
    }

    /// Adds to a commit that the orders that hold ids are contested.
    fn contesting<T>(
        &self,
        mut decided: PendingCommit<T>,
        collision: Collision,
        now: Timestamp,
    ) -> PendingCommit<T> {
        for (holder, ids) in collision.holders {
            let mut holder = self.open(holder, now);
            contest(&mut holder.draft, &ids, Holder::ThisOrder);
            decided = decided.with(self.keep(holder, ()));
        }
        decided
    }

    /// Claims the ids of all stored orders, at the first start of a version that has claims. Returns how many orders
    /// there were. After a crash in between, the next start begins again, and finds what is claimed already.
    pub(crate) async fn claim_stored_ids(&self) -> Result<usize, StoreFailed> {
        let key = Key { collection: "id_claims", id: "checkout".to_owned() };
        if self.document(&key).await?.is_some_and(|found| found.bytes == DONE) {
            return Ok(0);
        }
        let mut claimed: usize = 0;
        let mut walk = Walk::over(BY_STATE, "");
        while !walk.is_over {
            let ids: Vec<String> =
                self.page(&mut walk, PAGE).await?.into_iter().map(|row| row.key.id).collect();
            claimed = claimed.saturating_add(ids.len());
            let claims = stream::iter(ids.into_iter().map(Ok));
            claims.try_for_each_concurrent(AT_ONCE, |id| self.claim_ids_of(id)).await?;
        }
        self.commit(|| async {
            let found = self.document(&key).await?;
            let write = plain_write(key.clone(), found.as_ref(), (FORMAT, Bytes::from_static(DONE)));
            Ok::<_, StoreFailed>(self.beside(vec![write], Vec::new(), (), self.clock.now()))
        })
        .await?;
        Ok(claimed)
    }

    /// Claims the ids of a stored order. An id that another order holds is contested for both.
    async fn claim_ids_of(&self, checkout_id: String) -> Result<(), StoreFailed> {
        let claimed = self.claim_all(&checkout_id).await;
        unless_unreadable(&checkout_id, claimed.map(|()| 1)).map(|_| ())
    }

    async fn claim_all(&self, checkout_id: &str) -> Result<(), StoreFailed> {
        let Some(before) = self.checkout(checkout_id).await? else { return Ok(()) };
        let ids = before.registration.checkout.claimed_ids();
        for part in ids.chunks(CLAIMS) {
            self.claim_part(checkout_id, part).await?;
        }
        Ok(())
    }

    async fn claim_part(&self, checkout_id: &str, part: &[ClaimedId]) -> Result<(), StoreFailed> {
        let now = self.clock.now();
        let claimed = self.commit(|| async {
            let Some(before) = self.checkout(checkout_id).await? else {
                return Ok(PendingCommit::nothing(()));
            };
            let checkout = &before.registration.checkout;
            let held = part.iter().filter(|id| checkout.holds(id));
            let ids: Vec<(ClaimedId, Act)> = held.map(|id| (id.clone(), checkout.act_of(id))).collect();
            let Claims { writes, requires, collision } = self.id_claims_of(checkout, &ids).await?;
            if writes.is_empty() && collision.is_none() {
                return Ok(PendingCommit::nothing(()));
            }
            let mut revision = self.open(before, now);
            revision.has_claimed = true;
            revision.writes.extend(writes);
            revision.requires.extend(requires);
            let Some(collision) = collision else { return Ok::<_, StoreFailed>(self.keep(revision, ())) };
            contest(&mut revision.draft, &collision.taken, Holder::AnotherOrder);
            Ok(self.contesting(self.keep(revision, ()), collision, now))
        });
        claimed.await.map(|_| ())
    }
}
